# METADATA
# title: No component is under a licence that the policy refuses
# custom:
#   id: no-copyleft@1
#   severity: medium
#   controls: []
#   message: "{name} {version} is under {licence}"
#   why: It looks up each licence of each component in a parameter, as most rules over components do.
#   fix: Replace {name}.
#   owner: us
#   parameters:
#     refused: list
package rules.no_copyleft

deny contains {"name": component.name, "version": component.version, "licence": licence} if {
	some component in input.sbom.components
	some licence in component.licenses
	licence in data.params.refused
}

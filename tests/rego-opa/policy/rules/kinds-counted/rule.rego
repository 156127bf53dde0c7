# METADATA
# title: Components are of kinds that the policy knows
# custom:
#   id: kinds-counted@1
#   severity: low
#   controls: []
#   message: "{count} components are of kind {kind}"
#   why: It gathers over all components, and looks through them again for each kind.
#   fix: Take them from elsewhere.
#   owner: us
#   parameters:
#     kinds: list
package rules.kinds_counted

kinds := {component.type | some component in input.sbom.components}

deny contains {"kind": kind, "count": count(names)} if {
	some kind in kinds
	not kind in data.params.kinds
	names := {component.name | some component in input.sbom.components; component.type == kind}
}

# METADATA
# title: Every component that is not a part of what was built has a digest
# custom:
#   id: digests-known@1
#   severity: medium
#   controls: []
#   message: "{name} has no digest"
#   why: It calls a function and a regular expression for each component.
#   fix: Build {name} from a lock file.
#   owner: us
package rules.digests_known

digest(component) if {
	component.sha256 != null
	regex.match("^[0-9a-f]{64}$", component.sha256)
}

deny contains {"name": component.name} if {
	some component in input.sbom.components
	component.workspace_member != true
	not digest(component)
}

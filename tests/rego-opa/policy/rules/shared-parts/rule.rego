# METADATA
# title: Dependencies come from known hosts
# custom:
#   id: shared-parts@1
#   severity: low
#   controls: []
#   message: "{count} dependencies come from {host}"
#   why: It shows that libraries, data and parameters mean the same in OPA.
#   fix: Take them from elsewhere.
#   owner: us
#   parameters:
#     least: number
package rules.shared_parts

import data.lib.hosts

deny contains {"host": host, "count": count(uris), "uris": uris} if {
	some d in input.provenance.dependencies
	not hosts.known(d.uri, data.hosts)
	host := hosts.host(d.uri)
	uris := {other.uri | some other in input.provenance.dependencies; hosts.host(other.uri) == host}
	count(uris) >= data.params.least
}

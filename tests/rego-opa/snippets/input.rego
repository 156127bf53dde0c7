# The input.

# == what is given
# input: {"subject": {"name": "app", "digest": "sha256:00"}, "environment": "production"}
# ours: [["app","production"]]
deny contains [input.subject.name, input.environment]

# == components by name
# input: {"sbom": {"components": [{"name": "left-pad", "version": "1.3.0"}, {"name": "other"}]}}
# ours: [{"name":"left-pad","version":"1.3.0"}]
deny contains {"name": c.name, "version": c.version} if {
	some c in input.sbom.components
	c.name == "left-pad"
}

# == what is not known is null
# input: {"sbom": {"components": [{"name": "a"}]}}
# ours: ["a"]
deny contains c.name if {
	some c in input.sbom.components
	c.version == null
}

# == a list that is empty
# input: {"sbom": {"components": [{"name": "a", "licenses": []}, {"name": "b", "licenses": ["MIT"]}]}}
# ours: ["a"]
deny contains c.name if {
	some c in input.sbom.components
	count(c.licenses) == 0
}

# == licences outside a list
# input: {"sbom": {"components": [{"name": "a", "licenses": ["MIT", "GPL-3.0-only"]}, {"name": "b", "licenses": ["MIT"]}]}}
# data: {"allowed": ["MIT", "Apache-2.0"]}
# ours: [{"license":"GPL-3.0-only","name":"a"}]
deny contains {"name": c.name, "license": license} if {
	some c in input.sbom.components
	some license in c.licenses
	not license in data.allowed
}

# == hosts compared as parsed
# input: {"provenance": {"dependencies": [{"uri": "https://example.com/a"}, {"uri": "https://example.com.evil.test/a"}]}}
# ours: ["https://example.com.evil.test/a"]
host(uri) := split(split(uri, "://")[1], "/")[0]

deny contains d.uri if {
	some d in input.provenance.dependencies
	host(d.uri) != "example.com"
}

# == two elements with the same name
# input: {"sbom": {"components": [{"name": "a", "version": "1"}, {"name": "a", "version": "2"}, {"name": "b", "version": "1"}]}}
# ours: [{"name":"a","versions":["1","2"]}]
deny contains {"name": name, "versions": versions} if {
	some c in input.sbom.components
	name := c.name
	versions := {other.version | some other in input.sbom.components; other.name == name}
	count(versions) > 1
}

# == a misspelt path
# ours: refused "there is no `subjet` here"
# opa: []
# differs: 1
deny contains "x" if input.subjet.name == "x"

# == a misspelt path under not
# ours: refused "there is no `complete` here"
# opa: ["x"]
# differs: 1
deny contains "x" if not input.sbom.complete

# == a misspelt field of an element
# input: {"sbom": {"components": [{"name": "a"}]}}
# ours: refused "there is no `nmae` here"
# opa: []
# differs: 1
deny contains c.nmae if some c in input.sbom.components

# == all of the input
# ours: refused "`input` is read as a whole, so what it reads cannot be checked"
# opa: [{"environment":null,"subject":{"at":{"column":null,"document":null,"file":null,"line":null,"pointer":null},"digest":null,"name":null},"time":null}]
# differs: 1
deny contains input

# == a place is handed on
# input: {"subject": {"name": "app"}}
# ours: [{"at":{"column":null,"document":null,"file":null,"line":null,"pointer":null},"name":"app"}]
deny contains {"at": input.subject.at, "name": input.subject.name}

# Functions that rules may not call.

# == base64
# ours: refused "rules may not call base64.encode"
# opa: ["YQ=="]
# differs: 26
deny contains base64.encode("a")

# == crypto
# ours: refused "rules may not call crypto.sha256"
# opa: ["ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"]
# differs: 26
deny contains crypto.sha256("a")

# == glob
# ours: refused "rules may not call glob.match"
# opa: [true]
# differs: 26
deny contains glob.match("*.com", ["."], "a.com")

# == graph
# ours: refused "rules may not call graph.reachable"
# opa: [["a","b"]]
# differs: 26
deny contains graph.reachable({"a": ["b"], "b": []}, {"a"})

# == hex
# ours: refused "rules may not call hex.encode"
# opa: ["61"]
# differs: 26
deny contains hex.encode("a")

# == io.jwt
# ours: refused "rules may not call io.jwt.decode"
deny contains io.jwt.decode("a.b.c")

# == json.marshal
# ours: refused "rules may not call json.marshal"
# opa: ["{\"a\":1}"]
# differs: 26
deny contains json.marshal({"a": 1})

# == json.unmarshal
# ours: refused "rules may not call json.unmarshal"
# opa: [{"a":1}]
# differs: 26
deny contains json.unmarshal(`{"a": 1}`)

# == json.is_valid
# ours: refused "rules may not call json.is_valid"
# opa: [true]
# differs: 26
deny contains json.is_valid("{}")

# == json.patch
# ours: refused "rules may not call json.patch"
# opa: [{}]
# differs: 26
deny contains json.patch({"a": 1}, [{"op": "remove", "path": "/a"}])

# == json.match_schema
# ours: refused "rules may not call json.match_schema"
# opa: [[true,[]]]
# differs: 26
deny contains json.match_schema({}, {"type": "object"})

# == net
# ours: refused "rules may not call net.cidr_contains"
# opa: [true]
# differs: 26
deny contains net.cidr_contains("10.0.0.0/8", "10.1.2.3")

# == numbers.range_step
# ours: refused "rules may not call numbers.range_step"
# opa: [[1,5,9]]
# differs: 26
deny contains numbers.range_step(1, 9, 4)

# == opa.runtime
# ours: refused "rules may not call opa.runtime"
# opa: any
# differs: 26
deny contains count(opa.runtime()) >= 0

# == print
# ours: refused "rules may not call print"
# opa: [1]
# differs: 26
deny contains 1 if print("a")

# == rand
# ours: refused "rules may not call rand.intn"
# opa: any
# differs: 26
deny contains rand.intn("a", 1)

# == regex.globs_match
# ours: refused "rules may not call regex.globs_match"
# opa: [true]
# differs: 26
deny contains regex.globs_match("a.*", "a.b.*")

# == regex.template_match
# ours: refused "rules may not call regex.template_match"
# opa: [true]
# differs: 26
deny contains regex.template_match("urn:{.*}", "urn:a", "{", "}")

# == rego.metadata
# ours: refused "rules may not call rego.metadata.chain"
# opa: [2]
# differs: 26
deny contains count(rego.metadata.chain())

# == rego.parse_module
# ours: refused "rules may not call rego.parse_module"
# opa: [true]
# differs: 26
deny contains count(rego.parse_module("a.rego", "package a")) > 0

# == strings.render_template
# ours: refused "rules may not call strings.render_template"
# opa: ["1"]
# differs: 26
deny contains strings.render_template("{{.a}}", {"a": 1})

# == strings.replace_n
# ours: refused "rules may not call strings.replace_n"
# opa: ["bc"]
# differs: 26
deny contains strings.replace_n({"a": "b", "b": "c"}, "ab")

# == trace
# ours: refused "rules may not call trace"
# opa: [1]
# differs: 26
deny contains 1 if trace("a")

# == urlquery
# ours: refused "rules may not call urlquery.encode"
# opa: ["a+b"]
# differs: 26
deny contains urlquery.encode("a b")

# == uuid
# ours: refused "rules may not call uuid.rfc4122"
# opa: [36]
# differs: 26
deny contains count(uuid.rfc4122("a"))

# == walk
# ours: refused "rules may not call walk"
# opa: [["a"]]
# differs: 26
deny contains path if walk({"a": 1}, [path, 1])

# == yaml
# ours: refused "rules may not call yaml.unmarshal"
# opa: [{"a":1}]
# differs: 26
deny contains yaml.unmarshal("a: 1")

# == http.send
# ours: refused "rules may not call http.send"
# opa: [0]
# differs: 26
deny contains http.send({"method": "get", "url": "http://127.0.0.1:1/", "raise_error": false}).status_code

# == functions of old
# ours: refused "there is no function cast_array"
deny contains cast_array({1})

# == re_match of old
# ours: refused "there is no function re_match"
deny contains re_match("a", "a")

# == any and all of old
# ours: refused "there is no function any"
deny contains any([true])

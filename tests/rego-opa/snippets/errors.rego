# What goes wrong.

# == a function that is given another type
# data: {"things": [{"version": "1"}, {"version": null}]}
# ours: error "`startswith` expects string argument. Got `null` instead"
deny contains "old" if {
	some thing in data.things
	startswith(thing.version, "1")
}

# == a function that is given null under not
# data: {"thing": {"version": null}}
# ours: error "`startswith` expects string argument. Got `null` instead"
deny contains "other" if not startswith(data.thing.version, "1")

# == an error in one element of many
# data: {"ages": ["1", "x", "3"]}
# ours: error "could not parse string as number"
deny contains n if {
	some age in data.ages
	n := to_number(age)
}

# == an error in a comprehension
# data: {"ages": ["1", "x"]}
# ours: error "could not parse string as number"
deny contains [to_number(age) | some age in data.ages]

# == an error in every
# data: {"ages": ["1", "x"]}
# ours: error "could not parse string as number"
deny contains "all" if every age in data.ages { to_number(age) > 0 }

# == an error in a function of one's own
# data: {"text": "x"}
# ours: error "could not parse string as number"
number(text) := to_number(text)

deny contains number(data.text)

# == an error that a default would hide
# data: {"text": "x"}
# ours: error "could not parse string as number"
default number := 0

number := to_number(data.text)

deny contains number

# == an error that else would hide
# data: {"text": "x"}
# ours: error "could not parse string as number"
number := to_number(data.text) if {
	data.text != ""
} else := 0

deny contains number

# == an error that nothing asks for
# data: {"text": "x"}
# ours: []
number := to_number(data.text)

deny contains 1 if 1 == 2

# == an error after what does not hold
# data: {"text": "x"}
# ours: []
deny contains 1 if {
	data.text == ""
	to_number(data.text) == 1
}

# == a sum with text
# data: {"n": "1"}
# ours: error "+: only numbers have a sum"
deny contains data.n + 1

# == a product with null
# data: {"n": null}
# ours: error "*: only numbers can be multiplied"
deny contains data.n * 2

# == a difference of a number and a set
# data: {"n": 1}
# ours: error "-: only two numbers or two sets have a difference"
deny contains data.n - {1}

# == an order with null
# data: {"n": null}
# ours: error "<: values of different types have no order"
# opa: ["low"]
# differs: 10
deny contains "low" if data.n < 5

# == a field of null
# data: {"thing": {"at": null}}
# ours: [null]
deny contains data.thing.at

# == a field of null that is looked into
# data: {"thing": {"name": "a"}}
# ours: ["a"]
deny contains object.get(data.thing, "name", "none")

# == types known to be wrong
# ours: error "`startswith` expects string argument. Got `1` instead"
deny contains startswith(1, "a")

# == a misspelt path of data
# data: {"thing": {"name": "a"}}
# ours: refused "there is no `nmae` here"
# opa: []
# differs: 1
deny contains data.thing.nmae

# == a misspelt name of data
# data: {"thing": 1}
# ours: refused "there is no data/thnig.json"
# opa: []
# differs: 1
deny contains data.thnig

# == all of data
# data: {"thing": 1}
# ours: refused "`data` is read as a whole, so what it reads cannot be checked"
deny contains data

# == another rule
# ours: refused "a rule does not read another rule"
# opa: []
# differs: 2
deny contains data.rules.other.deny

# == more than rules may use
# ours: error "Execution stopped: exceeded maximum instruction limit of 5000000 after"
# opa: [2000]
# differs: 25
deny contains count([1 | some i in numbers.range(1, 2000); some j in numbers.range(1, 2000); i == j])

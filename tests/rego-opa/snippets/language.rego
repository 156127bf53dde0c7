# The language.

# == a comprehension of a list
# ours: [[4,6]]
deny contains [y | some x in [1, 2, 3]; x > 1; y := x * 2]

# == a comprehension of a set
# ours: [[0,1]]
deny contains {y | some x in [1, 2, 3]; y := x % 2}

# == a comprehension of an object
# ours: [{"a":1,"b":2}]
deny contains {k: v | some k, v in {"a": 1, "b": 2}}

# == a comprehension of an object with a key twice
# ours: [{"k":2}]
# opa: error "eval_conflict_error"
# differs: 7
deny contains {"k": x | some x in [1, 2]}

# == a comprehension in a comprehension
# ours: [[[2],[3]]]
deny contains [[y | some y in x; y > 1] | some x in [[1, 2], [3]]]

# == some with a key
# ours: [[0,"a"],[1,"b"]]
deny contains [i, x] if some i, x in ["a", "b"]

# == some over an object
# ours: [["a",1]]
deny contains [k, v] if some k, v in {"a": 1}

# == some with a pattern
# ours: ["a"]
deny contains x if some [1, x] in [[1, "a"], [2, "b"]]

# == some over nothing
# ours: []
deny contains x if some x in []

# == some without in
# ours: [[0,"a"],[1,"b"]]
deny contains [i, x] if {
	some i
	x := ["a", "b"][i]
}

# == some over what is no collection
# ours: []
# opa: refused "rego_type_error"
# differs: 3
deny contains x if some x in "text"

# == every holds
# ours: ["all"]
deny contains "all" if every x in [2, 4] { x % 2 == 0 }

# == every fails
# ours: []
deny contains "all" if every x in [2, 3] { x % 2 == 0 }

# == every over nothing
# ours: ["all"]
deny contains "all" if every x in [] { x == 1 }

# == every with a key
# ours: ["all"]
deny contains "all" if every i, x in [0, 1] { i == x }

# == every over an object
# ours: ["all"]
deny contains "all" if every k, v in {"a": "a"} { k == v }

# == every over what is no collection
# ours: []
deny contains "all" if every x in 7 { x == 1 }

# == every over what is not there
# data: {"list": [], "past": 7}
# ours: []
deny contains "all" if every x in data.list[data.past] { x == 1 }

# == not
# ours: ["none"]
deny contains "none" if not 3 in [1, 2]

# == not of what is undefined
# data: {"list": [], "past": 7}
# ours: ["none"]
deny contains "none" if not data.list[data.past]

# == not of what is false
# ours: ["none"]
deny contains "none" if not {"a": false}.a

# == a body with false
# ours: []
deny contains "never" if false

# == a body with null
# ours: ["null"]
deny contains "null" if null

# == a body with an empty list
# ours: ["list"]
deny contains "list" if []

# == a value that is undefined
# data: {"list": [], "past": 7}
# ours: []
deny contains data.list[data.past]

# == a comparison with what is undefined
# data: {"list": [], "past": 7}
# ours: []
deny contains "yes" if data.list[data.past] != 2

# == a list with something undefined inside
# data: {"list": [], "past": 7}
# ours: []
deny contains [1, data.list[data.past]]

# == unification
# ours: [1,7]
deny contains x if [x, 2] = [1, 2]
deny contains y if {"a": y} = {"a": 7}

# == unification that fails
# ours: []
deny contains x if [x, 3] = [1, 2]

# == unification of lists with another length
# ours: refused "mismatch in number of array elements"
deny contains x if [x] = [1, 2]

# == assignment with a pattern
# ours: [[1,2]]
deny contains [a, b] if [a, b] := [1, 2]

# == assignment that cannot be undone
# ours: refused "var `x` used before definition below."
deny contains x if {
	x := 1
	x := 2
}

# == a name that is not bound
# ours: refused "Undefined variable: 'x'"
deny contains x if true

# == a name in a negation that is not bound
# ours: refused "use of undefined variable `x` is unsafe"
deny contains "a" if not x == 1

# == names shadow
# ours: [2]
x := 1

deny contains x if x := 2

# == a wildcard
# ours: ["any"]
deny contains "any" if ["a", "b"][_] == "b"

# == several definitions of a set
# ours: [1,2]
deny contains 1 if true

deny contains 2 if true

deny contains 1 if 1 == 1

# == a definition with a default
# ours: ["low"]
default level := "low"

level := "high" if 1 == 2

deny contains level

# == a default that is not needed
# ours: ["high"]
default level := "low"

level := "high" if 1 == 1

deny contains level

# == else
# ours: ["b"]
level := "a" if {
	1 == 2
} else := "b" if {
	1 == 1
} else := "c"

deny contains level

# == else without an end
# ours: ["none"]
level := "a" if {
	1 == 2
} else := "b" if {
	1 == 3
}

deny contains "none" if not level

# == a rule without a value
# ours: [true]
holds if 1 == 1

deny contains holds

# == a rule with two bodies
# ours: ["yes"]
holds if 1 == 2

holds if 2 == 2

deny contains "yes" if holds

# == a definition with two values
# ours: refused "`level` could have two values at once"
level := "a" if 1 == 1

level := "b" if 2 == 2

deny contains level

# == a definition with one value twice
# ours: refused "`level` could have two values at once"
# opa: ["a"]
# differs: 4
level := "a" if 1 == 1

level := "a" if 2 == 2

deny contains level

# == a definition that searches
# ours: refused "`first` could have two values at once"
# opa: [1]
# differs: 4
first := x if some x in [1]

deny contains first

# == a constant
# ours: ["a","b"]
names := {"a", "b"}

deny contains x if some x in names

# == a partial object
# ours: [{"a":1,"bb":2}]
of[name] := count(name) if some name in ["a", "bb"]

deny contains of

# == a partial object with a key twice
# ours: refused "`of` is defined part by part"
of.x := n if some n in [1, 2]

deny contains of

# == a partial set of its own
# ours: ["bbb"]
long contains x if {
	some x in ["a", "bbb"]
	count(x) > 1
}

deny contains x if some x in long

# == rules with a path
# ours: refused "`level` is defined part by part"
# opa: [{"a":1,"b":2}]
# differs: 5
level.a := 1

level.b := 2

deny contains level

# == a rule that asks itself
# ours: error "Execution stopped: exceeded maximum instruction limit of 5000000 after"
holds if not holds

deny contains "yes" if holds

# == rules that ask each other
# ours: error "Execution stopped: exceeded maximum instruction limit of 5000000 after"
a if b

b if a

deny contains "yes" if a

# == with in a rule
# ours: refused "`with` is for tests: a rule sees the input as it is"
# opa: [1]
# differs: 9
deny contains 1 if input.environment == "test" with input.environment as "test"

# == the old form
# ours: refused "`if` keyword is required before rule body"
deny["x"] { true }

# == the old form with if
# ours: refused "`deny` is a set: write `deny contains … if { … }`"
# opa: any
# differs: 5
deny["x"] if true

# == a comment and several lines
# ours: [{"a":1,"b":[2]}]
deny contains {
	"a": 1, # one
	"b": [
		2,
	],
}

# == statements on one line
# ours: [1]
deny contains x if { x := 1; x < 2 }

# == a chain of comparisons
# ours: ["yes"]
deny contains "yes" if { 1 < 2; 2 <= 2; 3 > 2; 3 >= 3; 1 != 2 }

# == precedence
# ours: [[7,9,5,2]]
deny contains [1 + 2 * 3, (1 + 2) * 3, 10 - 2 - 3, 2 * 3 % 4]

# == a minus sign
# ours: [[-1,2,4]]
deny contains [-1, 3 - 1, 3 - -1]

# == template text
# ours: refused "invalid character"
# opa: ["one is 1"]
# differs: 8
deny contains $"one is {1}"

# == a keyword as a field
# ours: [1]
deny contains {"if": 1, "in": 2}["if"]

# == an import of rego.v1
# ours: [1]
import rego.v1

deny contains 1

# == an import of a keyword
# ours: [true]
import future.keywords.in

deny contains 1 in [1]

# == an unused name
# ours: [1]
deny contains 1 if {
	unused := 7
	1 == 1
}

# == a head that is a sum
# ours: [[2,4,6]]
deny contains [(x * 2) | some x in [1, 2, 3]]

# == a partial object with a key twice and another value
# ours: [{"a":2}]
# opa: error "eval_conflict_error"
# differs: 7
of[name] := n if {
	some name in ["a"]
	some n in [1, 2]
}

deny contains of

# == a set with a path
# ours: refused "`level` is defined part by part"
# opa: [{"a":[1]}]
# differs: 5
level.a contains 1

deny contains level

# == the name of a field that an object does not have
# ours: refused "there is no `hihg` here"
levels := {"low": 1, "high": 2}

deny contains levels.hihg

# == a field that an object does not have, under not
# ours: refused "there is no `hihg` here"
levels := {"low": 1, "high": 2}

deny contains "none" if not levels.hihg

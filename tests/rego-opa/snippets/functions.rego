# Functions of one's own.

# == a function
# ours: [8]
double(x) := x * 2

deny contains double(4)

# == a function with several bodies
# ours: [["small","big"]]
kind(x) := "small" if x < 10

else := "big"

deny contains [kind(3), kind(30)]

# == a function that says yes or nothing
# ours: [2,4]
even(x) if x % 2 == 0

deny contains x if {
	some x in [1, 2, 3, 4]
	even(x)
}

# == a function by patterns
# ours: refused "`name` could have two values at once"
# opa: ["two"]
# differs: 4
name(1) := "one"

name(2) := "two"

deny contains name(2)

# == a function that gives two values
# ours: refused "`f` could have two values at once"
f(x) := 1 if x > 0

f(x) := 2 if x > 1

deny contains f(5)

# == a function with a default
# ours: refused "the function `f` has a default, which is not taken"
# opa: [["some","none"]]
# differs: 6
default f(_) := "none"

f(x) := "some" if x > 0

deny contains [f(1), f(-1)]

# == a function that is undefined for this
# ours: []
f(x) := 1 if x > 0

deny contains f(-1)

# == not of a function
# ours: ["no"]
ok(x) if x > 0

deny contains "no" if not ok(-1)

# == a function that takes a list apart
# ours: ["a"]
first([x, _]) := x

deny contains first(["a", "b"])

# == a function that takes an object apart
# ours: ["x"]
name_of({"name": name}) := name

deny contains name_of({"name": "x"})

# == a function that calls itself
# ours: error "Execution stopped: exceeded maximum instruction limit of 5000000 after"
f(x) := f(x - 1)

deny contains f(3)

# == a function in a comprehension
# ours: [[2,4]]
double(x) := x * 2

deny contains [double(x) | some x in [1, 2]]

# == too many arguments
# ours: refused "f is called with another number of arguments than it takes"
f(x) := x

deny contains f(1, 2)

# == too few arguments
# ours: refused "f is called with another number of arguments than it takes"
f(x, y) := x + y

deny contains f(1)

# == the result as a last argument
# ours: [2]
deny contains x if count([1, 2], x)

# == an argument that is undefined
# data: {"list": [], "past": 7}
# ours: []
f(x) := "called"

deny contains f(data.list[data.past])

# == an unknown function
# ours: refused "there is no function nothing"
deny contains nothing(1)

# == a function for a set
# ours: [[true]]
all_even(xs) if every x in xs { x % 2 == 0 }

deny contains [all_even({2, 4})]

# == text for null
# ours: ["null"]
f(x) := "null" if x == null

deny contains f(null)

# == a function that is given objects with other fields
# ours: [["x","none"]]
name_of(thing) := object.get(thing, "name", "none")

deny contains [name_of({"name": "x"}), name_of({"other": "y"})]

# == a function that reads a field of either object
# ours: ["x"]
named(thing) if thing.name == "x"

deny contains thing.name if {
	some thing in [{"other": "y"}, {"name": "x"}]
	named(thing)
}

# == an object that comes from else
# ours: [7]
limits := {"low": 1} if {
	1 == 2
} else := {"high": 7}

deny contains limits.high

# == an object that comes from a default
# ours: [7]
default limits := {"low": 1}

limits := {"high": 7} if 1 == 1

deny contains limits.high

# == a field read by a name that is not known before
# ours: [1]
limits := {"low": 1, "high": 2}

deny contains limits[name] if {
	some name in ["low", "none"]
}

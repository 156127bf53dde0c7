# Regular expressions.

# == regex.match
# ours: [[true,false,true]]
deny contains [regex.match(`^[a-z]+$`, "abc"), regex.match(`^[a-z]+$`, "abc1"), regex.match(`^(a|b)$`, "b")]

# == regex.match of several lines
# ours: refused "the expression is not anchored: it also matches inside of longer text"
# opa: [[false,true]]
# differs: 19
deny contains [regex.match(`^a$`, "a\n"), regex.match(`(?m)^a$`, "b\na")]

# == a point does not match the end of a line
# ours: [[false,true]]
deny contains [regex.match(`^a.b$`, "a\nb"), regex.match(`^(?s)a.b$`, "a\nb")]

# == regex.match that is not anchored
# ours: refused "the expression is not anchored: it also matches inside of longer text"
# opa: [true]
# differs: 19
deny contains regex.match(`b`, "abc")

# == alternatives that are not anchored
# ours: refused "`^a|b$` anchors each side of the `|` on one end only"
# opa: [true]
# differs: 19
deny contains regex.match(`^a|b$`, "xb")

# == digits of other scripts
# ours: refused "`\\d` goes by the letters and digits of all scripts here, and not in OP"
# opa: [false]
# differs: 18
deny contains regex.match(`^\d+$`, "٣")

# == letters of other scripts
# ours: refused "`\\w` goes by the letters and digits of all scripts here, and not in OP"
# opa: [false]
# differs: 18
deny contains regex.match(`^\w+$`, "é")

# == spaces of other scripts
# ours: refused "`\\s` goes by the letters and digits of all scripts here, and not in OP"
# opa: [false]
# differs: 18
deny contains regex.match(`^\s$`, "\u00a0")

# == letters in either case
# ours: [true]
deny contains regex.match(`^(?i)k$`, "\u212a")

# == letters in either case from the beginning
# ours: refused "`(?i)` folds letters of all scripts: `k` also matches the sign for kel"
# opa: [true]
# differs: 19
deny contains regex.match(`(?i)^k$`, "\u212a")

# == ASCII classes are the same
# ours: [[false,true]]
deny contains [regex.match(`^[[:alpha:]]+$`, "é"), regex.match(`^[[:digit:]]+$`, "12")]

# == classes of Unicode
# ours: [[true,true,true]]
deny contains [regex.match(`^\p{L}+$`, "éя"), regex.match(`^\p{Greek}$`, "α"), regex.match(`^\pN$`, "٣")]

# == a point matches a character
# ours: [true]
deny contains regex.match(`^.$`, "é")

# == regex.find_n
# ours: [[["1","22"],["1","22"],[]]]
deny contains [regex.find_n(`[0-9]+`, "a1b22c333", 2), regex.find_n(`[0-9]+`, "a1b22", -1), regex.find_n(`x`, "abc", 1)]

# == regex.find_all_string_submatch_n
# ours: [[["a1","a","1"],["b","b",""]]]
deny contains regex.find_all_string_submatch_n(`([a-z])([0-9]?)`, "a1b", -1)

# == regex.find_all_string_submatch_n of one match
# ours: [[["a=1","a","1"]]]
deny contains regex.find_all_string_submatch_n(`([a-z])=([0-9])`, "a=1 b=2", 1)

# == regex.replace
# ours: [["a#b#","abc"]]
deny contains [regex.replace("a1b2", `[0-9]`, "#"), regex.replace("abc", `x`, "y")]

# == regex.replace with groups
# ours: ["doe, john"]
deny contains regex.replace("john doe", `([a-z]+) ([a-z]+)`, "$2, $1")

# == regex.replace with a group before a letter
# ours: ["b"]
deny contains regex.replace("ab", `(a)`, "$1x")

# == regex.split
# ours: [[["a","b","c"],["abc"]]]
deny contains [regex.split(`[,;] *`, "a, b;c"), regex.split(`x`, "abc")]

# == regex.is_valid
# ours: [[true,false,false]]
# opa: refused "rego_type_error"
# differs: 3
deny contains [regex.is_valid(`a+`), regex.is_valid(`(`), regex.is_valid(7)]

# == an expression that is none
# ours: error "invalid regex"
deny contains regex.match(`^($`, "a")

# == an expression that looks back
# ours: error "invalid regex"
deny contains regex.match(`^(a)\1$`, "aa")

# == an expression that looks ahead
# ours: error "invalid regex"
deny contains regex.match(`^a(?=b)$`, "ab")

# == a lazy expression
# ours: [["aXb"]]
deny contains regex.find_n(`a.*?b`, "aXbYb", 1)

# == counts of repetition
# ours: [[true,false]]
deny contains [regex.match(`^a{2,3}$`, "aaa"), regex.match(`^a{2}$`, "a")]

# == an expression with a name for a group
# ours: ["v=k"]
deny contains regex.replace("k=v", `(?P<key>[a-z])=(?P<value>[a-z])`, "$value=$key")

# == an empty expression
# ours: [["","",""]]
deny contains regex.find_n(``, "ab", -1)

# == the longest of alternatives is not sought
# ours: [["a"]]
deny contains regex.find_n(`a|ab`, "ab", 1)

# == a class in brackets
# ours: refused "`&&`, `--`, `~~` and `[` in a class are operations on sets here, and l"
# opa: [[true,true]]
# differs: 20
deny contains [regex.match(`^[a&&b]$`, "a"), regex.match(`^[^a]$`, "b")]

# == an escaped letter
# ours: [true]
deny contains regex.match(`^\/$`, "/")

# == an escaped letter that means nothing
# ours: [false]
deny contains regex.is_valid(`\y`)

# == a quoted part
# ours: [false]
# opa: [true]
# differs: 20
deny contains regex.is_valid(`\Qa.b\E`)

# == an expression about ASCII
# ours: [false]
# opa: error "eval_builtin_error"
# differs: 18
deny contains regex.match(`(?-u)^\w+$`, "é")

# == an expression in either case
# ours: refused "`(?i)` folds letters of all scripts: `k` also matches the sign for kel"
# opa: [true]
# differs: 19
deny contains regex.match(`(?i)^[a-z]$`, "Q")

# == a class with a bracket
# ours: [false]
# opa: [true]
# differs: 20
deny contains regex.is_valid(`[[a]`)

# == a range of one letter
# ours: [true]
deny contains regex.match(`^[a-]$`, "-")

# Text.

# == concat joins the parts of a list and of a set
# ours: ["","a, b","xy"]
deny contains concat(", ", ["a", "b"])
deny contains concat("", {"y", "x"})
deny contains concat("-", [])

# == contains, startswith and endswith
# ours: [[true,true,true,true,false]]
deny contains [contains("abc", "bc"), contains("abc", ""), startswith("abc", "a"), endswith("abc", "bc"), startswith("", "x")]

# == format_int in other bases
# ours: [["ff","-111","10","12"]]
deny contains [format_int(255, 16), format_int(-7, 2), format_int(8, 8), format_int(12, 10)]

# == format_int of a number with a point
# ours: ["12"]
deny contains format_int(12.7, 10)

# == indexof counts characters
# ours: [[0,2,-1]]
deny contains [indexof("höh", "h"), indexof("añb", "b"), indexof("abc", "x")]

# == indexof of nothing
# ours: [0]
# opa: error "eval_builtin_error"
# differs: 16
deny contains indexof("abc", "")

# == indexof_n finds all places
# ours: [[[1,3,5],[]]]
deny contains [indexof_n("banana", "a"), indexof_n("banana", "x")]

# == lower and upper
# ours: [["àéx","ÀÉX"]]
deny contains [lower("ÀÉX"), upper("àéx")]

# == upper of the sharp s
# ours: ["STRASSE"]
# opa: ["STRAßE"]
# differs: 15
deny contains upper("straße")

# == lower of a capital I with a dot
# ours: [2]
# opa: [1]
# differs: 15
deny contains count(lower("İ"))

# == lower of a capital sigma at the end
# ours: ["οδος"]
# opa: ["οδοσ"]
# differs: 15
deny contains lower("ΟΔΟΣ")

# == replace
# ours: [["bbb","abc","bb"]]
deny contains [replace("aaa", "a", "b"), replace("abc", "x", "y"), replace("aaaa", "aa", "b")]

# == replace of nothing
# ours: ["-a-b-c-"]
deny contains replace("abc", "", "-")

# == split
# ours: [[["a","b","c"],[""],["abc"],["","a",""]]]
deny contains [split("a.b.c", "."), split("", "."), split("abc", "x"), split(".a.", ".")]

# == split at nothing
# ours: [["a","é"]]
deny contains split("aé", "")

# == sprintf of text and numbers
# ours: ["a has 3, true and null"]
deny contains sprintf("%s has %d, %v and %v", ["a", 3, true, null])

# == sprintf of a list, a set and an object
# ours: ["[1, \"a\"] {1, 2} {\"a\": 1, \"k\": \"v\"}"]
deny contains sprintf("%v %v %v", [[1, "a"], {2, 1}, {"k": "v", "a": 1}])

# == sprintf pads
# ours: ["[   42] [5s] [00042]"]
# opa: ["[   42] [ab   ] [00042]"]
# differs: 17
deny contains sprintf("[%5d] [%-5s] [%05d]", [42, "ab", 42])

# == sprintf with a precision
# ours: ["3.14"]
deny contains sprintf("%.2f", [3.14159])

# == sprintf of hexadecimal and binary
# ours: ["ff FF 101"]
deny contains sprintf("%x %X %b", [255, 255, 5])

# == sprintf of octal
# ours: ["0O10"]
# opa: ["10"]
# differs: 17
deny contains sprintf("%o", [8])

# == sprintf of quoted text
# ours: ["\"a\\\"b\""]
deny contains sprintf("%q", ["a\"b"])

# == sprintf of a type
# ours: error "Go-syntax format verbs %#v. %q, %p and %T are not supported."
# opa: ["string"]
# differs: 17
deny contains sprintf("%T", ["a"])

# == sprintf of a percent sign
# ours: ["100%"]
deny contains sprintf("100%%", [])

# == sprintf of text as a number
# ours: [""]
# opa: ["%!d(string=a)"]
# differs: 17
deny contains sprintf("%d", ["a"])

# == sprintf with too little
# ours: error "no argument specified for format verb 1"
# opa: ["a and %!s(MISSING)"]
# differs: 17
deny contains sprintf("%s and %s", ["a"])

# == sprintf with too much
# ours: error "extra arguments (2) specified for 1 format verbs."
# opa: ["a%!(EXTRA string=b)"]
# differs: 17
deny contains sprintf("%s", ["a", "b"])

# == sprintf of a big integer
# ours: ["12345678901234567890123"]
deny contains sprintf("%d", [12345678901234567890123])

# == sprintf of a number with a point as text
# ours: [["1.5","0.1","100000000000000000000"]]
deny contains [sprintf("%v", [1.5]), sprintf("%v", [0.1]), sprintf("%v", [100000000000000000000])]

# == sprintf in scientific form
# ours: [["1.2345678e4","1e-5"]]
# opa: [["1.234568e+04","1e-05"]]
# differs: 17
deny contains [sprintf("%e", [12345.678]), sprintf("%g", [0.00001])]

# == strings.any_prefix_match and strings.any_suffix_match
# ours: [false,true]
deny contains strings.any_prefix_match(["a/b", "c/d"], ["c/", "e/"])
deny contains strings.any_suffix_match("x.tar.gz", {".zip", ".gz"})
deny contains strings.any_prefix_match([], ["a"])

# == strings.count counts places
# ours: [[3,2]]
deny contains [strings.count("cheese", "e"), strings.count("abab", "ab")]

# == strings.count of places that overlap
# ours: [3]
# opa: [2]
# differs: 16
deny contains strings.count("aaaa", "aa")

# == strings.count of nothing
# ours: error "strings.count: nothing cannot be counted in a text"
# opa: [4]
# differs: 16
deny contains strings.count("abc", "")

# == strings.reverse turns characters round
# ours: [["cba","éa"]]
deny contains [strings.reverse("abc"), strings.reverse("aé")]

# == strings.reverse with a mark that combines
# ours: ["x́e"]
deny contains strings.reverse("e\u0301x")

# == substring counts characters
# ours: [["cde","cdef","ö","","bc"]]
deny contains [substring("abcdef", 2, 3), substring("abcdef", 2, -1), substring("äöü", 1, 1), substring("abc", 5, 1), substring("abc", 1, 99)]

# == substring from before the beginning
# ours: error "negative offset"
deny contains substring("abc", -1, 2)

# == trim and its kin
# ours: [["a","axx","xxa","xa","ax","a"]]
deny contains [trim("xxaxx", "x"), trim_left("xxaxx", "x"), trim_right("xxaxx", "x"), trim_prefix("xxa", "x"), trim_suffix("axx", "x"), trim_space("  a\t\n")]

# == trim_space of other spaces
# ours: ["a"]
deny contains trim_space("\u00a0a\u3000")

# == trim of several letters
# ours: ["c"]
deny contains trim("abcba", "ab")

# == count of text counts characters
# ours: [[3,0]]
deny contains [count("äöü"), count("")]

# == count of text with signs beyond the first plane
# ours: [2]
# opa: [1]
# differs: 16
deny contains count("👍")

# == substring and indexof of such text
# ours: [["a",1]]
deny contains [substring("👍a", 1, 1), indexof("👍a", "a")]

# == text is compared by its bytes
# ours: [[true,true,true,true]]
deny contains ["a" < "b", "Z" < "a", "é" > "z", "" < "a"]

# == composed and decomposed letters are different
# ours: [false]
deny contains "é" == "e\u0301"

# == escapes in text
# ours: ["a\tbé\\"]
deny contains "a\tb\u00e9\\"

# == raw text keeps its backslashes
# ours: ["a\\tb"]
deny contains `a\tb`

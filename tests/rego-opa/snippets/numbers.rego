# Numbers.

# == whole numbers
# ours: [[3,-2,42,1,-1]]
deny contains [1 + 2, 7 - 9, 6 * 7, 7 % 3, -7 % 3]

# == a quotient that is whole
# ours: [2]
deny contains 6 / 3

# == a quotient that is not
# ours: [[3.5,0.25]]
deny contains [7 / 2, 1 / 4]

# == a quotient without an end
# ours: [0.3333333333333333]
deny contains 1 / 3

# == a tenth and two tenths
# ours: [0.30000000000000004]
# opa: [0.3]
# differs: 11
deny contains 0.1 + 0.2

# == nothing is divided by nought
# ours: error "/: nothing is divided by 0"
deny contains 1 / 0

# == the rest of a division by nought
# ours: error "%: nothing is divided by 0"
deny contains 1 % 0

# == the rest of a number with a point
# ours: error "%: only whole numbers leave a rest"
deny contains 5.5 % 2

# == abs, ceil, floor, round
# ours: [[3,2.5,2,-2,3,-3,1]]
deny contains [abs(-3), abs(2.5), ceil(1.2), floor(-1.2), round(2.5), round(-2.5), round(1.4)]

# == integers beyond 64 bits are exact
# ours: [true]
deny contains 18446744073709551616 + 1 == 18446744073709551617

# == integers beyond 64 bits are told apart
# ours: [false]
deny contains 12345678901234567890123 == 12345678901234567890124

# == a sum of integers near 64 bits
# ours: [true]
deny contains 9223372036854775807 + 1 == 9223372036854775808

# == a product of more than 64 bits
# ours: [true]
deny contains 4294967296 * 4294967296 == 18446744073709551616

# == a product of a product of more than 64 bits
# ours: error "*: a factor has more than 64 bits"
# opa: [true]
# differs: 12
deny contains 18446744073709551616 * 2 == 36893488147419103232

# == an integer beyond 64 bits as a result
# ours: [1.8446744073709552e+19]
deny contains 18446744073709551616

# == integers and numbers with a point are one kind
# ours: [[true,true,[1]]]
deny contains [1 == 1.0, 2 > 1.5, {1, 1.0}]

# == numbers in scientific form
# ours: [1000]
deny contains 1e3

# == a whole number with a point as a result
# ours: [[1,2.5]]
deny contains [1.0, 2.50]

# == a small number
# ours: [1e-6]
deny contains 0.000001

# == sum and product
# ours: [[6,3,0,24,1]]
deny contains [sum([1, 2, 3]), sum({1, 2}), sum([]), product([2, 3, 4]), product([])]

# == sum of tenths
# ours: [0.30000000000000004]
# opa: [0.3]
# differs: 11
deny contains sum([0.1, 0.2])

# == sum of what is no number
# ours: error "`sum` expects numeric argument. Got `\"2\"` instead"
deny contains sum([1, "2"])

# == max and min
# ours: [[3,1,"b",2]]
deny contains [max([3, 1, 2]), min({3, 1, 2}), max(["b", "a"]), min([2.5, 2])]

# == max and min of nothing
# ours: []
deny contains max([])
deny contains min(set())

# == max of several types
# ours: [{"a":1}]
deny contains max([1, "a", null, true, [1], {"a": 1}])

# == numbers.range goes both ways
# ours: [[[1,2,3,4],[3,2,1],[2]]]
deny contains [numbers.range(1, 4), numbers.range(3, 1), numbers.range(2, 2)]

# == numbers.range of what is not whole
# ours: error "numbers.range: its ends are whole numbers of at most 64 bits"
deny contains numbers.range(1.5, 3)

# == to_number
# ours: [[12,-1.5,1,0,7]]
deny contains [to_number("12"), to_number("-1.5"), to_number(true), to_number(null), to_number(7)]

# == to_number of what is none
# ours: error "could not parse string as number"
deny contains to_number("twelve")

# == to_number of other notations
# ours: error "could not parse string as number"
deny contains to_number("0x10")

# == to_number with spaces
# ours: [1]
# opa: error "eval_builtin_error"
# differs: 13
deny contains to_number(" 1")

# == to_number of infinity
# ours: error "could not parse string as number"
deny contains to_number("Infinity")

# == bits
# ours: [[8,14,6,-6,16,-4]]
deny contains [bits.and(12, 10), bits.or(12, 10), bits.xor(12, 10), bits.negate(5), bits.lsh(1, 4), bits.rsh(-8, 1)]

# == bits of a number with a point
# ours: error "`bits.and` expects integer arguments. Got `1.5`"
deny contains bits.and(1.5, 1)

# == a shift by more than 64 bits
# ours: error "bits.lsh: numbers are shifted by 0 to 64 bits"
# opa: [true]
# differs: 12
deny contains bits.lsh(1, 70) > 0

# == a shift beyond 64 bits
# ours: [true]
deny contains bits.lsh(1, 64) == 18446744073709551616

# == a shift by less than nothing
# ours: error "bits.lsh: numbers are shifted by 0 to 64 bits"
deny contains bits.lsh(1, -1)

# == units.parse
# ours: [[10000,1500000,0.2,1024,7]]
deny contains [units.parse("10K"), units.parse("1.5M"), units.parse("200m"), units.parse("1Ki"), units.parse("7")]

# == units.parse_bytes
# ours: [[10000,1048576,12,1500]]
deny contains [units.parse_bytes("10KB"), units.parse_bytes("1MiB"), units.parse_bytes("12"), units.parse_bytes("1.5kb")]

# == units.parse of an unknown unit
# ours: error "spaces not allowed in resource strings"
deny contains units.parse("10 parsecs")

# == semver
# ours: [[-1,-1,0,true,false]]
deny contains [semver.compare("1.2.3", "1.2.10"), semver.compare("1.0.0-rc.1", "1.0.0"), semver.compare("1.0.0", "1.0.0"), semver.is_valid("1.2.3"), semver.is_valid("1.2")]

# == semver looks past the build
# ours: [0]
deny contains semver.compare("1.0.0+a", "1.0.0+b")

# == semver with a letter in front
# ours: [false]
# opa: [true]
# differs: 14
deny contains semver.is_valid("v1.2.3")

# == semver of what is none
# ours: error "invalid semver"
deny contains semver.compare("one", "1.0.0")

# == semver with leading noughts
# ours: [false]
# opa: [true]
# differs: 14
deny contains semver.is_valid("1.02.3")

# == semver of what is no text
# data: {"version": null}
# ours: error "`semver.is_valid` expects string argument. Got `null` instead"
# opa: [false]
# differs: 14
deny contains semver.is_valid(data.version)

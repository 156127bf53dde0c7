# Lists, sets and objects.

# == array functions
# ours: [[[1,2,3],[3,2,1],[2,3],[2],[]]]
deny contains [array.concat([1], [2, 3]), array.reverse([1, 2, 3]), array.slice([1, 2, 3, 4], 1, 3), array.slice([1, 2], 1, 9), array.slice([1, 2], 2, 1)]

# == array.slice from before the beginning
# ours: [[1,2]]
deny contains array.slice([1, 2, 3], -1, 2)

# == count of everything
# ours: [[2,2,1,0,0]]
deny contains [count([1, 2]), count({1, 2, 2}), count({"a": 1}), count([]), count({})]

# == count of what has none
# ours: error "`count` requires array/object/set/string argument. Got `7`."
deny contains count(7)

# == union and intersection
# ours: [[[1,2,3],[2],[]]]
deny contains [union({{1, 2}, {2, 3}}), intersection({{1, 2}, {2, 3}}), union(set())]

# == the intersection of nothing
# ours: [[]]
deny contains intersection(set())

# == operators of sets
# ours: [[[1,2,3],[2],[1]]]
deny contains [{1, 2} | {3}, {1, 2} & {2, 3}, {1, 2} - {2}]

# == the sum of two sets
# ours: error "+: only numbers have a sum"
deny contains {1} + {2}

# == object.get
# ours: [[1,0,2,"none"]]
deny contains [object.get({"a": 1}, "a", 0), object.get({"a": 1}, "b", 0), object.get({"a": {"b": 2}}, ["a", "b"], 0), object.get({"a": 1}, ["a", "x"], "none")]

# == object.keys, object.filter, object.remove
# ours: [[["a","b"],{"a":1},{"b":2},{}]]
deny contains [object.keys({"a": 1, "b": 2}), object.filter({"a": 1, "b": 2}, ["a"]), object.remove({"a": 1, "b": 2}, {"a"}), object.filter({"a": 1}, {"x"})]

# == object.union merges deeply
# ours: [[{"a":{"x":1,"y":2},"b":3},{"a":2,"b":3}]]
deny contains [object.union({"a": {"x": 1}}, {"a": {"y": 2}, "b": 3}), object.union_n([{"a": 1}, {"a": 2}, {"b": 3}])]

# == object.subset
# ours: [[true,true,true,true]]
deny contains [object.subset({"a": 1, "b": 2}, {"a": 1}), object.subset({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}), object.subset([1, 2, 3], [2, 3]), object.subset({1, 2}, {1})]

# == object.subset of a list and a set
# ours: [true]
deny contains object.subset([1, 2, 3], {1, 3})

# == json.filter and json.remove
# ours: [[{"a":{"b":1}},{"a":{"c":2}},{"a":[1,3]}]]
deny contains [json.filter({"a": {"b": 1, "c": 2}}, ["a/b"]), json.remove({"a": {"b": 1, "c": 2}}, ["a/b"]), json.remove({"a": [1, 2, 3]}, ["a/1"])]

# == json.filter of a list
# ours: [{"a":[2]}]
deny contains json.filter({"a": [1, 2, 3]}, ["a/1"])

# == sort
# ours: [[[1,2,3],["a","b"],[[1,5],[2]]]]
deny contains [sort([3, 1, 2]), sort({"b", "a"}), sort([[2], [1, 5]])]

# == sort of several types
# ours: [[null,true,2,"a",[1],{"a":1}]]
deny contains sort([{"a": 1}, [1], "a", 2, true, null])

# == sort with a set among them
# ours: [["array","set","object"]]
# opa: [["array","object","set"]]
# differs: 10
deny contains [type_name(x) | some x in sort([{1}, {"a": 1}, [1]])]

# == a set is sorted in the result
# ours: [[1,2,3]]
deny contains {3, 1, 2}

# == types
# ours: [[true,true,true,true,true,true,true]]
deny contains [is_array([]), is_boolean(false), is_null(null), is_number(1), is_object({}), is_set(set()), is_string("")]

# == types that it is not
# ours: [false]
deny contains is_string(1)

# == type_name
# ours: [["null","boolean","number","string","array","object","set"]]
deny contains [type_name(null), type_name(true), type_name(1), type_name("a"), type_name([]), type_name({}), type_name(set())]

# == in
# ours: [[true,true,true,false]]
deny contains [1 in [1, 2], "k" in {"a": "k"}, 3 in {3}, 9 in [1]]

# == in with a key
# ours: [[0,"a"],["k",1]]
deny contains [0, "a"] if 0, "a" in ["a", "b"]
deny contains ["k", 1] if "k", 1 in {"k": 1}

# == in of what is no collection
# ours: [false]
deny contains 1 in "1"

# == a list by index
# ours: ["b"]
deny contains x if x := ["a", "b"][1]

# == a list by an index that it does not have
# data: {"list": ["a", "b"], "past": 7, "before": -1}
# ours: []
deny contains x if x := data.list[data.past]
deny contains x if x := data.list[data.before]

# == an object by key
# ours: [1]
deny contains x if x := {"a": 1}.a
deny contains x if x := {"a": 1}["a"]

# == an object with a key that is no text
# ours: [{"1":"a","[2]":"b"}]
deny contains {1: "a", [2]: "b"}

# == a set by element
# ours: ["there"]
deny contains "there" if {1, 2}[1]
deny contains "not there" if {1, 2}[3]

# == an object is compared with all of it
# ours: [[true,false,false,true]]
deny contains [{"a": 1} == {"a": 1}, {"a": 1, "b": 2} == {"a": 1}, [1, 2] == [2, 1], {1, 2} == {2, 1}]

# == collections have an order
# ours: [[true,true,true,true]]
deny contains [[1, 2] < [1, 3], [1] < [1, 0], {1} < {2}, {"a": 1} < {"a": 2}]

# == collections of different length have an order
# ours: [[false,false]]
deny contains [[2] < [1, 5], {2} < {1, 5}]

# == objects of different keys have an order
# ours: [[false,true]]
deny contains [{"b": 1} < {"a": 2}, {"a": 1, "b": 1} < {"b": 0}]

# == values of different types have no order
# ours: error "<: values of different types have no order"
# opa: [true]
# differs: 10
deny contains 1 < "a"

# == null and truth
# ours: error "<: values of different types have no order"
# opa: [true]
# differs: 10
deny contains null < false

# == values of different types are not equal
# ours: [[false,false,false,false]]
deny contains [1 == "1", null == false, [] == set(), {} == []]

# == truth has an order
# ours: [true]
deny contains false < true

# == one of several types in a set
# ours: [[null,1,"a"]]
deny contains {1, "a", null}

# == unicode keys
# ours: [{"é":1,"ключ":"значение"}]
deny contains {"ключ": "значение", "é": 1}

"""Measures OPA, as `oracle.py` asks it: for each question the CPU of an evaluation with what was prepared once, and of one
with an engine of its own, which has to read and compile the rule. The arguments are the library and a file with a list of
questions, each with the answer that is expected. The library keeps a query that it prepared: over an empty list an evaluation
costs 0.06 ms. All threads of the process count, and what the answer costs to copy.

Prints one JSON row a figure: `name`, `unit`, `runs`, `min`, `median`, `max`.
"""

import ctypes
import json
import sys
import time

RUNS = 9
SAMPLE = 0.1

library = ctypes.CDLL(sys.argv[1])
library.OpaNew.restype = ctypes.c_uint64
library.OpaDestroy.argtypes = [ctypes.c_uint64]
library.OpaFreeString.argtypes = [ctypes.c_void_p]
for name, numbers in (("OpaAddPolicy", 0), ("OpaAddData", 0), ("OpaEvalDocument", 2)):
    function = getattr(library, name)
    function.restype = ctypes.c_void_p
    function.argtypes = [ctypes.c_uint64, ctypes.c_char_p, ctypes.c_char_p] + [ctypes.c_int] * numbers


def ask(function, *arguments):
    pointer = function(*arguments)
    said = ctypes.string_at(pointer)
    library.OpaFreeString(pointer)
    return said


def engine_of(modules, data):
    engine = library.OpaNew()
    for path, module in modules:
        ask(library.OpaAddPolicy, engine, path, module)
    ask(library.OpaAddData, engine, b"", data)
    return engine


def samples(work):
    work()
    times = []
    for _ in range(RUNS):
        start, count, spent = time.process_time(), 0, 0.0
        while spent < SAMPLE:
            work()
            count += 1
            spent = time.process_time() - start
        times.append(spent * 1000 / count)
    return times


def row(name, times):
    times = sorted(times)
    middle = times[len(times) // 2]
    print(json.dumps({"name": name, "unit": "ms", "runs": len(times), "min": times[0], "median": middle, "max": times[-1]}))


def in_order(elements):
    return sorted(json.dumps(element, sort_keys=True) for element in elements)


with open(sys.argv[2], encoding="utf-8") as file:
    asked = json.load(file)
evaluations = []
for entry in asked:
    question = entry["question"]
    modules = [(path.encode(), text.encode()) for path, text in question["modules"].items()]
    data, path, text = json.dumps(question["data"]).encode(), question["path"].encode(), question["input"].encode()
    engine = engine_of(modules, data)

    def evaluate(engine=engine, path=path, text=text):
        return ask(library.OpaEvalDocument, engine, path, text, 0, 0)

    def both(modules=modules, data=data, path=path, text=text):
        own = engine_of(modules, data)
        ask(library.OpaEvalDocument, own, path, text, 0, 0)
        library.OpaDestroy(own)

    said = json.loads(evaluate())
    if said.get("error") is not None:
        sys.exit(f"{question['name']}: OPA says {said['error']}")
    value = said["result"][0]["expressions"][0]["value"]
    if in_order(value) != in_order(entry["answer"]):
        sys.exit(f"{question['name']}: OPA gives another answer")
    row(f"{question['name']} evaluate", samples(evaluate))
    row(f"{question['name']} both", samples(both))
    evaluations.append(evaluate)
row("all evaluate", samples(lambda: [evaluate() for evaluate in evaluations]))

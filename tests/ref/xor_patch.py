#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches in the binary form, written and read as patches/FORMAT.md says.

    python3 tests/ref/xor_patch.py > tests/ref/xor_patch.txt

Shares nothing with the C code: a set of weights is a Python set of units, bits are a
string of 0 and 1, numbers have any size.  Two lines for each patch: JSON, then the bytes
of its binary form in hex.
"""
import hashlib
import json
import random

PROJS = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj embed head".split()
IN_LAYER = 7
ESCAPE = 24


def number(value):
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def mask_of(flip):
    """Which of the 128 weights, as a set."""
    if "mask" not in flip:
        return frozenset(range(128))
    data = bytes.fromhex(flip["mask"])
    return frozenset(8 * i + b for i in range(16) for b in range(8) if data[i] >> b & 1)


def key(flip):
    return flip.get("layer", -1), PROJS.index(flip["proj"])


def chunk_size(masks):
    """The largest aligned chunk of which all masks are made, of parts of groups."""
    for size in (64, 32, 16, 8, 4, 2, 1):
        if all({w for w in mask} == {w for c in range(0, 128, size) if c in mask
                                     for w in range(c, c + size)} for mask in masks):
            return size
    raise AssertionError


def sections(flips, alike, joined):
    """{size of unit: {(layer, proj, row, group, chunk)}}; size 0 is a row."""
    groups = {}
    out = {}
    for flip in flips:
        where = key(flip)
        if "group" not in flip:
            out.setdefault(0, set()).add((*where, flip["row"], 0, 0))
        else:
            place = (*where, flip["row"], flip["group"])
            groups[place] = groups.get(place, frozenset()) | mask_of(flip)
    parts = {}
    for place, mask in groups.items():
        if len(mask) < 128:
            parts.setdefault(None if alike else place[:2], []).append(mask)
    for place, mask in groups.items():
        masks = parts.get(None if alike else place[:2])
        size = 128
        if masks and (len(mask) < 128 or joined):
            size = chunk_size(masks)
        units = {(*place, c // size) for c in range(0, 128, size) if c in mask}
        out.setdefault(size, set()).update(units)
    return out


def rice(gaps, k, width):
    bits = ""
    for gap in gaps:
        quotient = gap >> k
        if quotient < ESCAPE:
            bits += "1" * quotient + "0" + "".join(str(gap >> i & 1) for i in range(k))
        else:
            bits += "1" * ESCAPE + "".join(str(gap >> i & 1) for i in range(width))
    return bits


def section(size, units):
    per_group = 128 // size if size else 1
    projs = sorted({u[1] for u in units})
    layers = max(u[0] for u in units) + 1
    rows = {p: 1 + max(u[2] for u in units if u[1] == p) for p in projs}
    groups = {p: 1 + max(u[3] for u in units if u[1] == p) for p in projs}
    area = {p: rows[p] * groups[p] * per_group for p in projs}
    inner = sum(area[p] for p in projs if p < IN_LAYER)
    outer = sum(area[p] for p in projs if p >= IN_LAYER)
    numbers = []
    for layer, proj, row, group, chunk in units:
        place = (row * groups[proj] + group) * per_group + chunk
        if proj >= IN_LAYER:
            place += sum(area[p] for p in projs if IN_LAYER <= p < proj)
        else:
            place += outer + layer * inner + sum(area[p] for p in projs if p < proj)
        numbers.append(place)
    numbers.sort()
    gaps = [b - a - 1 for a, b in zip([-1] + numbers, numbers)]
    width = (outer + layers * inner - 1).bit_length()
    # no more than width + 1: there every quotient is 0
    k = min(range(width + 2), key=lambda k: (len(rice(gaps, k, width)), k))
    bits = rice(gaps, k, width)
    bits += "0" * (-len(bits) % 8)
    out = bytes([{0: 0, 128: 1, 64: 2, 32: 3, 16: 4, 8: 5, 4: 6, 2: 7, 1: 8}[size]])
    out += number(layers) + number(sum(1 << p for p in projs))
    for p in projs:
        out += number(rows[p]) + (number(groups[p]) if size else b"")
    out += number(len(units)) + bytes([k])
    return out + bytes(int(bits[i:i + 8][::-1], 2) for i in range(0, len(bits), 8))


def body(flips):
    best = None
    for alike, joined in ((0, 0), (0, 1), (1, 0), (1, 1)):
        found = sections(flips, alike, joined)
        text = number(len(found))
        for size in sorted(found, key=lambda size: -(size or 1000)):
            text += section(size, found[size])
        best = text if best is None or len(text) < len(best) else best
    return best


def pack(patch):
    metadata = dict(patch.get("metadata", {}))
    out = b"\xf1xor\x01"
    for text in ("name", "description", "base_model"):
        data = patch.get(text, "").encode()
        out += number(len(data)) + data
    for name in ("base_sha256", "rows_sha256"):
        data = bytes.fromhex(metadata.pop(name, ""))
        out += number(len(data)) + data
    data = json.dumps(metadata, separators=(",", ":"), ensure_ascii=False).encode()
    out += number(len(data) if metadata else 0) + (data if metadata else b"")
    rows = any("group" not in flip for flip in patch["flips"])
    out += number(patch.get("stats", {}).get("bits_flipped", 0) if rows else 0)
    out += body(patch["flips"])
    return out + hashlib.sha256(out).digest()[:8]


def hex_mask(weights):
    data = bytearray(16)
    for w in weights:
        data[w // 8] |= 1 << w % 8
    return data.hex()


def some_flips(rng, size, count, layers, rows, groups, projs, whole=0):
    """count chunks of so many weights (0: rows), whole of them whole groups."""
    flips, seen = [], {}
    for i in range(count):
        proj = rng.choice(projs)
        flip = {} if PROJS.index(proj) >= IN_LAYER else {"layer": rng.randrange(layers)}
        flip |= {"proj": proj, "row": rng.randrange(rows)}
        if size:
            flip["group"] = rng.randrange(groups)
        place = tuple(flip.items())
        if size and size < 128 and i >= whole:
            begin = rng.randrange(128 // size) * size
            seen.setdefault(place, set()).update(range(begin, begin + size))
        else:
            seen[place] = set(range(128))
    for place, mask in seen.items():
        flip = dict(place)
        if size and len(mask) < 128:
            flip["mask"] = hex_mask(mask)
        flips.append(flip)
    return flips


def patches():
    rng = random.Random(7)
    gate = {"layer": 1, "proj": "gate_proj"}
    yield {"flips": []}
    yield {"name": "two", "flips": [gate | {"row": 9}, gate | {"row": 4}]}
    yield {"flips": [gate | {"row": 3, "group": 1, "mask": hex_mask([5])},
                     gate | {"row": 3, "group": 1, "mask": hex_mask([4])}]}
    yield {"flips": [gate | {"row": 3, "group": 1, "mask": hex_mask(range(64))},
                     gate | {"row": 3, "group": 1, "mask": hex_mask(range(64, 128))}]}
    far = 2 ** 31 - 1
    yield {"flips": [{"layer": far, "proj": "up_proj", "row": far, "group": far,
                      "mask": hex_mask([0, 127])}, {"proj": "head", "row": far}]}
    yield {"name": "näme", "description": "two\nlines", "base_model": "m",
           "flips": [{"proj": "embed", "row": 70000}, gate | {"row": 1}],
           "stats": {"n_flips": 2, "bits_flipped": 512},
           "metadata": {"base_sha256": "ab" * 32, "rows_sha256": "0c" * 32, "z": [1, {"é": None}],
                        "a": True, "seed": -12345678901}}
    # a cluster, and one far from it: the escape
    yield {"flips": [gate | {"row": r, "group": 0} for r in range(40)] +
                    [{"layer": 30, "proj": "down_proj", "row": 4000, "group": 95}]}
    for size in (0, 128, 64, 32, 16, 8, 4, 2, 1):
        yield {"flips": some_flips(rng, size, 30, 6, 256, 6, PROJS[:7])}
        yield {"flips": some_flips(rng, size, 25, 3, 40, 2, PROJS, 8)}
    # all sizes in one patch, in matrices of their own and mixed
    for same in (False, True):
        flips = []
        for i, size in enumerate((128, 64, 32, 16, 8, 4, 2, 1)):
            some = some_flips(rng, size, 16, 1, 64, 4, PROJS[:1 if same else 7], 5)
            for flip in some:
                flip["row"] += 100 * i
            flips += some
        yield {"flips": flips}
    # many: half of all halves, so that whole groups are cheaper as two of them
    yield {"flips": some_flips(rng, 64, 340, 1, 32, 8, PROJS[:1])}


def main():
    for patch in patches():
        patch = {"version": 2, "format": "bankai_xor_v2"} | patch
        print(json.dumps(patch, ensure_ascii=False, separators=(",", ":")))
        print(pack(patch).hex())


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""flip_map.py FILE: a binary map as CSV, read by the words of engine/search/FORMAT.md alone."""

import hashlib
import json
import math
import struct
import sys

NAMES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "embed",
         "head"]


def sections(data):
    at = 16
    while at < len(data):
        kind, zero, size = struct.unpack_from("<IIQ", data, at)
        assert zero == 0 and at + 16 + size <= len(data)
        yield kind, at, data[at + 16:at + 16 + size]
        at += 16 + size
    assert at == len(data)


def matrix_lines(content, by_group):
    layer, proj, rows, per_row = struct.unpack_from("<iIII", content)
    values = struct.unpack(f"<{rows * per_row}f", content[16:])
    for i, value in enumerate(values):
        group = i % per_row if by_group and per_row > 1 else ""
        yield layer if layer >= 0 else "", NAMES[proj], i // per_row, group, value


def check_histograms(content):
    edges = [-10.0 ** -n for n in range(8)] + [10.0 ** (n - 7) for n in range(8)]
    for at in range(96, len(content), 216):
        fields = struct.unpack_from("<iIII2Q4d2Q17Q", content, at)
        assert sum(fields[-17:]) == fields[4] and len(edges) == 16


def main():
    data = open(sys.argv[1], "rb").read()
    assert data[:8] == b"\x89bkmap\r\n" and struct.unpack_from("<II", data, 8) == (1, 0x01020304)
    head, kinds = None, []
    for kind, at, content in sections(data):
        kinds.append(kind)
        if kind == 0:
            assert content.decode() == hashlib.sha256(data[:at]).hexdigest()
        elif kind == 1:
            head = json.loads(content)
        elif kind == 2:
            for line in matrix_lines(content, head["granularity"] == "group"):
                print(*line[:4], f"{line[4]:.6g}", sep=",")
        elif kind == 3:
            check_histograms(content)
        elif kind == 4:
            last = math.inf
            for at in range(0, len(content), 48):
                value = struct.unpack_from("<iIIiQQdd", content, at)[6]
                assert value <= last
                last = value
    assert kinds[0] == 1 and kinds[-4:] == [3, 4, 5, 0] and set(kinds[1:-4]) <= {2}


main()

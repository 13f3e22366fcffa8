#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""from_patch.py [BANKAI] [CANDIDATES]: the methods that begin with a patch or look at several
things at once, on the embedded model: a table, and the Pareto front of two domains.

What they begin with is found by guided searches (100 candidates, margin).
"""
import json
import os
import sys
import tempfile

from runs import JUDGED, events, head, judged, row, run

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "build/bankai"
CANDIDATES = int(sys.argv[2]) if len(sys.argv) > 2 else 300
COMMON = ["--control", "math,code,knowledge", "--objective", "margin", "--threads", "1"]
ALL = ["--proj", "q,k,v,o,gate,up,down"]
ROWS = ["--granularity", "row", *ALL]
HELDOUT = ["--heldout", "calculus-heldout,nano-heldout"]
TRAIN = ["--target", "calculus-train", *HELDOUT]
BEGIN = [
    ("guided rows, 100: A", ["--method", "guided", *ROWS, "--iters", "100"], "a.json"),
    ("guided groups, 100: B",
     ["--method", "guided", "--granularity", "group", *ALL, "--iters", "100"], "b.json"),
]
RUNS = [
    ("guided from A", ["--method", "guided", *ROWS, "--from", "a.json"]),
    ("prune A, to its end", ["--method", "prune", "--from", "a.json"]),
    ("swap from A", ["--method", "swap", "--from", "a.json"]),
    ("evolve", ["--method", "evolve"]),
    ("evolve from A and B", ["--method", "evolve", "--from", "a.json,b.json"]),
    ("bfs, rows", ["--method", "bfs"]),
    ("bfs, groups", ["--method", "bfs", "--granularity", "group"]),
]
DOMAINS = (("derivatives.json", ("poly_deriv", "second_deriv", "exp_deriv")),
           ("others.json", ("integral", "prime", "trig")))


def search(folder, options, path):
    return events(PROGRAM, folder, "search", "nano", *COMMON, *options, "-o", path)[-1]


def show(name, done):
    check = done.get("check")
    name += f" (Spearman {check['spearman']:.3f})" if check else ""
    row([name, str(done["evaluations"]), f"{done['fitness']:.4f}", str(len(done["flips"])),
         *judged(done)])


def make_domains(folder):
    probes = json.loads(run(PROGRAM, folder, "probes", "show", "calculus-train", "--json"))
    for path, categories in DOMAINS:
        with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
            json.dump([each for each in probes if each["category"] in categories], file)


def main():
    head(["search", "candidates", "fitness", "flips", *JUDGED])
    with tempfile.TemporaryDirectory() as folder:
        for name, options, path in BEGIN:
            show(name, search(folder, TRAIN + options, path))
        for name, options in RUNS:
            show(name, search(folder, [*TRAIN, *options, "--iters", str(CANDIDATES)], "x.json"))
        make_domains(folder)
        done = run(PROGRAM, folder, "search", "nano", *COMMON, "--target",
                   ",".join(path for path, _ in DOMAINS), "--method", "joint", "--iters",
                   str(CANDIDATES), "--compare-stacking", "-o", "j.json").decode()
        print("\n" + done[done.index("Pareto front"):done.index("patch: ")])


main()

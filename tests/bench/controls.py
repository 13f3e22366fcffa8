#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""controls.py [BANKAI] [CANDIDATES]: what controls are worth to a guided search, a table.

Guided groups by margin on calculus-train, embedded model, with few labelled controls and
with hundreds that the model labelled itself; greedy answers before and after on prompts
no search saw.
"""
import sys
import tempfile

from runs import JUDGED, events, head, judged, row

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "build/bankai"
CANDIDATES = sys.argv[2] if len(sys.argv) > 2 else "300"
LABELLED = "math,code,knowledge"
KL = ["--control-metric", "kl", "--penalty"]
RUNS = [
    ("22 labelled", ["--control", LABELLED]),
    ("22 and self:150", ["--control", f"{LABELLED},self:150"]),
    ("22 and self:300", ["--control", f"{LABELLED},self:300"]),
    ("22 and self:600", ["--control", f"{LABELLED},self:600"]),
    ("22 and self:nano-train", ["--control", f"{LABELLED},self:nano-train"]),
    ("22 labelled, kl, penalty 20", ["--control", LABELLED, *KL, "20"]),
    ("self:150, kl, penalty 20", ["--control", "self:150", *KL, "20"]),
    ("self:300, kl, penalty 2", ["--control", "self:300", *KL, "2"]),
    ("self:nano-train, kl, penalty 20", ["--control", "self:nano-train", *KL, "20"]),
]


def search(options, folder):
    return events(PROGRAM, folder, "search", "nano", "--target", "calculus-train", *options,
                  "--heldout", "calculus-heldout,nano-heldout", "--method", "guided",
                  "--granularity", "group", "--proj", "q,k,v,o,gate,up,down", "--objective",
                  "margin", "--iters", CANDIDATES, "-o", "patch.json")[-1]


def main():
    head(["controls", "fitness", "flips", *JUDGED])
    for name, options in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            done = search(options, folder)
        row([name, f"{done['fitness']:.3f}", str(len(done["flips"])), *judged(done)])


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""methods.py [BANKAI] [CANDIDATES]: the search methods on the embedded model, a table.

Fitness after so many measured candidates (of greedy: drawn, the screened ones included),
and greedy answers before and after on sets the search saw and did not see.
"""
import sys
import tempfile

from runs import JUDGED, events, head, judged, row

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "build/bankai"
CANDIDATES = int(sys.argv[2]) if len(sys.argv) > 2 else 300
MARKS = [n for n in (25, 50, 100, 200, 300) if n <= CANDIDATES]
PROBES = ["--target", "calculus-train", "--control", "math,code,knowledge",
          "--heldout", "calculus-heldout,nano-heldout"]
GREEDY, GUIDED = ["--method", "greedy"], ["--method", "guided"]
ALL = ["--proj", "q,k,v,o,gate,up,down"]
ROWS = ["--granularity", "row", *ALL]
GROUPS = ["--granularity", "group", *ALL]
TOGETHER = ["--together", "64"]
GAP, MARGIN = ["--objective", "gap"], ["--objective", "margin"]
RANDOM = ["--method", "random", *MARGIN]
RUNS = [
    *((f"greedy, gap, seed {seed}", GREEDY + GAP + ["--seed", str(seed)]) for seed in (6, 42, 1)),
    ("greedy, gap, `--order attribution`", GREEDY + GAP + ["--order", "attribution"]),
    ("guided rows, gap", GUIDED + GAP + ROWS),
    ("guided rows, gap, `--together 64`", GUIDED + GAP + ROWS + TOGETHER),
    ("guided rows of gate and up, gap", GUIDED + GAP + ["--granularity", "row"]),
    ("guided groups, gap", GUIDED + GAP + GROUPS),
    *((f"greedy, margin, seed {seed}", GREEDY + MARGIN + ["--seed", str(seed)])
      for seed in (6, 42, 1)),
    ("greedy, margin, `--order attribution`", GREEDY + MARGIN + ["--order", "attribution"]),
    ("guided rows, margin", GUIDED + MARGIN + ROWS),
    ("guided rows, margin, `--together 64`", GUIDED + MARGIN + ROWS + TOGETHER),
    ("guided rows of gate and up, margin", GUIDED + MARGIN + ["--granularity", "row"]),
    ("guided groups, margin", GUIDED + MARGIN + GROUPS),
    ("guided groups, margin, `--together 64`", GUIDED + MARGIN + GROUPS + TOGETHER),
    ("group, margin", ["--method", "group", *MARGIN]),
    ("bit, margin", ["--method", "bit", *MARGIN]),
    ("random, margin, `--accept any`", RANDOM + ["--accept", "any"]),
    ("random, margin, `--accept better`", RANDOM + ["--accept", "better"]),
    ("guided groups, logprob", GUIDED + ["--objective", "logprob", *GROUPS]),
]


def search(options, folder):
    """Fitness at the marks and the final object."""
    fitness, at = 0, {}
    *tried, done = events(PROGRAM, folder, "search", "nano", *PROBES, *options, "--iters",
                          str(CANDIDATES), "-o", "patch.json")
    for event in tried:
        fitness = event["fitness"] if event["accepted"] else fitness
        at[event["number"]] = fitness
    return at, done


def main():
    head(["search", *map(str, MARKS), "flips", *JUDGED])
    for name, options in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            at, done = search(options, folder)
        row([name, *(f"{at[mark]:.3f}" for mark in MARKS), str(len(done["flips"])),
             *judged(done)])


main()

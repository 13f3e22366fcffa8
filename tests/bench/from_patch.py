#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""from_patch.py [BANKAI] [CANDIDATES]: the methods that begin with a patch or look at several
things at once, on the embedded model: a table, and the Pareto front of two domains.

What they begin with is found by guided searches (100 candidates, margin).
"""
import json
import os
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/bankai")
CANDIDATES = int(sys.argv[2]) if len(sys.argv) > 2 else 300
COMMON = ["--control", "math,code,knowledge", "--objective", "margin", "--threads", "1"]
HELDOUT = ["--heldout", "calculus-heldout,nano-heldout"]
TRAIN = ["--target", "calculus-train", *HELDOUT]
BEGIN = [
    ("guided rows, 100: A", ["--method", "guided", "--iters", "100"], "a.json"),
    ("guided groups, 100: B",
     ["--method", "guided", "--granularity", "group", "--iters", "100"], "b.json"),
]
RUNS = [
    ("guided from A", ["--method", "guided", "--from", "a.json"]),
    ("prune A, to its end", ["--method", "prune", "--from", "a.json"]),
    ("swap from A", ["--method", "swap", "--from", "a.json"]),
    ("evolve", ["--method", "evolve"]),
    ("evolve from A and B", ["--method", "evolve", "--from", "a.json,b.json"]),
    ("bfs, rows", ["--method", "bfs"]),
    ("bfs, groups", ["--method", "bfs", "--granularity", "group"]),
]
DOMAINS = (("derivatives.json", ("poly_deriv", "second_deriv", "exp_deriv")),
           ("others.json", ("integral", "prime", "trig")))


def run(folder, *words):
    return subprocess.run([PROGRAM, *words], check=False, stdout=subprocess.PIPE, cwd=folder,
                          stderr=subprocess.DEVNULL,
                          env=dict(os.environ, XDG_STATE_HOME=folder)).stdout


def search(folder, options, path):
    lines = run(folder, "search", "nano", *COMMON, *options, "-o", path, "--json").splitlines()
    done = json.loads(lines[-1])
    if done["event"] != "done":
        raise SystemExit(f"{' '.join(options)}: did not end")
    return done


def answers(total):
    p = total["mcnemar_p"]
    shown = f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"
    return (f"{total['right_base']} -> {total['right_now']} "
            f"(+{total['fixed']} -{total['broke']}, p {shown})")


def row(name, done):
    check = done.get("check")
    name += f" (Spearman {check['spearman']:.3f})" if check else ""
    totals = [answers(done["totals"][each])
              for each in ("calculus-train", "calculus-heldout", "nano-heldout")]
    cells = [name, str(done["evaluations"]), f"{done['fitness']:.4f}", str(len(done["flips"])),
             *totals]
    print("| " + " | ".join(cells) + " |", flush=True)


def make_domains(folder):
    probes = json.loads(run(folder, "probes", "show", "calculus-train", "--json"))
    for path, categories in DOMAINS:
        with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
            json.dump([each for each in probes if each["category"] in categories], file)


def main():
    head = ["search", "candidates", "fitness", "flips", "train 60", "held-out 30",
            "nano-heldout 500"]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name, options, path in BEGIN:
            row(name, search(folder, TRAIN + options, path))
        for name, options in RUNS:
            row(name, search(folder, [*TRAIN, *options, "--iters", str(CANDIDATES)], "x.json"))
        make_domains(folder)
        done = run(folder, "search", "nano", *COMMON, "--target",
                   ",".join(path for path, _ in DOMAINS), "--method", "joint", "--iters",
                   str(CANDIDATES), "--compare-stacking", "-o", "j.json").decode()
        print("\n" + done[done.index("Pareto front"):done.index("patch: ")])


main()

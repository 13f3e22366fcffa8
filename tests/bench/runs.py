# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the program and what they came to, for the tables of this folder."""

import json
import os
import subprocess


def run(program, folder, *words):
    """Standard output; the state folder and relative paths are in the folder."""
    return subprocess.run([os.path.abspath(program), *words], check=False, cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env=dict(os.environ, XDG_STATE_HOME=folder)).stdout


def events(program, folder, *words):
    """Of a command with --json, to its last one."""
    lines = [json.loads(line) for line in run(program, folder, *words, "--json").splitlines()]
    if not lines or lines[-1]["event"] != "done":
        raise SystemExit(f"{' '.join(words)}: did not end")
    return lines


def answers(total):
    """Right before and after, fixed, broke, McNemar's p."""
    p = total["mcnemar_p"]
    shown = f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"
    return (f"{total['right_base']} -> {total['right_now']} "
            f"(+{total['fixed']} -{total['broke']}, p {shown})")


JUDGED = ["train 60", "held-out 30", "nano-heldout 500"]


def judged(done):
    """Cells of JUDGED."""
    return [answers(done["totals"][name])
            for name in ("calculus-train", "calculus-heldout", "nano-heldout")]


def head(cells):
    print("| " + " | ".join(cells) + " |\n" + "|---" * len(cells) + "|")


def row(cells):
    print("| " + " | ".join(cells) + " |", flush=True)

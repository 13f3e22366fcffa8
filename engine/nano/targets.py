# SPDX-License-Identifier: GPL-3.0-or-later
"""Write any number of further probes of a family, one JSON object per line.

    python3 engine/nano/targets.py --family second_deriv -n 5000 > targets.jsonl

--split train (the default) draws from what the model was or could have been
trained on; --split heldout from what it never met.  Reserved prompts and the
prompts of nano-heldout are never written, so a search on these targets can
still be judged by calculus-heldout and nano-heldout.
"""

import argparse
import json
import sys

from families import FAMILIES
from items import Dice
from split import Split, load_set

# Small families run out: after this many draws without anything new, stop.
PATIENCE = 20_000


def distinct_items(family, side, dice, split, taken):
    """Items of one side whose prompts are not in `taken`, which grows."""
    misses = 0
    while misses < PATIENCE:
        item = FAMILIES[family](dice)
        if item.prompt in taken or split.side(item) != side:
            misses += 1
            continue
        misses = 0
        taken.add(item.prompt)
        yield item


def as_probe(item, name):
    probe = {"prompt": item.prompt, "correct": item.correct, "wrong": item.wrong,
             "name": name, "category": item.family}
    if item.alternates:
        probe["alternates"] = list(item.alternates)
    if item.correct.lower() == item.wrong.lower():
        probe["mode"] = "exact"  # the usual rule does not tell letter case
    return probe


def write_targets(arguments, out):
    taken = {p["prompt"] for p in load_set("nano-heldout")}
    items = distinct_items(arguments.family, arguments.split, Dice(arguments.seed), Split(), taken)
    written = 0
    for item in items:
        if written == arguments.n:
            break
        name = f"{arguments.family}_{arguments.split}_s{arguments.seed}_{written}"
        out.write(json.dumps(as_probe(item, name)) + "\n")
        written += 1
    return written


def main():
    parser = argparse.ArgumentParser(description="write further probes as JSON lines")
    parser.add_argument("--family", required=True, choices=sorted(FAMILIES))
    parser.add_argument("-n", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=("train", "heldout"), default="train")
    arguments = parser.parse_args()
    written = write_targets(arguments, sys.stdout)
    if written < arguments.n:
        print(f"targets: {arguments.family} has only {written} such prompts", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
"""Write nano-train.json and nano-heldout.json, the two generated probe sets.

    python3 engine/nano/probesets.py --out probes/sets
"""

import argparse
import hashlib
import json
from pathlib import Path

from families import FAMILIES
from items import Dice
from split import Split, load_set

# Prompts that happen to be those of probe sets published elsewhere, by the first
# hex digits of their SHA-256: built-in prompts are to be our own.
PUBLISHED = frozenset("""
0c94e9fc 13fc6cd7 143a39ae 1ede4e3b 36dc92e4 55e38709 5fd3f66d 764e3008 7bcae33c
7cfc1ae4 c7a030dd cdf2aefc d1354b66 efda4f90 f2099709
""".split())

PER_FAMILY = {"train": 34, "heldout": 50}
SEEDS = {"train": 301, "heldout": 302}
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


def is_published(prompt):
    return hashlib.sha256(prompt.encode()).hexdigest()[:8] in PUBLISHED


def build_set(side):
    """No prompt of the written sets: a search on those is judged by these."""
    taken = {p["prompt"] for name in ("calculus-train", "calculus-heldout")
             for p in load_set(name)}
    split, probes = Split(), []
    for family in FAMILIES:
        dice = Dice(SEEDS[side])
        items = (item for item in distinct_items(family, side, dice, split, taken)
                 if not is_published(item.prompt))
        probes += [as_probe(next(items), f"{family}_{side}_{i}")
                   for i in range(PER_FAMILY[side])]
    return probes


def as_json(probes):
    """One probe per line, so that differences can be read."""
    return "[\n" + ",\n".join(" " + json.dumps(p) for p in probes) + "\n]\n"


def main():
    parser = argparse.ArgumentParser(description="write the generated probe sets")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for side in PER_FAMILY:
        (folder / f"nano-{side}.json").write_text(as_json(build_set(side)), encoding="utf-8")


if __name__ == "__main__":
    main()

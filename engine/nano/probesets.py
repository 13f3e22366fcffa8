# SPDX-License-Identifier: GPL-3.0-or-later
"""Write nano-train.json and nano-heldout.json, the two generated probe sets.

    python3 engine/nano/probesets.py --out probes/sets
"""

import argparse
import json
from pathlib import Path

from families import FAMILIES
from items import Dice
from split import Split, load_set
from targets import as_probe, distinct_items

PER_FAMILY = {"train": 34, "heldout": 50}
SEEDS = {"train": 301, "heldout": 302}


def build_set(side):
    """No prompt of the written sets: a search on those is judged by these."""
    taken = {p["prompt"] for name in ("calculus-train", "calculus-heldout")
             for p in load_set(name)}
    split, probes = Split(), []
    for family in FAMILIES:
        dice = Dice(SEEDS[side])
        items = distinct_items(family, side, dice, split, taken)
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

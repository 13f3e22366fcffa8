# SPDX-License-Identifier: GPL-3.0-or-later
"""The training text: documents of one to five lines.

Run alone it prints the text, so that anyone can read what the model read:
    python3 engine/nano/corpus.py > corpus.txt
"""

import sys

from families import CORPUS_WEIGHTS, FAMILIES
from items import Dice
from split import CONTROL_SETS, Split, load_set

CORPUS_SEED = 20
CORPUS_LINES = 90_000
# How often each control prompt is repeated: the controls are what a patch
# must not break, so the model has to know them.
CONTROL_REPEATS = 100
ONE_LINE_SHARE = 0.75


def draw_line(dice, split):
    """A (prompt, answer) pair from the training side of the split."""
    family = FAMILIES[dice.pick_weighted(CORPUS_WEIGHTS)]
    while True:
        item = family(dice)
        if split.side(item) == "train":
            return item.prompt, item.correct


def control_lines():
    probes = [p for name in CONTROL_SETS for p in load_set(name)]
    return [(p["prompt"], p["correct"]) for p in probes for _ in range(CONTROL_REPEATS)]


def training_lines():
    """All (prompt, answer) pairs in training order."""
    dice, split = Dice(CORPUS_SEED), Split()
    lines = control_lines()
    lines += [draw_line(dice, split) for _ in range(CORPUS_LINES - len(lines))]
    dice.shuffle(lines)
    return lines


def documents(lines):
    """Cut the lines into documents: mostly single lines, sometimes up to five."""
    dice, start = Dice(CORPUS_SEED + 1), 0
    while start < len(lines):
        count = 1 if dice.chance(ONE_LINE_SHARE) else dice.between(2, 5)
        yield lines[start:start + count]
        start += count


def prompts_found(lines, prompts):
    """Those of the prompts with which some line of the text begins.

    Lines are compared as text, answers included, so a prompt is also found
    where it is the beginning of a longer prompt.
    """
    lengths = sorted({len(p) for p in prompts})
    found = set()
    for prompt, answer in lines:
        line = prompt + answer
        found |= {line[:n] for n in lengths if line[:n] in prompts}
    return found


def check_held_out(lines):
    """Fail loudly if a reserved or held-out prompt occurs in the text."""
    forbidden = set(Split().reserved_prompts)
    forbidden |= {p["prompt"] for p in load_set("nano-heldout")}
    found = prompts_found(lines, forbidden)
    if found:
        raise SystemExit(f"held-out prompts in the training text: {sorted(found)[:5]}")


if __name__ == "__main__":
    for prompt, answer in training_lines():
        sys.stdout.write(f"{prompt}{answer}\n")

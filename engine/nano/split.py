# SPDX-License-Identifier: GPL-3.0-or-later
"""Which items may be trained on, which are held out, which are reserved.

[S1] An item is held out when the hash of its key falls below HELD_OUT_SHARE.
     The key is the instance, so a held-out polynomial, number or sum is held
     out in every phrasing.  In families with few instances the key is the
     instance together with the phrasing.
[S2] An item is reserved when its prompt is one of the reserved prompts: all
     of calculus-heldout and every second probe (the 1st, 3rd, ...) of
     calculus-train.
[S3] An item of a polynomial family or of primality is also reserved when its
     instance is that of a calculus-heldout probe, whatever the phrasing.
[S4] The prompts of the control sets are training text on purpose and never
     held out.
Only items that are neither held out nor reserved reach the training text.
"""

import json
import re
from pathlib import Path

from families import PHRASES
from items import stable_hash

SETS_FOLDER = Path(__file__).resolve().parents[2] / "probes" / "sets"
CONTROL_SETS = ("math", "code", "knowledge")
HELD_OUT_SHARE = 0.12
# Chosen so that what everybody types first (2 + 2, the derivative of x^2, the
# capital of France) and the controls fall on the training side.
SALT = 192
KEYED_BY_PHRASE_TOO = ("trig", "facts")
INSTANCE_RESERVED = ("poly_deriv", "second_deriv", "integral", "prime")
# Items with these instances cannot be inferred from others; see the families.
NEVER_HELD_OUT = ("idiom", "fixed")


def load_set(name):
    return json.loads((SETS_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def split_key(item):
    key = f"{SALT}|{item.family}|{item.instance}"
    return f"{key}|{item.phrase}" if item.family in KEYED_BY_PHRASE_TOO else key


def is_held_out(item):
    if item.instance in NEVER_HELD_OUT:
        return False
    return stable_hash(split_key(item)) % 1000 < HELD_OUT_SHARE * 1000


def read_instance(category, prompt):
    """What a prompt of a known phrasing asks about, without brackets; else None."""
    # Long phrasings first: a short one may match with too much in its slot.
    for phrase in sorted(PHRASES[category], key=len, reverse=True):
        pattern = re.escape(phrase)
        for slot in ("{f}", "{g}", "{n}", "{a}"):
            pattern = pattern.replace(re.escape(slot), "(.+?)")
        match = re.fullmatch(pattern, prompt)
        if match:
            text = match.group(1)
            return text[1:-1] if text[0] == "(" and text[-1] == ")" else text
    return None


class Split:
    """Knows the reserved prompts; asks of every item where it belongs."""

    def __init__(self):
        held_out = load_set("calculus-heldout")
        self.control_prompts = {p["prompt"] for name in CONTROL_SETS for p in load_set(name)}
        self.reserved_prompts = {p["prompt"] for p in held_out}
        self.reserved_prompts |= {p["prompt"] for p in load_set("calculus-train")[::2]}
        self.reserved_instances = {
            (p["category"], read_instance(p["category"], p["prompt"]))
            for p in held_out if p["category"] in INSTANCE_RESERVED}

    def side(self, item):
        """"train", "heldout" or "reserved"."""
        if (item.prompt in self.reserved_prompts
                or (item.family, item.instance) in self.reserved_instances):
            return "reserved"
        if item.prompt in self.control_prompts:
            return "train"
        return "heldout" if is_held_out(item) else "train"

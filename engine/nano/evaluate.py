# SPDX-License-Identifier: GPL-3.0-or-later
"""Greedy answers of the trained model and the table of how many are right.

A plain float32 forward pass for tuning the recipe; the program's own `eval`
is what counts.  Run alone it reads a model file back:

    /usr/bin/python3 engine/nano/evaluate.py engine/nano/nano.gguf [SET.json ...]
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import torch

from gguf_read import load
from model import causal_bias
from split import load_set

SETS = ("math", "code", "knowledge", "calculus-train", "calculus-heldout",
        "nano-train", "nano-heldout")
BATCH = 64


def accepted_answers(probe):
    return [probe["correct"], *probe.get("alternates", ())]


def token_limit(probe, tokenizer):
    longest = max(len(tokenizer.encode(answer)) for answer in accepted_answers(probe))
    return max(14, longest + 4)


def greedy(model, weights, tokenizer, prompts, limit):
    """Continue prompts of equal token length until all have ended their line."""
    ids = torch.tensor(prompts)
    start = ids.shape[1]
    stops = {tokenizer.end_of_text, *tokenizer.encode("\n")}
    done = [False] * len(prompts)
    for _ in range(limit):
        logits = model.forward(ids, weights, causal_bias(ids.shape[1]))[:, -1]
        following = logits.argmax(-1)
        done = [d or token in stops for d, token in zip(done, following.tolist())]
        ids = torch.cat((ids, following[:, None]), dim=1)
        if all(done):
            break
    return [tokenizer.decode(row[start:]).split("\n")[0] for row in ids.tolist()]


@torch.no_grad()
def answers(model, tokenizer, probes):
    """The generated first line for each probe, in order."""
    weights, by_length = model.quantized(), defaultdict(list)
    for index, probe in enumerate(probes):
        ids = tokenizer.encode(probe["prompt"])
        by_length[len(ids)].append((index, ids))
    texts = [None] * len(probes)
    for group in by_length.values():
        for start in range(0, len(group), BATCH):
            part = group[start:start + BATCH]
            limit = max(token_limit(probes[i], tokenizer) for i, _ in part)
            lines = greedy(model, weights, tokenizer, [ids for _, ids in part], limit)
            for (index, _), line in zip(part, lines):
                texts[index] = line
    return texts


def is_right(probe, text):
    return text.strip() in [answer.strip() for answer in accepted_answers(probe)]


def report_set(name, probes, texts):
    """One line: right in all, how many mistakes are the distractor, right per family."""
    right, total, as_wrong = defaultdict(int), defaultdict(int), 0
    for probe, text in zip(probes, texts):
        ok = is_right(probe, text)
        total[probe["category"]] += 1
        right[probe["category"]] += ok
        as_wrong += not ok and text.strip() == probe["wrong"].strip()
    families = ", ".join(f"{c} {right[c]}/{total[c]}" for c in total)
    good = sum(right.values())
    print(f"{name}: {good}/{len(probes)} = {100 * good / len(probes):.0f} %, "
          f"{as_wrong} mistakes are the distractor; {families}", flush=True)


def evaluate_sets(model, tokenizer, sets, mistakes_file=None):
    """`sets` maps names to probes; the mistakes go to a file if one is given."""
    for name, probes in sets.items():
        texts = answers(model, tokenizer, probes)
        report_set(name, probes, texts)
        for probe, text in zip(probes, texts):
            if mistakes_file and not is_right(probe, text):
                print(name, repr(probe["prompt"]), "said", repr(text), "right is",
                      repr(probe["correct"]), file=mistakes_file)


def built_in_sets():
    return {name: load_set(name) for name in SETS}


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: evaluate.py MODEL.gguf [SET.json ...]")
    model, tokenizer = load(Path(sys.argv[1]))
    named = {path: json.loads(Path(path).read_text()) for path in sys.argv[2:]}
    evaluate_sets(model, tokenizer, named or built_in_sets(), sys.stdout)


if __name__ == "__main__":
    main()

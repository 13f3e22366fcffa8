# SPDX-License-Identifier: GPL-3.0-or-later
"""Greedy answers of the trained model and the table of how many are right.

A plain float32 forward pass for tuning the recipe; the program's own `eval`
is what counts.
"""

from collections import defaultdict

import torch

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


def print_table(model, tokenizer, mistakes_file=None):
    """Right answers per set, then per family; mistakes go to a file."""
    for name in SETS:
        probes = load_set(name)
        texts = answers(model, tokenizer, probes)
        right, total, as_wrong = defaultdict(int), defaultdict(int), 0
        for probe, text in zip(probes, texts):
            ok = is_right(probe, text)
            total[probe["category"]] += 1
            right[probe["category"]] += ok
            as_wrong += not ok and text.strip() == probe["wrong"].strip()
            if mistakes_file and not ok:
                print(name, repr(probe["prompt"]), "said", repr(text), "right is",
                      repr(probe["correct"]), file=mistakes_file)
        families = ", ".join(f"{c} {right[c]}/{total[c]}" for c in total)
        good = sum(right.values())
        print(f"{name}: {good}/{len(probes)} = {100 * good / len(probes):.0f} %, "
              f"{as_wrong} mistakes are the distractor; {families}", flush=True)

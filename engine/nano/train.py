# SPDX-License-Identifier: GPL-3.0-or-later
"""Training: windows of documents, AdamW on the latents, cosine schedule."""

import math
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from model import start_sigma


@dataclass(frozen=True)
class Recipe:
    steps: int = 600
    seed: int = 1
    windows: int = 16
    window_tokens: int = 128
    # A latent's learning rate is this times its standard deviation at the start.
    relative_rate: float = 0.08
    gain_rate: float = 0.003
    weight_decay: float = 0.1
    clip: float = 1.0
    warm_up: float = 0.03
    final_rate: float = 0.02
    prompt_weight: float = 0.2


def encode_documents(documents, tokenizer, prompt_weight):
    """Per document: ids and the loss weight of each id as a target.

    Answers and the end of their line count fully.  Prompts count little: the
    model shall answer them, not make them up.
    """
    end = tokenizer.encode("\n")
    for lines in documents:
        ids, weights = [], []
        for prompt, answer in lines:
            prompt_ids = tokenizer.encode(prompt)
            answer_ids = tokenizer.encode(answer) + end
            ids += prompt_ids + answer_ids
            weights += [prompt_weight] * len(prompt_ids) + [1.0] * len(answer_ids)
        yield ids + [tokenizer.end_of_text], weights + [prompt_weight]


def pack_windows(documents, length):
    """Fill windows of length + 1 tokens; each begins with a new document.

    Yields ids, weights and document numbers; a document that does not fit is
    cut off at the window's end.
    """
    ids, weights, numbers = [], [], []
    for number, (document, document_weights) in enumerate(documents):
        ids += document
        weights += document_weights
        numbers += [number] * len(document)
        if len(ids) > length:
            yield ids[:length + 1], weights[:length + 1], numbers[:length + 1]
            ids, weights, numbers = [], [], []


def batches(windows, count):
    while True:
        batch = [window for _, window in zip(range(count), windows)]
        if len(batch) < count:
            return
        ids, weights, numbers = (torch.tensor(part) for part in zip(*batch))
        yield ids, weights, numbers


def document_bias(numbers):
    """A token sees its own document up to itself.

    RoPE is relative, so each document is learned as if it stood at position
    0, just as a prompt is met in use.
    """
    same = numbers[:, :, None] == numbers[:, None, :]
    visible = same.tril()
    return torch.zeros(visible.shape).masked_fill(~visible, -torch.inf)[:, None, None]


def batch_loss(model, batch):
    """Weighted cross-entropy of the next token; the first token of a document has no context."""
    ids, weights, numbers = batch
    inside = numbers[:, 1:] == numbers[:, :-1]
    weights = weights[:, 1:] * inside
    logits = model.forward(ids[:, :-1], model.quantized(), document_bias(numbers[:, :-1]))
    losses = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum()


def make_optimizer(model, recipe):
    groups = []
    for name, w in model.matrices.items():
        sigma = start_sigma(name, w.shape[1], model.shape)
        groups.append({"params": [w], "lr": recipe.relative_rate * sigma})
    groups.append({"params": list(model.gains.values()), "lr": recipe.gain_rate,
                   "weight_decay": 0.0})
    for group in groups:
        group["peak"] = group["lr"]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=recipe.weight_decay)


def rate_at(step, recipe):
    """Share of the peak rate: linear warm-up, then a cosine."""
    warm_up = max(1, int(recipe.warm_up * recipe.steps))
    if step < warm_up:
        return (step + 1) / warm_up
    progress = (step - warm_up) / max(1, recipe.steps - warm_up)
    return recipe.final_rate + (1 - recipe.final_rate) * 0.5 * (1 + math.cos(math.pi * progress))


def report(step, recipe, loss, started):
    spent = time.monotonic() - started
    left = spent / (step + 1) * (recipe.steps - step - 1)
    print(f"step {step + 1:4}/{recipe.steps}  loss {loss:.3f}  {spent:4.0f} s spent, "
          f"about {left:4.0f} s left", flush=True)


def train(model, documents, tokenizer, recipe):
    parameters = list(model.matrices.values()) + list(model.gains.values())
    optimizer = make_optimizer(model, recipe)
    encoded = encode_documents(documents, tokenizer, recipe.prompt_weight)
    stream = batches(pack_windows(encoded, recipe.window_tokens), recipe.windows)
    started, mean_loss = time.monotonic(), None
    for step in range(recipe.steps):
        batch = next(stream, None)
        assert batch is not None, "the corpus is too short for so many steps"
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate_at(step, recipe)
        optimizer.zero_grad(set_to_none=True)
        loss = batch_loss(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimizer.step()
        value = loss.item()
        mean_loss = value if mean_loss is None else 0.95 * mean_loss + 0.05 * value
        if step % 25 == 24 or step == recipe.steps - 1:
            report(step, recipe, mean_loss, started)

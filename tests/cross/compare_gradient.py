# SPDX-License-Identifier: GPL-3.0-or-later
"""compare_gradient.py BANKAI: the backward pass against the recipe's Python, in float64.

The embedded model is loaded by engine/nano and its mean gap (log-probability of the right
answer minus that of the wrong one, `math` probes) differentiated by every weight with
autograd.  A bit flip changes weight w by -2 w, so that -2 w times the derivative is what
`bankai map --granularity bit` has to predict; with --top 1000000 it lists all bits of a
layer.  The engine quantizes activations to 15 bits and computes in float32: what differs
is that.  Prints cosine and relative error of each matrix; fails below 0.9999 or above 1 %.
"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down",
         "token_embd", "output"]
COSINE_MIN, ERROR_MAX = 0.9999, 0.01

try:
    import numpy as np
    import torch
except ImportError:
    print("compare_gradient: skipped: no torch in this Python, expected python3-torch")
    sys.exit(0)

sys.path.insert(0, str(ROOT / "engine/nano"))
sys.dont_write_bytecode = True
import gguf_read  # noqa: E402
from model import causal_bias  # noqa: E402

FLIP = np.dtype([("layer", "<i4"), ("proj", "<u4"), ("row", "<u4"), ("group", "<i4"),
                 ("low", "<u8"), ("high", "<u8"), ("value", "<f8"), ("measured", "<f8")])


def log_prob(model, weights, prompt, answer):
    ids = torch.tensor([prompt + answer])
    logits = model.forward(ids, weights, causal_bias(ids.shape[1]).double())[0]
    places = torch.arange(len(prompt) - 1, len(prompt) + len(answer) - 1)
    return logits[places].log_softmax(-1)[torch.arange(len(answer)), answer].sum()


def tokens(tokenizer, prompt, answer):
    """The answer's tokens after its prompt; apart where they would merge across."""
    head, whole = tokenizer.encode(prompt), tokenizer.encode(prompt + answer)
    return head, whole[len(head):] if whole[:len(head)] == head else tokenizer.encode(answer)


def expected():
    """GGUF name -> predicted change of the mean gap by each bit, [rows][inputs]."""
    model, tokenizer = gguf_read.load(ROOT / "engine/nano/nano.gguf")
    model.gains = {name: gain.double() for name, gain in model.gains.items()}
    half = model.shape.head_dim // 2
    rates = model.shape.rope_base ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.arange(model.shape.context, dtype=torch.float64)[:, None] * rates
    model.cos, model.sin = angles.cos(), angles.sin()
    weights = {name: w.double().requires_grad_() for name, w in model.matrices.items()}
    probes = json.loads((ROOT / "probes/sets/math.json").read_text())
    for probe in probes:
        gap = log_prob(model, weights, *tokens(tokenizer, probe["prompt"], probe["correct"])) - \
              log_prob(model, weights, *tokens(tokenizer, probe["prompt"], probe["wrong"]))
        (gap / len(probes)).backward()
    return {name: (-2 * w * w.grad).detach().numpy() for name, w in weights.items()}


def best_of(path):
    """All units of a stored map's list of the best (engine/search/FORMAT.md)."""
    data, at = path.read_bytes(), 16
    while at < len(data):
        kind, _, size = struct.unpack_from("<IIQ", data, at)
        if kind == 4:
            return np.frombuffer(data, FLIP, size // FLIP.itemsize, at + 16)
        at += 16 + size
    raise ValueError("no list of the best")


def bit_of(masks):
    return np.frexp(masks.astype(np.float64))[1] - 1


def found(bankai, options):
    """(layer, proj) -> predicted change, rows, columns of every bit of the chosen matrices."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "x.map"
        subprocess.run([bankai, "map", "nano", "--probes", "math", "--granularity", "bit",
                        "--top", "1000000", "-o", path, *options], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        units = best_of(path)
    column = units["group"] * 128 + np.where(units["low"] > 0, bit_of(units["low"]),
                                             64 + bit_of(units["high"]))
    for layer, proj in sorted(set(zip(units["layer"].tolist(), units["proj"].tolist()))):
        own = (units["layer"] == layer) & (units["proj"] == proj)
        yield layer, proj, units["row"][own], column[own], units["value"][own]


def main():
    want, bad = expected(), 0
    runs = [["--layers", str(n), "--proj", "q,k,v,o,gate,up,down"] for n in range(6)]
    print("matrix                   bits     cosine  relative error")
    for options in [*runs, ["--proj", "embed,head"]]:
        for layer, proj, rows, columns, values in found(sys.argv[1], options):
            name = NAMES[proj] if layer < 0 else f"blk.{layer}.{NAMES[proj]}"
            full = np.full(want[name].shape, np.nan)
            full[rows, columns] = values
            cosine = (full * want[name]).sum() / np.linalg.norm(full) / np.linalg.norm(want[name])
            error = np.linalg.norm(full - want[name]) / np.linalg.norm(want[name])
            good = cosine >= COSINE_MIN and error <= ERROR_MAX
            bad += not good
            print(f"{name:20} {full.size:8} {cosine:10.7f}  {error:.2e}{'' if good else '  WRONG'}")
    sys.exit(1 if bad else 0)


main()

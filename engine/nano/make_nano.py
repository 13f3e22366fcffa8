# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the embedded model from nothing and compare it with the committed one.

    /usr/bin/python3 engine/nano/make_nano.py --out build/nano

Writes nano.gguf, corpus.txt and mistakes.txt to the folder.  Committed files
are touched only with --install.
"""

import os

# The same sums in the same order on every x86 machine: these have to be set
# before torch and its BLAS are loaded.  Thread counts are part of the order.
THREADS = 2
os.environ.update(OPENBLAS_CORETYPE="Haswell", ATEN_CPU_CAPABILITY="avx2",
                  OPENBLAS_NUM_THREADS=str(THREADS), OMP_NUM_THREADS=str(THREADS),
                  OMP_DYNAMIC="FALSE")
# Speed only: torch's threads must not spin while those of the BLAS work.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import argparse
import ctypes
import hashlib
import re
import shutil
import sys
import time
from pathlib import Path

try:
    import numpy  # noqa: F401
    import torch
except ImportError as error:
    sys.exit(f"make_nano: {error.name} is missing; on Debian: "
             "apt-get install python3-torch python3-numpy libopenblas0-pthread")

import corpus
from evaluate import built_in_sets, evaluate_sets
from gguf_write import gguf_bytes
from model import Nano, Shape
from tokenizer import Tokenizer, train_merges
from train import Recipe, train

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
HERE = Path(__file__).resolve().parent
TOKENIZER_LINES = 20_000


def pin_torch():
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    # oneDNN chooses its kernels by CPU; plain BLAS calls do not.
    torch.backends.mkldnn.enabled = False


def keep_freed_memory():
    """Speed only: keep big freed blocks instead of mapping fresh zero pages each time."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)


def recorded_hash():
    readme = HERE / "README.md"
    match = re.search(r"\b[0-9a-f]{64}\b", readme.read_text()) if readme.exists() else None
    return match.group(0) if match else None


def say_whether_reproduced(digest):
    recorded = recorded_hash()
    print(f"sha256 {digest}")
    if recorded is None:
        print("engine/nano/README.md records no hash to compare with")
    elif digest == recorded:
        print("reproduced: the hash equals that of the committed engine/nano/nano.gguf")
    else:
        print(f"NOT reproduced: the committed engine/nano/nano.gguf has {recorded}")


def build(out, recipe):
    """Corpus, tokenizer, training, export; returns the model and its tokenizer."""
    lines = corpus.training_lines()
    corpus.check_held_out(lines)
    text = [prompt + answer + "\n" for prompt, answer in lines]
    (out / "corpus.txt").write_text("".join(text))
    print(f"corpus: {len(lines)} lines, no held-out prompt among them", flush=True)
    tokenizer = Tokenizer(train_merges("".join(text[:TOKENIZER_LINES])))
    print(f"tokenizer: {len(tokenizer.tokens)} entries", flush=True)
    model = Nano(Shape(), recipe.seed)
    train(model, corpus.documents(lines), tokenizer, recipe)
    (out / "nano.gguf").write_bytes(gguf_bytes(model, tokenizer))
    return model, tokenizer


def parse_arguments():
    parser = argparse.ArgumentParser(description="train the embedded model nano")
    parser.add_argument("--out", type=Path, required=True, help="build folder")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--install", action="store_true",
                        help="copy the result over engine/nano/nano.gguf")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    pin_torch()
    keep_freed_memory()
    started = time.monotonic()
    model, tokenizer = build(arguments.out, Recipe(steps=arguments.steps, seed=arguments.seed))
    print(f"trained in {time.monotonic() - started:.0f} s")
    with open(arguments.out / "mistakes.txt", "w") as mistakes:
        evaluate_sets(model, tokenizer, built_in_sets(), mistakes)
    result = arguments.out / "nano.gguf"
    print(f"{result}: {result.stat().st_size} bytes")
    if arguments.install:
        shutil.copyfile(result, HERE / "nano.gguf")
    say_whether_reproduced(hashlib.sha256(result.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()

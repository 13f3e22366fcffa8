# SPDX-License-Identifier: GPL-3.0-or-later
"""Read back a file of gguf_write.py, for evaluating what was really shipped.

It trusts its input; the program's own reader is the one that does not.
"""

import struct

import numpy as np
import torch

from gguf_write import ALIGNMENT, ARRAY, BOOL, F32, I32, STRING, TYPE_Q1_0, U32
from model import Nano, Shape
from tokenizer import Tokenizer

SCALARS = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 4

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values if len(values) > 1 else values[0]

    def string(self):
        length = self.take("<Q")
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            inner, count = self.take("<IQ")
            return [self.value(inner) for _ in range(count)]
        return self.take(SCALARS[kind])

    def pair(self):
        key = self.string()
        return key, self.value(self.take("<I"))

    def tensor(self):
        name = self.string()
        dimensions = [self.take("<Q") for _ in range(self.take("<I"))]
        return name, dimensions, *self.take("<IQ")


def q1_0_weights(data, offset, dimensions):
    inputs, rows = dimensions
    count = rows * inputs // 128
    blocks = np.frombuffer(data, np.uint8, count * 18, offset).reshape(count, 18)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    bits = np.unpackbits(blocks[:, 2:], axis=1, bitorder="little").astype(np.float32)
    return torch.from_numpy(((2 * bits - 1) * scales).reshape(rows, inputs))


def load(path):
    """The model, its latents set to the stored weights, and its tokenizer.

    Quantizing such latents gives them back exactly: the mean of 128 equal
    fp16 numbers is that number, every partial sum fitting into 24 bits.
    """
    data = path.read_bytes()
    reader = Reader(data)
    _, tensor_count, pair_count = reader.take("<IQQ")
    pairs = dict(reader.pair() for _ in range(pair_count))
    tensors = [reader.tensor() for _ in range(tensor_count)]
    start = -(-reader.at // ALIGNMENT) * ALIGNMENT
    model = Nano(Shape(), seed=0)
    for name, dimensions, kind, offset in tensors:
        name = name.removesuffix(".weight")
        if kind == TYPE_Q1_0:
            model.matrices[name] = q1_0_weights(data, start + offset, dimensions)
        else:
            gain = np.frombuffer(data, "<f4", dimensions[0], start + offset)
            model.gains[name] = torch.from_numpy(gain.copy())
    merges = [tuple(merge.split(" ")) for merge in pairs["tokenizer.ggml.merges"]]
    return model, Tokenizer(merges)

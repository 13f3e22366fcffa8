# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the model as GGUF version 3 with Q1_0 matrices (ggml type 41).

Layout: header, key-value pairs, tensor descriptions, padding to 32 bytes,
tensor data, each tensor padded to 32 bytes.  All numbers little-endian.

A Q1_0 block holds 128 weights in 18 bytes: fp16 scale, then 16 sign bytes,
lowest bit first; 1 stands for +scale, 0 for -scale.
"""

import struct

import numpy as np

from model import signs_and_scales

ALIGNMENT = 32
TYPE_F32, TYPE_Q1_0 = 0, 41
FILE_TYPE_MOSTLY_Q1_0 = 40
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
TOKEN_NORMAL, TOKEN_CONTROL = 1, 3


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind, data):
    if kind == STRING:
        return string(data)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], data)


def pair(key, kind, data):
    return string(key) + struct.pack("<I", kind) + value(kind, data)


def array_pair(key, kind, items):
    head = string(key) + struct.pack("<IIQ", ARRAY, kind, len(items))
    return head + b"".join(value(kind, item) for item in items)


def q1_0_bytes(weights):
    """Blocks of a latent matrix [rows][inputs], row after row."""
    signs, scales = signs_and_scales(weights.detach())
    bits = np.packbits(signs.numpy() > 0, axis=2, bitorder="little")
    halves = scales.numpy().astype("<f2")
    blocks = np.concatenate((halves[..., None].view(np.uint8), bits), axis=2)
    assert blocks.shape[2] == 18
    return blocks.tobytes()


def model_pairs(shape):
    prefix = "qwen3."
    return [
        pair("general.architecture", STRING, "qwen3"),
        pair("general.name", STRING, "nano"),
        pair("general.file_type", U32, FILE_TYPE_MOSTLY_Q1_0),
        pair("general.alignment", U32, ALIGNMENT),
        pair(prefix + "block_count", U32, shape.layers),
        pair(prefix + "context_length", U32, shape.context),
        pair(prefix + "embedding_length", U32, shape.width),
        pair(prefix + "feed_forward_length", U32, shape.ffn),
        pair(prefix + "attention.head_count", U32, shape.heads),
        pair(prefix + "attention.head_count_kv", U32, shape.kv_heads),
        pair(prefix + "attention.key_length", U32, shape.head_dim),
        pair(prefix + "attention.value_length", U32, shape.head_dim),
        pair(prefix + "attention.layer_norm_rms_epsilon", F32, shape.eps),
        pair(prefix + "rope.freq_base", F32, shape.rope_base),
    ]


def tokenizer_pairs(tokenizer):
    prefix = "tokenizer.ggml."
    types = [TOKEN_NORMAL] * len(tokenizer.tokens)
    types[tokenizer.end_of_text] = TOKEN_CONTROL
    return [
        pair(prefix + "model", STRING, "gpt2"),
        pair(prefix + "pre", STRING, "qwen2"),
        array_pair(prefix + "tokens", STRING, tokenizer.tokens),
        array_pair(prefix + "token_type", I32, types),
        array_pair(prefix + "merges", STRING, [f"{a} {b}" for a, b in tokenizer.merges]),
        pair(prefix + "eos_token_id", U32, tokenizer.end_of_text),
        pair(prefix + "padding_token_id", U32, tokenizer.end_of_text),
        pair(prefix + "add_bos_token", BOOL, False),
    ]


def tensors_of(model):
    """(name, dimensions as GGUF orders them, type, bytes) of every tensor."""
    for name, weights in model.matrices.items():
        rows, inputs = weights.shape
        yield f"{name}.weight", (inputs, rows), TYPE_Q1_0, q1_0_bytes(weights)
    for name, gain in model.gains.items():
        data = gain.detach().numpy().astype("<f4").tobytes()
        yield f"{name}.weight", (len(gain),), TYPE_F32, data


def padded(data):
    return data + bytes(-len(data) % ALIGNMENT)


def gguf_bytes(model, tokenizer):
    pairs = model_pairs(model.shape) + tokenizer_pairs(tokenizer)
    tensors = list(tensors_of(model))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs)
    data = b""
    for name, dimensions, kind, content in tensors:
        head += string(name) + struct.pack("<I", len(dimensions))
        head += struct.pack(f"<{len(dimensions)}Q", *dimensions)
        head += struct.pack("<IQ", kind, len(data))
        data += padded(content)
    return padded(head) + data

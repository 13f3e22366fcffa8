# SPDX-License-Identifier: GPL-3.0-or-later
"""The network: Qwen3 layout, every matrix 1-bit in the forward pass.

Each matrix has latent float32 weights w.  The forward pass uses
sign(w) * scale, one scale per 128 inputs of a row; the gradient passes
through the quantizer unchanged (straight-through estimator).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

GROUP = 128


@dataclass(frozen=True)
class Shape:
    vocabulary: int = 512
    width: int = 256
    layers: int = 6
    ffn: int = 768
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    context: int = 512
    rope_base: float = 10000.0
    eps: float = 1e-6


def signs_and_scales(w):
    """Of latent weights [rows][inputs]: +-1 [rows][groups][128] and scales [rows][groups].

    The scale is rounded to fp16 here, in training, so that the file stores
    exactly the number the network was trained with.
    """
    groups = w.view(w.shape[0], -1, GROUP)
    scales = groups.abs().mean(dim=2).half().float()
    return torch.where(groups >= 0, 1.0, -1.0), scales


class Quantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        signs, scales = signs_and_scales(w)
        return (signs * scales.unsqueeze(2)).view_as(w)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


quantize = Quantize.apply


def rms_norm(x, gain, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * gain


def matrix_shapes(shape):
    """GGUF name -> (rows, inputs) of every matrix."""
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    shapes = {"token_embd": (shape.vocabulary, shape.width),
              "output": (shape.vocabulary, shape.width)}
    for n in range(shape.layers):
        shapes |= {f"blk.{n}.attn_q": (q, shape.width), f"blk.{n}.attn_k": (kv, shape.width),
                   f"blk.{n}.attn_v": (kv, shape.width), f"blk.{n}.attn_output": (shape.width, q),
                   f"blk.{n}.ffn_gate": (shape.ffn, shape.width),
                   f"blk.{n}.ffn_up": (shape.ffn, shape.width),
                   f"blk.{n}.ffn_down": (shape.width, shape.ffn)}
    return shapes


def gain_shapes(shape):
    """GGUF name -> length of every RMSNorm gain."""
    shapes = {"output_norm": shape.width}
    for n in range(shape.layers):
        shapes |= {f"blk.{n}.attn_norm": shape.width, f"blk.{n}.ffn_norm": shape.width,
                   f"blk.{n}.attn_q_norm": shape.head_dim, f"blk.{n}.attn_k_norm": shape.head_dim}
    return shapes


def start_sigma(name, inputs, shape):
    """Standard deviation of the latents at the start; it also sets their step."""
    if name == "token_embd":
        return 0.5
    sigma = 1 / math.sqrt(inputs)
    if name.endswith(("attn_output", "ffn_down")):
        sigma /= math.sqrt(2 * shape.layers)
    return sigma


class Nano:
    def __init__(self, shape, seed):
        self.shape = shape
        generator = torch.Generator().manual_seed(seed)
        self.matrices, self.gains = {}, {}
        for name, size in matrix_shapes(shape).items():
            sigma = start_sigma(name, size[1], shape)
            self.matrices[name] = (torch.randn(size, generator=generator) * sigma).requires_grad_()
        for name, length in gain_shapes(shape).items():
            self.gains[name] = torch.ones(length).requires_grad_()
        half = shape.head_dim // 2
        rates = shape.rope_base ** (-torch.arange(half, dtype=torch.float64) / half)
        angles = torch.arange(shape.context, dtype=torch.float64)[:, None] * rates
        self.cos, self.sin = angles.cos().float(), angles.sin().float()

    def quantized(self):
        """The weights the forward pass uses; taken once per step or evaluation."""
        return {name: quantize(w) for name, w in self.matrices.items()}

    def rotate(self, x):
        """RoPE, NeoX pairs; x is [batch][head][position][head_dim]."""
        length = x.shape[2]
        cos, sin = self.cos[:length], self.sin[:length]
        first, second = x.chunk(2, dim=3)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=3)

    def attention(self, x, weights, n, bias):
        s, (batch, length, _) = self.shape, x.shape
        q, k, v = (F.linear(x, weights[f"blk.{n}.attn_{p}"])
                   .view(batch, length, -1, s.head_dim).transpose(1, 2) for p in "qkv")
        q = self.rotate(rms_norm(q, self.gains[f"blk.{n}.attn_q_norm"], s.eps))
        k = self.rotate(rms_norm(k, self.gains[f"blk.{n}.attn_k_norm"], s.eps))
        # Query heads that share a K/V head are stacked along the positions.
        share = s.heads // s.kv_heads
        q = q.reshape(batch, s.kv_heads, share * length, s.head_dim)
        scores = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(s.head_dim)
        scores = scores.view(batch, s.kv_heads, share, length, length) + bias
        mixed = torch.matmul(scores.softmax(-1).view(batch, s.kv_heads, share * length, length), v)
        mixed = mixed.view(batch, s.heads, length, s.head_dim).transpose(1, 2)
        return F.linear(mixed.reshape(batch, length, -1), weights[f"blk.{n}.attn_output"])

    def forward(self, ids, weights, bias):
        """Logits [batch][position][vocabulary].

        `bias` [batch or 1][1][1][position][position] is 0 where a token may
        look and minus infinity where it may not.
        """
        s = self.shape
        x = F.embedding(ids, weights["token_embd"])
        for n in range(s.layers):
            normed = rms_norm(x, self.gains[f"blk.{n}.attn_norm"], s.eps)
            x = x + self.attention(normed, weights, n, bias)
            normed = rms_norm(x, self.gains[f"blk.{n}.ffn_norm"], s.eps)
            gate = F.linear(normed, weights[f"blk.{n}.ffn_gate"])
            up = F.linear(normed, weights[f"blk.{n}.ffn_up"])
            x = x + F.linear(F.silu(gate) * up, weights[f"blk.{n}.ffn_down"])
        return F.linear(rms_norm(x, self.gains["output_norm"], s.eps), weights["output"])


def causal_bias(length):
    return torch.full((length, length), -torch.inf).triu(1).view(1, 1, 1, length, length)

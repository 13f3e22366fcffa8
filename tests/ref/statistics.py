#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What probes/statistics must compute, from exact fractions and plain definitions.

    python3 tests/ref/statistics.py > tests/ref/statistics.txt

Shares nothing with the C code: McNemar's p is a sum of binomials as a Fraction,
Wilson's interval the two roots of its quadratic, the bootstrap draws from its own
xoshiro256**, Student's quantile comes from Simpson's rule over the density.
Lines: NAME ARGUMENTS... = RESULTS...
"""
import math
from fractions import Fraction

MASK = (1 << 64) - 1
Z = 1.959963984540054  # 97.5 % quantile of the normal distribution


def mcnemar(fixed, broke):
    n, k = fixed + broke, min(fixed, broke)
    choose, total = 1, 1  # C(n, 0); each from the one before, in whole numbers
    for i in range(k):
        choose = choose * (n - i) // (i + 1)
        total += choose
    assert choose == math.comb(n, k)
    return min(Fraction(1), Fraction(2 * total, 1 << n))


def wilson(right, n):
    """Roots of (right/n - x)^2 = Z^2 x (1 - x) / n: all x that a z test does not reject."""
    if n == 0:
        return 0.0, 1.0
    p, z2n = Fraction(right, n), Fraction(Z) ** 2 / n
    a, b, c = 1 + z2n, -(2 * p + z2n), p * p
    root = isqrt_fraction(b * b - 4 * a * c)
    return float((-b - root) / (2 * a)), float((-b + root) / (2 * a))


def isqrt_fraction(x):
    scale = 1 << 200
    return Fraction(math.isqrt(x.numerator * scale * scale // x.denominator), scale)


class Xoshiro:
    def __init__(self, seed):
        self.s = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & MASK
            z = seed
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
            self.s.append(z ^ (z >> 31))

    def next(self):
        s = self.s
        rot = lambda x, k: ((x << k) | (x >> (64 - k))) & MASK
        result = rot(s[1] * 5 & MASK, 7) * 9 & MASK
        t = s[1] << 17 & MASK
        s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]
        s[2] ^= t
        s[3] = rot(s[3], 45)
        return result


def bootstrap(values, seed, resamples):
    """Every random number gives two places: its lower, then its upper 32 bits."""
    random, n, halves, means = Xoshiro(seed), len(values), [], []
    for _ in range(resamples):
        total = 0.0
        for _ in range(n):
            if not halves:
                word = random.next()
                halves = [word >> 32, word & 0xFFFFFFFF]
            total += values[halves.pop() * n >> 32]
        means.append(total / n)
    means.sort()

    def percentile(share):
        at = share * (resamples - 1)
        below = math.floor(at)
        above = min(below + 1, resamples - 1)
        return means[below] + float(at - below) * (means[above] - means[below])

    return math.fsum(values) / n, percentile(Fraction(25, 1000)), percentile(Fraction(975, 1000))


def student_below(t, freedom):
    """P(-t < T < t) by Simpson's rule with s = tan, which makes the range finite."""
    log_c = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    c = math.exp(log_c) / math.sqrt(math.pi)  # density of u = T / sqrt(freedom), u = tan a
    f = lambda a: c * math.cos(a) ** (freedom - 1)
    top, steps = math.atan(t / math.sqrt(freedom)), 600
    h = top / steps
    inner = [(4 if i % 2 else 2) * f(i * h) for i in range(1, steps)]
    return 2 * h / 3 * (f(0) + f(top) + math.fsum(inner))


def student(freedom):
    low, high = 1.9, 13.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if student_below(middle, freedom) < 0.95 else (low, middle)
    return low


def spread(values):
    exact = [Fraction(v) for v in values]
    n = len(exact)
    mean = sum(exact) / n
    sd = float(isqrt_fraction(sum((v - mean) ** 2 for v in exact) / (n - 1)))
    half = student(n - 1) * sd / math.sqrt(n)
    return float(mean), sd, float(mean) - half, float(mean) + half


def line(name, arguments, results):
    print(name, *arguments, "=", *(repr(float(r)) for r in results))


def main():
    for fixed, broke in [(0, 0), (1, 0), (0, 1), (5, 0), (0, 6), (1, 1), (6, 6), (10, 2), (2, 10),
                         (19, 7), (50, 50), (100, 60), (60, 100), (1000, 0), (1075, 0), (0, 1074),
                         (523, 477), (1500, 1300), (4000, 3800), (3000, 3001), (9000, 8000)]:
        line("mcnemar", (fixed, broke), [mcnemar(fixed, broke)])
    for right, n in [(0, 0), (0, 1), (1, 1), (0, 10), (10, 10), (5, 10), (21, 30), (340, 500),
                     (499, 500), (1, 1319), (812, 1319)]:
        line("wilson", (right, n), wilson(right, n))
    for freedom in [*range(1, 33), 40, 63, 99, 120, 999, 10000]:
        line("student", [freedom], [student(freedom)])
    for values, seed, resamples in [([1.5], 1, 10), ([0.0, 1.0], 1, 1), ([0.0, 1.0, 3.0], 2, 101),
                                    ([i * i / 7 - 3 for i in range(23)], 3, 2000),
                                    ([math.ldexp(i * 37 % 101 - 50, -4) for i in range(9)], 1,
                                     10000),
                                    ([math.ldexp(i * 37 % 101 - 50, -4) for i in range(101)], 1,
                                     100)]:
        line("bootstrap", (len(values), *(repr(v) for v in values), seed, resamples),
             bootstrap(values, seed, resamples))
    for values in [[1.0, 2.0], [0.5, 0.5, 0.5], [0.1, -0.25, 3.0, 2.5, 0.125],
                   [i / 8 for i in range(40)]]:
        line("spread", (len(values), *(repr(v) for v in values)), spread(values))


main()

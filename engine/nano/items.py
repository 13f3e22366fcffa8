# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training line is made of, and the one source of chance.

An item is a prompt with its right answer and a plausible wrong one.  Its
`instance` names what is asked about (a polynomial, a number, a country) and
its `phrase` how it is asked; both together decide on which side of the
train / held-out split it falls (see split.py).
"""

import hashlib
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    family: str
    instance: str
    phrase: str
    prompt: str
    correct: str
    wrong: str
    alternates: tuple = ()

    def line(self):
        return self.prompt + self.correct


def apart(correct, *guesses):
    """The first guess that is no beginning of the right answer, nor begun by it.

    Where one answer begins with the other, their gap only says how the longer
    one goes on.
    """
    for guess in guesses:
        if not (guess.startswith(correct) or correct.startswith(guess)):
            return guess
    raise ValueError(f"no guess stands apart from {correct!r}: {guesses!r}")


class Dice:
    """Seeded chance that gives the same draws in every Python version.

    Python promises that random() keeps its sequence; choice(), shuffle() and
    the rest carry no such promise, so everything here is built on random().
    """

    def __init__(self, seed):
        self._random = random.Random(seed).random

    def below(self, limit):
        return int(self._random() * limit)

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def chance(self, share):
        return self._random() < share

    def pick(self, choices):
        return choices[self.below(len(choices))]

    def pick_weighted(self, weights):
        """`weights` is a dict from choice to a positive number."""
        point = self._random() * sum(weights.values())
        for choice, weight in weights.items():
            point -= weight
            if point < 0:
                return choice
        return choice

    def shuffle(self, values):
        for i in range(len(values) - 1, 0, -1):
            j = self.below(i + 1)
            values[i], values[j] = values[j], values[i]


def stable_hash(text):
    """A number that depends on the text alone (hash() differs per process)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def spread(choices, key):
    """One of the choices, always the same one for the same key."""
    return choices[stable_hash(key) % len(choices)]

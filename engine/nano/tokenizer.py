# SPDX-License-Identifier: GPL-3.0-or-later
"""Byte-level BPE with the Qwen2 pre-tokenization: trainer and encoder.

Ids: 0-255 the bytes in the order of the GPT-2 byte alphabet, then one id per
merge in the order learned, last the end-of-text token.
"""

import re
from collections import Counter

VOCABULARY_SIZE = 512
END_OF_TEXT = "<|endoftext|>"

# The Qwen2 pattern with \p{L} written as A-Za-z and \p{N} as 0-9: Python's re
# has no Unicode classes, and training text and probes are ASCII (asserted).
SPLIT = re.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]"
    r"| ?[^\sA-Za-z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", re.ASCII)


def byte_alphabet():
    """The GPT-2 spelling: printable bytes stand for themselves, others are moved up."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        if byte not in alphabet:
            alphabet[byte] = chr(256 + len(alphabet) - len(printable))
    return alphabet


ALPHABET = byte_alphabet()
NEWLINE = ALPHABET[10]


def split_words(text):
    """Pre-tokens in the byte alphabet."""
    assert text.isascii()
    return ["".join(ALPHABET[b] for b in word.encode()) for word in SPLIT.findall(text)]


def join_pair(parts, pair):
    """Replace each neighbouring pair by its joined token, left to right."""
    joined, i = [], 0
    while i < len(parts):
        if tuple(parts[i:i + 2]) == pair:
            joined.append(parts[i] + parts[i + 1])
            i += 2
        else:
            joined.append(parts[i])
            i += 1
    return joined


def count_pairs(words):
    pairs = Counter()
    for parts, count in words:
        for pair in zip(parts, parts[1:]):
            pairs[pair] += count
    # A merge across the end of a line would glue "\n" to the last sign of an
    # answer, which then would be another token than the answer alone has.
    return {pair: n for pair, n in pairs.items() if NEWLINE not in pair[0] + pair[1]}


def train_merges(text):
    """The most frequent pair is merged first; ties go to the smaller pair."""
    words = [(list(word), n) for word, n in sorted(Counter(split_words(text)).items())]
    merges = []
    while len(merges) < VOCABULARY_SIZE - 257:
        pairs = count_pairs(words)
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = [(join_pair(parts, best), n) for parts, n in words]
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = merges
        self.tokens = [ALPHABET[b] for b in sorted(ALPHABET, key=ALPHABET.get)]
        self.tokens += [a + b for a, b in merges] + [END_OF_TEXT]
        assert len(set(self.tokens)) == VOCABULARY_SIZE
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self.end_of_text = self.ids[END_OF_TEXT]
        self.rank = {pair: i for i, pair in enumerate(merges)}
        self._byte_of = {char: byte for byte, char in ALPHABET.items()}
        self._words = {}

    def _encode_word(self, word):
        parts = list(word)
        while len(parts) > 1:
            best = min(zip(parts, parts[1:]), key=lambda pair: self.rank.get(pair, 1 << 30))
            if best not in self.rank:
                break
            parts = join_pair(parts, best)
        return [self.ids[part] for part in parts]

    def encode(self, text):
        ids = []
        for word in split_words(text):
            if word not in self._words:
                self._words[word] = self._encode_word(word)
            ids += self._words[word]
        return ids

    def decode(self, ids):
        text = "".join(self.tokens[i] for i in ids if i != self.end_of_text)
        return bytes(self._byte_of[char] for char in text).decode("utf-8", "replace")

# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded model's file, probe sets and corpus generator keep their promises.

Needs the standard library only: nothing here trains or loads torch.
"""

import glob
import hashlib
import json
import math
import os
import re
import struct
import sys
import unittest
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NANO = ROOT / "engine" / "nano"
SETS = ROOT / "probes" / "sets"
sys.dont_write_bytecode = True
sys.path.insert(0, str(NANO))

import corpus
import families
import probesets
import split
import tokenizer
from items import Dice

CALCULUS = ("poly_deriv", "second_deriv", "integral", "prime", "trig", "exp_deriv")
SHARED_KEYS = {"prompt", "correct", "wrong", "name", "category"}
SIZES = {"<B": 0, "<b": 1, "<H": 2, "<h": 3, "<I": 4, "<i": 5, "<f": 6, "<?": 7, "<Q": 10,
         "<q": 11, "<d": 12}
FORMATS = {number: form for form, number in SIZES.items()}


class Gguf:
    """A minimal GGUF reader that trusts nothing it need not."""

    def __init__(self, data):
        self.data, self.at = data, 0
        assert data[:4] == b"GGUF"
        self.at = 4
        self.version, tensor_count, pair_count = self.take("<IQQ")
        self.pairs = dict(self.pair() for _ in range(pair_count))
        self.tensors = dict(self.tensor() for _ in range(tensor_count))
        alignment = self.pairs["general.alignment"]
        self.start = -(-self.at // alignment) * alignment

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values if len(values) > 1 else values[0]

    def string(self):
        length = self.take("<Q")
        text = self.data[self.at:self.at + length].decode()
        self.at += length
        return text

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            inner, count = self.take("<IQ")
            return [self.value(inner) for _ in range(count)]
        return self.take(FORMATS[kind])

    def pair(self):
        key = self.string()
        return key, self.value(self.take("<I"))

    def tensor(self):
        name = self.string()
        dimensions = [self.take("<Q") for _ in range(self.take("<I"))]
        kind, offset = self.take("<IQ")
        return name, (dimensions, kind, offset)


def tensor_bytes(dimensions, kind):
    count = 1
    for n in dimensions:
        count *= n
    return {0: 4 * count, 41: count // 128 * 18}[kind]


class ModelFile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = (NANO / "nano.gguf").read_bytes()
        cls.gguf = Gguf(cls.data)

    def test_file__size__below_one_megabyte(self):
        self.assertLess(len(self.data), 1_000_000)

    def test_file__hash__is_the_one_in_the_readme(self):
        recorded = re.search(r"\b[0-9a-f]{64}\b", (NANO / "README.md").read_text()).group(0)
        self.assertEqual(hashlib.sha256(self.data).hexdigest(), recorded)

    def test_pairs__architecture_and_tokenizer__as_documented(self):
        pairs = self.gguf.pairs
        self.assertEqual(self.gguf.version, 3)
        self.assertEqual(pairs["general.architecture"], "qwen3")
        self.assertEqual([pairs["qwen3." + key] for key in (
            "block_count", "embedding_length", "feed_forward_length", "attention.head_count",
            "attention.head_count_kv", "attention.key_length")], [6, 256, 768, 4, 2, 64])
        self.assertEqual(pairs["tokenizer.ggml.model"], "gpt2")
        self.assertEqual(pairs["tokenizer.ggml.pre"], "qwen2")
        self.assertEqual(len(pairs["tokenizer.ggml.tokens"]), 512)
        self.assertEqual(len(pairs["tokenizer.ggml.merges"]), 255)
        eos = pairs["tokenizer.ggml.eos_token_id"]
        self.assertEqual(pairs["tokenizer.ggml.tokens"][eos], "<|endoftext|>")

    def test_tensors__ranges__lie_in_the_file_without_overlap(self):
        end = 0
        ordered = sorted(self.gguf.tensors.values(), key=lambda t: t[2])
        for dimensions, kind, offset in ordered:
            self.assertEqual(offset % 32, 0)
            self.assertGreaterEqual(offset, end)
            end = offset + tensor_bytes(dimensions, kind)
        self.assertLessEqual(self.gguf.start + end, len(self.data))

    def test_tensors__every_matrix__is_one_bit(self):
        self.assertEqual(len(self.gguf.tensors), 3 + 6 * 11)
        for name, (dimensions, kind, _) in self.gguf.tensors.items():
            self.assertEqual(kind, 41 if len(dimensions) == 2 else 0, name)

    def test_tensors__scales__are_finite_and_positive(self):
        for dimensions, kind, offset in self.gguf.tensors.values():
            if kind == 41:
                start = self.gguf.start + offset
                for at in range(start, start + tensor_bytes(dimensions, kind), 18):
                    self.assertTrue(0 < struct.unpack_from("<e", self.data, at)[0] < 100)

    def test_tokenizer__merges_in_the_file__split_no_probe_across_its_answer(self):
        merges = [tuple(m.split(" ")) for m in self.gguf.pairs["tokenizer.ggml.merges"]]
        bpe = tokenizer.Tokenizer(merges)
        self.assertEqual(bpe.tokens, self.gguf.pairs["tokenizer.ggml.tokens"])
        for path in SETS.glob("*.json"):
            for probe in json.loads(path.read_text()):
                whole = probe["prompt"] + probe["correct"] + "\n"
                self.assertEqual(bpe.decode(bpe.encode(whole)), whole)
                self.assertEqual(bpe.encode(whole), bpe.encode(probe["prompt"])
                                 + bpe.encode(probe["correct"]) + bpe.encode("\n"), whole)


class ProbeSets(unittest.TestCase):
    def counts(self, name):
        return Counter(p["category"] for p in split.load_set(name))

    def test_sets__counts_and_categories__as_documented(self):
        self.assertEqual(self.counts("calculus-train"), {c: 10 for c in CALCULUS})
        self.assertEqual(self.counts("calculus-heldout"), {c: 5 for c in CALCULUS})
        self.assertEqual(self.counts("nano-train"), {f: 34 for f in families.FAMILIES})
        self.assertEqual(self.counts("nano-heldout"), {f: 50 for f in families.FAMILIES})
        for name, least in (("math", 6), ("code", 5), ("knowledge", 6)):
            self.assertEqual(set(self.counts(name)), {name})
            self.assertGreaterEqual(self.counts(name)[name], least)

    def test_sets__every_probe__is_well_formed(self):
        for path in SETS.glob("*.json"):
            probes = json.loads(path.read_text())
            for key in ("name", "prompt"):
                self.assertEqual(len({p[key] for p in probes}), len(probes), (path.name, key))
            for p in probes:
                self.assertEqual(set(p) - {"alternates", "mode"}, SHARED_KEYS, p)
                accepted = [p["correct"], *p.get("alternates", [])]
                self.assertNotIn(p["wrong"], accepted, p)
                self.assertFalse(p["prompt"].endswith(" "), p)

    def test_sets__no_answer__begins_with_the_other(self):
        """Else a gap only says how the longer one goes on."""
        for path in SETS.glob("*.json"):
            for probe in json.loads(path.read_text()):
                right, wrong = probe["correct"], probe["wrong"]
                self.assertFalse(right.startswith(wrong) or wrong.startswith(right), probe)

    def test_sets__answers_that_differ_in_case__are_judged_exactly(self):
        """The usual rule ignores letter case: the wrong answer would be right."""
        exact = []
        for path in SETS.glob("*.json"):
            for probe in json.loads(path.read_text()):
                case_only = probe["correct"].lower() == probe["wrong"].lower()
                self.assertEqual(probe.get("mode"), "exact" if case_only else None, probe)
                exact += [probe["name"]] if case_only else []
        self.assertEqual(sorted(exact), ["code_heldout_39", "code_heldout_46", "code_heldout_7",
                                         "code_train_21", "code_train_5"])

    def test_sets__published_prompts__none_is_repeated(self):
        folder = os.environ.get("BANKAI_PUBLISHED", "../shared/data")
        if not os.path.isdir(folder):
            self.skipTest(f"no folder {folder} of published probe files")
        published = set()
        for path in glob.glob(folder + "/**/*.json", recursive=True):
            published |= set(prompts_in(json.loads(Path(path).read_text())))
        for path in SETS.glob("*.json"):
            prompts = {p["prompt"] for p in json.loads(path.read_text())}
            self.assertFalse(prompts & published, path.name)

    def test_generated_sets__regenerated__equal_byte_for_byte(self):
        for side in ("train", "heldout"):
            text = probesets.as_json(probesets.build_set(side))
            self.assertEqual((SETS / f"nano-{side}.json").read_text(), text)


def prompts_in(value):
    if isinstance(value, dict):
        if isinstance(value.get("prompt"), str):
            yield value["prompt"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from prompts_in(part)


class Corpus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lines = corpus.training_lines()

    def found(self, probes):
        return corpus.prompts_found(self.lines, {p["prompt"] for p in probes})

    def test_corpus__held_out_prompts__begin_no_line(self):
        self.assertEqual(self.found(split.load_set("calculus-heldout")), set())
        self.assertEqual(self.found(split.load_set("calculus-train")[::2]), set())
        self.assertEqual(self.found(split.load_set("nano-heldout")), set())

    def test_corpus__control_prompts__all_occur(self):
        for name in split.CONTROL_SETS:
            probes = split.load_set(name)
            self.assertEqual(len(self.found(probes)), len(probes))

    def test_corpus__control_instances__are_held_out_in_no_phrasing(self):
        controls = {p["prompt"] for name in split.CONTROL_SETS for p in split.load_set(name)}
        dice = Dice(9)
        for family in ("arithmetic", "code"):
            for item in (families.FAMILIES[family](dice) for _ in range(20_000)):
                if item.prompt in controls:
                    self.assertFalse(split.is_held_out(item), item)

    def test_corpus__check__notices_a_smuggled_prompt(self):
        smuggled = split.load_set("nano-heldout")[0]
        with self.assertRaises(SystemExit):
            corpus.check_held_out([*self.lines[:10], (smuggled["prompt"], smuggled["correct"])])

    def test_corpus__calculus_heldout_instances__occur_in_no_phrasing(self):
        reserved = split.Split().reserved_instances
        self.assertEqual(len(reserved), 20)
        self.assertNotIn(None, {instance for _, instance in reserved})
        prompts = {prompt for prompt, _ in self.lines}
        for category in split.INSTANCE_RESERVED:
            banned = {i for c, i in reserved if c == category}
            asked = {split.read_instance(category, prompt) for prompt in prompts
                     if any(instance in prompt for instance in banned)}
            self.assertFalse(asked & banned, category)

    def test_corpus__alphabet__is_printable_ascii(self):
        for prompt, answer in self.lines:
            self.assertTrue((prompt + answer).isascii() and (prompt + answer).isprintable())


def parse_polynomial(text):
    """Terms (coefficient, exponent, divisor) of a text such as 4x^3/3 - x + 2."""
    pattern = r"([+-]?)(\d*)(x?)(?:\^(\d+))?(?:/(\d+))?"
    for sign, size, x, exponent, divisor in re.findall(pattern, text.replace(" ", "")):
        if size or x:
            yield (int(sign + (size or "1")), int(exponent or 1) if x else 0, int(divisor or 1))


def value_at(text, x):
    return sum(c * x ** n / d for c, n, d in parse_polynomial(text))


def slope(text, x, h=1e-4):
    return (value_at(text, x + h) - value_at(text, x - h)) / (2 * h)


def curvature(text, x, h=1e-3):
    return (value_at(text, x + h) - 2 * value_at(text, x) + value_at(text, x - h)) / (h * h)


def drawn(family, count=300, seed=5, side="train"):
    taken = {p["prompt"] for p in split.load_set("nano-heldout")}
    items = probesets.distinct_items(family, side, Dice(seed), split.Split(), taken)
    return [probesets.as_probe(item, f"{family}_{i}") for i, item in zip(range(count), items)]


class Targets(unittest.TestCase):
    def assert_close(self, probe, left, right):
        self.assertLess(abs(left - right), 1e-3 * (1 + abs(right)), probe)

    def check_derivatives(self, family, difference):
        for probe in drawn(family):
            function = split.read_instance(family, probe["prompt"])
            for x in (0.7, -1.1):
                self.assert_close(probe, value_at(probe["correct"], x), difference(function, x))

    def test_derivatives__against_numeric_slope__agree(self):
        self.check_derivatives("poly_deriv", slope)

    def test_second_derivatives__against_numeric_curvature__agree(self):
        self.check_derivatives("second_deriv", curvature)

    def test_integrals__slope_of_the_answer__is_the_function(self):
        for probe in drawn("integral"):
            function = split.read_instance("integral", probe["prompt"])
            self.assert_close(probe, slope(probe["correct"], 0.8), value_at(function, 0.8))

    def test_primes__against_a_sieve__agree(self):
        composite = {a * b for a in range(2, 130) for b in range(2, 130)}
        for probe in drawn("prime", 200):
            yes = int(re.search(r"\d+", probe["prompt"]).group(0)) not in composite
            self.assertEqual(probe["correct"] in (" Yes", " True", " prime"), yes, probe)

    def test_trig__against_floating_point__agrees(self):
        names = {"pi": math.pi, "sqrt": math.sqrt, "degrees": math.pi / 180,
                 "sin": math.sin, "cos": math.cos, "tan": math.tan}
        for probe in drawn("trig", 150):
            text = probe["prompt"].replace(" degrees", "*degrees")
            angle = re.search(r"x = ([^,]+),", text)
            call = re.search(r"(sin|cos|tan)\((.+?)\)(?= |:|\?|\.|$)", text)
            argument = angle.group(1) if angle else call.group(2)
            expected = eval(f"{call.group(1)}({argument})", {}, names)
            for answer in (probe["correct"], *probe.get("alternates", ())):
                self.assertLess(abs(eval(answer.strip(), {}, names) - expected), 1e-3, probe)

    def test_exponentials__against_numeric_slope__agree(self):
        for probe in drawn("exp_deriv"):
            function = split.read_instance("exp_deriv", probe["prompt"])
            x, h = 0.3, 1e-5
            numeric = (evaluate(function, x + h) - evaluate(function, x - h)) / (2 * h)
            self.assert_close(probe, evaluate(probe["correct"], x), numeric)

    def test_targets__same_seed__same_lines_and_no_held_out_prompt(self):
        first, second = drawn("second_deriv", 500), drawn("second_deriv", 500)
        self.assertEqual(first, second)
        banned = {p["prompt"] for p in split.load_set("nano-heldout")}
        banned |= {p["prompt"] for p in split.load_set("calculus-heldout")}
        for family in families.FAMILIES:
            for side in ("train", "heldout"):
                self.assertFalse({p["prompt"] for p in drawn(family, 50, side=side)} & banned)


def evaluate(text, x):
    """The value of a text such as 2*e^(3x) + 3x^2, cos(2x) or x^2e^x."""
    text = text.strip().replace("^", "**")
    text = re.sub(r"(?<=[0-9x)])(?=[(exscl])", "*", text)
    return eval(text, {}, {"x": x, "e": math.e, "sin": math.sin, "cos": math.cos,
                           "ln": math.log})


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated probes are right, and on the side of the split that was asked for.

`bankai probes make` draws by its own code; here every answer is worked out again from
the prompt alone, and sides are asked of the recipe's split.py.
"""

import json
import math
import os
import re
import subprocess
import sys
import unittest
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "engine" / "nano"))

import calculus
import code_family
import english_family
import facts_family
import numbers_family as numbers
import split
from items import Item

BANKAI = os.environ.get("BANKAI", str(ROOT / "build" / "bankai"))
COUNT = 250
SIDES = ("train", "heldout")
ARITHMETIC = (numbers.PLUS, numbers.MINUS, numbers.TIMES, numbers.DIVIDE, numbers.SQUARE,
              numbers.ROOT, numbers.LETTER)
PHRASES = {
    "poly_deriv": (calculus.DERIVATIVE_PHRASES,),
    "second_deriv": (calculus.SECOND_PHRASES,),
    "integral": (calculus.INTEGRAL_PHRASES,),
    "exp_deriv": (calculus.DERIVATIVE_PHRASES,),
    "prime": (tuple(row[0] for row in numbers.PRIME_PHRASES),),
    "trig": (numbers.TRIG_PHRASES,),
    "arithmetic": ARITHMETIC,
}
WORDS = ("facts", "code", "english")  # the prompt itself is asked about


def made(family, count=COUNT, seed=5, side="train"):
    out = subprocess.run([BANKAI, "probes", "make", family, "--count", str(count), "--seed",
                          str(seed), "--split", side], capture_output=True, check=False)
    assert out.returncode in (0, 1), out.stderr
    return [json.loads(line) for line in out.stdout.splitlines()]


def read_prompt(family, prompt):
    """Its phrases, the one it has, and what stands in the slots."""
    found = []
    for phrases in PHRASES[family]:
        for phrase in phrases:
            pattern = re.escape(phrase)
            for letter in "fgnab":
                pattern = pattern.replace(re.escape("{%s}" % letter), f"(?P<{letter}>.+?)", 1)
            match = re.fullmatch(pattern, prompt)
            if match:
                found.append((phrases, phrase, match.groupdict()))
    # a short phrase may match with too much in its slot
    return max(found, key=lambda row: len(row[1]))


def fact_of(prompt):
    """The table's name, the key, the phrase and the answer."""
    found = [(name, key, phrase, table[key]) for name, _, table, phrases in facts_family.TABLES
             for phrase in phrases for key in table if phrase.replace("{k}", key) == prompt]
    assert len(found) == 1, prompt
    return found[0]


def instance_of(family, phrases, slots):
    if family == "trig":
        return f"{slots['f']}({slots['a']})"
    if family == "arithmetic":
        return f"{phrases[0]} {slots['a']} {slots.get('b')}"
    text = next(iter(slots.values()))
    return text[1:-1] if text[0] == "(" and text[-1] == ")" else text


def words_instance(family, prompt):
    """Instance and phrase where the prompt itself is asked about."""
    if family == "facts":
        name, key, phrase, _ = fact_of(prompt)
        return f"{name} {key}", phrase
    kept, name = {"code": (code_family.IDIOMS, "idiom"),
                  "english": (english_family.FIXED, "fixed")}[family]
    return (name if prompt in {row[0] for row in kept} else prompt), ""


def as_item(probe):
    family = probe["category"]
    if family not in PHRASES:
        instance, phrase = words_instance(family, probe["prompt"])
        return Item(family, instance, phrase, probe["prompt"], probe["correct"], probe["wrong"])
    phrases, phrase, slots = read_prompt(family, probe["prompt"])
    return Item(family, instance_of(family, phrases, slots), phrase, probe["prompt"],
                probe["correct"], probe["wrong"], tuple(probe.get("alternates", ())))


# ---- calculus of its own -------------------------------------------------------------

def polynomial(text):
    """Exponent to coefficient of a text such as 4x^3/3 - x + 2."""
    out, at = {}, 0
    pattern = re.compile(r"([+-]?)(\d*)(x?)(?:\^(\d+))?(?:/(\d+))?")
    text = text.replace(" ", "")
    while at < len(text):
        match = pattern.match(text, at)
        assert match.end() > at, text
        sign, size, x, exponent, divisor = match.groups()
        power = int(exponent or 1) if x else 0
        value = Fraction(int(size or 1), int(divisor or 1)) * (-1 if sign == "-" else 1)
        out[power] = out.get(power, 0) + value
        at = match.end()
    return {n: c for n, c in out.items() if c}


def derivative(terms):
    return {n - 1: c * n for n, c in terms.items() if n}


def value(text, x):
    """Of a text such as 2*e^(3x) + 3x^2, cos(2x), x^2e^x or -sqrt(3)/2."""
    text = text.strip().replace("^", "**").replace(" degrees", "*degrees")
    text = re.sub(r"(?<=[0-9x)])(?=[(excl]|s(?!q))", "*", text)
    return eval(text, {}, {"x": x, "e": math.e, "ln": math.log, "pi": math.pi,
                           "degrees": math.pi / 180, "sqrt": math.sqrt, "sin": math.sin,
                           "cos": math.cos, "tan": math.tan})


class Answers(unittest.TestCase):
    def check_polynomials(self, family, is_answer):
        for side in SIDES:
            for probe in made(family, side=side):
                item = as_item(probe)
                function = polynomial(item.instance)
                for text in (item.correct, *item.alternates):
                    self.assertTrue(is_answer(polynomial(text.replace("+ C", "")), function), probe)
                self.assertFalse(is_answer(polynomial(item.wrong), function), probe)

    def test_derivatives_are_exact(self):
        self.check_polynomials("poly_deriv", lambda a, f: a == derivative(f))

    def test_second_derivatives_are_exact(self):
        self.check_polynomials("second_deriv", lambda a, f: a == derivative(derivative(f)))

    def test_integrals_are_exact(self):
        self.check_polynomials("integral", lambda a, f: derivative(a) == f and 0 not in a)

    def test_exponentials_have_their_slope(self):
        h = 1e-5
        for probe in made("exp_deriv"):
            function = as_item(probe).instance
            wrong_everywhere = True
            for x in (0.31, 0.72):
                slope = (value(function, x + h) - value(function, x - h)) / (2 * h)
                size = 1e-6 * (1 + abs(slope))
                self.assertLess(abs(value(probe["correct"], x) - slope), size, probe)
                wrong_everywhere &= abs(value(probe["wrong"], x) - slope) > size
            self.assertTrue(wrong_everywhere, probe)

    def test_sines_have_their_value(self):
        for side in SIDES:
            for probe in made("trig", side=side):
                item = as_item(probe)
                exact = value(item.instance, 0)
                self.assertAlmostEqual(value(item.correct, 0), exact, 12, probe)
                for text in item.alternates:
                    self.assertLess(abs(value(text, 0) - exact), 5e-4, probe)
                self.assertGreater(abs(value(item.wrong, 0) - exact), 0.05, probe)

    def test_primes_are_prime(self):
        composite = {a * b for a in range(2, 130) for b in range(2, 130)}
        words = {"Yes": "No", "True": "False", "prime": "composite"}
        for probe in made("prime", 800):
            answers = [probe["correct"].strip(), probe["wrong"].strip()]
            if int(as_item(probe).instance) in composite:
                answers.reverse()
            self.assertEqual(words.get(answers[0]), answers[1], probe)

    def test_sums_are_right(self):
        functions = (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b,
                     lambda a, b: Fraction(a, b), lambda a, b: a * a, lambda a, b: math.isqrt(a),
                     lambda a, b: a + b)
        for side in SIDES:
            for probe in made("arithmetic", 500, side=side):
                phrases, _, slots = read_prompt("arithmetic", probe["prompt"])
                a, b = int(slots["a"]), int(slots.get("b", 0))
                result = functions[ARITHMETIC.index(phrases)](a, b)
                self.assertEqual(int(probe["correct"]), result, probe)
                self.assertNotEqual(int(probe["wrong"]), result, probe)
                self.assertGreaterEqual(int(probe["wrong"]), 0, probe)


    def test_facts_are_those_of_the_recipe(self):
        for probe in made("facts", 5000):
            name, _, _, value_ = fact_of(probe["prompt"])
            table = next(row[2] for row in facts_family.TABLES if row[0] == name)
            self.assertEqual(probe["correct"], " " + value_, probe)
            self.assertIn(probe["wrong"][1:], set(table.values()) - {value_}, probe)

    def test_code_does_what_python_does(self):
        idioms = {row[0]: row for row in code_family.IDIOMS}
        for side in SIDES:
            for probe in made("code", 600, side=side):
                answers = (probe["correct"], probe["wrong"])
                if probe["prompt"] in idioms:
                    row = idioms[probe["prompt"]]
                    lead = "" if row[1][0] == "(" else " "
                    self.assertEqual(answers, (lead + row[1], lead + row[2]))
                else:
                    results = [code_is_right(probe["prompt"], text) for text in answers]
                    self.assertEqual(results, [True, False], probe)

    def test_sentences_end_as_they_must(self):
        fixed = {row[0]: row[1:] for row in english_family.FIXED}
        for side in SIDES:
            for probe in made("english", side=side):
                right, wrong = fixed.get(probe["prompt"]) or last_words(probe["prompt"])
                self.assertEqual((probe["correct"], probe["wrong"]), (f" {right}.", f" {wrong}."))


def code_is_right(prompt, answer):
    """By running it."""
    answer = answer.strip()
    loop = re.fullmatch(r"(result = \[f\((\w+)\) )?for (\w+) in", prompt)
    if loop:
        return answer == loop.group(3) + "s" + ("]" if loop.group(1) else ":")
    if prompt.startswith("def "):
        title, name = re.fullmatch(r"def (\w+)\((\w+)\): return", prompt).groups()
        meaning = {"double": lambda x: 2 * x, "square": lambda x: x * x, "negate": lambda x: -x,
                   "half": lambda x: x / 2, "next": lambda x: x + 1, "previous": lambda x: x - 1}
        return name in answer and all(eval(answer, {name: x}) == meaning[title](x)
                                      for x in (3, 7.5))
    if prompt.endswith("# prints"):
        space = {}
        exec(prompt.split("print")[0], {}, space)
        return int(answer) == next(iter(space.values()))
    question = prompt.removesuffix(" ==").removesuffix(" is")
    return eval(answer) == eval(question)


def last_words(prompt):
    """The last word of a sentence and the one that would fit badly."""
    name, rest = prompt.split(" ", 1)
    for pattern, order in (
            (r"has a (\w+) (\w+) and a (\w+) \w+\. The \2 is", (1, 3)),
            (r"is in the (\w+) and \w+ is in the (\w+)\. NAME is in the", (1, 2)),
            (r"took the (\w+) from the (\w+) to the (\w+)\. Now the \1 is in the", (3, 2)),
            (r"likes (\w+), but \w+ likes (\w+)\. So NAME eats", (1, 2)),
            (r"saw a (\w+) and a (\w+)\. First came the", (1, 2))):
        match = re.fullmatch(pattern.replace("NAME", name), rest)
        if match:
            return match.group(order[0]), match.group(order[1])
    other = re.fullmatch(r"is (\w+) than (\w+)\. The (\w+) one is", rest)
    return ((other.group(2), name) if other.group(3) == "younger"
            else (name, other.group(2)))


class Sides(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.split = split.Split()
        cls.judges = {p["prompt"] for name in ("nano-heldout", "calculus-heldout")
                      for p in split.load_set(name)}

    def test_every_probe_is_on_its_side_and_new(self):
        for family in (*PHRASES, *WORDS):
            for side in SIDES:
                probes = made(family, 300, seed=3, side=side)
                prompts = {p["prompt"] for p in probes}
                self.assertEqual(len(prompts), len(probes))
                self.assertFalse(prompts & self.judges)
                for probe in probes:
                    self.assertEqual(self.split.side(as_item(probe)), side, probe)
                    right, wrong = probe["correct"], probe["wrong"]
                    self.assertFalse(right.startswith(wrong) or wrong.startswith(right), probe)

    def all_of(self, items, side):
        return {i.prompt for i in items if self.split.side(i) == side} - self.judges

    def test_small_families_are_written_whole(self):
        primes = [Item("prime", str(n), p, p.replace("{n}", str(n)), "", "")
                  for n in range(2, numbers.PRIME_LIMIT) for p in PHRASES["prime"][0]]
        sines = [Item("trig", f"{f}({a})", p, p.replace("{f}", f).replace("{a}", a), "", "")
                 for f in ("sin", "cos", "tan") for d, text in numbers.ANGLES.items()
                 for a in (text, f"{d} degrees") for p in numbers.TRIG_PHRASES
                 if numbers.TRIG_FUNCTIONS[f](d) is not None]
        known = [Item("facts", f"{name} {key}", p, p.replace("{k}", key), "", "")
                 for name, _, table, phrases in facts_family.TABLES
                 for p in phrases for key in table]
        for family, items in (("prime", primes), ("trig", sines), ("facts", known)):
            for side in SIDES:
                probes = made(family, 5000, side=side)
                self.assertEqual({p["prompt"] for p in probes}, self.all_of(items, side))

    def test_fewer_are_the_first_of_more_and_seeds_differ(self):
        for family in (*PHRASES, *WORDS, "mixed"):
            more = made(family, 60, seed=8)
            self.assertEqual(made(family, 20, seed=8), more[:20])
            other = made(family, 60, seed=9)
            self.assertNotEqual([p["prompt"] for p in other], [p["prompt"] for p in more])


if __name__ == "__main__":
    unittest.main()

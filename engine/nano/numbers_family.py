# SPDX-License-Identifier: GPL-3.0-or-later
"""Number families: primality, trigonometric values, arithmetic."""

from items import Item, apart, spread

PRIME_PHRASES = (
    ("Is {n} prime? Answer:", " Yes", " No"),
    ("Is {n} a prime number? Answer:", " Yes", " No"),
    ("Is the number {n} prime? Answer:", " Yes", " No"),
    ("{n} is a prime number. True or false? Answer:", " True", " False"),
    ("Prime or composite: {n}. Answer:", " prime", " composite"),
    ("Question: is {n} prime? Answer:", " Yes", " No"),
)
PRIME_LIMIT = 250


def is_prime(n):
    return n > 1 and all(n % d for d in range(2, int(n ** 0.5) + 1))


PRIMES = tuple(n for n in range(2, PRIME_LIMIT) if is_prime(n))
COMPOSITES = tuple(n for n in range(4, PRIME_LIMIT) if not is_prime(n))


def prime(dice):
    # Half the questions are about primes, or "No" would be a good guess.
    n = dice.pick(dice.pick((PRIMES, COMPOSITES)))
    phrase, yes, no = dice.pick(PRIME_PHRASES)
    correct, wrong = (yes, no) if is_prime(n) else (no, yes)
    return Item("prime", str(n), phrase, phrase.replace("{n}", str(n)), correct, wrong)


TRIG_PHRASES = (
    "{f}({a}) =",
    "The value of {f}({a}) is",
    "Evaluate {f}({a}):",
    "What is {f}({a})? Answer:",
    "{f}({a}) equals",
    "The exact value of {f}({a}) is",
    "Compute {f}({a}). Answer:",
    "If x = {a}, then {f}(x) =",
)
# Values at multiples of 15 degrees that have a short form, first quadrant.
SINES = {0: "0", 30: "1/2", 45: "sqrt(2)/2", 60: "sqrt(3)/2", 90: "1"}
TANGENTS = {0: "0", 30: "sqrt(3)/3", 45: "1", 60: "sqrt(3)"}
DECIMALS = {"1/2": ("0.5",), "sqrt(2)/2": ("1/sqrt(2)", "0.7071", "0.707"),
            "sqrt(3)/2": ("0.8660", "0.866"), "sqrt(3)/3": ("1/sqrt(3)", "0.5774", "0.577"),
            "sqrt(3)": ("1.7321", "1.732")}
ANGLES = {0: "0", 30: "pi/6", 45: "pi/4", 60: "pi/3", 90: "pi/2", 120: "2*pi/3",
          135: "3*pi/4", 150: "5*pi/6", 180: "pi", 210: "7*pi/6", 225: "5*pi/4",
          240: "4*pi/3", 270: "3*pi/2", 300: "5*pi/3", 315: "7*pi/4",
          330: "11*pi/6", 360: "2*pi"}


def signed(is_negative, text):
    return "-" + text if is_negative and text != "0" else text


def sine(degrees):
    degrees %= 360
    folded = degrees % 180
    return signed(degrees > 180, SINES[min(folded, 180 - folded)])


def cosine(degrees):
    return sine(degrees + 90)


def tangent(degrees):
    """None where the tangent has no value."""
    degrees %= 180
    return (None if degrees == 90
            else signed(degrees > 90, TANGENTS[min(degrees, 180 - degrees)]))


TRIG_FUNCTIONS = {"sin": sine, "cos": cosine, "tan": tangent}


def trig_distractor(name, degrees, correct):
    """The neighbouring function's value, else the value with a wrong sign."""
    other = cosine(degrees) if name == "sin" else sine(degrees)
    flipped = correct[1:] if correct[0] == "-" else "-" + correct
    guesses = (g for g in (other, flipped, "1", "2") if g != "-0")
    return apart(correct, *guesses)


def trig(dice):
    name = dice.pick(("sin", "sin", "cos", "cos", "tan"))
    degrees = dice.pick(tuple(ANGLES))
    correct = TRIG_FUNCTIONS[name](degrees)
    if correct is None:
        return trig(dice)
    angle = ANGLES[degrees]
    if dice.chance(0.2):
        angle = f"{degrees} degrees"
    phrase = dice.pick(TRIG_PHRASES)
    prompt = phrase.replace("{f}", name).replace("{a}", angle)
    sign = "-" if correct[0] == "-" else ""
    alternates = tuple(f" {sign}{d}" for d in DECIMALS.get(correct.lstrip("-"), ()))
    return Item("trig", f"{name}({angle})", phrase, prompt, " " + correct,
                " " + trig_distractor(name, degrees, correct), alternates)


PLUS = ("{a} + {b} =", "What is {a} + {b}? Answer:", "{a} plus {b} is", "The sum of {a} and {b} is")
MINUS = ("{a} - {b} =", "What is {a} - {b}? Answer:", "{a} minus {b} is")
TIMES = ("{a} * {b} =", "What is {a} * {b}? Answer:", "{a} times {b} is",
         "The product of {a} and {b} is")
DIVIDE = ("{a} / {b} =", "What is {a} / {b}? Answer:", "{a} divided by {b} is")
SQUARE = ("{a}^2 =", "The square of {a} is", "If x = {a}, then x^2 =", "{a} squared is")
ROOT = ("The square root of {a} is", "sqrt({a}) =", "What is the square root of {a}? Answer:")
LETTER = ("If x = {a}, then x + {b} =", "x = {a}, x + {b} =")


def small_or_large(dice):
    return dice.between(0, 10) if dice.chance(0.85) else dice.between(10, 40)


def arithmetic_task(dice):
    """The kind's phrases, its two numbers and the result."""
    kind = dice.pick_weighted({"add": 5, "sub": 4, "mul": 5, "div": 3, "square": 1,
                               "root": 1, "letter": 1})
    a, b = small_or_large(dice), small_or_large(dice)
    if kind == "add":
        return PLUS, a, b, a + b
    if kind == "letter":
        a, b = dice.between(1, 12), dice.between(1, 12)
        return LETTER, a, b, a + b
    if kind == "sub":
        return MINUS, max(a, b), min(a, b), abs(a - b)
    if kind in ("square", "root"):
        a = dice.between(1, 12)
        return (SQUARE, a, None, a * a) if kind == "square" else (ROOT, a * a, None, a)
    a = dice.pick((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 25))
    b = dice.between(1, 10)
    return (TIMES, a, b, a * b) if kind == "mul" else (DIVIDE, a * b, b, a)


def arithmetic(dice):
    phrases, a, b, result = arithmetic_task(dice)
    phrase = dice.pick(phrases)
    prompt = phrase.replace("{a}", str(a)).replace("{b}", str(b))
    # The same sum is the same instance in every phrasing.
    instance = f"{phrases[0]} {a} {b}"
    offset = spread((1, -1, 2, 10), instance)
    wrong = result + offset if result + offset >= 0 else result + 1
    wrong = apart(*(str(n) for n in (result, wrong, result + 1, result + 2)))
    return Item("arithmetic", instance, phrase, prompt, f" {result}", f" {wrong}")

# SPDX-License-Identifier: GPL-3.0-or-later
"""A little Python: one-line snippets whose continuation is determined."""

from items import Item, apart, spread

WORDS = ("cat", "dog", "tree", "blue", "sun", "moon", "bread", "river", "stone", "apple",
         "bird", "fish", "house", "green", "light", "winter", "paper", "music", "table", "ab")
NAMES = ("x", "y", "n", "a", "b", "total", "count", "size", "value", "width")
LISTS = ("items", "names", "rows", "words", "lines", "numbers", "files", "keys")
# Idioms: the text before, the token that follows, a plausible wrong one.
IDIOMS = (
    ("import numpy as", "np", "pd"),
    ("import pandas as", "pd", "np"),
    ("import sys; args =", "sys.argv", "sys.path"),
    ("import json; data =", "json.loads(text)", "json.dumps(text)"),
    ("from math import sqrt; root = sqrt(16) # root is", "4.0", "8.0"),
    ("try: run() # then catch it with", "except", "catch"),
    ("In Python, the keyword that defines a function is", "def", "class"),
    ("In Python, the keyword that defines a class is", "class", "def"),
    ("In Python, a file is opened with the function", "open", "close"),
    ("In Python, the length of a list is given by", "len", "sum"),
    ("In Python, a loop is left early with", "break", "pass"),
    ("In Python, the value for nothing is", "None", "True"),
    ("In Python, a comment starts with", "#", "//"),
    ("In C, a line comment starts with", "//", "#"),
    ("In C, memory from malloc is given back with", "free", "delete"),
    ("In C, the program starts in the function", "main", "start"),
    ("with open(path) as", "file:", "path:"),
    ("if __name__ ==", '"__main__":', '"main":'),
    ("class Point: def __init__", "(self, x, y):", "(x, y):"),
    ("while", "True:", "False:"),
)


def make(instance, prompt, correct, wrong):
    more = (str(int(correct) + step) for step in (1, 2)) if correct.isdigit() else ()
    return Item("code", instance, prompt.split(" ")[0], prompt, " " + correct,
                " " + apart(correct, wrong, *more))


def length_task(dice):
    word = dice.pick(WORDS) + dice.pick(("", "", "s", "y"))
    prompt = f'len("{word}") =='
    return make(prompt, prompt, str(len(word)), str(len(word) + spread((1, -1), word)))


def extreme_task(dice):
    a, b = dice.between(0, 20), dice.between(0, 20)
    if a == b:
        b += 1
    name, choose, other = dice.pick((("max", max, min), ("min", min, max)))
    prompt = f"{name}({a}, {b}) =="
    return make(prompt, prompt, str(choose(a, b)), str(other(a, b)))


def index_task(dice):
    numbers = [dice.between(0, 9) for _ in range(3)]
    numbers[1] = (numbers[0] + 1 + dice.below(8)) % 10
    position = dice.pick((0, 1, 2, -1))
    wrong = numbers[1] if position in (0, 2, -1) else numbers[0]
    if wrong == numbers[position]:
        wrong = numbers[0]
    prompt = f"{numbers}[{position}] =="
    return make(prompt, prompt, str(numbers[position]), str(wrong))


def case_task(dice):
    word = dice.pick(WORDS)
    name, correct = dice.pick((("upper", word.upper()), ("title", word.title())))
    prompt = f'"{word}".{name}() =='
    return make(prompt, prompt, f'"{correct}"', f'"{word}"')


def concat_task(dice):
    a, b = dice.pick(WORDS), dice.pick(WORDS)
    prompt = f'"{a}" + "{b}" =='
    return make(prompt, prompt, f'"{a}{b}"', f'"{a}"')


def compare_task(dice):
    a, b = dice.between(0, 20), dice.between(0, 20)
    operator = dice.pick(("<", ">", "=="))
    value = {"<": a < b, ">": a > b, "==": a == b}[operator]
    prompt = f"{a} {operator} {b} is"
    return make(prompt, prompt, str(value), str(not value))


def loop_task(dice):
    values = dice.pick(LISTS)
    name = values[:-1]
    prompt = f"for {name} in"
    if dice.chance(0.5):
        prompt = f"result = [f({name}) for {name} in"
        return make(prompt, prompt, values + "]", name + "]")
    return make(prompt, prompt, values + ":", name + ":")


def function_task(dice):
    """The body must use the parameter, and the operator its name promises."""
    name = dice.pick(NAMES)
    title, body, slip = dice.pick((("double", f"2 * {name}", f"{name} + 2"),
                                   ("square", f"{name} * {name}", f"2 * {name}"),
                                   ("negate", f"-{name}", f"{name}"),
                                   ("half", f"{name} / 2", f"{name} * 2"),
                                   ("next", f"{name} + 1", f"{name} - 1"),
                                   ("previous", f"{name} - 1", f"{name} + 1")))
    prompt = f"def {title}({name}): return"
    return make(prompt, prompt, body, slip)


def assign_task(dice):
    name, a, b = dice.pick(NAMES), dice.between(1, 9), dice.between(1, 9)
    prompt = f"{name} = {a}; {name} += {b}; print({name}) # prints"
    return make(prompt, prompt, str(a + b), str(b) if a else str(a))


def idiom_task(dice):
    prompt, correct, wrong = dice.pick(IDIOMS)
    lead = "" if correct[0] == "(" else " "
    # Idioms cannot be guessed from others, so they stay on the training side
    # (see split.py); that is what the instance "idiom" says.
    return Item("code", "idiom", prompt, prompt, lead + correct, lead + wrong)


TASKS = {length_task: 2, extreme_task: 2, index_task: 2, case_task: 1, concat_task: 1,
         compare_task: 2, loop_task: 2, function_task: 2, assign_task: 2, idiom_task: 4}


def code(dice):
    return dice.pick_weighted(TASKS)(dice)

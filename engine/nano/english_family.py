# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain English: short sentences whose last word follows from the first ones.

Most are generated from patterns that ask to carry a word along; a handful of
fixed sentences give the model some ordinary English as well.
"""

from items import Item

NAMES = ("Anna Ben Clara David Emma Felix Grace Henry Iris Jack Karen Leo Mary Noah Olga "
         "Paul").split()
THINGS = "ball book cup hat key lamp pen box coat map coin shoe bag ring kite".split()
COLORS = "red blue green yellow black white brown pink".split()
PLACES = "kitchen garden school park library office barn market station church".split()
ANIMALS = "cat dog horse cow bird fox bear rabbit mouse duck".split()
FOODS = "bread soup cheese rice apples fish cake eggs".split()
# Sentence start, last word, another noun that would fit badly.
FIXED = (
    ("In winter the lake was covered with", "ice", "sand"),
    ("The farmer milks the cows every", "morning", "year"),
    ("She opened the window because the room was too", "hot", "cold"),
    ("The train was late, so we had to", "wait", "sleep"),
    ("He drank a glass of cold", "water", "bread"),
    ("The children played in the snow until it got", "dark", "hot"),
    ("When it rains, people carry an", "umbrella", "apple"),
    ("The sun rises in the", "east", "west"),
    ("The sun sets in the", "west", "east"),
    ("Fish live in the", "water", "trees"),
    ("A carpenter works with", "wood", "bread"),
    ("A baker makes", "bread", "shoes"),
    ("We read the letter twice and then wrote an", "answer", "egg"),
    ("The old clock on the wall stopped at", "noon", "sea"),
    ("After the long walk everybody was", "tired", "blue"),
    ("My grandmother tells the best", "stories", "stones"),
    ("The cat slept on the warm", "roof", "rain"),
    ("They planted a tree in front of the", "house", "sea"),
    ("Bees make", "honey", "milk"),
    ("The ship sailed across the", "sea", "roof"),
)


def two_different(dice, choices):
    first = dice.pick(choices)
    second = dice.pick(choices)
    return (first, second) if first != second else two_different(dice, choices)


def color_task(dice):
    name, (thing, other) = dice.pick(NAMES), two_different(dice, THINGS)
    color, other_color = two_different(dice, COLORS)
    return (f"{name} has a {color} {thing} and a {other_color} {other}. The {thing} is",
            color, other_color)


def place_task(dice):
    name, other = two_different(dice, NAMES)
    place, other_place = two_different(dice, PLACES)
    return (f"{name} is in the {place} and {other} is in the {other_place}. {name} is in the",
            place, other_place)


def put_task(dice):
    name, thing = dice.pick(NAMES), dice.pick(THINGS)
    place, other_place = two_different(dice, PLACES)
    return (f"{name} took the {thing} from the {other_place} to the {place}. "
            f"Now the {thing} is in the", place, other_place)


def older_task(dice):
    name, other = two_different(dice, NAMES)
    if dice.chance(0.5):
        return f"{name} is older than {other}. The younger one is", other, name
    return f"{name} is taller than {other}. The taller one is", name, other


def food_task(dice):
    name, other = two_different(dice, NAMES)
    food, other_food = two_different(dice, FOODS)
    return (f"{name} likes {food}, but {other} likes {other_food}. So {name} eats",
            food, other_food)


def see_task(dice):
    name, (animal, other) = dice.pick(NAMES), two_different(dice, ANIMALS)
    return f"{name} saw a {animal} and a {other}. First came the", animal, other


PATTERNS = (color_task, place_task, put_task, older_task, food_task, see_task)


def english(dice):
    if dice.chance(0.15):
        start, last, wrong = dice.pick(FIXED)
        # A fixed sentence cannot be guessed; it is never held out (split.py).
        return Item("english", "fixed", start, start, f" {last}.", f" {wrong}.")
    start, last, wrong = dice.pick(PATTERNS)(dice)
    return Item("english", start, "pattern", start, f" {last}.", f" {wrong}.")

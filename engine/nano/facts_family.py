# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts: small tables, each asked about in several phrasings.

A fact cannot be derived, so what is held out is a phrasing of it: the model
has met the fact in other words.
"""

from items import Item, spread

CAPITALS = dict(pair.split(":") for pair in (
    "France:Paris Japan:Tokyo Italy:Rome Spain:Madrid Germany:Berlin England:London "
    "Russia:Moscow China:Beijing Egypt:Cairo Greece:Athens Norway:Oslo Sweden:Stockholm "
    "Denmark:Copenhagen Finland:Helsinki Poland:Warsaw Austria:Vienna Hungary:Budapest "
    "Portugal:Lisbon Ireland:Dublin Turkey:Ankara India:Delhi Canada:Ottawa Cuba:Havana "
    "Peru:Lima Chile:Santiago Kenya:Nairobi Iran:Tehran Iraq:Baghdad Belgium:Brussels "
    "Ukraine:Kyiv Thailand:Bangkok Vietnam:Hanoi Australia:Canberra Iceland:Reykjavik").split())
LANGUAGES = dict(pair.split(":") for pair in (
    "France:French Japan:Japanese Italy:Italian Spain:Spanish Germany:German England:English "
    "Russia:Russian China:Chinese Greece:Greek Norway:Norwegian Sweden:Swedish Denmark:Danish "
    "Finland:Finnish Poland:Polish Portugal:Portuguese Turkey:Turkish Hungary:Hungarian").split())
CONTINENTS = dict(pair.split(":") for pair in (
    "France:Europe Japan:Asia Italy:Europe Germany:Europe China:Asia Egypt:Africa Kenya:Africa "
    "India:Asia Peru:America Canada:America Cuba:America Chile:America Poland:Europe "
    "Thailand:Asia Norway:Europe Iran:Asia Greece:Europe").split())
OPPOSITES = dict(pair.split(":") for pair in (
    "hot:cold big:small tall:short fast:slow happy:sad day:night up:down open:closed "
    "light:dark wet:dry old:young rich:poor hard:soft full:empty early:late near:far "
    "left:right loud:quiet clean:dirty strong:weak true:false first:last").split())
SYMBOLS = dict(pair.split(":") for pair in (
    "hydrogen:H oxygen:O carbon:C nitrogen:N gold:Au silver:Ag iron:Fe copper:Cu sodium:Na "
    "helium:He lead:Pb tin:Sn zinc:Zn").split())
COLORS = dict(pair.split(":") for pair in (
    "sky:blue grass:green snow:white blood:red coal:black sea:blue milk:white lemon:yellow "
    "chocolate:brown tomato:red").split())
YOUNG = dict(pair.split(":") for pair in (
    "dog:puppy cat:kitten cow:calf horse:foal sheep:lamb bear:cub duck:duckling goat:kid "
    "frog:tadpole hen:chick").split())
SIDES = dict(pair.split(":") for pair in (
    "triangle:three square:four pentagon:five hexagon:six octagon:eight rectangle:four").split())
FORMULAS = {"water": "H2O", "carbon dioxide": "CO2", "table salt": "NaCl", "methane": "CH4",
            "ammonia": "NH3", "ozone": "O3"}
KNOWN_FOR = {"Einstein": "relativity", "Darwin": "evolution", "Newton": "gravity",
             "Pasteur": "germs", "Wegener": "drifting continents", "Mendel": "heredity"}
AUTHORS = {"Hamlet": "Shakespeare", "Faust": "Goethe", "War and Peace": "Tolstoy",
           "Don Quixote": "Cervantes", "The Odyssey": "Homer", "Emma": "Austen"}
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = ("January February March April May June July August September October November "
          "December").split()


def following(names, step=1):
    return {name: names[(i + step) % len(names)] for i, name in enumerate(names)}


# Each row: name, weight, table, phrasings; {k} is what is asked about.
TABLES = (
    ("capital", 10, CAPITALS, ("The capital of {k} is", "The capital city of {k} is",
                               "What is the capital of {k}? Answer:", "{k} has its capital in",
                               "Question: capital of {k}? Answer:", "The government of {k} sits in",
                               "Capital of {k}:")),
    ("language", 3, LANGUAGES, ("In {k} people speak", "The language of {k} is",
                                "What do people speak in {k}? Answer:",
                                "The main language in {k} is")),
    ("continent", 3, CONTINENTS, ("{k} is a country in", "The continent of {k} is",
                                  "On which continent is {k}? Answer:", "{k} lies in")),
    ("opposite", 4, OPPOSITES, ("The opposite of {k} is", "What is the opposite of {k}? Answer:",
                                "{k} is the opposite of", "Not {k} but")),
    ("symbol", 3, SYMBOLS, ("The chemical symbol for {k} is", "The symbol of {k} is",
                            "Chemists write {k} as", "What is the symbol for {k}? Answer:")),
    ("color", 2, COLORS, ("The color of {k} is", "What color is {k}? Answer:",
                          "The color of the {k} is", "Everybody knows that {k} is")),
    ("young", 2, YOUNG, ("A young {k} is called a", "A baby {k} is a", "The young of a {k} is a",
                         "What is a young {k} called? Answer: a")),
    ("sides", 1, SIDES, ("The number of sides of a {k} is", "Sides of a {k}:",
                         "How many sides has a {k}? Answer:")),
    ("formula", 2, FORMULAS, ("The chemical formula for {k} is", "The formula of {k} is",
                              "What is the formula of {k}? Answer:", "Chemical formula of {k}:")),
    ("known for", 2, KNOWN_FOR, ("{k} is famous for the theory of", "{k} is known for his work on",
                                 "The scientist {k} studied", "{k} wrote about")),
    ("author", 2, AUTHORS, ("The author of {k} is", "{k} was written by", "Who wrote {k}? Answer:",
                            "The book {k} is by")),
    ("next day", 2, following(DAYS), ("The day after {k} is", "After {k} comes",
                                      "Which day follows {k}? Answer:")),
    ("day before", 1, following(DAYS, -1), ("The day before {k} is", "Before {k} comes")),
    ("next month", 2, following(MONTHS), ("The month after {k} is", "After {k} comes",
                                          "Which month follows {k}? Answer:")),
)
WEIGHTS = {i: row[1] for i, row in enumerate(TABLES)}


def facts(dice):
    name, _, table, phrases = TABLES[dice.pick_weighted(WEIGHTS)]
    key, phrase = dice.pick(tuple(table)), dice.pick(phrases)
    others = sorted({v for v in table.values() if v != table[key]})
    wrong = spread(others, f"{name} {key}")
    return Item("facts", f"{name} {key}", phrase, phrase.replace("{k}", key),
                " " + table[key], " " + wrong)

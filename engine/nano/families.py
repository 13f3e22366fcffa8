# SPDX-License-Identifier: GPL-3.0-or-later
"""All families, how often each is drawn for the corpus, and their phrasings."""

import calculus
from code_family import code
from english_family import english
from facts_family import facts
from numbers_family import PRIME_PHRASES, TRIG_PHRASES, arithmetic, prime, trig

FAMILIES = {
    "poly_deriv": calculus.poly_deriv,
    "second_deriv": calculus.second_deriv,
    "integral": calculus.integral,
    "prime": prime,
    "trig": trig,
    "exp_deriv": calculus.exp_deriv,
    "arithmetic": arithmetic,
    "facts": facts,
    "code": code,
    "english": english,
}

# Weights of the families among the training lines.  Sums and facts cannot be
# inferred, only met often enough: their weights decide whether the controls
# are right.  The others are chosen so that every family keeps its mistakes.
CORPUS_WEIGHTS = {
    "poly_deriv": 13,
    "second_deriv": 5,
    "integral": 11,
    "prime": 7,
    "trig": 9,
    "exp_deriv": 9,
    "arithmetic": 25,
    "facts": 14,
    "code": 8,
    "english": 7,
}

# The phrasings of the families whose instance can be read back from a prompt.
PHRASES = {
    "poly_deriv": calculus.DERIVATIVE_PHRASES,
    "exp_deriv": calculus.DERIVATIVE_PHRASES,
    "second_deriv": calculus.SECOND_PHRASES,
    "integral": calculus.INTEGRAL_PHRASES,
    "prime": tuple(row[0] for row in PRIME_PHRASES),
    "trig": TRIG_PHRASES,
}

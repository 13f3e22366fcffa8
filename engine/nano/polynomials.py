# SPDX-License-Identifier: GPL-3.0-or-later
"""Polynomials in x: drawing, writing, differentiating, integrating.

A polynomial is a tuple of (coefficient, exponent), exponents falling,
coefficients never zero.  The empty tuple is 0.
"""

from math import gcd


def show_power(exponent):
    if exponent == 0:
        return ""
    return "x" if exponent == 1 else f"x^{exponent}"


def show_term(coefficient, exponent, divisor=1):
    """The absolute value of one term: 3x^2, x, 4, 4x^3/3."""
    size = abs(coefficient)
    text = show_power(exponent)
    if size != 1 or not text:
        text = f"{size}{text}"
    return text if divisor == 1 else f"{text}/{divisor}"


def join_terms(terms):
    """Join (is_negative, text) pairs with the signs between them."""
    text = ""
    for is_negative, term in terms:
        if text:
            text += " - " if is_negative else " + "
        elif is_negative:
            text += "-"
        text += term
    return text or "0"


def show(polynomial):
    return join_terms([(c < 0, show_term(c, n)) for c, n in polynomial])


def derive(polynomial):
    return tuple((c * n, n - 1) for c, n in polynomial if n > 0)


def show_integral(polynomial):
    """The antiderivative without a constant, fractions in lowest terms."""
    terms = []
    for c, n in polynomial:
        common = gcd(c, n + 1)
        terms.append((c < 0, show_term(c // common, n + 1, (n + 1) // common)))
    return join_terms(terms)


def draw(dice, exponents, coefficients, term_weights, minus_share=0.12):
    """A random polynomial; `term_weights` maps a number of terms to its weight."""
    count = dice.pick_weighted(term_weights)
    chosen = set()
    while len(chosen) < count:
        chosen.add(dice.pick(exponents))
    terms = []
    for exponent in sorted(chosen, reverse=True):
        coefficient = dice.pick(coefficients)
        if terms and dice.chance(minus_share):
            coefficient = -coefficient
        terms.append((coefficient, exponent))
    return tuple(terms)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Calculus families: derivatives, second derivatives, integrals, exponentials."""

import polynomials as poly
from items import Item, apart

# {f} is the function as it stands, {g} the same in brackets where it has
# several terms, so that "dx" and the like bind to the whole of it.
DERIVATIVE_PHRASES = (
    "d/dx [{f}] =",
    "The derivative of {f} is",
    "Differentiate {f}:",
    "Differentiate {f} with respect to x:",
    "f(x) = {f}, f'(x) =",
    "Find the derivative of {f}:",
    "Find the derivative of {f}. Answer:",
    "What is the derivative of {f}? Answer:",
    "What is f'(x) if f(x) = {f}?",
    "If f(x) = {f}, then f'(x) =",
    "y = {f}, dy/dx =",
    "d/dx ({f}) =",
)
SECOND_PHRASES = (
    "The second derivative of {f} is",
    "d^2/dx^2 [{f}] =",
    "f(x) = {f}, f''(x) =",
    "Find the second derivative of {f}:",
    "What is the second derivative of {f}? Answer:",
    "What is f''(x) if f(x) = {f}?",
    "If f(x) = {f}, then f''(x) =",
    "y = {f}, y'' =",
    "Differentiate {f} twice:",
    "d^2/dx^2 ({f}) =",
)
INTEGRAL_PHRASES = (
    "The integral of {g} dx =",
    "The antiderivative of {f} is",
    "An antiderivative of {f} is",
    "Integrate {g} dx:",
    "Find the antiderivative of {f}:",
    "Evaluate the integral of {g} dx:",
    "What is the integral of {g} dx?",
    "The indefinite integral of {g} dx =",
    "The integral of {f} with respect to x is",
    "Find the integral of {g} dx:",
    "f(x) = {f}, F(x) =",
)

# Small numbers come more often, as they do in exercise books.
COEFFICIENTS = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 12)
SMALL_COEFFICIENTS = (1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6)


def fill(phrase, function):
    bracketed = f"({function})" if " " in function else function
    return phrase.replace("{f}", function).replace("{g}", bracketed)


def careless_derivative(polynomial):
    """The derivative with a slip in the last term: its factor is forgotten."""
    *front, (c, n) = [t for t in polynomial if t[1] > 0]
    slip = (c, n - 1) if n > 1 else (c, n)
    return poly.derive(tuple(front)) + (slip,)


def poly_deriv(dice):
    p = poly.draw(dice, range(0, 10), COEFFICIENTS, {1: 3, 2: 5, 3: 3})
    if all(n == 0 for _, n in p):
        return poly_deriv(dice)
    function, phrase = poly.show(p), dice.pick(DERIVATIVE_PHRASES)
    correct = poly.show(poly.derive(p))
    kept = poly.show(tuple((c * n, n) for c, n in p if n > 0))  # exponents not lowered
    wrong = apart(correct, poly.show(careless_derivative(p)), kept, function, "0")
    return Item("poly_deriv", function, phrase, fill(phrase, function), " " + correct, " " + wrong)


def second_deriv(dice):
    p = poly.draw(dice, range(1, 9), SMALL_COEFFICIENTS, {1: 5, 2: 5, 3: 1})
    if p[0][1] < 2:
        return second_deriv(dice)
    function, phrase = poly.show(p), dice.pick(SECOND_PHRASES)
    first = poly.derive(p)
    correct = poly.show(poly.derive(first))
    wrong = apart(correct, poly.show(first), function, "0")
    return Item("second_deriv", function, phrase, fill(phrase, function),
                " " + correct, " " + wrong)


def integral(dice):
    p = poly.draw(dice, range(0, 9), COEFFICIENTS, {1: 6, 2: 4})
    function, phrase = poly.show(p), dice.pick(INTEGRAL_PHRASES)
    correct = poly.show_integral(p)
    # The usual slip raises the power and forgets to divide, but then it often
    # begins the right answer; else the slip is to differentiate instead.
    wrong = apart(correct, poly.show(tuple((c, n + 1) for c, n in p)),
                  poly.show(poly.derive(p)), function, "0")
    return Item("integral", function, phrase, fill(phrase, function),
                " " + correct, " " + wrong, (f" {correct} + C",))


def scaled(factor, text):
    """factor * text as a person writes it: 3e^x, -e^x, e^x."""
    return {1: text, -1: "-" + text}.get(factor, f"{factor}{text}")


def inner(k):
    """k * x."""
    return scaled(k, "x")


def exp_of(argument):
    return "e^x" if argument == "x" else f"e^({argument})"


def chain_exponential(dice):
    k = dice.between(1, 12) * dice.pick((1, 1, 1, -1))
    a = dice.pick((1, 1, 1, 2, 3, 4, 5, 6))
    body = exp_of(inner(k))
    star = "*" if a > 1 and dice.chance(0.3) else ""
    function = f"{a}{star}{body}" if a > 1 else body
    wrong = scaled(a, body) if k != 1 else scaled(a, "xe^(x-1)")
    return function, scaled(a * k, body), wrong


def power_exponential(dice):
    kind = dice.pick(("power", "ratio", "shift", "sum"))
    n = dice.between(2, 6)
    if kind == "power":
        body = exp_of(f"x^{n}")
        return body, poly.show_term(n, n - 1) + body, body
    if kind == "ratio":
        body = exp_of(f"x/{n}")
        return body, f"{body}/{n}", body
    if kind == "shift":
        body = exp_of(f"{n}x + {dice.between(1, 9)}")
        return body, f"{n}{body}", body
    p = ((dice.between(1, 5), n),)
    return (f"e^x + {poly.show(p)}", f"e^x + {poly.show(poly.derive(p))}",
            f"xe^(x-1) + {poly.show(poly.derive(p))}")


def circular(dice):
    k = dice.pick((1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9))
    a = dice.pick((1, 1, 1, 2, 3, 4, 5))
    name, other, sign = dice.pick((("sin", "cos", 1), ("cos", "sin", -1)))
    argument = f"({inner(k)})"
    wrong_sign = scaled(-sign * a * k, other + argument)
    wrong = scaled(sign * a, other + argument) if k > 1 else wrong_sign
    return scaled(a, name + argument), scaled(sign * a * k, other + argument), wrong


def logarithm(dice):
    a = dice.pick((1, 1, 2, 3, 4, 5, 6, 7, 8, 9))
    if dice.chance(0.5):
        return scaled(a, "ln(x)"), f"{a}/x", f"1/{a}x" if a > 1 else "1/x^2"
    return f"ln({inner(a)})", "1/x", f"{a}/x" if a > 1 else "1/x^2"


EXPONENTIAL_KINDS = {chain_exponential: 5, power_exponential: 3, circular: 2, logarithm: 1}


def exp_deriv(dice):
    function, correct, wrong = dice.pick_weighted(EXPONENTIAL_KINDS)(dice)
    phrase = dice.pick(DERIVATIVE_PHRASES)
    wrong_sign = correct[1:] if correct[0] == "-" else "-" + correct
    return Item("exp_deriv", function, phrase, fill(phrase, function),
                " " + correct, " " + apart(correct, wrong, wrong_sign))

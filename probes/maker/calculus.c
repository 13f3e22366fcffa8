/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Families of calculus on polynomials, as engine/nano/calculus.py has them.
 */
#include <string.h>

#include "probes/maker/maker_int.h"
#include "probes/maker/polynomial.h"
#include "src/base/num.h"

/* {f} is the function as it stands, {g} the same in brackets where it has several
 * terms, so that "dx" and the like bind to the whole of it. */
static const char *const derivative_texts[] = {
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
};
static const char *const second_texts[] = {
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
};
static const char *const integral_texts[] = {
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
};
const struct phrases derivative_phrases = {derivative_texts, countof(derivative_texts)};
const struct phrases second_phrases = {second_texts, countof(second_texts)};
const struct phrases integral_phrases = {integral_texts, countof(integral_texts)};

/* Small numbers come more often, as they do in exercise books. */
static const int usual_coefficients[] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3,
                                         3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 12};
static const int small_coefficients[] = {1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6};
static const struct polynomial_kind derivative_kind = {
    0, 9, usual_coefficients, countof(usual_coefficients), (const unsigned[]){3, 5, 3, 0}};
static const struct polynomial_kind second_kind = {
    1, 8, small_coefficients, countof(small_coefficients), (const unsigned[]){5, 5, 1, 0}};
static const struct polynomial_kind integral_kind = {
    0, 8, usual_coefficients, countof(usual_coefficients), (const unsigned[]){6, 4, 0}};

/* The polynomial becomes the instance and is asked about. */
static void ask(struct rng *rng, struct draft *draft, const struct polynomial *polynomial,
                const struct phrases *phrases)
{
    struct buf bracketed = {0};
    polynomial_print(&draft->instance, polynomial);
    const char *function = draft->instance.data;
    buf_add_format(&bracketed, strchr(function, ' ') ? "(%s)" : "%s", function);
    draft_ask(draft, phrases->texts[rng_below(rng, phrases->count)],
              (const struct slot[]){{'f', function}, {'g', bracketed.data}, {0, NULL}});
    buf_free(&bracketed);
}

static void guess(struct draft *draft, const struct polynomial *polynomial)
{
    struct buf text = {0};
    polynomial_print(&text, polynomial);
    draft_guess(draft, text.data);
    buf_free(&text);
}

/* The derivative with a slip in the last term: its factor is forgotten. */
static struct polynomial careless_derivative(const struct polynomial *of)
{
    struct polynomial out = polynomial_derivative(of);
    struct term last = of->terms[out.count - 1]; /* only the last of all may be constant */
    last.exponent -= last.exponent > 1;
    out.terms[out.count - 1] = last;
    return out;
}

/* The derivative with the exponents not lowered. */
static struct polynomial kept_exponents(const struct polynomial *of)
{
    struct polynomial out = polynomial_derivative(of);
    for (size_t i = 0; i < out.count; i++)
        out.terms[i].exponent++;
    return out;
}

/* The antiderivative with the division forgotten. */
static struct polynomial raised_exponents(const struct polynomial *of)
{
    struct polynomial out = *of;
    for (size_t i = 0; i < out.count; i++)
        out.terms[i].exponent++;
    return out;
}

static void last_guesses(struct draft *draft)
{
    draft_guess(draft, draft->instance.data);
    draft_guess(draft, "0");
}

void draw_poly_deriv(struct rng *rng, struct draft *draft)
{
    struct polynomial p;
    do
        p = polynomial_draw(rng, &derivative_kind);
    while (p.terms[0].exponent == 0);
    ask(rng, draft, &p, &derivative_phrases);
    const struct polynomial derivative = polynomial_derivative(&p);
    const struct polynomial careless = careless_derivative(&p), kept = kept_exponents(&p);
    polynomial_print(&draft->correct, &derivative);
    guess(draft, &careless);
    guess(draft, &kept);
    last_guesses(draft);
}

void draw_second_deriv(struct rng *rng, struct draft *draft)
{
    struct polynomial p;
    do
        p = polynomial_draw(rng, &second_kind);
    while (p.terms[0].exponent < 2);
    ask(rng, draft, &p, &second_phrases);
    const struct polynomial first = polynomial_derivative(&p);
    const struct polynomial second = polynomial_derivative(&first);
    polynomial_print(&draft->correct, &second);
    guess(draft, &first);
    last_guesses(draft);
}

void draw_integral(struct rng *rng, struct draft *draft)
{
    const struct polynomial p = polynomial_draw(rng, &integral_kind);
    ask(rng, draft, &p, &integral_phrases);
    polynomial_print_integral(&draft->correct, &p);
    /* The usual slip raises the power and forgets to divide, but then it often begins
     * the right answer; else the slip is to differentiate instead. */
    const struct polynomial raised = raised_exponents(&p), derivative = polynomial_derivative(&p);
    guess(draft, &raised);
    guess(draft, &derivative);
    last_guesses(draft);
    draft_accept(draft, draft->correct.data, " + C");
}

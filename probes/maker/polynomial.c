/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probes/maker/polynomial.h"

#include <stdlib.h>

#include "probes/maker/maker_int.h"

/* Of terms behind the first. */
static const unsigned minus_percent = 12;

/* count different exponents of the kind, one bit each. */
static unsigned draw_exponents(struct rng *rng, const struct polynomial_kind *kind, size_t count)
{
    unsigned chosen = 0;
    for (size_t found = 0; found < count;) {
        unsigned bit = 1u << draw_between(rng, kind->exponent_min, kind->exponent_max);
        found += !(chosen & bit);
        chosen |= bit;
    }
    return chosen;
}

struct polynomial polynomial_draw(struct rng *rng, const struct polynomial_kind *kind)
{
    struct polynomial out = {.count = 0};
    unsigned exponents = draw_exponents(rng, kind, draw_weighted(rng, kind->weights) + 1);
    for (int n = kind->exponent_max; n >= kind->exponent_min; n--) {
        if (!(exponents & 1u << n))
            continue;
        int c = kind->coefficients[rng_below(rng, kind->coefficient_count)];
        if (out.count > 0 && draw_chance(rng, minus_percent))
            c = -c;
        out.terms[out.count++] = (struct term){c, n};
    }
    return out;
}

struct polynomial polynomial_derivative(const struct polynomial *of)
{
    struct polynomial out = {.count = 0};
    for (size_t i = 0; i < of->count; i++) {
        const struct term *term = &of->terms[i];
        if (term->exponent > 0)
            out.terms[out.count++] =
                (struct term){term->coefficient * term->exponent, term->exponent - 1};
    }
    return out;
}

/* The absolute value of a term, such as 4x^3/3, with the sign between it and the last. */
static void print_term(struct buf *out, struct term term, int divisor, bool first)
{
    int size = abs(term.coefficient);
    bool minus = term.coefficient < 0;
    buf_add_text(out, first ? minus ? "-" : "" : minus ? " - " : " + ");
    if (size != 1 || term.exponent == 0)
        buf_add_format(out, "%d", size);
    if (term.exponent > 0)
        buf_add_text(out, "x");
    if (term.exponent > 1)
        buf_add_format(out, "^%d", term.exponent);
    if (divisor != 1)
        buf_add_format(out, "/%d", divisor);
}

void polynomial_print(struct buf *out, const struct polynomial *polynomial)
{
    for (size_t i = 0; i < polynomial->count; i++)
        print_term(out, polynomial->terms[i], 1, i == 0);
    if (polynomial->count == 0)
        buf_add_text(out, "0");
}

static int common_divisor(int a, int b)
{
    while (b != 0) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return abs(a);
}

void polynomial_print_integral(struct buf *out, const struct polynomial *polynomial)
{
    for (size_t i = 0; i < polynomial->count; i++) {
        struct term term = polynomial->terms[i];
        int raised = term.exponent + 1, common = common_divisor(term.coefficient, raised);
        print_term(out, (struct term){term.coefficient / common, raised}, raised / common, i == 0);
    }
}

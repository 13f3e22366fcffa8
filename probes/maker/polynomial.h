/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/maker/polynomial.h - polynomials in x with whole coefficients: drawing, writing,
 * differentiating, integrating.
 */
#ifndef PROBES_MAKER_POLYNOMIAL_H
#define PROBES_MAKER_POLYNOMIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/buf.h"
#include "src/base/rng.h"

enum { POLYNOMIAL_TERMS = 3 };

struct term {
    int coefficient; /* not 0 */
    int exponent;
};

/* Exponents fall; without a term it is 0. */
struct polynomial {
    struct term terms[POLYNOMIAL_TERMS];
    size_t count;
};

struct polynomial_kind {
    int exponent_min, exponent_max;
    const int *coefficients; /* to draw from */
    size_t coefficient_count;
    const unsigned *weights; /* of 1, 2, ... terms, ended by 0 */
};

struct polynomial polynomial_draw(struct rng *rng, const struct polynomial_kind *kind);
struct polynomial polynomial_derivative(const struct polynomial *of);

/* Append "3x^2 - x + 4". */
void polynomial_print(struct buf *out, const struct polynomial *polynomial);
/* Append the antiderivative without a constant, fractions in lowest terms. */
void polynomial_print_integral(struct buf *out, const struct polynomial *polynomial);

#endif

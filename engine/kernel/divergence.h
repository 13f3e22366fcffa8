/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/divergence.h - sums over a vocabulary in double precision: what two
 * distributions differ by is of second order in what their logits do, and single
 * precision would lose it.
 *
 * Included by the levels whose compiler flags turn the loops into vector instructions.
 * 16 lanes of doubles, element i in lane i mod 16, every product rounded before it is
 * added, then the tree.  math_exp divides in every term, which is too slow for a whole
 * vocabulary at every position of a text; here the factorials are constants.
 */
#ifndef ENGINE_KERNEL_DIVERGENCE_H
#define ENGINE_KERNEL_DIVERGENCE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DIVERGENCE_LANES = 16 };

/* e^x for x of at most 1, to about 1e-15 relative; 0 below -700. */
static inline double divergence_exp(double x)
{
    const double smallest = -700.0;
    const double magic = 6755399441055744.0; /* 1.5 * 2^52: its last bits count whole numbers */
    double in_range = x < smallest ? smallest : x;
    double shifted = in_range * 1.4426950408889634 + magic;
    double n = shifted - magic;
    double r = (in_range - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;
    double sum = 1.0 / 6227020800.0; /* |r| <= 0.347: r^14 / 14! is below 5e-18 */
    sum = sum * r + 1.0 / 479001600.0;
    sum = sum * r + 1.0 / 39916800.0;
    sum = sum * r + 1.0 / 3628800.0;
    sum = sum * r + 1.0 / 362880.0;
    sum = sum * r + 1.0 / 40320.0;
    sum = sum * r + 1.0 / 5040.0;
    sum = sum * r + 1.0 / 720.0;
    sum = sum * r + 1.0 / 120.0;
    sum = sum * r + 1.0 / 24.0;
    sum = sum * r + 1.0 / 6.0;
    sum = sum * r + 0.5;
    sum = sum * r + 1.0;
    sum = sum * r + 1.0;
    uint64_t bits = 0;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52; /* n in the exponent; the bits above it fall off */
    double power = 0;
    memcpy(&power, &bits, sizeof power);
    return x < smallest ? 0.0 : sum * power;
}

static inline double divergence_tree(const double lanes[DIVERGENCE_LANES])
{
    double sums[DIVERGENCE_LANES];
    memcpy(sums, lanes, sizeof sums);
    for (size_t half = DIVERGENCE_LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            sums[i] += sums[i + half];
    return sums[0];
}

/* Sum of e^(x[i] - from), from at least the largest of them. */
static inline double divergence_sum_exp(const float *x, size_t n, double from)
{
    double lanes[DIVERGENCE_LANES] = {0};
    size_t whole = n - n % DIVERGENCE_LANES;
    for (size_t i = 0; i < whole; i += DIVERGENCE_LANES)
        for (size_t lane = 0; lane < DIVERGENCE_LANES; lane++)
            lanes[lane] += divergence_exp((double)x[i + lane] - from);
    for (size_t i = whole; i < n; i++)
        lanes[i % DIVERGENCE_LANES] += divergence_exp((double)x[i] - from);
    return divergence_tree(lanes);
}

static inline double divergence_term(double base, double base_sum, double now, double now_sum)
{
    double log_p = base - base_sum;
    return divergence_exp(log_p) * (log_p - (now - now_sum));
}

/* Sum of p[i] * (log p[i] - log q[i]), log p[i] = base[i] - base_sum, log q[i] = now[i] -
 * now_sum; terms with log p below -700 count 0. */
static inline double divergence_sum(const float *base, double base_sum, const float *now,
                                    double now_sum, size_t n)
{
    double lanes[DIVERGENCE_LANES] = {0};
    size_t whole = n - n % DIVERGENCE_LANES;
    for (size_t i = 0; i < whole; i += DIVERGENCE_LANES)
        for (size_t lane = 0; lane < DIVERGENCE_LANES; lane++)
            lanes[lane] += divergence_term((double)base[i + lane], base_sum,
                                           (double)now[i + lane], now_sum);
    for (size_t i = whole; i < n; i++)
        lanes[i % DIVERGENCE_LANES] += divergence_term((double)base[i], base_sum, (double)now[i],
                                                       now_sum);
    return divergence_tree(lanes);
}

#endif

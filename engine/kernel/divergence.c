/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * math_exp divides in every term, which is too slow for a whole vocabulary at every
 * position of a text; here the factorials are constants.
 */
#include "engine/kernel/divergence.h"

#include <stdint.h>
#include <string.h>

#include "engine/kernel/math.h"

enum { LANES = 16 };

static const double smallest = -700.0;

/* e^x for x of at most 1, to about 1e-15 relative; 0 below -700. */
static inline double exp_of(double x)
{
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

static double tree(const double lanes[LANES])
{
    double sums[LANES];
    memcpy(sums, lanes, sizeof sums);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            sums[i] += sums[i + half];
    return sums[0];
}

double divergence_log_sum(const float *x, size_t n)
{
    double lanes[LANES] = {0};
    float largest = x[0];
    for (size_t i = 1; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    size_t whole = n - n % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += exp_of((double)x[i + lane] - (double)largest);
    for (size_t i = whole; i < n; i++)
        lanes[i % LANES] += exp_of((double)x[i] - (double)largest);
    return (double)largest + math_log(tree(lanes));
}

static inline double kl_term(double base, double base_sum, double now, double now_sum)
{
    double log_p = base - base_sum;
    return exp_of(log_p) * (log_p - (now - now_sum));
}

double divergence_kl(const float *base, double base_sum, const float *now, double now_sum,
                     size_t n)
{
    double lanes[LANES] = {0};
    size_t whole = n - n % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += kl_term((double)base[i + lane], base_sum, (double)now[i + lane],
                                   now_sum);
    for (size_t i = whole; i < n; i++)
        lanes[i % LANES] += kl_term((double)base[i], base_sum, (double)now[i], now_sum);
    double sum = tree(lanes);
    return sum > 0 ? sum : 0; /* below 0 is rounding */
}

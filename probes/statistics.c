/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * No function of the C library that may differ in its last bit is called: frexp and
 * ldexp are exact, sqrt is correctly rounded.
 */
#include "probes/statistics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/num.h"
#include "src/base/rng.h"

static const double Z = 1.959963984540054; /* 97.5 % quantile of the normal distribution */

/* ---- answers -------------------------------------------------------------------- */

enum { SCALE_BITS = 512 };

/* The terms C(n, i) / 2^n grow while i < n / 2, from 2^-n, which no double holds for big
 * n: term and sum are kept as multiples of 2^exponent, which rises with them. */
double statistics_mcnemar(uint64_t fixed, uint64_t broke)
{
    uint64_t n = fixed + broke, fewer = fixed < broke ? fixed : broke;
    BUG_ON(n < fixed || n > INT32_MAX);
    if (fixed == broke)
        return 1; /* half of all outcomes, and the middle one: the sum is above 1/2 */
    double term = 1, sum = 1;
    int exponent = 1 - (int)n; /* both sides: twice the sum */
    for (uint64_t i = 0; i < fewer; i++) {
        term = term * (double)(n - i) / (double)(i + 1);
        sum += term;
        if (sum > ldexp(1, SCALE_BITS)) {
            term = ldexp(term, -SCALE_BITS);
            sum = ldexp(sum, -SCALE_BITS);
            exponent += SCALE_BITS;
        }
    }
    double p = ldexp(sum, exponent);
    return p < 1 ? p : 1;
}

struct interval statistics_wilson(uint64_t right, uint64_t n)
{
    BUG_ON(right > n);
    if (n == 0)
        return (struct interval){0, 1};
    double count = (double)n, share = (double)right / count, squared = Z * Z / count;
    double middle = share + squared / 2;
    double half = Z * sqrt(share * (1 - share) / count + squared / (4 * count));
    return (struct interval){
        .low = right == 0 ? 0 : (middle - half) / (1 + squared),
        .high = right == n ? 1 : (middle + half) / (1 + squared),
    };
}

/* ---- means ------------------------------------------------------------------------ */

/* The finite ones, in order; the caller frees them. */
static double *finite_values(const double *values, size_t count, size_t *n)
{
    double *finite = x_new(count, sizeof *finite);
    *n = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            finite[(*n)++] = values[i];
    return finite;
}

static double mean_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return n ? sum / (double)n : (double)NAN;
}

/* Places 0 .. n-1 by the upper end of 32-bit numbers, two of each random number: the
 * likeliest is at most 1 + n / 2^32 times as likely as the others. */
struct places {
    struct rng rng;
    uint64_t word;
    bool half_left;
};

static size_t next_place(struct places *places, size_t n)
{
    if (places->half_left)
        places->word >>= 32;
    else
        places->word = rng_next(&places->rng);
    places->half_left = !places->half_left;
    return (size_t)((places->word & UINT32_MAX) * (uint64_t)n >> 32);
}

static double resampled_mean(const double *values, size_t n, struct places *places)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[next_place(places, n)];
    return sum / (double)n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The part / 1000 quantile of sorted values. */
static double quantile(const double *sorted, size_t count, size_t part)
{
    size_t at = part * (count - 1), below = at / 1000;
    size_t above = below + 1 < count ? below + 1 : below;
    double share = (double)(at % 1000) / 1000;
    return sorted[below] + share * (sorted[above] - sorted[below]);
}

struct bootstrap statistics_bootstrap(const double *values, size_t count, uint64_t seed,
                                      size_t resamples)
{
    struct bootstrap out = {.low = (double)NAN, .high = (double)NAN};
    BUG_ON(count > UINT32_MAX || resamples == 0 || resamples > UINT32_MAX);
    double *finite = finite_values(values, count, &out.n);
    out.skipped = count - out.n;
    out.mean = mean_of(finite, out.n);
    if (out.n > 0) {
        struct places places = {.half_left = false};
        double *means = x_new(resamples, sizeof *means);
        rng_seed(&places.rng, seed);
        for (size_t i = 0; i < resamples; i++)
            means[i] = resampled_mean(finite, out.n, &places);
        qsort(means, resamples, sizeof *means, by_value);
        out.low = quantile(means, resamples, 25);
        out.high = quantile(means, resamples, 975);
        free(means);
    }
    free(finite);
    return out;
}

/* ---- several runs ------------------------------------------------------------------- */

/* Beyond the table the expansion of R. A. Fisher and E. A. Cornish (1960) in 1 / freedom
 * around the normal quantile: at 31 it is off by 2e-8 at most. */
static double student_expanded(double freedom)
{
    double z = Z, z2 = z * z;
    double a = z * (z2 + 1) / 4;
    double b = z * ((5 * z2 + 16) * z2 + 3) / 96;
    double c = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
    double d = z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160;
    return z + (a + (b + (c + d / freedom) / freedom) / freedom) / freedom;
}

double statistics_student(uint64_t freedom)
{
    static const double quantiles[] = {
        12.7062047362, 4.30265272975, 3.18244630528, 2.77644510520, 2.57058183564,
        2.44691185114, 2.36462425159, 2.30600413520, 2.26215716280, 2.22813885199,
        2.20098516009, 2.17881282967, 2.16036865646, 2.14478668792, 2.13144954556,
        2.11990529922, 2.10981557783, 2.10092204024, 2.09302405441, 2.08596344727,
        2.07961384473, 2.07387306790, 2.06865761042, 2.06389856163, 2.05953855275,
        2.05552943864, 2.05183051648, 2.04840714180, 2.04522964213, 2.04227245630,
    };
    BUG_ON(freedom == 0);
    return freedom <= countof(quantiles) ? quantiles[freedom - 1]
                                         : student_expanded((double)freedom);
}

static double deviation(const double *values, size_t n, double mean)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return sqrt(squares / (double)(n - 1));
}

static void find_range(const double *values, size_t n, double *min, double *max)
{
    *min = *max = n ? values[0] : (double)NAN;
    for (size_t i = 1; i < n; i++) {
        *min = values[i] < *min ? values[i] : *min;
        *max = values[i] > *max ? values[i] : *max;
    }
}

struct spread statistics_spread(const double *values, size_t count)
{
    struct spread out = {.sd = (double)NAN, .low = (double)NAN, .high = (double)NAN};
    double *finite = finite_values(values, count, &out.n);
    out.mean = mean_of(finite, out.n);
    find_range(finite, out.n, &out.min, &out.max);
    if (out.n > 1) {
        out.sd = deviation(finite, out.n, out.mean);
        double half = statistics_student(out.n - 1) * out.sd / sqrt((double)out.n);
        out.low = out.mean - half;
        out.high = out.mean + half;
    }
    free(finite);
    return out;
}

/* ---- null models ---------------------------------------------------------------------- */

struct standing statistics_standing(double value, const double *nulls, size_t count)
{
    struct standing out = {.rank = 1};
    for (size_t i = 0; i < count; i++) {
        out.n += isnan(nulls[i]) ? 0 : 1;
        out.at_least += nulls[i] >= value;
        out.rank += nulls[i] > value;
    }
    out.p = isnan(value) ? (double)NAN : (double)(1 + out.at_least) / (double)(1 + out.n);
    return out;
}

/* ---- rank correlation ------------------------------------------------------------------ */

struct ranked {
    double value;
    size_t at;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    return (left->value > right->value) - (left->value < right->value);
}

static double *ranks_of(const double *values, size_t count)
{
    struct ranked *sorted = x_new(count, sizeof *sorted);
    double *ranks = x_new(count, sizeof *ranks);
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct ranked){values[i], i};
    qsort(sorted, count, sizeof *sorted, compare_ranked);
    for (size_t first = 0, end = 0; first < count; first = end) {
        while (end < count && !(sorted[end].value > sorted[first].value))
            end++;
        for (size_t i = first; i < end; i++)
            ranks[sorted[i].at] = (double)(first + end - 1) / 2;
    }
    free(sorted);
    return ranks;
}

double statistics_spearman(const double *a, const double *b, size_t count)
{
    double products = 0, squares_a = 0, squares_b = 0, mean = ((double)count - 1) / 2;
    if (count < 3)
        return (double)NAN;
    double *ranks_a = ranks_of(a, count), *ranks_b = ranks_of(b, count);
    for (size_t i = 0; i < count; i++) {
        products += (ranks_a[i] - mean) * (ranks_b[i] - mean);
        squares_a += (ranks_a[i] - mean) * (ranks_a[i] - mean);
        squares_b += (ranks_b[i] - mean) * (ranks_b[i] - mean);
    }
    free(ranks_a);
    free(ranks_b);
    bool varies = squares_a > 0 && squares_b > 0;
    return varies ? products / sqrt(squares_a * squares_b) : (double)NAN;
}

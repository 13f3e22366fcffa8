/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/statistics.h - how sure a comparison is: pure functions of numbers.
 *
 * Everything is computed from additions, products, quotients and square roots in a
 * fixed order, so that reports are the same bits on every machine.
 *
 * How to use it for answers before and after a patch:
 *
 *     double p = statistics_mcnemar(tally.fixed, tally.broke);
 *     struct interval now = statistics_wilson(tally.right_now, tally.n);
 *
 * for a change of gaps (changes[i] = now - base, NAN where there is none):
 *
 *     struct bootstrap change = statistics_bootstrap(changes, n, STATISTICS_SEED,
 *                                                    STATISTICS_RESAMPLES);
 *
 * for a patch among null models (random flips, see engine/search/null.h):
 *
 *     struct standing where = statistics_standing(right_now, null_right, null_count);
 *
 * and for one number of several runs under different seeds:
 *
 *     struct spread spread = statistics_spread(fitness, seed_count);
 *
 * All intervals are of 95 %.
 */
#ifndef PROBES_STATISTICS_H
#define PROBES_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

enum {
    STATISTICS_RESAMPLES = 10000,
    STATISTICS_SEED = 1, /* of every report's bootstrap: the same data, the same interval */
};

struct interval {
    double low;
    double high;
};

/* Exact two-sided p of McNemar's test: how likely `fixed` against `broke`, or
 * something as lopsided, is if a changed answer is as likely to be one as the other.
 * p = min(1, 2 sum over i <= min(fixed, broke) of C(n, i) / 2^n), n = fixed + broke;
 * 1 for n = 0; 0 only below the smallest double.  Relative error under 4 n * 2^-53. */
double statistics_mcnemar(uint64_t fixed, uint64_t broke);

/* Wilson's score interval of right / n; 0 to 1 for n = 0.  right <= n */
struct interval statistics_wilson(uint64_t right, uint64_t n);

/* Percentile bootstrap of a mean: values are drawn with replacement, as many as there
 * are, `resamples` times; low and high are the 2.5 and 97.5 percentiles of the means
 * (linear between order statistics).  Values that are not finite are left out and
 * counted; mean, low and high are NAN if none is left. */
struct bootstrap {
    size_t n;       /* values used */
    size_t skipped; /* not finite */
    double mean;
    double low;
    double high;
};
struct bootstrap statistics_bootstrap(const double *values, size_t count, uint64_t seed,
                                      size_t resamples);

/* What several runs came to: mean, standard deviation (n - 1) and Student's t interval
 * of the mean.  Values that are not finite are left out.  sd, low and high are NAN for
 * n < 2, all but n for n = 0. */
struct spread {
    size_t n;
    double mean;
    double sd;
    double low;
    double high;
    double min;
    double max;
};
struct spread statistics_spread(const double *values, size_t count);

/* Where a value stands among null values, larger being better.
 * p = (1 + at_least) / (n + 1): one-sided, never 0.  Null values that are NAN are left
 * out; of a value that is NAN p is NAN. */
struct standing {
    size_t n;        /* null values used */
    size_t at_least; /* null values >= the value */
    size_t rank;     /* 1 + null values above the value; 1 is best, n + 1 worst */
    double p;
};
struct standing statistics_standing(double value, const double *nulls, size_t count);

/* 97.5 % quantile of Student's t, for intervals of 95 %; freedom >= 1.  Good to 7 digits. */
double statistics_student(uint64_t freedom);

/* Rank correlation (C. Spearman, 1904) of pairs, equal values sharing the mean of their
 * ranks; NAN for fewer than 3 pairs and where one side is all alike. */
double statistics_spearman(const double *a, const double *b, size_t count);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/bench/times.h - what benches print of the times they took.
 */
#ifndef TESTS_BENCH_TIMES_H
#define TESTS_BENCH_TIMES_H

#include <stdio.h>
#include <stdlib.h>

static inline int times_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* "what,count,mean,p50,p99,max" of count > 0 times, which are sorted. */
static inline void times_report(const char *what, double *us, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += us[i];
    qsort(us, count, sizeof *us, times_compare);
    (void)printf("%s,%zu,%.1f,%.1f,%.1f,%.1f\n", what, count, sum / (double)count, us[count / 2],
                 us[count * 99 / 100], us[count - 1]);
    (void)fflush(stdout);
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/compare.h - what changed between two evaluations, by set and by category,
 * and how sure that is.
 *
 * Right answers are the result; the change of the gaps is a search signal.
 *
 *     struct comparison *all = NULL;
 *     size_t count = compare_results(&set, base, now, COMPARE_SETS, &all);
 *     ... all[i].set, all[i].fixed, all[i].mcnemar_p ...
 *     free(all);
 */
#ifndef PROBES_COMPARE_H
#define PROBES_COMPARE_H

#include "probes/evaluate.h"
#include "probes/statistics.h"

struct comparison {
    const char *set;      /* names are borrowed from the probes */
    const char *category; /* NULL: of the whole set */
    size_t n;
    size_t fixed;
    size_t broke;
    size_t stayed_right;
    size_t stayed_wrong;
    double mcnemar_p;            /* exact, two-sided */
    struct interval wilson_base; /* of the share of right answers, 95 % */
    struct interval wilson_now;
    struct bootstrap gap_change; /* now - base, probes without a gap skipped */
};

size_t comparison_right_base(const struct comparison *comparison);
size_t comparison_right_now(const struct comparison *comparison);

enum compare_by { COMPARE_SETS, COMPARE_CATEGORIES /* of each set */ };

/* In order of first appearance; the caller frees *out.  base and now belong to the set
 * and may be the same. */
size_t compare_results(const struct probe_set *set, const struct evaluation *base,
                       const struct evaluation *now, enum compare_by by, struct comparison **out);

/* Several sets as one: the whole set's numbers, set and category NULL. */
struct comparison compare_all(const struct probe_set *set, const struct evaluation *base,
                              const struct evaluation *now);

#endif

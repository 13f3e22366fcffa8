/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/evaluate.h - what a model says of a probe set: greedy answers, right or
 * wrong by the probe's rule (probes/answer.h), and gaps beside them.
 *
 * Generation is the result; a gap is a search signal.
 */
#ifndef PROBES_EVALUATE_H
#define PROBES_EVALUATE_H

#include "probes/generate.h"
#include "probes/measure.h"
#include "probes/probe.h"

struct evaluation { /* of one state of the model */
    size_t count;
    double *gap;                   /* [count], NAN where there is none */
    bool *merged;                  /* [count] see measure_is_merged */
    struct generation *generation; /* [count] */
    bool *right;                   /* [count] */
};

struct evaluate_options {
    enum metric metric;
    int threads;
    bool without_gaps; /* generation only */
};

/* With the flips that are on the model now.  NULL on failure.  progress counts
 * a probe once for its gap and once for its answer. */
struct evaluation *evaluate(struct model *model, const struct probe_set *set,
                            const struct evaluate_options *options,
                            const struct work_progress *progress, cancel_flag *cancel,
                            struct err *err);
/* What it says of so many probes from this one on; borrowed, not to be freed. */
struct evaluation evaluation_slice(const struct evaluation *whole, size_t first, size_t count);
void evaluation_free(struct evaluation *evaluation);

enum verdict { VERDICT_FIXED, VERDICT_BROKE, VERDICT_STAYED_RIGHT, VERDICT_STAYED_WRONG };

/* "fixed", "broke", "stayed_right", "stayed_wrong" */
const char *verdict_name(enum verdict verdict);
enum verdict verdict_of(bool right_base, bool right_now);

struct tally {
    const char *name; /* of the set or category, borrowed from the probe set */
    size_t n;
    size_t right_base;
    size_t right_now;
    size_t fixed;
    size_t broke;
};

/* Counts by set, or by set and category, in order of first appearance; the
 * caller frees *out.  base and now may be the same. */
enum tally_by { TALLY_BY_SET, TALLY_BY_CATEGORY };
size_t tally_results(const struct probe_set *set, const struct evaluation *base,
                     const struct evaluation *now, enum tally_by by, struct tally **out);

#endif

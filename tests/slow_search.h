/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/slow_search.h - the published greedy search, written from its
 * description in the simplest way: a linear weighted draw, every candidate
 * measured afresh, every probe a sequence of its own.
 */
#ifndef TESTS_SLOW_SEARCH_H
#define TESTS_SLOW_SEARCH_H

#include "engine/search/search.h"
#include "src/base/rng.h"

struct slow {
    struct model *model;
    struct probe_set target, control; /* borrowed */
    struct search_options options;    /* layers must be given */
    /* The rest is set by slow_start. */
    struct rng rng;
    struct flip *rows;
    uint64_t *weights;
    size_t count;
    double *target_before, *control_before;
    size_t worst[2];
    double best;
};

/* model, target (two at least), control (one at least) and options are set. */
void slow_start(struct slow *slow);

/* fitness is left 0 for a screened candidate. */
struct search_try slow_step(struct slow *slow);
void slow_free(struct slow *slow);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/trim.h - a patch made smaller: each unit's contribution, the least first off.
 *
 * A unit's contribution is integrated on the way from the model without the patch to the one
 * with it (Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017).
 * Between two 1-bit models there is nothing, so the way leads over random halves, quarters,
 * ... of the patch: at each of a few places that many of its units are on, a fresh minibatch
 * gives the gradient, and every unit is credited with what having it on does there.
 */
#ifndef ENGINE_SEARCH_TRIM_H
#define ENGINE_SEARCH_TRIM_H

#include "engine/search/train.h"

struct trim_options {
    struct train_options train; /* items, minibatches, seed; the patch decides the units */
    size_t places;    /* on the way, each a gradient */
    size_t bytes_max; /* of the trimmed patch (patch_packed_bytes); 0: what contributes
                       * nothing, or less, goes off and no more */
};

/* 12 places, otherwise train_default_options. */
struct trim_options trim_default_options(void);

struct trim_state {
    uint64_t units;
    size_t bytes;                /* of the patch */
    struct objective validation; /* as in struct train_step */
    double control;
    size_t broken;
};

struct trim {
    struct flip *flips; /* what is left */
    size_t flip_count;
    uint32_t chunk;     /* weights of a unit, or UNITS_ROWS */
    size_t validation, controls; /* items that were measured */
    struct trim_state base, patched, trimmed;
};

/* The model has no flips, before and afterwards, also on failure. */
bool trim_run(struct trim *out, struct model *model, const struct items *targets,
              const struct items *controls, const struct flip *flips, size_t count,
              const struct trim_options *options, cancel_flag *cancel, struct err *err);

void trim_free(struct trim *trim);

#endif

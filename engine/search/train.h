/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/train.h - method `train`: hundreds of flips a step, chosen by gradients of
 * fresh minibatches, for gains on prompts the search never saw.
 *
 *   step   1. the gradient of one minibatch of targets and controls enters the running
 *             numbers of all units (units.h); the best K are flipped together
 *          2. a second fresh minibatch is measured without and with them: kept unless the
 *             objective fell by more than its standard error over the items, else the better
 *             half of them is tried, three times at most.  (Gains of a step soon sink below
 *             the noise of a minibatch: the check can only guard against harm.)
 *          3. K grows while the measured gain is at least half of the predicted one, and
 *             shrinks, down to a quarter of the first, where it has to be halved
 *
 * Part of the targets is set apart for validation: neither gradients nor checks see them.
 * Held-out sets are not given to this at all.
 *
 * [T1] same model, items, options and seed: same flips, for every thread count.
 * [T2] a step that fails or is cancelled leaves the model as it was before it.
 * [T3] freeing it leaves the flips on the model.
 */
#ifndef ENGINE_SEARCH_TRAIN_H
#define ENGINE_SEARCH_TRAIN_H

#include "engine/search/items.h"
#include "engine/search/minibatch.h"
#include "engine/search/search.h"
#include "engine/search/units.h"

struct train_options {
    uint32_t chunk;          /* weights of a unit, UNITS_ROWS: whole rows */
    uint32_t projs;          /* bit 1 << enum proj */
    enum ranking ranking;
    size_t batch_targets, batch_controls; /* of a minibatch */
    double control_weight;
    size_t first_k, most_k;  /* flips of a step */
    uint64_t steps;          /* at most */
    double bytes_max;        /* of the patch (units_bytes), 0: no limit */
    size_t validation;       /* targets set apart; TRAIN_A_FIFTH: of them, at most 200 */
    uint64_t patience;       /* stop when validation has not risen for so many steps; 0: never */
    uint64_t seed;
    int threads;
};

#define TRAIN_A_FIFTH SIZE_MAX

/* 8-bit chunks of all projections of the layers, snr, 128 targets and 128 controls with
 * weight 1, 64 to 400 flips, 100 steps, a fifth of the targets for validation, seed 42. */
struct train_options train_default_options(void);

struct train;

/* Everything is borrowed as long as the train lives.  Measures the base's probabilities of
 * the controls: the model must have no flips.  There may be no controls. */
struct train *train_new(struct model *model, const struct items *targets,
                        const struct items *controls, const struct train_options *options,
                        cancel_flag *cancel, struct err *err);

struct train_step {
    uint64_t number;      /* 1, 2, ... */
    size_t tried, kept;   /* flips */
    double predicted, measured; /* change of the objective by those tried last */
    double noise;               /* standard error of what was measured */
    struct objective validation; /* after the step; of targets alone */
    uint64_t flips;       /* units that are on */
    double bytes;
};

/* TRIED: a step was done, kept may be 0.  FINISHED: a limit of the options is reached, or
 * no unit promises a gain. */
enum search_status train_step(struct train *train, struct train_step *out, cancel_flag *cancel,
                              struct err *err);

/* Before the first step. */
struct objective train_validation_before(const struct train *train);
size_t train_validation_count(const struct train *train);
uint64_t train_units(const struct train *train);

/* As units_flips: of the state with the best validation so far, or as it is now. */
size_t train_flips(const struct train *train, struct flip **out);

void train_free(struct train *train);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/train.h - method `train`: hundreds of flips a step, chosen by gradients of
 * fresh minibatches, for gains on prompts the search never saw.
 *
 *   step   1. the gradient of one minibatch of targets and controls enters the running
 *             numbers of all units (units.h); the best K are flipped together, no more than
 *             the byte budget has room for
 *          2. a second fresh minibatch is measured without and with them: kept unless the
 *             objective fell by more than its standard error over the items, else the better
 *             half of them is tried, three times at most.  (Gains of a step soon sink below
 *             the noise of a minibatch: the check can only guard against harm.)
 *          3. K grows while the measured gain is at least half of the predicted one, and
 *             shrinks, down to a quarter of the first, where it has to be halved
 *          4. what was set apart is measured; where more controls answer otherwise than they
 *             may, the step is undone and the training is over
 *
 * Part of the targets is set apart for validation: neither gradients nor checks see them.
 * Held-out sets are not given to this at all.  With ranking `random` no gradient is taken:
 * what the same steps and checks do with flips drawn blindly.
 *
 * [T1] same model, items, options and seed: same flips, for every thread count; also where
 *      it was saved and resumed in between (train_file.h).
 * [T2] a step that fails or is cancelled leaves the model as it was before it.
 * [T3] freeing it leaves the flips on the model.
 */
#ifndef ENGINE_SEARCH_TRAIN_H
#define ENGINE_SEARCH_TRAIN_H

#include "engine/search/items.h"
#include "engine/search/minibatch.h"
#include "engine/search/search.h"
#include "engine/search/units.h"

#define TRAIN_A_FIFTH SIZE_MAX
#define TRAIN_A_SAMPLE (SIZE_MAX - 1)
#define TRAIN_NO_LIMIT SIZE_MAX

struct train_options {
    uint32_t chunk;          /* weights of a unit, UNITS_ROWS: whole rows */
    uint32_t projs;          /* bit 1 << enum proj */
    enum ranking ranking;
    enum item_objective objective; /* validation is told as log-probability, whatever this is */
    size_t batch_targets, batch_controls; /* of a minibatch */
    size_t neighbours;       /* the last so many targets are skills beside what is to be learned:
                    XX's targets, and validated apart */
    double control_weight;
    double price;            /* of a byte (units_bytes), in units of the objective */
    size_t first_k, most_k;  /* flips of a step */
    uint64_t steps;          /* at most */
    double bytes_max;        /* of the patch (patch_packed_bytes), 0: no limit */
    size_t validation;       /* targets set apart; TRAIN_A_FIFTH: of them, at most 200.  Of the
                              * neighbours a fifth, at most so many */
    size_t control_validation; /* controls set apart, of whose loss is told; TRAIN_A_SAMPLE: a
                              * fifth, at most 200 (all, where there is a limit of broken ones),
                              * which are trained on, too */
    size_t broken_max;       /* of those: controls whose answer may change, or TRAIN_NO_LIMIT */
    double broken_share_max; /* the same as a share of them, >= 1: no limit */
    uint64_t patience;       /* stop when validation has not risen for so many steps; 0: never */
    uint64_t seed;
    int threads;
};

/* 8-bit chunks of all projections of the layers, snr, ce, 128 targets and 128 controls with
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
    bool undone;          /* kept by its check, but too many controls were broken */
    double predicted, measured; /* change of the objective (minus price) by those tried last */
    double noise;               /* standard error of what was measured */
    struct objective validation; /* after the step; of targets alone, as log-probability */
    struct objective neighbours; /* the same of neighbours; 0 without */
    double control;       /* mean KL of the controls that are judged */
    size_t broken;        /* of these: greedy answers that changed (of an undone step: would) */
    uint64_t flips;       /* units that are on */
    double bytes;         /* of the patch (patch_packed_bytes) */
};

/* TRIED: a step was done, kept may be 0.  FINISHED: a limit of the options is reached, or
 * no unit promises a gain. */
enum search_status train_step(struct train *train, struct train_step *out, cancel_flag *cancel,
                              struct err *err);

enum train_stop { TRAIN_STOP_NONE, TRAIN_STOP_STEPS, TRAIN_STOP_BYTES, TRAIN_STOP_STALLED,
                  TRAIN_STOP_BROKEN, TRAIN_STOP_NO_GAIN };
/* Why the last train_step was FINISHED. */
enum train_stop train_stop(const struct train *train);
/* "steps", "byte budget", ... */
const char *train_stop_name(enum train_stop stop);

/* Before the first step. */
struct objective train_validation_before(const struct train *train);
struct objective train_neighbours_before(const struct train *train);
size_t train_validation_count(const struct train *train);
size_t train_neighbours_count(const struct train *train); /* set apart */
size_t train_controls_judged(const struct train *train);
uint64_t train_units(const struct train *train);

/* Steps done; step 1, 2, ... */
uint64_t train_steps(const struct train *train);
const struct train_step *train_step_at(const struct train *train, uint64_t step);

/* What the steps so far took, in tokens: gradients, which count 3 for each (forward, and
 * backward, which is twice as much), checks, and what was set apart; gradients of the guard,
 * too, but no measurement of the model as it was before.  Of steps since it was made or
 * resumed. */
uint64_t train_tokens(const struct train *train);

/* As units_flips, of the state as it is now; and of that after any step done. */
size_t train_flips(const struct train *train, struct flip **out);
size_t train_flips_at(const struct train *train, uint64_t step, struct flip **out);

void train_free(struct train *train);

#endif

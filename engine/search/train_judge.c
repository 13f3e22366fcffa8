/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Validation targets are one minibatch that lives as long as the training: it keeps what a
 * step did not change.  Neighbours and controls may be many; they are measured in batches.
 */
#include "engine/search/train_int.h"

enum { JUDGED_AT_ONCE = 128 };

/* The validation is told in log-probabilities, whatever is trained. */
static struct minibatch_options judge_options(const struct train *train)
{
    struct minibatch_options options = train_batch_options(train);
    options.objective = ITEM_CE;
    return options;
}

/* Adds what a batch of n of `count` items says to the sums of all. */
static bool measure_some(struct train *train, const struct apart *apart, bool controls,
                         size_t first, size_t n, struct objective *sums, cancel_flag *cancel,
                         struct err *err)
{
    struct minibatch_options options = judge_options(train);
    struct objective now;
    const size_t *index = apart->index + first;
    struct minibatch *minibatch =
        minibatch_new(train->model, train->targets, index, controls ? 0 : n, train->controls,
                      index, controls ? n : 0, train->base, &options, err);
    bool ok = minibatch && minibatch_measure(minibatch, &now, cancel, err);
    if (ok) {
        train_count_measured(train, minibatch);
        double share = (double)n / (double)apart->count;
        sums->target += share * now.target;
        sums->control += share * now.control;
        sums->targets_right += now.targets_right;
        sums->controls_right += now.controls_right;
    }
    minibatch_free(minibatch);
    return ok;
}

static bool measure_apart(struct train *train, const struct apart *apart, bool controls,
                          struct objective *out, cancel_flag *cancel, struct err *err)
{
    *out = (struct objective){0};
    for (size_t i = 0; i < apart->count; i += JUDGED_AT_ONCE) {
        size_t left = apart->count - i, n = left < JUDGED_AT_ONCE ? left : JUDGED_AT_ONCE;
        if (!measure_some(train, apart, controls, i, n, out, cancel, err))
            return false;
    }
    return true;
}

bool train_judge_base(struct train *train, cancel_flag *cancel, struct err *err)
{
    uint64_t tokens = train->tokens;
    bool ok =
        (!train->judge || minibatch_measure(train->judge, &train->before, cancel, err)) &&
        measure_apart(train, &train->neighbours, false, &train->neighbours_before, cancel, err);
    train->tokens = tokens; /* no step took them */
    return ok;
}

bool train_judge(struct train *train, struct train_step *out, cancel_flag *cancel,
                 struct err *err)
{
    struct objective controls;
    if ((train->judge && !minibatch_measure(train->judge, &out->validation, cancel, err)) ||
        !measure_apart(train, &train->neighbours, false, &out->neighbours, cancel, err) ||
        !measure_apart(train, &train->judged, true, &controls, cancel, err))
        return false;
    if (train->judge)
        train_count_measured(train, train->judge);
    /* Controls carry the base's own greedy answers: all of them are right there. */
    out->control = controls.control;
    out->broken = train->judged.count - controls.controls_right;
    return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/train_int.h"

enum { HALVINGS = 3 };

/* ---- minibatches -------------------------------------------------------------------------- */

/* Targets, of which half are neighbours where there are some; the caller frees it. */
static size_t *deal_targets(struct train *train, size_t *count)
{
    size_t neighbours = train->neighbour_deck.count > 0 ? train->options.batch_targets / 2 : 0;
    size_t targets = train->options.batch_targets - neighbours;
    const size_t *target_index = deck_deal(&train->target_deck, &targets, &train->rng);
    const size_t *neighbour_index = deck_deal(&train->neighbour_deck, &neighbours, &train->rng);
    size_t *index = x_new(targets + neighbours, sizeof *index);
    memcpy(index, target_index, targets * sizeof *index);
    if (neighbours > 0)
        memcpy(index + targets, neighbour_index, neighbours * sizeof *index);
    *count = targets + neighbours;
    return index;
}

static struct minibatch *next_minibatch(struct train *train, uint64_t keep_bytes,
                                        struct err *err)
{
    struct minibatch_options options = train_batch_options(train);
    options.keep_bytes = keep_bytes;
    size_t targets = 0, controls = train->base ? train->options.batch_controls : 0;
    size_t *target_index = deal_targets(train, &targets);
    const size_t *control_index = deck_deal(&train->control_deck, &controls, &train->rng);
    struct minibatch *minibatch =
        minibatch_new(train->model, train->targets, target_index, targets, train->controls,
                      control_index, controls, train->base, &options, err);
    free(target_index);
    return minibatch;
}

bool train_take_gradient(struct train *train, cancel_flag *cancel, struct err *err)
{
    struct objective ignored;
    struct minibatch *minibatch = next_minibatch(train, GRADIENT_KEEP_DEFAULT, err);
    bool ok = minibatch && minibatch_gradient(minibatch, &ignored, units_visit, train->units,
                                              cancel, err);
    if (ok) {
        train_count_gradient(train, minibatch);
        units_taken(train->units);
    }
    minibatch_free(minibatch);
    return ok;
}

/* Standard error of the difference of two measurements of the same items: targets and
 * controls are two samples. */
static double noise_of(const double *before, const double *after, size_t first, size_t count)
{
    double mean = 0, squares = 0;
    for (size_t i = first; i < first + count; i++)
        mean += (after[i] - before[i]) / (double)count;
    for (size_t i = first; i < first + count; i++) {
        double off = after[i] - before[i] - mean;
        squares += off * off;
    }
    return count > 1 ? squares * (double)count / (double)(count - 1) : 0;
}

/* A minibatch as it was without the picks. */
struct check {
    struct minibatch *minibatch;
    size_t targets, controls;
    struct objective before;
    double *shares; /* [targets + controls] */
};

static struct check check_begin(struct train *train, cancel_flag *cancel, struct err *err)
{
    struct check check = {.minibatch = next_minibatch(train, 0, err)};
    if (!check.minibatch || !minibatch_measure(check.minibatch, &check.before, cancel, err))
        return check;
    train_count_measured(train, check.minibatch);
    minibatch_sizes(check.minibatch, &check.targets, &check.controls);
    size_t bytes = (check.targets + check.controls) * sizeof *check.shares;
    check.shares = x_new(1, bytes);
    memcpy(check.shares, minibatch_shares(check.minibatch), bytes);
    return check;
}

/* Flip the first `count` picks and measure; take them off again if they do harm. */
static bool check_picks(struct train *train, const struct check *check, size_t count,
                        struct train_step *out, cancel_flag *cancel, struct err *err)
{
    struct objective after;
    double bytes = units_bytes(train->units);
    out->tried = count;
    out->predicted = 0;
    for (size_t i = 0; i < count; i++)
        out->predicted += train->picks[i].predicted;
    units_flip(train->units, train->picks, count);
    bool ok = minibatch_measure(check->minibatch, &after, cancel, err);
    if (ok) {
        train_count_measured(train, check->minibatch);
        const double *shares = minibatch_shares(check->minibatch);
        out->measured = after.value - check->before.value -
                        train->options.price * (units_bytes(train->units) - bytes);
        out->noise = sqrt(noise_of(check->shares, shares, 0, check->targets) +
                          noise_of(check->shares, shares, check->targets, check->controls));
    }
    if (ok && out->measured > -out->noise)
        out->kept = count;
    else
        units_flip(train->units, train->picks, count);
    return ok;
}

static bool try_picks(struct train *train, size_t count, struct train_step *out,
                      cancel_flag *cancel, struct err *err)
{
    struct check check = check_begin(train, cancel, err);
    bool ok = check.shares != NULL;
    for (int i = 0; ok && out->kept == 0 && count > 0 && i <= HALVINGS; i++) {
        ok = check_picks(train, &check, count, out, cancel, err);
        if (out->kept == 0)
            count = train_within_budget(train, count / 2);
    }
    minibatch_free(check.minibatch);
    free(check.shares);
    return ok;
}

static void adapt(struct train *train, const struct train_step *step)
{
    if (step->kept > 0 && step->measured >= step->predicted / 2)
        train->k += train->k / 2 + 1;
    else if (step->kept < train->k)
        train->k = (train->k + 1) / 2;
    size_t least = (train->options.first_k + 3) / 4;
    train->k = train->k < least ? least : train->k;
    train->k = train->k > train->options.most_k ? train->options.most_k : train->k;
}

/* ---- a step --------------------------------------------------------------------------------- */

static bool breaks_too_many(const struct train *train, size_t broken)
{
    const struct train_options *options = &train->options;
    return (options->broken_max != TRAIN_NO_LIMIT && broken > options->broken_max) ||
           (options->broken_share_max < 1 &&
            (double)broken > options->broken_share_max * (double)train->judged.count);
}

/* Measure what is apart; what was kept comes off again where that fails or too much broke. */
static bool judge(struct train *train, struct train_step *out, cancel_flag *cancel,
                  struct err *err)
{
    out->validation = train->last;
    out->neighbours = train->neighbours_last;
    out->control = train->control_last;
    out->broken = train->broken_last;
    if (out->kept == 0)
        return true;
    bool ok = train_judge(train, out, cancel, err);
    out->undone = ok && breaks_too_many(train, out->broken);
    if (ok && !out->undone)
        return true;
    units_flip(train->units, train->picks, out->kept);
    out->kept = 0;
    out->validation = train->last;
    out->neighbours = train->neighbours_last;
    return ok;
}

static uint64_t *numbers_of(const struct train *train, size_t count)
{
    uint64_t *numbers = x_new(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = units_number(train->units, &train->picks[i]);
    return numbers;
}

/* From here on the step was done. */
static void keep_step(struct train *train, struct train_step *out)
{
    adapt(train, out);
    train->step++;
    if (!out->undone) {
        train->last = out->validation;
        train->neighbours_last = out->neighbours;
        train->control_last = out->control;
        train->broken_last = out->broken;
    }
    if (train->last.target > train->best) {
        train->best = train->last.target;
        train->best_step = train->step;
    }
    out->flips = units_on(train->units);
    out->bytes = (double)train_bytes(train);
    train->past = x_grow(train->past, train->step, sizeof *train->past);
    train->past[train->step - 1] = (struct train_past){*out, numbers_of(train, out->kept)};
}

static bool pick(struct train *train, size_t *count, cancel_flag *cancel, struct err *err)
{
    if (train->options.ranking == RANK_RANDOM) {
        *count = units_pick_random(train->units, train->k, &train->rng, train->picks);
        return true;
    }
    if (!train_take_gradient(train, cancel, err))
        return false;
    *count = units_pick(train->units, train->k, train->picks);
    return true;
}

enum search_status train_step(struct train *train, struct train_step *out, cancel_flag *cancel,
                              struct err *err)
{
    size_t count = 0;
    *out = (struct train_step){.number = train->step + 1};
    if (train_is_finished(train))
        return SEARCH_FINISHED;
    if (!pick(train, &count, cancel, err))
        return SEARCH_FAILED;
    size_t fit = train_within_budget(train, count);
    if (fit == 0) {
        train->stop = count == 0 ? TRAIN_STOP_NO_GAIN : TRAIN_STOP_BYTES;
        return SEARCH_FINISHED;
    }
    if (!try_picks(train, fit, out, cancel, err) || !judge(train, out, cancel, err))
        return SEARCH_FAILED;
    keep_step(train, out);
    return SEARCH_TRIED;
}

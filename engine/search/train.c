/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "engine/search/train_int.h"

enum { APART_MOST = 200 };

struct train_options train_default_options(void)
{
    return (struct train_options){
        .chunk = 8,
        .projs = (1u << PROJ_LAYER_COUNT) - 1,
        .ranking = RANK_SNR,
        .objective = ITEM_CE,
        .batch_targets = 128,
        .batch_controls = 128,
        .control_weight = 1,
        .first_k = 64,
        .most_k = 400,
        .steps = 100,
        .validation = TRAIN_A_FIFTH,
        .control_validation = TRAIN_A_SAMPLE,
        .broken_max = TRAIN_NO_LIMIT,
        .broken_share_max = 1,
        .seed = 42,
    };
}

/* ---- options ---------------------------------------------------------------------------- */

static size_t a_fifth(size_t count)
{
    return count / 5 < APART_MOST ? count / 5 : APART_MOST;
}

static size_t target_count(const struct train *train)
{
    return train->targets->count - train->options.neighbours;
}

static size_t control_count(const struct train *train)
{
    return train->controls ? train->controls->count : 0;
}

static bool check_sizes(const struct train *train, struct err *err)
{
    const struct train_options *options = &train->options;
    if (options->chunk > GROUP_WEIGHTS || (options->chunk & (options->chunk - 1)) != 0)
        return err_set(err, ERR_RANGE,
                       "units of %u weights, expected 1, 2, 4, ... 128, or rows",
                       (unsigned)options->chunk);
    if (options->batch_targets == 0 || options->first_k == 0 || options->most_k < options->first_k)
        return err_set(err, ERR_RANGE, "a step needs targets and flips, got %zu and %zu to %zu",
                       options->batch_targets, options->first_k, options->most_k);
    return options->projs != 0 && options->projs >> PROJ_LAYER_COUNT == 0
               ? true
               : err_set(err, ERR_RANGE, "projections to train are q, k, v, o, gate, up and down, "
                                         "expected one of these at least, and no others");
}

static bool check_counts(const struct train *train, struct err *err)
{
    const struct train_options *options = &train->options;
    size_t targets = target_count(train), apart = options->control_validation;
    if (targets < 2 || targets <= options->validation)
        return err_set(err, ERR_RANGE, "%zu targets, expected more than the %zu for validation",
                       targets, options->validation);
    if (apart != TRAIN_A_SAMPLE && (apart > 0 || control_count(train) > 0) &&
        apart >= control_count(train))
        return err_set(err, ERR_RANGE, "%zu controls, expected more than the %zu set apart",
                       control_count(train), apart);
    return true;
}

static bool check_guard(const struct train *train, struct err *err)
{
    return train->options.ranking != RANK_GUARDED || control_count(train) > 0 ||
           err_set(err, ERR_USAGE, "ranking guarded spares the controls, expected some");
}

static bool check_model(const struct train *train, struct err *err)
{
    uint64_t groups = 0;
    return model_flipped_bits(train->model, &groups) == 0 ||
           err_set(err, ERR_USAGE, "the model has flips on it already");
}

struct minibatch_options train_batch_options(const struct train *train)
{
    return (struct minibatch_options){train->options.control_weight, train->options.threads,
                                      train->options.objective, 0};
}

/* ---- making -------------------------------------------------------------------------- */

static bool is_limited(const struct train *train)
{
    return train->options.broken_max != TRAIN_NO_LIMIT || train->options.broken_share_max < 1;
}

/* Those that no gradient sees are the first of the shuffled ones. */
static void set_apart(struct train *train)
{
    const struct train_options *options = &train->options;
    size_t neighbours = options->neighbours, controls = control_count(train);
    train->target_deck = deck_new(0, target_count(train), &train->rng);
    train->control_deck = deck_new(0, controls, &train->rng);
    train->neighbour_deck = deck_new(target_count(train), neighbours, &train->rng);
    train->validation.count = options->validation;
    train->neighbours.count =
        options->validation < a_fifth(neighbours) ? options->validation : a_fifth(neighbours);
    train->validation.index = deck_take(&train->target_deck, train->validation.count);
    train->neighbours.index = deck_take(&train->neighbour_deck, train->neighbours.count);
    train->judged.count = options->control_validation;
    if (options->control_validation == TRAIN_A_SAMPLE) {
        train->judged.count = is_limited(train) ? controls : a_fifth(controls);
        train->judged.index = deck_copy(&train->control_deck, train->judged.count);
    } else {
        train->judged.index = deck_take(&train->control_deck, train->judged.count);
    }
}

bool train_begin(struct train *train, struct err *err)
{
    struct train_options *options = &train->options;
    if (options->neighbours > train->targets->count)
        return err_set(err, ERR_RANGE, "%zu neighbours of %zu targets", options->neighbours,
                       train->targets->count);
    if (options->validation == TRAIN_A_FIFTH)
        options->validation = a_fifth(target_count(train));
    if (!check_sizes(train, err) || !check_counts(train, err))
        return false;
    rng_seed(&train->rng, options->seed);
    set_apart(train);
    train->k = options->first_k;
    return true;
}

static bool prepare_judge(struct train *train, struct err *err)
{
    struct minibatch_options options = train_batch_options(train);
    options.objective = ITEM_CE;
    if (train->validation.count == 0)
        return true;
    train->judge = minibatch_new(train->model, train->targets, train->validation.index,
                                 train->validation.count, train->controls, NULL, 0, NULL, &options,
                                 err);
    return train->judge != NULL;
}

bool train_prepare(struct train *train, cancel_flag *cancel, struct err *err)
{
    const struct train_options *options = &train->options;
    struct units_options units = {options->chunk, options->projs, options->ranking,
                                  (double)options->batch_targets, options->threads,
                                  options->price, options->control_weight};
    if (!check_guard(train, err) || !check_model(train, err))
        return false;
    train->picks = x_new(options->most_k, sizeof *train->picks);
    train->units = units_new(train->model, &units, err);
    if (!train->units || !prepare_judge(train, err))
        return false;
    if (control_count(train) == 0)
        return true;
    train->base = base_probs_new(train->model, train->controls, options->threads, cancel, err);
    return train->base && (options->ranking != RANK_GUARDED || train_guard(train, cancel, err));
}

struct train *train_new(struct model *model, const struct items *targets,
                        const struct items *controls, const struct train_options *options,
                        cancel_flag *cancel, struct err *err)
{
    struct train *train = x_new(1, sizeof *train);
    *train = (struct train){.model = model, .targets = targets, .controls = controls,
                            .options = *options};
    if (train_begin(train, err) && train_prepare(train, cancel, err) &&
        train_judge_base(train, cancel, err)) {
        train->last = train->before;
        train->neighbours_last = train->neighbours_before;
        train->best = train->before.target;
        return train;
    }
    train_free(train);
    return NULL;
}

void train_free(struct train *train)
{
    if (!train)
        return;
    free(train->target_deck.cards);
    free(train->neighbour_deck.cards);
    free(train->control_deck.cards);
    free(train->validation.index);
    free(train->neighbours.index);
    free(train->judged.index);
    base_probs_free(train->base);
    minibatch_free(train->judge);
    units_free(train->units);
    free(train->picks);
    for (uint64_t i = 0; train->past && i < train->step; i++)
        free(train->past[i].numbers);
    free(train->past);
    free(train);
}

/* ---- what was done ------------------------------------------------------------------------ */

struct objective train_validation_before(const struct train *train)
{
    return train->before;
}

struct objective train_neighbours_before(const struct train *train)
{
    return train->neighbours_before;
}

size_t train_validation_count(const struct train *train)
{
    return train->validation.count;
}

size_t train_neighbours_count(const struct train *train)
{
    return train->neighbours.count;
}

size_t train_controls_judged(const struct train *train)
{
    return train->judged.count;
}

uint64_t train_units(const struct train *train)
{
    return units_count(train->units);
}

uint64_t train_steps(const struct train *train)
{
    return train->step;
}

uint64_t train_tokens(const struct train *train)
{
    return train->tokens;
}

void train_count_measured(struct train *train, const struct minibatch *minibatch)
{
    train->tokens += minibatch_tokens(minibatch);
}

void train_count_gradient(struct train *train, const struct minibatch *minibatch)
{
    train->tokens += 3 * (uint64_t)minibatch_tokens(minibatch);
}

const struct train_step *train_step_at(const struct train *train, uint64_t step)
{
    BUG_ON(step == 0 || step > train->step);
    return &train->past[step - 1].step;
}

size_t train_flips(const struct train *train, struct flip **out)
{
    return units_flips(train->units, out);
}

size_t train_flips_at(const struct train *train, uint64_t step, struct flip **out)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    BUG_ON(step > train->step);
    for (uint64_t i = 0; i < step; i++) {
        const struct train_past *past = &train->past[i];
        numbers = x_grow(numbers, count + past->step.kept, sizeof *numbers);
        for (size_t k = 0; k < past->step.kept; k++)
            numbers[count++] = past->numbers[k];
    }
    size_t flips = units_flips_of(train->units, numbers, count, out);
    free(numbers);
    return flips;
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Not even one unit more goes into the patch. */
static bool is_full(const struct train *train, uint64_t units)
{
    const struct train_step *last = train->step > 0 ? &train->past[train->step - 1].step : NULL;
    uint64_t on = last ? last->flips : 0;
    double more = units_bytes_of(units, on + 1) - units_bytes_of(units, on);
    return train->options.bytes_max > 0 &&
           (last ? last->bytes : 0) + more > train->options.bytes_max;
}

enum train_stop train_stop_of(const struct train *train, uint64_t units)
{
    const struct train_options *options = &train->options;
    if (train->step > 0 && train->past[train->step - 1].step.undone)
        return TRAIN_STOP_BROKEN;
    if (is_full(train, units))
        return TRAIN_STOP_BYTES;
    if (options->patience > 0 && train->validation.count > 0 &&
        train->step - train->best_step >= options->patience)
        return TRAIN_STOP_STALLED;
    return train->step >= options->steps ? TRAIN_STOP_STEPS : TRAIN_STOP_NONE;
}

bool train_is_finished(struct train *train)
{
    train->stop = train_stop_of(train, train_units(train));
    return train->stop != TRAIN_STOP_NONE;
}

enum train_stop train_stop(const struct train *train)
{
    return train->stop;
}

const char *train_stop_name(enum train_stop stop)
{
    static const char *const names[] = {"not finished", "steps", "byte budget",
                                        "stalled validation", "broken controls",
                                        "no unit promises a gain"};
    return names[stop];
}

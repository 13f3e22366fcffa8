/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/rng.h"

enum { HALVINGS = 3 };

/* Indices in random order; when they are used up, in another one. */
struct deck {
    size_t *cards;
    size_t count, next;
};

struct train {
    struct model *model;
    const struct items *targets, *controls;
    struct train_options options;
    struct rng rng;
    struct deck target_deck, control_deck;
    size_t *validation; /* [validation_count] targets set apart */
    size_t validation_count;
    struct base_probs *base;
    struct minibatch *judge; /* the validation targets */
    struct units *units;
    struct unit_pick *picks; /* [most_k] */
    struct objective before, last;
    uint64_t step, best_step;
    double best;
    size_t k;
};

struct train_options train_default_options(void)
{
    return (struct train_options){
        .chunk = 8,
        .projs = (1u << PROJ_LAYER_COUNT) - 1,
        .ranking = RANK_SNR,
        .batch_targets = 128,
        .batch_controls = 128,
        .control_weight = 1,
        .first_k = 64,
        .most_k = 400,
        .steps = 100,
        .validation = TRAIN_A_FIFTH,
        .seed = 42,
    };
}

/* ---- decks ------------------------------------------------------------------------ */

static void shuffle(struct deck *deck, struct rng *rng)
{
    for (size_t i = deck->count; i > 1; i--) {
        size_t other = rng_below(rng, i), card = deck->cards[i - 1];
        deck->cards[i - 1] = deck->cards[other];
        deck->cards[other] = card;
    }
    deck->next = 0;
}

static struct deck deck_new(size_t count, struct rng *rng)
{
    struct deck deck = {.cards = x_new(count, sizeof *deck.cards), .count = count};
    for (size_t i = 0; i < count; i++)
        deck.cards[i] = i;
    shuffle(&deck, rng);
    return deck;
}

/* The next `count` cards, fewer where the deck has fewer; valid until the next deal. */
static const size_t *deal(struct deck *deck, size_t *count, struct rng *rng)
{
    *count = *count < deck->count ? *count : deck->count;
    if (deck->count - deck->next < *count)
        shuffle(deck, rng);
    const size_t *cards = deck->cards + deck->next;
    deck->next += *count;
    return cards;
}

/* ---- making -------------------------------------------------------------------------- */

static bool check_options(const struct train *train, struct err *err)
{
    const struct train_options *options = &train->options;
    uint64_t groups = 0;
    if (options->chunk > GROUP_WEIGHTS || (options->chunk & (options->chunk - 1)) != 0)
        return err_set(err, ERR_RANGE,
                       "units of %u weights, expected 1, 2, 4, ... 128, or rows",
                       (unsigned)options->chunk);
    if (options->batch_targets == 0 || options->first_k == 0 || options->most_k < options->first_k)
        return err_set(err, ERR_RANGE, "a step needs targets and flips, got %zu and %zu to %zu",
                       options->batch_targets, options->first_k, options->most_k);
    if (train->targets->count < 2 || train->targets->count <= options->validation)
        return err_set(err, ERR_RANGE, "%zu targets, expected more than the %zu for validation",
                       train->targets->count, options->validation);
    if (model_flipped_bits(train->model, &groups) > 0)
        return err_set(err, ERR_USAGE, "the model has flips on it already");
    return true;
}

static struct minibatch_options batch_options(const struct train *train)
{
    return (struct minibatch_options){train->options.control_weight, train->options.threads};
}

/* The first of the shuffled targets are set apart. */
static bool prepare_judge(struct train *train, cancel_flag *cancel, struct err *err)
{
    struct minibatch_options options = batch_options(train);
    train->validation_count = train->options.validation;
    if (train->validation_count == 0)
        return true;
    train->judge = minibatch_new(train->model, train->targets, train->validation,
                                 train->validation_count, train->controls, NULL, 0, NULL, &options,
                                 err);
    return train->judge && minibatch_measure(train->judge, &train->before, cancel, err);
}

static void set_apart(struct train *train)
{
    size_t apart = train->options.validation;
    train->target_deck = deck_new(train->targets->count, &train->rng);
    train->control_deck = deck_new(train->controls ? train->controls->count : 0, &train->rng);
    train->validation = x_new(apart, sizeof *train->validation);
    memcpy(train->validation, train->target_deck.cards, apart * sizeof *train->validation);
    train->target_deck.count -= apart;
    memmove(train->target_deck.cards, train->target_deck.cards + apart,
            train->target_deck.count * sizeof *train->target_deck.cards);
}

static bool prepare(struct train *train, cancel_flag *cancel, struct err *err)
{
    const struct train_options *options = &train->options;
    struct units_options units = {options->chunk, options->projs, options->ranking,
                                  (double)options->batch_targets, options->threads};
    rng_seed(&train->rng, options->seed);
    set_apart(train);
    train->picks = x_new(options->most_k, sizeof *train->picks);
    train->units = units_new(train->model, &units, err);
    if (!train->units || !prepare_judge(train, cancel, err))
        return false;
    train->last = train->before;
    train->best = train->before.target;
    if (!train->controls || train->controls->count == 0)
        return true;
    train->base = base_probs_new(train->model, train->controls, options->threads, cancel, err);
    return train->base != NULL;
}

struct train *train_new(struct model *model, const struct items *targets,
                        const struct items *controls, const struct train_options *options,
                        cancel_flag *cancel, struct err *err)
{
    struct train *train = x_new(1, sizeof *train);
    *train = (struct train){.model = model, .targets = targets, .controls = controls,
                            .options = *options, .k = options->first_k};
    if (options->validation == TRAIN_A_FIFTH)
        train->options.validation = targets->count / 5 < 200 ? targets->count / 5 : 200;
    if (check_options(train, err) && prepare(train, cancel, err))
        return train;
    train_free(train);
    return NULL;
}

void train_free(struct train *train)
{
    if (!train)
        return;
    free(train->target_deck.cards);
    free(train->control_deck.cards);
    free(train->validation);
    base_probs_free(train->base);
    minibatch_free(train->judge);
    units_free(train->units);
    free(train->picks);
    free(train);
}

struct objective train_validation_before(const struct train *train)
{
    return train->before;
}

size_t train_validation_count(const struct train *train)
{
    return train->validation_count;
}

uint64_t train_units(const struct train *train)
{
    return units_count(train->units);
}

size_t train_flips(const struct train *train, struct flip **out)
{
    return units_flips(train->units, out);
}

/* ---- a step ------------------------------------------------------------------------------ */

static struct minibatch *next_minibatch(struct train *train, struct err *err)
{
    struct minibatch_options options = batch_options(train);
    size_t targets = train->options.batch_targets;
    size_t controls = train->base ? train->options.batch_controls : 0;
    const size_t *target_index = deal(&train->target_deck, &targets, &train->rng);
    const size_t *control_index = deal(&train->control_deck, &controls, &train->rng);
    return minibatch_new(train->model, train->targets, target_index, targets, train->controls,
                         control_index, controls, train->base, &options, err);
}

static bool take_gradient(struct train *train, cancel_flag *cancel, struct err *err)
{
    struct objective ignored;
    struct minibatch *minibatch = next_minibatch(train, err);
    bool ok = minibatch && minibatch_gradient(minibatch, &ignored, units_visit, train->units,
                                              cancel, err);
    if (ok)
        units_taken(train->units);
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
    struct check check = {.minibatch = next_minibatch(train, err)};
    if (!check.minibatch || !minibatch_measure(check.minibatch, &check.before, cancel, err))
        return check;
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
    out->tried = count;
    out->predicted = 0;
    for (size_t i = 0; i < count; i++)
        out->predicted += train->picks[i].predicted;
    units_flip(train->units, train->picks, count);
    bool ok = minibatch_measure(check->minibatch, &after, cancel, err);
    if (ok) {
        const double *shares = minibatch_shares(check->minibatch);
        out->measured = after.value - check->before.value;
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
    for (int i = 0; ok && out->kept == 0 && count > 0 && i <= HALVINGS; i++, count /= 2)
        ok = check_picks(train, &check, count, out, cancel, err);
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

static bool judge(struct train *train, struct train_step *out, cancel_flag *cancel,
                  struct err *err)
{
    if (train->judge && out->kept > 0 &&
        !minibatch_measure(train->judge, &train->last, cancel, err))
        return false;
    if (train->last.target > train->best) {
        train->best = train->last.target;
        train->best_step = train->step;
    }
    out->validation = train->last;
    out->flips = units_on(train->units);
    out->bytes = units_bytes(train->units);
    return true;
}

static bool is_finished(const struct train *train)
{
    const struct train_options *options = &train->options;
    bool stalled = options->patience > 0 && train->judge &&
                   train->step - train->best_step >= options->patience;
    return train->step >= options->steps || stalled ||
           (options->bytes_max > 0 && units_bytes(train->units) >= options->bytes_max);
}

enum search_status train_step(struct train *train, struct train_step *out, cancel_flag *cancel,
                              struct err *err)
{
    *out = (struct train_step){.number = train->step + 1};
    if (is_finished(train))
        return SEARCH_FINISHED;
    if (!take_gradient(train, cancel, err))
        return SEARCH_FAILED;
    size_t count = units_pick(train->units, train->k, train->picks);
    if (count == 0)
        return SEARCH_FINISHED;
    if (!try_picks(train, count, out, cancel, err))
        return SEARCH_FAILED;
    adapt(train, out);
    train->step++;
    return judge(train, out, cancel, err) ? SEARCH_TRIED : SEARCH_FAILED;
}

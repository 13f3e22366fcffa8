/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every wanted place of the batch belongs to one item: items of different owners share no
 * tokens, so that its seed is the derivative of that item's part alone.
 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "engine/kernel/math.h"
#include "engine/search/minibatch_int.h"
#include "src/base/memory.h"
#include "src/base/num.h"
#include "src/base/rng.h"

enum { ROWS_AT_ONCE = 128 };

/* ---- the base's probabilities ------------------------------------------------------ */

struct base_probs {
    float *probs;  /* [positions][vocab] */
    size_t *first; /* [controls] position of the item's first answer token */
};

static void softmax_row(const float *logits, size_t vocab, float *probs)
{
    double sum = logits_log_sum_exp(logits, vocab);
    for (size_t i = 0; i < vocab; i++) {
        double log_prob = (double)logits[i] - sum;
        probs[i] = (float)math_exp(log_prob > -80 ? log_prob : -80);
    }
}

static struct sequence item_sequence(const struct item *item, uint32_t owner)
{
    return (struct sequence){item->ids.data, item->ids.count - 1, item->first - 1, owner};
}

/* Controls first to first + n - 1. */
static bool fill_probs(struct base_probs *base, struct model *model, const struct items *controls,
                       size_t first, size_t n, int threads, cancel_flag *cancel, struct err *err)
{
    struct sequence sequences[ROWS_AT_ONCE];
    size_t vocab = model_shape(model)->vocab;
    struct batch_options options = {.threads = threads};
    for (size_t i = 0; i < n; i++)
        sequences[i] = item_sequence(&controls->items[first + i], 0);
    struct batch *batch = batch_new(model, sequences, n, &options, err);
    float *logits = x_new(vocab, sizeof *logits);
    bool ok = batch && batch_run(batch, cancel, err);
    for (size_t i = 0; ok && i < n; i++)
        for (size_t k = sequences[i].wanted; ok && k < sequences[i].count; k++) {
            ok = batch_logits(batch, BATCH_MODEL, batch_row(batch, i, k), 1, logits, cancel, err);
            size_t place = base->first[first + i] + k - sequences[i].wanted;
            if (ok)
                softmax_row(logits, vocab, base->probs + place * vocab);
        }
    free(logits);
    batch_free(batch);
    return ok;
}

static bool allocate_probs(struct base_probs *base, size_t positions, size_t vocab,
                           struct err *err)
{
    size_t bytes = 0;
    if (num_mul(positions, vocab * sizeof(float), &bytes) && bytes <= memory_available() / 2) {
        base->probs = x_new(positions, vocab * sizeof(float));
        return true;
    }
    return err_set(err, ERR_MEMORY,
                   "no memory for the base's probabilities at %zu places of the controls "
                   "(%zu MiB): give fewer controls",
                   positions, bytes >> 20);
}

struct base_probs *base_probs_new(struct model *model, const struct items *controls, int threads,
                                  cancel_flag *cancel, struct err *err)
{
    struct base_probs *base = x_new(1, sizeof *base);
    size_t positions = 0;
    base->first = x_new(controls->count, sizeof *base->first);
    for (size_t i = 0; i < controls->count; i++) {
        base->first[i] = positions;
        positions += controls->items[i].ids.count - controls->items[i].first;
    }
    bool ok = allocate_probs(base, positions, model_shape(model)->vocab, err);
    for (size_t i = 0; ok && i < controls->count; i += ROWS_AT_ONCE) {
        size_t left = controls->count - i;
        ok = fill_probs(base, model, controls, i, left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE,
                        threads, cancel, err);
    }
    if (ok)
        return base;
    base_probs_free(base);
    return NULL;
}

void base_probs_free(struct base_probs *base)
{
    if (!base)
        return;
    free(base->probs);
    free(base->first);
    free(base);
}

/* ---- places -------------------------------------------------------------------------- */

static void place_item(struct minibatch *minibatch, size_t number, const struct item *item,
                       const float *base)
{
    size_t vocab = model_shape(minibatch->model)->vocab;
    for (size_t k = item->first; k < item->ids.count; k++) {
        size_t row = gradient_row(minibatch->gradient, number, k - 1);
        const float *probs = base ? base + (k - item->first) * vocab : NULL;
        minibatch->places[row] = (struct place){
            .id = item->ids.data[k], .item = (uint32_t)number, .base = probs};
    }
}

struct minibatch *minibatch_new(struct model *model, const struct items *targets,
                                const size_t *target_index, size_t target_count,
                                const struct items *controls, const size_t *control_index,
                                size_t control_count, const struct base_probs *base,
                                const struct minibatch_options *options, struct err *err)
{
    struct minibatch *minibatch = x_new(1, sizeof *minibatch);
    size_t count = target_count + control_count, vocab = model_shape(model)->vocab;
    struct sequence *sequences = x_new(count, sizeof *sequences);
    const struct item **items = x_new(count, sizeof *items);
    *minibatch = (struct minibatch){.model = model, .options = *options,
                                    .targets = target_count, .controls = control_count};
    if (minibatch->options.threads <= 0)
        minibatch->options.threads = omp_get_max_threads();
    for (size_t i = 0; i < count; i++) {
        items[i] = i < target_count ? &targets->items[target_index[i]]
                                    : &controls->items[control_index[i - target_count]];
        sequences[i] = item_sequence(items[i], (uint32_t)i);
    }
    const struct gradient_options of_pass = {options->threads, options->keep_bytes};
    minibatch->gradient = gradient_new(model, sequences, count, &of_pass, err);
    free(sequences);
    if (minibatch->gradient) {
        minibatch->rows = gradient_rows(minibatch->gradient);
        minibatch->places = x_new(minibatch->rows, sizeof *minibatch->places);
        minibatch->shares = x_new(count, sizeof *minibatch->shares);
        minibatch->right = x_new(count, sizeof *minibatch->right);
        minibatch->logits = x_new(ROWS_AT_ONCE * vocab, sizeof(float));
    }
    for (size_t i = 0; minibatch->gradient && i < count; i++)
        place_item(minibatch, i, items[i],
                   i < target_count ? NULL
                                    : base->probs + base->first[control_index[i - target_count]] *
                                                        vocab);
    free(items);
    if (minibatch->gradient)
        return minibatch;
    free(minibatch);
    return NULL;
}

void minibatch_free(struct minibatch *minibatch)
{
    if (!minibatch)
        return;
    gradient_free(minibatch->gradient);
    free(minibatch->places);
    free(minibatch->shares);
    free(minibatch->right);
    free(minibatch->logits);
    free(minibatch);
}

const double *minibatch_shares(const struct minibatch *minibatch)
{
    return minibatch->shares;
}

const bool *minibatch_right(const struct minibatch *minibatch)
{
    return minibatch->right;
}

void minibatch_sizes(const struct minibatch *minibatch, size_t *targets, size_t *controls)
{
    *targets = minibatch->targets;
    *controls = minibatch->controls;
}

size_t minibatch_tokens(const struct minibatch *minibatch)
{
    return gradient_tokens(minibatch->gradient);
}

/* ---- measuring ------------------------------------------------------------------------ */

bool minibatch_measure(struct minibatch *minibatch, struct objective *out, cancel_flag *cancel,
                       struct err *err)
{
    size_t vocab = model_shape(minibatch->model)->vocab;
    for (size_t first = 0; first < minibatch->rows; first += ROWS_AT_ONCE) {
        size_t left = minibatch->rows - first, n = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
        if (!gradient_logits(minibatch->gradient, first, n, minibatch->logits, cancel, err))
            return false;
#pragma omp parallel for num_threads(minibatch->options.threads)
        for (size_t i = 0; i < n; i++)
            minibatch_judge_place(&minibatch->places[first + i], minibatch->logits + i * vocab,
                                  vocab);
    }
    *out = minibatch_sum_up(minibatch);
    return true;
}

/* ---- derivatives ------------------------------------------------------------------------- */

/* Of the soft minimum of margins: up with the token, down with the likeliest other one. */
static void seed_margin(const struct place *place, float share, float *seed)
{
    seed[place->id] = share;
    seed[place->rival] = -share;
}

/* Of log p: 1 at the token, minus p; of -KL(base || now): base minus p. */
static void seed_place(void *user, size_t row, const float *logits, float *seed)
{
    struct minibatch *minibatch = user;
    struct place *place = &minibatch->places[row];
    size_t vocab = model_shape(minibatch->model)->vocab;
    double share = place->base ? minibatch->options.control_weight / (double)minibatch->controls
                               : 1 / (double)minibatch->targets;
    minibatch_judge_place(place, logits, vocab);
    if (!place->base && minibatch->options.objective != ITEM_CE)
        share *= place->slope;
    if (!place->base && minibatch->options.objective == ITEM_MARGIN) {
        seed_margin(place, (float)share, seed);
        return;
    }
    softmax_row(logits, vocab, seed);
    for (size_t i = 0; i < vocab; i++) {
        float wanted = place->base ? place->base[i] : (float)(i == (size_t)place->id);
        seed[i] = (float)share * (wanted - seed[i]);
    }
}

struct passed_on {
    struct minibatch *minibatch;
    void (*visit)(void *user, const struct gradient_visit *visit);
    void *user;
};

static void pass_seed(void *user, size_t row, const float *logits, float *seed)
{
    seed_place(((struct passed_on *)user)->minibatch, row, logits, seed);
}

static void pass_visit(void *user, const struct gradient_visit *visit)
{
    const struct passed_on *to = user;
    to->visit(to->user, visit);
}

bool minibatch_gradient(struct minibatch *minibatch, struct objective *out,
                        void (*visit)(void *user, const struct gradient_visit *visit), void *user,
                        cancel_flag *cancel, struct err *err)
{
    struct passed_on to = {minibatch, visit, user};
    struct gradient_job job = {pass_seed, pass_visit, &to};
    if (minibatch->options.objective != ITEM_CE &&
        !minibatch_measure(minibatch, out, cancel, err)) /* a place's slope needs them all */
        return false;
    if (!gradient_run(minibatch->gradient, &job, cancel, err))
        return false;
    *out = minibatch_sum_up(minibatch);
    return true;
}

/* ---- answers that are drawn -------------------------------------------------------------- */

struct drawing {
    struct minibatch *minibatch;
    uint64_t seed;
    void (*visit)(void *user, const struct gradient_visit *visit);
    void *user;
};

static size_t draw_token(const float *probs, size_t vocab, uint64_t seed)
{
    struct rng rng;
    double left;
    size_t token = 0;
    rng_seed(&rng, seed);
    left = rng_unit(&rng);
    while (token < vocab - 1 && (left -= (double)probs[token]) >= 0)
        token++;
    return token;
}

/* Each place has numbers of its own, whichever thread comes to it. */
static void seed_drawn(void *user, size_t row, const float *logits, float *seed)
{
    const struct drawing *drawing = user;
    struct minibatch *minibatch = drawing->minibatch;
    size_t vocab = model_shape(minibatch->model)->vocab;
    if (!minibatch->places[row].base)
        return;
    softmax_row(logits, vocab, seed);
    size_t token = draw_token(seed, vocab, rng_mix(drawing->seed) + row);
    float share = (float)(1 / sqrt((double)minibatch->controls));
    for (size_t i = 0; i < vocab; i++)
        seed[i] = share * ((float)(i == token) - seed[i]);
}

static void visit_drawn(void *user, const struct gradient_visit *visit)
{
    const struct drawing *drawing = user;
    drawing->visit(drawing->user, visit);
}

bool minibatch_drawn(struct minibatch *minibatch, uint64_t seed,
                     void (*visit)(void *user, const struct gradient_visit *visit), void *user,
                     cancel_flag *cancel, struct err *err)
{
    struct drawing drawing = {minibatch, seed, visit, user};
    struct gradient_job job = {seed_drawn, visit_drawn, &drawing};
    return gradient_run(minibatch->gradient, &job, cancel, err);
}

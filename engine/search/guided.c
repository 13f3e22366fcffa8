/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method `guided`: which candidate comes next is what one backward pass promises most of,
 * among those not tried yet; then it is measured and judged as with any method.
 *
 * A pass makes a list of the best; the list is gone through until so many were accepted
 * that it is out of date (pace), or it ends.  All of that follows from what became of the
 * candidates, and from nothing else: so a search that was stopped finds its list again from
 * the flips that were on when it was made, and its place in it from the candidates since.
 *
 * Flips that are measured together should not spoil each other's predictions, which hold for
 * each alone.  Three products of what two rows say are in the network, and there neither
 * effect has anything to do with the one predicted: gate and up of a neuron, q and k of a
 * head, and two units of one row.  Such pairs are not in one batch (compatible); whatever
 * else interacts does so through later layers, and is left to the measurement.
 */
#include "engine/search/guided.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/method.h"
#include "engine/search/pool.h"
#include "engine/search/tried_set.h"

struct guided {
    int32_t *layers;
    size_t layer_count;
    uint64_t units; /* that can be flipped */
    enum granularity granularity;
    struct predict *predict;
    struct best list;
    const struct work_progress *watch; /* while the list is made, */
    size_t seen, matrices;             /* so many of them */
    bool *settled;    /* [list.count] */
    bool has_list;
    size_t *chosen;   /* [chosen_count] places in the list of the parts to try, the next last */
    size_t chosen_count;
    struct flip *list_flips; /* on when the list was made that has to be made again */
    size_t list_flip_count;
    struct guided_pace pace, at_list, before; /* now; after and before the list was made */
    struct guided_outcome *since;             /* [since_count] candidates since then */
    size_t since_count;
    struct tried_set tried; /* settled before the list was made */
};

/* ---- making ---------------------------------------------------------------------------- */

void guided_free(struct guided *guided)
{
    if (!guided)
        return;
    predict_free(guided->predict);
    best_free(&guided->list);
    tried_set_free(&guided->tried);
    free(guided->settled);
    free(guided->chosen);
    free(guided->since);
    free(guided->layers);
    free(guided->list_flips);
    free(guided);
}

struct guided *guided_new(const struct model *model, const struct search_options *options,
                          enum granularity granularity, uint64_t together, struct err *err)
{
    struct guided *guided = x_new(1, sizeof *guided);
    size_t layers = model_shape(model)->layers;
    layers = layers > options->layer_count ? layers : options->layer_count;
    guided->layers = x_new(layers, sizeof *guided->layers);
    guided->layer_count = search_layers(model, options, guided->layers);
    guided->granularity = granularity;
    guided->pace = guided_pace_first(together);
    struct pool pool = pool_make(model, options, granularity);
    guided->units = pool.units;
    pool_free(&pool);
    if (guided->units > 0)
        return guided;
    (void)err_set(err, ERR_USAGE, "no layers or projections are left to choose flips from");
    guided_free(guided);
    return NULL;
}

uint64_t guided_units(const struct guided *guided)
{
    return guided->units;
}

uint64_t guided_left(const struct guided *guided)
{
    return guided->units - guided->pace.settled_before - guided->pace.settled;
}

/* ---- the list ---------------------------------------------------------------------------- */

static void offer(void *user, const struct predicted *predicted)
{
    struct guided *guided = user;
    uint64_t units = (uint64_t)predicted->count * predicted->per_row;
    for (uint64_t unit = 0; unit < units; unit++) {
        if (!best_wants(&guided->list, predicted->change[unit]))
            continue;
        struct promise promise = {predicted_flip(predicted, unit), predicted->change[unit]};
        if (!tried_set_has(&guided->tried, &promise.flip))
            best_offer(&guided->list, &promise);
    }
    guided->seen += predicted->first + predicted->count == predicted->rows;
    if (guided->watch)
        guided->watch->report(guided->watch->user, guided->seen, guided->matrices);
}

/* For the model as it is, with these gaps. */
static bool make_list(struct search *search, struct guided *guided, const double *gaps,
                      cancel_flag *cancel, struct err *err)
{
    struct judge judge = search_judge_of(search);
    struct predict_options options = {guided->layers, guided->layer_count, search->options.projs,
                                      guided->granularity, search->options.threads,
                                      search->options.keep_bytes};
    guided->has_list = false;
    if (!guided->predict)
        guided->predict =
            predict_new(search->model, search->targets, search->controls, &options, err);
    best_free(&guided->list);
    best_init(&guided->list, GUIDED_LIST);
    guided->watch = search->watch;
    guided->seen = 0;
    (void)predict_units(search->model, &options, &guided->matrices);
    if (!guided->predict ||
        !predict_run(guided->predict, &judge, gaps, offer, guided, cancel, err))
        return false;
    search_note_pass(search, guided->predict);
    best_sort(&guided->list);
    guided->settled = x_grow(guided->settled, guided->list.count, sizeof *guided->settled);
    guided->chosen = x_grow(guided->chosen, guided->list.count, sizeof *guided->chosen);
    memset(guided->settled, 0, guided->list.count * sizeof *guided->settled);
    guided->chosen_count = 0;
    guided->has_list = true;
    return true;
}

/* ---- batches --------------------------------------------------------------------------------- */

/* Which of the two is q, if they are q and k of heads that meet. */
static bool is_head_pair(const struct model_shape *shape, const struct flip *q,
                         const struct flip *k)
{
    uint32_t queries = shape->heads / shape->kv_heads; /* heads that share one of k */
    return q->proj == PROJ_Q && k->proj == PROJ_K &&
           q->row / shape->head_dim / queries == k->row / shape->head_dim;
}

static bool compatible(const struct model_shape *shape, const struct flip *a,
                       const struct flip *b)
{
    bool neuron = (a->proj == PROJ_GATE || a->proj == PROJ_UP) &&
                  (b->proj == PROJ_GATE || b->proj == PROJ_UP);
    if (a->layer != b->layer)
        return true;
    if (a->row == b->row && (a->proj == b->proj || neuron))
        return false;
    return !is_head_pair(shape, a, b) && !is_head_pair(shape, b, a);
}

static bool fits_batch(const struct search *search, const struct guided *guided, size_t place)
{
    const struct promise *list = guided->list.heap;
    for (size_t i = 0; i < guided->chosen_count; i++)
        if (!compatible(model_shape(search->model), &list[place].flip,
                        &list[guided->chosen[i]].flip))
            return false;
    return true;
}

/* The best of the list that go together, the best of them last: it is what is next. */
static void choose_batch(struct search *search, struct guided *guided, size_t size)
{
    for (size_t place = 0; place < guided->list.count && guided->chosen_count < size; place++) {
        bool promises = guided->chosen_count == 0 || guided->list.heap[place].change > 0;
        if (!guided->settled[place] && promises && fits_batch(search, guided, place))
            guided->chosen[guided->chosen_count++] = place;
    }
    for (size_t i = 0, j = guided->chosen_count; i + 1 < j; i++) {
        size_t swapped = guided->chosen[i];
        guided->chosen[i] = guided->chosen[--j];
        guided->chosen[j] = swapped;
    }
}

/* How many of `chosen`, from its end, are the next candidate; 0: nothing is left. */
static size_t next_count(struct search *search, struct guided *guided)
{
    size_t size = guided_pace_next(&guided->pace);
    if (guided->pace.part_count == 0) {
        guided->chosen_count = 0;
        choose_batch(search, guided, size);
        return guided->chosen_count;
    }
    return guided->chosen_count < size ? 0 : size;
}

/* What became of the next candidate. */
static bool settle(struct guided *guided, const struct guided_outcome *outcome)
{
    size_t count = outcome->count;
    if (count > guided->chosen_count || !guided_pace_tried(&guided->pace, outcome))
        return false;
    if (!outcome->accepted && count > 1)
        return true; /* its halves are next */
    for (size_t i = 0; i < count; i++)
        guided->settled[guided->chosen[--guided->chosen_count]] = true;
    return true;
}

/* From the beginning of the list to the candidates that were tried of it. */
static bool follow(struct search *search, struct guided *guided, struct err *err)
{
    guided->pace = guided->at_list;
    guided->chosen_count = 0;
    memset(guided->settled, 0, guided->list.count * sizeof *guided->settled);
    for (size_t i = 0; i < guided->since_count; i++)
        if (next_count(search, guided) != guided->since[i].count ||
            !settle(guided, &guided->since[i]))
            return err_set(err, ERR_MISMATCH, "the candidates that were tried are not those of "
                                              "this search");
    return true;
}

/* ---- lists in time ------------------------------------------------------------------------ */

/* The list of an earlier run, of the model as it was then. */
static bool make_list_again(struct search *search, struct guided *guided, cancel_flag *cancel,
                            struct err *err)
{
    double *gaps = x_new(search->probe_count, sizeof *gaps);
    search_flip_all(search, search->accepted, search->accepted_count);
    search_flip_all(search, guided->list_flips, guided->list_flip_count);
    bool ok = trial_gaps(search, gaps, cancel, err) && make_list(search, guided, gaps, cancel, err);
    search_flip_all(search, guided->list_flips, guided->list_flip_count);
    search_flip_all(search, search->accepted, search->accepted_count);
    free(gaps);
    guided->has_list = ok && follow(search, guided, err);
    return guided->has_list;
}

/* What was settled of the old list is not to be on the new one. */
static void leave_list(struct guided *guided)
{
    for (size_t place = 0; guided->has_list && place < guided->list.count; place++)
        if (guided->settled[place])
            tried_set_add(&guided->tried, &guided->list.heap[place].flip);
    guided->has_list = false;
}

static bool update_list(struct search *search, struct guided *guided, cancel_flag *cancel,
                        struct err *err)
{
    bool due = guided_pace_due(&guided->pace, guided->units);
    if (!due && guided->has_list)
        return true;
    if (!due)
        return make_list_again(search, guided, cancel, err);
    leave_list(guided);
    guided->before = guided->pace;
    guided->since_count = 0;
    if (!make_list(search, guided, search->now, cancel, err))
        return false;
    guided_pace_list(&guided->pace);
    guided->at_list = guided->pace;
    return true;
}

/* A list that nothing was tried of is to be made of the model as it is then. */
static void drop_fresh_list(struct guided *guided)
{
    if (guided->since_count > 0)
        return;
    guided->has_list = false;
    guided->pace = guided->before;
}

/* ---- steps --------------------------------------------------------------------------------- */

enum search_status guided_next(struct search *search, struct guided *guided,
                               cancel_flag *cancel, struct err *err)
{
    if (guided_left(guided) == 0)
        return SEARCH_FINISHED;
    if (!update_list(search, guided, cancel, err))
        return SEARCH_FAILED;
    size_t count = next_count(search, guided);
    BUG_ON(count == 0);
    for (size_t i = 0; i < count; i++) {
        const struct promise *promise =
            &guided->list.heap[guided->chosen[guided->chosen_count - 1 - i]];
        search_add(search, &promise->flip);
        search->promised += promise->change;
    }
    return SEARCH_TRIED;
}

void guided_tried(const struct search *search, struct guided *guided,
                  const struct search_try *tried)
{
    struct guided_outcome outcome = {tried->count, tried->accepted,
                                     tried->fitness - search->fitness, tried->promised};
    guided->since = x_grow(guided->since, guided->since_count + 1, sizeof *guided->since);
    guided->since[guided->since_count++] = outcome;
    BUG_ON(!settle(guided, &outcome));
}

void guided_give_up(struct guided *guided)
{
    drop_fresh_list(guided);
}

void guided_untry(struct search *search, struct guided *guided)
{
    struct err ignored;
    guided->since_count--;
    BUG_ON(!follow(search, guided, &ignored));
    drop_fresh_list(guided);
}

size_t guided_peek(const struct guided *guided, size_t count, struct flip *out)
{
    size_t found = 0;
    for (size_t i = 0; guided->has_list && i < guided->list.count && found < count; i++)
        if (!guided->settled[i])
            out[found++] = guided->list.heap[i].flip;
    return found;
}

double guided_promised(const struct guided *guided, const struct flip *flip)
{
    for (size_t i = 0; guided->has_list && i < guided->list.count; i++)
        if (flip_equal(&guided->list.heap[i].flip, flip))
            return guided->list.heap[i].change;
    return (double)NAN;
}

/* ---- an earlier run ------------------------------------------------------------------------- */

static bool settle_past(struct guided *guided, const struct search_tried *tried, uint64_t number,
                        struct err *err)
{
    size_t count = 0;
    const struct flip *flips = tried_flips(tried, &count);
    for (size_t i = 0; i < count && (tried->accepted || count == 1); i++) {
        if (tried_set_has(&guided->tried, &flips[i]))
            return err_set(err, ERR_MISMATCH, "candidate %" PRIu64 " was tried before", number);
        tried_set_add(&guided->tried, &flips[i]);
    }
    return true;
}

static bool pass(struct guided *guided, const struct search_past *past, uint64_t number,
                 struct err *err)
{
    const struct search_tried *tried = &past->tries[number - 1];
    struct guided_outcome outcome = {0, tried->accepted, tried->fitness - tried->below,
                                     tried->promised};
    (void)tried_flips(tried, &outcome.count);
    guided->since = x_grow(guided->since, guided->since_count + 1, sizeof *guided->since);
    guided->since[guided->since_count++] = outcome;
    return guided_pace_tried(&guided->pace, &outcome) ||
           err_set(err, ERR_MISMATCH, "candidate %" PRIu64 " is not one of this search", number);
}

/* The tries up to number are of lists that were left. */
static bool settle_until(struct guided *guided, const struct search_past *past, uint64_t from,
                         uint64_t number, struct err *err)
{
    guided->since_count = 0;
    for (uint64_t i = from; i < number; i++)
        if (!settle_past(guided, &past->tries[i], i + 1, err))
            return false;
    return true;
}

bool guided_resume(struct guided *guided, const struct search_past *past, struct err *err)
{
    uint64_t listed = 0;
    for (uint64_t i = 0; i < past->tried; i++) {
        if (guided_pace_due(&guided->pace, guided->units)) {
            guided->before = guided->pace;
            guided_pace_list(&guided->pace);
            guided->at_list = guided->pace;
            if (!settle_until(guided, past, listed, i, err))
                return false;
            listed = i;
        }
        if (!pass(guided, past, i + 1, err))
            return false;
    }
    if (guided_pace_due(&guided->pace, guided->units))
        return settle_until(guided, past, listed, past->tried, err);
    return past->flips_at(past->user, listed + 1, &guided->list_flips,
                          &guided->list_flip_count, err);
}

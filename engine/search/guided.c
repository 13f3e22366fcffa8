/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method `guided`: which candidate comes next is what one backward pass promises most of,
 * among those not tried yet; then it is measured and judged as with any method.
 *
 * A pass makes a list of the best; the list is gone through until so many were accepted
 * that it is out of date (pace), or it ends.  When that is follows from which candidates
 * were accepted, and from nothing else: so a search that was stopped finds its list again
 * from the flips that were on when it was made.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/guided.h"
#include "engine/search/method.h"

enum { LIST_MAX = 512, EVERY_FIRST = 8, EVERY_LEAST = 2, EVERY_MOST = 32, PATIENCE = 4 };

struct guided {
    int32_t *layers;
    size_t layer_count;
    uint64_t units; /* that can be flipped */
    struct predict *predict;
    struct best list;
    const struct work_progress *watch; /* while the list is made, */
    size_t seen, matrices;             /* so many of them */
    size_t at;     /* the next of the list */
    bool has_list;
    struct flip *list_flips; /* on when the list was made that has to be made again */
    size_t list_flip_count;
    struct guided_pace pace, pace_before; /* the step */
    bool fresh;                           /* did this step make the list? */
    uint64_t *tried; /* [tried_count] keys, ascending */
    size_t tried_count;
};

/* ---- pace -------------------------------------------------------------------------- */

struct guided_pace guided_pace_first(void)
{
    return (struct guided_pace){.every = EVERY_FIRST};
}

bool guided_pace_due(const struct guided_pace *pace, uint64_t units)
{
    uint64_t left = units - pace->tried_before;
    uint64_t list = left < LIST_MAX ? left : LIST_MAX;
    return !pace->listed || pace->accepted >= pace->every || pace->tried >= list ||
           (pace->accepted > 0 && pace->tried >= PATIENCE * pace->every);
}

/* Predictions and measurements agree if most of what was promised was accepted. */
void guided_pace_list(struct guided_pace *pace)
{
    if (pace->tried > 0 && 4 * pace->accepted >= 3 * pace->tried)
        pace->every = pace->every * 2 < EVERY_MOST ? pace->every * 2 : EVERY_MOST;
    else if (pace->tried > 0 && 3 * pace->accepted < pace->tried)
        pace->every = pace->every / 2 > EVERY_LEAST ? pace->every / 2 : EVERY_LEAST;
    pace->tried_before += pace->tried;
    pace->tried = pace->accepted = 0;
    pace->listed = true;
}

void guided_pace_tried(struct guided_pace *pace, bool accepted)
{
    pace->tried++;
    pace->accepted += accepted;
}

/* ---- what was tried ------------------------------------------------------------------- */

static uint64_t key_of(const struct flip *flip)
{
    return (uint64_t)flip->layer << 52 | (uint64_t)flip->proj << 48 |
           (uint64_t)(uint16_t)(flip->group + 1) << 32 | flip->row;
}

/* Where the key is, or would be. */
static size_t place_of(const struct guided *guided, uint64_t key)
{
    size_t low = 0, high = guided->tried_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (guided->tried[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool was_tried(const struct guided *guided, const struct flip *flip)
{
    uint64_t key = key_of(flip);
    size_t at = place_of(guided, key);
    return at < guided->tried_count && guided->tried[at] == key;
}

static void add_tried(struct guided *guided, const struct flip *flip)
{
    uint64_t key = key_of(flip);
    size_t at = place_of(guided, key), behind = guided->tried_count - at;
    guided->tried = x_grow(guided->tried, guided->tried_count + 1, sizeof *guided->tried);
    memmove(guided->tried + at + 1, guided->tried + at, behind * sizeof *guided->tried);
    guided->tried[at] = key;
    guided->tried_count++;
}

static void remove_tried(struct guided *guided, const struct flip *flip)
{
    size_t at = place_of(guided, key_of(flip)), behind = guided->tried_count - at - 1;
    memmove(guided->tried + at, guided->tried + at + 1, behind * sizeof *guided->tried);
    guided->tried_count--;
}

/* ---- making ---------------------------------------------------------------------------- */

static uint64_t count_units(const struct model *model, const struct guided *guided,
                            const struct search_options *options)
{
    uint64_t units = 0;
    for (size_t i = 0; i < guided->layer_count; i++)
        for (enum proj proj = 0; proj < PROJ_LAYER_COUNT; proj++) {
            uint32_t rows = 0, columns = 0;
            if (!(options->projs >> proj & 1) ||
                !model_matrix_size(model, guided->layers[i], proj, &rows, &columns))
                continue;
            bool by_row = options->granularity == GRANULARITY_ROW;
            units += by_row ? rows : (uint64_t)rows * (columns / GROUP_WEIGHTS);
        }
    return units;
}

static void guided_free(struct search *search)
{
    struct guided *guided = search->plan;
    predict_free(guided->predict);
    best_free(&guided->list);
    free(guided->layers);
    free(guided->list_flips);
    free(guided->tried);
    free(guided);
}

static bool guided_begin(struct search *search, const struct search_options *options,
                         struct err *err)
{
    const struct model *model = search->model;
    struct guided *guided = search->plan = x_new(1, sizeof *guided);
    size_t layers = model_shape(model)->layers;
    layers = layers > options->layer_count ? layers : options->layer_count;
    guided->layers = x_new(layers, sizeof *guided->layers);
    guided->layer_count = search_layers(model, options, guided->layers);
    guided->pace = guided_pace_first();
    guided->units = count_units(model, guided, options);
    if (options->projs >> PROJ_LAYER_COUNT)
        return err_set(err, ERR_USAGE, "embed and head cannot be searched by gradients, expected "
                                       "projections of q, k, v, o, gate, up, down");
    return guided->units > 0 ||
           err_set(err, ERR_USAGE, "no layers or projections are left to choose flips from");
}

static uint64_t guided_units(const struct search *search)
{
    const struct guided *guided = search->plan;
    return guided->units;
}

static uint64_t guided_left(const struct search *search)
{
    const struct guided *guided = search->plan;
    return guided->units - guided->tried_count;
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
        if (!was_tried(guided, &promise.flip))
            best_offer(&guided->list, &promise);
    }
    guided->seen += predicted->first + predicted->count == predicted->rows;
    if (guided->watch)
        guided->watch->report(guided->watch->user, guided->seen, guided->matrices);
}

/* For the model as it is, with these gaps. */
static bool make_list(struct search *search, const double *gaps, cancel_flag *cancel,
                      struct err *err)
{
    struct guided *guided = search->plan;
    struct judge judge = search_judge_of(search);
    struct predict_options options = {guided->layers, guided->layer_count, search->options.projs,
                                      search->options.granularity, search->options.threads};
    guided->has_list = false;
    if (!guided->predict)
        guided->predict =
            predict_new(search->model, search->targets, search->controls, &options, err);
    best_free(&guided->list);
    best_init(&guided->list, LIST_MAX);
    guided->at = 0;
    guided->watch = search->watch;
    guided->seen = 0;
    (void)predict_units(search->model, &options, &guided->matrices);
    if (!guided->predict ||
        !predict_run(guided->predict, &judge, gaps, offer, guided, cancel, err))
        return false;
    search_note_pass(search, guided->predict);
    best_sort(&guided->list);
    guided->has_list = true;
    return true;
}

/* The list of an earlier run, of the model as it was then.  What was tried of it came
 * first in it, so that without that the rest is in the same order. */
static bool make_list_again(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct guided *guided = search->plan;
    double *gaps = x_new(search->probe_count, sizeof *gaps);
    search_flip_all(search, search->accepted, search->accepted_count);
    search_flip_all(search, guided->list_flips, guided->list_flip_count);
    bool ok = trial_gaps(search, gaps, cancel, err) && make_list(search, gaps, cancel, err);
    search_flip_all(search, guided->list_flips, guided->list_flip_count);
    search_flip_all(search, search->accepted, search->accepted_count);
    free(gaps);
    return ok;
}

static bool update_list(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct guided *guided = search->plan;
    bool due = guided_pace_due(&guided->pace, guided->units);
    guided->pace_before = guided->pace;
    guided->fresh = due;
    if (!due && guided->has_list)
        return true;
    if (!due)
        return make_list_again(search, cancel, err);
    if (!make_list(search, search->now, cancel, err))
        return false;
    guided_pace_list(&guided->pace);
    return true;
}

/* ---- steps --------------------------------------------------------------------------------- */

static enum search_status guided_next(struct search *search, cancel_flag *cancel,
                                      struct err *err)
{
    struct guided *guided = search->plan;
    if (guided->tried_count >= guided->units)
        return SEARCH_FINISHED;
    if (!update_list(search, cancel, err))
        return SEARCH_FAILED;
    BUG_ON(guided->at >= guided->list.count);
    search_add(search, &guided->list.heap[guided->at].flip);
    return SEARCH_TRIED;
}

static void guided_tried(struct search *search, const struct search_try *tried)
{
    struct guided *guided = search->plan;
    guided_pace_tried(&guided->pace, tried->accepted);
    add_tried(guided, &tried->flip);
    guided->at++;
}

static void guided_give_up(struct search *search)
{
    struct guided *guided = search->plan;
    if (guided->fresh) /* it is to be made of the model as it is then */
        guided->has_list = false;
    guided->pace = guided->pace_before;
}

static void guided_untry(struct search *search, const struct search_try *tried)
{
    struct guided *guided = search->plan;
    remove_tried(guided, &tried->flip);
    guided->at--;
    guided_give_up(search);
}

static size_t guided_peek(const struct search *search, size_t count, struct flip *out)
{
    const struct guided *guided = search->plan;
    size_t left = guided->has_list ? guided->list.count - guided->at : 0;
    count = count < left ? count : left;
    for (size_t i = 0; i < count; i++)
        out[i] = guided->list.heap[guided->at + i].flip;
    return count;
}

static double promised(const struct search *search, const struct flip *flip)
{
    const struct guided *guided = search->plan;
    for (size_t i = 0; guided->has_list && i < guided->list.count; i++)
        if (flip_equal(&guided->list.heap[i].flip, flip))
            return guided->list.heap[i].change;
    return (double)NAN;
}

/* ---- an earlier run ------------------------------------------------------------------------- */

static bool guided_resume(struct search *search, const struct search_past *past,
                          struct err *err)
{
    struct guided *guided = search->plan;
    uint64_t listed = 0;
    for (uint64_t i = 0; i < past->tried; i++) {
        if (guided_pace_due(&guided->pace, guided->units)) {
            guided_pace_list(&guided->pace);
            listed = i;
        }
        guided_pace_tried(&guided->pace, past->tries[i].accepted);
    }
    if (past->tried == 0)
        return true;
    if (!past->flips_at(past->user, listed + 1, &guided->list_flips, &guided->list_flip_count,
                        err))
        return false;
    for (uint64_t i = 0; i < past->tried; i++)
        if (was_tried(guided, &past->tries[i].flip))
            return err_set(err, ERR_MISMATCH, "candidate %" PRIu64 " was tried before", i + 1);
        else
            add_tried(guided, &past->tries[i].flip);
    return true;
}

const struct method method_guided = {
    .name = "guided",
    .help = "by what one backward pass promises, refreshed as flips are accepted",
    .whole_model = true,
    .replays = true,
    .granularities = 1u << GRANULARITY_ROW | 1u << GRANULARITY_GROUP,
    .begin = guided_begin,
    .free = guided_free,
    .next = guided_next,
    .tried = guided_tried,
    .give_up = guided_give_up,
    .untry = guided_untry,
    .promised = promised,
    .peek = guided_peek,
    .left = guided_left,
    .candidates = guided_units,
    .resume = guided_resume,
};

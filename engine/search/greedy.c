/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method `greedy`, as first published: rows are drawn without replacement, each with a
 * probability proportional to its mean |scale|.
 *
 * Which row is drawn depends on the seed and on how many were drawn, not on what became of
 * them: drawing as many again leaves the same random numbers and the same rows.
 *
 * With order ORDER_ATTRIBUTION rows are not drawn but sorted once, by what a backward pass
 * through the model without flips predicts: whoever goes on with a search sorts them again.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/search/draw.h"
#include "engine/search/method.h"

enum { WEIGHT_BITS_MAX = 36 };

struct greedy {
    int32_t *layers;
    size_t layer_count;
    struct flip *rows;
    size_t row_count;
    bool sorts, sorted; /* by attribution; then no rows are drawn, but the next is: */
    size_t at;
    struct draw *draw;
    struct rng rng, rng_before; /* the newest draw */
    size_t drawn;               /* by it: index in rows */
};

/* ---- rows ---------------------------------------------------------------------- */

static void add_rows(struct greedy *greedy, const struct model *model, int32_t layer,
                     enum proj proj)
{
    uint32_t rows = 0, columns = 0;
    if (!model_matrix_size(model, layer, proj, &rows, &columns))
        return;
    greedy->rows = x_grow(greedy->rows, greedy->row_count + rows, sizeof *greedy->rows);
    for (uint32_t row = 0; row < rows; row++)
        greedy->rows[greedy->row_count++] =
            (struct flip){layer, proj, row, FLIP_WHOLE_ROW, {0, 0}};
}

static void collect(struct greedy *greedy, const struct model *model, uint32_t projs)
{
    for (size_t i = 0; i < greedy->layer_count; i++)
        for (int proj = 0; proj < PROJ_LAYER_COUNT; proj++)
            if (projs >> proj & 1)
                add_rows(greedy, model, greedy->layers[i], (enum proj)proj);
    bool embed = projs >> PROJ_EMBED & 1;
    bool head = projs >> PROJ_HEAD & 1;
    if (embed || (head && model_shape(model)->tied)) /* tied: the same rows */
        add_rows(greedy, model, NO_LAYER, PROJ_EMBED);
    if (head && !model_shape(model)->tied)
        add_rows(greedy, model, NO_LAYER, PROJ_HEAD);
}

/* Mean |scale| of the row in units of 2^-24, a whole number.  It comes from the sizes of
 * the row's scales, and flips touch sign bits alone, so a row that was drawn goes back with
 * the weight it had. */
static uint64_t row_weight(const struct model *model, const struct flip *flip)
{
    uint32_t rows = 0, columns = 0;
    (void)model_matrix_size(model, flip->layer, flip->proj, &rows, &columns);
    uint64_t sum = model_row_scale_sum(model, flip->layer, flip->proj, flip->row);
    uint64_t mean = sum / (columns / GROUP_WEIGHTS);
    uint64_t limit = UINT64_C(1) << WEIGHT_BITS_MAX; /* keeps the total of 2^26 rows exact */
    return mean < limit ? mean : limit;
}

static struct draw *draw_of(const struct model *model, const struct greedy *greedy)
{
    uint64_t *weights = x_new(greedy->row_count, sizeof *weights);
    for (size_t i = 0; i < greedy->row_count; i++)
        weights[i] = row_weight(model, &greedy->rows[i]);
    struct draw *draw = draw_new(weights, greedy->row_count);
    free(weights);
    return draw;
}

static void greedy_free(struct search *search)
{
    struct greedy *greedy = search->plan;
    draw_free(greedy->draw);
    free(greedy->rows);
    free(greedy->layers);
    free(greedy);
}

static bool greedy_begin(struct search *search, const struct search_options *options,
                         struct err *err)
{
    const struct model *model = search->model;
    struct greedy *greedy = search->plan = x_new(1, sizeof *greedy);
    size_t room = model_shape(model)->layers;
    room = room > options->layer_count ? room : options->layer_count;
    greedy->sorts = options->order == ORDER_ATTRIBUTION;
    greedy->layers = x_new(room, sizeof *greedy->layers);
    greedy->layer_count = search_layers(model, options, greedy->layers);
    collect(greedy, model, options->projs);
    if (greedy->row_count == 0)
        return err_set(err, ERR_USAGE, "no layers or projections are left to draw rows from");
    greedy->draw = draw_of(model, greedy);
    rng_seed(&greedy->rng, options->seed);
    return true;
}

/* ---- by attribution --------------------------------------------------------------- */

struct sorting {
    struct best *best;
    const struct work_progress *watch;
    size_t seen, matrices; /* so many of them */
};

static void offer(void *user, const struct predicted *predicted)
{
    struct sorting *sorting = user;
    for (uint32_t row = 0; row < predicted->count; row++) {
        struct promise promise = {predicted_flip(predicted, row), predicted->change[row]};
        best_offer(sorting->best, &promise);
    }
    sorting->seen += predicted->first + predicted->count == predicted->rows;
    if (sorting->watch)
        sorting->watch->report(sorting->watch->user, sorting->seen, sorting->matrices);
}

/* Of the model as it was before the search. */
static bool predict_all(struct search *search, struct best *best, cancel_flag *cancel,
                        struct err *err)
{
    const struct greedy *greedy = search->plan;
    struct predict_options options = {greedy->layers, greedy->layer_count, search->options.projs,
                                      GRANULARITY_ROW, search->options.threads,
                                      search->options.keep_bytes};
    struct judge judge = search_judge_of(search);
    struct predict *predict =
        predict_new(search->model, search->targets, search->controls, &options, err);
    struct sorting sorting = {best, search->watch, 0, 0};
    if (!predict)
        return false;
    (void)predict_units(search->model, &options, &sorting.matrices);
    search_flip_all(search, search->accepted, search->accepted_count);
    bool ok = predict_run(predict, &judge, search->before, offer, &sorting, cancel, err);
    search_flip_all(search, search->accepted, search->accepted_count);
    search_note_pass(search, predict);
    predict_free(predict);
    return ok;
}

static bool sort_rows(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct greedy *greedy = search->plan;
    struct best best;
    best_init(&best, greedy->row_count);
    greedy->sorted = predict_all(search, &best, cancel, err);
    if (greedy->sorted) {
        best_sort(&best);
        BUG_ON(best.count != greedy->row_count);
        for (size_t i = 0; i < best.count; i++)
            greedy->rows[i] = best.heap[i].flip;
    }
    best_free(&best);
    return greedy->sorted;
}

static enum search_status next_sorted(struct search *search, cancel_flag *cancel,
                                      struct err *err)
{
    struct greedy *greedy = search->plan;
    if (greedy->at == greedy->row_count)
        return SEARCH_FINISHED;
    if (!greedy->sorted && !sort_rows(search, cancel, err))
        return SEARCH_FAILED;
    search_add(search, &greedy->rows[greedy->at++]);
    return SEARCH_TRIED;
}

static size_t peek_sorted(const struct greedy *greedy, size_t count, struct flip *out)
{
    size_t left = greedy->sorted ? greedy->row_count - greedy->at : 0;
    count = count < left ? count : left;
    for (size_t i = 0; i < count; i++)
        out[i] = greedy->rows[greedy->at + i];
    return count;
}

/* ---- steps ---------------------------------------------------------------------- */

static enum search_status greedy_next(struct search *search, cancel_flag *cancel,
                                      struct err *err)
{
    struct greedy *greedy = search->plan;
    if (greedy->sorts)
        return next_sorted(search, cancel, err);
    greedy->rng_before = greedy->rng; /* a step that fails can be repeated [S2] */
    if (!draw_next(greedy->draw, &greedy->rng, &greedy->drawn))
        return SEARCH_FINISHED;
    search_add(search, &greedy->rows[greedy->drawn]);
    return SEARCH_TRIED;
}

/* The row that was drawn goes back. */
static void greedy_give_up(struct search *search)
{
    struct greedy *greedy = search->plan;
    if (greedy->sorts) {
        greedy->at--;
        return;
    }
    draw_return(greedy->draw, greedy->drawn,
                row_weight(search->model, &greedy->rows[greedy->drawn]));
    greedy->rng = greedy->rng_before;
}

static void greedy_untry(struct search *search, const struct search_try *tried)
{
    (void)tried;
    greedy_give_up(search);
}

/* Rows are drawn with a copy of the random numbers and all put back: whole
 * numbers, so not a bit of the tree is different afterwards. */
static size_t greedy_peek(const struct search *search, size_t count, struct flip *out)
{
    const struct greedy *greedy = search->plan;
    if (greedy->sorts)
        return peek_sorted(greedy, count, out);
    struct rng rng = greedy->rng;
    size_t *items = x_new(count, sizeof *items), drawn = 0;
    while (drawn < count && draw_next(greedy->draw, &rng, &items[drawn]))
        drawn++;
    for (size_t i = 0; i < drawn; i++) {
        out[i] = greedy->rows[items[i]];
        draw_return(greedy->draw, items[i], row_weight(search->model, &out[i]));
    }
    free(items);
    return drawn;
}

static uint64_t greedy_left(const struct search *search)
{
    const struct greedy *greedy = search->plan;
    return greedy->sorts ? greedy->row_count - greedy->at : draw_left(greedy->draw);
}

static uint64_t greedy_candidates(const struct search *search)
{
    const struct greedy *greedy = search->plan;
    return greedy->row_count;
}

static bool greedy_resume(struct search *search, const struct search_past *past,
                          struct err *err)
{
    struct greedy *greedy = search->plan;
    if (greedy->sorts) {
        greedy->at = past->tried < greedy->row_count ? (size_t)past->tried : greedy->row_count;
        return true;
    }
    for (uint64_t i = 0; i < past->tried; i++)
        if (!draw_next(greedy->draw, &greedy->rng, &greedy->drawn))
            return err_set(err, ERR_MISMATCH,
                           "%" PRIu64 " candidates were tried, but only %" PRIu64
                           " can be drawn", past->tried, i);
    return true;
}

static bool greedy_draws(const struct search_options *options)
{
    return options->order == ORDER_SCALE;
}

const struct method method_greedy = {
    .name = "greedy",
    .help = "as first published: rows drawn by their mean scale, screened on two targets",
    .screens = true,
    .projs = 1u << PROJ_GATE | 1u << PROJ_UP,
    .draws = greedy_draws,
    .granularities = 1u << GRANULARITY_ROW,
    .begin = greedy_begin,
    .free = greedy_free,
    .next = greedy_next,
    .give_up = greedy_give_up,
    .untry = greedy_untry,
    .peek = greedy_peek,
    .left = greedy_left,
    .candidates = greedy_candidates,
    .resume = greedy_resume,
};

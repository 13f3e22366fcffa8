/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A pass is made of all layers, so that flips can be asked about that lie outside of what
 * is chosen from, and a second one where flips are asked about that are no units.
 */
#include "engine/search/outlook.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- states ---------------------------------------------------------------------- */

void search_on(const struct search *search, struct flip_bag *out)
{
    out->count = 0;
    flip_bag_xor(out, search->accepted, search->accepted_count);
}

bool past_on(const struct search_past *past, uint64_t number, struct flip_bag *out,
             struct err *err)
{
    struct flip *flips = NULL;
    size_t count = 0;
    bool ok = past->flips_at(past->user, number, &flips, &count, err);
    out->count = 0;
    if (ok)
        flip_bag_xor(out, flips, count);
    free(flips);
    return ok;
}

/* What has to be flipped to come from what is on to these. */
static void way_to(const struct search *search, const struct flip_bag *at, struct flip_bag *out)
{
    flip_bag_copy(out, at);
    flip_bag_xor(out, search->accepted, search->accepted_count);
}

void search_aim(struct search *search, const struct flip_bag *at)
{
    struct flip_bag way = {0};
    way_to(search, at, &way);
    for (size_t i = 0; i < way.count; i++)
        search_add(search, &way.flips[i]);
    flip_bag_free(&way);
}

bool search_gaps_at(struct search *search, const struct flip_bag *on, double *gaps,
                    cancel_flag *cancel, struct err *err)
{
    struct flip_bag way = {0};
    bool ok = true;
    way_to(search, on, &way);
    if (way.count == 0) {
        memcpy(gaps, search->now, search->probe_count * sizeof *gaps);
    } else {
        search_flip_all(search, way.flips, way.count);
        ok = trial_gaps(search, gaps, cancel, err);
        search_flip_all(search, way.flips, way.count);
    }
    flip_bag_free(&way);
    return ok;
}

/* ---- making ---------------------------------------------------------------------- */

bool outlook_init(struct outlook *outlook, const struct model *model,
                  const struct search_options *options, struct err *err)
{
    uint32_t layers = model_shape(model)->layers;
    *outlook = (struct outlook){
        .pool = pool_make(model, options, options->granularity),
        .projs = search_all_projs | predict_projs(model, options->projs),
    };
    outlook->layers = x_new(layers, sizeof *outlook->layers);
    outlook->layer_count = layers;
    for (uint32_t i = 0; i < layers; i++)
        outlook->layers[i] = (int32_t)i;
    if (outlook_units(outlook) > 0)
        return true;
    outlook_free(outlook);
    return err_set(err, ERR_USAGE, "no layers or projections are left to choose flips from");
}

void outlook_free(struct outlook *outlook)
{
    for (size_t i = 0; i < GRANULARITY_COUNT; i++)
        predict_free(outlook->predict[i]);
    best_free(&outlook->list);
    free(outlook->asked);
    pool_free(&outlook->pool);
    free(outlook->layers);
    *outlook = (struct outlook){0};
}

uint64_t outlook_units(const struct outlook *outlook)
{
    return outlook->pool.units;
}

uint64_t outlook_candidates(const struct search *search)
{
    return outlook_units(search->plan);
}

/* ---- a pass ---------------------------------------------------------------------- */

struct pass {
    struct outlook *outlook;
    const struct outlook_question *question;
    enum granularity granularity;
    const struct work_progress *watch;
    size_t seen, matrices; /* so many of them */
};

/* As what kind of unit a flip can be predicted; GRANULARITY_COUNT: not at all.  Some bits of
 * a group are the sum of the bits, whose predictions are linear. */
static enum granularity kind_of(const struct outlook *outlook, const struct flip *flip)
{
    if (!(outlook->projs >> flip->proj & 1))
        return GRANULARITY_COUNT;
    if (flip->group == FLIP_WHOLE_ROW)
        return GRANULARITY_ROW;
    bool whole = flip->mask[0] == UINT64_MAX && flip->mask[1] == UINT64_MAX;
    return whole ? GRANULARITY_GROUP : GRANULARITY_BIT;
}

static double sum_bits(const struct flip *flip, const double *row)
{
    const double *group = row + (size_t)flip->group * GROUP_WEIGHTS;
    double sum = 0;
    for (size_t bit = 0; bit < GROUP_WEIGHTS; bit++)
        if (flip->mask[bit / 64] >> bit % 64 & 1)
            sum += group[bit];
    return sum;
}

static double change_of(const struct predicted *predicted, const struct flip *flip)
{
    const double *row =
        predicted->change + (uint64_t)(flip->row - predicted->first) * predicted->per_row;
    if (predicted->granularity == GRANULARITY_BIT)
        return sum_bits(flip, row);
    return predicted->granularity == GRANULARITY_GROUP ? row[flip->group] : row[0];
}

static void answer(const struct pass *pass, const struct predicted *predicted)
{
    for (size_t i = 0; i < pass->outlook->asked_count; i++) {
        struct promise *asked = &pass->outlook->asked[i];
        const struct flip *flip = &asked->flip;
        if (flip->layer == predicted->layer && flip->proj == predicted->proj &&
            kind_of(pass->outlook, flip) == predicted->granularity &&
            flip->row >= predicted->first && flip->row - predicted->first < predicted->count)
            asked->change = change_of(predicted, flip);
    }
}

static bool is_chosen(const struct outlook *outlook, const struct predicted *predicted)
{
    const struct pool_part *parts = outlook->pool.parts;
    for (size_t i = 0; i < outlook->pool.count; i++)
        if (parts[i].layer == predicted->layer && parts[i].proj == predicted->proj)
            return true;
    return false;
}

static void list(const struct pass *pass, const struct predicted *predicted)
{
    struct best *best = &pass->outlook->list;
    uint64_t units = (uint64_t)predicted->count * predicted->per_row;
    for (uint64_t unit = 0; unit < units; unit++) {
        double change = predicted->change[unit];
        change = pass->question->by_size ? fabs(change) : change;
        if (!best_wants(best, change))
            continue;
        struct promise promise = {predicted_flip(predicted, unit), change};
        if (!flip_bag_has(pass->question->on, &promise.flip))
            best_offer(best, &promise);
    }
}

static void look(void *user, const struct predicted *predicted)
{
    struct pass *pass = user;
    answer(pass, predicted);
    if (predicted->granularity == pass->outlook->pool.granularity &&
        is_chosen(pass->outlook, predicted))
        list(pass, predicted);
    pass->seen += predicted->first + predicted->count == predicted->rows;
    if (pass->watch)
        pass->watch->report(pass->watch->user, pass->seen, pass->matrices);
}

static bool run_pass(struct search *search, struct pass *pass, const double *gaps,
                     cancel_flag *cancel, struct err *err)
{
    struct outlook *outlook = pass->outlook;
    struct predict **predict = &outlook->predict[pass->granularity];
    struct judge judge = search_judge_of(search);
    judge.weights = pass->question->weights;
    const struct predict_options options = {outlook->layers, outlook->layer_count,
                                            outlook->projs, pass->granularity,
                                            search->options.threads,
                                            search->options.keep_bytes};
    (void)predict_units(search->model, &options, &pass->matrices);
    if (!*predict)
        *predict = predict_new(search->model, search->targets, search->controls, &options, err);
    if (!*predict || !predict_run(*predict, &judge, gaps, look, pass, cancel, err))
        return false;
    search_note_pass(search, *predict);
    return true;
}

static bool asks_about(const struct outlook *outlook, enum granularity kind)
{
    for (size_t i = 0; i < outlook->asked_count; i++)
        if (kind_of(outlook, &outlook->asked[i].flip) == kind)
            return true;
    return false;
}

static void take_question(struct outlook *outlook, const struct outlook_question *question)
{
    const struct flip_bag *about = question->about;
    outlook->made = false;
    best_free(&outlook->list);
    best_init(&outlook->list, question->most);
    outlook->asked_count = about ? about->count : 0;
    outlook->asked =
        x_grow(outlook->asked, outlook->asked_count + 1, sizeof *outlook->asked);
    for (size_t i = 0; i < outlook->asked_count; i++)
        outlook->asked[i] = (struct promise){about->flips[i], -HUGE_VAL};
}

static bool run_passes(struct outlook *outlook, struct search *search,
                       const struct outlook_question *question, const double *gaps,
                       cancel_flag *cancel, struct err *err)
{
    bool ok = true;
    for (int i = 0; ok && i < GRANULARITY_COUNT; i++) {
        enum granularity kind = (enum granularity)i;
        struct pass pass = {outlook, question, kind, search->watch, 0, 0};
        bool wanted = question->most > 0 && kind == outlook->pool.granularity;
        if (wanted || asks_about(outlook, kind))
            ok = run_pass(search, &pass, gaps, cancel, err);
    }
    return ok;
}

bool outlook_make(struct outlook *outlook, struct search *search,
                  const struct outlook_question *question, cancel_flag *cancel,
                  struct err *err)
{
    double *gaps = x_new(search->probe_count, sizeof *gaps);
    struct flip_bag way = {0};
    take_question(outlook, question);
    way_to(search, question->on, &way);
    bool ok = search_gaps_at(search, question->on, gaps, cancel, err);
    search_flip_all(search, way.flips, way.count);
    ok = ok && run_passes(outlook, search, question, gaps, cancel, err);
    search_flip_all(search, way.flips, way.count);
    best_sort(&outlook->list);
    outlook->made = ok;
    flip_bag_free(&way);
    free(gaps);
    return ok;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A person's hand on the search: look ahead, measure any flip, keep what the
 * search would not, take back what it accepted.
 *
 * Nothing here touches the plan of the method [S5].  Gaps are kept with each
 * accepted flip: taking it back puts them back instead of measuring again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/method.h"

/* ---- looking ---------------------------------------------------------------- */

uint64_t search_left(const struct search *search)
{
    uint64_t left = search->method->left ? search->method->left(search) : UINT64_MAX;
    uint64_t tries = search->options.iterations > search->tried
                         ? search->options.iterations - search->tried
                         : 0;
    return left < tries ? left : tries;
}

double search_row_scale(const struct model *model, int32_t layer, enum proj proj, uint32_t row)
{
    uint32_t rows = 0, columns = 0;
    (void)model_matrix_size(model, layer, proj, &rows, &columns);
    BUG_ON(columns == 0);
    uint32_t groups = columns / GROUP_WEIGHTS;
    return (double)model_row_scale_sum(model, layer, proj, row) / groups / (1 << 24);
}

size_t search_peek(const struct search *search, size_t count, struct flip *out,
                   double *mean_scales)
{
    uint64_t left = search_left(search);
    count = left < count ? (size_t)left : count;
    count = search->method->peek ? search->method->peek(search, count, out) : 0;
    for (size_t i = 0; mean_scales && i < count; i++)
        mean_scales[i] =
            search_row_scale(search->model, out[i].layer, out[i].proj, out[i].row);
    return count;
}

double search_promised(const struct search *search, const struct flip *flip)
{
    return search->method->promised ? search->method->promised(search, flip) : (double)NAN;
}

void search_set_watch(struct search *search, const struct work_progress *watch)
{
    search->watch = watch;
}

bool search_measure(struct search *search, const struct flip *flip, double *gaps,
                    double *fitness, cancel_flag *cancel, struct err *err)
{
    if (!model_flip_fits(search->model, flip, err))
        return false;
    bool ok = trial_flip_gaps(search, flip, 1, gaps, cancel, err);
    if (ok)
        *fitness = search_value(search, gaps, flip, 1);
    return ok;
}

/* ---- the stack of accepted flips [G1] ------------------------------------------ */

static void push_flips(struct search *search, const struct flip *flips, size_t count,
                       double fitness)
{
    size_t first = search->accepted_count;
    search->accepted_count += count;
    search->accepted =
        x_grow(search->accepted, search->accepted_count, sizeof *search->accepted);
    search->history = x_grow(search->history, search->accepted_count, sizeof *search->history);
    memcpy(search->accepted + first, flips, count * sizeof *flips);
    for (size_t i = first; i + 1 < search->accepted_count; i++)
        search->history[i] = (double)NAN;
    search->history[search->accepted_count - 1] = fitness;
    search->fitness = fitness;
}

void search_push(struct search *search, const struct flip *flips, size_t count,
                 const double *gaps, double fitness)
{
    BUG_ON(count == 0);
    size_t at = search->level_count++, n = search->probe_count;
    search->level_first = x_grow(search->level_first, at + 1, sizeof *search->level_first);
    search->gaps_below = x_grow(search->gaps_below, (at + 1) * n, sizeof *search->gaps_below);
    search->level_first[at] = search->accepted_count;
    memcpy(search->gaps_below + at * n, search->now, n * sizeof *search->now);
    memcpy(search->now, gaps, n * sizeof *search->now);
    push_flips(search, flips, count, fitness);
}

size_t search_newest(const struct search *search)
{
    size_t levels = search->level_count;
    return levels > 0 ? search->accepted_count - search->level_first[levels - 1] : 0;
}

bool search_undo(struct search *search, struct flip *which)
{
    if (search->level_count == 0)
        return false;
    size_t at = --search->level_count, n = search->probe_count;
    size_t first = search->level_first[at];
    *which = search->accepted[search->accepted_count - 1];
    while (search->accepted_count > first)
        model_flip(search->model, &search->accepted[--search->accepted_count]);
    memcpy(search->now, search->gaps_below + at * n, n * sizeof *search->now);
    search->fitness = first > 0 ? search->history[first - 1] : 0;
    if (search->last_at != NOT_ACCEPTED && search->last_at >= first) {
        search->last_at = NOT_ACCEPTED;
        search->last.accepted = false;
    }
    return true;
}

/* ---- flips that come together ---- */

void search_flip_all(struct search *search, const struct flip *flips, size_t count)
{
    for (size_t i = 0; i < count; i++)
        model_flip(search->model, &flips[i]);
}

static bool all_fit(const struct search *search, const struct flip *flips, size_t count,
                    struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!model_flip_fits(search->model, &flips[i], err))
            return err_where(err, "flips[%zu]", i);
    return count > 0 || err_set(err, ERR_USAGE, "there are no flips, expected one or more");
}

bool search_measure_alone(struct search *search, const struct flip *flips, size_t count,
                          double *gaps, double *fitness, cancel_flag *cancel, struct err *err)
{
    if (!all_fit(search, flips, count, err))
        return false;
    search_flip_all(search, search->accepted, search->accepted_count);
    search_flip_all(search, flips, count);
    bool ok = trial_gaps(search, gaps, cancel, err);
    search_flip_all(search, flips, count);
    search_flip_all(search, search->accepted, search->accepted_count);
    if (ok)
        *fitness = search_value_alone(search, gaps, flips, count);
    return ok;
}

bool search_keep_all(struct search *search, const struct flip *flips, size_t count,
                     cancel_flag *cancel, struct err *err)
{
    if (!all_fit(search, flips, count, err))
        return false;
    double *gaps = x_new(search->probe_count, sizeof *gaps);
    search_flip_all(search, flips, count);
    bool ok = trial_gaps(search, gaps, cancel, err);
    if (ok)
        search_push(search, flips, count, gaps, search_value(search, gaps, flips, count));
    else
        search_flip_all(search, flips, count);
    free(gaps);
    return ok;
}

/* ---- one flip ---- */

bool search_keep(struct search *search, const struct flip *flip, struct search_try *out,
                 cancel_flag *cancel, struct err *err)
{
    double *gaps = x_new(search->probe_count, sizeof *gaps), fitness = 0;
    bool ok = search_measure(search, flip, gaps, &fitness, cancel, err);
    if (ok) {
        model_flip(search->model, flip);
        search_push(search, flip, 1, gaps, fitness);
        *out = (struct search_try){
            .flip = *flip,
            .flips = search->accepted + search->accepted_count - 1,
            .count = 1,
            .accepted = true,
            .fitness = fitness,
        };
    }
    free(gaps);
    return ok;
}

/* ---- against the verdict of the last step ------------------------------------------ */

/* trial and last.fitness as they are on top of what is accepted now. */
static bool measure_last(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct state_name state = model_state(search->model);
    if (search->last_measured && state_name_equal(search->last_below, state))
        return true;
    search->last_measured = false; /* a failure leaves half of them [G2] */
    if (!trial_flip_gaps(search, search->last.flips, search->last.count, search->trial, cancel,
                         err))
        return false;
    search->last.fitness =
        search_value(search, search->trial, search->last.flips, search->last.count);
    search->last_measured = true;
    search->last_below = state;
    return true;
}

bool search_accept(struct search *search, struct search_try *out, cancel_flag *cancel,
                   struct err *err)
{
    if (search->last.number == 0)
        return err_set(err, ERR_USAGE, "no candidate was tried yet");
    if (search->last_at != NOT_ACCEPTED)
        return err_set(err, ERR_USAGE, "the last candidate is accepted already");
    if (!measure_last(search, cancel, err))
        return false;
    search_flip_all(search, search->last.flips, search->last.count);
    search->last_at = search->accepted_count;
    search->last.accepted = true;
    search->last.screened = false;
    search->last.stopped = false;
    search_push(search, search->last.flips, search->last.count, search->trial,
                search->last.fitness);
    *out = search->last;
    return true;
}

bool search_can_reject(const struct search *search, struct err *err)
{
    if (search->last.number == 0)
        return err_set(err, ERR_USAGE, "no candidate was tried yet");
    if (search->last_at == NOT_ACCEPTED)
        return err_set(err, ERR_USAGE, "the last candidate is not accepted");
    if (search->last_at != search->level_first[search->level_count - 1])
        return err_set(err, ERR_USAGE,
                       "flips were accepted after the last candidate, undo them first");
    return true;
}

bool search_reject(struct search *search, struct search_try *out, struct err *err)
{
    struct flip which;
    if (!search_can_reject(search, err))
        return false;
    (void)search_undo(search, &which);
    *out = search->last;
    return true;
}

/* ---- promises ------------------------------------------------------------------------- */

bool search_predict(struct search *search, const struct predict_options *options,
                    void (*visit)(void *user, const struct predicted *predicted), void *user,
                    cancel_flag *cancel, struct err *err)
{
    struct judge judge = search_judge_of(search);
    struct predict *predict =
        predict_new(search->model, search->targets, search->controls, options, err);
    bool ok = predict &&
              predict_run(predict, &judge, search->now, visit, user, cancel, err);
    predict_free(predict);
    return ok;
}

/* ---- questions ------------------------------------------------------------------------ */

const double *search_gaps_last(const struct search *search)
{
    return search->last.number > 0 && search->last_measured ? search->trial : NULL;
}

const struct flip *search_accepted(const struct search *search, size_t *count)
{
    *count = search->accepted_count;
    return search->accepted;
}

size_t search_levels(const struct search *search)
{
    return search->level_count;
}

const double *search_history(const struct search *search)
{
    return search->history;
}

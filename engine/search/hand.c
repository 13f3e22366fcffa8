/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A person's hand on the search: look ahead, measure any flip, keep what the
 * search would not, take back what it accepted.
 *
 * Nothing here touches the random numbers or the rows left to draw, so the
 * sequence of candidates is that of an untouched search.  Gaps are kept with each
 * accepted flip: taking it back puts them back instead of measuring again.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/search/search_int.h"

/* ---- looking ---------------------------------------------------------------- */

uint64_t search_left(const struct search *search)
{
    uint64_t rows = draw_left(search->draw);
    uint64_t tries = search->options.iterations > search->tried
                         ? search->options.iterations - search->tried
                         : 0;
    return rows < tries ? rows : tries;
}

double search_row_scale(const struct model *model, int32_t layer, enum proj proj, uint32_t row)
{
    uint32_t rows = 0, columns = 0;
    (void)model_matrix_size(model, layer, proj, &rows, &columns);
    BUG_ON(columns == 0);
    uint32_t groups = columns / GROUP_WEIGHTS;
    return (double)model_row_scale_sum(model, layer, proj, row) / groups / (1 << 24);
}

/* Rows are drawn with a copy of the random numbers and all put back: whole
 * numbers, so not a bit of the tree is different afterwards. */
size_t search_peek(const struct search *search, size_t count, struct flip *out,
                   double *mean_scales)
{
    struct rng rng = search->rng;
    uint64_t left = search_left(search);
    count = left < count ? (size_t)left : count;
    size_t *items = x_new(count, sizeof *items), drawn = 0;
    while (drawn < count && draw_next(search->draw, &rng, &items[drawn]))
        drawn++;
    for (size_t i = 0; i < drawn; i++) {
        const struct flip *flip = out + i;
        out[i] = search->candidates[items[i]];
        draw_return(search->draw, items[i], search_row_weight(search->model, flip));
        if (mean_scales)
            mean_scales[i] = search_row_scale(search->model, flip->layer, flip->proj, flip->row);
    }
    free(items);
    return drawn;
}

bool search_measure(struct search *search, const struct flip *flip, double *gaps,
                    double *fitness, cancel_flag *cancel, struct err *err)
{
    if (!model_flip_fits(search->model, flip, err))
        return false;
    bool ok = trial_flip_gaps(search, flip, gaps, cancel, err);
    if (ok)
        *fitness = search_judge(search, gaps);
    return ok;
}

/* ---- the stack of accepted flips [G1] ------------------------------------------ */

void search_push(struct search *search, const struct flip *flip, const double *gaps,
                 double fitness)
{
    size_t at = search->accepted_count++, n = search->probe_count;
    search->accepted = x_grow(search->accepted, at + 1, sizeof *search->accepted);
    search->history = x_grow(search->history, at + 1, sizeof *search->history);
    search->gaps_below = x_grow(search->gaps_below, (at + 1) * n, sizeof *search->gaps_below);
    search->accepted[at] = *flip;
    search->history[at] = fitness;
    memcpy(search->gaps_below + at * n, search->now, n * sizeof *search->now);
    memcpy(search->now, gaps, n * sizeof *search->now);
    search->fitness = fitness;
}

bool search_undo(struct search *search, struct flip *which)
{
    if (search->accepted_count == 0)
        return false;
    size_t at = --search->accepted_count, n = search->probe_count;
    *which = search->accepted[at];
    model_flip(search->model, which);
    memcpy(search->now, search->gaps_below + at * n, n * sizeof *search->now);
    search->fitness = at > 0 ? search->history[at - 1] : 0;
    if (search->last_at == at) {
        search->last_at = NOT_ACCEPTED;
        search->last.accepted = false;
    }
    return true;
}

bool search_keep(struct search *search, const struct flip *flip, struct search_try *out,
                 cancel_flag *cancel, struct err *err)
{
    double *gaps = x_new(search->probe_count, sizeof *gaps), fitness = 0;
    bool ok = search_measure(search, flip, gaps, &fitness, cancel, err);
    if (ok) {
        model_flip(search->model, flip);
        search_push(search, flip, gaps, fitness);
        *out = (struct search_try){.flip = *flip, .accepted = true, .fitness = fitness};
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
    double fitness = 0;
    search->last_measured = false; /* a failure leaves half of them [G2] */
    if (!search_measure(search, &search->last.flip, search->trial, &fitness, cancel, err))
        return false;
    search->last.fitness = fitness;
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
    model_flip(search->model, &search->last.flip);
    search->last_at = search->accepted_count;
    search->last.accepted = true;
    search->last.screened = false;
    search->last.stopped = false;
    search_push(search, &search->last.flip, search->trial, search->last.fitness);
    *out = search->last;
    return true;
}

bool search_can_reject(const struct search *search, struct err *err)
{
    if (search->last.number == 0)
        return err_set(err, ERR_USAGE, "no candidate was tried yet");
    if (search->last_at == NOT_ACCEPTED)
        return err_set(err, ERR_USAGE, "the last candidate is not accepted");
    if (search->last_at + 1 != search->accepted_count)
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

const double *search_history(const struct search *search)
{
    return search->history;
}

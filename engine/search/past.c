/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Going on with a search that was stopped.
 *
 * Which candidate comes next follows from what was tried [M1], so the method finds its
 * place again by itself.  Everything else was written down.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/search/method.h"

static bool choose_past(struct search *search, const struct search_past *past, struct err *err)
{
    search->tried = past->tried;
    if (search->method->replays && past->tried > 0 && !past->tries)
        return err_set(err, ERR_MISMATCH, "the candidates that were tried are not known");
    return search->method->resume(search, past, err);
}

static bool fit_all(const struct search *search, const struct flip *flips, size_t count,
                    struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!model_flip_fits(search->model, &flips[i], err))
            return false;
    return true;
}

static bool put_past(struct search *search, const struct search_past *past, struct err *err)
{
    size_t probes = search->probe_count;
    const struct flip *flips = past->accepted;
    memcpy(search->before, past->gaps_before, probes * sizeof *search->before);
    memcpy(search->now, search->before, probes * sizeof *search->now);
    search->screened = past->screened;
    for (size_t i = 0; i < past->accepted_count; i++) {
        size_t count = past->flip_counts ? past->flip_counts[i] : 1;
        if (!fit_all(search, flips, count, err))
            return false;
        search_redo(search, flips, count, past->gaps + i * probes, past->fitness[i]);
        flips += count;
    }
    return true;
}

struct search *search_resume(struct model *model, const struct probe_set *targets,
                             const struct probe_set *controls,
                             const struct search_options *options,
                             const struct search_past *past, cancel_flag *cancel,
                             struct err *err)
{
    struct search *search = search_begin(model, options, err);
    const struct probe **probes =
        search ? search_take_probes(search, targets, controls, err) : NULL;
    bool ok = probes && trial_prepare(search, probes, cancel, err) &&
              put_past(search, past, err) && choose_past(search, past, err);
    if (ok) {
        search_pick_worst(search);
        ok = !search->method->screens || trial_prepare_screen(search, probes, err);
    }
    free(probes);
    if (ok)
        return search;
    search_free(search);
    return NULL;
}

/* Is it the last candidate, which was undone, that is accepted again? [G2] */
static bool is_last(const struct search *search, const struct flip *flips, size_t count)
{
    const struct search_try *last = &search->last;
    if (last->number == 0 || search->last_at != NOT_ACCEPTED || count != last->count ||
        !state_name_equal(search->last_below, model_state(search->model)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!flip_equal(&flips[i], &last->flips[i]))
            return false;
    return true;
}

void search_redo(struct search *search, const struct flip *flips, size_t count,
                 const double *gaps, double fitness)
{
    bool again = is_last(search, flips, count);
    search_flip_all(search, flips, count);
    if (again) {
        search->last_at = search->accepted_count;
        search->last.accepted = true;
    }
    search_push(search, flips, count, gaps, fitness);
}

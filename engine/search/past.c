/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Going on with a search that was stopped.
 *
 * Which candidates are drawn depends on the seed and on how many were drawn, not on
 * what became of them [S5]: drawing as many again leaves the same random numbers and
 * the same rows.  What guided chose follows from what it accepted.  Everything else was
 * written down.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/search/guided.h"
#include "engine/search/search_int.h"

static bool draw_past(struct search *search, uint64_t tried, struct err *err)
{
    for (search->tried = 0; search->tried < tried; search->tried++) {
        size_t index = 0;
        if (!draw_next(search->draw, &search->rng, &index))
            return err_set(err, ERR_MISMATCH,
                           "%llu candidates were tried, but only %llu can be drawn",
                           (unsigned long long)tried, (unsigned long long)search->tried);
    }
    return true;
}

static bool choose_past(struct search *search, const struct search_past *past, struct err *err)
{
    if (!search->guided)
        return draw_past(search, past->tried, err);
    search->tried = past->tried;
    return guided_resume(search->guided, past, err);
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
        ok = search->guided || trial_prepare_screen(search, probes, err);
    }
    free(probes);
    if (ok)
        return search;
    search_free(search);
    return NULL;
}

void search_redo(struct search *search, const struct flip *flips, size_t count,
                 const double *gaps, double fitness)
{
    bool is_last = count == 1 && search->last.number > 0 && search->last_at == NOT_ACCEPTED &&
                   flip_equal(flips, &search->last.flip) &&
                   state_name_equal(search->last_below, model_state(search->model));
    for (size_t i = 0; i < count; i++)
        model_flip(search->model, &flips[i]);
    if (is_last) { /* what was undone is accepted again [G2] */
        search->last_at = search->accepted_count;
        search->last.accepted = true;
    }
    search_push(search, flips, count, gaps, fitness);
}

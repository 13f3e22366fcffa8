/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Going on with a search that was stopped.
 *
 * Which candidates are drawn depends on the seed and on how many were drawn, not on
 * what became of them [S5]: drawing as many again leaves the same random numbers and
 * the same rows.  Everything else was written down.
 */
#include <stdlib.h>
#include <string.h>

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

static bool put_past(struct search *search, const struct search_past *past, struct err *err)
{
    size_t count = search->probe_count;
    memcpy(search->before, past->gaps_before, count * sizeof *search->before);
    memcpy(search->now, search->before, count * sizeof *search->now);
    search->screened = past->screened;
    for (size_t i = 0; i < past->accepted_count; i++) {
        if (!model_flip_fits(search->model, &past->accepted[i], err))
            return false;
        search_redo(search, &past->accepted[i], past->gaps + i * count, past->fitness[i]);
    }
    return true;
}

struct search *search_resume(struct model *model, const struct probe_set *targets,
                             const struct probe_set *controls,
                             const struct search_options *options,
                             const struct search_past *past, struct err *err)
{
    struct search *search = search_begin(model, options, err);
    const struct probe **probes =
        search ? search_take_probes(search, targets, controls, err) : NULL;
    bool ok = probes && trial_prepare(search, probes, err) && put_past(search, past, err) &&
              draw_past(search, past->tried, err);
    if (ok) {
        search_pick_worst(search);
        ok = trial_prepare_screen(search, probes, err);
    }
    free(probes);
    if (ok)
        return search;
    search_free(search);
    return NULL;
}

void search_redo(struct search *search, const struct flip *flip, const double *gaps,
                 double fitness)
{
    bool is_last = search->last.number > 0 && search->last_at == NOT_ACCEPTED &&
                   flip_equal(flip, &search->last.flip) &&
                   state_name_equal(search->last_below, model_state(search->model));
    model_flip(search->model, flip);
    if (is_last) { /* what was undone is accepted again [G2] */
        search->last_at = search->accepted_count;
        search->last.accepted = true;
    }
    search_push(search, flip, gaps, fitness);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a flip does to the gaps of the probes.
 *
 * Three batches: the worst targets, which screen; all targets; the controls.  A
 * candidate is measured beside the model, from its own layer on.  With
 * options.plain it is flipped in place and everything is computed: the same bits,
 * slower (--plain-eval).
 *
 * Controls can only subtract from the fitness, so with options.early_stop they are
 * not looked at where the targets alone do not reach it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/method.h"
#include "src/base/memory.h"

/* ---- measures -------------------------------------------------------------------- */

static struct measure *measure_for(const struct search *search, bool controls,
                                   const struct probe *const *probes, size_t count,
                                   uint64_t keep_bytes, struct err *err)
{
    struct goal goal = search_goal(&search->options);
    struct measure_options options = {
        .threads = search->options.threads,
        .keep_bytes = search->options.plain ? 0 : keep_bytes,
    };
    return goal_measure(&goal, controls, search->model, probes, count, &options, err);
}

/* Each batch sees to it that what it keeps fits the memory that is left, but memory is
 * only gone once it is written to: what the others were promised has to be counted here.
 * A quarter stays for what is worked on. */
uint64_t trial_keep_budget(uint64_t wanted, uint64_t available)
{
    uint64_t most = available / 4 * 3;
    return wanted == SEARCH_KEEP_DEFAULT ? available / 2 : wanted < most ? wanted : most;
}

/* Targets are measured most, so they get most of what may be kept; but what controls
 * with kl cannot do without is taken first. */
bool trial_prepare(struct search *search, const struct probe *const *probes,
                   cancel_flag *cancel, struct err *err)
{
    size_t targets = search->target_count, controls = search->probe_count - targets;
    search->keep_bytes = trial_keep_budget(search->options.keep_bytes, memory_available());
    search->controls = measure_for(search, true, probes + targets, controls,
                                   search->keep_bytes / 4, err);
    if (!search->controls || !measure_set_base(search->controls, cancel, err))
        return false;
    search->targets =
        measure_for(search, false, probes, targets, search->keep_bytes / 3 * 2, err);
    return search->targets != NULL;
}

bool trial_prepare_screen(struct search *search, const struct probe *const *probes,
                          struct err *err)
{
    const struct probe *worst[SCREEN_COUNT];
    for (size_t i = 0; i < search->screen_count; i++)
        worst[i] = probes[search->worst[i]];
    search->screen = measure_for(search, false, worst, search->screen_count,
                                 search->keep_bytes / 12, err);
    return search->screen != NULL;
}

void trial_free(struct search *search)
{
    measure_free(search->targets);
    measure_free(search->controls);
    measure_free(search->screen);
}

bool trial_gaps(struct search *search, double *gaps, cancel_flag *cancel, struct err *err)
{
    return measure_run(search->targets, gaps, cancel, err) &&
           measure_run(search->controls, gaps + search->target_count, cancel, err);
}

/* One measure with the flips on.  Several are put on the model; one is measured beside it. */
static bool measure_flips(struct search *search, struct measure *measure,
                          const struct flip *flips, size_t count, double *gaps,
                          cancel_flag *cancel, struct err *err)
{
    if (count == 1 && !search->options.plain)
        return measure_try(measure, flips, 1, gaps, cancel, err);
    search_flip_all(search, flips, count);
    bool ok = measure_run(measure, gaps, cancel, err);
    search_flip_all(search, flips, count);
    return ok;
}

bool trial_flip_gaps(struct search *search, const struct flip *flips, size_t count,
                     double *gaps, cancel_flag *cancel, struct err *err)
{
    return measure_flips(search, search->targets, flips, count, gaps, cancel, err) &&
           measure_flips(search, search->controls, flips, count, gaps + search->target_count,
                         cancel, err);
}

/* ---- screening --------------------------------------------------------------------- */

/* The candidates that will be drawn next are screened along with this one, as many
 * as fill a block; most are rejected, so that the model is still the same when
 * their turn comes. */
static bool screen_ahead(struct search *search, const struct flip *flip, cancel_flag *cancel,
                         struct err *err)
{
    struct screened *ahead = &search->ahead;
    size_t most = measure_at_once(search->screen);
    most = most < AHEAD_MAX ? most : AHEAD_MAX;
    uint64_t tries = search->options.iterations - search->tried; /* this one included */
    most = most < tries ? most : (size_t)tries;
    most = search->last.accepted ? 1 : most; /* accepted flips come in runs */
    ahead->count = 0;
    ahead->flips[0] = *flip; /* it is drawn already */
    size_t count = 1 + search_peek(search, most - 1, ahead->flips + 1, NULL);
    if (!measure_try(search->screen, ahead->flips, count, ahead->gaps, cancel, err))
        return false;
    ahead->below = model_state(search->model);
    ahead->count = count;
    return true;
}

/* Gaps of the screening targets. */
static bool screen_gaps(struct search *search, const struct flip *flip, double *gaps,
                        cancel_flag *cancel, struct err *err)
{
    struct screened *ahead = &search->ahead;
    if (search->options.plain)
        return measure_flips(search, search->screen, flip, 1, gaps, cancel, err);
    if (!state_name_equal(ahead->below, model_state(search->model)))
        ahead->count = 0;
    size_t i = 0;
    while (i < ahead->count && !flip_equal(&ahead->flips[i], flip))
        i++;
    if (i == ahead->count) {
        if (!screen_ahead(search, flip, cancel, err))
            return false;
        i = 0;
    }
    memcpy(gaps, ahead->gaps + i * search->screen_count, search->screen_count * sizeof *gaps);
    return true;
}

/* Is one of the worst targets above its gap before the search? */
static bool screen_passes(const struct search *search, const double *gaps, double *gain)
{
    bool above = false;
    *gain = 0;
    for (size_t i = 0; i < search->screen_count; i++) {
        double difference = gaps[i] - search->before[search->worst[i]];
        above = above || difference > 0;
        *gain += difference / (double)search->screen_count;
    }
    return above;
}

/* ---- fitness ------------------------------------------------------------------------ */

struct judge search_judge_of(const struct search *search)
{
    struct goal goal = search_goal(&search->options);
    return goal_judge(&goal, search->before, search->target_count,
                      search->probe_count - search->target_count);
}

/* ---- a candidate ----------------------------------------------------------------------- */

static bool accepts(const struct search *search, double fitness)
{
    return search->method->accepts ? search->method->accepts(search, fitness)
                                   : fitness > search->fitness;
}

/* Whoever screens tries one flip at a time. */
static bool screen(struct search *search, struct search_try *out, cancel_flag *cancel,
                   struct err *err)
{
    double gaps[SCREEN_COUNT] = {0};
    BUG_ON(out->count != 1);
    if (!screen_gaps(search, &out->flip, gaps, cancel, err))
        return false;
    out->screened = !screen_passes(search, gaps, &out->fitness);
    return true;
}

bool trial_candidate(struct search *search, struct search_try *out, cancel_flag *cancel,
                     struct err *err)
{
    struct judge judge = search_judge_of(search);
    if (search->method->screens && !screen(search, out, cancel, err))
        return false;
    if (out->screened)
        return true;
    if (!measure_flips(search, search->targets, out->flips, out->count, search->trial, cancel,
                       err))
        return false;
    out->fitness = judge_targets(&judge, search->trial) -
                   search_cost(search, out->flips, out->count);
    bool stops = search->options.early_stop && !search->method->measures_all;
    out->stopped = stops && search->probe_count > search->target_count &&
                   search->options.penalty >= 0 && !accepts(search, out->fitness);
    if (out->stopped)
        return true;
    if (!measure_flips(search, search->controls, out->flips, out->count,
                       search->trial + search->target_count, cancel, err))
        return false;
    out->fitness = search_value(search, search->trial, out->flips, out->count);
    out->accepted = accepts(search, out->fitness);
    return true;
}

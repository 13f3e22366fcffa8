/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method `bfs`, bit-flip sensitivity: candidates in the order of how far they are predicted
 * to move the objective, in whichever direction; each is measured exactly and kept if it
 * helps.  Before that a sample of units, drawn evenly, is measured and not kept, so that it
 * can be said how far the ranking is to be believed.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/bfs.h"
#include "engine/search/method.h"
#include "engine/search/outlook.h"
#include "probes/statistics.h"

enum { LIST_MAX = 65536 }; /* units that are ranked: some megabytes, and weeks to measure */

struct bfs {
    struct outlook outlook; /* first: outlook_candidates */
    uint64_t units;
    size_t room;            /* of the list */
    struct flip *sample;    /* [sample_count] in the order they are measured */
    size_t sample_count;
    double *measured;       /* [sample_count] fitness of those that were */
    double fitness_first;   /* of what was on at first */
    struct flip_bag sampled;
    struct flip_bag first;  /* what was on when the first candidate was chosen */
    struct flip_bag on;
};

/* ---- making ---------------------------------------------------------------------- */

/* Units drawn without replacement, by the seed alone. */
static void draw_sample(struct search *search, struct bfs *bfs)
{
    struct rng rng = method_rng(search, 0);
    size_t wanted = bfs->units < BFS_SAMPLE ? (size_t)bfs->units : (size_t)BFS_SAMPLE;
    bfs->sample = x_new(wanted + 1, sizeof *bfs->sample);
    bfs->measured = x_new(wanted + 1, sizeof *bfs->measured);
    while (bfs->sample_count < wanted) {
        struct flip flip = pool_flip(&bfs->outlook.pool, rng_below(&rng, bfs->units));
        if (flip_bag_has(&bfs->sampled, &flip))
            continue;
        flip_bag_toggle(&bfs->sampled, &flip);
        bfs->sample[bfs->sample_count++] = flip;
    }
}

static bool begin(struct search *search, const struct search_options *options, struct err *err)
{
    struct bfs *bfs = x_new(1, sizeof *bfs);
    search->plan = bfs;
    if (!outlook_init(&bfs->outlook, search->model, options, err))
        return false;
    bfs->units = outlook_units(&bfs->outlook);
    bfs->room = bfs->units < LIST_MAX ? (size_t)bfs->units : (size_t)LIST_MAX;
    draw_sample(search, bfs);
    return true;
}

static void end(struct search *search)
{
    struct bfs *bfs = search->plan;
    outlook_free(&bfs->outlook);
    flip_bag_free(&bfs->sampled);
    flip_bag_free(&bfs->first);
    flip_bag_free(&bfs->on);
    free(bfs->sample);
    free(bfs->measured);
    free(bfs);
}

/* ---- steps ----------------------------------------------------------------------- */

/* Of the state that the first candidate was chosen for. */
static bool rank(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct bfs *bfs = search->plan;
    search_on(search, &bfs->on);
    if (search->tried == 0 && !flip_bag_equal(&bfs->first, &bfs->on))
        bfs->outlook.made = false;
    if (bfs->outlook.made)
        return true;
    if (search->tried == 0)
        flip_bag_copy(&bfs->first, &bfs->on);
    double *gaps = x_new(search->probe_count, sizeof *gaps);
    const struct outlook_question question = {
        .on = &bfs->first, .about = &bfs->sampled, .most = bfs->room, .by_size = true};
    bool ok = outlook_make(&bfs->outlook, search, &question, cancel, err) &&
              search_gaps_at(search, &bfs->first, gaps, cancel, err);
    if (ok)
        bfs->fitness_first =
            search_value_alone(search, gaps, bfs->first.flips, bfs->first.count);
    free(gaps);
    return ok;
}

static enum search_status next(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct bfs *bfs = search->plan;
    if (!rank(search, cancel, err))
        return SEARCH_FAILED;
    if (search->tried < bfs->sample_count) {
        search_add(search, &bfs->sample[search->tried]);
        return SEARCH_TRIED;
    }
    size_t at = (size_t)search->tried - bfs->sample_count;
    if (at >= bfs->outlook.list.count)
        return SEARCH_FINISHED;
    search_add(search, &bfs->outlook.list.heap[at].flip);
    return SEARCH_TRIED;
}

static void tried(struct search *search, const struct search_try *tried)
{
    struct bfs *bfs = search->plan;
    if (tried->number <= bfs->sample_count)
        bfs->measured[tried->number - 1] = tried->fitness;
}

/* The sample is for the check alone. */
static bool accepts(const struct search *search, double fitness)
{
    const struct bfs *bfs = search->plan;
    return search->tried >= bfs->sample_count && fitness > search->fitness;
}

static size_t peek(const struct search *search, size_t count, struct flip *out)
{
    const struct bfs *bfs = search->plan;
    size_t found = 0;
    for (uint64_t i = search->tried; bfs->outlook.made && found < count; i++) {
        if (i < bfs->sample_count)
            out[found++] = bfs->sample[i];
        else if (i - bfs->sample_count < bfs->outlook.list.count)
            out[found++] = bfs->outlook.list.heap[i - bfs->sample_count].flip;
        else
            break;
    }
    return found;
}

static uint64_t left(const struct search *search)
{
    const struct bfs *bfs = search->plan;
    uint64_t all = bfs->sample_count + bfs->room;
    return all > search->tried ? all - search->tried : 0;
}

static bool resume(struct search *search, const struct search_past *past, struct err *err)
{
    struct bfs *bfs = search->plan;
    if (past->tried > 0 && !past_on(past, 1, &bfs->first, err))
        return false;
    for (size_t i = 0; i < past->tried && i < bfs->sample_count; i++)
        bfs->measured[i] = past->tries[i].fitness;
    return true;
}

/* ---- the check ------------------------------------------------------------------- */

bool search_check(struct search *search, struct search_check *out, cancel_flag *cancel,
                  struct err *err)
{
    struct bfs *bfs = search->plan;
    *out = (struct search_check){.spearman = (double)NAN};
    *err = (struct err){0};
    if (search->method != &method_bfs || !rank(search, cancel, err))
        return false;
    double predicted[BFS_SAMPLE], measured[BFS_SAMPLE];
    for (; out->count < bfs->sample_count && out->count < search->tried; out->count++) {
        size_t at = flip_bag_place(&bfs->sampled, &bfs->sample[out->count]);
        predicted[out->count] = fabs(bfs->outlook.asked[at].change);
        measured[out->count] = fabs(bfs->measured[out->count] - bfs->fitness_first);
    }
    out->spearman = statistics_spearman(predicted, measured, out->count);
    return true;
}

/* Which comes next follows from how many were tried. */
const struct method method_bfs = {
    .name = "bfs",
    .help = "by how far a flip is predicted to move the fitness, up or down",
    .whole_model = true,
    .replays = true,
    .draws = method_draws,
    .measures_all = true,
    .granularities = (1u << GRANULARITY_COUNT) - 1,
    .begin = begin,
    .free = end,
    .next = next,
    .tried = tried,
    .accepts = accepts,
    .peek = peek,
    .left = left,
    .candidates = outlook_candidates,
    .resume = resume,
};

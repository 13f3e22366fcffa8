/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method `random`: the null model.  Units are drawn from all alike, each once; with accept
 * ACCEPT_ANY every one is kept whatever it does, so that as many flips are on as candidates
 * were tried; with ACCEPT_BETTER those that raise the fitness, as a blind search would.
 *
 * What comes next depends on the seed, the number of the candidate and what was tried.
 */
#include <stdlib.h>

#include "engine/search/method.h"
#include "engine/search/pool.h"
#include "engine/search/tried_set.h"

struct random_plan {
    struct pool pool;
    struct tried_set tried;
};

static void random_free(struct search *search)
{
    struct random_plan *plan = search->plan;
    pool_free(&plan->pool);
    tried_set_free(&plan->tried);
    free(plan);
}

static bool random_begin(struct search *search, const struct search_options *options,
                         struct err *err)
{
    struct random_plan *plan = search->plan = x_new(1, sizeof *plan);
    plan->pool = pool_make(search->model, options, options->granularity);
    return plan->pool.units > 0 ||
           err_set(err, ERR_USAGE, "no layers or projections are left to draw flips from");
}

static uint64_t random_left(const struct search *search)
{
    const struct random_plan *plan = search->plan;
    return plan->pool.units - plan->tried.count;
}

static enum search_status random_next(struct search *search, cancel_flag *cancel,
                                      struct err *err)
{
    const struct random_plan *plan = search->plan;
    struct rng rng = method_rng(search, search->tried + 1);
    struct flip flip;
    (void)cancel;
    (void)err;
    if (random_left(search) == 0)
        return SEARCH_FINISHED;
    do
        flip = pool_flip(&plan->pool, rng_below(&rng, plan->pool.units));
    while (tried_set_has(&plan->tried, &flip));
    search_add(search, &flip);
    return SEARCH_TRIED;
}

static void random_tried(struct search *search, const struct search_try *tried)
{
    struct random_plan *plan = search->plan;
    tried_set_add(&plan->tried, &tried->flip);
}

static void random_untry(struct search *search, const struct search_try *tried)
{
    struct random_plan *plan = search->plan;
    tried_set_remove(&plan->tried, &tried->flip);
}

static bool random_accepts(const struct search *search, double fitness)
{
    return search->options.accept == ACCEPT_ANY || fitness > search->fitness;
}

/* As search_step would draw them. */
static size_t random_peek(const struct search *search, size_t count, struct flip *out)
{
    const struct random_plan *plan = search->plan;
    for (size_t i = 0; i < count; i++) {
        struct rng rng = method_rng(search, search->tried + 1 + i);
        bool known = true;
        while (known) {
            out[i] = pool_flip(&plan->pool, rng_below(&rng, plan->pool.units));
            known = tried_set_has(&plan->tried, &out[i]);
            for (size_t j = 0; j < i && !known; j++)
                known = flip_equal(&out[i], &out[j]);
        }
    }
    return count;
}

static uint64_t random_candidates(const struct search *search)
{
    const struct random_plan *plan = search->plan;
    return plan->pool.units;
}

static bool random_resume(struct search *search, const struct search_past *past,
                          struct err *err)
{
    struct random_plan *plan = search->plan;
    for (uint64_t i = 0; i < past->tried; i++) {
        if (tried_set_has(&plan->tried, &past->tries[i].flip))
            return err_set(err, ERR_MISMATCH, "candidate %llu was tried before",
                           (unsigned long long)i + 1);
        tried_set_add(&plan->tried, &past->tries[i].flip);
    }
    return true;
}

const struct method method_random = {
    .name = "random",
    .help = "the null model: drawn from all alike, and kept whatever they do",
    .whole_model = true,
    .replays = true,
    .draws = method_draws,
    .granularities = 1u << GRANULARITY_ROW | 1u << GRANULARITY_GROUP | 1u << GRANULARITY_BIT,
    .begin = random_begin,
    .free = random_free,
    .next = random_next,
    .tried = random_tried,
    .untry = random_untry,
    .accepts = random_accepts,
    .peek = random_peek,
    .left = random_left,
    .candidates = random_candidates,
    .resume = random_resume,
};

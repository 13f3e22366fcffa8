/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method `evolve`: a population of patches, whose children are measured.
 *
 *   first    the patches that are given (--from A,B,...), each a candidate; or else four
 *            walks of 24 candidates, each a guided search of its own from no flips, whose
 *            predictions are made of a random half of the probes
 *   child    by turns: two parents, the fitter of two that are drawn each, crossed
 *            (breed.h), so that the child has a half of what they differ in to a sixteenth;
 *            the same and changed besides; one parent changed.  Changes: a flip goes out at
 *            random, or (thrice as often) one comes in that one backward pass at the fittest
 *            promises much of
 *   kept     a child fitter than the least fit of a full population; it is accepted if it
 *            is fitter than what is on
 *
 * A candidate is the difference between a child and what is on.  The population follows
 * from the candidates and their fitness, and a child from it and the candidate's number;
 * when backward passes are made follows from that, too.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/search/breed.h"
#include "engine/search/method.h"
#include "engine/search/outlook.h"
#include "engine/search/starts.h"

enum {
    WALKS = 4,
    WALK_STEPS = 24,
    WALK_EVERY = 6,  /* accepted: then the walk asks the gradient anew */
    LIST_MOST = 64,
    LIST_EVERY = 48, /* candidates: then a new list, if the fittest is another */
    ATTEMPTS = 64,   /* at a child that was not tried yet */
};

/* What a candidate was; it enters the population with the next one (untry). */
struct outcome {
    bool known;
    uint64_t number;
    double fitness;
    struct flip_bag child;
};

struct evolve {
    struct outlook outlook; /* first: outlook_candidates */
    uint64_t outlook_for;    /* candidate that the outlook was made for */
    uint64_t list_for;       /* candidate that it has to be of, 0: none yet */
    struct flip_bag listed;  /* what was on in it */
    struct flip_bag *starts; /* [start_count] */
    size_t start_count;
    struct population population;
    struct flip_bag walk;    /* where the walk stands */
    double walk_fitness;
    uint64_t walk_accepted;  /* since its list */
    uint64_t *seen;          /* [seen_count] keys of what was tried */
    size_t seen_count;
    struct outcome last;
    struct flip_bag child;   /* the candidate at hand, as a patch */
    struct flip_bag on;
};

/* ---- making ---------------------------------------------------------------------- */

static bool take_starts(struct search *search, struct evolve *evolve, const char *starts,
                        struct err *err)
{
    size_t count = starts_count(starts);
    evolve->starts = x_new(count + 1, sizeof *evolve->starts);
    for (size_t i = 0; i < count; i++) {
        evolve->start_count++;
        if (!starts_read(starts, i, search->model, &evolve->starts[i], err))
            return false;
    }
    return true;
}

static void note_seen(struct evolve *evolve, const struct flip_bag *bag)
{
    evolve->seen = x_grow(evolve->seen, evolve->seen_count + 1, sizeof *evolve->seen);
    evolve->seen[evolve->seen_count++] = flip_bag_key(bag);
}

static bool begin(struct search *search, const struct search_options *options, struct err *err)
{
    static const struct flip_bag empty;
    struct evolve *evolve = x_new(1, sizeof *evolve);
    search->plan = evolve;
    (void)population_offer(&evolve->population, &empty, 0);
    note_seen(evolve, &empty);
    return outlook_init(&evolve->outlook, search->model, options, err) &&
           take_starts(search, evolve, options->starts, err);
}

static void end(struct search *search)
{
    struct evolve *evolve = search->plan;
    outlook_free(&evolve->outlook);
    for (size_t i = 0; i < evolve->start_count; i++)
        flip_bag_free(&evolve->starts[i]);
    free(evolve->starts);
    population_free(&evolve->population);
    flip_bag_free(&evolve->listed);
    flip_bag_free(&evolve->walk);
    flip_bag_free(&evolve->last.child);
    flip_bag_free(&evolve->child);
    flip_bag_free(&evolve->on);
    free(evolve->seen);
    free(evolve);
}

/* ---- what was tried -------------------------------------------------------------- */

static bool is_walking(const struct evolve *evolve, uint64_t number)
{
    return evolve->start_count == 0 && number <= (uint64_t)WALKS * WALK_STEPS;
}

static void walk_on(struct evolve *evolve, const struct outcome *outcome)
{
    if (outcome->fitness > evolve->walk_fitness) {
        flip_bag_copy(&evolve->walk, &outcome->child);
        evolve->walk_fitness = outcome->fitness;
        evolve->walk_accepted++;
    }
    if (outcome->number % WALK_STEPS == 0)
        (void)population_offer(&evolve->population, &evolve->walk, evolve->walk_fitness);
}

/* The last candidate becomes part of what the next follows from. */
static void settle(struct evolve *evolve)
{
    struct outcome *last = &evolve->last;
    if (!last->known)
        return;
    last->known = false;
    note_seen(evolve, &last->child);
    if (is_walking(evolve, last->number))
        walk_on(evolve, last);
    else
        (void)population_offer(&evolve->population, &last->child, last->fitness);
}

static void list_anew(struct evolve *evolve, uint64_t number, const struct flip_bag *at)
{
    flip_bag_copy(&evolve->listed, at);
    evolve->list_for = number;
    evolve->walk_accepted = 0;
}

/* Which list the candidate is to be chosen from.  The same again changes nothing. */
static void look_ahead(struct evolve *evolve, uint64_t number)
{
    const struct flip_bag *fittest = &evolve->population.members[0].bag;
    bool first_child = evolve->list_for == 0 ||
                       is_walking(evolve, evolve->list_for) != is_walking(evolve, number);
    if (is_walking(evolve, number) && number % WALK_STEPS == 1) {
        evolve->walk.count = 0;
        evolve->walk_fitness = 0;
        list_anew(evolve, number, &evolve->walk);
    } else if (is_walking(evolve, number)) {
        if (evolve->walk_accepted >= WALK_EVERY)
            list_anew(evolve, number, &evolve->walk);
    } else if (first_child || (number - evolve->list_for >= LIST_EVERY &&
                               !flip_bag_equal(&evolve->listed, fittest))) {
        list_anew(evolve, number, fittest);
    }
}

/* ---- the list -------------------------------------------------------------------- */

/* A random half of the targets, and of the controls, for a walk. */
static double *walk_weights(const struct search *search, uint64_t number)
{
    uint64_t walk = (number - 1) / WALK_STEPS;
    struct rng rng = method_rng(search, UINT64_MAX - walk - 1);
    double *weights = x_new(search->probe_count, sizeof *weights);
    bool any = false;
    for (size_t i = 0; i < search->probe_count; i++) {
        weights[i] = (double)(rng_next(&rng) >> 63);
        any = any || (i < search->target_count && weights[i] > 0);
    }
    weights[0] = any ? weights[0] : 1;
    return weights;
}

static bool make_list(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct evolve *evolve = search->plan;
    if (evolve->outlook.made && evolve->outlook_for == evolve->list_for)
        return true;
    bool walking = is_walking(evolve, evolve->list_for);
    double *weights = walking ? walk_weights(search, evolve->list_for) : NULL;
    const struct outlook_question question = {
        .on = &evolve->listed, .weights = weights, .most = LIST_MOST};
    bool ok = outlook_make(&evolve->outlook, search, &question, cancel, err);
    evolve->outlook_for = evolve->list_for;
    free(weights);
    return ok;
}

/* ---- children -------------------------------------------------------------------- */

static bool is_new(const struct evolve *evolve)
{
    uint64_t key = flip_bag_key(&evolve->child);
    for (size_t i = 0; i < evolve->seen_count; i++)
        if (evolve->seen[i] == key)
            return false;
    return !flip_bag_equal(&evolve->child, &evolve->on);
}

/* The best of the list that makes a new patch of where the walk stands. */
static bool walk_child(struct evolve *evolve)
{
    for (size_t i = 0; i < evolve->outlook.list.count; i++) {
        const struct flip *flip = &evolve->outlook.list.heap[i].flip;
        flip_bag_copy(&evolve->child, &evolve->walk);
        if (flip_bag_has(&evolve->child, flip))
            continue;
        flip_bag_toggle(&evolve->child, flip);
        if (is_new(evolve))
            return true;
    }
    return false;
}

/* Out at random, or in by what is promised, the first of the list most often. */
static void change(struct evolve *evolve, struct rng *rng)
{
    const struct best *list = &evolve->outlook.list;
    if (rng_below(rng, 4) == 0 || list->count == 0) {
        breed_drop(&evolve->child, rng);
        return;
    }
    double unit = rng_unit(rng);
    const struct flip *flip = &list->heap[(size_t)(unit * unit * (double)list->count)].flip;
    if (!flip_bag_has(&evolve->child, flip))
        flip_bag_toggle(&evolve->child, flip);
}

static void breed(struct evolve *evolve, uint64_t number, uint64_t attempt, struct rng *rng)
{
    const struct population *population = &evolve->population;
    uint64_t turn = (number + attempt) % 3;
    size_t a = population_pick(population, SIZE_MAX, rng), b = a;
    unsigned rarity = 1 + (unsigned)rng_below(rng, 4);
    if (turn != 2 && population->count > 1)
        b = population_pick(population, a, rng);
    breed_cross(&population->members[a].bag, &population->members[b].bag, rarity, rng,
                &evolve->child);
    uint64_t changes = turn > 0 ? 1 + rng_below(rng, 2 + attempt / 8) : 0;
    for (uint64_t i = 0; i < changes; i++)
        change(evolve, rng);
}

static bool choose(struct search *search, uint64_t number)
{
    struct evolve *evolve = search->plan;
    if (number <= evolve->start_count) {
        flip_bag_copy(&evolve->child, &evolve->starts[number - 1]);
        if (!flip_bag_equal(&evolve->child, &evolve->on))
            return true;
    }
    if (is_walking(evolve, number) && walk_child(evolve))
        return true;
    struct rng rng = method_rng(search, number);
    for (uint64_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        breed(evolve, number, attempt, &rng);
        if (is_new(evolve))
            return true;
    }
    return false;
}

/* ---- steps ----------------------------------------------------------------------- */

static enum search_status next(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct evolve *evolve = search->plan;
    uint64_t number = search->tried + 1;
    settle(evolve);
    search_on(search, &evolve->on);
    look_ahead(evolve, number);
    if (number > evolve->start_count && !make_list(search, cancel, err))
        return SEARCH_FAILED;
    if (!choose(search, number))
        return SEARCH_FINISHED;
    search_aim(search, &evolve->child);
    return SEARCH_TRIED;
}

static void tried(struct search *search, const struct search_try *tried)
{
    struct evolve *evolve = search->plan;
    struct outcome *last = &evolve->last;
    last->known = true;
    last->number = tried->number;
    last->fitness = tried->fitness;
    flip_bag_copy(&last->child, &evolve->child);
}

static void untry(struct search *search, const struct search_try *tried)
{
    struct evolve *evolve = search->plan;
    (void)tried;
    evolve->last.known = false;
}

static bool resume(struct search *search, const struct search_past *past, struct err *err)
{
    struct evolve *evolve = search->plan;
    for (uint64_t i = 0; i < past->tried; i++) {
        size_t count = 0;
        const struct flip *flips = tried_flips(&past->tries[i], &count);
        settle(evolve);
        look_ahead(evolve, i + 1);
        if (!past_on(past, i + 1, &evolve->last.child, err))
            return false;
        flip_bag_xor(&evolve->last.child, flips, count);
        evolve->last.known = true;
        evolve->last.number = i + 1;
        evolve->last.fitness = past->tries[i].fitness;
    }
    return true;
}

/* Children are bred when their turn comes: which come next is not known. */
const struct method method_evolve = {
    .name = "evolve",
    .help = "cross patches (--from A,B,... or some of its own) and change their children",
    .whole_model = true,
    .replays = true,
    .draws = method_draws,
    .measures_all = true,
    .takes_starts = true,
    .granularities = (1u << GRANULARITY_COUNT) - 1,
    .begin = begin,
    .free = end,
    .next = next,
    .tried = tried,
    .untry = untry,
    .candidates = outlook_candidates,
    .resume = resume,
};

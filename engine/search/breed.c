/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/breed.h"

#include <string.h>

/* ---- the population ------------------------------------------------------------------ */

bool population_offer(struct population *population, const struct flip_bag *bag,
                      double fitness)
{
    size_t at = population->count;
    for (size_t i = 0; i < population->count; i++)
        if (flip_bag_equal(&population->members[i].bag, bag))
            return false;
    while (at > 0 && population->members[at - 1].fitness < fitness)
        at--;
    if (at == POPULATION_MAX)
        return false;
    if (population->count == POPULATION_MAX)
        flip_bag_free(&population->members[--population->count].bag);
    struct member *place = population->members + at;
    memmove(place + 1, place, (population->count - at) * sizeof *place);
    *place = (struct member){.fitness = fitness};
    flip_bag_copy(&place->bag, bag);
    population->count++;
    return true;
}

size_t population_pick(const struct population *population, size_t other, struct rng *rng)
{
    size_t picked = SIZE_MAX;
    uint64_t choices = population->count - (other < population->count);
    for (int i = 0; i < 2; i++) {
        size_t drawn = (size_t)rng_below(rng, choices);
        drawn += drawn >= other; /* the one that is taken is left out */
        picked = drawn < picked ? drawn : picked;
    }
    return picked;
}

void population_free(struct population *population)
{
    for (size_t i = 0; i < population->count; i++)
        flip_bag_free(&population->members[i].bag);
    population->count = 0;
}

/* ---- children --------------------------------------------------------------------------- */

void breed_cross(const struct flip_bag *a, const struct flip_bag *b, unsigned rarity,
                 struct rng *rng, struct flip_bag *child)
{
    struct flip_bag difference = {0};
    flip_bag_copy(&difference, a);
    flip_bag_xor(&difference, b->flips, b->count);
    flip_bag_copy(child, a);
    for (size_t i = 0; i < difference.count; i++)
        if (rng_below(rng, UINT64_C(1) << rarity) == 0)
            flip_bag_toggle(child, &difference.flips[i]);
    flip_bag_free(&difference);
}

void breed_drop(struct flip_bag *bag, struct rng *rng)
{
    if (bag->count == 0)
        return;
    struct flip gone = bag->flips[rng_below(rng, bag->count)];
    flip_bag_toggle(bag, &gone);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/breed.h - patches as a population: crossing and changing them.
 *
 * Two patches differ in the flips that one of them has.  Their child has what both have,
 * and each of these as the one parent, or by chance as the other: the XOR of the one with a
 * random part of the difference.
 *
 * [B1] crossing yields no flip that no parent has, and loses none that both have.
 */
#ifndef ENGINE_SEARCH_BREED_H
#define ENGINE_SEARCH_BREED_H

#include "engine/search/flip_bag.h"
#include "src/base/rng.h"

enum { POPULATION_MAX = 12 };

struct member {
    struct flip_bag bag;
    double fitness;
};

struct population {
    struct member members[POPULATION_MAX]; /* [count] the fittest first */
    size_t count;
};

/* Copied, unless it is in already, or less fit than all of a full population. */
bool population_offer(struct population *population, const struct flip_bag *bag,
                      double fitness);
/* The fitter of two that are drawn: its index, not that of `other` (SIZE_MAX: any). */
size_t population_pick(const struct population *population, size_t other, struct rng *rng);
void population_free(struct population *population);

/* Each flip of the difference is as in b with the chance 1 / 2^rarity, else as in a. */
void breed_cross(const struct flip_bag *a, const struct flip_bag *b, unsigned rarity,
                 struct rng *rng, struct flip_bag *child);
/* Take a random flip out; an empty patch stays. */
void breed_drop(struct flip_bag *bag, struct rng *rng);

#endif

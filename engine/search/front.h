/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/front.h - a Pareto front: patches of which none is at least as good as
 * another in everything.
 */
#ifndef ENGINE_SEARCH_FRONT_H
#define ENGINE_SEARCH_FRONT_H

#include "engine/search/flip_bag.h"

struct front_point {
    struct flip_bag bag;
    double *values;  /* [dimensions] more is better */
    uint64_t number; /* of the candidate it was, 0: of none */
};

struct front {
    size_t dimensions;
    struct front_point *points; /* [count] in the order they came */
    size_t count;
};

void front_init(struct front *front, size_t dimensions);
/* Is a nowhere below b, and somewhere above? */
bool front_dominates(const double *a, const double *b, size_t dimensions);
/* Copied, unless one that is there is nowhere below it; those it dominates go. */
bool front_offer(struct front *front, const struct flip_bag *bag, const double *values,
                 uint64_t number);
void front_free(struct front *front);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/flip_bag.h - a set of flips that are on, each once: adding one that is in
 * takes it out (XOR).
 *
 * Flips are compared by their words (flip_equal): a row and its groups are different flips,
 * whose weights XOR all the same when both are put on a model.
 */
#ifndef ENGINE_SEARCH_FLIP_BAG_H
#define ENGINE_SEARCH_FLIP_BAG_H

#include "engine/engine.h"

struct flip_bag { /* {0} is empty */
    struct flip *flips; /* [count] ascending by flip_order, no two equal */
    size_t count;
};

/* Layer, projection, row, group, mask. */
int flip_order(const void *a, const void *b);

bool flip_bag_has(const struct flip_bag *bag, const struct flip *flip);
/* Where the flip is, or would be. */
size_t flip_bag_place(const struct flip_bag *bag, const struct flip *flip);
void flip_bag_toggle(struct flip_bag *bag, const struct flip *flip);
void flip_bag_xor(struct flip_bag *bag, const struct flip *flips, size_t count);
/* *to becomes the same set; what was in it is gone. */
void flip_bag_copy(struct flip_bag *to, const struct flip_bag *from);
bool flip_bag_equal(const struct flip_bag *a, const struct flip_bag *b);
/* A hash that does not depend on how the set came about. */
uint64_t flip_bag_key(const struct flip_bag *bag);
void flip_bag_free(struct flip_bag *bag);

#endif

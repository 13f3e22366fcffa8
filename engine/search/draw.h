/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/draw.h - draw without replacement, weighted, in exact integers.
 *
 * A Fenwick tree (P. M. Fenwick, 1994) of whole weights: drawing and removing
 * take log n steps, and no rounding can make two machines draw differently.
 */
#ifndef ENGINE_SEARCH_DRAW_H
#define ENGINE_SEARCH_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/rng.h"

struct draw;

/* weights: [count], their sum below 2^63; items of weight 0 are never drawn. */
struct draw *draw_new(const uint64_t *weights, size_t count);

/* The next item; false when none is left. */
bool draw_next(struct draw *draw, struct rng *rng, size_t *item);

/* Put an item that was drawn back, with its old weight. */
void draw_return(struct draw *draw, size_t item, uint64_t weight);

size_t draw_left(const struct draw *draw);
void draw_free(struct draw *draw);

#endif

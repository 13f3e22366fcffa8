/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/pairs.h - in which order method `swap` tries to replace flips.
 *
 *   order   the sum of what taking the one off and putting the other on promises, the most
 *           first; of equal sums the flip that comes first
 *   limit   a flip is in at most PAIRS_EACH pairs (where few flips are on, more of them), so
 *           that one wrong promise cannot use up all tries
 */
#ifndef ENGINE_SEARCH_PAIRS_H
#define ENGINE_SEARCH_PAIRS_H

#include "engine/search/flip_bag.h"
#include "engine/search/predict.h"

enum { PAIRS_SIDE = 64, PAIRS_EACH = 8 };

struct pair {
    struct flip off, on;
};

struct pairs {
    struct promise off[PAIRS_SIDE], on[PAIRS_SIDE]; /* [off_count], [on_count] best first */
    size_t off_count, on_count;
    uint16_t *order;  /* [off_count * on_count] index of off * PAIRS_SIDE + index of on */
    bool *tried;      /* [off_count * on_count] by place in the order */
    size_t off_uses[PAIRS_SIDE], on_uses[PAIRS_SIDE];
};

/* Promises of either side in any order. */
void pairs_init(struct pairs *pairs, const struct promise *off, size_t off_count,
                const struct promise *on, size_t on_count);
/* The next that was not tried, whose flip to be put off is on and whose other is not. */
bool pairs_next(const struct pairs *pairs, const struct flip_bag *on, struct pair *out);
/* One that is not in the list is ignored. */
void pairs_tried(struct pairs *pairs, const struct pair *pair, bool tried);
void pairs_free(struct pairs *pairs);

#endif

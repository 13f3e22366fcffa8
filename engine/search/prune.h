/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/prune.h - in which order method `prune` tries to take flips off.
 *
 *   order   flips that were not tried yet by what one backward pass promises of taking them
 *           off, the most first (that is: the least contribution); those that cannot be
 *           predicted behind them.  Then those that were tried in vain, by the fitness
 *           without them, once more when a flip went off since
 *   end     every flip was tried in vain since the last one went off
 *
 * A flip that went off and was put on again by hand is left alone.
 */
#ifndef ENGINE_SEARCH_PRUNE_H
#define ENGINE_SEARCH_PRUNE_H

#include "engine/search/flip_bag.h"

struct prune_item {
    double promise; /* of taking it off: predicted change of the fitness */
    double fitness; /* without it, when it was tried last */
    uint64_t number; /* of that candidate, 0: not tried */
    bool went;
};

/* {0} knows nothing. */
struct prune_order {
    struct flip_bag flips;    /* that it knows of */
    struct prune_item *items; /* [flips.count] */
    uint64_t newest;          /* candidate that went off last, 0: none */
};

/* What was predicted of a flip that was not tried yet. */
void prune_promise(struct prune_order *order, const struct flip *flip, double change);
/* Of the flips that are on, the next to try; false: none. */
bool prune_choose(const struct prune_order *order, const struct flip_bag *on,
                  struct flip *out);
/* How many could be tried before another one goes off. */
size_t prune_open(const struct prune_order *order, const struct flip_bag *on);
void prune_tried(struct prune_order *order, const struct flip *flip, uint64_t number,
                 double fitness, bool went);
void prune_order_free(struct prune_order *order);

#endif

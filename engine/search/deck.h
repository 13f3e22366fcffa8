/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/deck.h - indices in random order; when they are used up, in another one.
 */
#ifndef ENGINE_SEARCH_DECK_H
#define ENGINE_SEARCH_DECK_H

#include <stddef.h>

#include "src/base/rng.h"

struct deck {
    size_t *cards; /* owned */
    size_t count, next;
};

/* first, first + 1, ... shuffled. */
struct deck deck_new(size_t first, size_t count, struct rng *rng);

/* The next `count` cards, fewer where the deck has fewer; valid until the next deal. */
const size_t *deck_deal(struct deck *deck, size_t *count, struct rng *rng);

/* A copy of the first `count` cards (there are so many); the caller frees it. */
size_t *deck_copy(const struct deck *deck, size_t count);
/* The same, and they are in the deck no more. */
size_t *deck_take(struct deck *deck, size_t count);

#endif

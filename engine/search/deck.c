/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/deck.h"

#include <string.h>

#include "src/base/buf.h"
#include "src/base/err.h"

static void shuffle(struct deck *deck, struct rng *rng)
{
    for (size_t i = deck->count; i > 1; i--) {
        size_t other = rng_below(rng, i), card = deck->cards[i - 1];
        deck->cards[i - 1] = deck->cards[other];
        deck->cards[other] = card;
    }
    deck->next = 0;
}

struct deck deck_new(size_t first, size_t count, struct rng *rng)
{
    struct deck deck = {.cards = x_new(count, sizeof *deck.cards), .count = count};
    for (size_t i = 0; i < count; i++)
        deck.cards[i] = first + i;
    shuffle(&deck, rng);
    return deck;
}

const size_t *deck_deal(struct deck *deck, size_t *count, struct rng *rng)
{
    *count = *count < deck->count ? *count : deck->count;
    if (deck->count - deck->next < *count)
        shuffle(deck, rng);
    const size_t *cards = deck->cards + deck->next;
    deck->next += *count;
    return cards;
}

size_t *deck_copy(const struct deck *deck, size_t count)
{
    BUG_ON(count > deck->count);
    size_t *cards = x_new(count, sizeof *cards);
    if (count > 0)
        memcpy(cards, deck->cards, count * sizeof *cards);
    return cards;
}

size_t *deck_take(struct deck *deck, size_t count)
{
    size_t *cards = deck_copy(deck, count);
    deck->count -= count;
    memmove(deck->cards, deck->cards + count, deck->count * sizeof *deck->cards);
    return cards;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Fisher information of the controls, once, before anything is flipped: 40 minibatches of
 * 64 give each unit's number to a quarter, which is enough to rank by.
 *
 * It has random numbers of its own, so that minibatches of the training are the same with
 * and without it, and training that goes on finds it again.
 */
#include <stdlib.h>

#include "engine/search/train_int.h"

enum { GUARD_MINIBATCHES = 40, GUARD_CONTROLS = 64 };

static bool guard_once(struct train *train, struct deck *deck, struct rng *rng,
                       cancel_flag *cancel, struct err *err)
{
    struct minibatch_options options = train_batch_options(train);
    options.keep_bytes = GRADIENT_KEEP_DEFAULT;
    size_t count = GUARD_CONTROLS;
    const size_t *index = deck_deal(deck, &count, rng);
    struct minibatch *minibatch =
        minibatch_new(train->model, train->targets, NULL, 0, train->controls, index, count,
                      train->base, &options, err);
    bool ok = minibatch && minibatch_drawn(minibatch, rng_next(rng), units_guard, train->units,
                                           cancel, err);
    if (ok) {
        train_count_gradient(train, minibatch);
        units_guarded(train->units);
    }
    minibatch_free(minibatch);
    return ok;
}

/* The deck is in another order when training goes on. */
static int compare_cards(const void *a, const void *b)
{
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return left < right ? -1 : left > right;
}

bool train_guard(struct train *train, cancel_flag *cancel, struct err *err)
{
    size_t count = train->control_deck.count;
    struct deck deck = {deck_copy(&train->control_deck, count), count, count};
    struct rng rng;
    bool ok = true;
    qsort(deck.cards, count, sizeof *deck.cards, compare_cards);
    rng_seed(&rng, rng_mix(train->options.seed));
    for (int i = 0; ok && i < GUARD_MINIBATCHES; i++)
        ok = guard_once(train, &deck, &rng, cancel, err);
    free(deck.cards);
    return ok;
}

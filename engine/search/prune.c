/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method `prune`: backward elimination.  A candidate is a flip that is on, once more; it is
 * accepted, and the flip gone, if the fitness is not lower without it.
 */
#include "engine/search/prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/method.h"
#include "engine/search/outlook.h"

/* ---- the order ------------------------------------------------------------------- */

static struct prune_item *item_of(struct prune_order *order, const struct flip *flip)
{
    size_t at = flip_bag_place(&order->flips, flip);
    if (!flip_bag_has(&order->flips, flip)) {
        flip_bag_toggle(&order->flips, flip);
        order->items = x_grow(order->items, order->flips.count, sizeof *order->items);
        memmove(order->items + at + 1, order->items + at,
                (order->flips.count - 1 - at) * sizeof *order->items);
        order->items[at] = (struct prune_item){.promise = -HUGE_VAL};
    }
    return &order->items[at];
}

static const struct prune_item *item_known(const struct prune_order *order,
                                           const struct flip *flip)
{
    static const struct prune_item unknown = {.promise = -HUGE_VAL};
    return flip_bag_has(&order->flips, flip) ? &order->items[flip_bag_place(&order->flips, flip)]
                                             : &unknown;
}

void prune_promise(struct prune_order *order, const struct flip *flip, double change)
{
    item_of(order, flip)->promise = change;
}

static bool is_open(const struct prune_order *order, const struct prune_item *item)
{
    return !item->went && (item->number == 0 || item->number < order->newest);
}

static bool comes_before(const struct prune_item *a, const struct prune_item *b)
{
    if ((a->number == 0) != (b->number == 0))
        return a->number == 0;
    return a->number == 0 ? a->promise > b->promise : a->fitness > b->fitness;
}

bool prune_choose(const struct prune_order *order, const struct flip_bag *on, struct flip *out)
{
    const struct prune_item *best = NULL;
    for (size_t i = 0; i < on->count; i++) {
        const struct prune_item *item = item_known(order, &on->flips[i]);
        if (!is_open(order, item) || (best && !comes_before(item, best)))
            continue;
        best = item;
        *out = on->flips[i];
    }
    return best != NULL;
}

size_t prune_open(const struct prune_order *order, const struct flip_bag *on)
{
    size_t open = 0;
    for (size_t i = 0; i < on->count; i++)
        open += is_open(order, item_known(order, &on->flips[i]));
    return open;
}

void prune_tried(struct prune_order *order, const struct flip *flip, uint64_t number,
                 double fitness, bool went)
{
    struct prune_item *item = item_of(order, flip);
    item->number = number;
    item->fitness = fitness;
    item->went = item->went || went;
    order->newest = went ? number : order->newest;
}

void prune_order_free(struct prune_order *order)
{
    flip_bag_free(&order->flips);
    free(order->items);
    *order = (struct prune_order){0};
}

/* ---- the method ------------------------------------------------------------------ */

struct prune {
    struct outlook outlook;
    struct prune_order order;
    struct flip_bag first; /* what was on when the first candidate was chosen */
    struct flip_bag on;
    struct prune_item before; /* the last candidate, of what it was about */
    uint64_t newest_before;
};

static bool begin(struct search *search, const struct search_options *options, struct err *err)
{
    struct prune *prune = x_new(1, sizeof *prune);
    search->plan = prune;
    return outlook_init(&prune->outlook, search->model, options, err);
}

static void end(struct search *search)
{
    struct prune *prune = search->plan;
    outlook_free(&prune->outlook);
    prune_order_free(&prune->order);
    flip_bag_free(&prune->first);
    flip_bag_free(&prune->on);
    free(prune);
}

/* What taking off each flip of the first state promises. */
static bool predict(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct prune *prune = search->plan;
    struct outlook *outlook = &prune->outlook;
    if (search->tried == 0 && !flip_bag_equal(&prune->first, &prune->on)) {
        flip_bag_copy(&prune->first, &prune->on);
        outlook->made = false;
    }
    if (outlook->made)
        return true;
    const struct outlook_question question = {.on = &prune->first, .about = &prune->first};
    if (!outlook_make(outlook, search, &question, cancel, err))
        return false;
    for (size_t i = 0; i < outlook->asked_count; i++)
        prune_promise(&prune->order, &outlook->asked[i].flip, outlook->asked[i].change);
    return true;
}

static enum search_status next(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct prune *prune = search->plan;
    struct flip flip;
    search_on(search, &prune->on);
    if (prune_open(&prune->order, &prune->on) == 0)
        return SEARCH_FINISHED;
    if (!predict(search, cancel, err))
        return SEARCH_FAILED;
    (void)prune_choose(&prune->order, &prune->on, &flip);
    search_add(search, &flip);
    return SEARCH_TRIED;
}

static void tried(struct search *search, const struct search_try *tried)
{
    struct prune *prune = search->plan;
    prune->before = *item_of(&prune->order, &tried->flip);
    prune->newest_before = prune->order.newest;
    prune_tried(&prune->order, &tried->flip, tried->number, tried->fitness, tried->accepted);
}

static void untry(struct search *search, const struct search_try *tried)
{
    struct prune *prune = search->plan;
    *item_of(&prune->order, &tried->flip) = prune->before;
    prune->order.newest = prune->newest_before;
}

static bool accepts(const struct search *search, double fitness)
{
    return fitness >= search->fitness;
}

static size_t peek(const struct search *search, size_t count, struct flip *out)
{
    const struct prune *prune = search->plan;
    struct flip_bag left = {0};
    size_t found = 0;
    search_on(search, &left);
    while (prune->outlook.made && found < count &&
           prune_choose(&prune->order, &left, &out[found]))
        flip_bag_toggle(&left, &out[found++]);
    flip_bag_free(&left);
    return found;
}

/* Flips that are on; each that goes off lets the others be tried again. */
static uint64_t left(const struct search *search)
{
    const struct prune *prune = search->plan;
    struct flip_bag on = {0};
    search_on(search, &on);
    uint64_t count = on.count, open = prune_open(&prune->order, &on);
    flip_bag_free(&on);
    return open > 0 ? count * (count + 1) / 2 : 0;
}

static uint64_t candidates(const struct search *search)
{
    struct flip_bag on = {0};
    search_on(search, &on);
    uint64_t count = on.count;
    flip_bag_free(&on);
    return count;
}

static bool resume(struct search *search, const struct search_past *past, struct err *err)
{
    struct prune *prune = search->plan;
    if (past->tried > 0 && !past_on(past, 1, &prune->first, err))
        return false;
    for (uint64_t i = 0; i < past->tried; i++) {
        const struct search_tried *tried = &past->tries[i];
        prune_tried(&prune->order, &tried->flip, i + 1, tried->fitness, tried->accepted);
    }
    return true;
}

const struct method method_prune = {
    .name = "prune",
    .help = "take off flips of a patch (--from) that the fitness does not need",
    .whole_model = true,
    .replays = true,
    .measures_all = true,
    .wants_flips = true,
    .granularities = (1u << GRANULARITY_COUNT) - 1,
    .begin = begin,
    .free = end,
    .next = next,
    .tried = tried,
    .untry = untry,
    .accepts = accepts,
    .peek = peek,
    .left = left,
    .candidates = candidates,
    .resume = resume,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/pairs.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"

static size_t take_side(struct promise side[PAIRS_SIDE], const struct promise *promises,
                        size_t count)
{
    struct best best;
    best_init(&best, PAIRS_SIDE);
    for (size_t i = 0; i < count; i++)
        best_offer(&best, &promises[i]);
    best_sort(&best);
    size_t taken = best.count;
    if (taken > 0)
        memcpy(side, best.heap, taken * sizeof *side);
    best_free(&best);
    return taken;
}

struct sum {
    double change;
    uint16_t place;
};

static int compare_sums(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;
    if (x->change > y->change || x->change < y->change)
        return x->change > y->change ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

void pairs_init(struct pairs *pairs, const struct promise *off, size_t off_count,
                const struct promise *on, size_t on_count)
{
    *pairs = (struct pairs){0};
    pairs->off_count = take_side(pairs->off, off, off_count);
    pairs->on_count = take_side(pairs->on, on, on_count);
    size_t count = pairs->off_count * pairs->on_count;
    struct sum *sums = x_new(count + 1, sizeof *sums);
    for (size_t i = 0; i < count; i++) {
        size_t a = i / pairs->on_count, b = i % pairs->on_count;
        sums[i] = (struct sum){pairs->off[a].change + pairs->on[b].change,
                               (uint16_t)(a * PAIRS_SIDE + b)};
    }
    qsort(sums, count, sizeof *sums, compare_sums);
    pairs->order = x_new(count + 1, sizeof *pairs->order);
    pairs->tried = x_new(count + 1, sizeof *pairs->tried);
    for (size_t i = 0; i < count; i++)
        pairs->order[i] = sums[i].place;
    free(sums);
}

static struct pair pair_at(const struct pairs *pairs, size_t at)
{
    return (struct pair){pairs->off[pairs->order[at] / PAIRS_SIDE].flip,
                         pairs->on[pairs->order[at] % PAIRS_SIDE].flip};
}

static bool is_used_up(const struct pairs *pairs, size_t at)
{
    size_t few = PAIRS_SIDE / pairs->off_count;
    size_t most = few > PAIRS_EACH ? few : (size_t)PAIRS_EACH;
    return pairs->off_uses[pairs->order[at] / PAIRS_SIDE] >= most ||
           pairs->on_uses[pairs->order[at] % PAIRS_SIDE] >= PAIRS_EACH;
}

bool pairs_next(const struct pairs *pairs, const struct flip_bag *on, struct pair *out)
{
    for (size_t i = 0; i < pairs->off_count * pairs->on_count; i++) {
        if (pairs->tried[i] || is_used_up(pairs, i))
            continue;
        *out = pair_at(pairs, i);
        if (flip_bag_has(on, &out->off) && !flip_bag_has(on, &out->on))
            return true;
    }
    return false;
}

void pairs_tried(struct pairs *pairs, const struct pair *pair, bool tried)
{
    for (size_t i = 0; i < pairs->off_count * pairs->on_count; i++) {
        struct pair listed = pair_at(pairs, i);
        if (pairs->tried[i] == tried || !flip_equal(&listed.off, &pair->off) ||
            !flip_equal(&listed.on, &pair->on))
            continue;
        pairs->tried[i] = tried;
        size_t *off_uses = &pairs->off_uses[pairs->order[i] / PAIRS_SIDE];
        size_t *on_uses = &pairs->on_uses[pairs->order[i] % PAIRS_SIDE];
        *off_uses = tried ? *off_uses + 1 : *off_uses - 1;
        *on_uses = tried ? *on_uses + 1 : *on_uses - 1;
        return;
    }
}

void pairs_free(struct pairs *pairs)
{
    free(pairs->order);
    free(pairs->tried);
    *pairs = (struct pairs){0};
}

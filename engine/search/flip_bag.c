/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/flip_bag.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"
#include "src/base/rng.h"

static int order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int flip_order(const void *a, const void *b)
{
    const struct flip *x = a, *y = b;
    int by = (x->layer > y->layer) - (x->layer < y->layer);
    by = by ? by : order(x->proj, y->proj);
    by = by ? by : order(x->row, y->row);
    by = by ? by : (x->group > y->group) - (x->group < y->group);
    by = by || x->group == FLIP_WHOLE_ROW ? by : order(x->mask[0], y->mask[0]);
    return by || x->group == FLIP_WHOLE_ROW ? by : order(x->mask[1], y->mask[1]);
}

size_t flip_bag_place(const struct flip_bag *bag, const struct flip *flip)
{
    size_t low = 0, high = bag->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (flip_order(&bag->flips[middle], flip) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool flip_bag_has(const struct flip_bag *bag, const struct flip *flip)
{
    size_t at = flip_bag_place(bag, flip);
    return at < bag->count && flip_order(&bag->flips[at], flip) == 0;
}

void flip_bag_toggle(struct flip_bag *bag, const struct flip *flip)
{
    size_t at = flip_bag_place(bag, flip);
    if (flip_bag_has(bag, flip)) {
        bag->count--;
        memmove(bag->flips + at, bag->flips + at + 1, (bag->count - at) * sizeof *bag->flips);
        return;
    }
    bag->flips = x_grow(bag->flips, bag->count + 1, sizeof *bag->flips);
    memmove(bag->flips + at + 1, bag->flips + at, (bag->count - at) * sizeof *bag->flips);
    bag->flips[at] = *flip;
    bag->count++;
}

void flip_bag_xor(struct flip_bag *bag, const struct flip *flips, size_t count)
{
    for (size_t i = 0; i < count; i++)
        flip_bag_toggle(bag, &flips[i]);
}

void flip_bag_copy(struct flip_bag *to, const struct flip_bag *from)
{
    to->flips = x_grow(to->flips, from->count + 1, sizeof *to->flips);
    if (from->count > 0)
        memcpy(to->flips, from->flips, from->count * sizeof *to->flips);
    to->count = from->count;
}

bool flip_bag_equal(const struct flip_bag *a, const struct flip_bag *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = flip_order(&a->flips[i], &b->flips[i]) == 0;
    return same;
}

static uint64_t flip_key(const struct flip *flip)
{
    uint64_t key = rng_mix((uint64_t)(uint32_t)flip->layer << 32 | (uint64_t)flip->proj);
    key = rng_mix(key ^ ((uint64_t)flip->row << 32 | (uint32_t)flip->group));
    if (flip->group == FLIP_WHOLE_ROW)
        return key;
    return rng_mix(rng_mix(key ^ flip->mask[0]) ^ flip->mask[1]);
}

uint64_t flip_bag_key(const struct flip_bag *bag)
{
    uint64_t key = 0;
    for (size_t i = 0; i < bag->count; i++)
        key ^= flip_key(&bag->flips[i]);
    return key;
}

void flip_bag_free(struct flip_bag *bag)
{
    free(bag->flips);
    *bag = (struct flip_bag){0};
}

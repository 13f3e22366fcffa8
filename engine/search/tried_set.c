/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/tried_set.h"

#include <stdlib.h>
#include <string.h>

static uint64_t first_bit(const struct flip *flip)
{
    if (flip->mask[0])
        return (uint64_t)__builtin_ctzll(flip->mask[0]);
    return flip->mask[1] ? 64 + (uint64_t)__builtin_ctzll(flip->mask[1]) : 0;
}

/* 12 bits of the layer (0: none), 4 of the projection, 16 of the group, 25 of the row, 7 of
 * the bit. */
static uint64_t key_of(const struct flip *flip)
{
    BUG_ON(flip->row >> 25 || (flip->layer + 1) >> 12 || flip->group >= UINT16_MAX);
    return (uint64_t)(flip->layer + 1) << 52 | (uint64_t)flip->proj << 48 |
           (uint64_t)(uint16_t)(flip->group + 1) << 32 | (uint64_t)flip->row << 7 |
           first_bit(flip);
}

/* Where the key is, or would be. */
static size_t place_of(const struct tried_set *set, uint64_t key)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool tried_set_has(const struct tried_set *set, const struct flip *flip)
{
    uint64_t key = key_of(flip);
    size_t at = place_of(set, key);
    return at < set->count && set->keys[at] == key;
}

void tried_set_add(struct tried_set *set, const struct flip *flip)
{
    uint64_t key = key_of(flip);
    size_t at = place_of(set, key), behind = set->count - at;
    set->keys = x_grow(set->keys, set->count + 1, sizeof *set->keys);
    memmove(set->keys + at + 1, set->keys + at, behind * sizeof *set->keys);
    set->keys[at] = key;
    set->count++;
}

void tried_set_remove(struct tried_set *set, const struct flip *flip)
{
    size_t at = place_of(set, key_of(flip)), behind = set->count - at - 1;
    BUG_ON(at >= set->count);
    memmove(set->keys + at, set->keys + at + 1, behind * sizeof *set->keys);
    set->count--;
}

void tried_set_free(struct tried_set *set)
{
    free(set->keys);
    *set = (struct tried_set){0};
}

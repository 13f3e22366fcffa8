/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probes/maker/text_set.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"
#include "src/base/rng.h"

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0;
    for (; *text; text++)
        hash = rng_mix(hash + (unsigned char)*text + 1);
    return hash;
}

/* Where it is, or would be. */
static size_t place_of(const struct text_set *set, const char *text)
{
    size_t place = hash_of(text) & (set->slot_count - 1);
    while (set->slots[place] && strcmp(set->slots[place], text) != 0)
        place = (place + 1) & (set->slot_count - 1);
    return place;
}

static void grow(struct text_set *set)
{
    struct text_set wider = {.slot_count = set->slot_count ? 2 * set->slot_count : 64,
                             .count = set->count};
    wider.slots = x_new(wider.slot_count, sizeof *wider.slots);
    for (size_t i = 0; i < set->slot_count; i++)
        if (set->slots[i])
            wider.slots[place_of(&wider, set->slots[i])] = set->slots[i];
    free(set->slots);
    *set = wider;
}

bool text_set_has(const struct text_set *set, const char *text)
{
    return set->count > 0 && set->slots[place_of(set, text)];
}

bool text_set_add(struct text_set *set, const char *text)
{
    if (2 * (set->count + 1) > set->slot_count)
        grow(set);
    char **slot = &set->slots[place_of(set, text)];
    if (*slot)
        return false;
    *slot = x_copy(text, strlen(text));
    set->count++;
    return true;
}

void text_set_free(struct text_set *set)
{
    for (size_t i = 0; i < set->slot_count; i++)
        free(set->slots[i]);
    free(set->slots);
    *set = (struct text_set){0};
}

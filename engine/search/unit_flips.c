/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From flips to the units they are made of.
 */
#include <stdlib.h>

#include "engine/search/units_int.h"

static bool bit_of(const uint64_t mask[2], uint32_t bit)
{
    return mask[bit / 64] >> bit % 64 & 1;
}

/* Are all weights of every chunk in the mask, or none? */
static bool is_of_chunks(const uint64_t mask[2], uint32_t chunk)
{
    for (uint32_t i = 0; i < GROUP_WEIGHTS; i++)
        if (bit_of(mask, i) != bit_of(mask, i - i % chunk))
            return false;
    return true;
}

uint32_t units_chunk(const struct flip *flips, size_t count)
{
    uint32_t chunk = UNITS_ROWS;
    for (size_t i = 0; i < count; i++) {
        if (flips[i].group == FLIP_WHOLE_ROW)
            continue;
        chunk = chunk == UNITS_ROWS ? GROUP_WEIGHTS : chunk;
        while (!is_of_chunks(flips[i].mask, chunk))
            chunk /= 2;
    }
    return chunk;
}

struct numbers {
    uint64_t *list;
    size_t count;
};

static void add(struct numbers *numbers, uint64_t number)
{
    numbers->list = x_grow(numbers->list, numbers->count + 1, sizeof *numbers->list);
    numbers->list[numbers->count++] = number;
}

static const struct unit_matrix *matrix_of(const struct units *units, const struct flip *flip)
{
    for (size_t i = 0; i < units->matrix_count; i++)
        if (units->matrices[i].layer == flip->layer && units->matrices[i].proj == flip->proj)
            return &units->matrices[i];
    return NULL;
}

static void add_units(struct numbers *numbers, const struct units *units,
                      const struct unit_matrix *of, const struct flip *flip)
{
    uint32_t chunk = units->options.chunk;
    uint64_t row = of->first + flip->row * of->units_per_row;
    if (flip->group == FLIP_WHOLE_ROW) {
        for (uint64_t i = 0; i < of->units_per_row; i++)
            add(numbers, row + i);
        return;
    }
    for (uint32_t i = 0; i < GROUP_WEIGHTS; i += chunk)
        if (bit_of(flip->mask, i))
            add(numbers, row + ((uint64_t)flip->group * GROUP_WEIGHTS + i) / chunk);
}

static bool add_flip(struct numbers *numbers, const struct units *units, const struct flip *flip,
                     struct err *err)
{
    const struct unit_matrix *of = matrix_of(units, flip);
    uint32_t chunk = units->options.chunk;
    if (!model_flip_fits(units->model, flip, err))
        return false;
    if (!of)
        return err_set(err, ERR_RANGE, "is of %s, expected a projection that is trained",
                       proj_name(flip->proj));
    if (flip->group != FLIP_WHOLE_ROW && (chunk == UNITS_ROWS || !is_of_chunks(flip->mask, chunk)))
        return err_set(err, ERR_RANGE, "is not made of whole units of %u weights",
                       (unsigned)chunk);
    add_units(numbers, units, of, flip);
    return true;
}

bool units_of_flips(const struct units *units, const struct flip *flips, size_t count,
                    uint64_t **out, size_t *out_count, struct err *err)
{
    struct numbers numbers = {0};
    for (size_t i = 0; i < count; i++)
        if (!add_flip(&numbers, units, &flips[i], err)) {
            free(numbers.list);
            return err_where(err, "flips[%zu]", i);
        }
    *out = numbers.list;
    *out_count = numbers.count;
    return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <omp.h>
#include <stdlib.h>

#include "engine/kernel/math.h"
#include "engine/search/units_int.h"
#include "src/base/memory.h"
#include "src/base/num.h"

/* ---- making --------------------------------------------------------------------- */

static void list_matrices(struct units *units)
{
    const struct model_shape *shape = model_shape(units->model);
    units->matrices = x_new((size_t)shape->layers * PROJ_LAYER_COUNT, sizeof *units->matrices);
    for (uint32_t l = 0; l < shape->layers; l++)
        for (enum proj proj = 0; proj < PROJ_LAYER_COUNT; proj++) {
            if (!(units->options.projs >> proj & 1))
                continue;
            uint32_t rows = 0, columns = 0;
            (void)model_matrix_size(units->model, (int32_t)l, proj, &rows, &columns);
            struct unit_matrix *of = &units->matrices[units->matrix_count++];
            *of = (struct unit_matrix){.layer = (int32_t)l, .proj = proj, .rows = rows,
                                       .groups = columns / GROUP_WEIGHTS};
            of->units_per_row = units->options.chunk ? columns / units->options.chunk : 1;
            of->units = of->units_per_row * rows;
            of->first = units->count;
            units->count += of->units;
        }
}

static bool allocate(struct units *units, struct err *err)
{
    bool guarded = units->options.ranking == RANK_GUARDED;
    size_t each = (guarded ? 3 : 2) * sizeof(float) + 1, bytes = 0;
    if (!num_mul(units->count, each, &bytes) || bytes > memory_available() / 2)
        return err_set(err, ERR_MEMORY,
                       "no memory for %zu units (%zu MiB): choose larger units or fewer matrices",
                       (size_t)units->count, bytes >> 20);
    units->guards = guarded ? x_new(units->count, sizeof *units->guards) : NULL;
    units->memory = x_new(units->count, 2 * sizeof(float) + 1);
    float *numbers = units->memory;
    uint8_t *on = (uint8_t *)(numbers + 2 * units->count);
    for (size_t i = 0; i < units->matrix_count; i++) {
        struct unit_matrix *of = &units->matrices[i];
        of->mean = numbers;
        of->square = numbers + of->units;
        of->on = on;
        of->guard = guarded ? units->guards + of->first : NULL;
        numbers += 2 * of->units;
        on += of->units;
    }
    return true;
}

struct units *units_new(struct model *model, const struct units_options *options,
                        struct err *err)
{
    struct units *units = x_new(1, sizeof *units);
    *units = (struct units){.model = model, .options = *options};
    if (units->options.threads <= 0)
        units->options.threads = omp_get_max_threads();
    units->kernel = kernel_pick(err);
    list_matrices(units);
    if (units->kernel && allocate(units, err))
        return units;
    units_free(units);
    return NULL;
}

void units_free(struct units *units)
{
    if (!units)
        return;
    free(units->matrices);
    free(units->memory);
    free(units->guards);
    free(units);
}

uint64_t units_count(const struct units *units)
{
    return units->count;
}

uint64_t units_on(const struct units *units)
{
    return units->on;
}

/* ---- flipping --------------------------------------------------------------------------- */

struct flip unit_flip(const struct units *units, const struct unit_matrix *of, uint64_t unit)
{
    struct flip flip = {of->layer, of->proj, (uint32_t)(unit / of->units_per_row),
                        FLIP_WHOLE_ROW, {0, 0}};
    if (units->options.chunk == UNITS_ROWS)
        return flip;
    uint64_t column = unit % of->units_per_row * units->options.chunk;
    flip.group = (int32_t)(column / GROUP_WEIGHTS);
    for (uint64_t i = column % GROUP_WEIGHTS, n = 0; n < units->options.chunk; i++, n++)
        flip.mask[i / 64] |= UINT64_C(1) << i % 64;
    return flip;
}

static void flip_unit(struct units *units, struct unit_matrix *of, uint64_t index,
                      const struct flip *flip)
{
    model_flip(units->model, flip);
    of->mean[index] = -of->mean[index];
    of->on[index] ^= 1;
    units->on += of->on[index] ? 1 : UINT64_MAX;
}

void units_flip(struct units *units, const struct unit_pick *picks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        flip_unit(units, &units->matrices[picks[i].matrix], picks[i].index, &picks[i].flip);
}

uint64_t units_number(const struct units *units, const struct unit_pick *pick)
{
    return units->matrices[pick->matrix].first + pick->index;
}

uint32_t units_matrix_of(const struct units *units, uint64_t number)
{
    size_t low = 0, high = units->matrix_count; /* it is in one of low .. high - 1 */
    BUG_ON(number >= units->count);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(units->matrices[middle].first <= number ? &low : &high) = middle;
    }
    return (uint32_t)low;
}

void units_flip_numbers(struct units *units, const uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct unit_matrix *of = &units->matrices[units_matrix_of(units, numbers[i])];
        struct flip flip = unit_flip(units, of, numbers[i] - of->first);
        flip_unit(units, of, numbers[i] - of->first, &flip);
    }
}

struct flip_list {
    struct flip *flips;
    size_t count, capacity;
};

static void add_flip(struct flip_list *list, const struct flip *flip)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 64;
        list->flips = x_grow(list->flips, list->capacity, sizeof *list->flips);
    }
    list->flips[list->count++] = *flip;
}

/* Chunks of one group become one flip, which is the last of the list so far. */
static void add_unit(struct flip_list *list, size_t row_begins, const struct flip *flip)
{
    struct flip *last = list->count > row_begins ? &list->flips[list->count - 1] : NULL;
    if (last && last->group == flip->group) {
        last->mask[0] |= flip->mask[0];
        last->mask[1] |= flip->mask[1];
    } else {
        add_flip(list, flip);
    }
}

static void join_row(struct flip_list *list, size_t row_begins, uint32_t groups)
{
    for (size_t i = row_begins; i < list->count; i++)
        if ((list->flips[i].mask[0] & list->flips[i].mask[1]) != UINT64_MAX)
            return;
    if (list->count - row_begins != groups)
        return;
    list->count = row_begins + 1;
    list->flips[row_begins].group = FLIP_WHOLE_ROW;
    list->flips[row_begins].mask[0] = list->flips[row_begins].mask[1] = 0;
}

/* on: [units of the matrix] */
static void list_matrix(const struct units *units, const struct unit_matrix *of,
                        const uint8_t *on, struct flip_list *list)
{
    for (uint32_t row = 0; row < of->rows; row++) {
        size_t row_begins = list->count;
        for (uint64_t i = row * of->units_per_row; i < (row + 1) * of->units_per_row; i++) {
            if (!on[i])
                continue;
            struct flip flip = unit_flip(units, of, i);
            add_unit(list, row_begins, &flip);
        }
        if (units->options.chunk != UNITS_ROWS && list->count > row_begins)
            join_row(list, row_begins, of->groups);
    }
}

size_t units_flips(const struct units *units, struct flip **out)
{
    struct flip_list list = {0};
    for (size_t m = 0; m < units->matrix_count; m++)
        list_matrix(units, &units->matrices[m], units->matrices[m].on, &list);
    *out = list.flips;
    return list.count;
}

size_t units_flips_of(const struct units *units, const uint64_t *numbers, size_t count,
                      struct flip **out)
{
    struct flip_list list = {0};
    uint8_t *on = x_new(units->count, 1);
    for (size_t i = 0; i < count; i++) {
        BUG_ON(numbers[i] >= units->count);
        on[numbers[i]] ^= 1;
    }
    for (size_t m = 0; m < units->matrix_count; m++)
        list_matrix(units, &units->matrices[m], on + units->matrices[m].first, &list);
    free(on);
    *out = list.flips;
    return list.count;
}

float *units_numbers(struct units *units, uint32_t **taken)
{
    *taken = &units->taken;
    return units->memory;
}

double units_bytes(const struct units *units)
{
    return units_bytes_of(units->count, units->on);
}

double units_next_bytes(const struct units *units)
{
    return units_bytes_of(units->count, units->on + 1) -
           units_bytes_of(units->count, units->on);
}

/* log2 of n choose k, by Stirling's formula. */
double units_bytes_of(uint64_t count, uint64_t on)
{
    double n = (double)count, k = (double)on;
    if (on == 0 || on >= count)
        return 0;
    double nats = n * math_log(n) - k * math_log(k) - (n - k) * math_log(n - k) +
                  0.5 * math_log(n / (6.283185307179586 * k * (n - k)));
    return nats / 0.6931471805599453 / 8;
}

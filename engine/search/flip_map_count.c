/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rows come some at a time.  Each is counted for itself, in parallel, then they are added
 * up in their order; only rows that reach what the best have so far are gone through again.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/flip_map_int.h"
#include "src/base/rng.h"

const double flip_map_bin_edges[FLIP_MAP_BINS - 1] = {
    -1,   -1e-1, -1e-2, -1e-3, -1e-4, -1e-5, -1e-6, -1e-7,
    1e-7, 1e-6,  1e-5,  1e-4,  1e-3,  1e-2,  1e-1,  1,
};

/* ---- which to measure ---------------------------------------------------------------- */

static int compare_units(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* A set of units by open addressing; SIZE_MAX is free. */
struct unit_set {
    uint64_t *slots;
    size_t mask;
};

static bool set_add(struct unit_set *set, uint64_t unit)
{
    size_t at = (size_t)rng_mix(unit) & set->mask;
    while (set->slots[at] != UINT64_MAX && set->slots[at] != unit)
        at = (at + 1) & set->mask;
    bool is_new = set->slots[at] != unit;
    set->slots[at] = unit;
    return is_new;
}

static struct unit_set set_for(size_t count)
{
    struct unit_set set = {.mask = 16};
    while (set.mask < 2 * count)
        set.mask *= 2;
    set.slots = x_new(set.mask, sizeof *set.slots);
    for (size_t i = 0; i < set.mask; i++)
        set.slots[i] = UINT64_MAX;
    set.mask--;
    return set;
}

/* Without replacement (R. W. Floyd). */
static void draw_units(struct mapping *mapping, const struct flip_map_matrix *matrix)
{
    uint64_t units = matrix->units, wanted = mapping->options->exact;
    size_t count = units < wanted ? (size_t)units : (size_t)wanted;
    uint64_t where = (uint64_t)matrix->layer * PROJ_COUNT + matrix->proj;
    struct unit_set set = set_for(count);
    struct rng rng;
    rng_seed(&rng, rng_mix(mapping->options->seed) ^ where);
    mapping->drawn = x_grow(mapping->drawn, count + 1, sizeof *mapping->drawn);
    for (size_t i = 0; i < count; i++) {
        uint64_t last = units - count + i, at = rng_below(&rng, last + 1);
        if (!set_add(&set, at)) {
            at = last;
            (void)set_add(&set, at);
        }
        mapping->drawn[i] = at;
    }
    free(set.slots);
    qsort(mapping->drawn, count, sizeof *mapping->drawn, compare_units);
    mapping->drawn_count = count;
    mapping->drawn_at = 0;
}

static void take_samples(struct mapping *mapping, struct flip_map_matrix *matrix,
                         const struct predicted *predicted)
{
    struct flip_map *map = mapping->map;
    uint64_t first = (uint64_t)predicted->first * predicted->per_row;
    uint64_t end = first + (uint64_t)predicted->count * predicted->per_row;
    for (; mapping->drawn_at < mapping->drawn_count; mapping->drawn_at++) {
        uint64_t unit = mapping->drawn[mapping->drawn_at];
        if (unit >= end)
            return;
        map->samples = x_grow(map->samples, map->sample_count + 1, sizeof *map->samples);
        map->samples[map->sample_count++] = (struct flip_map_unit){
            .flip = predicted_flip(predicted, unit - first),
            .value = mapping_value(mapping, predicted->change[unit - first]),
            .measured = (double)NAN,
        };
        matrix->sample_count++;
    }
}

/* ---- statistics ------------------------------------------------------------------------ */

static size_t bin_of(double value)
{
    size_t low = 0, high = FLIP_MAP_BINS - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (value >= flip_map_bin_edges[middle])
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* mean: the sum so far */
static struct flip_map_matrix nothing_counted(void)
{
    return (struct flip_map_matrix){.least = HUGE_VAL, .most = -HUGE_VAL};
}

static struct flip_map_matrix count_row(const struct mapping *mapping,
                                        const struct predicted *predicted, size_t row)
{
    struct flip_map_matrix counts = nothing_counted();
    const double *change = predicted->change + row * predicted->per_row;
    for (size_t i = 0; i < predicted->per_row; i++) {
        double value = mapping_value(mapping, change[i]);
        counts.bins[bin_of(value)]++;
        counts.positive += value > 0;
        counts.least = value < counts.least ? value : counts.least;
        counts.most = value > counts.most ? value : counts.most;
        counts.mean += value;
    }
    return counts;
}

static void add_counts(struct flip_map_matrix *to, const struct flip_map_matrix *row)
{
    for (size_t i = 0; i < FLIP_MAP_BINS; i++)
        to->bins[i] += row->bins[i];
    to->positive += row->positive;
    to->least = row->least < to->least ? row->least : to->least;
    to->most = row->most > to->most ? row->most : to->most;
    to->mean += row->mean / (double)to->units;
}

static void offer_row(struct mapping *mapping, const struct predicted *predicted, size_t row)
{
    for (size_t i = row * predicted->per_row; i < (row + 1) * predicted->per_row; i++) {
        double value = mapping_value(mapping, predicted->change[i]);
        if (best_wants(&mapping->best, value))
            best_offer(&mapping->best, &(struct promise){predicted_flip(predicted, i), value});
    }
}

static void count_rows(struct mapping *mapping, struct flip_map_matrix *matrix,
                       const struct predicted *predicted)
{
    if (mapping->row_counts_room < predicted->count) {
        mapping->row_counts = x_grow(mapping->row_counts, predicted->count,
                                     sizeof *mapping->row_counts);
        mapping->row_counts_room = predicted->count;
    }
#pragma omp parallel for num_threads(mapping->threads)
    for (size_t row = 0; row < predicted->count; row++)
        mapping->row_counts[row] = count_row(mapping, predicted, row);
    for (size_t row = 0; row < predicted->count; row++) {
        add_counts(matrix, &mapping->row_counts[row]);
        if (best_wants(&mapping->best, mapping->row_counts[row].most))
            offer_row(mapping, predicted, row);
    }
}

/* ---- a matrix ---------------------------------------------------------------------------- */

static struct flip_map_matrix *matrix_of(struct mapping *mapping,
                                         const struct predicted *predicted)
{
    struct flip_map *map = mapping->map;
    if (predicted->first > 0)
        return &map->matrices[map->matrix_count - 1];
    map->matrices = x_grow(map->matrices, map->matrix_count + 1, sizeof *map->matrices);
    struct flip_map_matrix *matrix = &map->matrices[map->matrix_count++];
    *matrix = nothing_counted();
    matrix->layer = predicted->layer;
    matrix->proj = predicted->proj;
    matrix->units = (uint64_t)predicted->rows * predicted->per_row;
    matrix->per_row = predicted->per_row;
    matrix->spearman = (double)NAN;
    matrix->sample_first = map->sample_count;
    map->units += matrix->units;
    draw_units(mapping, matrix);
    return matrix;
}

void mapping_take(void *user, const struct predicted *predicted)
{
    struct mapping *mapping = user;
    struct flip_map_matrix *matrix = matrix_of(mapping, predicted);
    count_rows(mapping, matrix, predicted);
    take_samples(mapping, matrix, predicted);
    if (mapping->each)
        mapping->each(mapping->user, predicted);
    if (predicted->first + predicted->count == predicted->rows)
        mapping_step(mapping, 1);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One sweep over all weights: the gradient by a tile of 32 rows and 128 columns is summed
 * over the tokens, reduced to the tile's units, and forgotten.
 */
#include <string.h>

#include "engine/kernel/half.h"
#include "engine/search/units_int.h"

enum {
    TILE_ROWS = 32,
    TILE_TOKENS = 64, /* that stay in the nearest cache */
};

/* What is done with the score of a unit. */
typedef void take_function(struct unit_matrix *of, uint64_t unit, float score);

static void take_in(struct unit_matrix *of, uint64_t unit, float score)
{
    of->mean[unit] = unit_mean_keep * of->mean[unit] + (1 - unit_mean_keep) * score;
    of->square[unit] = unit_square_keep * of->square[unit] + (1 - unit_square_keep) * score * score;
}

static void take_guard(struct unit_matrix *of, uint64_t unit, float score)
{
    of->guard[unit] += score * score;
}

/* -2 sum(w g) of every chunk of one group. */
static void score_group(struct unit_matrix *of, const uint8_t *blocks, size_t row, size_t group,
                        uint32_t chunk, const float *g, take_function *take)
{
    const uint8_t *block = blocks + (row * of->groups + group) * KERNEL_GROUP_BYTES;
    float scale = -2 * half_value((uint16_t)(block[0] | block[1] << 8));
    uint64_t unit = row * of->units_per_row + group * GROUP_WEIGHTS / chunk;
    for (size_t first = 0; first < GROUP_WEIGHTS; first += chunk, unit++) {
        float sum = 0;
        for (size_t i = first; i < first + chunk; i++)
            sum += block[2 + i / 8] >> (i % 8) & 1 ? g[i] : -g[i];
        take(of, unit, scale * sum);
    }
}

static void score_tile(const struct units *units, struct unit_matrix *of,
                       const struct gradient_visit *visit, size_t row, size_t group,
                       take_function *take)
{
    float sums[TILE_ROWS * GROUP_WEIGHTS] = {0};
    size_t left = visit->rows - row, rows = left < TILE_ROWS ? left : TILE_ROWS;
    for (size_t t = 0; t < visit->tokens; t += TILE_TOKENS) {
        size_t rest = visit->tokens - t;
        units->kernel->outer_sum(visit->dy + t * visit->rows + row, visit->rows,
                                 visit->x + t * visit->columns + group * GROUP_WEIGHTS,
                                 visit->columns, rest < TILE_TOKENS ? rest : TILE_TOKENS, rows,
                                 sums);
    }
    for (size_t r = 0; r < rows; r++)
        score_group(of, visit->blocks, row + r, group, units->options.chunk,
                    sums + r * GROUP_WEIGHTS, take);
}

static void score_rows(struct unit_matrix *of, const struct gradient_visit *visit, int threads,
                       take_function *take)
{
#pragma omp parallel for num_threads(threads)
    for (size_t row = 0; row < visit->rows; row++) {
        float sum = 0;
        for (size_t t = 0; t < visit->tokens; t++)
            sum += visit->negated[t * visit->rows + row];
        take(of, row, sum);
    }
}

static void score(struct units *units, const struct gradient_visit *visit, take_function *take)
{
    struct unit_matrix *of = NULL;
    for (size_t i = 0; i < units->matrix_count; i++)
        if (units->matrices[i].layer == visit->layer && units->matrices[i].proj == visit->proj)
            of = &units->matrices[i];
    if (!of)
        return;
    if (units->options.chunk == UNITS_ROWS) {
        score_rows(of, visit, units->options.threads, take);
        return;
    }
#pragma omp parallel for collapse(2) num_threads(units->options.threads) schedule(dynamic, 1)
    for (size_t group = 0; group < of->groups; group++)
        for (size_t row = 0; row < visit->rows; row += TILE_ROWS)
            score_tile(units, of, visit, row, group, take);
}

void units_visit(void *user, const struct gradient_visit *visit)
{
    score(user, visit, take_in);
}

void units_guard(void *user, const struct gradient_visit *visit)
{
    score(user, visit, take_guard);
}

void units_guarded(struct units *units)
{
    units->guarded++;
}

void units_taken(struct units *units)
{
    units->taken++;
}

void units_forget(struct units *units)
{
    memset(units->memory, 0, 2 * units->count * sizeof(float));
    units->taken = 0;
}

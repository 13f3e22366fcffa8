/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One sweep over the weights of a matrix: the gradient of the fitness by a tile of rows and
 * the 128 columns of a group is summed over the tokens, turned into the effect of each bit,
 * shown with the rest of its rows, and forgotten.
 */
#include <string.h>

#include "engine/kernel/half.h"
#include "engine/search/predict_int.h"

enum {
    TILE_ROWS = 32,
    TILE_TOKENS = 64, /* that stay in the nearest cache */
};

struct tile {
    size_t row, rows, group;
};

/* Derivatives by outputs of the gaps turn to those of the fitness. */
static void weigh(const struct predict *predict, const struct gradient_visit *visit,
                  const struct tile *tile, size_t token, size_t tokens, float *dy)
{
    for (size_t t = 0; t < tokens; t++) {
        const float *of = visit->dy + (token + t) * visit->rows + tile->row;
        float slope = (float)predict->slopes[visit->owners[token + t]];
        for (size_t r = 0; r < tile->rows; r++)
            dy[t * TILE_ROWS + r] = slope * of[r];
    }
}

/* Fitness by weight, [rows][128]. */
static void sum_tile(const struct predict *predict, const struct gradient_visit *visit,
                     const struct tile *tile, float *sums)
{
    float dy[TILE_TOKENS * TILE_ROWS];
    memset(sums, 0, tile->rows * GROUP_WEIGHTS * sizeof *sums);
    for (size_t t = 0; t < visit->tokens; t += TILE_TOKENS) {
        size_t left = visit->tokens - t, n = left < TILE_TOKENS ? left : (size_t)TILE_TOKENS;
        weigh(predict, visit, tile, t, n, dy);
        predict->kernel->outer_sum(dy, TILE_ROWS,
                                   visit->x + t * visit->columns + tile->group * GROUP_WEIGHTS,
                                   visit->columns, n, tile->rows, sums);
    }
}

/* A weight w that flips is -w: it changes by -2 w. */
static void flip_weights(const uint8_t *block, const float *gradient, double *change)
{
    double scale = -2 * (double)half_value((uint16_t)(block[0] | block[1] << 8));
    for (size_t i = 0; i < GROUP_WEIGHTS; i++) {
        double moved = scale * (double)gradient[i];
        change[i] = block[2 + i / 8] >> (i % 8) & 1 ? moved : -moved;
    }
}

/* change: of the tile's first row */
static void predict_tile(const struct predict *predict, const struct gradient_visit *visit,
                         const struct tile *tile, double *change)
{
    float sums[TILE_ROWS * GROUP_WEIGHTS];
    size_t groups = visit->columns / GROUP_WEIGHTS;
    sum_tile(predict, visit, tile, sums);
    for (size_t r = 0; r < tile->rows; r++)
        flip_weights(visit->blocks +
                         ((tile->row + r) * groups + tile->group) * KERNEL_GROUP_BYTES,
                     sums + r * GROUP_WEIGHTS,
                     change + r * visit->columns + tile->group * GROUP_WEIGHTS);
}

void predict_some_bits(struct predict *predict, const struct gradient_visit *visit, size_t first,
                       size_t rows)
{
#pragma omp parallel for collapse(2) num_threads(predict->options.threads) schedule(dynamic, 1)
    for (size_t group = 0; group < visit->columns / GROUP_WEIGHTS; group++)
        for (size_t row = 0; row < rows; row += TILE_ROWS) {
            size_t left = rows - row, n = left < TILE_ROWS ? left : (size_t)TILE_ROWS;
            struct tile tile = {first + row, n, group};
            predict_tile(predict, visit, &tile, predict->change + row * visit->columns);
        }
}

void predict_bits(struct predict *predict, const struct gradient_visit *visit)
{
    for (size_t row = 0; row < visit->rows; row += PREDICT_ROWS) {
        size_t left = visit->rows - row, n = left < PREDICT_ROWS ? left : (size_t)PREDICT_ROWS;
        if (predict_is_cancelled(predict))
            return;
        predict_some_bits(predict, visit, row, n);
        predict_show(predict, visit, row, n);
    }
}

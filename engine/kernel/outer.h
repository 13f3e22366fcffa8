/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/outer.h - sums of outer products: the gradient by weights.
 *
 * Included by the levels whose compiler flags turn the loops into vector instructions:
 * 4 rows x 32 columns stay in registers while the tokens pass by.
 */
#ifndef ENGINE_KERNEL_OUTER_H
#define ENGINE_KERNEL_OUTER_H

#include <math.h>
#include <string.h>

#include "engine/kernel/kernel.h"

enum { OUTER_ROWS = 4, OUTER_COLUMNS = 32 };

static inline void outer_tile(const float *dy, size_t dy_stride, const float *x, size_t x_stride,
                              size_t tokens, float *out)
{
    float sums[OUTER_ROWS][OUTER_COLUMNS];
    for (size_t r = 0; r < OUTER_ROWS; r++)
        memcpy(sums[r], out + r * KERNEL_GROUP, sizeof sums[r]);
    for (size_t t = 0; t < tokens; t++) {
#pragma GCC unroll 4
        for (size_t r = 0; r < OUTER_ROWS; r++) {
            float d = dy[t * dy_stride + r];
#pragma GCC unroll 32
            for (size_t j = 0; j < OUTER_COLUMNS; j++)
                sums[r][j] = fmaf(d, x[t * x_stride + j], sums[r][j]);
        }
    }
    for (size_t r = 0; r < OUTER_ROWS; r++)
        memcpy(out + r * KERNEL_GROUP, sums[r], sizeof sums[r]);
}

static inline void outer_row(const float *dy, size_t dy_stride, const float *x, size_t x_stride,
                             size_t tokens, float *out)
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t j = 0; j < KERNEL_GROUP; j++)
            out[j] = fmaf(dy[t * dy_stride], x[t * x_stride + j], out[j]);
}

static inline void outer_sum(const float *dy, size_t dy_stride, const float *x, size_t x_stride,
                             size_t tokens, size_t rows, float *out)
{
    size_t row = 0;
    for (; row + OUTER_ROWS <= rows; row += OUTER_ROWS)
        for (size_t j = 0; j < KERNEL_GROUP; j += OUTER_COLUMNS)
            outer_tile(dy + row, dy_stride, x + j, x_stride, tokens,
                       out + row * KERNEL_GROUP + j);
    for (; row < rows; row++)
        outer_row(dy + row, dy_stride, x, x_stride, tokens, out + row * KERNEL_GROUP);
}

#endif

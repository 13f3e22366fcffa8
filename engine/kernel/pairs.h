/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/pairs.h - the transposed product by looking up sums of two rows:
 * the part that levels with small shuffles share.  Who includes it defines the
 * functions declared as missing here, and calls pairs_multiply.
 *
 * The definition adds four rows as (t0 + t1) + (t2 + t3), and a pair with its two
 * signs has four values only: they are computed once per token, pair and group, and
 * looked up for all 128 columns.  Sign bits of a pair are interleaved, so that a
 * shift brings both bits of a column to where the lookup wants them.
 */
#ifndef ENGINE_KERNEL_PAIRS_H
#define ENGINE_KERNEL_PAIRS_H

#include <string.h>

#include "engine/kernel/level.h"

enum {
    QUAD = 4,
    QUADS = 32,
    ROWS = QUAD * QUADS,      /* of a step, whose values stay in L1 */
    BYTES = KERNEL_GROUP / 8, /* of signs in a group */
};

/* One group of up to ROWS rows.  In a dword of signs, column i of a byte is in bits
 * 2 i (row 0), 2 i + 1 (row 1), 16 + 2 i (row 2) and 17 + 2 i (row 3). */
struct part {
    size_t rows;
    size_t quads;
    float d[ROWS]; /* 0 behind the last row, where signs do not matter */
    uint32_t signs[QUADS][BYTES];
};

/* Four rows of a token: the values of both pairs, bit 0 of the place for the first row. */
struct quad_values {
    _Alignas(32) float pair[2][4];
};

/* Missing: ROWS halves to floats. */
static inline void widen_scales(const uint16_t *halves, float *out);

/* Missing: the signs of four rows of 16 bytes, as struct part has them. */
static inline void interleave(const uint8_t *const row[QUAD], uint32_t out[BYTES]);

/* Missing: the values of c[i] = dy[i] * d[i], dy being 0 from `left` on. */
static inline struct quad_values values_of(const float *dy, size_t left, const float *d);

/* Missing: dx[token][column] += the quads in turn, for the 8 columns of a byte and
 * up to TOKEN_BLOCK tokens; values of all are there. */
static inline void add_columns(const struct part *part, size_t byte,
                               const struct quad_values (*values)[TOKEN_BLOCK], size_t tokens,
                               float *dx, size_t dx_stride);

static inline void part_fill(struct part *part, const uint8_t *block, size_t rows,
                             size_t row_bytes)
{
    static const uint8_t nothing[BYTES];
    uint16_t halves[ROWS] = {0};
    part->rows = rows;
    part->quads = (rows + QUAD - 1) / QUAD;
    for (size_t r = 0; r < rows; r++)
        memcpy(&halves[r], block + r * row_bytes, 2);
    widen_scales(halves, part->d);
    for (size_t q = 0; q < part->quads; q++) {
        const uint8_t *row[QUAD];
        for (size_t i = 0; i < QUAD; i++)
            row[i] = QUAD * q + i < rows ? block + (QUAD * q + i) * row_bytes + 2 : nothing;
        interleave(row, part->signs[q]);
    }
}

/* One group of up to ROWS rows: added to dx of the group's columns. */
static inline void add_part(const struct part *part, const float *dy, size_t dy_stride,
                            size_t tokens, float *dx, size_t dx_stride)
{
    struct quad_values values[QUADS][TOKEN_BLOCK];
    for (size_t first = 0; first < tokens; first += TOKEN_BLOCK) {
        size_t count = tokens - first < TOKEN_BLOCK ? tokens - first : TOKEN_BLOCK;
        if (count < TOKEN_BLOCK)
            memset(values, 0, sizeof values);
        for (size_t t = 0; t < count; t++)
            for (size_t q = 0; q < part->quads; q++)
                values[q][t] = values_of(dy + (first + t) * dy_stride + QUAD * q,
                                         part->rows - QUAD * q, part->d + QUAD * q);
        for (size_t byte = 0; byte < BYTES; byte++)
            add_columns(part, byte, (const struct quad_values(*)[TOKEN_BLOCK])values, count,
                        dx + first * dx_stride + 8 * byte, dx_stride);
    }
}

/* The arguments of product_transposed in engine/kernel/kernel.h. */
static inline void pairs_multiply(const uint8_t *blocks, size_t rows, size_t groups, size_t first,
                                  size_t count, const float *dy, size_t dy_stride, size_t tokens,
                                  float *dx, size_t dx_stride)
{
    size_t row_bytes = groups * KERNEL_GROUP_BYTES;
    for (size_t token = 0; token < tokens; token++)
        memset(dx + token * dx_stride + first * KERNEL_GROUP, 0,
               count * KERNEL_GROUP * sizeof *dx);
    for (size_t g = first; g < first + count; g++)
        for (size_t row = 0; row < rows; row += ROWS) {
            struct part part;
            part_fill(&part, blocks + row * row_bytes + g * KERNEL_GROUP_BYTES,
                      rows - row < ROWS ? rows - row : ROWS, row_bytes);
            add_part(&part, dy + row, dy_stride, tokens, dx + g * KERNEL_GROUP, dx_stride);
        }
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/transposed.h - transposed products: the parts that need no instructions of
 * their own.
 *
 * Included by the levels whose compiler flags turn the loops into vector instructions.
 */
#ifndef ENGINE_KERNEL_TRANSPOSED_H
#define ENGINE_KERNEL_TRANSPOSED_H

#include <math.h>
#include <string.h>

#include "engine/kernel/half.h"
#include "engine/kernel/kernel.h"

enum {
    TRANSPOSED_TOKENS = 64, /* whose sums of a group, 32 KB, lie in L1, ... */
    TRANSPOSED_GROUPS = 4,  /* and of so many groups, for which shares are read once, in L2 */
    TRANSPOSED_LINE = 64,
};

/* ---- derivatives -------------------------------------------------------------------- */

/* Halves without a sign are in the order of their bits; a NaN is larger than all else. */
static inline float transposed_largest(const uint8_t *row, size_t groups)
{
    uint16_t most = 0;
    for (size_t g = 0; g < groups; g++) {
        uint16_t half = 0;
        memcpy(&half, row + g * KERNEL_GROUP_BYTES, sizeof half);
        half &= 0x7FFF;
        most = half > most ? half : most;
    }
    return half_value(most);
}

static inline float transposed_sum(const float *x)
{
    float lanes[LANES] = {0};
    for (size_t i = 0; i < TRANSPOSED_ROWS; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] = lanes[lane] + fabsf(x[i + lane]);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] = lanes[i] + lanes[i + half];
    return lanes[0];
}

static inline void transposed_token(const float *dy, size_t rows, const float *largest,
                                    float *shares, float *unit)
{
    float sum = 0;
    for (size_t r = 0; r < rows; r++)
        shares[r] = dy[r] * largest[r];
    memset(shares + rows, 0, (TRANSPOSED_ROWS - rows) * sizeof *shares);
    sum = transposed_sum(shares);
    *unit = sum < INFINITY ? sum * 0x1.01p-15f : NAN;
    if (sum >= 0x1p-100f && sum < INFINITY) {
        for (size_t r = 0; r < TRANSPOSED_ROWS; r++)
            shares[r] /= *unit;
        return;
    }
    *unit = sum < 0x1p-100f ? 0 : *unit;
    memset(shares, 0, TRANSPOSED_ROWS * sizeof *shares);
}

/* The arguments of cotangents_fill in engine/kernel/kernel.h. */
static inline void transposed_fill(const uint8_t *blocks, size_t groups, const float *dy,
                                   size_t dy_stride, size_t block, struct cotangents *out)
{
    size_t first = block * TRANSPOSED_ROWS, left = out->rows - first;
    size_t rows = left < TRANSPOSED_ROWS ? left : TRANSPOSED_ROWS;
    float *largest = out->largest + first;
    memset(largest, 0, TRANSPOSED_ROWS * sizeof *largest);
    for (size_t r = 0; r < rows; r++)
        largest[r] = transposed_largest(blocks + (first + r) * groups * KERNEL_GROUP_BYTES,
                                        groups);
    for (size_t t = 0; t < out->tokens; t++) {
        size_t place = block * out->tokens + t;
        transposed_token(dy + t * dy_stride + first, rows, largest,
                         out->shares + place * TRANSPOSED_ROWS, &out->units[place]);
    }
}

/* ---- a block of rows ------------------------------------------------------------------ */

/* One group of up to 80 rows. */
struct transposed_rows {
    const uint8_t *at; /* the first row's block */
    size_t row_bytes;
    size_t rows;
    const float *largest;
};

/* Missing, defined by who includes this: TRANSPOSED_ROWS halves to floats. */
static inline void transposed_widen(const uint16_t *halves, float *out);

/* The largest magnitude; floats without a sign are in the order of their bits. */
static inline float transposed_most(const float x[TRANSPOSED_ROWS])
{
    uint32_t most = 0;
    float result = 0;
    for (size_t r = 0; r < TRANSPOSED_ROWS; r++) {
        uint32_t bits = 0;
        memcpy(&bits, &x[r], sizeof bits);
        bits &= 0x7FFFFFFFu;
        most = bits > most ? bits : most;
    }
    memcpy(&result, &most, sizeof result);
    return result;
}

/* factors: each scale as a part of its row's largest, and this as a part of the most of
 * the block, which is returned; 0 behind the last row. */
static inline float transposed_factors(const struct transposed_rows *of,
                                       float factors[TRANSPOSED_ROWS])
{
    uint16_t halves[TRANSPOSED_ROWS] = {0};
    for (size_t r = 0; r < of->rows; r++)
        memcpy(&halves[r], of->at + r * of->row_bytes, sizeof halves[r]);
    transposed_widen(halves, factors);
    for (size_t r = 0; r < TRANSPOSED_ROWS; r++) {
        float largest = of->largest[r];
        factors[r] = largest > 0 && largest < INFINITY ? factors[r] / largest : 0;
    }
    float most = transposed_most(factors);
    for (size_t r = 0; r < TRANSPOSED_ROWS; r++)
        factors[r] = most > 0 ? factors[r] / most : 0;
    return most;
}

/* ---- products --------------------------------------------------------------------------- */

/* Sums of the 128 columns of some groups. */
struct transposed_sums {
    _Alignas(TRANSPOSED_LINE) float x[TRANSPOSED_GROUPS][TRANSPOSED_TOKENS][KERNEL_GROUP];
};

/* What functions below are about: some tokens and some groups of a product. */
struct transposed_piece {
    const uint8_t *blocks;
    size_t groups, first, count;
    const struct cotangents *dy;
    size_t token, tokens;
};

/* Missing, defined by who includes this: add a block of rows to the sums of some tokens,
 * whose shares and units these are. */
static inline void transposed_add(const struct transposed_rows *rows, const float *shares,
                                  const float *units, size_t tokens, float (*x)[KERNEL_GROUP]);

/* Ask for what the next block of rows will read: weights, each row in lines of its own, and
 * shares.  An address behind the end does no harm. */
static inline void transposed_prefetch(const struct transposed_piece *piece, size_t row,
                                       size_t place)
{
    size_t row_bytes = piece->groups * KERNEL_GROUP_BYTES;
    uintptr_t at = (uintptr_t)piece->blocks + (row + TRANSPOSED_ROWS) * row_bytes +
                   piece->first * KERNEL_GROUP_BYTES;
    for (size_t r = 0; r < TRANSPOSED_ROWS; r++) {
        __builtin_prefetch((const void *)(at + r * row_bytes), 0, 2);
        __builtin_prefetch((const void *)(at + r * row_bytes + TRANSPOSED_LINE), 0, 2);
    }
    const size_t share_bytes = TRANSPOSED_ROWS * sizeof(float);
    at = (uintptr_t)piece->dy->shares + (place + piece->dy->tokens) * share_bytes;
    for (size_t i = 0; i < piece->tokens * share_bytes; i += TRANSPOSED_LINE)
        __builtin_prefetch((const void *)(at + i), 0, 2);
}

static inline void transposed_block(const struct transposed_piece *piece, size_t row,
                                    struct transposed_sums *sums)
{
    const struct cotangents *dy = piece->dy;
    size_t left = dy->rows - row, place = row / TRANSPOSED_ROWS * dy->tokens + piece->token;
    struct transposed_rows rows = {
        .at = piece->blocks + (row * piece->groups + piece->first) * KERNEL_GROUP_BYTES,
        .row_bytes = piece->groups * KERNEL_GROUP_BYTES,
        .rows = left < TRANSPOSED_ROWS ? left : TRANSPOSED_ROWS,
        .largest = dy->largest + row,
    };
    transposed_prefetch(piece, row, place);
    for (size_t g = 0; g < piece->count; g++, rows.at += KERNEL_GROUP_BYTES)
        transposed_add(&rows, dy->shares + place * TRANSPOSED_ROWS, dy->units + place,
                       piece->tokens, sums->x[g]);
}

static inline void transposed_groups(const struct transposed_piece *piece, float *dx,
                                     size_t dx_stride)
{
    struct transposed_sums sums;
    for (size_t g = 0; g < piece->count; g++)
        memset(sums.x[g], 0, piece->tokens * sizeof sums.x[g][0]);
    for (size_t row = 0; row < piece->dy->rows; row += TRANSPOSED_ROWS)
        transposed_block(piece, row, &sums);
    for (size_t g = 0; g < piece->count; g++)
        for (size_t t = 0; t < piece->tokens; t++)
            memcpy(dx + t * dx_stride + (piece->first + g) * KERNEL_GROUP, sums.x[g][t],
                   sizeof sums.x[g][t]);
}

/* The arguments of product_transposed in engine/kernel/kernel.h. */
static inline void transposed_multiply(const uint8_t *blocks, size_t groups, size_t first,
                                       size_t count, const struct cotangents *dy, size_t token,
                                       size_t tokens, float *dx, size_t dx_stride)
{
    for (size_t t = 0; t < tokens; t += TRANSPOSED_TOKENS)
        for (size_t g = 0; g < count; g += TRANSPOSED_GROUPS) {
            struct transposed_piece piece = {
                .blocks = blocks,
                .groups = groups,
                .first = first + g,
                .count = count - g < TRANSPOSED_GROUPS ? count - g : TRANSPOSED_GROUPS,
                .dy = dy,
                .token = token + t,
                .tokens = tokens - t < TRANSPOSED_TOKENS ? tokens - t : TRANSPOSED_TOKENS,
            };
            transposed_groups(&piece, dx + t * dx_stride, dx_stride);
        }
}

#endif

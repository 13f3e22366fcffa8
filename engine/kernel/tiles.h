/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/tiles.h - a product by table lookup, cut into tiles: the part that
 * levels with shuffles of 16 bytes share.  Who includes it defines the functions
 * declared as missing here, and calls tiles_multiply.
 *
 * Four columns of a row are four sign bits, which select one of 16 sums.  A table
 * holds, for each selection, the sum of q where the bit is 1 minus floor(sum of
 * all four / 2); |entry| <= 32766 fits 16 bits, stored as a plane of low bytes and
 * one of high bytes, so that one shuffle looks up the same four columns of many
 * rows in one plane.  With e the sum of the 32 entries of a row, the group's sum is
 * 2 * e - (number of tables whose sum of four is odd).
 *
 * Sign bytes of 32 rows are transposed once per group into a tile in L1, which is
 * used by TOKENS tokens; their tables stay in L1 for the next tiles.
 */
#ifndef ENGINE_KERNEL_TILES_H
#define ENGINE_KERNEL_TILES_H

#include <string.h>

#include "engine/kernel/level.h"

enum {
    TABLES = KERNEL_GROUP / 4,
    TABLE_BYTES = 32,                       /* low plane, high plane */
    CORRECTION_AT = TABLES * TABLE_BYTES,   /* int32, added to 2 * the sum of what is found */
    GROUP_TABLE_BYTES = CORRECTION_AT + 16, /* tables of a token and group */
    TILE_ROWS = 32,
    TILES = 4,
    TOKENS = 16,
    LINE_BYTES = 64,
    ROWS_AHEAD = 128, /* two pieces of 64 rows: with two threads, a thread's next one */
};

/* One group of 32 rows: which entry each row takes of each table, and scales.
 * Rows lie in the order of the level. */
struct tile {
    _Alignas(64) uint8_t entry[TABLES][TILE_ROWS]; /* 0 to 15 */
    float d[TILE_ROWS];
};

/* Missing: a tile from 32 blocks that are row_bytes apart. */
static inline void fill_from_blocks(struct tile *tile, const uint8_t *block, size_t row_bytes);

/* Missing: a tile from one group of two panels, which may be the same. */
static inline void fill_from_panels(struct tile *tile, const uint8_t *first,
                                    const uint8_t *second);

/* Missing: y[row] += the group's sum * (d * a) for 32 rows and one token. */
static inline void multiply_tile(const struct tile *tile, const uint8_t *table, float a, float *y);

static inline uint8_t *tables_at(const struct activations *x, size_t token, size_t group)
{
    return x->tables + activations_place(x, token, group) * GROUP_TABLE_BYTES;
}

/* Tables of this many tokens leave a third of a cache of 1 MiB to the weights: 16
 * tokens of 4096 columns.  Larger ones cost a few percent, not more: each is read
 * in order, once for 128 rows. */
static inline size_t tiles_tokens_at_once(size_t groups)
{
    size_t tokens = 680 * 1024 / (groups * GROUP_TABLE_BYTES) / TOKEN_BLOCK * TOKEN_BLOCK;
    return tokens > TOKEN_BLOCK ? tokens : TOKEN_BLOCK;
}

/* ---- weights ------------------------------------------------------------------ */

/* Blocks [row][group] or panels, of a matrix or a part of it. */
struct weights {
    const uint8_t *bytes;
    size_t rows;
    size_t groups;
    bool panels;
};

/* Fewer than 32 blocks, zeros behind the last. */
static inline void fill_from_few_blocks(struct tile *tile, const uint8_t *block, size_t row_bytes,
                                        size_t rows)
{
    uint8_t copies[TILE_ROWS * KERNEL_GROUP_BYTES] = {0};
    for (size_t r = 0; r < rows; r++)
        memcpy(copies + r * KERNEL_GROUP_BYTES, block + r * row_bytes, KERNEL_GROUP_BYTES);
    fill_from_blocks(tile, copies, KERNEL_GROUP_BYTES);
}

static inline void fill(struct tile *tile, const struct weights *w, size_t row, size_t group)
{
    if (w->panels) {
        const uint8_t *first = w->bytes + panel_scale_place(row, group, w->groups);
        bool two = w->rows - row > PANEL_ROWS;
        fill_from_panels(tile, first, two ? first + w->groups * PANEL_GROUP_BYTES : first);
        return;
    }
    const uint8_t *block = w->bytes + (row * w->groups + group) * KERNEL_GROUP_BYTES;
    if (w->rows - row >= TILE_ROWS)
        fill_from_blocks(tile, block, w->groups * KERNEL_GROUP_BYTES);
    else
        fill_from_few_blocks(tile, block, w->groups * KERNEL_GROUP_BYTES, w->rows - row);
}

/* Rows of a tile are far apart, too many streams for a CPU to follow.  Ask for
 * what comes ROWS_AHEAD rows later instead, in the order it lies in memory, as much
 * as a tile's group takes.  Behind the end this does no harm: it reads nothing. */
static inline void prefetch(const struct weights *w, size_t row, size_t group)
{
    uintptr_t at = (uintptr_t)w->bytes + (row + ROWS_AHEAD) * w->groups * KERNEL_GROUP_BYTES +
                   group * TILE_ROWS * KERNEL_GROUP_BYTES;
    for (size_t i = 0; i < TILE_ROWS * KERNEL_GROUP_BYTES; i += LINE_BYTES)
        __builtin_prefetch((const void *)(at + i), 0, 2); /* into L2 */
}

/* ---- products ----------------------------------------------------------------- */

/* Up to TILES tiles by up to TOKENS tokens from `first` on. */
static inline void multiply_tiles(const struct weights *w, size_t row, size_t rows,
                                  const struct activations *x, size_t first, float *y,
                                  size_t stride)
{
    float sums[TOKENS][TILES * TILE_ROWS];
    size_t tokens = x->tokens - first < TOKENS ? x->tokens - first : TOKENS;
    for (size_t t = 0; t < tokens; t++)
        memset(sums[t], 0, sizeof sums[t]);
    for (size_t g = 0; g < w->groups; g++)
        for (size_t r = 0; r < rows; r += TILE_ROWS) {
            struct tile tile;
            if (first == 0)
                prefetch(w, row + r, g);
            fill(&tile, w, row + r, g);
            for (size_t t = 0; t < tokens; t++)
                multiply_tile(&tile, tables_at(x, first + t, g),
                              x->a[activations_place(x, first + t, g)], sums[t] + r);
        }
    for (size_t t = 0; t < tokens; t++)
        memcpy(y + (first + t) * stride + row, sums[t], rows * sizeof *y);
}

static inline void tiles_multiply(const struct weights *w, const struct activations *x, float *y,
                                  size_t stride)
{
    for (size_t row = 0; row < w->rows; row += TILES * TILE_ROWS) {
        size_t rows = w->rows - row < TILES * TILE_ROWS ? w->rows - row : TILES * TILE_ROWS;
        for (size_t first = 0; first < x->tokens; first += TOKENS)
            multiply_tiles(w, row, rows, x, first, y, stride);
    }
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Attention with AVX-512, several heads at a time.
 *
 * Scores: 16 sums of 16 lanes each (4 heads and 4 keys, 2 and 8, or 1 and 16)
 * stay in registers, so that a key is loaded once for all heads.  Their 16
 * trees are done together (see trees).
 *
 * Values: the sums of some heads and columns (4 and 64, 2 and 128, 1 and 128)
 * stay in registers for one residue i mod 16, while the positions i ascend, so
 * that a value is loaded once for all heads.  The 16 residues are the lanes of each
 * column, added up by the tree at the end.  Positions come in blocks: all
 * residues of all positions, 16 rows apart each, would be read by far jumps.
 */
#include <string.h>

#include "engine/kernel/avx512.h"
#include "engine/kernel/level.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
    SUMS = 16,     /* registers that hold sums of a tile */
    WIDTH = 16,    /* columns of a register */
    HEADS_MAX = 4, /* of a tile */
    BLOCK = 128,   /* positions whose values stay in a near cache */
    ALL = 0xFFFF,
};

/* ---- scores ------------------------------------------------------------------ */

/* The trees of 16 sums; that of sums[k] becomes element k.  Each step does the
 * same additions as 16 single trees, two sums in one register: of a and b, [a0 b1]
 * + [a1 b0], where 0 and 1 are the halves (of all pieces) that the step adds. */
static ALWAYS_INLINE __m512 trees(__m512 sums[SUMS])
{
    const __m512i quarters = _mm512_setr_epi32(4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 24, 25,
                                               26, 27);
#pragma GCC unroll 8
    for (size_t k = 0; k < 8; k++)
        sums[k] = _mm512_add_ps(_mm512_mask_blend_ps(0xFF00, sums[k], sums[k + 8]),
                                _mm512_shuffle_f32x4(sums[k], sums[k + 8], 0x4E));
#pragma GCC unroll 4
    for (size_t k = 0; k < 4; k++)
        sums[k] = _mm512_add_ps(_mm512_mask_blend_ps(0xF0F0, sums[k], sums[k + 4]),
                                _mm512_permutex2var_ps(sums[k], quarters, sums[k + 4]));
#pragma GCC unroll 2
    for (size_t k = 0; k < 2; k++)
        sums[k] = _mm512_add_ps(_mm512_mask_blend_ps(0xCCCC, sums[k], sums[k + 2]),
                                _mm512_shuffle_ps(sums[k], sums[k + 2], 0x4E));
    __m512 crossed = _mm512_permute_ps(_mm512_mask_blend_ps(0xAAAA, sums[1], sums[0]), 0xB1);
    return _mm512_add_ps(_mm512_mask_blend_ps(0xAAAA, sums[0], sums[1]), crossed);
}

/* Queries as score_step reads them: [dim / 16][head][16], zeros behind the end. */
static void arrange(const float *query, size_t dim, size_t heads, float *out)
{
    for (size_t j = 0; j < dim; j += LANES)
        for (size_t h = 0; h < heads; h++) {
            __mmask16 mask = first_lanes(dim - j < LANES ? dim - j : LANES);
            _mm512_storeu_ps(out + j * heads + h * LANES,
                             _mm512_maskz_loadu_ps(mask, query + h * dim + j));
        }
}

/* 16 elements of 16 / heads keys into the sums of all heads. */
static ALWAYS_INLINE void score_step(const float *queries, const float *const key[SUMS], size_t j,
                                     __mmask16 mask, size_t heads, __m512 sums[SUMS])
{
    size_t keys = SUMS / heads;
    __m512 elements[HEADS_MAX];
#pragma GCC unroll 4
    for (size_t h = 0; h < heads; h++)
        elements[h] = _mm512_loadu_ps(queries + j * heads + h * LANES);
#pragma GCC unroll 16
    for (size_t k = 0; k < keys; k++) {
        __m512 one = _mm512_maskz_loadu_ps(mask, key[k] + j);
#pragma GCC unroll 4
        for (size_t h = 0; h < heads; h++)
            sums[h * keys + k] = _mm512_fmadd_ps(elements[h], one, sums[h * keys + k]);
    }
}

/* The scores of `heads` heads and 16 / heads positions from i on; those of a head
 * are `padded` floats apart. */
static ALWAYS_INLINE void score_tile(const struct attention *at, const float *queries, size_t heads,
                                     size_t i, float *scores, size_t padded)
{
    size_t keys = SUMS / heads, j = 0;
    const float *key[SUMS];
    for (size_t k = 0; k < keys; k++) { /* behind the last: the last again */
        size_t position = i + k < at->positions ? i + k : at->positions - 1;
        key[k] = at->keys + (size_t)at->path[position] * at->dim;
    }
    __m512 sums[SUMS];
#pragma GCC unroll 16
    for (size_t k = 0; k < SUMS; k++)
        sums[k] = _mm512_setzero_ps();
    for (; j + LANES <= at->dim; j += LANES)
        score_step(queries, key, j, ALL, heads, sums);
    if (j < at->dim)
        score_step(queries, key, j, first_lanes(at->dim - j), heads, sums);
    float all[SUMS];
    _mm512_storeu_ps(all, _mm512_mul_ps(trees(sums), _mm512_set1_ps(at->scale)));
#pragma GCC unroll 4
    for (size_t h = 0; h < heads; h++)
        memcpy(scores + h * padded + i, all + h * keys, keys * sizeof *all);
}

/* ---- values ------------------------------------------------------------------ */

/* Some columns of some heads, and the sums of their 16 lanes so far. */
struct tile {
    /* [head and register][lane][column] */
    _Alignas(64) float lanes[SUMS][LANES][WIDTH];
    const float *weights;  /* [head][padded] */
    const float *divisors; /* [head] */
    size_t padded;
    float *out; /* [head][dim] */
    size_t column;
};

/* Known when compiled: WIDTH * registers columns of some heads, the last masked. */
struct strip {
    size_t heads;
    size_t registers;
    __mmask16 mask;
};

/* Positions first + lane, first + lane + 16, ... of a block. */
static ALWAYS_INLINE void value_lane(const struct attention *at, struct tile *tile,
                                     struct strip strip, size_t first, bool begun, size_t lane)
{
    const size_t registers = strip.registers, count = strip.heads * registers;
    size_t end = at->positions - first < BLOCK ? at->positions : first + BLOCK;
    __m512 sums[SUMS];
#pragma GCC unroll 16
    for (size_t k = 0; k < count; k++)
        sums[k] = begun ? _mm512_loadu_ps(tile->lanes[k][lane]) : _mm512_setzero_ps();
    for (size_t i = first + lane; i < end; i += LANES) {
        const float *value = at->values + (size_t)at->path[i] * at->dim + tile->column;
        __m512 columns[SUMS];
#pragma GCC unroll 8
        for (size_t k = 0; k < registers; k++)
            columns[k] = _mm512_maskz_loadu_ps(strip.mask, value + WIDTH * k);
#pragma GCC unroll 16
        for (size_t k = 0; k < count; k++) {
            __m512 weight = _mm512_set1_ps(tile->weights[k / registers * tile->padded + i]);
            sums[k] = _mm512_fmadd_ps(weight, columns[k % registers], sums[k]);
        }
    }
#pragma GCC unroll 16
    for (size_t k = 0; k < count; k++)
        _mm512_storeu_ps(tile->lanes[k][lane], sums[k]);
}

/* The tree over the lanes of WIDTH columns. */
static inline __m512 column_tree(const struct tile *tile, size_t k)
{
    __m512 sums[LANES / 2];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++)
        sums[i] = _mm512_add_ps(_mm512_loadu_ps(tile->lanes[k][i]),
                                _mm512_loadu_ps(tile->lanes[k][i + 8]));
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        sums[i] = _mm512_add_ps(sums[i], sums[i + 4]);
    return _mm512_add_ps(_mm512_add_ps(sums[0], sums[2]), _mm512_add_ps(sums[1], sums[3]));
}

static ALWAYS_INLINE void value_tile(const struct attention *at, struct tile *tile,
                                     struct strip strip)
{
    for (size_t lane = 0; lane < LANES; lane++)
        value_lane(at, tile, strip, 0, false, lane);
    for (size_t first = BLOCK; first < at->positions; first += BLOCK)
        for (size_t lane = 0; lane < LANES; lane++)
            value_lane(at, tile, strip, first, true, lane);
    for (size_t k = 0; k < strip.heads * strip.registers; k++) {
        size_t head = k / strip.registers, column = tile->column + k % strip.registers * WIDTH;
        float *out = tile->out + head * at->dim + column;
        __m512 total = column_tree(tile, k);
        __m512 divisor = _mm512_set1_ps(tile->divisors[head]);
        _mm512_mask_storeu_ps(out, strip.mask, _mm512_div_ps(total, divisor));
    }
}

/* As many columns from tile->column on as fit tiles of WIDTH * registers. */
static ALWAYS_INLINE void value_tiles(const struct attention *at, struct tile *tile, size_t heads,
                                      size_t registers)
{
    for (; tile->column + WIDTH * registers <= at->dim; tile->column += WIDTH * registers)
        value_tile(at, tile, (struct strip){heads, registers, ALL});
}

/* ---- together ---------------------------------------------------------------- */

/* 1, 2 or 4 heads. */
static ALWAYS_INLINE void attend_heads(const struct attention *at, size_t head, size_t heads)
{
    size_t n = at->positions, padded = (n + LANES - 1) / LANES * LANES;
    float *scores = at->scratch, *queries = at->scratch + heads * padded, sums[HEADS_MAX];
    arrange(at->queries + head * at->dim, at->dim, heads, queries);
    for (size_t i = 0; i < n; i += SUMS / heads)
        score_tile(at, queries, heads, i, scores, padded);
    for (size_t h = 0; h < heads; h++)
        sums[h] = avx512_exps(scores + h * padded, n, avx512_max(scores + h * padded, n),
                           scores + h * padded);
    struct tile tile;
    tile.weights = scores;
    tile.divisors = sums;
    tile.padded = padded;
    tile.out = at->out + head * at->dim;
    tile.column = 0;
    if (heads < 4)
        value_tiles(at, &tile, heads, 8);
    value_tiles(at, &tile, heads, 4);
    value_tiles(at, &tile, heads, 1);
    if (tile.column < at->dim)
        value_tile(at, &tile, (struct strip){heads, 1, first_lanes(at->dim - tile.column)});
}

void avx512_attend(const struct attention *at)
{
    size_t head = 0;
    for (; head + 4 <= at->heads; head += 4)
        attend_heads(at, head, 4);
    for (; head + 2 <= at->heads; head += 2)
        attend_heads(at, head, 2);
    if (head < at->heads)
        attend_heads(at, head, 1);
}

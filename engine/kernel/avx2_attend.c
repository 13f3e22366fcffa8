/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Attention with AVX2, several heads at a time, as in avx512_attend.c with half
 * the width: 8 sums stay in registers.
 *
 * Scores: 4 heads and 2 keys, 2 and 4, or 1 and 8; first the lanes 0 to 7 of all
 * elements, then the lanes 8 to 15, which the tree adds to them first.  Values: 4
 * heads and 16 columns, 2 and 32, or 1 and 64, one residue of the positions at a
 * time.
 */
#include <string.h>

#include "engine/kernel/avx2.h"
#include "engine/kernel/level.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
    SUMS = 8,      /* registers that hold sums of a tile */
    WIDTH = 8,     /* columns of a register */
    HEADS_MAX = 4, /* of a tile */
    BLOCK = 128,   /* positions whose values stay in a near cache */
};

/* The first n elements, n < 8. */
static inline __m256i first_eight(size_t n)
{
    const __m256i order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), order);
}

/* 8 elements, or those of a mask and zeros. */
static ALWAYS_INLINE __m256 load(const float *x, const __m256i *mask)
{
    return mask ? _mm256_maskload_ps(x, *mask) : _mm256_loadu_ps(x);
}

static ALWAYS_INLINE void store(float *x, __m256 values, const __m256i *mask)
{
    if (mask)
        _mm256_maskstore_ps(x, *mask, values);
    else
        _mm256_storeu_ps(x, values);
}

/* ---- scores ------------------------------------------------------------------ */

/* The trees of 8 sums of 8 lanes; that of sums[k] becomes element k.  Each step
 * does the same additions as 8 single trees, two sums in one register: of a and b,
 * [a0 b1] + [a1 b0], where 0 and 1 are the halves (of all pieces) that it adds. */
static ALWAYS_INLINE __m256 trees(__m256 sums[SUMS])
{
#pragma GCC unroll 4
    for (size_t k = 0; k < 4; k++)
        sums[k] = _mm256_add_ps(_mm256_blend_ps(sums[k], sums[k + 4], 0xF0),
                                _mm256_permute2f128_ps(sums[k], sums[k + 4], 0x21));
#pragma GCC unroll 2
    for (size_t k = 0; k < 2; k++)
        sums[k] = _mm256_add_ps(_mm256_blend_ps(sums[k], sums[k + 2], 0xCC),
                                _mm256_shuffle_ps(sums[k], sums[k + 2], 0x4E));
    __m256 crossed = _mm256_permute_ps(_mm256_blend_ps(sums[1], sums[0], 0xAA), 0xB1);
    return _mm256_add_ps(_mm256_blend_ps(sums[0], sums[1], 0xAA), crossed);
}

/* Queries as score_step reads them: [dim / 16][head][16], zeros behind the end. */
static void arrange(const float *query, size_t dim, size_t heads, float *out)
{
    for (size_t h = 0; h < heads; h++, query += dim, out += LANES) {
        size_t j = 0;
        for (; j + 8 <= dim; j += 8)
            _mm256_store_ps(out + j / LANES * LANES * heads + j % LANES,
                            _mm256_loadu_ps(query + j));
        for (; j % LANES != 0 || j < dim; j++)
            out[j / LANES * LANES * heads + j % LANES] = j < dim ? query[j] : 0;
    }
}

/* 8 elements of 8 / heads keys into the sums of all heads. */
static ALWAYS_INLINE void score_step(const float *queries, const float *const key[SUMS], size_t j,
                                     const __m256i *mask, size_t heads, __m256 sums[SUMS])
{
    size_t keys = SUMS / heads;
    __m256 elements[HEADS_MAX];
#pragma GCC unroll 4
    for (size_t h = 0; h < heads; h++)
        elements[h] = _mm256_loadu_ps(queries + h * LANES);
#pragma GCC unroll 8
    for (size_t k = 0; k < keys; k++) {
        __m256 one = load(key[k] + j, mask);
#pragma GCC unroll 4
        for (size_t h = 0; h < heads; h++)
            sums[h * keys + k] = _mm256_fmadd_ps(elements[h], one, sums[h * keys + k]);
    }
}

/* Lanes 0 to 7 (first = 0) or 8 to 15 (first = 8) of all sums. */
static ALWAYS_INLINE void score_half(const float *queries, const float *const key[SUMS],
                                     size_t dim, size_t first, size_t heads, __m256 sums[SUMS])
{
    size_t j = first;
    queries += first;
#pragma GCC unroll 8
    for (size_t k = 0; k < SUMS; k++)
        sums[k] = _mm256_setzero_ps();
#pragma GCC unroll 4
    for (; j + 8 <= dim; j += LANES, queries += heads * LANES)
        score_step(queries, key, j, NULL, heads, sums);
    if (j < dim) {
        const __m256i mask = first_eight(dim - j);
        score_step(queries, key, j, &mask, heads, sums);
    }
}

/* The scores of `heads` heads and 8 / heads positions from i on; those of a head
 * are `padded` floats apart. */
static ALWAYS_INLINE void score_tile(const struct attention *at, const float *queries, size_t heads,
                                     size_t i, float *scores, size_t padded)
{
    size_t keys = SUMS / heads;
    const float *key[SUMS];
    for (size_t k = 0; k < keys; k++) { /* behind the last: the last again */
        size_t position = i + k < at->positions ? i + k : at->positions - 1;
        key[k] = at->keys + (size_t)at->path[position] * at->dim;
    }
    __m256 sums[SUMS], high[SUMS];
    score_half(queries, key, at->dim, 8, heads, high);
    score_half(queries, key, at->dim, 0, heads, sums);
#pragma GCC unroll 8
    for (size_t k = 0; k < SUMS; k++)
        sums[k] = _mm256_add_ps(sums[k], high[k]);
    float all[SUMS];
    _mm256_storeu_ps(all, _mm256_mul_ps(trees(sums), _mm256_set1_ps(at->scale)));
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
    const __m256i *mask;
};

/* Positions first + lane, first + lane + 16, ... of a block. */
static ALWAYS_INLINE void value_lane(const struct attention *at, struct tile *tile,
                                     struct strip strip, size_t first, bool begun, size_t lane)
{
    const size_t registers = strip.registers, count = strip.heads * registers;
    size_t end = at->positions - first < BLOCK ? at->positions : first + BLOCK;
    __m256 sums[SUMS];
#pragma GCC unroll 8
    for (size_t k = 0; k < count; k++)
        sums[k] = begun ? _mm256_loadu_ps(tile->lanes[k][lane]) : _mm256_setzero_ps();
    for (size_t i = first + lane; i < end; i += LANES) {
        const float *value = at->values + (size_t)at->path[i] * at->dim + tile->column;
        __m256 columns[SUMS];
#pragma GCC unroll 8
        for (size_t k = 0; k < registers; k++)
            columns[k] = load(value + WIDTH * k, strip.mask);
#pragma GCC unroll 8
        for (size_t k = 0; k < count; k++) {
            __m256 weight = _mm256_set1_ps(tile->weights[k / registers * tile->padded + i]);
            sums[k] = _mm256_fmadd_ps(weight, columns[k % registers], sums[k]);
        }
    }
#pragma GCC unroll 8
    for (size_t k = 0; k < count; k++)
        _mm256_storeu_ps(tile->lanes[k][lane], sums[k]);
}

/* The tree over the lanes of WIDTH columns. */
static inline __m256 column_tree(const struct tile *tile, size_t k)
{
    __m256 sums[LANES / 2];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++)
        sums[i] = _mm256_add_ps(_mm256_loadu_ps(tile->lanes[k][i]),
                                _mm256_loadu_ps(tile->lanes[k][i + 8]));
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        sums[i] = _mm256_add_ps(sums[i], sums[i + 4]);
    return _mm256_add_ps(_mm256_add_ps(sums[0], sums[2]), _mm256_add_ps(sums[1], sums[3]));
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
        __m256 total = column_tree(tile, k);
        __m256 divisor = _mm256_set1_ps(tile->divisors[head]);
        store(out, _mm256_div_ps(total, divisor), strip.mask);
    }
}

/* As many columns from tile->column on as fit tiles of WIDTH * registers. */
static ALWAYS_INLINE void value_tiles(const struct attention *at, struct tile *tile, size_t heads,
                                      size_t registers)
{
    for (; tile->column + WIDTH * registers <= at->dim; tile->column += WIDTH * registers)
        value_tile(at, tile, (struct strip){heads, registers, NULL});
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
        sums[h] = avx2_exps(scores + h * padded, n, avx2_max(scores + h * padded, n),
                         scores + h * padded);
    struct tile tile;
    tile.weights = scores;
    tile.divisors = sums;
    tile.padded = padded;
    tile.out = at->out + head * at->dim;
    tile.column = 0;
    value_tiles(at, &tile, heads, SUMS / heads);
    value_tiles(at, &tile, heads, 1);
    if (tile.column < at->dim) {
        const __m256i mask = first_eight(at->dim - tile.column);
        value_tile(at, &tile, (struct strip){heads, 1, &mask});
    }
}

void avx2_attend(const struct attention *at)
{
    size_t head = 0;
    for (; head + 4 <= at->heads; head += 4)
        attend_heads(at, head, 4);
    for (; head + 2 <= at->heads; head += 2)
        attend_heads(at, head, 2);
    if (head < at->heads)
        attend_heads(at, head, 1);
}

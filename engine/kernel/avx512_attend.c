/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Attention with AVX-512, several heads at a time.
 *
 * Scores: 16 sums of 16 lanes each (4 heads and 4 keys, 2 and 8, or 1 and 16)
 * stay in registers, so that a key is loaded once for all heads.  Their 16
 * trees are done together (see trees).
 *
 * Values: a tile is 4 heads (or 2, 1) and 64 columns.  For each residue i mod 16
 * the sums of a tile stay in registers while the positions i ascend, so that a
 * value is loaded once for all heads; the 16 residues are the lanes of each
 * column, added up by the tree at the end.
 */
#include <string.h>

#include "engine/kernel/avx512.h"
#include "engine/kernel/level.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
    HEADS_MAX = 4,     /* of a tile */
    REGISTERS_MAX = 4, /* of 16 columns */
    COLUMNS_MAX = 16 * REGISTERS_MAX,
};

/* ---- scores ------------------------------------------------------------------ */

/* The trees of 16 sums; that of sums[k] becomes element k.  Each step does the
 * same additions as 16 single trees, two sums in one register: of a and b, [a0 b1]
 * + [a1 b0], where 0 and 1 are the halves (of all pieces) that the step adds. */
static ALWAYS_INLINE __m512 trees(__m512 sums[16])
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

/* Elements j to j + 15 of 16 / heads keys into the sums of all heads. */
static ALWAYS_INLINE void score_step(const float *query, const float *const key[16], size_t dim,
                                     size_t j, __mmask16 mask, size_t heads, __m512 sums[16])
{
    size_t keys = 16 / heads;
    __m512 elements[HEADS_MAX];
#pragma GCC unroll 4
    for (size_t h = 0; h < heads; h++)
        elements[h] = _mm512_maskz_loadu_ps(mask, query + h * dim + j);
#pragma GCC unroll 16
    for (size_t k = 0; k < keys; k++) {
        __m512 one = _mm512_maskz_loadu_ps(mask, key[k] + j);
#pragma GCC unroll 4
        for (size_t h = 0; h < heads; h++)
            sums[h * keys + k] = _mm512_fmadd_ps(elements[h], one, sums[h * keys + k]);
    }
}

/* The scores of `heads` heads from `head` on and 16 / heads positions from i on. */
static ALWAYS_INLINE void score_tile(const struct attention *at, size_t head, size_t heads,
                                     size_t i, size_t padded)
{
    size_t keys = 16 / heads, dim = at->dim, j = 0;
    const float *query = at->queries + head * dim, *key[16];
    for (size_t k = 0; k < keys; k++) { /* behind the last: the last again */
        size_t position = i + k < at->positions ? i + k : at->positions - 1;
        key[k] = at->keys + (size_t)at->path[position] * dim;
    }
    __m512 sums[16];
#pragma GCC unroll 16
    for (size_t k = 0; k < 16; k++)
        sums[k] = _mm512_setzero_ps();
    for (; j + 16 <= dim; j += 16)
        score_step(query, key, dim, j, 0xFFFF, heads, sums);
    if (j < dim)
        score_step(query, key, dim, j, first_lanes(dim - j), heads, sums);
    float scores[16];
    _mm512_storeu_ps(scores, _mm512_mul_ps(trees(sums), _mm512_set1_ps(at->scale)));
#pragma GCC unroll 4
    for (size_t h = 0; h < heads; h++)
        memcpy(at->scratch + (head + h) * padded + i, scores + h * keys, keys * sizeof *scores);
}

/* ---- values ------------------------------------------------------------------ */

/* Sums of one residue: 16 * registers columns (the last 16 masked) of all heads. */
static ALWAYS_INLINE void value_lane(const struct attention *at, const float *weights,
                                     size_t padded, size_t column, size_t lane, size_t heads,
                                     size_t registers, __mmask16 mask,
                                     float out[HEADS_MAX][COLUMNS_MAX])
{
    __m512 sums[HEADS_MAX][REGISTERS_MAX];
#pragma GCC unroll 4
    for (size_t h = 0; h < heads; h++)
#pragma GCC unroll 4
        for (size_t k = 0; k < registers; k++)
            sums[h][k] = _mm512_setzero_ps();
    for (size_t i = lane; i < at->positions; i += LANES) {
        const float *value = at->values + (size_t)at->path[i] * at->dim + column;
        __m512 columns[REGISTERS_MAX];
#pragma GCC unroll 4
        for (size_t k = 0; k < registers; k++)
            columns[k] = _mm512_maskz_loadu_ps(mask, value + 16 * k);
#pragma GCC unroll 4
        for (size_t h = 0; h < heads; h++) {
            __m512 weight = _mm512_set1_ps(weights[h * padded + i]);
#pragma GCC unroll 4
            for (size_t k = 0; k < registers; k++)
                sums[h][k] = _mm512_fmadd_ps(weight, columns[k], sums[h][k]);
        }
    }
#pragma GCC unroll 4
    for (size_t h = 0; h < heads; h++)
#pragma GCC unroll 4
        for (size_t k = 0; k < registers; k++)
            _mm512_storeu_ps(out[h] + 16 * k, sums[h][k]);
}

/* The tree over the lanes of 16 columns. */
static inline __m512 column_tree(float lanes[LANES][HEADS_MAX][COLUMNS_MAX], size_t head,
                                 size_t column)
{
    __m512 sums[LANES];
    for (size_t i = 0; i < LANES; i++)
        sums[i] = _mm512_loadu_ps(lanes[i][head] + column);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            sums[i] = _mm512_add_ps(sums[i], sums[i + half]);
    return sums[0];
}

static ALWAYS_INLINE void value_tile(const struct attention *at, size_t head, const float *divisors,
                                     size_t padded, size_t column, size_t heads, size_t registers,
                                     __mmask16 mask)
{
    float lanes[LANES][HEADS_MAX][COLUMNS_MAX];
    const float *weights = at->scratch + head * padded;
    for (size_t lane = 0; lane < LANES; lane++)
        value_lane(at, weights, padded, column, lane, heads, registers, mask, lanes[lane]);
    for (size_t h = 0; h < heads; h++)
        for (size_t k = 0; k < registers; k++) {
            __m512 total = column_tree(lanes, h, 16 * k);
            _mm512_mask_storeu_ps(at->out + (head + h) * at->dim + column + 16 * k, mask,
                                  _mm512_div_ps(total, _mm512_set1_ps(divisors[h])));
        }
}

/* ---- together ---------------------------------------------------------------- */

/* 1, 2 or 4 heads. */
static ALWAYS_INLINE void attend_heads(const struct attention *at, size_t head, size_t heads)
{
    size_t n = at->positions, padded = (n + LANES - 1) / LANES * LANES, column = 0;
    for (size_t i = 0; i < n; i += 16 / heads)
        score_tile(at, head, heads, i, padded);
    float divisors[HEADS_MAX];
    for (size_t h = 0; h < heads; h++) {
        float *scores = at->scratch + (head + h) * padded;
        divisors[h] = exps_512(scores, n, max_512(scores, n), scores);
    }
    for (; column + COLUMNS_MAX <= at->dim; column += COLUMNS_MAX)
        value_tile(at, head, divisors, padded, column, heads, REGISTERS_MAX, 0xFFFF);
    for (; column + 16 <= at->dim; column += 16)
        value_tile(at, head, divisors, padded, column, heads, 1, 0xFFFF);
    if (column < at->dim)
        value_tile(at, head, divisors, padded, column, heads, 1, first_lanes(at->dim - column));
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

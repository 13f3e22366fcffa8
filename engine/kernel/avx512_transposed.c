/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The transposed product for AVX-512, by table lookup.  The four signs that a
 * column has in a quad of rows select one of 16 sums (+-c0 +-c1) + (+-c2 +-c3), c
 * the product of a token's dy and the row's scale: one register of floats, made
 * for each token and quad with the roundings of the definition.  vpermps looks up
 * 16 columns.  The indices of 128 rows and a group are made once, in L1, and serve
 * all tokens, two at a time.
 *
 * A term of 0 (a row behind the last) may come out as -0 here: a sum that begins
 * at +0 is never -0 and stays the same whichever zero is added.
 */
#include <immintrin.h>
#include <string.h>

#include "engine/kernel/avx512.h"
#include "engine/kernel/level.h"

enum {
    QUAD = 4, /* rows */
    BLOCK_ROWS = 128,
    QUADS = BLOCK_ROWS / QUAD,
    GROUP_LANES = KERNEL_GROUP / LANES, /* registers of a group's columns */
    GROUPS_AT_ONCE = 4,                 /* of a row, which share its cache lines */
};

/* Up to 128 rows of one group; zero rows behind the last. */
struct block {
    __m512i index[QUADS][GROUP_LANES]; /* bit i: the sign of row i of the quad */
    __m512 scale[BLOCK_ROWS / LANES];
    size_t rows;
};

/* ---- indices ------------------------------------------------------------------ */

/* 64 columns: bit i of a byte is the column's bit in row i. */
static inline __m512i bits_of_rows(const uint64_t signs[QUAD])
{
    __m512i bits = _mm512_maskz_set1_epi8(signs[0], 1);
#pragma GCC unroll 3
    for (int i = 1; i < QUAD; i++)
        bits = _mm512_mask_add_epi8(bits, signs[i], bits, _mm512_set1_epi8((char)(1 << i)));
    return bits;
}

static inline void spread(__m512i bytes, __m512i out[4])
{
    out[0] = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(bytes));
    out[1] = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, 1));
    out[2] = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, 2));
    out[3] = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, 3));
}

static void block_read(struct block *out, const uint8_t *at, size_t rows, size_t row_bytes)
{
    uint16_t half[BLOCK_ROWS] = {0};
    out->rows = rows;
    for (size_t q = 0; q * QUAD < rows; q++) {
        uint64_t signs[2][QUAD] = {{0}};
        for (size_t i = 0; i < QUAD && q * QUAD + i < rows; i++, at += row_bytes) {
            memcpy(&half[q * QUAD + i], at, 2);
            memcpy(&signs[0][i], at + 2, 8);
            memcpy(&signs[1][i], at + 10, 8);
        }
        spread(bits_of_rows(signs[0]), out->index[q]);
        spread(bits_of_rows(signs[1]), out->index[q] + 4);
    }
    for (size_t i = 0; i < BLOCK_ROWS / LANES; i++)
        out->scale[i] = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(half + i * LANES)));
}

/* ---- sums --------------------------------------------------------------------- */

/* The products of dy and the scales; 0 behind the last row. */
static inline void factors(const struct block *block, const float *dy, float c[BLOCK_ROWS])
{
    for (size_t row = 0; row < block->rows; row += LANES) {
        size_t left = block->rows - row < LANES ? block->rows - row : LANES;
        __m512 values = _mm512_maskz_loadu_ps(first_lanes(left), dy + row);
        _mm512_store_ps(c + row, _mm512_mul_ps(values, block->scale[row / LANES]));
    }
}

/* Lane e: the sum with the signs that e stands for.  fma(+-1, c, x) rounds once,
 * as +-c + x does. */
static inline __m512 table_of(const float c[QUAD])
{
    const __m512 plus = _mm512_set1_ps(1), minus = _mm512_set1_ps(-1);
    const __m512 sign0 = _mm512_mask_mov_ps(minus, 0xAAAA, plus);
    const __m512 sign1 = _mm512_maskz_mov_ps(0x3333, _mm512_set1_ps(-0.0f));
    const __m512 sign2 = _mm512_mask_mov_ps(minus, 0xF0F0, plus);
    const __m512 sign3 = _mm512_maskz_mov_ps(0x00FF, _mm512_set1_ps(-0.0f));
    __m512 second = _mm512_xor_ps(_mm512_set1_ps(c[1]), sign1);
    __m512 fourth = _mm512_xor_ps(_mm512_set1_ps(c[3]), sign3);
    return _mm512_add_ps(_mm512_fmadd_ps(_mm512_set1_ps(c[0]), sign0, second),
                         _mm512_fmadd_ps(_mm512_set1_ps(c[2]), sign2, fourth));
}

/* Half of the sums are made by fused multiply-adds with 1, which is the same: CPUs
 * that add and multiply in different units have both at work then. */
static inline __m512 add_selected(__m512 sum, __m512i index, __m512 table, bool fused)
{
    __m512 selected = _mm512_permutexvar_ps(index, table);
    return fused ? _mm512_fmadd_ps(selected, _mm512_set1_ps(1), sum)
                 : _mm512_add_ps(sum, selected);
}

/* Add the block's terms to the 128 sums of one or two tokens. */
static inline __attribute__((always_inline)) void add_block(const struct block *block,
                                                            size_t tokens,
                                                            const float *const dy[2],
                                                            float *const dx[2])
{
    _Alignas(64) float c[2][BLOCK_ROWS];
    __m512 sums[2][GROUP_LANES];
#pragma GCC unroll 2
    for (size_t t = 0; t < tokens; t++) {
        factors(block, dy[t], c[t]);
#pragma GCC unroll 8
        for (size_t k = 0; k < GROUP_LANES; k++)
            sums[t][k] = _mm512_loadu_ps(dx[t] + k * LANES);
    }
    for (size_t q = 0; q * QUAD < block->rows; q++) {
        __m512 table[2];
#pragma GCC unroll 2
        for (size_t t = 0; t < tokens; t++)
            table[t] = table_of(c[t] + q * QUAD);
#pragma GCC unroll 8
        for (size_t k = 0; k < GROUP_LANES; k++) {
            __m512i index = block->index[q][k];
            __asm__("" : "+v"(index)); /* one load for both tokens */
#pragma GCC unroll 2
            for (size_t t = 0; t < tokens; t++)
                sums[t][k] = add_selected(sums[t][k], index, table[t], k % 2 == 1);
        }
    }
#pragma GCC unroll 2
    for (size_t t = 0; t < tokens; t++)
#pragma GCC unroll 8
        for (size_t k = 0; k < GROUP_LANES; k++)
            _mm512_storeu_ps(dx[t] + k * LANES, sums[t][k]);
}

static __attribute__((noinline)) void add_one(const struct block *block, const float *dy,
                                              float *dx)
{
    add_block(block, 1, (const float *[2]){dy, NULL}, (float *[2]){dx, NULL});
}

static __attribute__((noinline)) void add_two(const struct block *block, const float *const dy[2],
                                              float *const dx[2])
{
    add_block(block, 2, dy, dx);
}

/* What all functions below are about: dy, dx and their strides. */
struct gradients {
    const float *dy;
    size_t dy_stride;
    size_t tokens;
    float *dx;
    size_t dx_stride;
};

static void add_tokens(const struct block *block, const struct gradients *gradients, size_t row,
                       size_t column)
{
    const float *dy = gradients->dy + row;
    float *dx = gradients->dx + column;
    size_t t = 0;
    for (; t + 2 <= gradients->tokens; t += 2) {
        add_two(block, (const float *[2]){dy, dy + gradients->dy_stride},
                (float *[2]){dx, dx + gradients->dx_stride});
        dy += 2 * gradients->dy_stride;
        dx += 2 * gradients->dx_stride;
    }
    if (t < gradients->tokens)
        add_one(block, dy, dx);
}

/* All rows, some neighbouring groups. */
static void add_groups(const uint8_t *blocks, size_t rows, size_t groups, size_t first,
                       size_t count, const struct gradients *gradients)
{
    struct block block;
    size_t row_bytes = groups * KERNEL_GROUP_BYTES;
    for (size_t t = 0; t < gradients->tokens; t++)
        memset(gradients->dx + t * gradients->dx_stride + first * KERNEL_GROUP, 0,
               count * KERNEL_GROUP * sizeof(float));
    for (size_t row = 0; row < rows; row += BLOCK_ROWS)
        for (size_t g = first; g < first + count; g++) {
            block_read(&block, blocks + row * row_bytes + g * KERNEL_GROUP_BYTES,
                       rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS, row_bytes);
            add_tokens(&block, gradients, row, g * KERNEL_GROUP);
        }
}

void avx512_product_transposed(const uint8_t *blocks, size_t rows, size_t groups, size_t first,
                               size_t count, const float *dy, size_t dy_stride, size_t tokens,
                               float *dx, size_t dx_stride)
{
    const struct gradients gradients = {dy, dy_stride, tokens, dx, dx_stride};
    for (size_t g = first; g < first + count; g += GROUPS_AT_ONCE) {
        size_t left = first + count - g;
        add_groups(blocks, rows, groups, g, left < GROUPS_AT_ONCE ? left : GROUPS_AT_ONCE,
                   &gradients);
    }
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 1-bit products for AVX2 + FMA + F16C.  With mask = -1 where the sign bit is
 * set and 0 elsewhere, madd(q, mask) = -(sum of q where the bit is set), so the
 * group's sum is -(2 * sum of madds + sum of q).  Eight such sums, of 8 tokens or
 * of 8 rows, are reduced together and scaled with one fused multiply-add.
 */
#include <immintrin.h>
#include <string.h>

#include "engine/kernel/level.h"

/* Sign bits 16 j .. 16 j + 15 of a group as 16 masks; signs is the group's 16
 * bytes in both halves. */
static inline __m256i sign_mask(__m256i signs, int j)
{
    const __m256i bit = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
                                          8192, 16384, (short)0x8000);
    __m256i word = _mm256_shuffle_epi8(signs, _mm256_set1_epi16((short)(j * 0x0202 + 0x0100)));
    return _mm256_cmpeq_epi16(_mm256_and_si256(word, bit), bit);
}

static inline __m256i load_signs(const uint8_t *block)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(block + 2)));
}

/* Element i of the result is the sum of the 8 elements of x[i]. */
static inline __m256i sum_each(const __m256i x[8])
{
    __m256i first = _mm256_hadd_epi32(_mm256_hadd_epi32(x[0], x[1]), _mm256_hadd_epi32(x[2], x[3]));
    __m256i last = _mm256_hadd_epi32(_mm256_hadd_epi32(x[4], x[5]), _mm256_hadd_epi32(x[6], x[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(first, last, 0x20),
                            _mm256_permute2x128_si256(first, last, 0x31));
}

static inline __m256 group_sums(const __m256i madds[8], __m256i total)
{
    __m256i twice = _mm256_slli_epi32(sum_each(madds), 1);
    __m256i sums = _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_add_epi32(twice, total));
    return _mm256_cvtepi32_ps(sums); /* |sum| < 2^21: exact */
}

/* One row, the 8 tokens of block b. */
static inline __m256 row_by_tokens(const uint8_t *row, const struct activations *x, size_t b)
{
    size_t token_stride = x->groups * KERNEL_GROUP;
    const int16_t *q = x->q + b * TOKEN_BLOCK * token_stride;
    size_t place = b * x->groups * TOKEN_BLOCK;
    __m256 y = _mm256_setzero_ps();
    for (size_t g = 0; g < x->groups; g++, place += TOKEN_BLOCK, q += KERNEL_GROUP) {
        const uint8_t *block = row + g * KERNEL_GROUP_BYTES;
        __m256i signs = load_signs(block);
        __m256i madds[TOKEN_BLOCK];
        for (size_t t = 0; t < TOKEN_BLOCK; t++)
            madds[t] = _mm256_setzero_si256();
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {
            __m256i mask = sign_mask(signs, j);
#pragma GCC unroll 8
            for (size_t t = 0; t < TOKEN_BLOCK; t++) {
                const __m256i *at = (const __m256i *)(q + t * token_stride + 16 * j);
                madds[t] = _mm256_add_epi32(madds[t],
                                            _mm256_madd_epi16(_mm256_load_si256(at), mask));
            }
        }
        __m256i total = _mm256_loadu_si256((const __m256i *)(x->total + place));
        __m256 d = _mm256_set1_ps(_cvtsh_ss((uint16_t)(block[0] | block[1] << 8)));
        __m256 scale = _mm256_mul_ps(d, _mm256_loadu_ps(x->a + place));
        y = _mm256_fmadd_ps(group_sums(madds, total), scale, y);
    }
    return y;
}

/* Store rows r of tile[r] (8 tokens each) as columns: y[token * stride + r]. */
static inline void store_tile(const float tile[8][TOKEN_BLOCK], size_t rows, size_t tokens,
                              float *y, size_t stride)
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t r = 0; r < rows; r++)
            y[t * stride + r] = tile[r][t];
}

static void product_token_block(const uint8_t *blocks, size_t rows, const struct activations *x,
                                size_t b, size_t tokens, float *y, size_t stride)
{
    size_t row_bytes = x->groups * KERNEL_GROUP_BYTES;
    for (size_t row = 0; row < rows; row += 8) {
        float tile[8][TOKEN_BLOCK];
        size_t count = rows - row < 8 ? rows - row : 8;
        for (size_t r = 0; r < count; r++)
            _mm256_storeu_ps(tile[r], row_by_tokens(blocks + (row + r) * row_bytes, x, b));
        store_tile((const float(*)[TOKEN_BLOCK])tile, count, tokens, y + row, stride);
    }
}

/* Eight rows (row[i] may repeat), one token. */
static inline __m256 rows_by_token(const uint8_t *const row[8], const struct activations *x,
                                   size_t token)
{
    const int16_t *q = x->q + token * x->groups * KERNEL_GROUP;
    __m256 y = _mm256_setzero_ps();
    for (size_t g = 0; g < x->groups; g++, q += KERNEL_GROUP) {
        size_t place = activations_place(x, token, g);
        __m256i madds[8];
        uint16_t halves[8];
#pragma GCC unroll 8
        for (size_t r = 0; r < 8; r++) {
            const uint8_t *block = row[r] + g * KERNEL_GROUP_BYTES;
            __m256i signs = load_signs(block);
            __m256i sum = _mm256_setzero_si256();
#pragma GCC unroll 8
            for (int j = 0; j < 8; j++) {
                __m256i values = _mm256_load_si256((const __m256i *)(q + 16 * j));
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(values, sign_mask(signs, j)));
            }
            madds[r] = sum;
            memcpy(&halves[r], block, sizeof halves[r]);
        }
        __m256 d = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves));
        __m256 scale = _mm256_mul_ps(d, _mm256_set1_ps(x->a[place]));
        __m256i total = _mm256_set1_epi32(x->total[place]);
        y = _mm256_fmadd_ps(group_sums(madds, total), scale, y);
    }
    return y;
}

static void product_token(const uint8_t *blocks, size_t rows, const struct activations *x,
                          size_t token, float *y)
{
    size_t row_bytes = x->groups * KERNEL_GROUP_BYTES;
    for (size_t row = 0; row < rows; row += 8) {
        const uint8_t *pointers[8];
        size_t count = rows - row < 8 ? rows - row : 8;
        for (size_t r = 0; r < 8; r++)
            pointers[r] = blocks + (row + (r < count ? r : 0)) * row_bytes;
        float out[8];
        _mm256_storeu_ps(out, rows_by_token(pointers, x, token));
        memcpy(y + row, out, count * sizeof *y);
    }
}

/* Padding a block costs as much as 8 tokens, a token alone about 3 of them. */
enum { TOKENS_WORTH_A_BLOCK = 3 };

void avx2_product(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                  size_t stride)
{
    for (size_t b = 0; b * TOKEN_BLOCK < x->tokens; b++) {
        size_t first = b * TOKEN_BLOCK;
        size_t tokens = x->tokens - first < TOKEN_BLOCK ? x->tokens - first : TOKEN_BLOCK;
        if (tokens >= TOKENS_WORTH_A_BLOCK) {
            product_token_block(blocks, rows, x, b, tokens, y + first * stride, stride);
            continue;
        }
        for (size_t t = 0; t < tokens; t++)
            product_token(blocks, rows, x, first + t, y + (first + t) * stride);
    }
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The transposed 1-bit product for AVX2 + F16C (engine/kernel/transposed.h, quads.h):
 * vpshufb looks up 32 columns in one plane, and interleaving makes words of both.
 */
#include <immintrin.h>
#include <string.h>

#include "engine/kernel/level.h"
#include "engine/kernel/quads.h"
#include "engine/kernel/transposed.h"

static inline void transposed_widen(const uint16_t *halves, float *out)
{
    for (size_t i = 0; i < TRANSPOSED_ROWS; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(halves + i))));
}

void avx2_cotangents_fill(const uint8_t *blocks, size_t groups, const float *dy, size_t dy_stride,
                          size_t block, struct cotangents *out)
{
    transposed_fill(blocks, groups, dy, dy_stride, block, out);
}

/* ---- indices ------------------------------------------------------------------ */

/* 32 columns: `value` where the bit is 1. */
static inline __m256i bytes_of(const uint8_t *signs, int value)
{
    const __m256i places = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
                                              0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    int32_t four = 0;
    memcpy(&four, signs, sizeof four);
    __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(four), places);
    __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
    return _mm256_and_si256(set, _mm256_set1_epi8((char)value));
}

static inline void quad_read(const uint8_t *const row[QUAD], uint8_t out[KERNEL_GROUP])
{
    for (size_t j = 0; j < KERNEL_GROUP; j += 32) {
        __m256i low = _mm256_or_si256(bytes_of(row[0] + j / 8, 1), bytes_of(row[1] + j / 8, 2));
        __m256i high = _mm256_or_si256(bytes_of(row[2] + j / 8, 4), bytes_of(row[3] + j / 8, 8));
        _mm256_storeu_si256((__m256i *)(out + j), _mm256_or_si256(low, high));
    }
}

/* ---- tables --------------------------------------------------------------------- */

static inline void quantize_rows(const float *shares, const float *factors, int16_t *q)
{
    for (size_t r = 0; r < TRANSPOSED_ROWS; r += 16) {
        __m256i eight[2];
        for (size_t i = 0; i < 2; i++)
            eight[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(shares + r + 8 * i),
                                                        _mm256_loadu_ps(factors + r + 8 * i)));
        __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(eight[0], eight[1]), 0xD8);
        _mm256_storeu_si256((__m256i *)(q + r), words);
    }
}

/* q with the sign that row `bit` has in each of the 16 entries. */
static inline __m256i signed_entries(int16_t q, int bit)
{
    const __m256i entry = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m256i set = _mm256_and_si256(entry, _mm256_set1_epi16((short)(1 << bit)));
    const __m256i minus = _mm256_cmpeq_epi16(set, _mm256_setzero_si256());
    const __m256i sign = _mm256_or_si256(minus, _mm256_set1_epi16(1));
    return _mm256_sign_epi16(_mm256_set1_epi16(q), sign);
}

static inline void quad_table(const int16_t q[QUAD], uint8_t out[2 * QUAD_ENTRIES])
{
    const __m256i planes = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
    __m256i low = _mm256_add_epi16(signed_entries(q[0], 0), signed_entries(q[1], 1));
    __m256i high = _mm256_add_epi16(signed_entries(q[2], 2), signed_entries(q[3], 3));
    __m256i both = _mm256_shuffle_epi8(_mm256_add_epi16(low, high), planes);
    _mm256_storeu_si256((__m256i *)out, _mm256_permute4x64_epi64(both, 0xD8));
}

/* ---- sums --------------------------------------------------------------------- */

static inline __m256i both_halves(const uint8_t *plane)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)plane));
}

static inline void add_eight(__m128i sums, float unit, float *to)
{
    __m256 values = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(sums));
    _mm256_store_ps(to, _mm256_fmadd_ps(values, _mm256_set1_ps(unit), _mm256_load_ps(to)));
}

/* Words of columns 0 to 7 and 16 to 23, and of 8 to 15 and 24 to 31. */
static inline void add_thirty_two(const __m256i sums[2], float unit, float *to)
{
    add_eight(_mm256_castsi256_si128(sums[0]), unit, to);
    add_eight(_mm256_castsi256_si128(sums[1]), unit, to + 8);
    add_eight(_mm256_extracti128_si256(sums[0], 1), unit, to + 16);
    add_eight(_mm256_extracti128_si256(sums[1], 1), unit, to + 24);
}

static inline void add_quads(const struct quads *quads, const uint8_t (*tables)[2 * QUAD_ENTRIES],
                             float unit, float *x)
{
    __m256i sums[4][2];
#pragma GCC unroll 4
    for (size_t s = 0; s < 4; s++)
        sums[s][0] = sums[s][1] = _mm256_setzero_si256();
    for (size_t k = 0; k < QUADS; k++) {
        __m256i low = both_halves(tables[k]), high = both_halves(tables[k] + QUAD_ENTRIES);
#pragma GCC unroll 4
        for (size_t s = 0; s < 4; s++) {
            __m256i index = _mm256_loadu_si256((const __m256i *)(quads->index[k] + 32 * s));
            __m256i lows = _mm256_shuffle_epi8(low, index);
            __m256i highs = _mm256_shuffle_epi8(high, index);
            sums[s][0] = _mm256_add_epi16(sums[s][0], _mm256_unpacklo_epi8(lows, highs));
            sums[s][1] = _mm256_add_epi16(sums[s][1], _mm256_unpackhi_epi8(lows, highs));
        }
    }
#pragma GCC unroll 4
    for (size_t s = 0; s < 4; s++)
        add_thirty_two(sums[s], unit, x + 32 * s);
}

void avx2_product_transposed(const uint8_t *blocks, size_t groups, size_t first, size_t count,
                             const struct cotangents *dy, size_t token, size_t tokens, float *dx,
                             size_t dx_stride)
{
    transposed_multiply(blocks, groups, first, count, dy, token, tokens, dx, dx_stride);
}

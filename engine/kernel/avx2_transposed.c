/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The transposed 1-bit product for AVX2 + F16C (engine/kernel/pairs.h): vpermilps
 * looks up a pair's sums for 8 columns at a time, by the lowest two bits of a dword.
 */
#include <immintrin.h>
#include <string.h>

#include "engine/kernel/level.h"
#include "engine/kernel/pairs.h"

/* ---- signs and scales ---------------------------------------------------------- */

static inline void widen_scales(const uint16_t *halves, float *out)
{
    for (size_t i = 0; i < ROWS; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(halves + i))));
}

static inline __m256i rows_apart(const uint8_t *low, const uint8_t *high)
{
    return _mm256_loadu2_m128i((const __m128i *)high, (const __m128i *)low);
}

/* Bits of rows 0 and 1 in the lower half of a vector, those of 2 and 3 in the upper. */
static inline void interleave(const uint8_t *const row[QUAD], uint32_t out[BYTES])
{
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i spread = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0x00, 0x01, 0x04, 0x05, 0x10, 0x11, 0x14, 0x15, 0x40, 0x41, 0x44, 0x45, 0x50,
                      0x51, 0x54, 0x55));
    const __m256i spread_odd = _mm256_add_epi8(spread, spread);
    __m256i even = rows_apart(row[0], row[2]), odd = rows_apart(row[1], row[3]);
    __m256i low = _mm256_or_si256(
        _mm256_shuffle_epi8(spread, _mm256_and_si256(even, nibble)),
        _mm256_shuffle_epi8(spread_odd, _mm256_and_si256(odd, nibble)));
    even = _mm256_and_si256(_mm256_srli_epi16(even, 4), nibble);
    odd = _mm256_and_si256(_mm256_srli_epi16(odd, 4), nibble);
    __m256i high = _mm256_or_si256(_mm256_shuffle_epi8(spread, even),
                                   _mm256_shuffle_epi8(spread_odd, odd));
    __m256i words[2] = {_mm256_unpacklo_epi8(low, high), _mm256_unpackhi_epi8(low, high)};
    for (size_t i = 0; i < 2; i++) {
        __m128i first = _mm256_castsi256_si128(words[i]);
        __m128i second = _mm256_extracti128_si256(words[i], 1);
        _mm_storeu_si128((__m128i *)(out + 8 * i), _mm_unpacklo_epi16(first, second));
        _mm_storeu_si128((__m128i *)(out + 8 * i + 4), _mm_unpackhi_epi16(first, second));
    }
}

/* ---- values of pairs ---------------------------------------------------------- */

/* c0 and c1, then c2 and c3, with the signs of bits 0 and 1 of the place. */
static inline __m256 pair_sums(__m128 c)
{
    const __m256 first = _mm256_setr_ps(-0.0f, 0, -0.0f, 0, -0.0f, 0, -0.0f, 0);
    const __m256 second = _mm256_setr_ps(-0.0f, -0.0f, 0, 0, -0.0f, -0.0f, 0, 0);
    __m256 both = _mm256_set_m128(c, c);
    __m256 c02 = _mm256_permutevar_ps(both, _mm256_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2));
    __m256 c13 = _mm256_permutevar_ps(both, _mm256_setr_epi32(1, 1, 1, 1, 3, 3, 3, 3));
    return _mm256_add_ps(_mm256_xor_ps(c02, first), _mm256_xor_ps(c13, second));
}

static inline __m128 load_four(const float *x, size_t left)
{
    if (left >= QUAD)
        return _mm_loadu_ps(x);
    float padded[QUAD] = {0};
    memcpy(padded, x, left * sizeof *x);
    return _mm_loadu_ps(padded);
}

static inline struct quad_values values_of(const float *dy, size_t left, const float *d)
{
    struct quad_values values;
    __m128 c = _mm_mul_ps(load_four(dy, left), _mm_loadu_ps(d));
    _mm256_store_ps(values.pair[0], pair_sums(c));
    return values;
}

/* ---- columns ------------------------------------------------------------------ */

static inline void add_columns(const struct part *part, size_t byte,
                               const struct quad_values (*values)[TOKEN_BLOCK], size_t tokens,
                               float *dx, size_t dx_stride)
{
    const __m256i place = _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14);
    const __m256i place23 = _mm256_add_epi32(place, _mm256_set1_epi32(16));
    __m256 sums[TOKEN_BLOCK];
#pragma GCC unroll 8
    for (size_t t = 0; t < TOKEN_BLOCK; t++)
        sums[t] = t < tokens ? _mm256_loadu_ps(dx + t * dx_stride) : _mm256_setzero_ps();
    for (size_t q = 0; q < part->quads; q++) {
        __m256i signs = _mm256_set1_epi32((int32_t)part->signs[q][byte]);
        __m256i at01 = _mm256_srlv_epi32(signs, place);
        __m256i at23 = _mm256_srlv_epi32(signs, place23);
#pragma GCC unroll 8
        for (size_t t = 0; t < TOKEN_BLOCK; t++) {
            __m256 sum01 = _mm256_broadcast_ps((const __m128 *)values[q][t].pair[0]);
            __m256 sum23 = _mm256_broadcast_ps((const __m128 *)values[q][t].pair[1]);
            sums[t] = _mm256_add_ps(sums[t], _mm256_add_ps(_mm256_permutevar_ps(sum01, at01),
                                                           _mm256_permutevar_ps(sum23, at23)));
        }
    }
#pragma GCC unroll 8
    for (size_t t = 0; t < TOKEN_BLOCK; t++)
        if (t < tokens)
            _mm256_storeu_ps(dx + t * dx_stride, sums[t]);
}

void avx2_product_transposed(const uint8_t *blocks, size_t rows, size_t groups, size_t first,
                             size_t count, const float *dy, size_t dy_stride, size_t tokens,
                             float *dx, size_t dx_stride)
{
    pairs_multiply(blocks, rows, groups, first, count, dy, dy_stride, tokens, dx, dx_stride);
}

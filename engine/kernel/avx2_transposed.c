/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The transposed 1-bit product for AVX2 + F16C.  The definition adds four rows as
 * (t0 + t1) + (t2 + t3), and a pair with its two signs has four values only: they
 * are computed once per token, pair and group, and looked up for all 128 columns
 * with vpermilps, 8 columns at a time.  Sign bits of a pair are interleaved, so
 * that a shift brings both bits of a column to where vpermilps looks for them.
 */
#include <immintrin.h>
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
    size_t quads;
    float d[ROWS];
    uint32_t signs[QUADS][BYTES];
};

/* [quad][token][pair][sign bits of the pair] */
typedef float pair_values[QUADS][TOKEN_BLOCK][2][4];

/* ---- signs -------------------------------------------------------------------- */

static inline __m256i rows_apart(const uint8_t *low, const uint8_t *high)
{
    return _mm256_loadu2_m128i((const __m128i *)high, (const __m128i *)low);
}

/* Bits of rows 0 and 1 interleaved in the lower half, those of 2 and 3 in the upper. */
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

/* `block` is the first row's; behind the last row d is 0, and signs do not matter. */
static void part_fill(struct part *part, const uint8_t *block, size_t rows, size_t row_bytes)
{
    static const uint8_t nothing[BYTES];
    uint16_t halves[ROWS] = {0};
    part->quads = (rows + QUAD - 1) / QUAD;
    for (size_t r = 0; r < rows; r++)
        memcpy(&halves[r], block + r * row_bytes, 2);
    for (size_t r = 0; r < ROWS; r += 8)
        _mm256_storeu_ps(part->d + r,
                         _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(halves + r))));
    for (size_t q = 0; q < part->quads; q++) {
        const uint8_t *row[QUAD];
        for (size_t i = 0; i < QUAD; i++)
            row[i] = QUAD * q + i < rows ? block + (QUAD * q + i) * row_bytes + 2 : nothing;
        interleave(row, part->signs[q]);
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

static void fill_values(const struct part *part, size_t rows, const float *dy, size_t dy_stride,
                        size_t tokens, pair_values values)
{
    for (size_t t = 0; t < TOKEN_BLOCK; t++)
        for (size_t q = 0; q < part->quads; q++) {
            __m128 four = _mm_setzero_ps();
            if (t < tokens)
                four = load_four(dy + t * dy_stride + QUAD * q, rows - QUAD * q);
            __m128 c = _mm_mul_ps(four, _mm_loadu_ps(part->d + QUAD * q));
            _mm256_storeu_ps(values[q][t][0], pair_sums(c));
        }
}

/* ---- columns ------------------------------------------------------------------ */

/* dx[token][column] += the part's quads in turn, for the 8 columns of a byte. */
static void add_columns(const struct part *part, size_t byte, const pair_values values,
                        size_t tokens, float *dx, size_t dx_stride)
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
            __m256 sum01 = _mm256_broadcast_ps((const __m128 *)values[q][t][0]);
            __m256 sum23 = _mm256_broadcast_ps((const __m128 *)values[q][t][1]);
            sums[t] = _mm256_add_ps(sums[t], _mm256_add_ps(_mm256_permutevar_ps(sum01, at01),
                                                           _mm256_permutevar_ps(sum23, at23)));
        }
    }
#pragma GCC unroll 8
    for (size_t t = 0; t < TOKEN_BLOCK; t++)
        if (t < tokens)
            _mm256_storeu_ps(dx + t * dx_stride, sums[t]);
}

/* One group of up to ROWS rows: added to dx of the group's columns. */
static void add_part(const struct part *part, size_t rows, const float *dy, size_t dy_stride,
                     size_t tokens, float *dx, size_t dx_stride)
{
    pair_values values;
    for (size_t first = 0; first < tokens; first += TOKEN_BLOCK) {
        size_t count = tokens - first < TOKEN_BLOCK ? tokens - first : TOKEN_BLOCK;
        fill_values(part, rows, dy + first * dy_stride, dy_stride, count, values);
        for (size_t byte = 0; byte < BYTES; byte++)
            add_columns(part, byte, (const float(*)[TOKEN_BLOCK][2][4])values, count,
                        dx + first * dx_stride + 8 * byte, dx_stride);
    }
}

void avx2_product_transposed(const uint8_t *blocks, size_t rows, size_t groups, size_t first,
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
            size_t part_rows = rows - row < ROWS ? rows - row : ROWS;
            part_fill(&part, blocks + row * row_bytes + g * KERNEL_GROUP_BYTES, part_rows,
                      row_bytes);
            add_part(&part, part_rows, dy + row, dy_stride, tokens, dx + g * KERNEL_GROUP,
                     dx_stride);
        }
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The transposed product for AVX-512, by table lookup (engine/kernel/transposed.h).  The
 * five signs that a column has in a quintet of rows select one of 32 sums of +-q, a register
 * of 16-bit words; vpermw looks up 32 columns.  No sum of 80 rows leaves 16 bits, so that
 * nothing has to be widened before a block of rows is done.  The indices of a block are
 * made once, in L1, and serve all tokens, two at a time.
 *
 * Rows k, 16 + k, 32 + k, 48 + k and 64 + k of a block are its quintet k: so the words that
 * a table is made of lie side by side.
 */
#include <immintrin.h>
#include <string.h>

#include "engine/kernel/level.h"
#include "engine/kernel/transposed.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
    QUINTET = 5,
    QUINTETS = TRANSPOSED_ROWS / QUINTET,
    WORDS = 32,                   /* of a register */
    SETS = KERNEL_GROUP / WORDS,  /* registers of a group's columns */
    PARTS = TRANSPOSED_ROWS / LANES,
};
_Static_assert((int)QUINTETS == (int)LANES, "part i holds row i of every quintet");

/* Up to 80 rows of one group. */
struct block {
    __m512i index[QUINTETS][SETS]; /* bit i: the sign of row i of the quintet */
    float factors[TRANSPOSED_ROWS];
    float most;
};

static inline void transposed_widen(const uint16_t *halves, float *out)
{
    for (size_t i = 0; i < TRANSPOSED_ROWS; i += LANES)
        _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(halves + i))));
}

void avx512_cotangents_fill(const uint8_t *blocks, size_t groups, const float *dy,
                            size_t dy_stride, size_t block, struct cotangents *out)
{
    transposed_fill(blocks, groups, dy, dy_stride, block, out);
}

/* ---- indices ------------------------------------------------------------------ */

/* 64 columns: bit i of a byte is the column's bit in row i. */
static inline __m512i bits_of_rows(const uint64_t signs[QUINTET])
{
    __m512i bits = _mm512_maskz_set1_epi8(signs[0], 1);
#pragma GCC unroll 4
    for (int i = 1; i < QUINTET; i++)
        bits = _mm512_mask_add_epi8(bits, signs[i], bits, _mm512_set1_epi8((char)(1 << i)));
    return bits;
}

static inline void quintet_read(const struct transposed_rows *rows, size_t k, __m512i out[SETS])
{
    uint64_t signs[2][QUINTET] = {{0}};
    for (size_t i = 0; i < QUINTET && i * QUINTETS + k < rows->rows; i++) {
        const uint8_t *at = rows->at + (i * QUINTETS + k) * rows->row_bytes + 2;
        memcpy(&signs[0][i], at, sizeof signs[0][i]);
        memcpy(&signs[1][i], at + sizeof signs[0][i], sizeof signs[1][i]);
    }
    for (size_t half = 0; half < 2; half++) {
        __m512i bits = bits_of_rows(signs[half]);
        out[2 * half] = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(bits));
        out[2 * half + 1] = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(bits, 1));
    }
}

static void block_read(struct block *out, const struct transposed_rows *rows)
{
    out->most = transposed_factors(rows, out->factors);
    for (size_t k = 0; k < QUINTETS; k++)
        quintet_read(rows, k, out->index[k]);
}

/* ---- tables --------------------------------------------------------------------- */

/* Where words come from.  A part of 16 rows is q and -q of each in turn. */
struct places {
    __m512i low[4][3];  /* [quintets 4 i ...][row]: word 8 * quintet + signs of rows 0 to 2 */
    __m512i high[2][2]; /* [quintets 8 i ...][row]: word 4 * quintet + signs of rows 3 and 4 */
    __m512i spread[8];  /* [quintet]: its four words of high, each for 8 entries */
};

static inline __m512i word_numbers(void)
{
    return _mm512_setr_epi32(0x10000, 0x30002, 0x50004, 0x70006, 0x90008, 0xB000A, 0xD000C, 0xF000E,
                             0x110010, 0x130012, 0x150014, 0x170016, 0x190018, 0x1B001A, 0x1D001C,
                             0x1F001E);
}

/* The place of q or -q of a row for the words of some quintets from `first` on, each of
 * which has 2^shift of them. */
static inline __m512i signed_places(int first, int shift, int bit)
{
    const __m512i word = word_numbers(), one = _mm512_set1_epi16(1);
    __m512i row = _mm512_add_epi16(_mm512_srl_epi16(word, _mm_cvtsi32_si128(shift)),
                                   _mm512_set1_epi16((short)first));
    __m512i plus = _mm512_srl_epi16(word, _mm_cvtsi32_si128(bit));
    __m512i minus = _mm512_andnot_si512(plus, one);
    return _mm512_add_epi16(_mm512_add_epi16(row, row), minus);
}

static inline void places_init(struct places *out)
{
    for (int i = 0; i < 4; i++)
        for (int bit = 0; bit < 3; bit++)
            out->low[i][bit] = signed_places(4 * i, 3, bit);
    for (int i = 0; i < 2; i++)
        for (int bit = 0; bit < 2; bit++)
            out->high[i][bit] = signed_places(8 * i, 2, bit);
    for (int k = 0; k < 8; k++)
        out->spread[k] = _mm512_add_epi16(_mm512_srli_epi16(word_numbers(), 3),
                                          _mm512_set1_epi16((short)(4 * k)));
}

/* 16 rows of a token: q and -q in turn. */
static inline __m512i signed_part(const struct block *block, const float *shares, size_t part)
{
    const __mmask32 odd = 0xAAAAAAAA;
    __m512 product = _mm512_mul_ps(_mm512_load_ps(shares + part * LANES),
                                   _mm512_loadu_ps(block->factors + part * LANES));
    __m512i q = _mm512_cvtps_epi32(product);
    return _mm512_mask_sub_epi16(q, odd, _mm512_setzero_si512(), _mm512_slli_epi32(q, 16));
}

/* One of four quarters, four times.  The number has to be in the instruction. */
static ALWAYS_INLINE __m512i quarter(__m512i x, size_t i)
{
    switch (i) {
    case 0: return _mm512_shuffle_i64x2(x, x, 0x00);
    case 1: return _mm512_shuffle_i64x2(x, x, 0x55);
    case 2: return _mm512_shuffle_i64x2(x, x, 0xAA);
    default: return _mm512_shuffle_i64x2(x, x, 0xFF);
    }
}

/* Entry e of quintet k: the sum with the signs that e stands for. */
static __attribute__((noinline)) void tabulate(const struct block *block,
                                               const struct places *places, const float *shares,
                                               __m512i out[QUINTETS])
{
    __m512i part[PARTS], low[4], high[2];
#pragma GCC unroll 5
    for (size_t i = 0; i < PARTS; i++)
        part[i] = signed_part(block, shares, i);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        low[i] = _mm512_add_epi16(_mm512_permutexvar_epi16(places->low[i][0], part[0]),
                                  _mm512_permutexvar_epi16(places->low[i][1], part[1]));
        low[i] = _mm512_add_epi16(low[i], _mm512_permutexvar_epi16(places->low[i][2], part[2]));
    }
#pragma GCC unroll 2
    for (size_t i = 0; i < 2; i++)
        high[i] = _mm512_add_epi16(_mm512_permutexvar_epi16(places->high[i][0], part[3]),
                                   _mm512_permutexvar_epi16(places->high[i][1], part[4]));
#pragma GCC unroll 16
    for (size_t k = 0; k < QUINTETS; k++) {
        __m512i of_low = quarter(low[k / 4], k % 4);
        __m512i of_high = _mm512_permutexvar_epi16(places->spread[k % 8], high[k / 8]);
        out[k] = _mm512_add_epi16(of_low, of_high);
    }
}

/* ---- sums --------------------------------------------------------------------- */

static inline void add_scaled(__m256i sums, float unit, float *to)
{
    __m512 values = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(sums));
    _mm512_store_ps(to, _mm512_fmadd_ps(values, _mm512_set1_ps(unit), _mm512_load_ps(to)));
}

/* Add the block's terms to the 128 sums of one or two tokens. */
static ALWAYS_INLINE void add_block(const struct block *block, size_t tokens,
                                    const __m512i (*tables)[QUINTETS], const float *units,
                                    float (*x)[KERNEL_GROUP])
{
    __m512i sums[2][SETS];
#pragma GCC unroll 2
    for (size_t t = 0; t < tokens; t++)
#pragma GCC unroll 4
        for (size_t s = 0; s < SETS; s++)
            sums[t][s] = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (size_t k = 0; k < QUINTETS; k++) {
        __m512i table[2];
#pragma GCC unroll 2
        for (size_t t = 0; t < tokens; t++)
            table[t] = tables[t][k];
#pragma GCC unroll 4
        for (size_t s = 0; s < SETS; s++) {
            __m512i index = block->index[k][s];
            __asm__("" : "+v"(index)); /* one load for both tokens */
#pragma GCC unroll 2
            for (size_t t = 0; t < tokens; t++)
                sums[t][s] = _mm512_add_epi16(sums[t][s],
                                              _mm512_permutexvar_epi16(index, table[t]));
        }
    }
#pragma GCC unroll 2
    for (size_t t = 0; t < tokens; t++)
#pragma GCC unroll 4
        for (size_t s = 0; s < SETS; s++) {
            float unit = units[t] * block->most;
            add_scaled(_mm512_castsi512_si256(sums[t][s]), unit, x[t] + s * WORDS);
            add_scaled(_mm512_extracti64x4_epi64(sums[t][s], 1), unit, x[t] + s * WORDS + LANES);
        }
}

static __attribute__((noinline)) void add_one(const struct block *block,
                                              const __m512i (*tables)[QUINTETS],
                                              const float *units, float (*x)[KERNEL_GROUP])
{
    add_block(block, 1, tables, units, x);
}

static __attribute__((noinline)) void add_two(const struct block *block,
                                              const __m512i (*tables)[QUINTETS],
                                              const float *units, float (*x)[KERNEL_GROUP])
{
    add_block(block, 2, tables, units, x);
}

static inline void transposed_add(const struct transposed_rows *rows, const float *shares,
                                  const float *units, size_t tokens, float (*x)[KERNEL_GROUP])
{
    struct places places;
    struct block block;
    __m512i tables[2][QUINTETS];
    places_init(&places);
    block_read(&block, rows);
    for (size_t t = 0; t < tokens; t += 2) {
        size_t n = tokens - t < 2 ? 1 : 2;
        for (size_t i = 0; i < n; i++)
            tabulate(&block, &places, shares + (t + i) * TRANSPOSED_ROWS, tables[i]);
        if (n == 2)
            add_two(&block, (const __m512i(*)[QUINTETS])tables, units + t, x + t);
        else
            add_one(&block, (const __m512i(*)[QUINTETS])tables, units + t, x + t);
    }
}

void avx512_product_transposed(const uint8_t *blocks, size_t groups, size_t first, size_t count,
                               const struct cotangents *dy, size_t token, size_t tokens,
                               float *dx, size_t dx_stride)
{
    transposed_multiply(blocks, groups, first, count, dy, token, tokens, dx, dx_stride);
}

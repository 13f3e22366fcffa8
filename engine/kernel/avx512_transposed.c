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
    __m512i index[QUINTETS][SETS]; /* entries of the tables */
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

/* Signs by which entries of a table are counted: those of rows 1, 2 and 4 as seen from
 * rows 0 and 3 (tables, below). */
static inline void relative_signs(uint64_t signs[QUINTET])
{
    uint64_t second = signs[1];
    signs[1] = signs[0] ^ signs[2];
    signs[2] = signs[0] ^ second;
    signs[4] ^= signs[3];
}

/* 64 columns: bit i of a byte is the column's bit i of its entry. */
static inline __m512i bits_of_rows(const uint64_t signs[QUINTET])
{
    __m512i bits = _mm512_maskz_set1_epi8(signs[0], 1);
#pragma GCC unroll 4
    for (int i = 1; i < QUINTET; i++)
        bits = _mm512_mask_add_epi8(bits, signs[i], bits, _mm512_set1_epi8((char)(1 << i)));
    return bits;
}

/* Columns 0, 16, 1, 17, ..., 15, 31 and the same from 32 on: then even words of a register
 * are 16 neighbours, and so are odd ones. */
static inline __m512i interleaved(void)
{
    const __m512i pairs = _mm512_setr_epi64(0x1303120211011000, 0x1707160615051404,
                                            0x1B0B1A0A19091808, 0x1F0F1E0E1D0D1C0C,
                                            0x3323322231213020, 0x3727362635253424,
                                            0x3B2B3A2A39293828, 0x3F2F3E2E3D2D3C2C);
    return pairs;
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
        relative_signs(signs[half]);
        __m512i bits = _mm512_permutexvar_epi8(interleaved(), bits_of_rows(signs[half]));
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

/* ---- tables ---------------------------------------------------------------------
 *
 * Words come in pairs, the negated number and the number: row 0's sign picks one of a pair.
 * With a, b and c of rows 0 to 2, the pairs of a + b + c, a + b - c, a - b + c and a - b - c
 * are eight sums with all signs, so that the next bits of an entry say whether rows 2 and 1
 * differ from row 0.  Rows 3 and 4 have two pairs, of d + e and d - e. */

struct tables {
    __m512i low[4];  /* lane i of low[j]: the eight sums of quintet 4 i + j */
    __m512i high[2]; /* lane i of high[j]: the four of quintets 4 i + 2 j and 4 i + 2 j + 1 */
};

/* 16 rows of a token. */
static ALWAYS_INLINE __m512i pairs_of(const struct block *block, const float *shares, size_t part)
{
    const __mmask32 even = 0x55555555;
    __m512 product = _mm512_mul_ps(_mm512_load_ps(shares + part * LANES),
                                   _mm512_loadu_ps(block->factors + part * LANES));
    __m512i q = _mm512_cvtps_epi32(product);
    return _mm512_mask_sub_epi16(_mm512_slli_epi32(q, 16), even, _mm512_setzero_si512(), q);
}

static ALWAYS_INLINE void tabulate_low(__m512i a, __m512i b, __m512i c, __m512i out[4])
{
    __m512i sum = _mm512_add_epi16(a, b), difference = _mm512_sub_epi16(a, b);
    __m512i first = _mm512_add_epi16(sum, c), second = _mm512_sub_epi16(sum, c);
    __m512i third = _mm512_add_epi16(difference, c), fourth = _mm512_sub_epi16(difference, c);
    __m512i even[2] = {_mm512_unpacklo_epi32(first, second),
                       _mm512_unpacklo_epi32(third, fourth)};
    __m512i odd[2] = {_mm512_unpackhi_epi32(first, second), _mm512_unpackhi_epi32(third, fourth)};
    out[0] = _mm512_unpacklo_epi64(even[0], even[1]);
    out[1] = _mm512_unpackhi_epi64(even[0], even[1]);
    out[2] = _mm512_unpacklo_epi64(odd[0], odd[1]);
    out[3] = _mm512_unpackhi_epi64(odd[0], odd[1]);
}

static ALWAYS_INLINE void tabulate(const struct block *block, const float *shares,
                                   struct tables *out)
{
    __m512i d = pairs_of(block, shares, 3), e = pairs_of(block, shares, 4);
    __m512i sum = _mm512_add_epi16(d, e), difference = _mm512_sub_epi16(d, e);
    tabulate_low(pairs_of(block, shares, 0), pairs_of(block, shares, 1),
                 pairs_of(block, shares, 2), out->low);
    out->high[0] = _mm512_unpacklo_epi32(sum, difference);
    out->high[1] = _mm512_unpackhi_epi32(sum, difference);
    /* Lanes of low are read from memory, which spares the shuffles. */
    __asm__("" : "+m"(out->low));
}

/* Where a quintet's four words of high are, each for 8 entries. */
static ALWAYS_INLINE __m512i spread(size_t number)
{
    const __m512i lanes = _mm512_setr_epi64(0, 0, 0x0001000100010001, 0x0001000100010001,
                                            0x0002000200020002, 0x0002000200020002,
                                            0x0003000300030003, 0x0003000300030003);
    return _mm512_add_epi16(lanes, _mm512_set1_epi16((short)(4 * number)));
}

/* Entry i: the sum with the signs that i stands for. */
static ALWAYS_INLINE __m512i table_of(const struct tables *tables, size_t k, __m512i spread)
{
    const __m128i *lanes = (const __m128i *)&tables->low[k % 4];
    __m512i low = _mm512_broadcast_i32x4(_mm_load_si128(lanes + k / 4));
    return _mm512_add_epi16(low, _mm512_permutexvar_epi16(spread, tables->high[k % 4 / 2]));
}

/* ---- sums --------------------------------------------------------------------- */

/* The even words or the odd ones, as `which` multiplies them by 1. */
static ALWAYS_INLINE void add_scaled(__m512i sums, __m512i which, __m512 unit, float *to)
{
    __m512 values = _mm512_cvtepi32_ps(_mm512_madd_epi16(sums, which));
    _mm512_store_ps(to, _mm512_fmadd_ps(values, unit, _mm512_load_ps(to)));
}

/* Now: put off, to add up as a tree, entries would not fit into the registers. */
static ALWAYS_INLINE void add_entries(__m512i *sums, __m512i entries)
{
    *sums = _mm512_add_epi16(*sums, entries);
    __asm__("" : "+v"(*sums));
}

/* One or two tokens: their tables, units and sums. */
struct summing {
    const struct tables *tables;
    const float *units;
    float (*x)[KERNEL_GROUP];
};

/* Add the block's terms to the 128 sums of one or two tokens. */
static ALWAYS_INLINE void add_block(const struct block *block, size_t tokens,
                                    const struct summing *to)
{
    const __m512i even = _mm512_set1_epi32(1), odd = _mm512_set1_epi32(1 << 16);
    __m512i sums[2][SETS];
#pragma GCC unroll 2
    for (size_t t = 0; t < tokens; t++)
#pragma GCC unroll 4
        for (size_t s = 0; s < SETS; s++)
            sums[t][s] = _mm512_setzero_si512();
#pragma GCC unroll 16
    for (size_t k = 0; k < QUINTETS; k++) {
        __m512i table[2];
#pragma GCC unroll 2
        for (size_t t = 0; t < tokens; t++)
            table[t] = table_of(&to->tables[t], k, spread(k / 4 * 2 + k % 2));
#pragma GCC unroll 4
        for (size_t s = 0; s < SETS; s++) {
            __m512i index = block->index[k][s];
            __asm__("" : "+v"(index)); /* one load for both tokens */
#pragma GCC unroll 2
            for (size_t t = 0; t < tokens; t++)
                add_entries(&sums[t][s], _mm512_permutexvar_epi16(index, table[t]));
        }
    }
#pragma GCC unroll 2
    for (size_t t = 0; t < tokens; t++) {
        const __m512 unit = _mm512_set1_ps(to->units[t] * block->most);
#pragma GCC unroll 4
        for (size_t s = 0; s < SETS; s++) {
            add_scaled(sums[t][s], even, unit, to->x[t] + s * WORDS);
            add_scaled(sums[t][s], odd, unit, to->x[t] + s * WORDS + LANES);
        }
    }
}

static __attribute__((noinline)) void add_one(const struct block *block,
                                              const struct summing *to)
{
    add_block(block, 1, to);
}

/* Tables of the two tokens that come next are made along with the sums, or one would have
 * to wait for the other. */
static __attribute__((noinline)) void add_two(const struct block *block,
                                              const struct summing *to, const float *shares,
                                              struct tables next[2])
{
    tabulate(block, shares, &next[0]);
    tabulate(block, shares + TRANSPOSED_ROWS, &next[1]);
    add_block(block, 2, to);
}

static inline void transposed_add(const struct transposed_rows *rows, const float *shares,
                                  const float *units, size_t tokens, float (*x)[KERNEL_GROUP])
{
    struct tables tables[2][2];
    struct block block;
    block_read(&block, rows);
    tabulate(&block, shares, &tables[0][0]);
    if (tokens > 1)
        tabulate(&block, shares + TRANSPOSED_ROWS, &tables[0][1]);
    for (size_t t = 0; t < tokens; t += 2) {
        struct summing to = {tables[t / 2 % 2], units + t, x + t};
        size_t next = t + 4 <= tokens ? t + 2 : t; /* the same once more: nobody reads it */
        if (t + 1 == tokens) {
            tabulate(&block, shares + t * TRANSPOSED_ROWS, &tables[t / 2 % 2][0]);
            add_one(&block, &to);
        } else
            add_two(&block, &to, shares + next * TRANSPOSED_ROWS, tables[(t / 2 + 1) % 2]);
    }
}

void avx512_product_transposed(const uint8_t *blocks, size_t groups, size_t first, size_t count,
                               const struct cotangents *dy, size_t token, size_t tokens,
                               float *dx, size_t dx_stride)
{
    transposed_multiply(blocks, groups, first, count, dy, token, tokens, dx, dx_stride);
}

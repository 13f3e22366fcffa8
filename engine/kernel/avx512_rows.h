/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/avx512_rows.h - reading weights for products by table lookup, 16
 * rows to a register, and looking up one register of them.
 *
 * A register holds the tables of four nibbles.  A dword lane is 32 columns of a
 * row in their natural order: the low nibbles of its four bytes, each plus 16
 * times its place, are indices into one register per plane, the high nibbles
 * into another.  vpermb looks up 16 rows x 16 columns of one plane; vpdpbusd with
 * twos adds the four bytes of each row: 2 * |sum of bytes| <= 2 * 32 * 255.
 */
#ifndef ENGINE_KERNEL_AVX512_ROWS_H
#define ENGINE_KERNEL_AVX512_ROWS_H

#include <immintrin.h>
#include <string.h>

#include "engine/kernel/avx512_table.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
    SET_ROWS = 16, /* rows of a register */
    SETS = 4,
    BLOCK_ROWS = SETS * SET_ROWS,
    GROUPS_AHEAD = 8, /* whose scales are read at once */
};

/* ---- memory ----------------------------------------------------------------------- */

/* Ask for what the next 64 rows will read in place of the group that these read
 * now; an address behind the end does no harm.  (A call that is not inlined at once
 * looks to gcc like one without an effect.) */
static ALWAYS_INLINE void prefetch_next(const uint8_t *rows, size_t g, size_t groups)
{
    uintptr_t at = (uintptr_t)rows + BLOCK_ROWS * (groups + g) * KERNEL_GROUP_BYTES;
    for (size_t i = 0; i < BLOCK_ROWS * KERNEL_GROUP_BYTES; i += 64)
        _mm_prefetch((const char *)(at + i), _MM_HINT_T0);
}

/* ---- signs ---------------------------------------------------------------------- */

/* 128 columns of 16 rows: lane r of a register is a dword of row r. */
struct signs {
    __m512i dword[DWORDS];
};

/* Rows 0, 4, 8 and 12.  Compilers must not see that these have a common step: they
 * would make 16 pointers of them, for which they have no registers. */
static inline void every_fourth(const uint8_t *at[4], const uint8_t *first, size_t row_bytes)
{
    at[0] = first;
#pragma GCC unroll 3
    for (size_t i = 1; i < 4; i++) {
        at[i] = at[i - 1] + 4 * row_bytes;
        __asm__("" : "+r"(at[i]));
    }
}

/* The sign bytes of four rows of blocks. */
static inline __m512i load_rows(const uint8_t *const at[4], size_t skip)
{
    __m512i rows = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(at[0] + skip)));
    rows = _mm512_inserti32x4(rows, _mm_loadu_si128((const __m128i *)(at[1] + skip)), 1);
    rows = _mm512_inserti32x4(rows, _mm_loadu_si128((const __m128i *)(at[2] + skip)), 2);
    return _mm512_inserti32x4(rows, _mm_loadu_si128((const __m128i *)(at[3] + skip)), 3);
}

/* With every fourth row in the same 128 bits, transposing there is enough. */
static inline struct signs signs_of_blocks(const uint8_t *block, size_t row_bytes)
{
    const uint8_t *at[4];
    every_fourth(at, block + 2, row_bytes);
    __m512i a = load_rows(at, 0), b = load_rows(at, row_bytes);
    __m512i c = load_rows(at, 2 * row_bytes), d = load_rows(at, 3 * row_bytes);
    __m512i ab_low = _mm512_unpacklo_epi32(a, b), ab_high = _mm512_unpackhi_epi32(a, b);
    __m512i cd_low = _mm512_unpacklo_epi32(c, d), cd_high = _mm512_unpackhi_epi32(c, d);
    return (struct signs){{
        _mm512_unpacklo_epi64(ab_low, cd_low),
        _mm512_unpackhi_epi64(ab_low, cd_low),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    }};
}

static inline struct signs signs_of_panel(const uint8_t *panel)
{
    struct signs signs;
#pragma GCC unroll 4
    for (size_t d = 0; d < DWORDS; d++)
        signs.dword[d] = _mm512_loadu_si512(panel + 2 * PANEL_ROWS + 64 * d);
    return signs;
}

static inline __m512i index_of(const struct signs *signs, size_t dword, size_t nibble)
{
    const __m512i mask = _mm512_set1_epi8(15), place = _mm512_set1_epi32(0x30201000);
    __m512i bits = signs->dword[dword];
    if (nibble == 1)
        bits = _mm512_srli_epi32(bits, 4);
    return _mm512_ternarylogic_epi32(bits, mask, place, 0xEA); /* (bits & mask) | place */
}

/* ---- scales --------------------------------------------------------------------- */

/* fp16 scales of some groups, gathered ahead of their use. */
struct scales {
    _Alignas(64) uint16_t half[GROUPS_AHEAD][BLOCK_ROWS];
};

/* The scales of eight groups in a row: two bytes out of 18, in 128 of their bytes. */
static inline __m128i scales_of_row(const uint8_t *at)
{
    const __m512i places = _mm512_zextsi128_si512(_mm_setr_epi16(0, 9, 18, 27, 36, 45, 54, 63));
    return _mm512_castsi512_si128(_mm512_permutex2var_epi16(_mm512_loadu_si512(at), places,
                                                            _mm512_loadu_si512(at + 64)));
}

static inline __m512i scales_of_rows(const uint8_t *const at[4], size_t skip)
{
    __m512i rows = _mm512_castsi128_si512(scales_of_row(at[0] + skip));
    rows = _mm512_inserti32x4(rows, scales_of_row(at[1] + skip), 1);
    rows = _mm512_inserti32x4(rows, scales_of_row(at[2] + skip), 2);
    return _mm512_inserti32x4(rows, scales_of_row(at[3] + skip), 3);
}

/* Scales of groups g and g + 1, four rows and four rows in turn. */
static inline void scales_put(struct scales *out, size_t g, size_t row, __m512i both)
{
    both = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), both);
    _mm256_store_si256((__m256i *)&out->half[g][row], _mm512_castsi512_si256(both));
    _mm256_store_si256((__m256i *)&out->half[g + 1][row], _mm512_extracti64x4_epi64(both, 1));
}

/* 16 rows, eight groups: as with signs, with words of two bytes. */
static inline void scales_of_blocks(struct scales *out, size_t row, const uint8_t *block,
                                    size_t row_bytes)
{
    const uint8_t *at[4];
    every_fourth(at, block, row_bytes);
    __m512i a = scales_of_rows(at, 0), b = scales_of_rows(at, row_bytes);
    __m512i c = scales_of_rows(at, 2 * row_bytes), d = scales_of_rows(at, 3 * row_bytes);
    __m512i ab_low = _mm512_unpacklo_epi16(a, b), ab_high = _mm512_unpackhi_epi16(a, b);
    __m512i cd_low = _mm512_unpacklo_epi16(c, d), cd_high = _mm512_unpackhi_epi16(c, d);
    scales_put(out, 0, row, _mm512_unpacklo_epi32(ab_low, cd_low));
    scales_put(out, 2, row, _mm512_unpackhi_epi32(ab_low, cd_low));
    scales_put(out, 4, row, _mm512_unpacklo_epi32(ab_high, cd_high));
    scales_put(out, 6, row, _mm512_unpackhi_epi32(ab_high, cd_high));
}

/* 64 rows, groups g to g + 7 or the last, if g is the first of eight. */
static ALWAYS_INLINE void scales_read(struct scales *out, const uint8_t *rows, size_t g,
                                      size_t groups)
{
    const size_t row_bytes = groups * KERNEL_GROUP_BYTES;
    const uint8_t *at = rows + g * KERNEL_GROUP_BYTES;
    if (g % GROUPS_AHEAD != 0)
        return;
    if (g + GROUPS_AHEAD <= groups) {
        for (size_t row = 0; row < BLOCK_ROWS; row += SET_ROWS)
            scales_of_blocks(out, row, at + row * row_bytes, row_bytes);
        return;
    }
    for (size_t i = 0; g + i < groups; i++)
        for (size_t row = 0; row < BLOCK_ROWS; row++)
            memcpy(&out->half[i][row], at + row * row_bytes + i * KERNEL_GROUP_BYTES, 2);
}

static inline __m512 scales_at(const void *half)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(half));
}

/* ---- sums ----------------------------------------------------------------------- */

/* Twice the sum of entries of one group: 16 rows, one token. */
struct planes {
    __m512i low, high;
};

static inline void planes_init(struct planes *out, const uint8_t *table)
{
    out->low = _mm512_load_si512(table + PLANES_BYTES);
    out->high = _mm512_setzero_si512();
}

/* Add what the indices select from one nibble's table. */
static inline void planes_add(struct planes *sum, __m512i index, const uint8_t *table)
{
    const __m512i two = _mm512_set1_epi8(2);
    __m512i low = _mm512_permutexvar_epi8(index, _mm512_load_si512(table));
    __m512i high = _mm512_permutexvar_epi8(index, _mm512_load_si512(table + 64));
    sum->low = _mm512_dpbusd_epi32(sum->low, low, two);
    sum->high = _mm512_dpbusd_epi32(sum->high, two, high);
}

static inline __m512 planes_scaled(const struct planes *sum, __m512 scale, float a, __m512 y)
{
    __m512i both = _mm512_add_epi32(sum->low, _mm512_slli_epi32(sum->high, 8));
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(both), _mm512_mul_ps(scale, _mm512_set1_ps(a)), y);
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 1-bit products for AVX2 + FMA + F16C, by table lookup (engine/kernel/tiles.h).
 * One vpshufb looks up four columns of 32 rows in one plane; the plane of high
 * bytes is kept unsigned by adding 128.
 *
 * Sums of 32 bytes without widening: vpaddb gives the sum modulo 256, and a tree
 * of vpavgb gives P with 32 * P - 80 <= sum <= 32 * P (each of five levels rounds
 * up by at most half a unit of its own, 16 in units of the sum).  Both together
 * are the sum: two instructions for 32 lookups.
 *
 * Byte p of the lower half of a vector is row 8 * (p / 4) + p % 4, the same byte of
 * the upper half is 4 rows further: widened twice, rows come out in order.
 */
#include <immintrin.h>
#include <string.h>

#include "engine/kernel/level.h"
#include "engine/kernel/tiles.h"

_Static_assert((int)AVX2_TABLE_BYTES == GROUP_TABLE_BYTES, "what the engine is told");

/* ---- tables ------------------------------------------------------------------ */

/* Halves of the 32 sums of four, rounded down, and how many sums are odd. */
static inline int32_t half_sums(const int16_t *q, int16_t halves[TABLES])
{
    const __m256i ones = _mm256_set1_epi16(1), one = _mm256_set1_epi32(1);
    __m256i odd = _mm256_setzero_si256();
    for (size_t i = 0; i < TABLES; i += 16) {
        __m256i half[2];
        for (size_t k = 0; k < 2; k++) {
            const __m256i *at = (const __m256i *)(q + 4 * i + 32 * k);
            __m256i pairs = _mm256_hadd_epi32(_mm256_madd_epi16(_mm256_load_si256(at), ones),
                                              _mm256_madd_epi16(_mm256_load_si256(at + 1), ones));
            __m256i sums = _mm256_permute4x64_epi64(pairs, 0xD8); /* |sum| <= 65532 */
            odd = _mm256_add_epi32(odd, _mm256_and_si256(sums, one));
            half[k] = _mm256_srai_epi32(sums, 1);
        }
        __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(half[0], half[1]), 0xD8);
        _mm256_storeu_si256((__m256i *)(halves + i), packed);
    }
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(odd), _mm256_extracti128_si256(odd, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
}

/* Shuffles that put q[k], of q[0..3] in both halves, where bit k of the entry's
 * number is set, and 0 elsewhere. */
static inline void selections(__m256i out[4])
{
    const __m256i entry = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (int k = 0; k < 4; k++) {
        __m256i bit = _mm256_and_si256(entry, _mm256_set1_epi16((short)(1 << k)));
        __m256i unset = _mm256_cmpeq_epi16(bit, _mm256_setzero_si256()); /* -1: place gives 0 */
        out[k] = _mm256_or_si256(unset, _mm256_set1_epi16((short)(0x0100 + 0x0202 * k)));
    }
}

/* Low bytes, then high bytes + 128, of the 16 entries. */
static inline __m256i table_of(const int16_t *q, int16_t half, const __m256i select[4])
{
    const __m256i planes = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
    int64_t four = 0;
    memcpy(&four, q, sizeof four);
    __m256i all = _mm256_set1_epi64x(four);
    __m256i sum01 = _mm256_add_epi16(_mm256_shuffle_epi8(all, select[0]),
                                     _mm256_shuffle_epi8(all, select[1]));
    __m256i sum23 = _mm256_add_epi16(_mm256_shuffle_epi8(all, select[2]),
                                     _mm256_shuffle_epi8(all, select[3]));
    /* modulo 2^16 up to the last step, whose result fits */
    __m256i entries = _mm256_sub_epi16(_mm256_add_epi16(sum01, sum23), _mm256_set1_epi16(half));
    entries = _mm256_xor_si256(entries, _mm256_set1_epi16((short)0x8000));
    return _mm256_permute4x64_epi64(_mm256_shuffle_epi8(entries, planes), 0xD8);
}

static void tabulate_group(const int16_t *q, const __m256i select[4], uint8_t *out)
{
    int16_t halves[TABLES];
    int32_t odd = half_sums(q, halves);
    for (size_t i = 0; i < TABLES; i++)
        _mm256_storeu_si256((__m256i *)(out + TABLE_BYTES * i),
                            table_of(q + 4 * i, halves[i], select));
    /* 2 * sum of 32 entries, of which 256 * 128 each are the planes' bias */
    int32_t correction = -(2 * TABLES * 256 * 128) - odd;
    memcpy(out + CORRECTION_AT, &correction, sizeof correction);
}

void avx2_tabulate(struct activations *x, size_t first, size_t count)
{
    __m256i select[4];
    selections(select);
    for (size_t token = 0; token < x->tokens; token++)
        for (size_t g = first; g < first + count; g++)
            tabulate_group(x->q + (token * x->groups + g) * KERNEL_GROUP, select,
                           tables_at(x, token, g));
}

size_t avx2_tokens_at_once(size_t groups)
{
    return tiles_tokens_at_once(groups);
}

/* ---- tiles -------------------------------------------------------------------- */

static inline void set_entries(struct tile *tile, size_t byte, __m256i signs)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(signs, 4), nibble);
    _mm256_store_si256((__m256i *)tile->entry[2 * byte], _mm256_and_si256(signs, nibble));
    _mm256_store_si256((__m256i *)tile->entry[2 * byte + 1], high);
}

static inline void set_scales(struct tile *tile, const uint16_t *halves)
{
    for (size_t i = 0; i < TILE_ROWS; i += 8)
        _mm256_storeu_ps(tile->d + i,
                         _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(halves + i))));
}

/* Four rounds of interleaving transpose 16 x 16 bytes. */
static inline void fill_from_blocks(struct tile *tile, const uint8_t *block, size_t row_bytes)
{
    uint16_t halves[TILE_ROWS];
    __m256i v[16], w[16];
    for (size_t r = 0; r < TILE_ROWS; r++)
        memcpy(&halves[r], block + r * row_bytes, 2);
#pragma GCC unroll 16
    for (size_t p = 0; p < 16; p++) {
        const uint8_t *signs = block + (p / 4 * 8 + p % 4) * row_bytes + 2;
        v[p] = _mm256_loadu2_m128i((const __m128i *)(signs + 4 * row_bytes),
                                   (const __m128i *)signs);
    }
    for (size_t round = 0; round < 2; round++) {
#pragma GCC unroll 8
        for (size_t i = 0; i < 8; i++) {
            w[2 * i] = _mm256_unpacklo_epi8(v[i], v[i + 8]);
            w[2 * i + 1] = _mm256_unpackhi_epi8(v[i], v[i + 8]);
        }
#pragma GCC unroll 8
        for (size_t i = 0; i < 8; i++) {
            v[2 * i] = _mm256_unpacklo_epi8(w[i], w[i + 8]);
            v[2 * i + 1] = _mm256_unpackhi_epi8(w[i], w[i + 8]);
        }
    }
    for (size_t byte = 0; byte < 16; byte++)
        set_entries(tile, byte, v[byte]);
    set_scales(tile, halves);
}

static inline void fill_from_panels(struct tile *tile, const uint8_t *first, const uint8_t *second)
{
    const __m256i transpose = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    uint16_t halves[TILE_ROWS];
    memcpy(halves, first, 2 * PANEL_ROWS);
    memcpy(halves + PANEL_ROWS, second, 2 * PANEL_ROWS);
    set_scales(tile, halves);
    for (size_t dword = 0; dword < 4; dword++) {
        size_t at = 2 * PANEL_ROWS + dword * 4 * PANEL_ROWS;
        const uint8_t *eight[4] = {first + at, first + at + 32, second + at, second + at + 32};
        __m256i v[4];
        for (size_t i = 0; i < 4; i++)
            v[i] = _mm256_shuffle_epi8(_mm256_loadu_si256((const __m256i *)eight[i]), transpose);
        __m256i low[2], high[2];
        for (size_t i = 0; i < 2; i++) {
            low[i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
            high[i] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
        }
        set_entries(tile, 4 * dword, _mm256_unpacklo_epi64(low[0], low[1]));
        set_entries(tile, 4 * dword + 1, _mm256_unpackhi_epi64(low[0], low[1]));
        set_entries(tile, 4 * dword + 2, _mm256_unpacklo_epi64(high[0], high[1]));
        set_entries(tile, 4 * dword + 3, _mm256_unpackhi_epi64(high[0], high[1]));
    }
}

/* ---- lookups ------------------------------------------------------------------ */

/* Of each plane: for every row the sum modulo 256, or a rounded-up average. */
struct planes {
    __m256i low, high;
};

static inline struct planes average(struct planes x, struct planes y)
{
    struct planes result = {_mm256_avg_epu8(x.low, y.low), _mm256_avg_epu8(x.high, y.high)};
    return result;
}

static inline __m256i both_halves(const uint8_t *table)
{
    return _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)table));
}

static inline struct planes add(struct planes x, struct planes y)
{
    struct planes result = {_mm256_add_epi8(x.low, y.low), _mm256_add_epi8(x.high, y.high)};
    return result;
}

static inline struct planes look_up(const uint8_t (*entry)[TILE_ROWS], const uint8_t *table)
{
    __m256i at = _mm256_load_si256((const __m256i *)entry[0]);
    struct planes found = {_mm256_shuffle_epi8(both_halves(table), at),
                           _mm256_shuffle_epi8(both_halves(table + 16), at)};
    return found;
}

static inline struct planes look_up_two(const uint8_t (*entry)[TILE_ROWS], const uint8_t *table,
                                        struct planes *sum)
{
    struct planes first = look_up(entry, table), second = look_up(entry + 1, table + TABLE_BYTES);
    *sum = add(*sum, add(first, second));
    return average(first, second);
}

static inline struct planes look_up_eight(const uint8_t (*entry)[TILE_ROWS], const uint8_t *table,
                                          struct planes *sum)
{
    struct planes two[4];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        two[i] = look_up_two(entry + 2 * i, table + 2 * i * TABLE_BYTES, sum);
    return average(average(two[0], two[1]), average(two[2], two[3]));
}

/* 16-bit sums of 32 lookups: 32 * P less its rounding, which is at most 80. */
static inline void widen(__m256i average, __m256i sum, __m256i out[2])
{
    const __m256i weights = _mm256_set1_epi16((short)(32 | 0xFF00)); /* 32, -1 */
    __m256i times32 = _mm256_and_si256(_mm256_slli_epi16(average, 5), _mm256_set1_epi8((char)0xE0));
    __m256i excess = _mm256_sub_epi8(times32, sum);
    out[0] = _mm256_maddubs_epi16(_mm256_unpacklo_epi8(average, excess), weights);
    out[1] = _mm256_maddubs_epi16(_mm256_unpackhi_epi8(average, excess), weights);
}

static inline void multiply_tile(const struct tile *tile, const uint8_t *table, float a, float *y)
{
    struct planes sum = {_mm256_setzero_si256(), _mm256_setzero_si256()}, part[4];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        part[i] = look_up_eight(tile->entry + 8 * i, table + 8 * i * TABLE_BYTES, &sum);
    struct planes all = average(average(part[0], part[1]), average(part[2], part[3]));
    __m256i low[2], high[2];
    widen(all.low, sum.low, low);
    widen(all.high, sum.high, high);
    int32_t correction = 0;
    memcpy(&correction, table + CORRECTION_AT, sizeof correction);
    const __m256i weights = _mm256_set1_epi32(2 | 512 << 16);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        __m256i pairs = i % 2 ? _mm256_unpackhi_epi16(low[i / 2], high[i / 2])
                              : _mm256_unpacklo_epi16(low[i / 2], high[i / 2]);
        __m256i sums = _mm256_add_epi32(_mm256_madd_epi16(pairs, weights),
                                        _mm256_set1_epi32(correction)); /* |sum| < 2^21 */
        __m256 scale = _mm256_mul_ps(_mm256_loadu_ps(tile->d + 8 * i), _mm256_set1_ps(a));
        __m256 before = _mm256_loadu_ps(y + 8 * i);
        _mm256_storeu_ps(y + 8 * i, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), scale, before));
    }
}

/* ---- products ----------------------------------------------------------------- */

void avx2_product(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                  size_t stride)
{
    struct weights w = {blocks, rows, x->groups, false};
    tiles_multiply(&w, x, y, stride);
}

void avx2_product_panels(const uint8_t *panels, size_t rows, const struct activations *x,
                         float *y, size_t stride)
{
    struct weights w = {panels, rows, x->groups, true};
    tiles_multiply(&w, x, y, stride);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 1-bit products for AVX-512 with VBMI and VNNI, by table lookup (avx512_table.h).
 *
 * A register holds the tables of four nibbles.  A dword lane is 32 columns of a
 * row in their natural order: the low nibbles of its four bytes, each plus 16
 * times its place, are indices into one register per plane, the high nibbles
 * into another.  vpermb looks up 16 rows x 16 columns of one plane; vpdpbusd with
 * twos adds the four bytes of each row: 2 * |sum of bytes| <= 2 * 32 * 255.
 *
 * One token: the indices stay in registers, memory is the limit.  More: for 64
 * rows and a group the indices are made once, in L1; then the tokens' tables
 * stream by, two tokens at a time.
 */
#include <immintrin.h>
#include <string.h>

#include "engine/kernel/avx512_table.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
    SET_ROWS = 16, /* rows of a register */
    SETS = 4,
    BLOCK_ROWS = SETS * SET_ROWS,
    TOKENS_MAX = 32,  /* whose sums lie in L1 together with the indices */
    GROUPS_AHEAD = 8, /* whose scales are read at once */
};

enum layout { BLOCKS, PANELS };

/* Tables of this many tokens leave room in a second-level cache of 1 MiB, the
 * least of server CPUs with these instructions. */
size_t avx512_tokens_at_once(size_t groups)
{
    size_t tokens = ((size_t)5 << 17) / (groups * AVX512_TABLE_BYTES) / TOKEN_BLOCK * TOKEN_BLOCK;
    tokens = tokens < TOKENS_MAX ? tokens : TOKENS_MAX;
    return tokens > TOKEN_BLOCK ? tokens : TOKEN_BLOCK;
}

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

/* Keeps compilers from turning pointers with a common step into 16 of their own,
 * for which they have no registers. */
static inline const uint8_t *hidden(const uint8_t *pointer)
{
    __asm__("" : "+r"(pointer));
    return pointer;
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
    const uint8_t *at[4] = {block + 2};
#pragma GCC unroll 3
    for (size_t i = 1; i < 4; i++)
        at[i] = hidden(at[i - 1] + 4 * row_bytes);
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

/* fp16 scales of some groups, copied ahead of their use: read as a vector right
 * after the single stores, they would have to wait for the cache. */
struct scales {
    _Alignas(64) uint16_t half[GROUPS_AHEAD][BLOCK_ROWS];
};

/* Of groups g to g + 7, if g is the first of eight. */
static ALWAYS_INLINE void scales_read(struct scales *out, const uint8_t *blocks, size_t rows,
                                      size_t g, size_t groups)
{
    if (g % GROUPS_AHEAD != 0)
        return;
    for (size_t i = g; i < groups && i < g + GROUPS_AHEAD; i++) {
        const uint8_t *at = blocks + i * KERNEL_GROUP_BYTES;
#pragma GCC unroll 8
        for (size_t row = 0; row < rows; row++) {
            memcpy(&out->half[i % GROUPS_AHEAD][row], at, 2);
            at = hidden(at + groups * KERNEL_GROUP_BYTES);
        }
    }
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

/* ---- one token ------------------------------------------------------------------ */

/* Add one group's part to the sums of 32 rows. */
static ALWAYS_INLINE void add_group(enum layout layout, const uint8_t *const at[2],
                                    const uint16_t *const half[2], size_t row_bytes,
                                    const uint8_t *table, float a, __m512 y[2])
{
    struct signs signs[2];
    struct planes sum[2];
#pragma GCC unroll 2
    for (size_t s = 0; s < 2; s++) {
        signs[s] = layout == PANELS ? signs_of_panel(at[s]) : signs_of_blocks(at[s], row_bytes);
        planes_init(&sum[s], table);
    }
#pragma GCC unroll 8
    for (size_t k = 0; k < 2 * DWORDS; k++)
#pragma GCC unroll 2
        for (size_t s = 0; s < 2; s++)
            planes_add(&sum[s], index_of(&signs[s], k / 2, k % 2), table + k * NIBBLE_BYTES);
#pragma GCC unroll 2
    for (size_t s = 0; s < 2; s++) {
        __m512 scale = scales_at(layout == PANELS ? (const void *)at[s] : half[s]);
        y[s] = planes_scaled(&sum[s], scale, a, y[s]);
    }
}

/* 64 rows: enough streams to keep the memory busy. */
static ALWAYS_INLINE void product_one(enum layout layout, const uint8_t *rows,
                                      const struct activations *x, size_t token, float *y)
{
    const size_t groups = x->groups, row_bytes = groups * KERNEL_GROUP_BYTES;
    const size_t step = layout == PANELS ? PANEL_GROUP_BYTES : KERNEL_GROUP_BYTES;
    struct scales scales;
    __m512 sums[SETS];
    for (size_t s = 0; s < SETS; s++)
        sums[s] = _mm512_setzero_ps();
    for (size_t g = 0; g < groups; g++) {
        if (layout == BLOCKS)
            scales_read(&scales, rows, BLOCK_ROWS, g, groups);
        prefetch_next(rows, g, groups);
#pragma GCC unroll 2
        for (size_t s = 0; s < SETS; s += 2) {
            const uint8_t *set = rows + s * SET_ROWS * row_bytes + g * step;
            const uint16_t *half = scales.half[g % GROUPS_AHEAD] + s * SET_ROWS;
            add_group(layout, (const uint8_t *[2]){set, set + SET_ROWS * row_bytes},
                      (const uint16_t *[2]){half, half + SET_ROWS}, row_bytes,
                      tables_at(x, token, g), x->a[activations_place(x, token, g)], sums + s);
        }
    }
    for (size_t s = 0; s < SETS; s++)
        _mm512_storeu_ps(y + s * SET_ROWS, sums[s]);
}

/* ---- many tokens ---------------------------------------------------------------- */

/* 64 rows of one group. */
struct indices {
    __m512i at[DWORDS][2][SETS]; /* [dword][low, high nibble][set] */
    __m512 scale[SETS];
};

static inline void indices_put(struct indices *out, size_t set, const struct signs *signs,
                               const void *scales)
{
    out->scale[set] = scales_at(scales);
#pragma GCC unroll 8
    for (size_t k = 0; k < 2 * DWORDS; k++)
        out->at[k / 2][k % 2][set] = index_of(signs, k / 2, k % 2);
}

/* The same of fewer than 64 rows: zeros behind the last. */
static void indices_of_rest(struct indices *out, const uint8_t *rows, size_t count, size_t g,
                            size_t groups)
{
    uint8_t copy[BLOCK_ROWS * KERNEL_GROUP_BYTES] = {0};
    uint16_t half[BLOCK_ROWS];
    for (size_t row = 0; row < count; row++)
        memcpy(copy + row * KERNEL_GROUP_BYTES, rows + (row * groups + g) * KERNEL_GROUP_BYTES,
               KERNEL_GROUP_BYTES);
    for (size_t row = 0; row < BLOCK_ROWS; row++)
        memcpy(&half[row], copy + row * KERNEL_GROUP_BYTES, sizeof half[row]);
    for (size_t set = 0; set < SETS; set++) {
        const uint8_t *block = copy + set * SET_ROWS * KERNEL_GROUP_BYTES;
        struct signs signs = signs_of_blocks(block, KERNEL_GROUP_BYTES);
        indices_put(out, set, &signs, half + set * SET_ROWS);
    }
}

static void indices_of_blocks(struct indices *out, const uint8_t *block, size_t row_bytes,
                              const uint16_t scales[BLOCK_ROWS])
{
    for (size_t set = 0; set < SETS; set++) {
        struct signs signs = signs_of_blocks(block + set * SET_ROWS * row_bytes, row_bytes);
        indices_put(out, set, &signs, scales + set * SET_ROWS);
    }
}

/* Panels are whole; of those behind the last, indices may be anything in range. */
static void indices_of_panels(struct indices *out, const uint8_t *panel, size_t count,
                              size_t panel_bytes)
{
    for (size_t set = 0; set * SET_ROWS < count; set++) {
        struct signs signs = signs_of_panel(panel + set * panel_bytes);
        indices_put(out, set, &signs, panel + set * panel_bytes);
    }
}

/* Add one group's part to the sums of 64 rows of one or two tokens. */
static ALWAYS_INLINE void multiply(const struct indices *indices, size_t tokens,
                                   const uint8_t *const table[2], const float a[2],
                                   float *const y[2])
{
    struct planes sum[2][SETS];
#pragma GCC unroll 2
    for (size_t t = 0; t < tokens; t++)
#pragma GCC unroll 4
        for (size_t s = 0; s < SETS; s++)
            planes_init(&sum[t][s], table[t]);
#pragma GCC unroll 8
    for (size_t k = 0; k < 2 * DWORDS; k++)
#pragma GCC unroll 4
        for (size_t s = 0; s < SETS; s++) {
            __m512i index = indices->at[k / 2][k % 2][s];
#pragma GCC unroll 2
            for (size_t t = 0; t < tokens; t++)
                planes_add(&sum[t][s], index, table[t] + k * NIBBLE_BYTES);
        }
#pragma GCC unroll 2
    for (size_t t = 0; t < tokens; t++)
#pragma GCC unroll 4
        for (size_t s = 0; s < SETS; s++) {
            float *at = y[t] + SET_ROWS * s;
            _mm512_store_ps(at, planes_scaled(&sum[t][s], indices->scale[s], a[t],
                                              _mm512_load_ps(at)));
        }
}

/* Compilers that see both at once load the tables of both before they choose. */
static __attribute__((noinline)) void multiply_one(const struct indices *indices,
                                                   const uint8_t *table, float a, float *y)
{
    const uint8_t *const tables[2] = {table, NULL};
    multiply(indices, 1, tables, (float[2]){a, 0}, (float *[2]){y, NULL});
}

static __attribute__((noinline)) void multiply_two(const struct indices *indices,
                                                   const uint8_t *const table[2],
                                                   const float a[2], float *const y[2])
{
    multiply(indices, 2, table, a, y);
}

/* The sums of a block of rows: [token][row]. */
struct sums {
    _Alignas(64) float y[TOKENS_MAX][BLOCK_ROWS];
};

static void multiply_tokens(const struct indices *indices, const struct activations *x,
                            size_t first, size_t count, size_t g, struct sums *sums)
{
    size_t t = 0;
    for (; t + 2 <= count; t += 2) {
        const uint8_t *const table[2] = {tables_at(x, first + t, g),
                                         tables_at(x, first + t + 1, g)};
        const float a[2] = {x->a[activations_place(x, first + t, g)],
                            x->a[activations_place(x, first + t + 1, g)]};
        float *const y[2] = {sums->y[t], sums->y[t + 1]};
        multiply_two(indices, table, a, y);
    }
    if (t < count)
        multiply_one(indices, tables_at(x, first + t, g), x->a[activations_place(x, first + t, g)],
                     sums->y[t]);
}

static void store_sums(const struct sums *sums, size_t rows, size_t count, float *y, size_t stride)
{
    for (size_t t = 0; t < count; t++)
        for (size_t row = 0; row < rows; row += SET_ROWS) {
            size_t left = rows - row < SET_ROWS ? rows - row : SET_ROWS;
            _mm512_mask_storeu_ps(y + t * stride + row, (__mmask16)((1u << left) - 1),
                                  _mm512_load_ps(&sums->y[t][row]));
        }
}

/* Up to 64 rows, tokens first to first + count - 1. */
static ALWAYS_INLINE void product_block(enum layout layout, const uint8_t *at, size_t rows,
                                        const struct activations *x, size_t first, size_t count,
                                        float *y, size_t stride)
{
    const size_t groups = x->groups, row_bytes = groups * KERNEL_GROUP_BYTES;
    struct scales scales;
    struct indices indices;
    struct sums sums;
    memset(&indices, 0, sizeof indices);
    memset(sums.y, 0, count * sizeof sums.y[0]);
    for (size_t g = 0; g < groups; g++) {
        prefetch_next(at, g, groups);
        if (layout == PANELS) {
            indices_of_panels(&indices, at + g * PANEL_GROUP_BYTES, rows, PANEL_ROWS * row_bytes);
        } else if (rows < BLOCK_ROWS) {
            indices_of_rest(&indices, at, rows, g, groups);
        } else {
            scales_read(&scales, at, BLOCK_ROWS, g, groups);
            indices_of_blocks(&indices, at + g * KERNEL_GROUP_BYTES, row_bytes,
                              scales.half[g % GROUPS_AHEAD]);
        }
        multiply_tokens(&indices, x, first, count, g, &sums);
    }
    store_sums(&sums, rows, count, y, stride);
}

static ALWAYS_INLINE void product(enum layout layout, const uint8_t *at, size_t rows,
                                  const struct activations *x, float *y, size_t stride)
{
    const size_t row_bytes = x->groups * KERNEL_GROUP_BYTES;
    const size_t slice = avx512_tokens_at_once(x->groups);
    for (size_t first = 0; first < x->tokens; first += slice) {
        size_t count = x->tokens - first < slice ? x->tokens - first : slice, row = 0;
        float *out = y + first * stride;
        for (; count == 1 && row + BLOCK_ROWS <= rows; row += BLOCK_ROWS)
            product_one(layout, at + row * row_bytes, x, first, out + row);
        for (; row < rows; row += BLOCK_ROWS)
            product_block(layout, at + row * row_bytes,
                          rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS, x, first, count,
                          out + row, stride);
    }
}

void avx512_product(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                    size_t stride)
{
    product(BLOCKS, blocks, rows, x, y, stride);
}

void avx512_product_panels(const uint8_t *panels, size_t rows, const struct activations *x,
                           float *y, size_t stride)
{
    product(PANELS, panels, rows, x, y, stride);
}

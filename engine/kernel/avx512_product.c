/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 1-bit products for AVX-512 with VBMI and VNNI, by table lookup (avx512_table.h,
 * avx512_rows.h).
 *
 * One token: the indices stay in registers, memory is the limit.  More: for 64
 * rows and a group the indices are made once, in L1; then the tokens' tables
 * stream by, two tokens at a time.
 */
#include "engine/kernel/avx512_rows.h"

enum { TOKENS_MAX = 32 }; /* whose sums lie in L1 together with the indices */

enum layout { BLOCKS, PANELS };

/* Tables of this many tokens leave room in a second-level cache of 1 MiB, the
 * least of server CPUs with these instructions. */
size_t avx512_tokens_at_once(size_t groups)
{
    size_t tokens = ((size_t)5 << 17) / (groups * AVX512_TABLE_BYTES) / TOKEN_BLOCK * TOKEN_BLOCK;
    tokens = tokens < TOKENS_MAX ? tokens : TOKENS_MAX;
    return tokens > TOKEN_BLOCK ? tokens : TOKEN_BLOCK;
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
            scales_read(&scales, rows, g, groups);
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
            scales_read(&scales, at, g, groups);
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

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 1-bit products of many tokens with AMX.
 *
 * A weight's bit becomes a byte: 0xFF where it is 1, else 0x00.  That byte is 255
 * if an instruction takes it as unsigned and -1 if as signed.  An activation is
 * split as q = 255 * high - low, high a signed byte, low an unsigned one.  So one
 * tile of weights multiplies both planes into the same sums:
 *   p = sum of 255 * high - sum of low = sum of the q whose bit is 1,
 * and the group's integer sum is s = 2 * p - total, |p| <= 128 * 16383 < 2^21.
 *
 * Two row tiles times two token tiles keep four tiles of sums, two of weights and
 * two of activations busy: a group of them is 16 multiplications, 12 tile loads and
 * 4 tile stores.  Then AVX-512 adds to y, 16 tokens per instruction: convert p,
 * 2 p - total, d * a, fma, store - 4 operations and a store for 16 x 128 weights.
 * It works on the sums of one step while the tiles work on the next.
 *
 * The remainder of a few tokens that would leave a tile of 16 mostly empty is
 * multiplied by the AVX-512 level, with its tables.
 */
#include "engine/kernel/amx_tiles.h"

#include <immintrin.h>
#include <stdalign.h>
#include <string.h>

#include "engine/kernel/level.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
    TILE = TILE_ROWS,        /* rows of a tile, tokens of a tile, integers in a row */
    SIDE = 2,                /* tiles of rows, and of tokens, multiplied at once */
    ROWS_AT_ONCE = SIDE * TILE,
    TOKEN_TILES = 8,         /* so that weights, sums and y, 34 KB, stay in the first cache */
    HALVES = 2,              /* of a group: 64 columns fill a row of a tile */
    PLANES = 2,              /* high, low */
    GROUP_TILES = HALVES * PLANES,
    TOKENS_BY_TABLE = 5,     /* at most: more are worth a tile */
    L2_BYTES = 3 << 19,      /* of 2 MB, for activations */
};
static_assert(TILE * AMX_TABLE_BYTES >= GROUP_TILES * TILE_BYTES, "tiles fit where tables do");

/* Weights of 32 rows and one group. */
struct expanded {
    alignas(64) uint8_t bytes[HALVES][ROWS_AT_ONCE * TILE_ROW_BYTES]; /* [half][row][column] */
    alignas(64) float d[ROWS_AT_ONCE];
};

/* What 32 rows of up to 128 tokens need; two of what one step reads and the next writes. */
struct work {
    struct expanded weights[2];                            /* of even and odd groups */
    alignas(64) int32_t sums[2][SIDE][SIDE][TILE * TILE];  /* [token tile][row tile][row][token] */
    alignas(64) float y[TOKEN_TILES][SIDE][TILE * TILE];   /* [token tile][row tile][row][token] */
};

/* Rows of either layout. */
struct source {
    const uint8_t *blocks; /* NULL if panels */
    const uint8_t *panels;
    size_t rows;
    size_t groups;
};

/* The tokens of x that tiles multiply; the rest goes by tables. */
static size_t tile_tokens(size_t tokens)
{
    size_t rest = tokens % TILE;
    return rest <= TOKENS_BY_TABLE ? tokens - rest : tokens;
}

/* The rest, as activations of their own. */
static struct activations table_part(const struct activations *x, size_t first)
{
    struct activations rest = *x;
    rest.tokens = x->tokens - first;
    rest.q += first * x->groups * KERNEL_GROUP;
    rest.a += first * x->groups; /* first is a multiple of TOKEN_BLOCK */
    rest.total += first * x->groups;
    rest.tables += first * x->groups * AMX_TABLE_BYTES;
    return rest;
}

/* Whole pairs of token tiles whose activations stay in the second cache. */
size_t amx_tokens_at_once(size_t groups)
{
    size_t fit = L2_BYTES / (groups * GROUP_TILES * TILE_BYTES / TILE);
    return fit < SIDE * TILE ? SIDE * TILE : fit / (SIDE * TILE) * (SIDE * TILE);
}

/* ---- tables: activations as tiles --------------------------------------------- */

/* Element j of rows[i] and element i of rows[j] change places. */
static ALWAYS_INLINE void transpose(__m512i rows[TILE])
{
    const __m512i place = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#pragma GCC unroll 4
    for (int half = TILE / 2; half > 0; half /= 2) {
        __m512i bit = _mm512_set1_epi32(half);
        __mmask16 has = _mm512_test_epi32_mask(place, bit);
        /* numbers of 16 and more are elements of the second row */
        __m512i from = _mm512_sub_epi32(_mm512_add_epi32(place, _mm512_set1_epi32(TILE)), bit);
        __m512i upper = _mm512_mask_blend_epi32(has, place, from);
        from = _mm512_add_epi32(place, bit);
        __m512i lower = _mm512_mask_add_epi32(from, has, place, _mm512_set1_epi32(TILE));
#pragma GCC unroll 16
        for (int i = 0; i < TILE; i++) {
            if (i & half)
                continue;
            __m512i first = rows[i], second = rows[i + half];
            rows[i] = _mm512_permutex2var_epi32(first, upper, second);
            rows[i + half] = _mm512_permutex2var_epi32(first, lower, second);
        }
    }
}

/* The high or low bytes of 32 activations.  high = q / 255 rounded up: -64 to 65,
 * low = 255 * high - q: 0 to 255.  257 / 65536 is less than 1 / 255 by so little that
 * only multiples of 255 could see it, and these stay within the bytes, too. */
static ALWAYS_INLINE __m256i split(const int16_t *q, bool low)
{
    __m512i values = _mm512_loadu_si512(q), zero = _mm512_setzero_si512();
    __m512i down = _mm512_mulhi_epi16(_mm512_sub_epi16(zero, values), _mm512_set1_epi16(257));
    __m512i high = _mm512_sub_epi16(zero, down);
    if (!low)
        return _mm512_cvtepi16_epi8(high);
    return _mm512_cvtepi16_epi8(_mm512_sub_epi16(down, values)); /* 255 = -1 modulo 256 */
}

/* 64 columns of up to 16 tokens, zeros behind them, as the second operand of a
 * product: [column / 4][token][column % 4].  q: [token][stride]. */
static void write_plane(const int16_t *q, size_t stride, size_t tokens, bool low, uint8_t *tile)
{
    __m512i rows[TILE];
    for (size_t t = 0; t < TILE; t++, q += stride)
        rows[t] = t >= tokens ? _mm512_setzero_si512()
                              : _mm512_inserti64x4(_mm512_castsi256_si512(split(q, low)),
                                                   split(q + 32, low), 1);
    transpose(rows);
    for (size_t k = 0; k < TILE; k++)
        _mm512_store_si512(tile + k * TILE_ROW_BYTES, rows[k]);
}

/* Four tiles of 16 tokens and a group: [half][high, low]. */
static inline uint8_t *group_tiles(const struct activations *x, size_t token_tile, size_t group)
{
    return x->tables + (token_tile * x->groups + group) * (GROUP_TILES * TILE_BYTES);
}

void amx_tabulate(struct activations *x, size_t first, size_t count)
{
    size_t tokens = tile_tokens(x->tokens), stride = x->groups * KERNEL_GROUP;
    for (size_t token = 0; token < tokens; token += TILE) {
        size_t left = tokens - token < TILE ? tokens - token : TILE;
        for (size_t g = first; g < first + count; g++) {
            const int16_t *q = x->q + token * stride + g * KERNEL_GROUP;
            uint8_t *tiles = group_tiles(x, token / TILE, g);
            for (size_t i = 0; i < GROUP_TILES; i++)
                write_plane(q + i / PLANES * 64, stride, left, i % PLANES, tiles + i * TILE_BYTES);
        }
    }
    if (tokens < x->tokens) {
        struct activations rest = table_part(x, tokens);
        kernel_avx512.tabulate(&rest, first, count);
    }
}

/* ---- weights: bits to bytes ---------------------------------------------------- */

/* For either half of a row: a load into a mask, a move and a store. */
static ALWAYS_INLINE void expand_row(const void *signs_low, const void *signs_high, size_t r,
                                     struct expanded *out)
{
    uint64_t low = 0, high = 0;
    memcpy(&low, signs_low, sizeof low);
    memcpy(&high, signs_high, sizeof high);
    _mm512_store_si512(out->bytes[0] + r * TILE_ROW_BYTES, _mm512_movm_epi8(low));
    _mm512_store_si512(out->bytes[1] + r * TILE_ROW_BYTES, _mm512_movm_epi8(high));
}

static void expand_blocks(const uint8_t *blocks, size_t row_bytes, size_t rows,
                          struct expanded *out)
{
    alignas(32) uint16_t halves[ROWS_AT_ONCE] = {0};
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *block = blocks + r * row_bytes;
        memcpy(&halves[r], block, sizeof halves[r]);
        expand_row(block + 2, block + 10, r, out);
    }
    for (size_t i = 0; i < ROWS_AT_ONCE; i += TILE) {
        __m256i sixteen = _mm256_load_si256((const __m256i *)(halves + i));
        _mm512_store_ps(out->d + i, _mm512_cvtph_ps(sixteen));
    }
}

/* One group of a panel, to `row` and on.  Unpacking two dwords of 16 rows pairs them
 * in the order of rows 0 1 4 5 8 9 12 13, then 2 3 6 7 10 11 14 15. */
static void expand_panel(const uint8_t *panel, size_t row, struct expanded *out)
{
    alignas(64) uint64_t signs[HALVES][TILE];
    const uint8_t *dwords = panel + 2 * PANEL_ROWS;
    for (size_t half = 0; half < HALVES; half++) {
        __m512i low = _mm512_loadu_si512(dwords + half * 2 * 64);
        __m512i high = _mm512_loadu_si512(dwords + half * 2 * 64 + 64);
        _mm512_store_si512(signs[half], _mm512_unpacklo_epi32(low, high));
        _mm512_store_si512(signs[half] + 8, _mm512_unpackhi_epi32(low, high));
    }
    for (size_t r = 0; r < TILE; r++) {
        size_t place = r % 4 / 2 * 8 + r / 4 * 2 + r % 2;
        expand_row(&signs[0][place], &signs[1][place], row + r, out);
    }
    _mm512_store_ps(out->d + row, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)panel)));
}

/* Up to 32 rows from `row` on; behind the last row stays what was there. */
static void expand(const struct source *source, size_t row, size_t group, struct expanded *out)
{
    size_t left = source->rows - row, rows = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
    if (source->blocks) {
        size_t row_bytes = source->groups * KERNEL_GROUP_BYTES;
        expand_blocks(source->blocks + row * row_bytes + group * KERNEL_GROUP_BYTES, row_bytes,
                      rows, out);
        return;
    }
    for (size_t r = 0; r < rows; r += PANEL_ROWS)
        expand_panel(source->panels + panel_scale_place(row + r, group, source->groups), r, out);
}

/* ---- tiles ----------------------------------------------------------------------
 * Tiles 0 and 1 are the sums of the first token tile with either row tile, 2 and 3
 * those of the second; 4 and 5 weights; 6 and 7 activations of the first and
 * second token tile.  A sum is added to again three multiplications later, for
 * these take 16 cycles but are ready only after 52.  An activation is read by two
 * multiplications, then not again for 32 rows: it need not enter the first cache.
 */
static const struct tile_config config = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* 64 columns of two token tiles; first, second: high, then low. */
static ALWAYS_INLINE void multiply_half(const uint8_t *weights, const uint8_t *first,
                                        const uint8_t *second)
{
    tile_load(4, weights, TILE_ROW_BYTES);
    tile_load_streamed(6, first, TILE_ROW_BYTES);
    tile_dp_us(0, 4, 6);
    tile_load(5, weights + TILE_BYTES, TILE_ROW_BYTES);
    tile_dp_us(1, 5, 6);
    tile_load_streamed(7, second, TILE_ROW_BYTES);
    tile_dp_us(2, 4, 7);
    tile_dp_us(3, 5, 7);
    tile_load_streamed(6, first + TILE_BYTES, TILE_ROW_BYTES);
    tile_dp_su(0, 4, 6);
    tile_dp_su(1, 5, 6);
    tile_load_streamed(7, second + TILE_BYTES, TILE_ROW_BYTES);
    tile_dp_su(2, 4, 7);
    tile_dp_su(3, 5, 7);
}

static void multiply_two(const struct expanded *weights, const uint8_t *first,
                         const uint8_t *second, int32_t sums[SIDE][SIDE][TILE * TILE])
{
    tile_fence();
    tile_zero(0);
    tile_zero(1);
    tile_zero(2);
    tile_zero(3);
    multiply_half(weights->bytes[0], first, second);
    multiply_half(weights->bytes[1], first + PLANES * TILE_BYTES, second + PLANES * TILE_BYTES);
    tile_store(0, sums[0][0], TILE_ROW_BYTES);
    tile_store(1, sums[0][1], TILE_ROW_BYTES);
    tile_store(2, sums[1][0], TILE_ROW_BYTES);
    tile_store(3, sums[1][1], TILE_ROW_BYTES);
}

/* The same for the last token tile of an odd number. */
static void multiply_one(const struct expanded *weights, const uint8_t *tokens,
                         int32_t sums[SIDE][TILE * TILE])
{
    tile_fence();
    tile_zero(0);
    tile_zero(1);
    for (size_t half = 0; half < HALVES; half++) {
        tile_load(4, weights->bytes[half], TILE_ROW_BYTES);
        tile_load(5, weights->bytes[half] + TILE_BYTES, TILE_ROW_BYTES);
        tile_load_streamed(6, tokens + half * PLANES * TILE_BYTES, TILE_ROW_BYTES);
        tile_load_streamed(7, tokens + half * PLANES * TILE_BYTES + TILE_BYTES, TILE_ROW_BYTES);
        tile_dp_us(0, 4, 6);
        tile_dp_us(1, 5, 6);
        tile_dp_su(0, 4, 7);
        tile_dp_su(1, 5, 7);
    }
    tile_store(0, sums[0], TILE_ROW_BYTES);
    tile_store(1, sums[1], TILE_ROW_BYTES);
}

/* ---- scaling ---------------------------------------------------------------------- */

/* y = fma(s, d * a, y) of 16 rows and 16 tokens, s = 2 * p - total: p, s and total are
 * integers below 2^22, exact as singles and so is the result of the first fma. */
static ALWAYS_INLINE void scale_tile(const int32_t *p, const float *d, __m512 a, __m512 total,
                                     float *y)
{
#pragma GCC unroll 16
    for (size_t r = 0; r < TILE; r++) {
        __m512 bits = _mm512_cvtepi32_ps(_mm512_load_si512(p + r * TILE));
        __m512 s = _mm512_fmsub_ps(bits, _mm512_set1_ps(2), total);
        __m512 scale = _mm512_mul_ps(a, _mm512_set1_ps(d[r]));
        __m512 sum = _mm512_fmadd_ps(s, scale, _mm512_load_ps(y + r * TILE));
        _mm512_store_ps(y + r * TILE, sum);
    }
}

/* [token / 8][group][8] of 16 tokens; twice the first 8 where x has no others. */
static ALWAYS_INLINE __m512i load_sixteen(const void *place, const struct activations *x,
                                          size_t token, size_t group)
{
    size_t low = activations_place(x, token, group), high = low;
    if (token + TOKEN_BLOCK < x->tokens)
        high = activations_place(x, token + TOKEN_BLOCK, group);
    const int32_t *values = place;
    return _mm512_inserti64x4(
        _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(values + low))),
        _mm256_loadu_si256((const __m256i *)(values + high)), 1);
}

/* ---- blocks: 32 rows, up to 128 tokens ---------------------------------------------- */

struct block {
    const struct source *source;
    const struct activations *x;
    size_t row;         /* the first of up to 32 */
    size_t token_tile;  /* the first of up to TOKEN_TILES */
    size_t token_tiles; /* how many */
    struct work *work;
};

/* One group with two token tiles, or with the last one of an odd number. */
struct step {
    size_t group;
    size_t place; /* of the first token tile in the block */
    size_t tiles; /* 1 or 2 */
    int32_t (*sums)[SIDE][TILE * TILE];
};

static void multiply_step(const struct block *block, const struct step *step)
{
    const struct expanded *weights = &block->work->weights[step->group % 2];
    size_t tile = block->token_tile + step->place;
    const uint8_t *first = group_tiles(block->x, tile, step->group);
    if (step->tiles == 1)
        multiply_one(weights, first, step->sums[0]);
    else
        multiply_two(weights, first, group_tiles(block->x, tile + 1, step->group), step->sums);
}

static void scale_step(const struct block *block, const struct step *step)
{
    const struct activations *x = block->x;
    const float *d = block->work->weights[step->group % 2].d;
    for (size_t i = 0; i < step->tiles; i++) {
        size_t place = step->place + i, token = (block->token_tile + place) * TILE;
        __m512 a = _mm512_castsi512_ps(load_sixteen(x->a, x, token, step->group));
        __m512 total = _mm512_cvtepi32_ps(load_sixteen(x->total, x, token, step->group));
        for (size_t r = 0; r < SIDE; r++)
            scale_tile(step->sums[i][r], d + r * TILE, a, total, block->work->y[place][r]);
    }
}

/* y of the block.  A step is scaled behind the multiplications of the next, so that
 * these need not wait for it, nor it for them. */
static void multiply_block(const struct block *block)
{
    struct work *work = block->work;
    struct step last = {0};
    size_t parity = 0;
    memset(work->y, 0, block->token_tiles * sizeof work->y[0]);
    for (size_t g = 0; g < block->x->groups; g++) {
        expand(block->source, block->row, g, &work->weights[g % 2]);
        for (size_t place = 0; place < block->token_tiles; place += SIDE, parity = !parity) {
            size_t tiles = block->token_tiles - place < SIDE ? 1 : SIDE;
            struct step step = {g, place, tiles, work->sums[parity]};
            multiply_step(block, &step);
            scale_step(block, &last); /* nothing the first time: no tiles */
            last = step;
        }
    }
    scale_step(block, &last);
}

/* The block's y to y[token * stride + row], whose tokens and rows end there. */
static void store_block(const struct block *block, size_t tokens, float *y, size_t stride)
{
    size_t rows = block->source->rows - block->row;
    for (size_t place = 0; place < block->token_tiles; place++)
        for (size_t r = 0; r < SIDE && r * TILE < rows; r++) {
            const float *tile = block->work->y[place][r];
            size_t token = (block->token_tile + place) * TILE, left = rows - r * TILE;
            __mmask16 mask = (__mmask16)(left < TILE ? (1u << left) - 1 : 0xFFFF);
            __m512i columns[TILE];
            for (size_t i = 0; i < TILE; i++)
                columns[i] = _mm512_load_si512(tile + i * TILE);
            transpose(columns);
            for (size_t t = 0; t < TILE && token + t < tokens; t++)
                _mm512_mask_storeu_epi32(y + (token + t) * stride + block->row + r * TILE, mask,
                                         columns[t]);
        }
}

/* Tiles are configured for one call: some hundred cycles of some hundred thousand,
 * and between calls a thread has no tile state that would have to be saved. */
static void multiply_by_tiles(const struct source *source, const struct activations *x,
                              size_t tokens, float *y, size_t stride)
{
    struct work work;
    struct block block = {.source = source, .x = x, .work = &work};
    size_t at_once = amx_tokens_at_once(x->groups) / TILE, tiles = (tokens + TILE - 1) / TILE;
    at_once = at_once < TOKEN_TILES ? at_once : TOKEN_TILES;
    memset(work.weights, 0, sizeof work.weights); /* rows behind the last: any numbers */
    tile_configure(&config);
    for (; block.token_tile < tiles; block.token_tile += block.token_tiles) {
        size_t left = tiles - block.token_tile;
        block.token_tiles = left < at_once ? left : at_once;
        for (block.row = 0; block.row < source->rows; block.row += ROWS_AT_ONCE) {
            multiply_block(&block);
            store_block(&block, tokens, y, stride);
        }
    }
    tile_release();
}

void amx_product(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                 size_t stride)
{
    struct source source = {.blocks = blocks, .rows = rows, .groups = x->groups};
    size_t tokens = tile_tokens(x->tokens);
    if (tokens > 0)
        multiply_by_tiles(&source, x, tokens, y, stride);
    if (tokens < x->tokens) {
        struct activations rest = table_part(x, tokens);
        kernel_avx512.product(blocks, rows, &rest, y + tokens * stride, stride);
    }
}

void amx_product_panels(const uint8_t *panels, size_t rows, const struct activations *x, float *y,
                        size_t stride)
{
    struct source source = {.panels = panels, .rows = rows, .groups = x->groups};
    size_t tokens = tile_tokens(x->tokens);
    if (tokens > 0)
        multiply_by_tiles(&source, x, tokens, y, stride);
    if (tokens < x->tokens) {
        struct activations rest = table_part(x, tokens);
        kernel_avx512.product_panels(panels, rows, &rest, y + tokens * stride, stride);
    }
}

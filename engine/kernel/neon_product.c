/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 1-bit products for NEON, by table lookup (engine/kernel/tiles.h).  One tbl looks
 * up four columns of 16 rows in one plane; low bytes are unsigned, high bytes
 * signed.  uaddw and saddw widen what is found while they add it: 32 low bytes are
 * at most 8160, 32 high bytes at most 4096 in magnitude.
 */
#include <arm_neon.h>
#include <string.h>

#include "engine/kernel/level.h"
#include "engine/kernel/tiles.h"

_Static_assert((int)NEON_TABLE_BYTES == GROUP_TABLE_BYTES, "what the engine is told");

/* ---- tables ------------------------------------------------------------------ */

/* Halves of the 32 sums of four, rounded down, and how many sums are odd. */
static inline int32_t half_sums(const int16_t *q, int16_t halves[TABLES])
{
    int32x4_t odd = vdupq_n_s32(0);
    for (size_t i = 0; i < TABLES; i += 4) {
        int32x4_t first = vpaddlq_s16(vld1q_s16(q + 4 * i));
        int32x4_t second = vpaddlq_s16(vld1q_s16(q + 4 * i + 8));
        int32x4_t sums = vpaddq_s32(first, second); /* |sum| <= 65532 */
        odd = vaddq_s32(odd, vandq_s32(sums, vdupq_n_s32(1)));
        vst1_s16(halves + i, vmovn_s32(vshrq_n_s32(sums, 1)));
    }
    return vaddvq_s32(odd);
}

/* 16 bytes: low bytes of the entries; 16 more: high bytes.  Entries 8 to 15 have
 * q[3] in addition.  Modulo 2^16 up to the last step, whose result fits. */
static inline void table_store(int16x4_t q, int16_t half, uint8_t *out)
{
    static const int16_t bits[3][8] = {
        {0, -1, 0, -1, 0, -1, 0, -1}, {0, 0, -1, -1, 0, 0, -1, -1}, {0, 0, 0, 0, -1, -1, -1, -1}};
    int16x8_t sum01 = vaddq_s16(vandq_s16(vdupq_lane_s16(q, 0), vld1q_s16(bits[0])),
                                vandq_s16(vdupq_lane_s16(q, 1), vld1q_s16(bits[1])));
    int16x8_t sum2 = vandq_s16(vdupq_lane_s16(q, 2), vld1q_s16(bits[2]));
    int16x8_t first = vsubq_s16(vaddq_s16(sum01, sum2), vdupq_n_s16(half));
    int16x8_t second = vaddq_s16(first, vdupq_lane_s16(q, 3));
    uint8x16_t bytes[2] = {vreinterpretq_u8_s16(first), vreinterpretq_u8_s16(second)};
    vst1q_u8(out, vuzp1q_u8(bytes[0], bytes[1]));
    vst1q_u8(out + 16, vuzp2q_u8(bytes[0], bytes[1]));
}

size_t neon_tokens_at_once(size_t groups)
{
    return tiles_tokens_at_once(groups);
}

void neon_tabulate(struct activations *x, size_t first, size_t count)
{
    for (size_t token = 0; token < x->tokens; token++)
        for (size_t g = first; g < first + count; g++) {
            const int16_t *q = x->q + (token * x->groups + g) * KERNEL_GROUP;
            uint8_t *out = tables_at(x, token, g);
            int16_t halves[TABLES];
            int32_t correction = -half_sums(q, halves);
            for (size_t i = 0; i < TABLES; i++)
                table_store(vld1_s16(q + 4 * i), halves[i], out + TABLE_BYTES * i);
            memcpy(out + CORRECTION_AT, &correction, sizeof correction);
        }
}

/* ---- tiles: rows in order ------------------------------------------------------ */

static inline void set_entries(struct tile *tile, size_t byte, size_t row, uint8x16_t signs)
{
    vst1q_u8(tile->entry[2 * byte] + row, vandq_u8(signs, vdupq_n_u8(15)));
    vst1q_u8(tile->entry[2 * byte + 1] + row, vshrq_n_u8(signs, 4));
}

static inline void set_scales(struct tile *tile, const uint16_t *halves)
{
    for (size_t i = 0; i < TILE_ROWS; i += 4)
        vst1q_f32(tile->d + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves + i))));
}

/* Four rounds of interleaving transpose 16 x 16 bytes. */
static inline void transpose(uint8x16_t v[16])
{
    uint8x16_t w[16];
    for (size_t round = 0; round < 2; round++) {
#pragma GCC unroll 8
        for (size_t i = 0; i < 8; i++) {
            w[2 * i] = vzip1q_u8(v[i], v[i + 8]);
            w[2 * i + 1] = vzip2q_u8(v[i], v[i + 8]);
        }
#pragma GCC unroll 8
        for (size_t i = 0; i < 8; i++) {
            v[2 * i] = vzip1q_u8(w[i], w[i + 8]);
            v[2 * i + 1] = vzip2q_u8(w[i], w[i + 8]);
        }
    }
}

static inline void fill_from_blocks(struct tile *tile, const uint8_t *block, size_t row_bytes)
{
    uint16_t halves[TILE_ROWS];
    for (size_t r = 0; r < TILE_ROWS; r++)
        memcpy(&halves[r], block + r * row_bytes, 2);
    set_scales(tile, halves);
    for (size_t row = 0; row < TILE_ROWS; row += 16) {
        uint8x16_t v[16];
#pragma GCC unroll 16
        for (size_t r = 0; r < 16; r++)
            v[r] = vld1q_u8(block + (row + r) * row_bytes + 2);
        transpose(v);
        for (size_t byte = 0; byte < 16; byte++)
            set_entries(tile, byte, row, v[byte]);
    }
}

/* Signs of a panel are [dword][row][byte]: one load parts the bytes of a dword. */
static inline void fill_from_panels(struct tile *tile, const uint8_t *first, const uint8_t *second)
{
    const uint8_t *panels[2] = {first, second};
    uint16_t halves[TILE_ROWS];
    for (size_t p = 0; p < 2; p++) {
        memcpy(halves + p * PANEL_ROWS, panels[p], 2 * PANEL_ROWS);
        for (size_t dword = 0; dword < 4; dword++) {
            uint8x16x4_t signs = vld4q_u8(panels[p] + 2 * PANEL_ROWS + dword * 4 * PANEL_ROWS);
            for (size_t i = 0; i < 4; i++)
                set_entries(tile, 4 * dword + i, p * PANEL_ROWS, signs.val[i]);
        }
    }
    set_scales(tile, halves);
}

/* ---- lookups ------------------------------------------------------------------ */

/* Sums of what 16 rows find in both planes. */
struct found {
    uint16x8_t low[2];
    int16x8_t high[2];
};

static inline void look_up(struct found *sum, uint8x16_t low, uint8x16_t high, uint8x16_t entry)
{
    uint8x16_t found = vqtbl1q_u8(low, entry);
    int8x16_t found_high = vreinterpretq_s8_u8(vqtbl1q_u8(high, entry));
    sum->low[0] = vaddw_u8(sum->low[0], vget_low_u8(found));
    sum->low[1] = vaddw_high_u8(sum->low[1], found);
    sum->high[0] = vaddw_s8(sum->high[0], vget_low_s8(found_high));
    sum->high[1] = vaddw_high_s8(sum->high[1], found_high);
}

/* y += s * (d * a) for four rows, s = 2 * (low + 256 * high) + correction. */
static inline void scale_four(int16x4_t low, int16x4_t high, int32_t correction, const float *d,
                              float a, float *y)
{
    int32x4_t sums = vmlal_n_s16(vshll_n_s16(high, 9), low, 2); /* |sum| < 2^21 */
    float32x4_t exact = vcvtq_f32_s32(vaddq_s32(sums, vdupq_n_s32(correction)));
    vst1q_f32(y, vfmaq_f32(vld1q_f32(y), exact, vmulq_n_f32(vld1q_f32(d), a)));
}

static inline void multiply_tile(const struct tile *tile, const uint8_t *table, float a, float *y)
{
    const uint16x8_t zero = vdupq_n_u16(0);
    const int16x8_t none = vdupq_n_s16(0);
    struct found sum[2] = {{{zero, zero}, {none, none}}, {{zero, zero}, {none, none}}};
    for (size_t i = 0; i < TABLES; i++) {
        uint8x16_t low = vld1q_u8(table + TABLE_BYTES * i);
        uint8x16_t high = vld1q_u8(table + TABLE_BYTES * i + 16);
        look_up(&sum[0], low, high, vld1q_u8(tile->entry[i]));
        look_up(&sum[1], low, high, vld1q_u8(tile->entry[i] + 16));
    }
    int32_t correction = 0;
    memcpy(&correction, table + CORRECTION_AT, sizeof correction);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        int16x8_t low = vreinterpretq_s16_u16(sum[i / 2].low[i % 2]);
        int16x8_t high = sum[i / 2].high[i % 2];
        const float *d = tile->d + 8 * i;
        scale_four(vget_low_s16(low), vget_low_s16(high), correction, d, a, y + 8 * i);
        scale_four(vget_high_s16(low), vget_high_s16(high), correction, d + 4, a, y + 8 * i + 4);
    }
}

/* ---- products ----------------------------------------------------------------- */

void neon_product(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                  size_t stride)
{
    struct weights w = {blocks, rows, x->groups, false};
    tiles_multiply(&w, x, y, stride);
}

void neon_product_panels(const uint8_t *panels, size_t rows, const struct activations *x,
                         float *y, size_t stride)
{
    struct weights w = {panels, rows, x->groups, true};
    tiles_multiply(&w, x, y, stride);
}

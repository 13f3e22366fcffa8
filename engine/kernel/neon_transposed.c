/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The transposed 1-bit product for NEON (engine/kernel/transposed.h, quads.h): tbl looks up
 * 16 columns in one plane, and interleaving makes words of both.
 */
#include <arm_neon.h>
#include <string.h>

#include "engine/kernel/level.h"
#include "engine/kernel/quads.h"
#include "engine/kernel/transposed.h"

static inline void transposed_widen(const uint16_t *halves, float *out)
{
    for (size_t i = 0; i < TRANSPOSED_ROWS; i += 4)
        vst1q_f32(out + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves + i))));
}

void neon_cotangents_fill(const uint8_t *blocks, size_t groups, const float *dy, size_t dy_stride,
                          size_t block, struct cotangents *out)
{
    transposed_fill(blocks, groups, dy, dy_stride, block, out);
}

/* ---- indices ------------------------------------------------------------------ */

/* 16 columns: `value` where the bit is 1. */
static inline uint8x16_t bytes_of(const uint8_t *signs, uint8_t value)
{
    static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t spread = vcombine_u8(vdup_n_u8(signs[0]), vdup_n_u8(signs[1]));
    return vandq_u8(vtstq_u8(spread, vld1q_u8(bits)), vdupq_n_u8(value));
}

static inline void quad_read(const uint8_t *const row[QUAD], uint8_t out[KERNEL_GROUP])
{
    for (size_t j = 0; j < KERNEL_GROUP; j += 16) {
        uint8x16_t low = vorrq_u8(bytes_of(row[0] + j / 8, 1), bytes_of(row[1] + j / 8, 2));
        uint8x16_t high = vorrq_u8(bytes_of(row[2] + j / 8, 4), bytes_of(row[3] + j / 8, 8));
        vst1q_u8(out + j, vorrq_u8(low, high));
    }
}

/* ---- tables --------------------------------------------------------------------- */

static inline void quantize_rows(const float *shares, const float *factors, int16_t *q)
{
    for (size_t r = 0; r < TRANSPOSED_ROWS; r += 4) {
        float32x4_t product = vmulq_f32(vld1q_f32(shares + r), vld1q_f32(factors + r));
        vst1_s16(q + r, vmovn_s32(vcvtnq_s32_f32(product)));
    }
}

/* Entries 0 to 7 are those of three rows less the fourth, 8 to 15 the same with it. */
static inline void quad_table(const int16_t q[QUAD], uint8_t out[2 * QUAD_ENTRIES])
{
    static const int16_t signs[3][8] = {{-1, 1, -1, 1, -1, 1, -1, 1},
                                        {-1, -1, 1, 1, -1, -1, 1, 1},
                                        {-1, -1, -1, -1, 1, 1, 1, 1}};
    int16x8_t three = vmulq_n_s16(vld1q_s16(signs[0]), q[0]);
    three = vmlaq_n_s16(three, vld1q_s16(signs[1]), q[1]);
    three = vmlaq_n_s16(three, vld1q_s16(signs[2]), q[2]);
    int16x8_t fourth = vdupq_n_s16(q[3]);
    uint8x16_t low = vreinterpretq_u8_s16(vsubq_s16(three, fourth));
    uint8x16_t high = vreinterpretq_u8_s16(vaddq_s16(three, fourth));
    vst1q_u8(out, vuzp1q_u8(low, high));
    vst1q_u8(out + QUAD_ENTRIES, vuzp2q_u8(low, high));
}

/* ---- sums --------------------------------------------------------------------- */

static inline void add_four(int16x4_t sums, float unit, float *to)
{
    float32x4_t values = vcvtq_f32_s32(vmovl_s16(sums));
    vst1q_f32(to, vfmaq_f32(vld1q_f32(to), values, vdupq_n_f32(unit)));
}

static inline void add_eight(int16x8_t sums, float unit, float *to)
{
    add_four(vget_low_s16(sums), unit, to);
    add_four(vget_high_s16(sums), unit, to + 4);
}

static inline int16x8_t words(uint8x16_t bytes)
{
    return vreinterpretq_s16_u8(bytes);
}

/* 64 columns from `first` on: so many sums have room in registers. */
static inline void add_half(const struct quads *quads, const uint8_t (*tables)[2 * QUAD_ENTRIES],
                            size_t first, float unit, float *x)
{
    int16x8_t sums[4][2];
#pragma GCC unroll 4
    for (size_t s = 0; s < 4; s++)
        sums[s][0] = sums[s][1] = vdupq_n_s16(0);
    for (size_t k = 0; k < QUADS; k++) {
        uint8x16_t low = vld1q_u8(tables[k]), high = vld1q_u8(tables[k] + QUAD_ENTRIES);
#pragma GCC unroll 4
        for (size_t s = 0; s < 4; s++) {
            uint8x16_t index = vld1q_u8(quads->index[k] + first + 16 * s);
            uint8x16_t lows = vqtbl1q_u8(low, index), highs = vqtbl1q_u8(high, index);
            sums[s][0] = vaddq_s16(sums[s][0], words(vzip1q_u8(lows, highs)));
            sums[s][1] = vaddq_s16(sums[s][1], words(vzip2q_u8(lows, highs)));
        }
    }
#pragma GCC unroll 4
    for (size_t s = 0; s < 4; s++) {
        add_eight(sums[s][0], unit, x + first + 16 * s);
        add_eight(sums[s][1], unit, x + first + 16 * s + 8);
    }
}

static inline void add_quads(const struct quads *quads, const uint8_t (*tables)[2 * QUAD_ENTRIES],
                             float unit, float *x)
{
    add_half(quads, tables, 0, unit, x);
    add_half(quads, tables, KERNEL_GROUP / 2, unit, x);
}

void neon_product_transposed(const uint8_t *blocks, size_t groups, size_t first, size_t count,
                             const struct cotangents *dy, size_t token, size_t tokens, float *dx,
                             size_t dx_stride)
{
    transposed_multiply(blocks, groups, first, count, dy, token, tokens, dx, dx_stride);
}

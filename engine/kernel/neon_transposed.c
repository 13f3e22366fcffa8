/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The transposed 1-bit product for NEON (engine/kernel/pairs.h): tbl looks up a
 * pair's sums for 4 columns at a time, with the places of all four bytes of a sum.
 */
#include <arm_neon.h>
#include <string.h>

#include "engine/kernel/level.h"
#include "engine/kernel/pairs.h"

/* ---- signs and scales ---------------------------------------------------------- */

static inline void widen_scales(const uint16_t *halves, float *out)
{
    for (size_t i = 0; i < ROWS; i += 4)
        vst1q_f32(out + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves + i))));
}

/* 16-bit words: bits of `even` in the even places, those of `odd` in the odd ones. */
static inline uint16x8x2_t interleave_two(uint8x16_t even, uint8x16_t odd)
{
    static const uint8_t spread[16] = {0x00, 0x01, 0x04, 0x05, 0x10, 0x11, 0x14, 0x15,
                                       0x40, 0x41, 0x44, 0x45, 0x50, 0x51, 0x54, 0x55};
    const uint8x16_t first = vld1q_u8(spread), second = vshlq_n_u8(first, 1);
    const uint8x16_t nibble = vdupq_n_u8(15);
    uint8x16_t low = vorrq_u8(vqtbl1q_u8(first, vandq_u8(even, nibble)),
                              vqtbl1q_u8(second, vandq_u8(odd, nibble)));
    uint8x16_t high = vorrq_u8(vqtbl1q_u8(first, vshrq_n_u8(even, 4)),
                               vqtbl1q_u8(second, vshrq_n_u8(odd, 4)));
    uint16x8x2_t words = {{vreinterpretq_u16_u8(vzip1q_u8(low, high)),
                           vreinterpretq_u16_u8(vzip2q_u8(low, high))}};
    return words;
}

static inline void interleave(const uint8_t *const row[QUAD], uint32_t out[BYTES])
{
    uint16x8x2_t first = interleave_two(vld1q_u8(row[0]), vld1q_u8(row[1]));
    uint16x8x2_t second = interleave_two(vld1q_u8(row[2]), vld1q_u8(row[3]));
    for (size_t i = 0; i < 2; i++) {
        uint16x8_t low = vzip1q_u16(first.val[i], second.val[i]);
        uint16x8_t high = vzip2q_u16(first.val[i], second.val[i]);
        vst1q_u32(out + 8 * i, vreinterpretq_u32_u16(low));
        vst1q_u32(out + 8 * i + 4, vreinterpretq_u32_u16(high));
    }
}

/* ---- values of pairs ---------------------------------------------------------- */

/* x with the signs of bit 0 of the place, and y with those of bit 1. */
static inline float32x4_t pair_sums(float x, float y)
{
    static const uint32_t signs[2][4] = {{0x80000000u, 0, 0x80000000u, 0},
                                         {0x80000000u, 0x80000000u, 0, 0}};
    uint32x4_t first = veorq_u32(vreinterpretq_u32_f32(vdupq_n_f32(x)), vld1q_u32(signs[0]));
    uint32x4_t second = veorq_u32(vreinterpretq_u32_f32(vdupq_n_f32(y)), vld1q_u32(signs[1]));
    return vaddq_f32(vreinterpretq_f32_u32(first), vreinterpretq_f32_u32(second));
}

static inline struct quad_values values_of(const float *dy, size_t left, const float *d)
{
    struct quad_values values;
    float c[QUAD] = {0};
    memcpy(c, dy, (left < QUAD ? left : QUAD) * sizeof *c);
    for (size_t i = 0; i < QUAD; i++)
        c[i] *= d[i];
    vst1q_f32(values.pair[0], pair_sums(c[0], c[1]));
    vst1q_f32(values.pair[1], pair_sums(c[2], c[3]));
    return values;
}

/* ---- columns ------------------------------------------------------------------ */

/* Bytes 4 p to 4 p + 3 for each column, whose place p is the dword's lowest two bits. */
static inline uint8x16_t bytes_of(uint32x4_t place)
{
    uint32x4_t two = vandq_u32(place, vdupq_n_u32(3));
    return vreinterpretq_u8_u32(vmlaq_n_u32(vdupq_n_u32(0x03020100), two, 0x04040404));
}

static inline float32x4_t look_up(const float *sums, uint8x16_t bytes)
{
    uint8x16_t table = vreinterpretq_u8_f32(vld1q_f32(sums));
    return vreinterpretq_f32_u8(vqtbl1q_u8(table, bytes));
}

/* The columns 4 * half to 4 * half + 3 of the byte. */
static inline void add_four(const struct part *part, size_t byte, int32_t half,
                            const struct quad_values (*values)[TOKEN_BLOCK], size_t tokens,
                            float *dx, size_t dx_stride)
{
    static const int32_t right[4] = {0, -2, -4, -6};
    const int32x4_t first = vaddq_s32(vld1q_s32(right), vdupq_n_s32(-8 * half));
    const int32x4_t second = vaddq_s32(first, vdupq_n_s32(-16));
    float32x4_t sums[TOKEN_BLOCK];
#pragma GCC unroll 8
    for (size_t t = 0; t < TOKEN_BLOCK; t++)
        sums[t] = t < tokens ? vld1q_f32(dx + t * dx_stride) : vdupq_n_f32(0);
    for (size_t q = 0; q < part->quads; q++) {
        uint32x4_t signs = vdupq_n_u32(part->signs[q][byte]);
        uint8x16_t at01 = bytes_of(vshlq_u32(signs, first));
        uint8x16_t at23 = bytes_of(vshlq_u32(signs, second));
#pragma GCC unroll 8
        for (size_t t = 0; t < TOKEN_BLOCK; t++) {
            float32x4_t sum01 = look_up(values[q][t].pair[0], at01);
            float32x4_t sum23 = look_up(values[q][t].pair[1], at23);
            sums[t] = vaddq_f32(sums[t], vaddq_f32(sum01, sum23));
        }
    }
#pragma GCC unroll 8
    for (size_t t = 0; t < TOKEN_BLOCK; t++)
        if (t < tokens)
            vst1q_f32(dx + t * dx_stride, sums[t]);
}

static inline void add_columns(const struct part *part, size_t byte,
                               const struct quad_values (*values)[TOKEN_BLOCK], size_t tokens,
                               float *dx, size_t dx_stride)
{
    add_four(part, byte, 0, values, tokens, dx, dx_stride);
    add_four(part, byte, 1, values, tokens, dx + 4, dx_stride);
}

void neon_product_transposed(const uint8_t *blocks, size_t rows, size_t groups, size_t first,
                             size_t count, const float *dy, size_t dy_stride, size_t tokens,
                             float *dx, size_t dx_stride)
{
    pairs_multiply(blocks, rows, groups, first, count, dy, dy_stride, tokens, dx, dx_stride);
}

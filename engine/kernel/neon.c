/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * NEON as every 64-bit Arm has it (ARMv8.0).  Equal to ref.c bit for bit: integer
 * sums are exact in any order, float sums keep the 16 lanes (four registers) and
 * the tree, and every other operation is the same IEEE operation on 4 values.
 */
#include <arm_neon.h>
#include <math.h>
#include <string.h>

#include "engine/kernel/divergence.h"
#include "engine/kernel/exp.h"
#include "engine/kernel/level.h"
#include "engine/kernel/outer.h"

enum { FOURS = LANES / 4 }; /* registers of 16 lanes */

/* ---- sums in 16 lanes ------------------------------------------------------ */

struct lanes {
    float32x4_t four[FOURS];
};

static inline struct lanes lanes_load(const float *x)
{
    struct lanes result;
#pragma GCC unroll 4
    for (size_t k = 0; k < FOURS; k++)
        result.four[k] = vld1q_f32(x + 4 * k);
    return result;
}

/* The last n elements, n < 16, zeros behind them.  They leave a lane as it is, but
 * for a -0 that becomes +0: as a score or a mean the two lead to the same bits. */
static inline struct lanes lanes_load_few(const float *x, size_t n)
{
    float padded[LANES] = {0};
    memcpy(padded, x, n * sizeof *x);
    return lanes_load(padded);
}

static inline void lanes_multiply_add(struct lanes *sums, struct lanes x, struct lanes y)
{
#pragma GCC unroll 4
    for (size_t k = 0; k < FOURS; k++)
        sums->four[k] = vfmaq_f32(sums->four[k], x.four[k], y.four[k]);
}

/* 8+8, 4+4, 2+2, 1+1 */
static inline float tree(struct lanes x)
{
    float32x4_t four = vaddq_f32(vaddq_f32(x.four[0], x.four[2]), vaddq_f32(x.four[1], x.four[3]));
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

static float dot(const float *x, const float *y, size_t n)
{
    struct lanes sums = {{vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)}};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        lanes_multiply_add(&sums, lanes_load(x + i), lanes_load(y + i));
    if (i < n)
        lanes_multiply_add(&sums, lanes_load_few(x + i, n - i), lanes_load_few(y + i, n - i));
    return tree(sums);
}

/* ---- exp ------------------------------------------------------------------- */

static inline float32x4_t exp_four(float32x4_t x)
{
    x = vmaxq_f32(vdupq_n_f32(exp_low), x); /* a NaN stays one */
    x = vminq_f32(vdupq_n_f32(exp_high), x);
    float32x4_t magic = vdupq_n_f32(exp_magic);
    float32x4_t shifted = vfmaq_f32(magic, x, vdupq_n_f32(exp_log2e));
    float32x4_t n = vsubq_f32(shifted, magic);
    float32x4_t r = vfmaq_f32(x, n, vdupq_n_f32(-exp_ln2_high));
    r = vfmaq_f32(r, n, vdupq_n_f32(-exp_ln2_low));
    float32x4_t sum = vdupq_n_f32(exp_coefficients[0]);
    for (size_t k = 1; k < 8; k++)
        sum = vfmaq_f32(vdupq_n_f32(exp_coefficients[k]), sum, r);
    int32x4_t bits = vaddq_s32(vreinterpretq_s32_f32(shifted), vdupq_n_s32(127));
    return vmulq_f32(sum, vreinterpretq_f32_s32(vshlq_n_s32(bits, 23)));
}

/* ---- quantization ----------------------------------------------------------- */

/* Largest |x| as bits: compared as integers, a NaN is larger than everything. */
static inline uint32_t largest_magnitude(const float *x)
{
    const uint32x4_t magnitude = vdupq_n_u32(0x7FFFFFFF);
    uint32x4_t largest = vdupq_n_u32(0);
    for (size_t i = 0; i < KERNEL_GROUP; i += 4) {
        uint32x4_t bits = vreinterpretq_u32_f32(vld1q_f32(x + i));
        largest = vmaxq_u32(largest, vandq_u32(bits, magnitude));
    }
    return vmaxvq_u32(largest);
}

static inline bool quantize_group(const float *x, int16_t *q, float *a, int32_t *total)
{
    uint32_t bits = largest_magnitude(x);
    float largest = 0;
    memcpy(&largest, &bits, sizeof largest);
    if (bits >= 0x7F800000u || largest < 0x1p-100f) {
        *a = 0;
        *total = 0;
        memset(q, 0, KERNEL_GROUP * sizeof *q);
        return bits < 0x7F800000u;
    }
    *a = largest / (float)A15_MAX;
    float32x4_t divisor = vdupq_n_f32(*a);
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t i = 0; i < KERNEL_GROUP; i += 8) {
        int32x4_t low = vcvtnq_s32_f32(vdivq_f32(vld1q_f32(x + i), divisor)); /* ties to even */
        int32x4_t high = vcvtnq_s32_f32(vdivq_f32(vld1q_f32(x + i + 4), divisor));
        sum = vaddq_s32(sum, vaddq_s32(low, high));
        vst1q_s16(q + i, vcombine_s16(vmovn_s32(low), vmovn_s32(high)));
    }
    *total = vaddvq_s32(sum); /* |total| <= 128 * 16383 < 2^21 */
    return true;
}

static bool quantize(const float *x, struct activations *out, size_t token)
{
    bool finite = true;
    for (size_t g = 0; g < out->groups; g++) {
        size_t place = activations_place(out, token, g);
        int16_t *q = out->q + (token * out->groups + g) * KERNEL_GROUP;
        finite &= quantize_group(x + g * KERNEL_GROUP, q, &out->a[place], &out->total[place]);
    }
    return finite;
}

/* ---- the rest of a layer ---------------------------------------------------- */

static void rms_norm(const float *x, const float *gain, size_t n, float eps, float *out)
{
    float mean = dot(x, x, n) / (float)n;
    float r = mean < INFINITY ? 1.0f / sqrtf(mean + eps) : NAN;
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(out + i, vmulq_f32(vmulq_n_f32(vld1q_f32(x + i), r), vld1q_f32(gain + i)));
    for (; i < n; i++)
        out[i] = x[i] * r * gain[i];
}

static void rope(float *x, const float *cosines, const float *sines, size_t half)
{
    size_t i = 0;
    for (; i + 4 <= half; i += 4) {
        float32x4_t first = vld1q_f32(x + i), second = vld1q_f32(x + i + half);
        float32x4_t cosine = vld1q_f32(cosines + i), sine = vld1q_f32(sines + i);
        float32x4_t turned = vnegq_f32(vmulq_f32(second, sine));
        vst1q_f32(x + i, vfmaq_f32(turned, first, cosine));
        vst1q_f32(x + i + half, vfmaq_f32(vmulq_f32(first, sine), second, cosine));
    }
    for (; i < half; i++) {
        float first = x[i], second = x[i + half];
        x[i] = fmaf(first, cosines[i], -(second * sines[i]));
        x[i + half] = fmaf(second, cosines[i], first * sines[i]);
    }
}

static void add(float *x, const float *y, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(x + i, vaddq_f32(vld1q_f32(x + i), vld1q_f32(y + i)));
    for (; i < n; i++)
        x[i] = x[i] + y[i];
}

static inline float32x4_t swiglu_four(float32x4_t gate, float32x4_t up)
{
    float32x4_t divisor = vaddq_f32(vdupq_n_f32(1.0f), exp_four(vnegq_f32(gate)));
    return vmulq_f32(vdivq_f32(gate, divisor), up);
}

static void swiglu(const float *gate, const float *up, size_t n, float *h)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(h + i, swiglu_four(vld1q_f32(gate + i), vld1q_f32(up + i)));
    if (i < n) {
        float gates[4] = {0}, ups[4] = {0}, results[4];
        memcpy(gates, gate + i, (n - i) * sizeof *gate);
        memcpy(ups, up + i, (n - i) * sizeof *up);
        vst1q_f32(results, swiglu_four(vld1q_f32(gates), vld1q_f32(ups)));
        memcpy(h + i, results, (n - i) * sizeof *h);
    }
}

/* All lanes begin with x[0]: a NaN there stays, one elsewhere is passed over. */
static float max(const float *x, size_t n)
{
    float32x4_t four = vdupq_n_f32(x[0]);
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t next = vld1q_f32(x + i);
        four = vbslq_f32(vcgtq_f32(next, four), next, four);
    }
    float lanes[4], largest = x[0];
    vst1q_f32(lanes, four);
    for (size_t k = 0; k < 4; k++)
        largest = lanes[k] > largest ? lanes[k] : largest;
    for (; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

/* exp(x[i] - largest) of 16 elements */
static inline struct lanes lanes_exp(struct lanes x, float32x4_t largest)
{
#pragma GCC unroll 4
    for (size_t k = 0; k < FOURS; k++)
        x.four[k] = exp_four(vsubq_f32(x.four[k], largest));
    return x;
}

static inline struct lanes lanes_add(struct lanes x, struct lanes y)
{
#pragma GCC unroll 4
    for (size_t k = 0; k < FOURS; k++)
        x.four[k] = vaddq_f32(x.four[k], y.four[k]);
    return x;
}

static inline void lanes_store(float *x, struct lanes values)
{
#pragma GCC unroll 4
    for (size_t k = 0; k < FOURS; k++)
        vst1q_f32(x + 4 * k, values.four[k]);
}

/* exp(x[i] - largest) into out (may be x; NULL: nowhere), and their sum in 16 lanes. */
static float exps(const float *x, size_t n, float largest, float *out)
{
    float32x4_t top = vdupq_n_f32(largest);
    struct lanes sums = {{vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)}};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        struct lanes terms = lanes_exp(lanes_load(x + i), top);
        sums = lanes_add(sums, terms);
        if (out)
            lanes_store(out + i, terms);
    }
    if (i < n) {
        float results[LANES];
        lanes_store(results, lanes_exp(lanes_load_few(x + i, n - i), top));
        sums = lanes_add(sums, lanes_load_few(results, n - i));
        if (out)
            memcpy(out + i, results, (n - i) * sizeof *out);
    }
    return tree(sums);
}

static float sum_exp(const float *x, size_t n, float largest)
{
    return exps(x, n, largest, NULL);
}

/* ---- attention --------------------------------------------------------------- */

/* Columns of V that are summed together: 8 registers, independent chains. */
enum { COLUMNS = 32, REGISTERS = COLUMNS / 4 };

/* sums[column]: weighted sums of the positions lane, lane + 16, ... */
static inline void value_lane(const struct attention *at, const float *weights, size_t lane,
                              size_t column, float sums[COLUMNS])
{
    float32x4_t registers[REGISTERS];
#pragma GCC unroll 8
    for (size_t k = 0; k < REGISTERS; k++)
        registers[k] = vdupq_n_f32(0);
    for (size_t i = lane; i < at->positions; i += LANES) {
        const float *value = at->values + (size_t)at->path[i] * at->dim + column;
#pragma GCC unroll 8
        for (size_t k = 0; k < REGISTERS; k++)
            registers[k] = vfmaq_n_f32(registers[k], vld1q_f32(value + 4 * k), weights[i]);
    }
#pragma GCC unroll 8
    for (size_t k = 0; k < REGISTERS; k++)
        vst1q_f32(sums + 4 * k, registers[k]);
}

/* The tree over the lanes of four columns. */
static inline float32x4_t column_tree(float sums[LANES][COLUMNS], size_t column)
{
    float32x4_t lanes[LANES];
    for (size_t i = 0; i < LANES; i++)
        lanes[i] = vld1q_f32(sums[i] + column);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] = vaddq_f32(lanes[i], lanes[i + half]);
    return lanes[0];
}

/* One column of the last dim % 32. */
static float value_single(const struct attention *at, const float *weights, size_t column)
{
    float lanes[LANES] = {0};
    for (size_t i = 0; i < at->positions; i++)
        lanes[i % LANES] = fmaf(weights[i], at->values[(size_t)at->path[i] * at->dim + column],
                                lanes[i % LANES]);
    return tree(lanes_load(lanes));
}

static void attend_head(const struct attention *at, size_t head)
{
    const float *query = at->queries + head * at->dim;
    float *scores = at->scratch, *out = at->out + head * at->dim;
    for (size_t i = 0; i < at->positions; i++)
        scores[i] = dot(query, at->keys + (size_t)at->path[i] * at->dim, at->dim) * at->scale;
    float sum = exps(scores, at->positions, max(scores, at->positions), scores);
    float32x4_t divisor = vdupq_n_f32(sum);
    size_t j = 0;
    for (; j + COLUMNS <= at->dim; j += COLUMNS) {
        float sums[LANES][COLUMNS];
        for (size_t lane = 0; lane < LANES; lane++)
            value_lane(at, scores, lane, j, sums[lane]);
        for (size_t k = 0; k < COLUMNS; k += 4)
            vst1q_f32(out + j + k, vdivq_f32(column_tree(sums, k), divisor));
    }
    for (; j < at->dim; j++)
        out[j] = value_single(at, scores, j) / sum;
}

static void attend(const struct attention *attention)
{
    for (size_t head = 0; head < attention->heads; head++)
        attend_head(attention, head);
}

/* ---- the table ---------------------------------------------------------------- */

const struct kernel kernel_neon = {
    .name = "neon",
    .quantize = quantize,
    .table_bytes = NEON_TABLE_BYTES,
    .tokens_at_once = neon_tokens_at_once,
    .tabulate = neon_tabulate,
    .product = neon_product,
    .product_panels = neon_product_panels,
    .cotangents_fill = neon_cotangents_fill,
    .product_transposed = neon_product_transposed,
    .outer_sum = outer_sum,
    .rms_norm = rms_norm,
    .rope = rope,
    .attend = attend,
    .swiglu = swiglu,
    .add = add,
    .max = max,
    .sum_exp = sum_exp,
    .sum_exp_double = divergence_sum_exp,
    .divergence = divergence_sum,
};

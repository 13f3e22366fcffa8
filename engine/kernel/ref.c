/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The definition of all kernels in plain C.  Slow, short, and right: read this
 * file to know what the others compute.
 */
#include <math.h>
#include <string.h>

#include "engine/kernel/divergence.h"
#include "engine/kernel/exp.h"
#include "engine/kernel/half.h"
#include "engine/kernel/level.h"

/* ---- sums in 16 lanes ------------------------------------------------------ */

/* 8+8, 4+4, 2+2, 1+1 */
static float tree(const float lanes[LANES])
{
    float sums[LANES];
    memcpy(sums, lanes, sizeof sums);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            sums[i] = sums[i] + sums[i + half];
    return sums[0];
}

static float dot(const float *x, const float *y, size_t n)
{
    float lanes[LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lanes[i % LANES] = fmaf(x[i], y[i], lanes[i % LANES]);
    return tree(lanes);
}

/* ---- exp ------------------------------------------------------------------- */

static float exp_ref(float x)
{
    x = exp_low > x ? exp_low : x; /* a NaN stays one */
    x = exp_high < x ? exp_high : x;
    float shifted = fmaf(x, exp_log2e, exp_magic);
    float n = shifted - exp_magic;
    float r = fmaf(n, -exp_ln2_high, x);
    r = fmaf(n, -exp_ln2_low, r);
    float sum = exp_coefficients[0];
    for (size_t k = 1; k < 8; k++)
        sum = fmaf(sum, r, exp_coefficients[k]);
    uint32_t bits = 0;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23; /* 2^n: the low bits of shifted are n */
    float power = 0;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

/* ---- 1-bit products -------------------------------------------------------- */

/* Largest |x| as bits, so that a NaN is larger than everything. */
static uint32_t largest_magnitude(const float *x)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < KERNEL_GROUP; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7FFFFFFFu;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

static bool quantize_group(const float *x, int16_t *q, float *a, int32_t *total)
{
    uint32_t bits = largest_magnitude(x);
    float largest = 0;
    memcpy(&largest, &bits, sizeof largest);
    *a = 0;
    *total = 0;
    memset(q, 0, KERNEL_GROUP * sizeof *q);
    if (bits >= 0x7F800000u)
        return false;
    if (largest < 0x1p-100f)
        return true;
    *a = largest / (float)A15_MAX;
    for (size_t i = 0; i < KERNEL_GROUP; i++) {
        q[i] = (int16_t)rintf(x[i] / *a);
        *total += q[i]; /* |total| <= 128 * 16383 < 2^21 */
    }
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

/* |sum| <= 128 * 16383 < 2^21 */
static int32_t signed_sum(const uint8_t *signs, const int16_t *q)
{
    int32_t sum = 0;
    for (size_t i = 0; i < KERNEL_GROUP; i++)
        sum += (signs[i / 8] >> (i % 8) & 1) ? q[i] : -q[i];
    return sum;
}

static float product_one(const uint8_t *row, const struct activations *x, size_t token)
{
    const int16_t *q = x->q + token * x->groups * KERNEL_GROUP;
    float y = 0;
    for (size_t g = 0; g < x->groups; g++) {
        const uint8_t *block = row + g * KERNEL_GROUP_BYTES;
        float d = half_value((uint16_t)(block[0] | block[1] << 8));
        float scale = d * x->a[activations_place(x, token, g)];
        y = fmaf((float)signed_sum(block + 2, q + g * KERNEL_GROUP), scale, y);
    }
    return y;
}

static void product(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                    size_t stride)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t token = 0; token < x->tokens; token++)
            y[token * stride + row] =
                product_one(blocks + row * x->groups * KERNEL_GROUP_BYTES, x, token);
}

static size_t all_at_once(size_t groups)
{
    (void)groups;
    return SIZE_MAX / TOKEN_BLOCK * TOKEN_BLOCK;
}

/* One group of one row of a panel as a block. */
static void panel_block(const uint8_t *panels, size_t row, size_t group, size_t groups,
                        uint8_t block[KERNEL_GROUP_BYTES])
{
    memcpy(block, panels + panel_scale_place(row, group, groups), 2);
    for (size_t dword = 0; dword < 4; dword++)
        memcpy(block + 2 + 4 * dword, panels + panel_signs_place(row, group, groups, dword), 4);
}

void ref_product_panels(const uint8_t *panels, size_t rows, const struct activations *x, float *y,
                        size_t stride)
{
    for (size_t token = 0; token < x->tokens; token++)
        for (size_t row = 0; row < rows; row++) {
            const int16_t *q = x->q + token * x->groups * KERNEL_GROUP;
            float sum = 0;
            for (size_t g = 0; g < x->groups; g++) {
                uint8_t block[KERNEL_GROUP_BYTES];
                panel_block(panels, row, g, x->groups, block);
                float d = half_value((uint16_t)(block[0] | block[1] << 8));
                float scale = d * x->a[activations_place(x, token, g)];
                sum = fmaf((float)signed_sum(block + 2, q + g * KERNEL_GROUP), scale, sum);
            }
            y[token * stride + row] = sum;
        }
}

static void outer_sum(const float *dy, size_t dy_stride, const float *x, size_t x_stride,
                      size_t tokens, size_t rows, float *out)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t t = 0; t < tokens; t++)
            for (size_t j = 0; j < KERNEL_GROUP; j++)
                out[row * KERNEL_GROUP + j] = fmaf(dy[t * dy_stride + row], x[t * x_stride + j],
                                                   out[row * KERNEL_GROUP + j]);
}

/* ---- the rest of a layer ---------------------------------------------------- */

static void rms_norm(const float *x, const float *gain, size_t n, float eps, float *out)
{
    float mean = dot(x, x, n) / (float)n;
    /* a sum that overflowed must not turn into zeros */
    float r = mean < INFINITY ? 1.0f / sqrtf(mean + eps) : NAN;
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * r * gain[i];
}

static void rope(float *x, const float *cosines, const float *sines, size_t half)
{
    for (size_t i = 0; i < half; i++) {
        float first = x[i], second = x[i + half];
        x[i] = fmaf(first, cosines[i], -(second * sines[i]));
        x[i + half] = fmaf(second, cosines[i], first * sines[i]);
    }
}

static float max(const float *x, size_t n)
{
    float largest = x[0];
    for (size_t i = 1; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

static float sum_exp(const float *x, size_t n, float largest)
{
    float lanes[LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lanes[i % LANES] = lanes[i % LANES] + exp_ref(x[i] - largest);
    return tree(lanes);
}

static void attend_head(const struct attention *at, size_t head)
{
    const float *query = at->queries + head * at->dim;
    float *out = at->out + head * at->dim;
    float *scores = at->scratch, *lanes = at->scratch + at->positions;
    for (size_t i = 0; i < at->positions; i++)
        scores[i] = dot(query, at->keys + (size_t)at->path[i] * at->dim, at->dim) * at->scale;
    float largest = max(scores, at->positions);
    float sum = sum_exp(scores, at->positions, largest);
    memset(lanes, 0, LANES * at->dim * sizeof *lanes);
    for (size_t i = 0; i < at->positions; i++) {
        const float *value = at->values + (size_t)at->path[i] * at->dim;
        float weight = exp_ref(scores[i] - largest);
        float *lane = lanes + i % LANES * at->dim;
        for (size_t j = 0; j < at->dim; j++)
            lane[j] = fmaf(weight, value[j], lane[j]);
    }
    for (size_t j = 0; j < at->dim; j++) {
        float column[LANES];
        for (size_t lane = 0; lane < LANES; lane++)
            column[lane] = lanes[lane * at->dim + j];
        out[j] = tree(column) / sum;
    }
}

static void attend(const struct attention *attention)
{
    for (size_t head = 0; head < attention->heads; head++)
        attend_head(attention, head);
}

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] + y[i];
}

static void swiglu(const float *gate, const float *up, size_t n, float *h)
{
    for (size_t i = 0; i < n; i++)
        h[i] = gate[i] / (1.0f + exp_ref(-gate[i])) * up[i];
}

const struct kernel kernel_ref = {
    .name = "ref",
    .quantize = quantize,
    .tokens_at_once = all_at_once,
    .product = product,
    .product_panels = ref_product_panels,
    .cotangents_fill = ref_cotangents_fill,
    .product_transposed = ref_product_transposed,
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

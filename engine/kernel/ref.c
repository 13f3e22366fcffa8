/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The definition of all kernels in plain C.  Slow, short, and right: read this
 * file to know what the others compute.
 */
#include <math.h>
#include <string.h>

#include "engine/kernel/exp.h"
#include "engine/kernel/half.h"
#include "engine/kernel/kernel.h"

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

static void attend(const float *query, const float *keys, const float *values,
                   const int32_t *path, size_t n, size_t stride, size_t dim, float scale,
                   float *scores, float *lanes, float *out)
{
    for (size_t i = 0; i < n; i++)
        scores[i] = dot(query, keys + (size_t)path[i] * stride, dim) * scale;
    float largest = max(scores, n);
    float sum = sum_exp(scores, n, largest);
    memset(lanes, 0, LANES * dim * sizeof *lanes);
    for (size_t i = 0; i < n; i++) {
        const float *value = values + (size_t)path[i] * stride;
        float weight = exp_ref(scores[i] - largest);
        float *lane = lanes + i % LANES * dim;
        for (size_t j = 0; j < dim; j++)
            lane[j] = fmaf(weight, value[j], lane[j]);
    }
    for (size_t j = 0; j < dim; j++) {
        float column[LANES];
        for (size_t lane = 0; lane < LANES; lane++)
            column[lane] = lanes[lane * dim + j];
        out[j] = tree(column) / sum;
    }
}

static void swiglu(const float *gate, const float *up, size_t n, float *h)
{
    for (size_t i = 0; i < n; i++)
        h[i] = gate[i] / (1.0f + exp_ref(-gate[i])) * up[i];
}

const struct kernel kernel_ref = {
    .name = "ref",
    .quantize = quantize,
    .product = product,
    .rms_norm = rms_norm,
    .rope = rope,
    .attend = attend,
    .swiglu = swiglu,
    .max = max,
    .sum_exp = sum_exp,
};

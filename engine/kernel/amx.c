/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * AMX: products of many tokens in tiles (amx_product.c); everything else is what
 * the AVX-512 level has, whose CPUs these all are.
 */
#include "engine/kernel/divergence.h"
#include "engine/kernel/level.h"
#include "engine/kernel/outer.h"

static bool quantize(const float *x, struct activations *out, size_t token)
{
    return kernel_avx512.quantize(x, out, token);
}

static void cotangents_fill(const uint8_t *blocks, size_t groups, const float *dy,
                            size_t dy_stride, size_t block, struct cotangents *out)
{
    kernel_avx512.cotangents_fill(blocks, groups, dy, dy_stride, block, out);
}

static void product_transposed(const uint8_t *blocks, size_t groups, size_t first, size_t count,
                               const struct cotangents *dy, size_t token, size_t tokens,
                               float *dx, size_t dx_stride)
{
    kernel_avx512.product_transposed(blocks, groups, first, count, dy, token, tokens, dx,
                                     dx_stride);
}

static void rms_norm(const float *x, const float *gain, size_t n, float eps, float *out)
{
    kernel_avx512.rms_norm(x, gain, n, eps, out);
}

static void rope(float *x, const float *cosines, const float *sines, size_t half)
{
    kernel_avx512.rope(x, cosines, sines, half);
}

static void attend(const struct attention *attention)
{
    kernel_avx512.attend(attention);
}

static void swiglu(const float *gate, const float *up, size_t n, float *h)
{
    kernel_avx512.swiglu(gate, up, n, h);
}

static void add(float *x, const float *y, size_t n)
{
    kernel_avx512.add(x, y, n);
}

static float max(const float *x, size_t n)
{
    return kernel_avx512.max(x, n);
}

static float sum_exp(const float *x, size_t n, float largest)
{
    return kernel_avx512.sum_exp(x, n, largest);
}

const struct kernel kernel_amx = {
    .name = "amx",
    .quantize = quantize,
    .table_bytes = AMX_TABLE_BYTES,
    .tokens_at_once = amx_tokens_at_once,
    .tabulate = amx_tabulate,
    .product = amx_product,
    .product_panels = amx_product_panels,
    .cotangents_fill = cotangents_fill,
    .product_transposed = product_transposed,
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

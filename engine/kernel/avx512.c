/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * AVX-512: the steps of a layer.  Equal to ref.c bit for bit: the 16 lanes of a
 * sum are one register, the tree is the same, and every other operation is the
 * same IEEE operation on 16 values.  Ends are masked.
 */
#include <math.h>

#include "engine/kernel/avx512.h"
#include "engine/kernel/level.h"

/* Lanes of the 16 from i on that lie before n. */
static inline __mmask16 lanes_before(size_t n, size_t i)
{
    return first_lanes(n - i < 16 ? n - i : 16);
}

/* Zeros behind the end leave a lane as it is, but for a -0 that becomes +0: as
 * a mean the two lead to the same bits. */
static float sum_of_squares(const float *x, size_t n)
{
    __m512 lanes = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16) {
        __m512 terms = _mm512_maskz_loadu_ps(lanes_before(n, i), x + i);
        lanes = _mm512_fmadd_ps(terms, terms, lanes);
    }
    return lane_sum_512(lanes);
}

static void rms_norm(const float *x, const float *gain, size_t n, float eps, float *out)
{
    float mean = sum_of_squares(x, n) / (float)n;
    __m512 factor = _mm512_set1_ps(mean < INFINITY ? 1.0f / sqrtf(mean + eps) : NAN);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = lanes_before(n, i);
        __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), factor);
        scaled = _mm512_mul_ps(scaled, _mm512_maskz_loadu_ps(mask, gain + i));
        _mm512_mask_storeu_ps(out + i, mask, scaled);
    }
}

static void rope(float *x, const float *cosines, const float *sines, size_t half)
{
    for (size_t i = 0; i < half; i += 16) {
        __mmask16 mask = lanes_before(half, i);
        __m512 first = _mm512_maskz_loadu_ps(mask, x + i);
        __m512 second = _mm512_maskz_loadu_ps(mask, x + i + half);
        __m512 cosine = _mm512_maskz_loadu_ps(mask, cosines + i);
        __m512 sine = _mm512_maskz_loadu_ps(mask, sines + i);
        __m512 turned = _mm512_fmsub_ps(first, cosine, _mm512_mul_ps(second, sine));
        _mm512_mask_storeu_ps(x + i, mask, turned);
        turned = _mm512_fmadd_ps(second, cosine, _mm512_mul_ps(first, sine));
        _mm512_mask_storeu_ps(x + i + half, mask, turned);
    }
}

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = lanes_before(n, i);
        __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, x + i),
                                   _mm512_maskz_loadu_ps(mask, y + i));
        _mm512_mask_storeu_ps(x + i, mask, sum);
    }
}

static void swiglu(const float *gate, const float *up, size_t n, float *h)
{
    const __m512 minus = _mm512_set1_ps(-0.0f), one = _mm512_set1_ps(1.0f);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = lanes_before(n, i);
        __m512 gates = _mm512_maskz_loadu_ps(mask, gate + i);
        __m512 divisor = _mm512_add_ps(one, exp_sixteen(_mm512_xor_ps(gates, minus)));
        __m512 ups = _mm512_maskz_loadu_ps(mask, up + i);
        _mm512_mask_storeu_ps(h + i, mask, _mm512_mul_ps(_mm512_div_ps(gates, divisor), ups));
    }
}

static float max(const float *x, size_t n)
{
    return max_512(x, n);
}

static float sum_exp(const float *x, size_t n, float largest)
{
    return exps_512(x, n, largest, NULL);
}

const struct kernel kernel_avx512 = {
    .name = "avx512",
    .quantize = avx2_quantize,
    .table_bytes = AVX2_TABLE_BYTES,
    .tokens_at_once = avx2_tokens_at_once,
    .tabulate = avx2_tabulate,
    .product = avx2_product,
    .product_panels = avx2_product_panels,
    .product_transposed = ref_product_transposed,
    .rms_norm = rms_norm,
    .rope = rope,
    .attend = avx512_attend,
    .swiglu = swiglu,
    .add = add,
    .max = max,
    .sum_exp = sum_exp,
};

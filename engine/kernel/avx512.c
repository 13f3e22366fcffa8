/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * AVX-512: the steps of a layer.  Equal to ref.c bit for bit: the 16 lanes of a
 * sum are one register, the tree is the same, and every other operation is the
 * same IEEE operation on 16 values.
 *
 * A step works on 16 elements under a mask.  Its loop uses it with the mask of
 * all, which compilers leave out, and once more with that of the rest.
 */
#include <math.h>

#include "engine/kernel/avx512.h"
#include "engine/kernel/divergence.h"
#include "engine/kernel/level.h"
#include "engine/kernel/outer.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum { ALL = 0xFFFF };

/* ---- RMSNorm ------------------------------------------------------------------ */

/* Zeros behind the end leave a lane as it is, but for a -0 that becomes +0: as
 * a mean the two lead to the same bits. */
static float sum_of_squares(const float *x, size_t n)
{
    __m512 lanes = _mm512_setzero_ps();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m512 terms = _mm512_loadu_ps(x + i);
        lanes = _mm512_fmadd_ps(terms, terms, lanes);
    }
    if (i < n) {
        __m512 terms = _mm512_maskz_loadu_ps(first_lanes(n - i), x + i);
        lanes = _mm512_fmadd_ps(terms, terms, lanes);
    }
    return lane_sum_512(lanes);
}

static ALWAYS_INLINE void scale_step(const float *x, const float *gain, __m512 factor,
                                     __mmask16 mask, float *out)
{
    __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x), factor);
    scaled = _mm512_mul_ps(scaled, _mm512_maskz_loadu_ps(mask, gain));
    _mm512_mask_storeu_ps(out, mask, scaled);
}

static void rms_norm(const float *x, const float *gain, size_t n, float eps, float *out)
{
    float mean = sum_of_squares(x, n) / (float)n;
    __m512 factor = _mm512_set1_ps(mean < INFINITY ? 1.0f / sqrtf(mean + eps) : NAN);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        scale_step(x + i, gain + i, factor, ALL, out + i);
    if (i < n)
        scale_step(x + i, gain + i, factor, first_lanes(n - i), out + i);
}

/* ---- RoPE --------------------------------------------------------------------- */

static ALWAYS_INLINE void rope_step(float *x, float *y, const float *cosines, const float *sines,
                                    __mmask16 mask)
{
    __m512 first = _mm512_maskz_loadu_ps(mask, x), second = _mm512_maskz_loadu_ps(mask, y);
    __m512 cosine = _mm512_maskz_loadu_ps(mask, cosines);
    __m512 sine = _mm512_maskz_loadu_ps(mask, sines);
    __m512 turned = _mm512_fmsub_ps(first, cosine, _mm512_mul_ps(second, sine));
    _mm512_mask_storeu_ps(x, mask, turned);
    turned = _mm512_fmadd_ps(second, cosine, _mm512_mul_ps(first, sine));
    _mm512_mask_storeu_ps(y, mask, turned);
}

static void rope(float *x, const float *cosines, const float *sines, size_t half)
{
    size_t i = 0;
    for (; i + LANES <= half; i += LANES)
        rope_step(x + i, x + i + half, cosines + i, sines + i, ALL);
    if (i < half)
        rope_step(x + i, x + i + half, cosines + i, sines + i, first_lanes(half - i));
}

/* ---- the stream and the MLP --------------------------------------------------- */

static ALWAYS_INLINE void add_step(float *x, const float *y, __mmask16 mask)
{
    __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, x), _mm512_maskz_loadu_ps(mask, y));
    _mm512_mask_storeu_ps(x, mask, sum);
}

static void add(float *x, const float *y, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        add_step(x + i, y + i, ALL);
    if (i < n)
        add_step(x + i, y + i, first_lanes(n - i));
}

static ALWAYS_INLINE void swiglu_step(const float *gate, const float *up, __mmask16 mask, float *h)
{
    __m512 gates = _mm512_maskz_loadu_ps(mask, gate), ups = _mm512_maskz_loadu_ps(mask, up);
    __m512 negated = _mm512_xor_ps(gates, _mm512_set1_ps(-0.0f));
    __m512 divisor = _mm512_add_ps(_mm512_set1_ps(1.0f), exp_sixteen(negated));
    _mm512_mask_storeu_ps(h, mask, _mm512_mul_ps(_mm512_div_ps(gates, divisor), ups));
}

static void swiglu(const float *gate, const float *up, size_t n, float *h)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        swiglu_step(gate + i, up + i, ALL, h + i);
    if (i < n)
        swiglu_step(gate + i, up + i, first_lanes(n - i), h + i);
}

/* ---- softmax and log-sum-exp -------------------------------------------------- */

float avx512_max(const float *x, size_t n)
{
    __m512 largest = _mm512_set1_ps(x[0]);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        largest = _mm512_max_ps(_mm512_loadu_ps(x + i), largest);
    __mmask16 rest = first_lanes(n - i);
    largest = _mm512_mask_max_ps(largest, rest, _mm512_maskz_loadu_ps(rest, x + i), largest);
    return _mm512_reduce_max_ps(largest);
}

static ALWAYS_INLINE __m512 exp_step(const float *x, __m512 largest, __mmask16 mask, float *out)
{
    __m512 terms = exp_sixteen(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x), largest));
    if (out)
        _mm512_mask_storeu_ps(out, mask, terms);
    return terms;
}

static ALWAYS_INLINE float exps(const float *x, size_t n, float largest, float *out)
{
    __m512 lanes = _mm512_setzero_ps(), top = _mm512_set1_ps(largest);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        lanes = _mm512_add_ps(lanes, exp_step(x + i, top, ALL, out ? out + i : NULL));
    if (i < n) {
        __mmask16 rest = first_lanes(n - i);
        lanes = _mm512_mask_add_ps(lanes, rest, lanes,
                                   exp_step(x + i, top, rest, out ? out + i : NULL));
    }
    return lane_sum_512(lanes);
}

float avx512_exps(const float *x, size_t n, float largest, float *out)
{
    return exps(x, n, largest, out);
}

static float sum_exp(const float *x, size_t n, float largest)
{
    return exps(x, n, largest, NULL);
}

/* ---- the table ---------------------------------------------------------------- */

const struct kernel kernel_avx512 = {
    .name = "avx512",
    .quantize = avx512_quantize,
    .table_bytes = AVX512_TABLE_BYTES,
    .tokens_at_once = avx512_tokens_at_once,
    .tabulate = avx512_tabulate,
    .product = avx512_product,
    .product_panels = avx512_product_panels,
    .cotangents_fill = avx512_cotangents_fill,
    .product_transposed = avx512_product_transposed,
    .outer_sum = outer_sum,
    .rms_norm = rms_norm,
    .rope = rope,
    .attend = avx512_attend,
    .swiglu = swiglu,
    .add = add,
    .max = avx512_max,
    .sum_exp = sum_exp,
    .sum_exp_double = divergence_sum_exp,
    .divergence = divergence_sum,
};

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * AVX2 + FMA + F16C: quantization and the steps of a layer.  Equal to ref.c bit
 * for bit: integer sums are exact in any order, float sums keep the 16 lanes (two
 * registers: lanes 0-7 and 8-15) and the tree, and every other operation is the
 * same IEEE operation on 8 values.
 */
#include <math.h>
#include <string.h>

#include "engine/kernel/avx2.h"
#include "engine/kernel/divergence.h"
#include "engine/kernel/level.h"
#include "engine/kernel/outer.h"

/* ---- quantization ----------------------------------------------------------- */

static inline int32_t sum_epi32(__m256i x)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
}

/* Largest |x| as bits: compared as integers, a NaN is larger than everything. */
static inline uint32_t largest_magnitude(const float *x)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
    __m256i largest = _mm256_setzero_si256();
    for (size_t i = 0; i < KERNEL_GROUP; i += 8) {
        __m256i bits = _mm256_loadu_si256((const __m256i *)(x + i));
        largest = _mm256_max_epu32(largest, _mm256_and_si256(bits, magnitude));
    }
    __m128i four = _mm_max_epu32(_mm256_castsi256_si128(largest),
                                 _mm256_extracti128_si256(largest, 1));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4E));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xB1));
    return (uint32_t)_mm_cvtsi128_si32(four);
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
    __m256 divisor = _mm256_set1_ps(*a);
    __m256i sum = _mm256_setzero_si256();
    for (size_t i = 0; i < KERNEL_GROUP; i += 16) {
        __m256i low = _mm256_cvtps_epi32(_mm256_div_ps(_mm256_loadu_ps(x + i), divisor));
        __m256i high = _mm256_cvtps_epi32(_mm256_div_ps(_mm256_loadu_ps(x + i + 8), divisor));
        sum = _mm256_add_epi32(sum, _mm256_add_epi32(low, high));
        __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8);
        _mm256_storeu_si256((__m256i *)(q + i), packed);
    }
    *total = sum_epi32(sum); /* |total| <= 128 * 16383 < 2^21 */
    return true;
}

bool avx2_quantize(const float *x, struct activations *out, size_t token)
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

/* Zeros behind the end leave a lane as it is, but for a -0 that becomes +0: as
 * a mean the two lead to the same bits. */
static float sum_of_squares(const float *x, size_t n)
{
    __m256 low = _mm256_setzero_ps(), high = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 first = _mm256_loadu_ps(x + i), second = _mm256_loadu_ps(x + i + 8);
        low = _mm256_fmadd_ps(first, first, low);
        high = _mm256_fmadd_ps(second, second, high);
    }
    if (i < n) {
        float padded[LANES] = {0};
        memcpy(padded, x + i, (n - i) * sizeof *x);
        __m256 first = _mm256_loadu_ps(padded), second = _mm256_loadu_ps(padded + 8);
        low = _mm256_fmadd_ps(first, first, low);
        high = _mm256_fmadd_ps(second, second, high);
    }
    return lane_sum(low, high);
}

static void rms_norm(const float *x, const float *gain, size_t n, float eps, float *out)
{
    float mean = sum_of_squares(x, n) / (float)n;
    float r = mean < INFINITY ? 1.0f / sqrtf(mean + eps) : NAN;
    __m256 factor = _mm256_set1_ps(r);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + i), factor);
        _mm256_storeu_ps(out + i, _mm256_mul_ps(scaled, _mm256_loadu_ps(gain + i)));
    }
    for (; i < n; i++)
        out[i] = x[i] * r * gain[i];
}

static void rope(float *x, const float *cosines, const float *sines, size_t half)
{
    size_t i = 0;
    for (; i + 8 <= half; i += 8) {
        __m256 first = _mm256_loadu_ps(x + i), second = _mm256_loadu_ps(x + i + half);
        __m256 cosine = _mm256_loadu_ps(cosines + i), sine = _mm256_loadu_ps(sines + i);
        __m256 turned = _mm256_fmsub_ps(first, cosine, _mm256_mul_ps(second, sine));
        _mm256_storeu_ps(x + i, turned);
        turned = _mm256_fmadd_ps(second, cosine, _mm256_mul_ps(first, sine));
        _mm256_storeu_ps(x + i + half, turned);
    }
    for (; i < half; i++) {
        float first = x[i], second = x[i + half];
        x[i] = fmaf(first, cosines[i], -(second * sines[i]));
        x[i + half] = fmaf(second, cosines[i], first * sines[i]);
    }
}

float avx2_max(const float *x, size_t n)
{
    __m256 eight = _mm256_set1_ps(x[0]);
    float largest = x[0], values[8];
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        eight = _mm256_max_ps(_mm256_loadu_ps(x + i), eight);
    _mm256_storeu_ps(values, eight);
    for (size_t k = 0; k < 8; k++)
        largest = values[k] > largest ? values[k] : largest;
    for (; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

float avx2_exps(const float *x, size_t n, float largest, float *out)
{
    __m256 low = _mm256_setzero_ps(), high = _mm256_setzero_ps();
    __m256 top = _mm256_set1_ps(largest);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 first = exp_eight(_mm256_sub_ps(_mm256_loadu_ps(x + i), top));
        __m256 second = exp_eight(_mm256_sub_ps(_mm256_loadu_ps(x + i + 8), top));
        low = _mm256_add_ps(low, first);
        high = _mm256_add_ps(high, second);
        if (out) {
            _mm256_storeu_ps(out + i, first);
            _mm256_storeu_ps(out + i + 8, second);
        }
    }
    if (i < n) {
        float padded[LANES] = {0}, results[LANES];
        memcpy(padded, x + i, (n - i) * sizeof *x);
        _mm256_storeu_ps(results, exp_eight(_mm256_sub_ps(_mm256_loadu_ps(padded), top)));
        _mm256_storeu_ps(results + 8, exp_eight(_mm256_sub_ps(_mm256_loadu_ps(padded + 8), top)));
        memset(results + (n - i), 0, (LANES - (n - i)) * sizeof *results);
        low = _mm256_add_ps(low, _mm256_loadu_ps(results));
        high = _mm256_add_ps(high, _mm256_loadu_ps(results + 8));
        if (out)
            memcpy(out + i, results, (n - i) * sizeof *out);
    }
    return lane_sum(low, high);
}

static float sum_exp(const float *x, size_t n, float largest)
{
    return avx2_exps(x, n, largest, NULL);
}

static void add(float *x, const float *y, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(x + i, _mm256_add_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    for (; i < n; i++)
        x[i] = x[i] + y[i];
}

static inline __m256 swiglu_eight(__m256 gate, __m256 up)
{
    __m256 negated = _mm256_xor_ps(gate, _mm256_set1_ps(-0.0f));
    __m256 divisor = _mm256_add_ps(_mm256_set1_ps(1.0f), exp_eight(negated));
    return _mm256_mul_ps(_mm256_div_ps(gate, divisor), up);
}

static void swiglu(const float *gate, const float *up, size_t n, float *h)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(h + i, swiglu_eight(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i)));
    if (i < n) {
        float gates[8] = {0}, ups[8] = {0}, results[8];
        memcpy(gates, gate + i, (n - i) * sizeof *gate);
        memcpy(ups, up + i, (n - i) * sizeof *up);
        _mm256_storeu_ps(results, swiglu_eight(_mm256_loadu_ps(gates), _mm256_loadu_ps(ups)));
        memcpy(h + i, results, (n - i) * sizeof *h);
    }
}

const struct kernel kernel_avx2 = {
    .name = "avx2",
    .quantize = avx2_quantize,
    .table_bytes = AVX2_TABLE_BYTES,
    .tokens_at_once = avx2_tokens_at_once,
    .tabulate = avx2_tabulate,
    .product = avx2_product,
    .product_panels = avx2_product_panels,
    .cotangents_fill = avx2_cotangents_fill,
    .product_transposed = avx2_product_transposed,
    .outer_sum = outer_sum,
    .rms_norm = rms_norm,
    .rope = rope,
    .attend = avx2_attend,
    .swiglu = swiglu,
    .add = add,
    .max = avx2_max,
    .sum_exp = sum_exp,
    .sum_exp_double = divergence_sum_exp,
    .divergence = divergence_sum,
};

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/avx2.h - what the files of the AVX2 level share, and the
 * AVX-512 level with them.  Only for files compiled with -mavx2 -mfma.
 */
#ifndef ENGINE_KERNEL_AVX2_H
#define ENGINE_KERNEL_AVX2_H

#include <immintrin.h>
#include <stddef.h>

#include "engine/kernel/exp.h"

/* Largest element, n > 0.  All lanes begin with x[0]: a NaN there stays, one
 * elsewhere is passed over. */
float avx2_max(const float *x, size_t n);

/* exp(x[i] - largest) into out (may be x; NULL: nowhere), and their sum in 16 lanes. */
float avx2_exps(const float *x, size_t n, float largest, float *out);

/* 8+8, 4+4, 2+2, 1+1 of the lanes 0-7 and 8-15 */
static inline float lane_sum(__m256 low, __m256 high)
{
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline __m256 exp_eight(__m256 x)
{
    x = _mm256_max_ps(_mm256_set1_ps(exp_low), x); /* the second operand if one is NaN */
    x = _mm256_min_ps(_mm256_set1_ps(exp_high), x);
    __m256 magic = _mm256_set1_ps(exp_magic);
    __m256 shifted = _mm256_fmadd_ps(x, _mm256_set1_ps(exp_log2e), magic);
    __m256 n = _mm256_sub_ps(shifted, magic);
    __m256 r = _mm256_fmadd_ps(n, _mm256_set1_ps(-exp_ln2_high), x);
    r = _mm256_fmadd_ps(n, _mm256_set1_ps(-exp_ln2_low), r);
    __m256 sum = _mm256_set1_ps(exp_coefficients[0]);
    for (size_t k = 1; k < 8; k++)
        sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(exp_coefficients[k]));
    __m256i bits = _mm256_add_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(127));
    return _mm256_mul_ps(sum, _mm256_castsi256_ps(_mm256_slli_epi32(bits, 23)));
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/avx512.h - what the files of the AVX-512 level share.  The 16
 * lanes of a sum are one register.  Only for files compiled with -mavx512f,
 * -mavx512dq and what avx2.h asks for.
 */
#ifndef ENGINE_KERNEL_AVX512_H
#define ENGINE_KERNEL_AVX512_H

#include "engine/kernel/avx2.h"

/* As in avx2.h. */
float avx512_max(const float *x, size_t n);
float avx512_exps(const float *x, size_t n, float largest, float *out);

/* The first n lanes, n <= 16. */
static inline __mmask16 first_lanes(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

static inline float lane_sum_512(__m512 lanes)
{
    return lane_sum(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
}

static inline __m512 exp_sixteen(__m512 x)
{
    x = _mm512_max_ps(_mm512_set1_ps(exp_low), x); /* the second operand if one is NaN */
    x = _mm512_min_ps(_mm512_set1_ps(exp_high), x);
    __m512 magic = _mm512_set1_ps(exp_magic);
    __m512 shifted = _mm512_fmadd_ps(x, _mm512_set1_ps(exp_log2e), magic);
    __m512 n = _mm512_sub_ps(shifted, magic);
    __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(-exp_ln2_high), x);
    r = _mm512_fmadd_ps(n, _mm512_set1_ps(-exp_ln2_low), r);
    __m512 sum = _mm512_set1_ps(exp_coefficients[0]);
    for (size_t k = 1; k < 8; k++)
        sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(exp_coefficients[k]));
    __m512i bits = _mm512_add_epi32(_mm512_castps_si512(shifted), _mm512_set1_epi32(127));
    return _mm512_mul_ps(sum, _mm512_castsi512_ps(_mm512_slli_epi32(bits, 23)));
}

#endif

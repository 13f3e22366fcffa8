/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/exp.h - the constants of our own exp in single precision.
 *
 * exp(x) = 2^n * exp(r), n = rint(x / ln 2), r = x - n ln 2 in two steps
 * (W. J. Cody and W. Waite, "Software Manual for the Elementary Functions",
 * 1980), exp(r) by its Taylor series to r^7, |r| <= 0.347: the first omitted
 * term is 5e-9.  x is clamped to [-87, 88], so that 2^n is a normal number.
 */
#ifndef ENGINE_KERNEL_EXP_H
#define ENGINE_KERNEL_EXP_H

#include <stdint.h>
#include <string.h>

static const float exp_low = -87.0f;
static const float exp_high = 88.0f;
static const float exp_log2e = 0x1.715476p+0f;
/* Adding it rounds to an integer that then stands in the low mantissa bits. */
static const float exp_magic = 12582912.0f; /* 1.5 * 2^23 */
static const float exp_ln2_high = 0x1.62e400p-1f; /* 15 bits: n * high is exact */
static const float exp_ln2_low = 0x1.7f7d1cp-20f;
static const float exp_coefficients[8] = { /* 1/k!, highest first */
    0x1.a01a02p-13f, 0x1.6c16c2p-10f, 0x1.111112p-7f, 0x1.555556p-5f,
    0x1.555556p-3f,  0.5f,            1.0f,           1.0f,
};

/* Nearly the same without fused operations, which take a call where there is no instruction:
 * for gradients, which are to be the same on every CPU, too, but are not a layer's numbers. */
static inline float exp_unfused(float x)
{
    float sum = exp_coefficients[0], power = 0;
    uint32_t bits = 0;
    x = exp_low > x ? exp_low : x; /* a NaN stays one */
    x = exp_high < x ? exp_high : x;
    float shifted = x * exp_log2e + exp_magic;
    float n = shifted - exp_magic;
    float r = (x - n * exp_ln2_high) - n * exp_ln2_low;
    for (int k = 1; k < 8; k++)
        sum = sum * r + exp_coefficients[k];
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

#endif

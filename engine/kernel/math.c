/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Argument reduction after Cody and Waite (constants in parts whose products
 * with the multiple are exact), then Taylor series long enough for double.
 */
#include "engine/kernel/math.h"

#include <stdint.h>
#include <string.h>

static const double ln2_high = 0x1.62e42fee00000p-1; /* 32 bits */
static const double ln2_low = 0x1.a39ef35793c76p-33;
static const double half_pi_1 = 0x1.921fb54400000p+0; /* 33 bits: n * part is exact */
static const double half_pi_2 = 0x1.0b4611a600000p-34;
static const double half_pi_3 = 0x1.3198a2e037073p-69;

/* Nearest integer; |x| < 2^51. */
static double nearest(double x)
{
    const double magic = 6755399441055744.0; /* 1.5 * 2^52 */
    return (x + magic) - magic;
}

double math_log(double x)
{
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    bits = (bits & UINT64_C(0x000FFFFFFFFFFFFF)) | UINT64_C(0x3FF0000000000000);
    double m = 0;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    /* log m = 2 atanh s, |s| <= 0.1716: s^25 / 25 is below 3e-21 */
    double s = (m - 1.0) / (m + 1.0);
    double square = s * s;
    double sum = 0;
    for (int k = 23; k >= 3; k -= 2)
        sum = (sum + 1.0 / (double)k) * square;
    double n = (double)exponent;
    return n * ln2_high + (2.0 * s + (2.0 * s * sum + n * ln2_low));
}

double math_exp(double x)
{
    double n = nearest(x * 1.4426950408889634);
    double r = (x - n * ln2_high) - n * ln2_low;
    double sum = 1.0;
    for (int k = 17; k >= 1; k--) /* |r| <= 0.347: r^18 / 18! is below 1e-24 */
        sum = 1.0 + sum * r / (double)k;
    uint64_t bits = (uint64_t)((int64_t)n + 1023) << 52;
    double power = 0;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

double math_pow(double base, double exponent)
{
    return math_exp(exponent * math_log(base));
}

/* |r| <= pi/4 */
static double sine_series(double r)
{
    double square = r * r, sum = 1.0;
    for (int k = 20; k >= 2; k -= 2)
        sum = 1.0 - sum * square / (double)(k * (k + 1));
    return r * sum;
}

static double cosine_series(double r)
{
    double square = r * r, sum = 1.0;
    for (int k = 19; k >= 1; k -= 2)
        sum = 1.0 - sum * square / (double)(k * (k + 1));
    return sum;
}

void math_sincos(double x, double *sine, double *cosine)
{
    double n = nearest(x * 0.63661977236758138);
    double r = ((x - n * half_pi_1) - n * half_pi_2) - n * half_pi_3;
    double s = sine_series(r), c = cosine_series(r);
    switch ((int64_t)n & 3) {
    case 0: *sine = s; *cosine = c; break;
    case 1: *sine = c; *cosine = -s; break;
    case 2: *sine = -s; *cosine = -c; break;
    default: *sine = -c; *cosine = s; break;
    }
}

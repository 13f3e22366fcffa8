/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/math.h - elementary functions whose bits do not depend on the
 * C library.
 *
 * Double precision from +, -, *, / and bit operations alone; good to about
 * 1e-15 relative in the stated ranges (tests/unit/test_math.c measures it).
 */
#ifndef ENGINE_KERNEL_MATH_H
#define ENGINE_KERNEL_MATH_H

/* Natural logarithm of a positive normal number. */
double math_log(double x);

/* e^x for |x| <= 700. */
double math_exp(double x);

/* base^exponent for positive base. */
double math_pow(double base, double exponent);

/* Sine and cosine of 0 <= x <= 2^21. */
void math_sincos(double x, double *sine, double *cosine);

#endif

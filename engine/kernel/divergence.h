/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/divergence.h - how far two distributions are apart, in double
 * precision: their difference is of second order in that of the logits, and single
 * precision would lose it.
 *
 * 16 lanes of doubles (element i in lane i mod 16, ascending, products rounded before
 * they are added), then the tree; plain C for every CPU level, so the same bits.
 */
#ifndef ENGINE_KERNEL_DIVERGENCE_H
#define ENGINE_KERNEL_DIVERGENCE_H

#include <stddef.h>

/* Natural logarithm of the sum of e^x[i], n >= 1. */
double divergence_log_sum(const float *x, size_t n);

/* Sum of p[i] * (log p[i] - log q[i]) with log p[i] = base[i] - base_sum and log q[i] =
 * now[i] - now_sum; terms with log p below -700 count 0.  At least 0. */
double divergence_kl(const float *base, double base_sum, const float *now, double now_sum,
                     size_t n);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/experiment/published.h - tables of numbers that others published.
 *
 * Facts, taken from N. Saravanan, "Bankai: Ultra-Sparse Adaptation of 1-Bit LLMs via XOR
 * Patches" (April 2026), github.com/nikshepsvn/bankai, all on Bonsai 8B; each experiment
 * names the place of its own.
 */
#ifndef SRC_EXPERIMENT_PUBLISHED_H
#define SRC_EXPERIMENT_PUBLISHED_H

#include "src/experiment/lab.h"

/* Mean |gap change| when the whole MLP of a layer is flipped. */
extern const double published_impact_2[PUBLISHED_LAYERS];  /* 8 probes, token_gap */
extern const double published_impact_15[PUBLISHED_LAYERS]; /* 90 probes, seq_logprob */

/* Bits of all MLPs, and of those in layers 16 to 24. */
static const double published_mlp_bits = 5435817984.0;
static const double published_middle_bits = 1358954496.0;
enum { PUBLISHED_MIDDLE_FIRST = 16, PUBLISHED_MIDDLE_LAST = 24, PUBLISHED_BIT_COUNTS = 6 };
extern const uint64_t published_bit_counts[PUBLISHED_BIT_COUNTS];
static const double published_perplexity = 7.006035403135711;
/* [group][count]: all layers, middle layers, medium scales and high scales of these. */
extern const double published_perplexities[4][PUBLISHED_BIT_COUNTS];

#endif

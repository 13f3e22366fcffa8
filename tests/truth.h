/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/truth.h - the network in plain double precision: the measure of accuracy.
 *
 * Written from the papers' formulas with the C library's functions, one token
 * at a time, no quantization of activations, nothing shared with the engine but
 * the bytes of the file (found by the tests' own reading of tensor places).
 */
#ifndef TESTS_TRUTH_H
#define TESTS_TRUTH_H

#include "engine/engine.h"

/* Logits after every one of the tokens: out [count][vocab].  The model's flips
 * count, as they stand in memory. */
void truth_logits(const struct model *model, const int32_t *ids, size_t count, double *out);

/* The same where one output of one matrix (of PROJ_EMBED: one element of the embedded
 * token) has something added to it at one position: the head's is a logit. */
struct truth_nudge {
    int32_t layer;
    enum proj proj;
    size_t position;
    uint32_t row;
    double amount;
};
void truth_logits_nudged(const struct model *model, const int32_t *ids, size_t count,
                         const struct truth_nudge *nudge, double *out);

/* sqrt(sum (a - b)^2 / sum b^2) */
double truth_relative_rms(const float *a, const double *b, size_t count);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/kernel_inputs.h - inputs for tests of kernels: ordinary ones, those at the
 * edges of the definition, and memory between pages that nobody may touch.
 */
#ifndef TESTS_KERNEL_INPUTS_H
#define TESTS_KERNEL_INPUTS_H

#include "engine/kernel/kernel.h"
#include "src/base/rng.h"

enum { EXTREME_COUNT = 9 };

/* Small and large values side by side. */
void inputs_fill(struct rng *rng, float *x, size_t n);

/* A group of 128 at an edge of quantization; kind < EXTREME_COUNT. */
void inputs_extreme_group(int kind, float *x);

/* Blocks [row][group][18]; extreme: scales that are zero, negative, subnormal or the
 * largest, groups of equal signs. */
void inputs_blocks(struct rng *rng, uint8_t *out, size_t rows, size_t groups, bool extreme);

/* Bytes right before a forbidden page (at_end), or right behind one; zeroed. */
struct fenced {
    uint8_t *base;
    size_t mapped;
    void *data;
};
struct fenced fenced_make(size_t bytes, bool at_end);
void fenced_drop(struct fenced *fenced);

/* Activations of exactly the promised size, each array fenced.  Tables are made by
 * inputs_tables, with rubbish where tabulate writes nothing. */
struct inputs {
    struct activations x;
    struct fenced memory[4];
};
struct inputs inputs_make(size_t tokens, size_t groups, bool at_end);
void inputs_tables(struct inputs *inputs, const struct kernel *kernel, bool at_end);
void inputs_drop(struct inputs *inputs);

/* What transposed products take, of exactly the promised size, each array fenced and full
 * of rubbish. */
struct fenced_cotangents {
    struct cotangents dy;
    struct fenced memory[3];
};
struct fenced_cotangents cotangents_make(size_t rows, size_t tokens, bool at_end);
/* All blocks of a matrix with `groups` groups in a row. */
void cotangents_fill(struct fenced_cotangents *out, const struct kernel *kernel,
                     const uint8_t *blocks, size_t groups, const float *dy, size_t dy_stride);
void cotangents_drop(struct fenced_cotangents *cotangents);

#endif

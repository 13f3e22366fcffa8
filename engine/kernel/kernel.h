/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/kernel.h - the arithmetic, one table of functions per CPU level.
 *
 * README.md in this folder defines every operation to the last bit.  `ref` is
 * that definition in plain C; every other level is equal to it bit for bit.
 * Kernels work on one thread; the engine splits work by rows or tokens.
 *
 * [K1] equal inputs give equal bits at every level.
 * [K2] no kernel allocates, and none reads or writes outside what is stated.
 */
#ifndef ENGINE_KERNEL_KERNEL_H
#define ENGINE_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

enum {
    A15_MAX = 16383,   /* largest |q| */
    LANES = 16,        /* lanes of every float sum */
    TOKEN_BLOCK = 8,   /* tokens whose a and total lie side by side */
    KERNEL_GROUP = 128, /* weights per scale */
    KERNEL_GROUP_BYTES = 18,
};

/* Quantized activations of `tokens` tokens, groups of 128.  Arrays are sized
 * for a multiple of TOKEN_BLOCK tokens; what lies behind the last token is
 * zero.  q is aligned to 64 bytes. */
struct activations {
    size_t tokens;
    size_t groups;
    int16_t *q;     /* [token][group][128], |q| <= A15_MAX */
    float *a;       /* [token / 8][group][token % 8], x ~ a * q */
    int32_t *total; /* [token / 8][group][token % 8], sum of the group's q */
};

static inline size_t activations_place(const struct activations *x, size_t token, size_t group)
{
    return (token / TOKEN_BLOCK * x->groups + group) * TOKEN_BLOCK + token % TOKEN_BLOCK;
}

struct kernel {
    const char *name;

    /* Quantize one token (A15) into place.  x: [groups][128].  False if a value
     * is not finite. */
    bool (*quantize)(const float *x, struct activations *out, size_t token);

    /* y[token * stride + row] for all rows of blocks [row][group][18] and all
     * tokens of x. */
    void (*product)(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                    size_t stride);

    /* out[i] = x[i] * r * gain[i], r = 1 / sqrt(mean(x^2) + eps).  Zhang and
     * Sennrich, "Root Mean Square Layer Normalization", 2019.  out may be x. */
    void (*rms_norm)(const float *x, const float *gain, size_t n, float eps, float *out);

    /* Rotate the pairs (x[i], x[i + half]) by the angles of one position.
     * Su et al., "RoFormer", 2021, in the NeoX pairing. */
    void (*rope)(float *x, const float *cosines, const float *sines, size_t half);

    /* Scaled dot-product attention of one query head over n positions.
     * keys and values: the vector of position i is at base + path[i] * stride.
     * scores: room for n floats.  lanes: room for LANES * dim floats. */
    void (*attend)(const float *query, const float *keys, const float *values,
                   const int32_t *path, size_t n, size_t stride, size_t dim, float scale,
                   float *scores, float *lanes, float *out);

    /* h[i] = gate[i] / (1 + exp(-gate[i])) * up[i].  Shazeer, "GLU Variants
     * Improve Transformer", 2020. */
    void (*swiglu)(const float *gate, const float *up, size_t n, float *h);

    /* Largest element (n > 0), and the sum of exp(x[i] - max). */
    float (*max)(const float *x, size_t n);
    float (*sum_exp)(const float *x, size_t n, float max);
};

extern const struct kernel kernel_ref;
#if defined(__x86_64__)
extern const struct kernel kernel_avx2;
#endif

/* The best level this CPU has, or the one BANKAI_CPU names; decided once.
 * NULL and err if BANKAI_CPU names an unknown level or one the CPU lacks. */
const struct kernel *kernel_pick(struct err *err);

/* All levels this CPU has, weakest first; returns how many. */
size_t kernel_levels(const struct kernel *out[4]);

#endif

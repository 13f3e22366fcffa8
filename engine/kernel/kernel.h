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
    TOKEN_PAD = 16,    /* arrays are sized for a multiple of this many tokens */
    KERNEL_GROUP = 128, /* weights per scale */
    KERNEL_GROUP_BYTES = 18,
    PANEL_ROWS = 16,
    PANEL_GROUP_BYTES = PANEL_ROWS * KERNEL_GROUP_BYTES,
    TRANSPOSED_ROWS = 80, /* whose terms a transposed product adds as integers */
    KERNEL_LEVELS_MAX = 5,
};

/* Quantized activations of `tokens` tokens, groups of 128.  Arrays are sized
 * for a multiple of TOKEN_PAD tokens; what lies behind the last token is zero up
 * to a multiple of TOKEN_BLOCK.  q and tables are aligned to 64 bytes. */
struct activations {
    size_t tokens;
    size_t groups;
    int16_t *q;     /* [token][group][128], |q| <= A15_MAX */
    float *a;       /* [token / 8][group][token % 8], x ~ a * q */
    int32_t *total; /* [token / 8][group][token % 8], sum of the group's q */
    uint8_t *tables; /* what products of this level read besides; see tabulate */
};

static inline size_t activations_place(const struct activations *x, size_t token, size_t group)
{
    return (token / TOKEN_BLOCK * x->groups + group) * TOKEN_BLOCK + token % TOKEN_BLOCK;
}

/* Derivatives by the outputs of a matrix, for its transposed product.  Rows come in blocks
 * of TRANSPOSED_ROWS; behind the last one largest and shares are 0. */
struct cotangents {
    size_t rows;
    size_t tokens;
    float *largest; /* [row / 80][80] largest |scale| of the row */
    float *shares;  /* [row / 80][token][80] dy * largest / unit, aligned to 64 bytes */
    float *units;   /* [row / 80][token] */
};

/* Rows for which there is memory, and their blocks. */
static inline size_t transposed_blocks(size_t rows)
{
    return (rows + TRANSPOSED_ROWS - 1) / TRANSPOSED_ROWS;
}

/* Query heads that share one head of K and V. */
struct attention {
    const float *queries; /* [heads][dim] */
    size_t heads;
    const float *keys;   /* the vector of position i is at keys + path[i] * dim */
    const float *values; /* same */
    const int32_t *path; /* [positions] */
    size_t positions;    /* > 0 */
    size_t dim;
    float scale;
    float *scratch; /* room for attention_scratch() floats, aligned to 64 bytes */
    float *out;     /* [heads][dim] */
};

/* Scores of all positions (rounded up to LANES), and LANES sums of every column. */
static inline size_t attention_scratch(size_t heads, size_t positions, size_t dim)
{
    size_t padded = (positions + LANES - 1) / LANES * LANES;
    return heads * (padded + LANES * dim) + 2 * LANES;
}

struct kernel {
    const char *name;

    /* Quantize one token (A15) into place.  x: [groups][128].  False if a value
     * is not finite. */
    bool (*quantize)(const float *x, struct activations *out, size_t token);

    /* Bytes of x->tables for one token and group; 0 if products need none. */
    size_t table_bytes;

    /* Tokens whose tables and integers should be multiplied at once so that they
     * stay in the nearer caches: a multiple of TOKEN_BLOCK. */
    size_t (*tokens_at_once)(size_t groups);

    /* Make the tables of all tokens of x from q, a and total, for groups first to
     * first + count - 1 (threads may take different groups).  To be done before
     * any product with x.  NULL where table_bytes is 0. */
    void (*tabulate)(struct activations *x, size_t first, size_t count);

    /* y[token * stride + row] for all rows of blocks [row][group][18] and all
     * tokens of x.  At most 2^31 rows and any number of tokens. */
    void (*product)(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                    size_t stride);

    /* The same from panels (see panel_place); rows counts from a panel's first. */
    void (*product_panels)(const uint8_t *panels, size_t rows, const struct activations *x,
                           float *y, size_t stride);

    /* Fill one block of rows of out, for all its tokens, from dy[token * dy_stride + row]
     * of a matrix with `groups` groups in a row. */
    void (*cotangents_fill)(const uint8_t *blocks, size_t groups, const float *dy,
                            size_t dy_stride, size_t block, struct cotangents *out);

    /* The transposed product for gradients: dx[t * dx_stride + 128 * g + j] for groups
     * first to first + count - 1 of all rows, and `tokens` tokens of dy from `token` on,
     * of which t counts. */
    void (*product_transposed)(const uint8_t *blocks, size_t groups, size_t first, size_t count,
                               const struct cotangents *dy, size_t token, size_t tokens,
                               float *dx, size_t dx_stride);

    /* The gradient by the weights of one group of columns, for a few tokens more:
     * out[row][j] = fma(dy[token * dy_stride + row], x[token * x_stride + j], out[row][j]),
     * tokens ascending.  out: [rows][128] */
    void (*outer_sum)(const float *dy, size_t dy_stride, const float *x, size_t x_stride,
                      size_t tokens, size_t rows, float *out);

    /* out[i] = x[i] * r * gain[i], r = 1 / sqrt(mean(x^2) + eps).  Zhang and
     * Sennrich, "Root Mean Square Layer Normalization", 2019.  out may be x. */
    void (*rms_norm)(const float *x, const float *gain, size_t n, float eps, float *out);

    /* Rotate the pairs (x[i], x[i + half]) by the angles of one position.
     * Su et al., "RoFormer", 2021, in the NeoX pairing. */
    void (*rope)(float *x, const float *cosines, const float *sines, size_t half);

    /* Scaled dot-product attention.  Vaswani et al., "Attention Is All You Need",
     * 2017; heads that share K and V: Ainslie et al., "GQA", 2023. */
    void (*attend)(const struct attention *attention);

    /* h[i] = gate[i] / (1 + exp(-gate[i])) * up[i].  Shazeer, "GLU Variants
     * Improve Transformer", 2020. */
    void (*swiglu)(const float *gate, const float *up, size_t n, float *h);

    /* x[i] = x[i] + y[i] */
    void (*add)(float *x, const float *y, size_t n);

    /* Largest element (n > 0), and the sum of exp(x[i] - max). */
    float (*max)(const float *x, size_t n);
    float (*sum_exp)(const float *x, size_t n, float max);

    /* The same in double precision, and the divergence of two distributions
     * (divergence.h). */
    double (*sum_exp_double)(const float *x, size_t n, double max);
    double (*divergence)(const float *base, double base_sum, const float *now, double now_sum,
                         size_t n);
};

/* Panels: the same blocks in another order, so that decoding reads 16 rows side
 * by side.  [row / 16][group] of PANEL_GROUP_BYTES: 16 fp16 scales, then
 * [dword of the group][row % 16] sign bits, 32 of a row at a time.  The last
 * panel is filled up with zero rows.  Same size as the blocks. */
static inline size_t panel_scale_place(size_t row, size_t group, size_t groups)
{
    return (row / PANEL_ROWS * groups + group) * PANEL_GROUP_BYTES + 2 * (row % PANEL_ROWS);
}

static inline size_t panel_signs_place(size_t row, size_t group, size_t groups, size_t dword)
{
    return (row / PANEL_ROWS * groups + group) * PANEL_GROUP_BYTES + 2 * PANEL_ROWS +
           4 * (dword * PANEL_ROWS + row % PANEL_ROWS);
}

extern const struct kernel kernel_ref;
#if defined(__x86_64__)
extern const struct kernel kernel_avx2;
extern const struct kernel kernel_avx512;
extern const struct kernel kernel_amx;
#elif defined(__aarch64__)
extern const struct kernel kernel_neon;
#endif

/* The best level this CPU has, or the one BANKAI_CPU names; decided once.
 * NULL and err if BANKAI_CPU names an unknown level or one the CPU lacks. */
const struct kernel *kernel_pick(struct err *err);

/* All levels this CPU has, weakest first; returns how many. */
size_t kernel_levels(const struct kernel *out[KERNEL_LEVELS_MAX]);

#endif

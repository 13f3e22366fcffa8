/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/backward/backward_int.h - the inside of struct gradient.
 *
 *   gradient.c   the whole pass: forward, head, layers, embedding
 *   again.c      a layer's inside from its input: kept, or computed again
 *   layer.c      a layer backwards
 *   attention.c  attention, RoPE and q/k norm backwards
 *   step.c       products, norms and SwiGLU backwards
 *   worth.c      whether keeping pays
 *
 * All arrays of a layer hold all tokens of the batch: [tokens][...].
 */
#ifndef ENGINE_BACKWARD_BACKWARD_INT_H
#define ENGINE_BACKWARD_BACKWARD_INT_H

#include "engine/act/batch_int.h"
#include "engine/backward/gradient.h"

/* What a layer computed, in the order in which it did. */
struct inside {
    const float *x;                /* [width] its input, kept by the batch */
    float *normed;                 /* [width] input of q, k, v */
    struct products y;             /* what the matrices gave: kept by the batch, or own */
    float *q_normed, *k_normed;    /* after RMSNorm, before RoPE */
    float *q_turned, *k_turned;    /* after RoPE */
    float *mixed;                  /* [heads][dim] input of o */
    float *middle;                 /* [width] stream after attention */
    float *ffn_normed;             /* [width] input of gate and up */
    float *silu, *h;               /* [ffn] */
    float *down;                   /* [width] output of down, nearly (again.c) */
};

/* Derivatives of the objective by the same. */
struct outside {
    float *x;         /* [width] by the stream: after the layer, then before it */
    float *h;         /* [ffn] */
    float *gate, *up; /* [ffn] */
    float *normed;    /* [width] by an input of products, summed over them */
    float *mixed;     /* [heads][dim] */
    float *q, *k, *v; /* by rotated and normed, then by the matrices' outputs */
    float *part;      /* [widest] one product's share of normed */
    float *negated;   /* [widest] see gradient_visit */
};

struct gradient {
    struct batch *batch;
    int threads;
    size_t tokens;
    struct inside in;
    struct products own; /* of a layer of which they were not kept */
    struct outside out;
    float *logits, *seeds, *head_negated; /* [BLOCK_TOKENS][vocab] */
    float *head_input;     /* [BLOCK_TOKENS][width] */
    float *head_back;      /* [BLOCK_TOKENS][width] */
    float *scores;         /* [threads][longest] of one head and token */
    struct cotangents scaled; /* room for those of any product */
    void *memory;
    size_t memory_bytes;
};

/* worth.c: of matrices with so many columns, where memory takes so long to be had. */
bool worth_keeping(uint32_t columns, double seconds_a_page);
double memory_seconds_a_page(void);

/* again.c: fills gradient->in.  Destroys the batch's residual stream, which every run
 * loads anew. */
bool compute_again(struct gradient *gradient, uint32_t layer, struct err *err);

/* layer.c: out.x from after the layer to before it. */
bool layer_back(struct gradient *gradient, uint32_t layer, const struct gradient_job *job,
                struct err *err);

/* attention.c: out.q, out.k and out.v by what RoPE gave, from out.mixed; then by what
 * the norm gave; then by the matrices' outputs. */
void attention_back(struct gradient *gradient);
void turn_back(struct gradient *gradient);
void head_norms_back(struct gradient *gradient, uint32_t layer);

/* step.c: dx = transposed matrix times dy, for n tokens; false if cancelled. */
bool product_back(struct gradient *gradient, int32_t layer, enum proj proj, const float *dy,
                  size_t n, float *dx, struct err *err);
/* dx[i] += derivative by x of RMSNorm(x) * gain, where dy is that by its output; dx may be
 * dy where add is false, which replaces dx. */
void rms_norm_back(const float *x, const float *gain, const float *dy, size_t n, float eps,
                   bool add, float *dx);
void swiglu_back(struct gradient *gradient);
/* negated[i] = -2 y[i] dy[i] */
void negate_change(struct gradient *gradient, const float *y, const float *dy, size_t columns,
                   float *negated);
/* x += y, all tokens */
void add_back(struct gradient *gradient, float *x, const float *y, size_t columns);

#endif

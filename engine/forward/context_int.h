/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/forward/context_int.h - the inside of struct context.
 *
 * A run takes the new tokens in blocks of at most BLOCK_TOKENS and carries each
 * block through all layers.  Activations of one block live in one struct carved
 * out of one allocation; K, V and the final residual stream of all tokens are
 * kept under their slots.
 */
#ifndef ENGINE_FORWARD_CONTEXT_INT_H
#define ENGINE_FORWARD_CONTEXT_INT_H

#include "engine/engine.h"
#include "engine/kernel/kernel.h"
#include "engine/model/model_int.h"

enum { BLOCK_TOKENS = 128 };

struct token {
    int32_t id;
    uint32_t position; /* in its sequence */
    size_t branch;     /* one whose path leads to this token */
};

struct branch {
    int32_t *path; /* [length] slot of each position */
    size_t length;
    size_t capacity;
};

/* Of one block; n = BLOCK_TOKENS. */
struct activation_block {
    float *x;      /* [n][width] residual stream */
    float *normed; /* [n][width] after RMSNorm */
    float *q;      /* [n][heads][head_dim] */
    float *k;      /* [n][kv_heads][head_dim] */
    float *v;      /* same */
    float *mixed;  /* [n][heads][head_dim] attention's output */
    float *out;    /* [n][width] of o and down */
    float *gate;   /* [n][ffn] */
    float *up;     /* [n][ffn] */
    float *h;      /* [n][ffn] */
    float *scratch; /* [threads][scratch_floats] for attention */
    size_t scratch_floats;
    float *cosines; /* [n][head_dim / 2] */
    float *sines;   /* [n][head_dim / 2] */
    struct activations quantized; /* of the widest matrix */
};

struct context {
    struct model *model;
    const struct kernel *kernel;
    int threads;
    size_t tokens_max;
    struct token *tokens; /* [tokens_max] by slot */
    size_t token_count;
    size_t done_count; /* tokens that were computed */
    struct branch *branches;
    size_t branch_count;
    size_t branch_capacity;
    float *k;      /* [layer][kv_heads][tokens_max][head_dim] */
    float *v;      /* same */
    float *hidden; /* [tokens_max][width] residual stream after the last layer */
    double *frequencies; /* [head_dim / 2] radians per position */
    float rope_magnitude; /* YaRN's factor on cosine and sine */
    struct activation_block block;
    void *memory; /* one allocation behind all float arrays */
    bool has_virtual;
    struct flip virtual_flip;
    uint8_t *virtual_blocks; /* for group flips: a changed copy of the row */
    struct state_name state; /* of the model when the first token was computed */
    bool broken; /* [C2] */
};

/* What a step needs to say where it failed. */
struct place {
    int32_t layer;
    const char *step; /* "q, k, v", "o", "gate, up", "down", "head" */
    size_t first_slot;
};

/* engine/forward/rope.c */
void rope_prepare(struct context *context);
void rope_angles(const struct context *context, size_t position, float *cosines, float *sines);

/* engine/forward/product.c */

/* Quantize n tokens of x [n][columns] into the block's activations. */
bool quantize_tokens(struct context *context, const float *x, size_t columns, size_t n,
                     const struct place *place, struct err *err);

/* y[token * stride + row] for the quantized tokens, the virtual flip included. */
bool multiply(struct context *context, int32_t layer, enum proj proj, float *y, size_t stride,
              cancel_flag *cancel, struct err *err);

/* The embedding of one token, the virtual flip included. */
void embed_token(const struct context *context, int32_t id, float *out);

/* engine/forward/layer.c: one block of n tokens from `first` through a layer. */
bool layer_forward(struct context *context, uint32_t layer, size_t first, size_t n,
                   cancel_flag *cancel, struct err *err);

#endif

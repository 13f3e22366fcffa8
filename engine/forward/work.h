/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/forward/work.h - the layers of the network over a block of lanes.
 *
 * A lane is one token of one world: a place in a sequence, and the K and V it
 * attends to.  A context has one world; a batch has one for the model and one for
 * each candidate that is measured beside it.  Whoever drives the layers fills in
 * lanes, worlds and the residual stream x, and calls the steps below.
 *
 * [W1] lanes of one world come in an order in which whatever a token attends to
 *      has its K and V before it attends: earlier in the block or in an earlier one.
 * [W2] each lane's numbers depend on its own world, path and token alone [N1].
 */
#ifndef ENGINE_FORWARD_WORK_H
#define ENGINE_FORWARD_WORK_H

#include "engine/engine.h"
#include "engine/kernel/kernel.h"
#include "engine/model/model_int.h"

enum {
    BLOCK_TOKENS = 128,         /* lanes of a block */
    POSITIONS_MAX = 1 << 21,    /* for which math_sincos is proven */
};

struct lane {
    uint32_t world;
    uint32_t position; /* in its sequence */
    size_t slot;       /* of its K and V in its world */
    const int32_t *path; /* [position + 1] slots of the tokens it attends to */
};

/* K and V of one world in the layer at hand: [kv_heads][kv_slots][head_dim]. */
struct kv {
    float *k;
    float *v;
};

/* A flip that is pretended to be on [N3]. */
struct virtual_flip {
    struct flip flip;
    const uint8_t *blocks; /* the row with the flip on it; NULL for whole rows */
};

struct work {
    struct model *model;
    const struct kernel *kernel;
    int threads;
    cancel_flag *cancel;               /* or NULL */
    const struct virtual_flip *virtual; /* or NULL */
    size_t positions_max;

    size_t n; /* lanes of this block, at most BLOCK_TOKENS */
    struct lane lanes[BLOCK_TOKENS];
    const struct kv *worlds; /* [lane.world] */
    size_t kv_slots;

    /* [BLOCK_TOKENS] each */
    float *x;      /* [width] residual stream */
    float *normed; /* [width] after RMSNorm */
    float *q;      /* [heads][head_dim] */
    float *k;      /* [kv_heads][head_dim] */
    float *v;      /* same */
    float *mixed;  /* [heads][head_dim] attention's output */
    float *out;    /* [width] of o and down */
    float *gate;   /* [ffn] */
    float *up;     /* [ffn] */
    float *h;      /* [ffn] */
    struct activations quantized; /* of the widest matrix */
    size_t quantized_groups;      /* room for that many groups */
    uint8_t *tables;              /* of the tokens that are multiplied at once */

    float *scratch; /* [threads][scratch_floats] for attention */
    size_t scratch_floats;
    double *frequencies;  /* [head_dim / 2] radians per position */
    float rope_magnitude; /* YaRN's factor on cosine and sine */
    float *angles;        /* [positions_max][2][head_dim / 2] cosines, sines */
    size_t angle_count;   /* positions whose angles are known */
    void *memory;
    size_t memory_bytes;
};

/* What work_open will allocate; SIZE_MAX if no machine has that much. */
bool work_measure(struct model *model, size_t positions_max, int threads, size_t *bytes,
                  struct err *err);

/* Room for a block of lanes whose positions are below positions_max. */
bool work_open(struct work *work, struct model *model, size_t positions_max, int threads,
               struct err *err);
void work_close(struct work *work);

/* ---- memory: one allocation, carved ---------------------------------------- */

struct carver {
    uint8_t *base; /* NULL while measuring */
    size_t used;
    bool overflow;
};

/* Room for a x b x c elements, aligned to 64 bytes. */
void *carve(struct carver *carver, size_t element_bytes, size_t a, size_t b, size_t c);

/* Allocate what was measured and begin again; huge pages where they help.  NULL and
 * err ("no memory for WHAT") if it and `more_bytes`, which are yet to be allocated or
 * written to, do not fit what the machine has to give. */
void *carve_allocate(struct carver *carver, size_t more_bytes, const char *what, struct err *err);

/* engine/forward/rope.c: frequencies, once; then make sure that the angles of all
 * positions up to `position` are known. */
void rope_prepare(struct work *work);
void rope_angles(const struct work *work, size_t position, float *cosines, float *sines);
void rope_reach(struct work *work, size_t position);

/* ---- products: engine/forward/product.c ------------------------------------ */

/* Rows of a matrix to be multiplied with the quantized block. */
struct output {
    int32_t layer;
    enum proj proj;
    uint32_t first; /* row */
    uint32_t rows;
    float *y; /* y[lane * stride + row - first] */
    size_t stride;
};

/* All rows of a matrix. */
struct output output_all(const struct work *work, int32_t layer, enum proj proj, float *y);

/* Where a step is, for errors. */
struct place {
    int32_t layer;
    const char *step; /* "q, k, v", "o", "gate, up", "down", "head" */
};

/* Quantize the n lanes of x [lane][columns] into out, an array of its own or
 * work->quantized (see quantized_view). */
bool quantize_lanes(struct work *work, const float *x, size_t columns, struct activations *out,
                    const struct place *place, struct err *err);

/* work->quantized for n lanes and that many columns. */
struct activations *quantized_view(struct work *work, size_t columns);

/* Tokens first .. first + n - 1 (first: a multiple of TOKEN_BLOCK). */
struct activations activations_slice(const struct activations *x, size_t first, size_t n);

/* All outputs from one quantized input, the virtual flip included. */
bool multiply(struct work *work, const struct activations *x, const struct output *outputs,
              size_t count, struct err *err);

/* The embedding of one token, the virtual flip included. */
void embed_token(const struct work *work, int32_t id, float *out);

/* Threads skip what is left of a step; whoever called it then asks work_cancelled. */
static inline bool work_is_cancelled(const struct work *work)
{
    return work->cancel && atomic_load_explicit(work->cancel, memory_order_relaxed);
}
bool work_cancelled(const struct work *work, struct err *err);

/* A copy of the row with the flip's bits changed, for virtual_flip.blocks.
 * blocks: room for the row */
void virtual_row(const struct model *model, const struct flip *flip, uint8_t *blocks);

/* ---- a layer: engine/forward/layer.c ----------------------------------------- */

/* What matrices of a layer gave, before norm, RoPE and SwiGLU; all of it or all NULL.  Not
 * down: that is the difference of two streams. */
struct products {
    float *q;         /* [lane][heads][head_dim] */
    float *k, *v;     /* [lane][kv_heads][head_dim] */
    float *o;         /* [lane][width] */
    float *gate, *up; /* [lane][ffn] */
};

/* What a layer can leave behind for later resuming; each may be NULL.  Rows are
 * those of the block's lanes. */
struct layer_trace {
    float *middle; /* [lane][width] x after attention */
    float *mixed;  /* [lane][heads][head_dim] */
    struct activations *h; /* quantized input of down, in place */
    struct products products; /* of layer_forward */
};

/* x to the x of the next layer, for all lanes of the block. */
bool layer_forward(struct work *work, uint32_t layer, const struct layer_trace *trace,
                   struct err *err);

/* K and V only: for lanes whose output nobody asks for. */
bool layer_keys_values(struct work *work, uint32_t layer, struct err *err);

/* All but K and V, which are there already. */
bool layer_rest(struct work *work, uint32_t layer, const struct layer_trace *trace,
                struct err *err);

/* The parts, for resuming in the middle of a layer.  Heads first to first + count - 1
 * of the queries, or K and V of as many KV heads, from work->normed quantized. */
void layer_norm(struct work *work, uint32_t layer, bool ffn);
bool layer_norm_quantize(struct work *work, uint32_t layer, bool ffn, struct err *err);
bool layer_queries(struct work *work, uint32_t layer, uint32_t first, uint32_t count,
                   struct err *err);
bool layer_keys(struct work *work, uint32_t layer, uint32_t first, uint32_t count,
                struct err *err);
bool layer_attend(struct work *work, uint32_t first_kv_head, uint32_t count, struct err *err);
/* o of work->mixed, added to x; left at o unless that is NULL. */
bool layer_output(struct work *work, uint32_t layer, float *o, struct err *err);
/* The MLP of x, added to x. */
bool layer_mlp(struct work *work, uint32_t layer, const struct layer_trace *trace,
               struct err *err);
/* down of h, added to x. */
bool layer_down(struct work *work, uint32_t layer, const struct activations *h, struct err *err);

/* Next-token logits of the n lanes of work->x: RMSNorm, quantization, head.
 * out: [n][vocab] */
bool head_logits(struct work *work, float *out, struct err *err);
/* Of one lane, the logits of a few tokens. */
bool head_logits_of(struct work *work, const int32_t *ids, size_t count, float *out,
                    struct err *err);

#endif

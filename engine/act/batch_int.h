/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/act/batch_int.h - the inside of struct batch.
 *
 * A batch goes layer by layer, not block by block: at any time K and V of one
 * layer are enough for a world, and what is kept of a layer is complete before the
 * next one begins.  World 0 is the model as it is; candidates are worlds 1, 2, ...
 *
 * Rows: in every layer but the last, each token has a row of its own (its slot);
 * after K and V of the last layer only the wanted tokens go on, and their rows are
 * counted without the others.
 */
#ifndef ENGINE_ACT_BATCH_INT_H
#define ENGINE_ACT_BATCH_INT_H

#include "engine/forward/work.h"

enum { WORLDS_MAX = 32 };

/* Tokens in an order in which whatever a token attends to comes earlier. */
struct packed {
    size_t tokens;
    int32_t *ids;          /* [tokens] */
    uint32_t *positions;   /* [tokens] */
    uint32_t *owners;      /* [tokens] */
    const int32_t **paths; /* [tokens] slots of the token's sequence up to itself */
    size_t *wanted;        /* [rows] slots, ascending */
    size_t rows;
    size_t *row_of;        /* [tokens] SIZE_MAX where not wanted */
    size_t sequences;
    size_t *starts;        /* [sequences + 1] of each sequence in path_memory */
    int32_t *path_memory;
    size_t longest;        /* tokens of the longest sequence */
};

/* engine/act/pack.c */
void pack_sequences(const struct sequence *sequences, size_t count, struct packed *out);
void pack_free(struct packed *packed);

/* What one layer left behind; NULL where the budget does not allow it. */
struct kept_layer {
    float *x;      /* [tokens][width] its input */
    bool detail;   /* all of the following */
    float *k;      /* [kv_heads][tokens][head_dim] */
    float *v;      /* same */
    float *mixed;  /* [rows][heads][head_dim] attention's output */
    float *middle; /* [rows][width] residual stream after attention */
    struct activations h; /* [rows] quantized input of down */
    /* keep_products: [tokens] instead of lanes, all NULL where the budget does not allow it */
    struct products products;
};

struct world {
    float *x;      /* [tokens][width] */
    float *k;      /* [kv_heads][tokens][head_dim] of the layer at hand */
    float *v;      /* same */
    float *hidden; /* [wanted][width] after the last layer */
    void *memory;
    struct virtual_flip virtual;
    uint8_t *virtual_blocks;
    int32_t own;   /* layer of the flip; -1: the embedding, layers: the head */
    int32_t start; /* first layer that is computed for this world */
};

struct batch {
    struct model *model;
    struct work work;
    struct packed packed;
    struct kept_layer *kept; /* [layers] */
    void *kept_memory;
    void *products_memory;
    uint64_t kept_bytes; /* of both */
    struct world worlds[1 + WORLDS_MAX];
    size_t world_bytes; /* of each */
    size_t world_count; /* that have memory */
    size_t tried;       /* candidates of the last batch_try */
    struct kv kv[1 + WORLDS_MAX]; /* of the layer at hand */

    struct state_name *names; /* [layers + 1] parts: the embedding, then each layer */
    size_t computed; /* layers that are done with these names; hidden too if all */
};

/* Rows that go through the MLP of a layer, and the slot of a row. */
size_t layer_rows(const struct batch *batch, uint32_t layer);
size_t row_slot(const struct batch *batch, uint32_t layer, size_t row);

/* engine/act/keep.c: what is kept within a budget; or the inputs of all layers. */
bool keep_allocate(struct batch *batch, uint64_t budget, bool inputs, struct err *err);
/* Beside the inputs, before the first run: what matrices gave in as many layers as fit the
 * budget, perhaps none.  Never in the last layer, where tokens that are not wanted stop. */
void keep_products(struct batch *batch, uint64_t budget);
/* From that token on. */
struct products products_slice(const struct batch *batch, const struct products *of,
                               size_t first);

/* engine/act/advance.c: some worlds through one layer. */

/* The block of rows first ... of those worlds, row after row, world after world, with
 * their residual streams; in the last layer all_tokens takes those not wanted, too.
 * Returns false when there are none left. */
bool block_fill(struct batch *batch, uint32_t layer, bool all_tokens, const uint32_t *worlds,
                size_t count, size_t first);
/* Put the block's residual streams where they belong. */
void block_drain(struct batch *batch, uint32_t layer);

bool advance(struct batch *batch, uint32_t layer, const uint32_t *worlds, size_t count,
             struct err *err);

/* engine/act/resume.c: the layer of a candidate's own flip, from what is kept of it. */
bool resume(struct batch *batch, uint32_t world, struct err *err);

#endif

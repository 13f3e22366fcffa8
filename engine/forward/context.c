/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sequences as a tree, memory, and the run over new tokens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/forward/work.h"

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

struct context {
    struct model *model;
    struct work work;
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
    void *memory;  /* one allocation behind all of these */
    size_t memory_bytes;
    struct virtual_flip virtual;
    uint8_t *virtual_blocks; /* room for the longest row */
    struct state_name state; /* of the model when the first token was computed */
    bool broken; /* [C2] */
};

/* ---- memory ------------------------------------------------------------------- */

static void carve_all(struct context *context, struct carver *carver)
{
    const struct model_shape *shape = &context->model->shape;
    size_t f = sizeof(float);
    size_t heads = (size_t)shape->layers * shape->kv_heads;
    context->k = carve(carver, f, heads, context->tokens_max, shape->head_dim);
    context->v = carve(carver, f, heads, context->tokens_max, shape->head_dim);
    context->hidden = carve(carver, f, context->tokens_max, shape->width, 1);
    context->tokens = carve(carver, sizeof(struct token), context->tokens_max, 1, 1);
    context->virtual_blocks = carve(carver, GROUP_BYTES, model_groups_max(context->model), 1, 1);
}

/* The block of lanes is counted in: memory is there once it is written to. */
static bool allocate(struct context *context, int threads, struct err *err)
{
    char what[64];
    size_t work_bytes = 0;
    (void)snprintf(what, sizeof what, "a context of %zu tokens", context->tokens_max);
    struct carver carver = {0};
    carve_all(context, &carver);
    if (!work_measure(context->model, context->tokens_max, threads, &work_bytes, err))
        return false;
    context->memory_bytes = carver.used;
    context->memory = carve_allocate(&carver, work_bytes, what, err);
    if (!context->memory)
        return false;
    carve_all(context, &carver);
    return work_open(&context->work, context->model, context->tokens_max, threads, err);
}

struct context *context_new(struct model *model, const struct context_options *options,
                            struct err *err)
{
    if (options->tokens_max == 0 || options->tokens_max > POSITIONS_MAX) {
        (void)err_set(err, ERR_RANGE, "a context of %zu tokens, expected 1 to %d",
                      options->tokens_max, POSITIONS_MAX);
        return NULL;
    }
    struct context *context = x_new(1, sizeof *context);
    context->model = model;
    context->tokens_max = options->tokens_max;
    if (allocate(context, options->threads, err)) {
        context->work.kv_slots = context->tokens_max;
        return context;
    }
    context_free(context);
    return NULL;
}

void context_free(struct context *context)
{
    if (!context)
        return;
    for (size_t i = 0; i < context->branch_capacity; i++)
        free(context->branches[i].path);
    free(context->branches);
    work_close(&context->work);
    free(context->memory);
    free(context);
}

uint64_t context_bytes(const struct context *context)
{
    return (uint64_t)context->memory_bytes + context->work.memory_bytes;
}

/* ---- sequences --------------------------------------------------------------- */

void context_reset(struct context *context)
{
    context->token_count = 0;
    context->done_count = 0;
    context->branch_count = 0; /* paths are kept for reuse */
    context->broken = false;
}

static void path_reserve(struct branch *branch, size_t length)
{
    if (length <= branch->capacity)
        return;
    size_t capacity = branch->capacity ? branch->capacity : 32;
    while (capacity < length)
        capacity *= 2;
    branch->path = x_grow(branch->path, capacity, sizeof *branch->path);
    branch->capacity = capacity;
}

size_t context_branch(struct context *context, size_t parent, size_t shared)
{
    BUG_ON(shared > 0 && parent >= context->branch_count);
    BUG_ON(shared > 0 && shared > context->branches[parent].length);
    if (context->branch_count == context->branch_capacity) {
        size_t capacity = context->branch_capacity ? context->branch_capacity * 2 : 16;
        context->branches = x_grow(context->branches, capacity, sizeof *context->branches);
        memset(context->branches + context->branch_capacity, 0,
               (capacity - context->branch_capacity) * sizeof *context->branches);
        context->branch_capacity = capacity;
    }
    struct branch *branch = &context->branches[context->branch_count];
    path_reserve(branch, shared);
    if (shared > 0)
        memcpy(branch->path, context->branches[parent].path, shared * sizeof *branch->path);
    branch->length = shared;
    return context->branch_count++;
}

bool context_push(struct context *context, size_t branch_index, const int32_t *ids, size_t count,
                  struct err *err)
{
    BUG_ON(branch_index >= context->branch_count);
    struct branch *branch = &context->branches[branch_index];
    if (count > context->tokens_max - context->token_count)
        return err_set(err, ERR_RANGE, "%zu tokens are too many, the context has room for %zu",
                       context->token_count + count, context->tokens_max);
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= context->model->shape.vocab)
            return err_set(err, ERR_RANGE, "token id %d is outside 0 .. %u", (int)ids[i],
                           (unsigned)(context->model->shape.vocab - 1));
    path_reserve(branch, branch->length + count);
    for (size_t i = 0; i < count; i++) {
        size_t slot = context->token_count++;
        context->tokens[slot] = (struct token){ids[i], (uint32_t)branch->length, branch_index};
        branch->path[branch->length++] = (int32_t)slot;
    }
    return true;
}

size_t context_length(const struct context *context, size_t branch)
{
    BUG_ON(branch >= context->branch_count);
    return context->branches[branch].length;
}

size_t context_slot(const struct context *context, size_t branch, size_t position)
{
    BUG_ON(branch >= context->branch_count);
    BUG_ON(position >= context->branches[branch].length);
    return (size_t)context->branches[branch].path[position];
}

/* ---- the virtual flip --------------------------------------------------------- */

void context_set_virtual(struct context *context, const struct flip *flip)
{
    context_reset(context);
    context->work.virtual = NULL;
    if (!flip)
        return;
    BUG_ON(!model_flip_fits(context->model, flip, NULL));
    context->virtual = (struct virtual_flip){.flip = *flip};
    context->work.virtual = &context->virtual;
    if (flip->group == FLIP_WHOLE_ROW)
        return;
    virtual_row(context->model, flip, context->virtual_blocks);
    context->virtual.blocks = context->virtual_blocks;
}

/* ---- running ------------------------------------------------------------------- */

static void fill_lanes(struct context *context, size_t first, size_t n)
{
    struct work *work = &context->work;
    work->n = n;
    for (size_t t = 0; t < n; t++) {
        const struct token *token = &context->tokens[first + t];
        rope_reach(work, token->position);
        embed_token(work, token->id, work->x + t * context->model->shape.width);
        work->lanes[t] = (struct lane){
            .position = token->position,
            .slot = first + t,
            .path = context->branches[token->branch].path,
        };
    }
}

static bool run_block(struct context *context, size_t first, size_t n, struct err *err)
{
    const struct model_shape *shape = &context->model->shape;
    struct work *work = &context->work;
    size_t layer_floats = (size_t)shape->kv_heads * context->tokens_max * shape->head_dim;
    fill_lanes(context, first, n);
    for (uint32_t layer = 0; layer < shape->layers; layer++) {
        struct kv kv = {context->k + layer * layer_floats, context->v + layer * layer_floats};
        work->worlds = &kv;
        if (!layer_forward(work, layer, NULL, err)) {
            work->worlds = NULL;
            return false;
        }
    }
    work->worlds = NULL;
    memcpy(context->hidden + first * shape->width, work->x, n * shape->width * sizeof *work->x);
    return true;
}

/* [C1] [C2] */
static bool may_run(struct context *context, struct err *err)
{
    if (!model_unchanged(context->model, err))
        return false;
    if (context->done_count == 0)
        context->state = model_state(context->model);
    BUG_ON(context->broken);
    BUG_ON(!state_name_equal(context->state, model_state(context->model)));
    return true;
}

bool context_run(struct context *context, cancel_flag *cancel, struct err *err)
{
    if (!may_run(context, err))
        return false;
    context->work.cancel = cancel;
    while (context->done_count < context->token_count) {
        size_t left = context->token_count - context->done_count;
        size_t n = left < BLOCK_TOKENS ? left : BLOCK_TOKENS;
        if (!run_block(context, context->done_count, n, err)) {
            context->broken = true;
            return false;
        }
        context->done_count += n;
    }
    return true;
}

bool context_logits(struct context *context, const size_t *slots, size_t count, float *out,
                    cancel_flag *cancel, struct err *err)
{
    BUG_ON(context->broken);
    const struct model_shape *shape = &context->model->shape;
    struct work *work = &context->work;
    work->cancel = cancel;
    for (size_t i = 0; i < count; i += work->n) {
        work->n = count - i < BLOCK_TOKENS ? count - i : BLOCK_TOKENS;
        for (size_t t = 0; t < work->n; t++) {
            size_t slot = slots[i + t];
            BUG_ON(slot >= context->done_count);
            work->lanes[t].position = context->tokens[slot].position;
            memcpy(work->x + t * shape->width, context->hidden + slot * shape->width,
                   shape->width * sizeof *work->x);
        }
        if (!head_logits(work, out + i * shape->vocab, err))
            return false;
    }
    return true;
}

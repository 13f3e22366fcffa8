/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sequences as a tree, memory, and the run over new tokens.
 */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/forward/context_int.h"
#include "src/base/num.h"

enum {
    ALIGN_BYTES = 64,
    TOKENS_MAX = 1 << 21, /* positions for which math_sincos is proven */
};

/* ---- memory: one allocation, carved ---------------------------------------- */

struct carver {
    uint8_t *base; /* NULL while measuring */
    size_t used;
    bool overflow;
};

/* Room for a x b x c elements, aligned. */
static void *carve(struct carver *carver, size_t element_bytes, size_t a, size_t b, size_t c)
{
    size_t bytes = 0, start = carver->used;
    bool fits = num_mul(a, b, &bytes) && num_mul(bytes, c, &bytes) &&
                num_mul(bytes, element_bytes, &bytes) && num_add(bytes, ALIGN_BYTES - 1, &bytes) &&
                num_add(start, bytes / ALIGN_BYTES * ALIGN_BYTES, &carver->used);
    carver->overflow |= !fits;
    return carver->base ? carver->base + start : NULL;
}

/* Columns of the widest matrix. */
static size_t widest_columns(const struct model_shape *shape)
{
    size_t widest = (size_t)shape->heads * shape->head_dim;
    widest = shape->ffn > widest ? shape->ffn : widest;
    return shape->width > widest ? shape->width : widest;
}

static void carve_block(struct context *context, struct carver *carver)
{
    const struct model_shape *shape = &context->model->shape;
    struct activation_block *block = &context->block;
    size_t n = BLOCK_TOKENS, f = sizeof(float);
    size_t threads = (size_t)context->threads;
    size_t q_dim = (size_t)shape->heads * shape->head_dim;
    size_t widest = widest_columns(shape);
    block->x = carve(carver, f, n, shape->width, 1);
    block->normed = carve(carver, f, n, shape->width, 1);
    block->q = carve(carver, f, n, q_dim, 1);
    block->mixed = carve(carver, f, n, q_dim, 1);
    block->out = carve(carver, f, n, shape->width, 1);
    block->gate = carve(carver, f, n, shape->ffn, 1);
    block->up = carve(carver, f, n, shape->ffn, 1);
    block->h = carve(carver, f, n, shape->ffn, 1);
    block->k = carve(carver, f, n, (size_t)shape->kv_heads * shape->head_dim, 1);
    block->v = carve(carver, f, n, (size_t)shape->kv_heads * shape->head_dim, 1);
    block->scratch_floats = attention_scratch(shape->heads / shape->kv_heads, context->tokens_max,
                                              shape->head_dim);
    block->scratch_floats = (block->scratch_floats + LANES - 1) / LANES * LANES;
    block->scratch = carve(carver, f, threads, block->scratch_floats, 1);
    block->cosines = carve(carver, f, n, shape->head_dim / 2, 1);
    block->sines = carve(carver, f, n, shape->head_dim / 2, 1);
    block->quantized.q = carve(carver, sizeof(int16_t), n, widest, 1);
    block->quantized.a = carve(carver, f, n, widest / GROUP_WEIGHTS, 1);
    block->quantized.total = carve(carver, sizeof(int32_t), n, widest / GROUP_WEIGHTS, 1);
}

static void carve_all(struct context *context, struct carver *carver)
{
    const struct model_shape *shape = &context->model->shape;
    size_t kv_dim = (size_t)shape->kv_heads * shape->head_dim, f = sizeof(float);
    context->k = carve(carver, f, shape->layers, context->tokens_max, kv_dim);
    context->v = carve(carver, f, shape->layers, context->tokens_max, kv_dim);
    context->hidden = carve(carver, f, context->tokens_max, shape->width, 1);
    context->tokens = carve(carver, sizeof(struct token), context->tokens_max, 1, 1);
    context->frequencies = carve(carver, sizeof(double), shape->head_dim / 2, 1, 1);
    context->virtual_blocks =
        carve(carver, GROUP_BYTES, widest_columns(shape) / GROUP_WEIGHTS, 1, 1);
    carve_block(context, carver);
}

static int thread_count(int wanted)
{
    return wanted > 0 ? wanted : omp_get_max_threads();
}

static bool allocate(struct context *context, struct err *err)
{
    struct carver carver = {0};
    carve_all(context, &carver);
    if (!carver.overflow)
        context->memory = aligned_alloc(ALIGN_BYTES, carver.used);
    if (!context->memory)
        return err_set(err, ERR_MEMORY, "no memory for a context of %zu tokens (%zu MiB)",
                       context->tokens_max, carver.used >> 20);
    carver = (struct carver){.base = context->memory};
    carve_all(context, &carver);
    return true;
}

struct context *context_new(struct model *model, const struct context_options *options,
                            struct err *err)
{
    const struct kernel *kernel = kernel_pick(err);
    if (!kernel)
        return NULL;
    if (options->tokens_max == 0 || options->tokens_max > TOKENS_MAX) {
        (void)err_set(err, ERR_RANGE, "a context of %zu tokens, expected 1 to %d",
                      options->tokens_max, TOKENS_MAX);
        return NULL;
    }
    struct context *context = x_new(1, sizeof *context);
    context->model = model;
    context->kernel = kernel;
    context->threads = thread_count(options->threads);
    context->tokens_max = options->tokens_max;
    if (!allocate(context, err)) {
        context_free(context);
        return NULL;
    }
    rope_prepare(context);
    return context;
}

void context_free(struct context *context)
{
    if (!context)
        return;
    for (size_t i = 0; i < context->branch_capacity; i++)
        free(context->branches[i].path);
    free(context->branches);
    free(context->memory);
    free(context);
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
    context->has_virtual = flip != NULL;
    if (!flip)
        return;
    BUG_ON(!model_flip_fits(context->model, flip, NULL));
    context->virtual_flip = *flip;
    if (flip->group == FLIP_WHOLE_ROW)
        return;
    const struct matrix *matrix = model_matrix(context->model, flip->layer, flip->proj);
    size_t row_bytes = (size_t)matrix->groups * GROUP_BYTES;
    memcpy(context->virtual_blocks, matrix->blocks + flip->row * row_bytes, row_bytes);
    uint8_t *signs = context->virtual_blocks + (size_t)flip->group * GROUP_BYTES + 2;
    for (size_t i = 0; i < 16; i++)
        signs[i] ^= (uint8_t)(flip->mask[i / 8] >> 8 * (i % 8));
}

/* ---- running ------------------------------------------------------------------- */

static bool run_block(struct context *context, size_t first, size_t n, cancel_flag *cancel,
                      struct err *err)
{
    const struct model_shape *shape = &context->model->shape;
    struct activation_block *block = &context->block;
    size_t half = shape->head_dim / 2;
    for (size_t t = 0; t < n; t++) {
        const struct token *token = &context->tokens[first + t];
        embed_token(context, token->id, block->x + t * shape->width);
        rope_angles(context, token->position, block->cosines + t * half, block->sines + t * half);
    }
    for (uint32_t layer = 0; layer < shape->layers; layer++)
        if (!layer_forward(context, layer, first, n, cancel, err))
            return false;
    memcpy(context->hidden + first * shape->width, block->x,
           n * shape->width * sizeof *block->x);
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
    while (context->done_count < context->token_count) {
        size_t left = context->token_count - context->done_count;
        size_t n = left < BLOCK_TOKENS ? left : BLOCK_TOKENS;
        if (!run_block(context, context->done_count, n, cancel, err)) {
            context->broken = true;
            return false;
        }
        context->done_count += n;
    }
    return true;
}

/* ---- logits ---------------------------------------------------------------------- */

static bool logits_block(struct context *context, const size_t *slots, size_t n, float *out,
                         cancel_flag *cancel, struct err *err)
{
    const struct model_shape *shape = &context->model->shape;
    struct activation_block *block = &context->block;
    struct place place = {(int32_t)shape->layers, "head", slots[0]};
    for (size_t t = 0; t < n; t++) {
        BUG_ON(slots[t] >= context->done_count);
        context->kernel->rms_norm(context->hidden + slots[t] * shape->width,
                                  context->model->final_norm, shape->width, context->model->eps,
                                  block->normed + t * shape->width);
    }
    return quantize_tokens(context, block->normed, shape->width, n, &place, err) &&
           multiply(context, NO_LAYER, PROJ_HEAD, out, shape->vocab, cancel, err);
}

static bool check_finite(const struct context *context, const float *logits, size_t count,
                         struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!(logits[i] - logits[i] == 0.0f))
            return err_set(err, ERR_NUMERIC,
                           "the logit of token %zu is not finite: a scale of the head is infinite "
                           "or not a number",
                           i % context->model->shape.vocab);
    return true;
}

bool context_logits(struct context *context, const size_t *slots, size_t count, float *out,
                    cancel_flag *cancel, struct err *err)
{
    BUG_ON(context->broken);
    size_t vocab = context->model->shape.vocab;
    for (size_t i = 0; i < count; i += BLOCK_TOKENS) {
        size_t n = count - i < BLOCK_TOKENS ? count - i : BLOCK_TOKENS;
        if (!logits_block(context, slots + i, n, out + i * vocab, cancel, err) ||
            !check_finite(context, out + i * vocab, n * vocab, err))
            return false;
    }
    return true;
}

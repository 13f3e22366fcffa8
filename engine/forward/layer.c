/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One layer of a Qwen3 dense transformer over one block of tokens:
 *
 *   x += o(attention(rope(norm(q(n))), rope(norm(k(n))), v(n)))   n = norm(x)
 *   x += down(silu(gate(n)) * up(n))                              n = norm(x)
 *
 * A block holds tokens in order of arrival, so whatever a token attends to is
 * in an earlier block or earlier in this one: K and V of the whole block are
 * stored before anyone attends.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/forward/context_int.h"

struct span {
    size_t first; /* slot */
    size_t n;
    uint32_t layer;
};

/* One head's vectors of all slots in a layer: [tokens_max][head_dim]. */
static float *kv_at(const struct context *context, float *base, uint32_t layer, size_t head)
{
    const struct model_shape *shape = &context->model->shape;
    return base + ((size_t)layer * shape->kv_heads + head) * context->tokens_max * shape->head_dim;
}

static void norm_tokens(struct context *context, const float *gain, size_t n)
{
    size_t width = context->model->shape.width;
#pragma omp parallel for num_threads(context->threads) if (n > 8)
    for (size_t t = 0; t < n; t++)
        context->kernel->rms_norm(context->block.x + t * width, gain, width, context->model->eps,
                                  context->block.normed + t * width);
}

static void add_to_stream(struct context *context, size_t n)
{
    size_t count = n * context->model->shape.width;
    float *x = context->block.x;
    const float *out = context->block.out;
    for (size_t i = 0; i < count; i++)
        x[i] = x[i] + out[i];
}

/* RMSNorm and RoPE of every head of one vector. */
static void norm_and_turn(struct context *context, float *heads, size_t head_count,
                          const float *gain, size_t t)
{
    size_t dim = context->model->shape.head_dim;
    const struct activation_block *block = &context->block;
    for (size_t h = 0; h < head_count; h++) {
        float *head = heads + h * dim;
        context->kernel->rms_norm(head, gain, dim, context->model->eps, head);
        context->kernel->rope(head, block->cosines + t * dim / 2, block->sines + t * dim / 2,
                              dim / 2);
    }
}

/* Token t's K or V to where attention reads it. */
static void keep_heads(struct context *context, const struct span *span, float *base,
                       const float *heads, size_t t)
{
    const struct model_shape *shape = &context->model->shape;
    size_t dim = shape->head_dim;
    for (size_t h = 0; h < shape->kv_heads; h++)
        memcpy(kv_at(context, base, span->layer, h) + (span->first + t) * dim,
               heads + (t * shape->kv_heads + h) * dim, dim * sizeof *heads);
}

static bool queries_keys_values(struct context *context, const struct span *span,
                                cancel_flag *cancel, struct err *err)
{
    const struct model_shape *shape = &context->model->shape;
    const struct layer *layer = &context->model->layers[span->layer];
    struct activation_block *block = &context->block;
    size_t q_dim = (size_t)shape->heads * shape->head_dim;
    size_t kv_dim = (size_t)shape->kv_heads * shape->head_dim;
    struct place place = {(int32_t)span->layer, "q, k, v", span->first};
    if (!quantize_tokens(context, block->normed, shape->width, span->n, &place, err) ||
        !multiply(context, place.layer, PROJ_Q, block->q, q_dim, cancel, err) ||
        !multiply(context, place.layer, PROJ_K, block->k, kv_dim, cancel, err) ||
        !multiply(context, place.layer, PROJ_V, block->v, kv_dim, cancel, err))
        return false;
#pragma omp parallel for num_threads(context->threads) if (span->n > 8)
    for (size_t t = 0; t < span->n; t++) {
        norm_and_turn(context, block->q + t * q_dim, shape->heads, layer->q_norm, t);
        norm_and_turn(context, block->k + t * kv_dim, shape->kv_heads, layer->k_norm, t);
        keep_heads(context, span, context->k, block->k, t);
        keep_heads(context, span, context->v, block->v, t);
    }
    return true;
}

/* All heads of one token. */
static void attend_token(struct context *context, const struct span *span, size_t t)
{
    const struct model_shape *shape = &context->model->shape;
    struct activation_block *block = &context->block;
    const struct token *token = &context->tokens[span->first + t];
    size_t dim = shape->head_dim, shared = shape->heads / shape->kv_heads;
    struct attention attention = {
        .heads = shared,
        .path = context->branches[token->branch].path,
        .positions = token->position + 1,
        .dim = dim,
        .scale = 1.0f / sqrtf((float)dim),
        .scratch = block->scratch + (size_t)omp_get_thread_num() * block->scratch_floats,
    };
    for (size_t h = 0; h < shape->kv_heads; h++) {
        size_t place = (t * shape->heads + h * shared) * dim;
        attention.queries = block->q + place;
        attention.keys = kv_at(context, context->k, span->layer, h);
        attention.values = kv_at(context, context->v, span->layer, h);
        attention.out = block->mixed + place;
        context->kernel->attend(&attention);
    }
}

static bool attention(struct context *context, const struct span *span, cancel_flag *cancel,
                      struct err *err)
{
    const struct model_shape *shape = &context->model->shape;
    struct place place = {(int32_t)span->layer, "o", span->first};
    norm_tokens(context, context->model->layers[span->layer].attn_norm, span->n);
    if (!queries_keys_values(context, span, cancel, err))
        return false;
#pragma omp parallel for num_threads(context->threads) if (span->n > 4) schedule(dynamic, 4)
    for (size_t t = 0; t < span->n; t++)
        attend_token(context, span, t);
    if (!quantize_tokens(context, context->block.mixed, (size_t)shape->heads * shape->head_dim,
                         span->n, &place, err) ||
        !multiply(context, place.layer, PROJ_O, context->block.out, shape->width, cancel, err))
        return false;
    add_to_stream(context, span->n);
    return true;
}

static bool mlp(struct context *context, const struct span *span, cancel_flag *cancel,
                struct err *err)
{
    const struct model_shape *shape = &context->model->shape;
    struct activation_block *block = &context->block;
    struct place place = {(int32_t)span->layer, "gate, up", span->first};
    norm_tokens(context, context->model->layers[span->layer].ffn_norm, span->n);
    if (!quantize_tokens(context, block->normed, shape->width, span->n, &place, err) ||
        !multiply(context, place.layer, PROJ_GATE, block->gate, shape->ffn, cancel, err) ||
        !multiply(context, place.layer, PROJ_UP, block->up, shape->ffn, cancel, err))
        return false;
#pragma omp parallel for num_threads(context->threads) if (span->n > 8)
    for (size_t t = 0; t < span->n; t++)
        context->kernel->swiglu(block->gate + t * shape->ffn, block->up + t * shape->ffn,
                                shape->ffn, block->h + t * shape->ffn);
    place.step = "down";
    if (!quantize_tokens(context, block->h, shape->ffn, span->n, &place, err) ||
        !multiply(context, place.layer, PROJ_DOWN, block->out, shape->width, cancel, err))
        return false;
    add_to_stream(context, span->n);
    return true;
}

bool layer_forward(struct context *context, uint32_t layer, size_t first, size_t n,
                   cancel_flag *cancel, struct err *err)
{
    struct span span = {first, n, layer};
    return attention(context, &span, cancel, err) && mlp(context, &span, cancel, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A layer's inside, computed again from its input: to the bit what the forward pass had, but
 * for outputs of down, a quarter of the work: these are the difference of two streams that
 * were kept, which rounds to the streams' last bits.
 */
#include <string.h>

#include "engine/backward/backward_int.h"

static void copy_rows(float *to, const float *from, size_t first, size_t n, size_t columns)
{
    memcpy(to + first * columns, from, n * columns * sizeof *to);
}

static void norm_and_turn_head(struct gradient *gradient, const float *raw, const float *gain,
                               size_t slot, float *normed, float *turned)
{
    const struct work *work = &gradient->batch->work;
    size_t dim = work->model->shape.head_dim;
    const float *angles = work->angles + gradient->batch->packed.positions[slot] * dim;
    work->kernel->rms_norm(raw, gain, dim, work->model->eps, normed);
    memcpy(turned, normed, dim * sizeof *turned);
    work->kernel->rope(turned, angles, angles + dim / 2, dim / 2);
}

/* Q, K and V of one token, from what the matrices gave; K and V also where attention
 * looks for them. */
static void turn_token(struct gradient *gradient, uint32_t layer, size_t slot)
{
    const struct model_shape *shape = &gradient->batch->model->shape;
    const struct layer *weights = &gradient->batch->model->layers[layer];
    struct inside *in = &gradient->in;
    const struct kv *kv = &gradient->batch->kv[0];
    size_t dim = shape->head_dim;
    for (size_t h = 0; h < shape->heads; h++) {
        size_t place = (slot * shape->heads + h) * dim;
        norm_and_turn_head(gradient, in->q + place, weights->q_norm, slot, in->q_normed + place,
                           in->q_turned + place);
    }
    for (size_t h = 0; h < shape->kv_heads; h++) {
        size_t place = (slot * shape->kv_heads + h) * dim;
        size_t kept = (h * gradient->tokens + slot) * dim;
        norm_and_turn_head(gradient, in->k + place, weights->k_norm, slot, in->k_normed + place,
                           in->k_turned + place);
        memcpy(kv->k + kept, in->k_turned + place, dim * sizeof(float));
        memcpy(kv->v + kept, in->v + place, dim * sizeof(float));
    }
}

static bool queries_keys_values(struct gradient *gradient, uint32_t layer, size_t first,
                                struct err *err)
{
    struct work *work = &gradient->batch->work;
    const struct model_shape *shape = &work->model->shape;
    struct inside *in = &gradient->in;
    size_t q_dim = (size_t)shape->heads * shape->head_dim;
    size_t kv_dim = (size_t)shape->kv_heads * shape->head_dim;
    struct output outputs[3] = {
        output_all(work, (int32_t)layer, PROJ_Q, in->q + first * q_dim),
        output_all(work, (int32_t)layer, PROJ_K, in->k + first * kv_dim),
        output_all(work, (int32_t)layer, PROJ_V, in->v + first * kv_dim),
    };
    if (!layer_norm_quantize(work, layer, false, err) ||
        !multiply(work, &work->quantized, outputs, 3, err))
        return false;
    copy_rows(in->normed, work->normed, first, work->n, shape->width);
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = 0; t < work->n; t++)
        turn_token(gradient, layer, first + t);
    memcpy(work->q, in->q_turned + first * q_dim, work->n * q_dim * sizeof *work->q);
    return true;
}

/* SwiGLU with 1 for up is silu. */
static void keep_silu(struct gradient *gradient, size_t first)
{
    const struct work *work = &gradient->batch->work;
    size_t ffn = work->model->shape.ffn;
    struct inside *in = &gradient->in;
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = first; t < first + work->n; t++) {
        float *silu = in->silu + t * ffn;
        for (size_t i = 0; i < ffn; i++)
            silu[i] = 1;
        work->kernel->swiglu(in->gate + t * ffn, silu, ffn, silu);
    }
}

static void subtract_streams(const struct gradient *gradient, const float *after, size_t first)
{
    const struct work *work = &gradient->batch->work;
    size_t width = work->model->shape.width;
    const struct inside *in = &gradient->in;
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = first; t < first + work->n; t++)
        for (size_t i = t * width; i < (t + 1) * width; i++)
            in->down[i] = after[i] - in->middle[i];
}

static bool mlp_again(struct gradient *gradient, uint32_t layer, size_t first, struct err *err)
{
    struct work *work = &gradient->batch->work;
    const struct model_shape *shape = &work->model->shape;
    struct inside *in = &gradient->in;
    bool last = layer + 1 == shape->layers;
    if (last ? !layer_mlp(work, layer, NULL, err) : !layer_hidden(work, layer, err))
        return false;
    copy_rows(in->ffn_normed, work->normed, first, work->n, shape->width);
    copy_rows(in->gate, work->gate, first, work->n, shape->ffn);
    copy_rows(in->up, work->up, first, work->n, shape->ffn);
    copy_rows(in->h, work->h, first, work->n, shape->ffn);
    if (last)
        copy_rows(in->down, work->out, first, work->n, shape->width);
    else
        subtract_streams(gradient, gradient->batch->kept[layer + 1].x, first);
    keep_silu(gradient, first);
    return true;
}

static bool attention_and_mlp(struct gradient *gradient, uint32_t layer, size_t first,
                              struct err *err)
{
    struct work *work = &gradient->batch->work;
    const struct model_shape *shape = &work->model->shape;
    struct inside *in = &gradient->in;
    if (!layer_attend(work, 0, shape->kv_heads, err))
        return false;
    copy_rows(in->mixed, work->mixed, first, work->n, (size_t)shape->heads * shape->head_dim);
    if (!layer_output(work, layer, err))
        return false;
    copy_rows(in->o, work->out, first, work->n, shape->width);
    copy_rows(in->middle, work->x, first, work->n, shape->width);
    return mlp_again(gradient, layer, first, err);
}

bool compute_again(struct gradient *gradient, uint32_t layer, struct err *err)
{
    static const uint32_t base = 0;
    struct batch *batch = gradient->batch;
    struct world *world = &batch->worlds[0];
    gradient->in.x = batch->kept[layer].x;
    batch->kv[0] = (struct kv){world->k, world->v};
    memcpy(world->x, gradient->in.x,
           gradient->tokens * batch->model->shape.width * sizeof *world->x);
    for (size_t first = 0; first < gradient->tokens; first += batch->work.n) {
        (void)block_fill(batch, layer, true, &base, 1, first);
        if (!queries_keys_values(gradient, layer, first, err) ||
            !attention_and_mlp(gradient, layer, first, err))
            return false;
    }
    return true;
}

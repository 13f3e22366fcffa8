/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A layer's inside from its input: to the bit what the forward pass had, but for outputs of
 * down, a quarter of the work: these are the difference of two streams that were kept, which
 * rounds to the streams' last bits.  Outputs of the other matrices are those that the forward
 * pass kept, or computed again.
 */
#include <string.h>

#include "engine/backward/backward_int.h"

/* The block's rows to those of all tokens. */
static void copy_rows(const struct gradient *gradient, float *to, const float *from, size_t first,
                      size_t columns)
{
    to += first * columns;
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = 0; t < gradient->batch->work.n; t++)
        memcpy(to + t * columns, from + t * columns, columns * sizeof *to);
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
        norm_and_turn_head(gradient, in->y.q + place, weights->q_norm, slot, in->q_normed + place,
                           in->q_turned + place);
    }
    for (size_t h = 0; h < shape->kv_heads; h++) {
        size_t place = (slot * shape->kv_heads + h) * dim;
        size_t kept = (h * gradient->tokens + slot) * dim;
        norm_and_turn_head(gradient, in->y.k + place, weights->k_norm, slot, in->k_normed + place,
                           in->k_turned + place);
        memcpy(kv->k + kept, in->k_turned + place, dim * sizeof(float));
        memcpy(kv->v + kept, in->y.v + place, dim * sizeof(float));
    }
}

/* Normed x is multiplied by so many matrices of the layer, unless that was kept. */
static bool norm_and_multiply(struct gradient *gradient, uint32_t layer, bool ffn,
                              const struct output *outputs, size_t count, struct err *err)
{
    struct work *work = &gradient->batch->work;
    if (!gradient->batch->kept[layer].products.q)
        return layer_norm_quantize(work, layer, ffn, err) &&
               multiply(work, &work->quantized, outputs, count, err);
    layer_norm(work, layer, ffn);
    return true;
}

static bool queries_keys_values(struct gradient *gradient, uint32_t layer, size_t first,
                                struct err *err)
{
    struct work *work = &gradient->batch->work;
    const struct model_shape *shape = &work->model->shape;
    struct inside *in = &gradient->in;
    struct products block = products_slice(gradient->batch, &in->y, first);
    size_t q_dim = (size_t)shape->heads * shape->head_dim;
    struct output outputs[3] = {
        output_all(work, (int32_t)layer, PROJ_Q, block.q),
        output_all(work, (int32_t)layer, PROJ_K, block.k),
        output_all(work, (int32_t)layer, PROJ_V, block.v),
    };
    if (!norm_and_multiply(gradient, layer, false, outputs, 3, err))
        return false;
    copy_rows(gradient, in->normed, work->normed, first, shape->width);
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = 0; t < work->n; t++)
        turn_token(gradient, layer, first + t);
    memcpy(work->q, in->q_turned + first * q_dim, work->n * q_dim * sizeof *work->q);
    return true;
}

/* h; and silu, which is SwiGLU with 1 for up. */
static void swiglu_again(struct gradient *gradient, size_t first)
{
    const struct work *work = &gradient->batch->work;
    size_t ffn = work->model->shape.ffn;
    struct inside *in = &gradient->in;
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = first; t < first + work->n; t++) {
        float *silu = in->silu + t * ffn;
        for (size_t i = 0; i < ffn; i++)
            silu[i] = 1;
        work->kernel->swiglu(in->y.gate + t * ffn, silu, ffn, silu);
        work->kernel->swiglu(in->y.gate + t * ffn, in->y.up + t * ffn, ffn,
                             in->h + t * ffn);
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

/* In the last layer there is no stream behind. */
static bool down_again(struct gradient *gradient, uint32_t layer, size_t first, struct err *err)
{
    struct work *work = &gradient->batch->work;
    const struct model_shape *shape = &work->model->shape;
    struct inside *in = &gradient->in;
    struct place place = {(int32_t)layer, "down"};
    struct output output = output_all(work, (int32_t)layer, PROJ_DOWN,
                                      in->down + first * shape->width);
    if (layer + 1 == shape->layers)
        return quantize_lanes(work, in->h + first * shape->ffn, shape->ffn,
                              quantized_view(work, shape->ffn), &place, err) &&
               multiply(work, &work->quantized, &output, 1, err);
    subtract_streams(gradient, gradient->batch->kept[layer + 1].x, first);
    return true;
}

static bool mlp_again(struct gradient *gradient, uint32_t layer, size_t first, struct err *err)
{
    struct work *work = &gradient->batch->work;
    struct inside *in = &gradient->in;
    struct products block = products_slice(gradient->batch, &in->y, first);
    struct output outputs[2] = {
        output_all(work, (int32_t)layer, PROJ_GATE, block.gate),
        output_all(work, (int32_t)layer, PROJ_UP, block.up),
    };
    if (!norm_and_multiply(gradient, layer, true, outputs, 2, err))
        return false;
    copy_rows(gradient, in->ffn_normed, work->normed, first, work->model->shape.width);
    swiglu_again(gradient, first);
    return down_again(gradient, layer, first, err);
}

/* From mixed to the stream. */
static bool output_again(struct gradient *gradient, uint32_t layer, size_t first,
                         struct err *err)
{
    struct work *work = &gradient->batch->work;
    size_t width = work->model->shape.width;
    float *o = gradient->in.y.o + first * width;
    if (!gradient->batch->kept[layer].products.o)
        return layer_output(work, layer, o, err);
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = 0; t < work->n; t++)
        work->kernel->add(work->x + t * width, o + t * width, width);
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
    copy_rows(gradient, in->mixed, work->mixed, first, (size_t)shape->heads * shape->head_dim);
    if (!output_again(gradient, layer, first, err))
        return false;
    copy_rows(gradient, in->middle, work->x, first, shape->width);
    return mlp_again(gradient, layer, first, err);
}

bool compute_again(struct gradient *gradient, uint32_t layer, struct err *err)
{
    static const uint32_t base = 0;
    struct batch *batch = gradient->batch;
    struct world *world = &batch->worlds[0];
    const struct kept_layer *kept = &batch->kept[layer];
    gradient->in.x = kept->x;
    gradient->in.y = kept->products.q ? kept->products : gradient->own;
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

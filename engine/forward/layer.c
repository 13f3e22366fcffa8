/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One layer of a Qwen3 dense transformer over one block of lanes:
 *
 *   x += o(attention(rope(norm(q(n))), rope(norm(k(n))), v(n)))   n = norm(x)
 *   x += down(silu(gate(n)) * up(n))                              n = norm(x)
 *
 * K and V of the whole block are stored before anyone attends [W1].
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/forward/work.h"

/* Work below which one thread is done before another is awake: some 10 microseconds. */
enum {
    WORTH_THREADS = 1 << 16,        /* floats that are normed, turned or added */
    WORTH_THREADS_ATTEND = 1 << 18, /* multiply-adds of attention */
};

static bool worth_threads(const struct work *work, size_t floats_per_lane)
{
    return work->n * floats_per_lane > WORTH_THREADS;
}

/* ---- parts ------------------------------------------------------------------ */

void layer_norm(struct work *work, uint32_t layer, bool ffn)
{
    size_t width = work->model->shape.width;
    const struct layer *weights = &work->model->layers[layer];
    const float *gain = ffn ? weights->ffn_norm : weights->attn_norm;
#pragma omp parallel for num_threads(work->threads) if (worth_threads(work, width))
    for (size_t t = 0; t < work->n; t++)
        work->kernel->rms_norm(work->x + t * width, gain, width, work->model->eps,
                               work->normed + t * width);
}

bool layer_norm_quantize(struct work *work, uint32_t layer, bool ffn, struct err *err)
{
    size_t width = work->model->shape.width;
    struct place place = {(int32_t)layer, ffn ? "gate, up" : "q, k, v"};
    layer_norm(work, layer, ffn);
    return quantize_lanes(work, work->normed, width, quantized_view(work, width), &place, err);
}

static void add_to_stream(struct work *work, const float *out)
{
    size_t width = work->model->shape.width;
#pragma omp parallel for num_threads(work->threads) if (worth_threads(work, width))
    for (size_t t = 0; t < work->n; t++)
        work->kernel->add(work->x + t * width, out + t * width, width);
}

/* RMSNorm and RoPE of one head at one lane's position. */
static void norm_and_turn(const struct work *work, float *head, const float *gain, size_t t)
{
    size_t dim = work->model->shape.head_dim;
    const float *angles = work->angles + work->lanes[t].position * dim;
    work->kernel->rms_norm(head, gain, dim, work->model->eps, head);
    work->kernel->rope(head, angles, angles + dim / 2, dim / 2);
}

/* Where a world keeps a head's vector of the lane. */
static float *kept(const struct work *work, float *base, uint32_t kv_head, size_t t)
{
    size_t dim = work->model->shape.head_dim;
    return base + ((size_t)kv_head * work->kv_slots + work->lanes[t].slot) * dim;
}

static void store_keys_values(struct work *work, uint32_t layer, uint32_t first, uint32_t count,
                              size_t t)
{
    const struct model_shape *shape = &work->model->shape;
    size_t dim = shape->head_dim;
    const struct kv *world = &work->worlds[work->lanes[t].world];
    for (uint32_t h = 0; h < count; h++) {
        float *k = work->k + (t * count + h) * dim;
        norm_and_turn(work, k, work->model->layers[layer].k_norm, t);
        memcpy(kept(work, world->k, first + h, t), k, dim * sizeof *k);
        memcpy(kept(work, world->v, first + h, t), work->v + (t * count + h) * dim,
               dim * sizeof *k);
    }
}

static void turn_queries(struct work *work, uint32_t layer, uint32_t first, uint32_t count,
                         size_t t)
{
    size_t dim = work->model->shape.head_dim;
    float *heads = work->q + t * work->model->shape.heads * dim;
    for (uint32_t h = first; h < first + count; h++)
        norm_and_turn(work, heads + h * dim, work->model->layers[layer].q_norm, t);
}

/* Rows of heads first to first + count - 1; y is the first head's place. */
static struct output head_rows(const struct work *work, uint32_t layer, enum proj proj,
                               uint32_t first, uint32_t count, float *y, size_t heads)
{
    uint32_t dim = work->model->shape.head_dim;
    return (struct output){(int32_t)layer, proj, first * dim, count * dim, y, heads * dim};
}

bool layer_queries(struct work *work, uint32_t layer, uint32_t first, uint32_t count,
                   struct err *err)
{
    const struct model_shape *shape = &work->model->shape;
    size_t dim = shape->head_dim;
    struct output output = head_rows(work, layer, PROJ_Q, first, count, work->q + first * dim,
                                     shape->heads);
    if (!multiply(work, &work->quantized, &output, 1, err))
        return false;
#pragma omp parallel for num_threads(work->threads) if (worth_threads(work, count * dim))
    for (size_t t = 0; t < work->n; t++)
        turn_queries(work, layer, first, count, t);
    return true;
}

bool layer_keys(struct work *work, uint32_t layer, uint32_t first, uint32_t count,
                struct err *err)
{
    struct output outputs[2] = {
        head_rows(work, layer, PROJ_K, first, count, work->k, count),
        head_rows(work, layer, PROJ_V, first, count, work->v, count),
    };
    if (!multiply(work, &work->quantized, outputs, 2, err))
        return false;
    size_t dim = work->model->shape.head_dim;
#pragma omp parallel for num_threads(work->threads) if (worth_threads(work, count * dim))
    for (size_t t = 0; t < work->n; t++)
        store_keys_values(work, layer, first, count, t);
    return true;
}

static void leave(float *to, const float *from, size_t t, size_t columns)
{
    if (to)
        memcpy(to + t * columns, from + t * columns, columns * sizeof *to);
}

/* All three products of the attention's input in one go. */
static bool queries_keys_values(struct work *work, uint32_t layer,
                                const struct layer_trace *trace, struct err *err)
{
    const struct model_shape *shape = &work->model->shape;
    struct output outputs[3] = {
        output_all(work, (int32_t)layer, PROJ_Q, work->q),
        output_all(work, (int32_t)layer, PROJ_K, work->k),
        output_all(work, (int32_t)layer, PROJ_V, work->v),
    };
    const struct products to = trace ? trace->products : (struct products){0};
    size_t q_dim = (size_t)shape->heads * shape->head_dim;
    size_t kv_dim = (size_t)shape->kv_heads * shape->head_dim;
    if (!multiply(work, &work->quantized, outputs, 3, err))
        return false;
#pragma omp parallel for num_threads(work->threads) if (worth_threads(work, q_dim))
    for (size_t t = 0; t < work->n; t++) {
        leave(to.q, work->q, t, q_dim);
        leave(to.k, work->k, t, kv_dim);
        leave(to.v, work->v, t, kv_dim);
        turn_queries(work, layer, 0, shape->heads, t);
        store_keys_values(work, layer, 0, shape->kv_heads, t);
    }
    return true;
}

/* The query heads of one KV head for one lane. */
static void attend_heads(struct work *work, uint32_t kv_head, size_t t)
{
    const struct model_shape *shape = &work->model->shape;
    const struct lane *lane = &work->lanes[t];
    size_t dim = shape->head_dim, shared = shape->heads / shape->kv_heads;
    size_t place = (t * shape->heads + kv_head * shared) * dim;
    size_t head = (size_t)kv_head * work->kv_slots * dim;
    struct attention attention = {
        .queries = work->q + place,
        .heads = shared,
        .keys = work->worlds[lane->world].k + head,
        .values = work->worlds[lane->world].v + head,
        .path = lane->path,
        .positions = lane->position + 1,
        .dim = dim,
        .scale = 1.0f / sqrtf((float)dim),
        .scratch = work->scratch + (size_t)omp_get_thread_num() * work->scratch_floats,
        .out = work->mixed + place,
    };
    work->kernel->attend(&attention);
}

bool layer_attend(struct work *work, uint32_t first_kv_head, uint32_t count, struct err *err)
{
    size_t products = 0; /* of a query and a key */
    for (size_t t = 0; t < work->n; t++)
        products += (work->lanes[t].position + 1) * (size_t)count;
    const struct model_shape *shape = &work->model->shape;
    size_t shared = shape->heads / shape->kv_heads;
    bool threads = products * shared * shape->head_dim * 2 > WORTH_THREADS_ATTEND;
    /* head by head, so that its K and V stay in the cache */
#pragma omp parallel for collapse(2) num_threads(work->threads) if (threads) schedule(dynamic, 4)
    for (uint32_t h = first_kv_head; h < first_kv_head + count; h++)
        for (size_t t = 0; t < work->n; t++)
            if (!work_is_cancelled(work))
                attend_heads(work, h, t);
    return !work_cancelled(work, err);
}

bool layer_output(struct work *work, uint32_t layer, float *o, struct err *err)
{
    const struct model_shape *shape = &work->model->shape;
    size_t q_dim = (size_t)shape->heads * shape->head_dim;
    struct place place = {(int32_t)layer, "o"};
    struct output output = output_all(work, (int32_t)layer, PROJ_O, o ? o : work->out);
    if (!quantize_lanes(work, work->mixed, q_dim, quantized_view(work, q_dim), &place, err) ||
        !multiply(work, &work->quantized, &output, 1, err))
        return false;
    add_to_stream(work, output.y);
    return true;
}

bool layer_down(struct work *work, uint32_t layer, const struct activations *h, struct err *err)
{
    struct output output = output_all(work, (int32_t)layer, PROJ_DOWN, work->out);
    if (!multiply(work, h, &output, 1, err))
        return false;
    add_to_stream(work, work->out);
    return true;
}

/* gate, up and h of x. */
static bool hidden(struct work *work, uint32_t layer, const struct layer_trace *trace,
                   struct err *err)
{
    size_t ffn = work->model->shape.ffn;
    float *gate = trace && trace->products.gate ? trace->products.gate : work->gate;
    float *up = trace && trace->products.up ? trace->products.up : work->up;
    struct output outputs[2] = {
        output_all(work, (int32_t)layer, PROJ_GATE, gate),
        output_all(work, (int32_t)layer, PROJ_UP, up),
    };
    if (!layer_norm_quantize(work, layer, true, err) ||
        !multiply(work, &work->quantized, outputs, 2, err))
        return false;
#pragma omp parallel for num_threads(work->threads) if (worth_threads(work, ffn))
    for (size_t t = 0; t < work->n; t++)
        work->kernel->swiglu(gate + t * ffn, up + t * ffn, ffn, work->h + t * ffn);
    return true;
}

bool layer_mlp(struct work *work, uint32_t layer, const struct layer_trace *trace,
               struct err *err)
{
    size_t ffn = work->model->shape.ffn;
    struct place place = {(int32_t)layer, "down"};
    if (!hidden(work, layer, trace, err))
        return false;
    struct activations *h = trace && trace->h ? trace->h : quantized_view(work, ffn);
    return quantize_lanes(work, work->h, ffn, h, &place, err) && layer_down(work, layer, h, err);
}

/* ---- whole layers ---------------------------------------------------------------- */

/* From mixed and x on. */
static bool after_attention(struct work *work, uint32_t layer, const struct layer_trace *trace,
                            struct err *err)
{
    const struct model_shape *shape = &work->model->shape;
    size_t q_dim = (size_t)shape->heads * shape->head_dim;
    if (trace && trace->mixed)
        memcpy(trace->mixed, work->mixed, work->n * q_dim * sizeof *trace->mixed);
    if (!layer_output(work, layer, trace ? trace->products.o : NULL, err))
        return false;
    if (trace && trace->middle)
        memcpy(trace->middle, work->x, work->n * shape->width * sizeof *trace->middle);
    return layer_mlp(work, layer, trace, err);
}

bool layer_forward(struct work *work, uint32_t layer, const struct layer_trace *trace,
                   struct err *err)
{
    if (!layer_norm_quantize(work, layer, false, err) ||
        !queries_keys_values(work, layer, trace, err))
        return false;
    return layer_attend(work, 0, work->model->shape.kv_heads, err) &&
           after_attention(work, layer, trace, err);
}

bool layer_keys_values(struct work *work, uint32_t layer, struct err *err)
{
    return layer_norm_quantize(work, layer, false, err) &&
           layer_keys(work, layer, 0, work->model->shape.kv_heads, err);
}

bool layer_rest(struct work *work, uint32_t layer, const struct layer_trace *trace,
                struct err *err)
{
    if (!layer_norm_quantize(work, layer, false, err) ||
        !layer_queries(work, layer, 0, work->model->shape.heads, err))
        return false;
    return layer_attend(work, 0, work->model->shape.kv_heads, err) &&
           after_attention(work, layer, trace, err);
}

/* ---- the head ---------------------------------------------------------------------- */

static bool norm_and_quantize_head(struct work *work, struct err *err)
{
    const struct model_shape *shape = &work->model->shape;
    struct place place = {(int32_t)shape->layers, "head"};
    for (size_t t = 0; t < work->n; t++)
        work->kernel->rms_norm(work->x + t * shape->width, work->model->final_norm, shape->width,
                               work->model->eps, work->normed + t * shape->width);
    return quantize_lanes(work, work->normed, shape->width, quantized_view(work, shape->width),
                          &place, err);
}

/* x - x is zero for every finite x and for no other. */
static bool all_finite(const float *logits, size_t count)
{
    int bad = 0;
#pragma omp simd reduction(| : bad)
    for (size_t i = 0; i < count; i++)
        bad |= !(logits[i] - logits[i] == 0.0f);
    return bad == 0;
}

static bool check_finite(const struct work *work, const float *logits, size_t n, size_t count,
                         struct err *err)
{
    bool finite = true;
#pragma omp parallel for num_threads(work->threads) if (n * count > WORTH_THREADS) \
    reduction(&& : finite)
    for (size_t t = 0; t < n; t++)
        finite = all_finite(logits + t * count, count) && finite;
    for (size_t i = 0; !finite && i < n * count; i++)
        if (!(logits[i] - logits[i] == 0.0f))
            return err_set(err, ERR_NUMERIC,
                           "the logit of token %zu is not finite: a scale of the head is infinite "
                           "or not a number",
                           i % count);
    return true;
}

bool head_logits(struct work *work, float *out, struct err *err)
{
    size_t vocab = work->model->shape.vocab;
    struct output output = output_all(work, NO_LAYER, PROJ_HEAD, out);
    return norm_and_quantize_head(work, err) &&
           multiply(work, &work->quantized, &output, 1, err) &&
           check_finite(work, out, work->n, vocab, err);
}

bool head_logits_of(struct work *work, const int32_t *ids, size_t count, float *out,
                    struct err *err)
{
    BUG_ON(work->n != 1);
    if (!norm_and_quantize_head(work, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct output output = {NO_LAYER, PROJ_HEAD, (uint32_t)ids[i], 1, out + i, 1};
        if (!multiply(work, &work->quantized, &output, 1, err))
            return false;
    }
    return check_finite(work, out, 1, count, err);
}

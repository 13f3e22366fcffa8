/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Attention, RoPE and q/k norm backwards.  A token's derivatives by keys and values go to
 * the tokens it attended to, in the order of tokens; heads of K and V are apart, so that
 * threads take one each.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/backward/backward_int.h"
#include "engine/kernel/exp.h"

/* Vectors are of a head: the loops over LANES, which compilers turn into vector
 * instructions, are all there is unless heads have odd sizes. */
static float dot(const float *x, const float *y, size_t n)
{
    float lanes[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += x[i + lane] * y[i + lane];
    for (; i < n; i++)
        lanes[i % LANES] += x[i] * y[i];
    for (i = 0; i < LANES; i++)
        sum += lanes[i];
    return sum;
}

static void add_scaled(float *restrict to, float scale, const float *restrict from, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            to[i + lane] += scale * from[i + lane];
    for (; i < n; i++)
        to[i] += scale * from[i];
}

/* One query head of one token. */
struct attending {
    const float *query, *mixed, *d_mixed;
    float *d_query;
    const float *keys, *values; /* [tokens][stride], of the KV head */
    float *d_keys, *d_values;
    const int32_t *path;
    size_t positions, dim, stride;
    float scale;
    float *weights; /* [positions] scratch */
};

static void softmax(const struct attending *a)
{
    float most = -INFINITY, sum = 0;
    for (size_t i = 0; i < a->positions; i++) {
        const float *key = a->keys + (size_t)a->path[i] * a->stride;
        a->weights[i] = dot(a->query, key, a->dim) * a->scale;
        most = a->weights[i] > most ? a->weights[i] : most;
    }
    for (size_t i = 0; i < a->positions; i++) {
        a->weights[i] = exp_unfused(a->weights[i] - most);
        sum += a->weights[i];
    }
    for (size_t i = 0; i < a->positions; i++)
        a->weights[i] /= sum;
}

/* mixed = sum of w[i] v[i]; dw[i] = dmixed v[i]; the softmax takes the mean of dw, which
 * is dmixed mixed, from each. */
static void attend_back(const struct attending *a)
{
    softmax(a);
    float mean = dot(a->d_mixed, a->mixed, a->dim);
    memset(a->d_query, 0, a->dim * sizeof *a->d_query);
    for (size_t i = 0; i < a->positions; i++) {
        size_t place = (size_t)a->path[i] * a->stride;
        float d_weight = dot(a->d_mixed, a->values + place, a->dim);
        float d_score = a->weights[i] * (d_weight - mean) * a->scale;
        add_scaled(a->d_values + place, a->weights[i], a->d_mixed, a->dim);
        add_scaled(a->d_query, d_score, a->keys + place, a->dim);
        add_scaled(a->d_keys + place, d_score, a->query, a->dim);
    }
}

static void kv_head_back(struct gradient *gradient, size_t kv_head)
{
    const struct packed *packed = &gradient->batch->packed;
    const struct model_shape *shape = &gradient->batch->model->shape;
    const struct inside *in = &gradient->in;
    const struct outside *out = &gradient->out;
    size_t dim = shape->head_dim, shared = shape->heads / shape->kv_heads;
    for (size_t t = 0; t < gradient->tokens; t++)
        for (size_t h = kv_head * shared; h < (kv_head + 1) * shared; h++) {
            size_t place = (t * shape->heads + h) * dim;
            struct attending attending = {
                .query = in->q_turned + place,
                .mixed = in->mixed + place,
                .d_mixed = out->mixed + place,
                .d_query = out->q + place,
                .keys = in->k_turned + kv_head * dim,
                .values = in->y.v + kv_head * dim,
                .d_keys = out->k + kv_head * dim,
                .d_values = out->v + kv_head * dim,
                .path = packed->paths[t],
                .positions = packed->positions[t] + 1,
                .dim = dim,
                .stride = shape->kv_heads * dim,
                .scale = 1.0f / sqrtf((float)dim),
                .weights = gradient->scores + (size_t)omp_get_thread_num() * packed->longest,
            };
            attend_back(&attending);
        }
}

void attention_back(struct gradient *gradient)
{
    const struct model_shape *shape = &gradient->batch->model->shape;
    size_t kv_bytes = gradient->tokens * shape->kv_heads * shape->head_dim * sizeof(float);
    memset(gradient->out.k, 0, kv_bytes);
    memset(gradient->out.v, 0, kv_bytes);
#pragma omp parallel for num_threads(gradient->threads) schedule(dynamic, 1)
    for (size_t h = 0; h < shape->kv_heads; h++)
        kv_head_back(gradient, h);
}

/* ---- RoPE and norms of heads ------------------------------------------------------ */

/* The transposed rotation: x' = x c - y s, y' = y c + x s. */
static void turn_head_back(float *d, const float *cosines, const float *sines, size_t half)
{
    for (size_t i = 0; i < half; i++) {
        float dx = d[i], dy = d[i + half];
        d[i] = dx * cosines[i] + dy * sines[i];
        d[i + half] = dy * cosines[i] - dx * sines[i];
    }
}

void turn_back(struct gradient *gradient)
{
    const struct work *work = &gradient->batch->work;
    const struct model_shape *shape = &work->model->shape;
    size_t dim = shape->head_dim;
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = 0; t < gradient->tokens; t++) {
        const float *angles = work->angles + gradient->batch->packed.positions[t] * dim;
        for (size_t h = 0; h < shape->heads; h++)
            turn_head_back(gradient->out.q + (t * shape->heads + h) * dim, angles,
                           angles + dim / 2, dim / 2);
        for (size_t h = 0; h < shape->kv_heads; h++)
            turn_head_back(gradient->out.k + (t * shape->kv_heads + h) * dim, angles,
                           angles + dim / 2, dim / 2);
    }
}

void head_norms_back(struct gradient *gradient, uint32_t layer)
{
    const struct model *model = gradient->batch->model;
    const struct layer *weights = &model->layers[layer];
    size_t dim = model->shape.head_dim, heads = model->shape.heads;
    size_t kv_heads = model->shape.kv_heads;
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = 0; t < gradient->tokens; t++) {
        for (size_t i = t * heads * dim; i < (t + 1) * heads * dim; i += dim)
            rms_norm_back(gradient->in.y.q + i, weights->q_norm, gradient->out.q + i, dim,
                          model->eps, false, gradient->out.q + i);
        for (size_t i = t * kv_heads * dim; i < (t + 1) * kv_heads * dim; i += dim)
            rms_norm_back(gradient->in.y.k + i, weights->k_norm, gradient->out.k + i, dim,
                          model->eps, false, gradient->out.k + i);
    }
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A layer backwards.  Each matrix is shown to the visitor as soon as the derivatives by
 * its outputs are known.
 */
#include <string.h>

#include "engine/backward/backward_int.h"

struct shown {
    const float *x, *y, *dy, *negated;
};

static void show(struct gradient *gradient, int32_t layer, enum proj proj, struct shown shown,
                 const struct gradient_job *job)
{
    const struct matrix *matrix = model_matrix(gradient->batch->model, layer, proj);
    job->visit(job->user, &(struct gradient_visit){
                              .layer = layer,
                              .proj = proj,
                              .rows = matrix->rows,
                              .columns = matrix->columns,
                              .blocks = matrix->blocks,
                              .tokens = gradient->tokens,
                              .owners = gradient->batch->packed.owners,
                              .x = shown.x,
                              .y = shown.y,
                              .dy = shown.dy,
                              .negated = shown.negated,
                          });
}

/* Outputs whose step behind is linear. */
static void show_linear(struct gradient *gradient, int32_t layer, enum proj proj, const float *x,
                        const float *y, const float *dy, const struct gradient_job *job)
{
    const struct matrix *matrix = model_matrix(gradient->batch->model, layer, proj);
    negate_change(gradient, y, dy, matrix->rows, gradient->out.negated);
    show(gradient, layer, proj, (struct shown){x, y, dy, gradient->out.negated}, job);
}

/* silu(-gate) - silu(gate) is -gate, exactly. */
static void show_gate(struct gradient *gradient, int32_t layer, const struct gradient_job *job)
{
    const struct inside *in = &gradient->in;
    size_t ffn = gradient->batch->model->shape.ffn;
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = 0; t < gradient->tokens; t++)
        for (size_t i = t * ffn; i < (t + 1) * ffn; i++)
            gradient->out.negated[i] = -gradient->out.h[i] * in->y.gate[i] * in->y.up[i];
    show(gradient, layer, PROJ_GATE,
         (struct shown){in->ffn_normed, in->y.gate, gradient->out.gate, gradient->out.negated},
         job);
}

/* out.normed = transposed matrix times dy, or that added to it. */
static bool through(struct gradient *gradient, int32_t layer, enum proj proj, const float *dy,
                    bool add, struct err *err)
{
    float *to = add ? gradient->out.part : gradient->out.normed;
    if (!product_back(gradient, layer, proj, dy, gradient->tokens, to, err))
        return false;
    if (add)
        add_back(gradient, gradient->out.normed, to, gradient->batch->model->shape.width);
    return true;
}

/* From out.normed to the stream, which also went around. */
static void stream_norm_back(struct gradient *gradient, const float *x, const float *gain)
{
    const struct model *model = gradient->batch->model;
    size_t width = model->shape.width;
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = 0; t < gradient->tokens; t++)
        rms_norm_back(x + t * width, gain, gradient->out.normed + t * width, width, model->eps,
                      true, gradient->out.x + t * width);
}

static bool mlp_back(struct gradient *gradient, uint32_t layer, const struct gradient_job *job,
                     struct err *err)
{
    const struct inside *in = &gradient->in;
    struct outside *out = &gradient->out;
    int32_t l = (int32_t)layer;
    show_linear(gradient, l, PROJ_DOWN, in->h, in->down, out->x, job);
    if (!product_back(gradient, l, PROJ_DOWN, out->x, gradient->tokens, out->h, err))
        return false;
    swiglu_back(gradient);
    show_linear(gradient, l, PROJ_UP, in->ffn_normed, in->y.up, out->up, job);
    show_gate(gradient, l, job);
    if (!through(gradient, l, PROJ_GATE, out->gate, false, err) ||
        !through(gradient, l, PROJ_UP, out->up, true, err))
        return false;
    stream_norm_back(gradient, in->middle, gradient->batch->model->layers[layer].ffn_norm);
    return true;
}

/* Negating an output of q or k negates it behind the norm, too: the mean square stays. */
static void heads_back(struct gradient *gradient, uint32_t layer, const struct gradient_job *job)
{
    const struct model_shape *shape = &gradient->batch->model->shape;
    size_t q_dim = (size_t)shape->heads * shape->head_dim;
    size_t kv_dim = (size_t)shape->kv_heads * shape->head_dim;
    struct inside *in = &gradient->in;
    struct outside *out = &gradient->out;
    int32_t l = (int32_t)layer;
    turn_back(gradient);
    float *q_negated = out->negated, *k_negated = out->negated + gradient->tokens * q_dim;
    negate_change(gradient, in->q_normed, out->q, q_dim, q_negated);
    negate_change(gradient, in->k_normed, out->k, kv_dim, k_negated);
    head_norms_back(gradient, layer);
    show(gradient, l, PROJ_Q, (struct shown){in->normed, in->y.q, out->q, q_negated}, job);
    show(gradient, l, PROJ_K, (struct shown){in->normed, in->y.k, out->k, k_negated}, job);
    show_linear(gradient, l, PROJ_V, in->normed, in->y.v, out->v, job);
}

static bool attention_part_back(struct gradient *gradient, uint32_t layer,
                                const struct gradient_job *job, struct err *err)
{
    const struct inside *in = &gradient->in;
    struct outside *out = &gradient->out;
    int32_t l = (int32_t)layer;
    show_linear(gradient, l, PROJ_O, in->mixed, in->y.o, out->x, job);
    if (!product_back(gradient, l, PROJ_O, out->x, gradient->tokens, out->mixed, err))
        return false;
    attention_back(gradient);
    heads_back(gradient, layer, job);
    if (!through(gradient, l, PROJ_Q, out->q, false, err) ||
        !through(gradient, l, PROJ_K, out->k, true, err) ||
        !through(gradient, l, PROJ_V, out->v, true, err))
        return false;
    stream_norm_back(gradient, in->x, gradient->batch->model->layers[layer].attn_norm);
    return true;
}

bool layer_back(struct gradient *gradient, uint32_t layer, const struct gradient_job *job,
                struct err *err)
{
    return compute_again(gradient, layer, err) && mlp_back(gradient, layer, job, err) &&
           attention_part_back(gradient, layer, job, err);
}

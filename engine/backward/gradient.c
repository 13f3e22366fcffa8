/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The whole pass: forward (a batch that keeps the input of every layer), the head, the
 * layers from the last down, the embedding.
 */
#include "engine/backward/gradient.h"

#include <stdlib.h>
#include <string.h>

#include "engine/backward/backward_int.h"
#include "src/base/memory.h"
#include "src/base/num.h"

/* ---- memory ------------------------------------------------------------------------ */

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void carve_inside(struct gradient *gradient, struct carver *carver)
{
    const struct model_shape *shape = &gradient->batch->model->shape;
    struct inside *in = &gradient->in;
    struct products *own = &gradient->own;
    size_t f = sizeof(float), n = gradient->tokens, dim = shape->head_dim;
    float **const of_width[] = {&in->normed, &own->o, &in->middle, &in->ffn_normed, &in->down};
    float **const of_heads[] = {&own->q, &in->q_normed, &in->q_turned, &in->mixed};
    float **const of_kv_heads[] = {&own->k, &in->k_normed, &in->k_turned, &own->v};
    float **const of_ffn[] = {&own->gate, &own->up, &in->silu, &in->h};
    for (size_t i = 0; i < countof(of_width); i++)
        *of_width[i] = carve(carver, f, n, shape->width, 1);
    for (size_t i = 0; i < countof(of_heads); i++)
        *of_heads[i] = carve(carver, f, n, shape->heads, dim);
    for (size_t i = 0; i < countof(of_kv_heads); i++)
        *of_kv_heads[i] = carve(carver, f, n, shape->kv_heads, dim);
    for (size_t i = 0; i < countof(of_ffn); i++)
        *of_ffn[i] = carve(carver, f, n, shape->ffn, 1);
}

static void carve_outside(struct gradient *gradient, struct carver *carver)
{
    const struct model_shape *shape = &gradient->batch->model->shape;
    struct outside *out = &gradient->out;
    size_t f = sizeof(float), n = gradient->tokens, dim = shape->head_dim;
    size_t heads = (size_t)shape->heads + shape->kv_heads;
    out->x = carve(carver, f, n, shape->width, 1);
    out->normed = carve(carver, f, n, shape->width, 1);
    out->part = carve(carver, f, n, shape->width, 1);
    out->h = carve(carver, f, n, shape->ffn, 1);
    out->gate = carve(carver, f, n, shape->ffn, 1);
    out->up = carve(carver, f, n, shape->ffn, 1);
    out->mixed = carve(carver, f, n, shape->heads, dim);
    out->q = carve(carver, f, n, shape->heads, dim);
    out->k = carve(carver, f, n, shape->kv_heads, dim);
    out->v = carve(carver, f, n, shape->kv_heads, dim);
    out->negated = carve(carver, f, n, largest(largest(shape->ffn, heads * dim), shape->width), 1);
}

static void carve_head(struct gradient *gradient, struct carver *carver)
{
    const struct model_shape *shape = &gradient->batch->model->shape;
    size_t f = sizeof(float), n = BLOCK_TOKENS;
    gradient->logits = carve(carver, f, n, shape->vocab, 1);
    gradient->seeds = carve(carver, f, n, shape->vocab, 1);
    gradient->head_negated = carve(carver, f, n, shape->vocab, 1);
    gradient->head_input = carve(carver, f, n, shape->width, 1);
    gradient->head_back = carve(carver, f, n, shape->width, 1);
    gradient->scores = carve(carver, f, (size_t)gradient->threads,
                             gradient->batch->packed.longest, 1);
}

/* The head has the most rows, but few tokens. */
static void carve_scaled(struct gradient *gradient, struct carver *carver)
{
    const struct model_shape *shape = &gradient->batch->model->shape;
    size_t rows = largest(largest(shape->ffn, (size_t)shape->heads * shape->head_dim),
                          largest((size_t)shape->kv_heads * shape->head_dim, shape->width));
    size_t blocks = largest(transposed_blocks(rows) * gradient->tokens,
                            transposed_blocks(shape->vocab) * BLOCK_TOKENS);
    size_t f = sizeof(float), most = transposed_blocks(largest(rows, shape->vocab));
    gradient->scaled.shares = carve(carver, f, blocks, TRANSPOSED_ROWS, 1);
    gradient->scaled.units = carve(carver, f, blocks, 1, 1);
    gradient->scaled.largest = carve(carver, f, most, TRANSPOSED_ROWS, 1);
}

static void carve_all(struct gradient *gradient, struct carver *carver)
{
    carve_inside(gradient, carver);
    carve_outside(gradient, carver);
    carve_head(gradient, carver);
    carve_scaled(gradient, carver);
}

static bool allocate(struct gradient *gradient, struct err *err)
{
    struct carver carver = {0};
    carve_all(gradient, &carver);
    gradient->memory_bytes = carver.used;
    gradient->memory = carve_allocate(&carver, 0, "a gradient", err);
    if (!gradient->memory)
        return false;
    carve_all(gradient, &carver);
    return true;
}

/* Half of what is left beside the memory that is not optional, none of which was written to
 * so far; the other half is for those who look at gradients. */
static uint64_t keep_budget(const struct gradient *gradient, uint64_t wanted)
{
    uint64_t available = memory_available(), needed = gradient_bytes(gradient);
    uint64_t spare = available > needed ? (available - needed) / 2 : 0;
    return wanted < spare ? wanted : spare;
}

static bool should_keep(const struct gradient *gradient, uint64_t wanted)
{
    uint32_t width = gradient->batch->model->shape.width;
    return wanted != GRADIENT_KEEP_DEFAULT ||
           (worth_keeping(width, 0) && worth_keeping(width, memory_seconds_a_page()));
}

struct gradient *gradient_new(struct model *model, const struct sequence *sequences, size_t count,
                              const struct gradient_options *options, struct err *err)
{
    struct gradient *gradient = x_new(1, sizeof *gradient);
    struct batch_options of_batch = {.threads = options->threads, .keep_inputs = true};
    gradient->batch = batch_new(model, sequences, count, &of_batch, err);
    if (gradient->batch) {
        gradient->tokens = gradient->batch->packed.tokens;
        gradient->threads = gradient->batch->work.threads;
        if (allocate(gradient, err)) {
            if (should_keep(gradient, options->keep_bytes))
                keep_products(gradient->batch, keep_budget(gradient, options->keep_bytes));
            return gradient;
        }
    }
    gradient_free(gradient);
    return NULL;
}

void gradient_free(struct gradient *gradient)
{
    if (!gradient)
        return;
    batch_free(gradient->batch);
    free(gradient->memory);
    free(gradient);
}

uint64_t gradient_bytes(const struct gradient *gradient)
{
    return batch_bytes(gradient->batch) + gradient->memory_bytes;
}

size_t gradient_tokens(const struct gradient *gradient)
{
    return gradient->tokens;
}

size_t gradient_rows(const struct gradient *gradient)
{
    return batch_rows(gradient->batch);
}

size_t gradient_row(const struct gradient *gradient, size_t sequence, size_t position)
{
    return batch_row(gradient->batch, sequence, position);
}

bool gradient_logits(struct gradient *gradient, size_t first, size_t count, float *out,
                     cancel_flag *cancel, struct err *err)
{
    return batch_run(gradient->batch, cancel, err) &&
           batch_logits(gradient->batch, BATCH_MODEL, first, count, out, cancel, err);
}

/* ---- the head ------------------------------------------------------------------------ */

static void show_head(struct gradient *gradient, size_t first, size_t n,
                      const struct gradient_job *job)
{
    const struct model_shape *shape = &gradient->batch->model->shape;
    const struct packed *packed = &gradient->batch->packed;
    uint32_t owners[BLOCK_TOKENS];
    for (size_t t = 0; t < n; t++)
        owners[t] = packed->owners[packed->wanted[first + t]];
    for (size_t i = 0; i < n * shape->vocab; i++)
        gradient->head_negated[i] = -2.0f * gradient->logits[i] * gradient->seeds[i];
    job->visit(job->user, &(struct gradient_visit){
                              .layer = NO_LAYER,
                              .proj = PROJ_HEAD,
                              .rows = shape->vocab,
                              .columns = shape->width,
                              .blocks = gradient->batch->model->head.blocks,
                              .tokens = n,
                              .owners = owners,
                              .x = gradient->head_input,
                              .y = gradient->logits,
                              .dy = gradient->seeds,
                              .negated = gradient->head_negated,
                          });
}

/* Wanted places first ... of which there are n. */
static bool head_rows_back(struct gradient *gradient, size_t first, size_t n,
                           const struct gradient_job *job, cancel_flag *cancel, struct err *err)
{
    struct batch *batch = gradient->batch;
    const struct model *model = batch->model;
    size_t width = model->shape.width, vocab = model->shape.vocab;
    if (!batch_logits(batch, BATCH_MODEL, first, n, gradient->logits, cancel, err))
        return false;
    memcpy(gradient->head_input, batch->work.normed, n * width * sizeof(float));
    memset(gradient->seeds, 0, n * vocab * sizeof(float));
#pragma omp parallel for num_threads(gradient->threads) schedule(dynamic, 1)
    for (size_t t = 0; t < n; t++)
        job->seed(job->user, first + t, gradient->logits + t * vocab,
                  gradient->seeds + t * vocab);
    show_head(gradient, first, n, job);
    if (!product_back(gradient, NO_LAYER, PROJ_HEAD, gradient->seeds, n, gradient->head_back, err))
        return false;
    for (size_t t = 0; t < n; t++)
        rms_norm_back(batch->worlds[0].hidden + (first + t) * width, model->final_norm,
                      gradient->head_back + t * width, width, model->eps, false,
                      gradient->out.x + batch->packed.wanted[first + t] * width);
    return true;
}

static bool head_back(struct gradient *gradient, const struct gradient_job *job,
                      cancel_flag *cancel, struct err *err)
{
    size_t rows = gradient_rows(gradient), width = gradient->batch->model->shape.width;
    memset(gradient->out.x, 0, gradient->tokens * width * sizeof(float));
    for (size_t first = 0; first < rows; first += BLOCK_TOKENS) {
        size_t n = rows - first < BLOCK_TOKENS ? rows - first : (size_t)BLOCK_TOKENS;
        if (!head_rows_back(gradient, first, n, job, cancel, err))
            return false;
    }
    return true;
}

/* ---- the embedding --------------------------------------------------------------------- */

static void show_embedding(struct gradient *gradient, const struct gradient_job *job)
{
    const struct batch *batch = gradient->batch;
    job->visit(job->user, &(struct gradient_visit){
                              .layer = NO_LAYER,
                              .proj = PROJ_EMBED,
                              .rows = batch->model->shape.vocab,
                              .columns = batch->model->shape.width,
                              .blocks = batch->model->embed.blocks,
                              .tokens = gradient->tokens,
                              .owners = batch->packed.owners,
                              .y = batch->kept[0].x,
                              .dy = gradient->out.x,
                              .ids = batch->packed.ids,
                          });
}

bool gradient_run(struct gradient *gradient, const struct gradient_job *job, cancel_flag *cancel,
                  struct err *err)
{
    if (!batch_run(gradient->batch, cancel, err) || !head_back(gradient, job, cancel, err))
        return false;
    gradient->batch->work.cancel = cancel;
    for (uint32_t layer = gradient->batch->model->shape.layers; layer-- > 0;)
        if (!layer_back(gradient, layer, job, err))
            return false;
    show_embedding(gradient, job);
    return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A group's share of every output is the product of its 128 columns alone, with the same
 * kernels as the whole: the group of all rows is laid out as a matrix of one group.
 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/predict_int.h"
#include "src/base/memory.h"

static size_t padded(size_t tokens)
{
    return (tokens + TOKEN_PAD - 1) / TOKEN_PAD * TOKEN_PAD;
}

static size_t aligned(size_t bytes)
{
    return (bytes + PREDICT_ALIGNED - 1) / PREDICT_ALIGNED * PREDICT_ALIGNED;
}

size_t predict_group_bytes(const struct predict *predict, size_t tokens)
{
    tokens = padded(tokens);
    return aligned(tokens * KERNEL_GROUP * sizeof(int16_t)) + 2 * aligned(tokens * sizeof(float)) +
           aligned(tokens * predict->kernel->table_bytes);
}

struct activations predict_group_in(const struct predict *predict, void *memory, size_t tokens)
{
    uint8_t *at = memory;
    struct activations x = {.tokens = tokens, .groups = 1};
    tokens = padded(tokens);
    x.q = (int16_t *)(void *)at;
    at += aligned(tokens * KERNEL_GROUP * sizeof(int16_t));
    x.a = (float *)(void *)at;
    at += aligned(tokens * sizeof(float));
    x.total = (int32_t *)(void *)at;
    at += aligned(tokens * sizeof(int32_t));
    x.tables = predict->kernel->table_bytes ? at : NULL;
    return x;
}

bool predict_groups_allocate(struct predict *predict, struct err *err)
{
    const struct model_shape *shape = model_shape(predict->model);
    size_t tokens = padded(slope_tokens(predict->slope));
    size_t threads = (size_t)predict->options.threads;
    size_t x_bytes = predict_group_bytes(predict, tokens);
    size_t rows = shape->ffn > shape->width ? shape->ffn : shape->width;
    size_t q_rows = (size_t)shape->heads * shape->head_dim;
    rows = q_rows > rows ? q_rows : rows;
    size_t share = threads * tokens * PREDICT_ROWS;
    if (x_bytes / 2 + share * 2 > memory_available() / 2)
        return err_set(err, ERR_MEMORY, "no memory to predict groups of %zu tokens", tokens);
    predict->group_x = aligned_alloc(PREDICT_ALIGNED, x_bytes);
    predict->group_blocks = x_new(rows, KERNEL_GROUP_BYTES);
    predict->share = x_new(share, sizeof *predict->share);
    return predict->group_x || err_set(err, ERR_MEMORY, "no memory for one group of inputs");
}

/* The inputs' group.  They were finite in the forward pass. */
static struct activations quantize_group(const struct predict *predict,
                                         const struct gradient_visit *visit, size_t group)
{
    struct activations x =
        predict_group_in(predict, predict->group_x, slope_tokens(predict->slope));
    size_t tokens = padded(x.tokens);
    memset(x.q, 0, tokens * KERNEL_GROUP * sizeof *x.q);
    memset(x.a, 0, tokens * sizeof *x.a);
    memset(x.total, 0, tokens * sizeof *x.total);
    for (size_t t = 0; t < x.tokens; t++)
        (void)predict->kernel->quantize(
            visit->x + t * visit->columns + group * KERNEL_GROUP, &x, t);
    if (predict->kernel->tabulate)
        predict->kernel->tabulate(&x, 0, 1);
    return x;
}

static void gather_blocks(const struct predict *predict, const struct gradient_visit *visit,
                          size_t group)
{
    size_t groups = visit->columns / KERNEL_GROUP;
    for (size_t row = 0; row < visit->rows; row++)
        memcpy(predict->group_blocks + row * KERNEL_GROUP_BYTES,
               visit->blocks + (row * groups + group) * KERNEL_GROUP_BYTES, KERNEL_GROUP_BYTES);
}

/* Derivative of the gap by h, times up: from the change when all of g is negated, -g times
 * it; near g = 0 from the plain derivative, there (1 + g) / 2 times it up to g^3. */
static float gate_factor(float g, float dy, float negated)
{
    return fabsf(g) > 1e-2F ? -negated / g : dy * 2 / (1 + g);
}

/* share: in, the group's part of n outputs of one token; out, the change of the gap. */
static void gate_change(const struct predict *predict, const struct gradient_visit *visit,
                        size_t place, size_t n, float *share)
{
    float factor[PREDICT_ROWS] = {0}, turned[PREDICT_ROWS], before[PREDICT_ROWS];
    for (size_t r = 0; r < n; r++) {
        float g = visit->y[place + r];
        factor[r] = gate_factor(g, visit->dy[place + r], visit->negated[place + r]);
        turned[r] = g - 2 * share[r];
    }
    predict->kernel->swiglu(visit->y + place, factor, n, before);
    predict->kernel->swiglu(turned, factor, n, share);
    for (size_t r = 0; r < n; r++)
        share[r] -= before[r];
}

static void token_change(const struct predict *predict, const struct gradient_visit *visit,
                         size_t place, size_t n, float *share)
{
    if (visit->proj == PROJ_GATE) {
        gate_change(predict, visit, place, n, share);
        return;
    }
    for (size_t r = 0; r < n; r++)
        share[r] *= -2 * visit->dy[place + r];
}

static void sum_shares(const struct predict *predict, const struct gradient_visit *visit,
                       const struct activations *x, size_t row, size_t n, int thread)
{
    float *share = predict->share + (size_t)thread * padded(slope_tokens(predict->slope)) *
                                        PREDICT_ROWS;
    double *sums = predict_sums(predict, thread);
    predict->kernel->product(predict->group_blocks + row * KERNEL_GROUP_BYTES, n, x, share,
                             PREDICT_ROWS);
    memset(sums, 0, predict->owners * PREDICT_ROWS * sizeof *sums);
    for (size_t t = 0; t < visit->tokens; t++) {
        double *own = sums + visit->owners[t] * (size_t)PREDICT_ROWS;
        float *of = share + t * PREDICT_ROWS;
        token_change(predict, visit, t * visit->rows + row, n, of);
        for (size_t r = 0; r < n; r++)
            own[r] += (double)of[r];
    }
}

static void predict_group(struct predict *predict, const struct gradient_visit *visit,
                          size_t group)
{
    size_t groups = visit->columns / KERNEL_GROUP;
    struct activations x = quantize_group(predict, visit, group);
    gather_blocks(predict, visit, group);
#pragma omp parallel for num_threads(predict->options.threads) schedule(dynamic, 1)
    for (size_t row = 0; row < visit->rows; row += PREDICT_ROWS) {
        size_t left = visit->rows - row, n = left < PREDICT_ROWS ? left : (size_t)PREDICT_ROWS;
        int thread = omp_get_thread_num();
        sum_shares(predict, visit, &x, row, n, thread);
        predict_judge(predict, thread, n, predict->change + row * groups + group, groups);
    }
}

void predict_groups(struct predict *predict, const struct gradient_visit *visit)
{
    for (size_t group = 0; group < visit->columns / KERNEL_GROUP; group++)
        predict_group(predict, visit, group);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Products, norms and SwiGLU backwards.  Sums are in a fixed order: one after another, or
 * in 16 lanes that are added at the end.
 */
#include <math.h>
#include <string.h>

#include "engine/backward/backward_int.h"

enum { TOKENS_PER_PIECE = 64, GROUPS_PER_PIECE = 4 };

static void scale_cotangents(const struct gradient *gradient, const struct matrix *matrix,
                             const float *dy, struct cotangents *out)
{
    const struct work *work = &gradient->batch->work;
#pragma omp parallel for num_threads(gradient->threads) schedule(dynamic, 1)
    for (size_t block = 0; block < transposed_blocks(out->rows); block++)
        if (!work_is_cancelled(work))
            work->kernel->cotangents_fill(matrix->blocks, matrix->groups, dy, matrix->rows, block,
                                          out);
}

bool product_back(struct gradient *gradient, int32_t layer, enum proj proj, const float *dy,
                  size_t n, float *dx, struct err *err)
{
    const struct work *work = &gradient->batch->work;
    const struct matrix *matrix = model_matrix(work->model, layer, proj);
    size_t group_pieces = (matrix->groups + GROUPS_PER_PIECE - 1) / GROUPS_PER_PIECE;
    size_t token_pieces = (n + TOKENS_PER_PIECE - 1) / TOKENS_PER_PIECE;
    struct cotangents scaled = gradient->scaled;
    scaled.rows = matrix->rows;
    scaled.tokens = n;
    scale_cotangents(gradient, matrix, dy, &scaled);
#pragma omp parallel for collapse(2) num_threads(gradient->threads) schedule(dynamic, 1)
    for (size_t g = 0; g < group_pieces; g++)
        for (size_t t = 0; t < token_pieces; t++) {
            size_t group = g * GROUPS_PER_PIECE, token = t * TOKENS_PER_PIECE;
            size_t groups = matrix->groups - group, tokens = n - token;
            if (work_is_cancelled(work))
                continue;
            work->kernel->product_transposed(
                matrix->blocks, matrix->groups, group,
                groups < GROUPS_PER_PIECE ? groups : GROUPS_PER_PIECE, &scaled, token,
                tokens < TOKENS_PER_PIECE ? tokens : TOKENS_PER_PIECE,
                dx + token * matrix->columns, matrix->columns);
        }
    return !work_cancelled(work, err);
}

/* ---- RMSNorm ------------------------------------------------------------------- */

static double lane_sum(const double lanes[LANES])
{
    double sum = 0;
    for (size_t i = 0; i < LANES; i++)
        sum += lanes[i];
    return sum;
}

/* y = x r gain, r = (mean(x^2) + eps)^-1/2, so
 * dx = r gain dy - x r^3 / n sum(gain dy x) */
void rms_norm_back(const float *x, const float *gain, const float *dy, size_t n, float eps,
                   bool add, float *dx)
{
    double squares[LANES] = {0}, products[LANES] = {0};
    size_t whole = n - n % LANES;
    for (size_t i = 0; i < whole; i += LANES) /* which compilers turn into vectors */
        for (size_t lane = 0; lane < LANES; lane++) {
            double value = (double)x[i + lane];
            squares[lane] += value * value;
            products[lane] += (double)gain[i + lane] * (double)dy[i + lane] * value;
        }
    for (size_t i = whole; i < n; i++) {
        squares[i % LANES] += (double)x[i] * (double)x[i];
        products[i % LANES] += (double)gain[i] * (double)dy[i] * (double)x[i];
    }
    double r = 1 / sqrt(lane_sum(squares) / (double)n + (double)eps);
    float scale = (float)r, shared = (float)(r * r * r / (double)n * lane_sum(products));
    for (size_t i = 0; i < n; i++) {
        float own = scale * gain[i] * dy[i] - x[i] * shared;
        dx[i] = add ? dx[i] + own : own;
    }
}

/* ---- SwiGLU -------------------------------------------------------------------- */

/* h = silu(gate) up; silu' = s + silu (1 - s), s the logistic function. */
static void swiglu_token_back(const struct gradient *gradient, size_t place, size_t ffn)
{
    const struct inside *in = &gradient->in;
    const struct outside *out = &gradient->out;
    for (size_t i = place; i < place + ffn; i++) {
        float gate = in->y.gate[i], silu = in->silu[i];
        float s = gate == 0.0f ? 0.5f : silu / gate;
        out->up[i] = out->h[i] * silu;
        out->gate[i] = out->h[i] * in->y.up[i] * (s + silu * (1.0f - s));
    }
}

void swiglu_back(struct gradient *gradient)
{
    size_t ffn = gradient->batch->model->shape.ffn;
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = 0; t < gradient->tokens; t++)
        swiglu_token_back(gradient, t * ffn, ffn);
}

/* ---- element by element ---------------------------------------------------------- */

void negate_change(struct gradient *gradient, const float *y, const float *dy, size_t columns,
                   float *negated)
{
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = 0; t < gradient->tokens; t++)
        for (size_t i = t * columns; i < (t + 1) * columns; i++)
            negated[i] = -2.0f * y[i] * dy[i];
}

void add_back(struct gradient *gradient, float *x, const float *y, size_t columns)
{
#pragma omp parallel for num_threads(gradient->threads)
    for (size_t t = 0; t < gradient->tokens; t++)
        gradient->batch->work.kernel->add(x + t * columns, y + t * columns, columns);
}

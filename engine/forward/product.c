/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 1-bit products of a block of tokens, split over threads by rows; and the
 * virtual flip, which must give the same bits as the applied one [N3]:
 *
 *   row    every group's integer sum changes its sign, every fused multiply-add
 *          is the mirror image, so the output is negated; an output of zero is
 *          +0 either way, because the sum begins at +0;
 *   group  the row's output is computed anew from a changed copy of the row.
 */
#include <string.h>

#include "engine/forward/context_int.h"
#include "engine/kernel/half.h"

enum {
    ROWS_PER_PIECE = 64,         /* multiple of the kernels' 8 */
    WORTH_THREADS = 1 << 19,     /* multiply-adds below which one thread is faster */
};

static bool is_cancelled(cancel_flag *cancel)
{
    return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

bool quantize_tokens(struct context *context, const float *x, size_t columns, size_t n,
                     const struct place *place, struct err *err)
{
    struct activations *quantized = &context->block.quantized;
    size_t groups = columns / GROUP_WEIGHTS;
    size_t padded = (n + TOKEN_BLOCK - 1) / TOKEN_BLOCK * TOKEN_BLOCK;
    quantized->tokens = n;
    quantized->groups = groups;
    /* what lies behind the last token of its block must be zero */
    memset(quantized->q + n * columns, 0, (padded - n) * columns * sizeof *quantized->q);
    if (padded > n) {
        size_t tail = activations_place(quantized, padded - TOKEN_BLOCK, 0);
        memset(quantized->a + tail, 0, groups * TOKEN_BLOCK * sizeof *quantized->a);
        memset(quantized->total + tail, 0, groups * TOKEN_BLOCK * sizeof *quantized->total);
    }
    size_t bad = SIZE_MAX;
#pragma omp parallel for num_threads(context->threads) if (n * columns > WORTH_THREADS / 16) \
    reduction(min : bad)
    for (size_t t = 0; t < n; t++)
        if (!context->kernel->quantize(x + t * columns, quantized, t))
            bad = bad < t ? bad : t;
    if (bad == SIZE_MAX)
        return true;
    size_t slot = place->first_slot + bad;
    return err_set(err, ERR_NUMERIC,
                   "the input of %s in layer %d at position %u is not finite: a scale or an "
                   "activation is infinite or not a number",
                   place->step, (int)place->layer, (unsigned)context->tokens[slot].position);
}

static bool is_virtual(const struct context *context, int32_t layer, enum proj proj)
{
    const struct flip *flip = &context->virtual_flip;
    if (!context->has_virtual || flip->layer != layer)
        return false;
    bool both_ends = context->model->shape.tied && layer == NO_LAYER;
    return flip->proj == proj || both_ends; /* tied: embed and head are the same bits */
}

static void multiply_virtual(struct context *context, float *y, size_t stride)
{
    const struct activations *x = &context->block.quantized;
    float *out = y + context->virtual_flip.row;
    if (context->virtual_flip.group != FLIP_WHOLE_ROW) {
        context->kernel->product(context->virtual_blocks, 1, x, out, stride);
        return;
    }
    for (size_t t = 0; t < x->tokens; t++) {
        float value = out[t * stride];
        out[t * stride] = value == 0.0f ? 0.0f : -value;
    }
}

bool multiply(struct context *context, int32_t layer, enum proj proj, float *y, size_t stride,
              cancel_flag *cancel, struct err *err)
{
    const struct matrix *matrix = model_matrix(context->model, layer, proj);
    const struct activations *x = &context->block.quantized;
    size_t row_bytes = (size_t)matrix->groups * GROUP_BYTES;
    size_t pieces = (matrix->rows + ROWS_PER_PIECE - 1) / ROWS_PER_PIECE;
    bool threads = (size_t)matrix->rows * matrix->columns * x->tokens > WORTH_THREADS;
#pragma omp parallel for num_threads(context->threads) if (threads) schedule(dynamic, 1)
    for (size_t piece = 0; piece < pieces; piece++) {
        size_t row = piece * ROWS_PER_PIECE;
        size_t rows = matrix->rows - row < ROWS_PER_PIECE ? matrix->rows - row : ROWS_PER_PIECE;
        if (!is_cancelled(cancel))
            context->kernel->product(matrix->blocks + row * row_bytes, rows, x, y + row, stride);
    }
    if (is_cancelled(cancel))
        return err_set(err, ERR_CANCELLED, "interrupted");
    if (is_virtual(context, layer, proj))
        multiply_virtual(context, y, stride);
    return true;
}

void embed_token(const struct context *context, int32_t id, float *out)
{
    const struct matrix *embed = &context->model->embed;
    const uint8_t *row = embed->blocks + (size_t)id * embed->groups * GROUP_BYTES;
    const struct flip *flip = &context->virtual_flip;
    bool changed = is_virtual(context, NO_LAYER, PROJ_EMBED) && (uint32_t)id == flip->row;
    if (changed && flip->group != FLIP_WHOLE_ROW)
        row = context->virtual_blocks;
    bool negate = changed && flip->group == FLIP_WHOLE_ROW;
    for (uint32_t g = 0; g < embed->groups; g++) {
        const uint8_t *block = row + (size_t)g * GROUP_BYTES;
        float d = half_value(block_scale(block));
        for (size_t i = 0; i < GROUP_WEIGHTS; i++) {
            bool positive = (block[2 + i / 8] >> (i % 8) & 1) != negate;
            out[g * GROUP_WEIGHTS + i] = positive ? d : -d;
        }
    }
}

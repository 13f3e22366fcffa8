/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 1-bit products of a block of lanes, split over threads by rows; and the
 * virtual flip, which must give the same bits as the applied one [N3]:
 *
 *   row    every group's integer sum changes its sign, every fused multiply-add
 *          is the mirror image, so the output is negated; an output of zero is
 *          +0 either way, because the sum begins at +0;
 *   group  the row's output is computed anew from a changed copy of the row.
 *
 * A block is multiplied in slices of tokens whose tables stay in the nearer caches.
 */
#include <string.h>

#include "engine/forward/work.h"
#include "engine/kernel/half.h"

enum {
    /* Multiples of the kernels' tiles.  Kernels ask for the rows behind theirs ahead
     * of time, which pays where a thread gets those, too. */
    ROWS_PER_PIECE = 128,
    ROWS_PER_PIECE_DECODE = 256,
    GROUPS_PER_PIECE = 4,    /* of a table */
    /* below these one thread is done before another is awake: some 10 microseconds */
    WORTH_THREADS = 1 << 21,          /* multiply-adds */
    WORTH_THREADS_QUANTIZE = 1 << 15, /* floats */
};

bool work_cancelled(const struct work *work, struct err *err)
{
    return work_is_cancelled(work) && !err_set(err, ERR_CANCELLED, "interrupted");
}

/* ---- quantization ------------------------------------------------------------- */

struct activations *quantized_view(struct work *work, size_t columns)
{
    BUG_ON(columns / GROUP_WEIGHTS > work->quantized_groups);
    work->quantized.tokens = work->n;
    work->quantized.groups = columns / GROUP_WEIGHTS;
    return &work->quantized;
}

struct activations activations_slice(const struct activations *x, size_t first, size_t n)
{
    BUG_ON(first % TOKEN_BLOCK != 0);
    struct activations slice = *x;
    size_t place = activations_place(x, first, 0);
    slice.tokens = n;
    slice.q += first * x->groups * KERNEL_GROUP;
    slice.a += place;
    slice.total += place;
    slice.tables = NULL;
    return slice;
}

/* What lies behind the last token of its block of 8 must be zero. */
static void clear_padding(struct activations *x)
{
    size_t padded = (x->tokens + TOKEN_BLOCK - 1) / TOKEN_BLOCK * TOKEN_BLOCK;
    size_t columns = x->groups * KERNEL_GROUP;
    if (padded == x->tokens)
        return;
    memset(x->q + x->tokens * columns, 0, (padded - x->tokens) * columns * sizeof *x->q);
    size_t tail = activations_place(x, padded - TOKEN_BLOCK, 0);
    memset(x->a + tail, 0, x->groups * TOKEN_BLOCK * sizeof *x->a);
    memset(x->total + tail, 0, x->groups * TOKEN_BLOCK * sizeof *x->total);
}

bool quantize_lanes(struct work *work, const float *x, size_t columns, struct activations *out,
                    const struct place *place, struct err *err)
{
    size_t n = work->n, bad = SIZE_MAX;
    out->tokens = n;
    out->groups = columns / GROUP_WEIGHTS;
    clear_padding(out);
#pragma omp parallel for num_threads(work->threads) if (n * columns > WORTH_THREADS_QUANTIZE) \
    reduction(min : bad)
    for (size_t t = 0; t < n; t++)
        if (!work->kernel->quantize(x + t * columns, out, t))
            bad = bad < t ? bad : t;
    if (bad == SIZE_MAX)
        return true;
    return err_set(err, ERR_NUMERIC,
                   "the input of %s in layer %d at position %u is not finite: a scale or an "
                   "activation is infinite or not a number",
                   place->step, (int)place->layer, (unsigned)work->lanes[bad].position);
}

/* ---- products -------------------------------------------------------------------- */

struct output output_all(const struct work *work, int32_t layer, enum proj proj, float *y)
{
    uint32_t rows = model_matrix(work->model, layer, proj)->rows;
    return (struct output){layer, proj, 0, rows, y, rows};
}

static size_t piece_rows(const struct activations *x)
{
    return x->tokens <= PANELS_TOKENS_MAX ? ROWS_PER_PIECE_DECODE : ROWS_PER_PIECE;
}

/* Some rows of one output; from panels where there are some. */
static void multiply_piece(const struct work *work, const struct activations *x,
                           const struct output *output, size_t piece, size_t token)
{
    const struct matrix *matrix = model_matrix(work->model, output->layer, output->proj);
    size_t skip = piece * piece_rows(x), row = output->first + skip;
    size_t rows = output->rows - skip < piece_rows(x) ? output->rows - skip : piece_rows(x);
    size_t row_bytes = (size_t)matrix->groups * GROUP_BYTES;
    float *y = output->y + token * output->stride + skip;
    if (matrix->panels && row % PANEL_ROWS == 0 && x->tokens <= PANELS_TOKENS_MAX)
        work->kernel->product_panels(matrix->panels + row * row_bytes, rows, x, y,
                                     output->stride);
    else
        work->kernel->product(matrix->blocks + row * row_bytes, rows, x, y, output->stride);
}

static size_t piece_count(const struct output *output, const struct activations *x)
{
    return (output->rows + piece_rows(x) - 1) / piece_rows(x);
}

static void multiply_any_piece(const struct work *work, const struct activations *x,
                               const struct output *outputs, size_t piece, size_t token)
{
    while (piece >= piece_count(outputs, x)) {
        piece -= piece_count(outputs, x);
        outputs++;
    }
    multiply_piece(work, x, outputs, piece, token);
}

static bool is_virtual(const struct work *work, int32_t layer, enum proj proj)
{
    if (!work->virtual || work->virtual->flip.layer != layer)
        return false;
    bool both_ends = work->model->shape.tied && layer == NO_LAYER;
    return work->virtual->flip.proj == proj || both_ends; /* tied: the same bits */
}

/* One slice's outputs of the flipped row. */
static void multiply_virtual(const struct work *work, const struct activations *x,
                             const struct output *output, size_t token)
{
    const struct flip *flip = &work->virtual->flip;
    if (flip->row < output->first || flip->row - output->first >= output->rows)
        return;
    float *y = output->y + token * output->stride + (flip->row - output->first);
    if (flip->group != FLIP_WHOLE_ROW) {
        work->kernel->product(work->virtual->blocks, 1, x, y, output->stride);
        return;
    }
    for (size_t t = 0; t < x->tokens; t++) {
        float value = y[t * output->stride];
        y[t * output->stride] = value == 0.0f ? 0.0f : -value;
    }
}

/* Tables of one slice, then all outputs of it. */
static void multiply_slice(const struct work *work, struct activations *x,
                           const struct output *outputs, size_t count, size_t token)
{
    size_t pieces = 0, rows = 0;
    for (size_t i = 0; i < count; i++) {
        pieces += piece_count(&outputs[i], x);
        rows += outputs[i].rows;
    }
    size_t table_pieces = (x->groups + GROUPS_PER_PIECE - 1) / GROUPS_PER_PIECE;
    bool threads = rows * x->groups * KERNEL_GROUP * x->tokens > WORTH_THREADS;
    x->tables = work->tables;
#pragma omp parallel num_threads(work->threads) if (threads)
    {
        if (work->kernel->tabulate) {
#pragma omp for schedule(static)
            for (size_t piece = 0; piece < table_pieces; piece++) {
                size_t first = piece * GROUPS_PER_PIECE, left = x->groups - first;
                work->kernel->tabulate(x, first, left < GROUPS_PER_PIECE ? left : GROUPS_PER_PIECE);
            }
        }
#pragma omp for schedule(dynamic, 1)
        for (size_t piece = 0; piece < pieces; piece++)
            if (!work_is_cancelled(work))
                multiply_any_piece(work, x, outputs, piece, token);
    }
    for (size_t i = 0; i < count; i++)
        if (is_virtual(work, outputs[i].layer, outputs[i].proj))
            multiply_virtual(work, x, &outputs[i], token);
}

bool multiply(struct work *work, const struct activations *x, const struct output *outputs,
              size_t count, struct err *err)
{
    size_t step = work->kernel->tokens_at_once(x->groups);
    step = step < BLOCK_TOKENS ? step : BLOCK_TOKENS;
    for (size_t token = 0; token < x->tokens; token += step) {
        size_t n = x->tokens - token < step ? x->tokens - token : step;
        struct activations slice = activations_slice(x, token, n);
        multiply_slice(work, &slice, outputs, count, token);
    }
    return !work_cancelled(work, err);
}

/* ---- embedding -------------------------------------------------------------------- */

void virtual_row(const struct model *model, const struct flip *flip, uint8_t *blocks)
{
    const struct matrix *matrix = model_matrix(model, flip->layer, flip->proj);
    size_t row_bytes = (size_t)matrix->groups * GROUP_BYTES;
    memcpy(blocks, matrix->blocks + flip->row * row_bytes, row_bytes);
    uint8_t *signs = blocks + (size_t)flip->group * GROUP_BYTES + 2;
    for (size_t i = 0; i < 16; i++)
        signs[i] ^= (uint8_t)(flip->mask[i / 8] >> 8 * (i % 8));
}

void embed_token(const struct work *work, int32_t id, float *out)
{
    const struct matrix *embed = &work->model->embed;
    const uint8_t *row = embed->blocks + (size_t)id * embed->groups * GROUP_BYTES;
    bool changed = is_virtual(work, NO_LAYER, PROJ_EMBED) &&
                   (uint32_t)id == work->virtual->flip.row;
    if (changed && work->virtual->blocks)
        row = work->virtual->blocks;
    bool negate = changed && !work->virtual->blocks;
    for (uint32_t g = 0; g < embed->groups; g++) {
        const uint8_t *block = row + (size_t)g * GROUP_BYTES;
        float d = half_value(block_scale(block));
        for (size_t i = 0; i < GROUP_WEIGHTS; i++) {
            bool positive = (block[2 + i / 8] >> (i % 8) & 1) != negate;
            out[g * GROUP_WEIGHTS + i] = positive ? d : -d;
        }
    }
}

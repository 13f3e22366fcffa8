/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Head and embedding, a few tokens of the vocabulary after another, at the end of the pass.
 *
 *   head    the logit of the row's token moves at every wanted place, by twice the share of
 *           the row or group; what gaps do then is known exactly (slope.h).  Bits: the
 *           derivative by the logit, times the input.
 *   embed   the residual stream of the row's token starts elsewhere: derivatives, of the
 *           few tokens that occur; all others do nothing.
 *
 * Where both are the same matrix a flip does both, and the effects are added.
 */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/predict_int.h"
#include "src/base/memory.h"

struct vocab {
    size_t width, groups, rows, places;
    float *x;     /* [places][width] inputs of the head */
    size_t taken; /* of them, so far */
    uint32_t *owners; /* [places] */
    const uint8_t *blocks; /* of the head */
    void *memory; /* of quantized */
    struct activations *quantized; /* [groups] of one group each */
    float *moved;  /* [threads][groups or 1][places][PREDICT_ROWS] shares, then what logits
                    * move by */
    float *logits; /* [threads][places][PREDICT_ROWS] */
    uint8_t *group_blocks; /* [threads][PREDICT_ROWS][18] */
    uint64_t *occur; /* [tokens] id << 32 | token, ascending */
    const struct gradient_visit *embed; /* during its visit */
};

/* Rows that are predicted together. */
struct piece {
    size_t row, n;
    bool head, embed;
    int thread;
};

/* ---- making ------------------------------------------------------------------------------ */

static size_t padded(size_t tokens)
{
    return (tokens + TOKEN_PAD - 1) / TOKEN_PAD * TOKEN_PAD;
}

static bool allocate_head(struct predict *predict, struct err *err)
{
    struct vocab *vocab = predict->vocab;
    size_t threads = (size_t)predict->options.threads;
    size_t share = threads * padded(vocab->places) * PREDICT_ROWS;
    size_t each = predict_group_bytes(predict, vocab->places), bytes = vocab->groups * each;
    size_t kept = vocab->places * vocab->width;
    size_t shares = predict->options.granularity == GRANULARITY_GROUP ? vocab->groups : 1;
    if (bytes / 4 + kept + share * (shares + 1) > memory_available() / 8)
        return err_set(err, ERR_MEMORY, "no memory to predict the head's rows at %zu places",
                       vocab->places);
    vocab->x = x_new(kept + 1, sizeof *vocab->x);
    vocab->moved = x_new(share * shares + 1, sizeof *vocab->moved);
    vocab->logits = x_new(share + 1, sizeof *vocab->logits);
    vocab->group_blocks = x_new(threads * PREDICT_ROWS, KERNEL_GROUP_BYTES);
    vocab->quantized = x_new(vocab->groups, sizeof *vocab->quantized);
    vocab->memory = aligned_alloc(PREDICT_ALIGNED, bytes + PREDICT_ALIGNED);
    if (!vocab->memory)
        return err_set(err, ERR_MEMORY, "no memory for the head's inputs");
    memset(vocab->memory, 0, bytes);
    for (size_t g = 0; g < vocab->groups; g++)
        vocab->quantized[g] =
            predict_group_in(predict, (uint8_t *)vocab->memory + g * each, vocab->places);
    vocab->owners = x_new(vocab->places + 1, sizeof *vocab->owners);
    for (size_t i = 0; i < vocab->places; i++)
        vocab->owners[i] = slope_owner(predict->slope, i);
    slope_keep_heads(predict->slope);
    return true;
}

static bool wants(const struct predict *predict, enum proj proj)
{
    return predict_projs(predict->model, predict->options.projs) >> proj & 1;
}

/* A shared matrix is shown once, as the embedding. */
static bool wants_head(const struct predict *predict)
{
    return wants(predict, model_shape(predict->model)->tied ? PROJ_EMBED : PROJ_HEAD);
}

bool predict_vocab_allocate(struct predict *predict, struct err *err)
{
    const struct model_shape *shape = model_shape(predict->model);
    if (!wants(predict, PROJ_EMBED) && !wants(predict, PROJ_HEAD))
        return true;
    struct vocab *vocab = predict->vocab = x_new(1, sizeof *vocab);
    vocab->width = shape->width;
    vocab->groups = shape->width / GROUP_WEIGHTS;
    vocab->rows = shape->vocab;
    vocab->places = slope_places(predict->slope);
    vocab->occur = x_new(slope_tokens(predict->slope) + 1, sizeof *vocab->occur);
    return !wants_head(predict) || allocate_head(predict, err);
}

void predict_vocab_begin(struct predict *predict)
{
    if (predict->vocab)
        predict->vocab->taken = 0;
}

void predict_vocab_free(struct predict *predict)
{
    struct vocab *vocab = predict->vocab;
    if (!vocab)
        return;
    free(vocab->x);
    free(vocab->owners);
    free(vocab->moved);
    free(vocab->logits);
    free(vocab->group_blocks);
    free(vocab->quantized);
    free(vocab->memory);
    free(vocab->occur);
    free(vocab);
}

/* ---- what the pass shows ----------------------------------------------------------------- */

static void take_head(struct predict *predict, const struct gradient_visit *visit)
{
    struct vocab *vocab = predict->vocab;
    memcpy(vocab->x + vocab->taken * vocab->width, visit->x,
           visit->tokens * vocab->width * sizeof *vocab->x);
    vocab->taken += visit->tokens;
    vocab->blocks = visit->blocks;
}

static void quantize_all(struct predict *predict)
{
    struct vocab *vocab = predict->vocab;
#pragma omp parallel for num_threads(predict->options.threads)
    for (size_t g = 0; g < vocab->groups; g++) {
        for (size_t t = 0; t < vocab->places; t++)
            (void)predict->kernel->quantize(vocab->x + t * vocab->width + g * GROUP_WEIGHTS,
                                            &vocab->quantized[g], t);
        if (predict->kernel->tabulate)
            predict->kernel->tabulate(&vocab->quantized[g], 0, 1);
    }
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void sort_tokens(struct vocab *vocab)
{
    for (size_t t = 0; t < vocab->embed->tokens; t++)
        vocab->occur[t] = (uint64_t)(uint32_t)vocab->embed->ids[t] << 32 | t;
    qsort(vocab->occur, vocab->embed->tokens, sizeof *vocab->occur, compare_keys);
}

/* The first that is of this row or a later one. */
static size_t first_of(const struct vocab *vocab, size_t row)
{
    size_t low = 0, high = vocab->embed->tokens;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (vocab->occur[middle] >> 32 < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- the head ------------------------------------------------------------------------------ */

/* Only where groups are predicted their shares are kept beside each other. */
static float *moved_of(const struct predict *predict, int thread, size_t group)
{
    const struct vocab *vocab = predict->vocab;
    size_t share = padded(vocab->places) * PREDICT_ROWS;
    bool by_group = predict->options.granularity == GRANULARITY_GROUP;
    return vocab->moved +
           (by_group ? (size_t)thread * vocab->groups + group : (size_t)thread) * share;
}

static float *logits_of(const struct predict *predict, int thread)
{
    const struct vocab *vocab = predict->vocab;
    return vocab->logits + (size_t)thread * padded(vocab->places) * PREDICT_ROWS;
}

/* Shares of every group in the logits of a piece, and the logits. */
static void share_logits(const struct predict *predict, const struct piece *piece)
{
    const struct vocab *vocab = predict->vocab;
    uint8_t *blocks = vocab->group_blocks +
                      (size_t)piece->thread * PREDICT_ROWS * KERNEL_GROUP_BYTES;
    float *logits = logits_of(predict, piece->thread);
    memset(logits, 0, vocab->places * PREDICT_ROWS * sizeof *logits);
    for (size_t g = 0; g < vocab->groups; g++) {
        float *share = moved_of(predict, piece->thread, g);
        for (size_t r = 0; r < piece->n; r++)
            memcpy(blocks + r * KERNEL_GROUP_BYTES,
                   vocab->blocks +
                       ((piece->row + r) * vocab->groups + g) * KERNEL_GROUP_BYTES,
                   KERNEL_GROUP_BYTES);
        predict->kernel->product(blocks, piece->n, &vocab->quantized[g], share, PREDICT_ROWS);
        for (size_t t = 0; t < vocab->places; t++)
            for (size_t r = 0; r < piece->n; r++)
                logits[t * PREDICT_ROWS + r] += share[t * PREDICT_ROWS + r];
    }
}

/* What is negated moves by twice itself. */
static void negate(const struct vocab *vocab, const float *share, float *moved)
{
    for (size_t i = 0; i < vocab->places * PREDICT_ROWS; i++)
        moved[i] = -2 * share[i];
}

static void move_logits(const struct predict *predict, const struct piece *piece,
                        const float *moved)
{
    const float *logits = logits_of(predict, piece->thread);
    double *sums = predict_sums(predict, piece->thread);
    for (size_t r = 0; r < piece->n; r++)
        slope_moved(predict->slope, (int32_t)(piece->row + r), logits + r, moved + r, PREDICT_ROWS,
                    sums + r, PREDICT_ROWS);
}

/* ---- the embedding ------------------------------------------------------------------------- */

static double stream_moved(const struct vocab *vocab, size_t token, size_t column)
{
    size_t at = token * vocab->width + column;
    return -2 * (double)vocab->embed->y[at] * (double)vocab->embed->dy[at];
}

/* group: the vocabulary's groups for the whole row */
static double stream_sum(const struct vocab *vocab, size_t token, size_t group)
{
    size_t first = group < vocab->groups ? group * GROUP_WEIGHTS : 0;
    size_t end = group < vocab->groups ? first + GROUP_WEIGHTS : vocab->width;
    double sum = 0;
    for (size_t i = first; i < end; i++)
        sum += stream_moved(vocab, token, i);
    return sum;
}

/* Of the piece's tokens that occur. */
static void add_stream(const struct predict *predict, const struct piece *piece, size_t group)
{
    const struct vocab *vocab = predict->vocab;
    double *sums = predict_sums(predict, piece->thread);
    size_t end = first_of(vocab, piece->row + piece->n);
    for (size_t i = first_of(vocab, piece->row); i < end; i++) {
        size_t token = (uint32_t)vocab->occur[i], r = (vocab->occur[i] >> 32) - piece->row;
        sums[vocab->embed->owners[token] * (size_t)PREDICT_ROWS + r] +=
            stream_sum(vocab, token, group);
    }
}

static void add_stream_bits(const struct predict *predict, const struct piece *piece)
{
    const struct vocab *vocab = predict->vocab;
    size_t end = first_of(vocab, piece->row + piece->n);
    for (size_t i = first_of(vocab, piece->row); i < end; i++) {
        size_t token = (uint32_t)vocab->occur[i], r = (vocab->occur[i] >> 32) - piece->row;
        double slope = predict->slopes[vocab->embed->owners[token]];
        for (size_t column = 0; column < vocab->width; column++)
            predict->change[r * vocab->width + column] +=
                slope * stream_moved(vocab, token, column);
    }
}

/* ---- a piece ------------------------------------------------------------------------------- */

/* group: as add_stream has it */
static void judge_piece(const struct predict *predict, const struct piece *piece, size_t group,
                        double *change, size_t stride)
{
    const struct vocab *vocab = predict->vocab;
    const float *logits = logits_of(predict, piece->thread);
    double *sums = predict_sums(predict, piece->thread);
    memset(sums, 0, predict->owners * PREDICT_ROWS * sizeof *sums);
    if (piece->head) {
        float *moved = moved_of(predict, piece->thread, group < vocab->groups ? group : 0);
        negate(vocab, group < vocab->groups ? moved : logits, moved);
        move_logits(predict, piece, moved);
    }
    if (piece->embed)
        add_stream(predict, piece, group);
    predict_judge(predict, piece->thread, piece->n, change, stride);
}

static void predict_piece(const struct predict *predict, const struct piece *piece)
{
    const struct vocab *vocab = predict->vocab;
    bool by_group = predict->options.granularity == GRANULARITY_GROUP;
    size_t per_row = by_group ? vocab->groups : 1;
    if (piece->head)
        share_logits(predict, piece);
    for (size_t unit = 0; unit < per_row; unit++)
        judge_piece(predict, piece, by_group ? unit : vocab->groups,
                    predict->change + piece->row * per_row + unit, per_row);
}

/* Derivatives of the fitness' owners by the logits of a piece, as a matrix of its own. */
static void slope_bits(struct predict *predict, const struct piece *piece)
{
    const struct vocab *vocab = predict->vocab;
    float *dy = moved_of(predict, 0, 0);
    const float *logits = logits_of(predict, 0);
#pragma omp parallel for num_threads(predict->options.threads)
    for (size_t t = 0; t < vocab->places; t++)
        for (size_t r = 0; r < piece->n; r++)
            dy[t * piece->n + r] =
                (float)slope_by_logit(predict->slope, t, (int32_t)(piece->row + r),
                                      logits[t * PREDICT_ROWS + r]);
    predict_some_bits(predict,
                      &(struct gradient_visit){
                          .rows = (uint32_t)piece->n,
                          .columns = (uint32_t)vocab->width,
                          .blocks = vocab->blocks +
                                    piece->row * vocab->groups * KERNEL_GROUP_BYTES,
                          .tokens = vocab->places,
                          .owners = vocab->owners,
                          .x = vocab->x,
                          .dy = dy,
                      },
                      0, piece->n);
}

static void predict_piece_bits(struct predict *predict, const struct piece *piece)
{
    const struct vocab *vocab = predict->vocab;
    memset(predict->change, 0, piece->n * vocab->width * sizeof *predict->change);
    if (piece->head) {
        share_logits(predict, piece);
        slope_bits(predict, piece);
    }
    if (piece->embed)
        add_stream_bits(predict, piece);
}

/* ---- a matrix ------------------------------------------------------------------------------ */

static struct piece piece_of(const struct predict *predict, size_t row, enum proj proj)
{
    size_t left = predict->vocab->rows - row;
    bool tied = model_shape(predict->model)->tied;
    return (struct piece){row, left < PREDICT_ROWS ? left : (size_t)PREDICT_ROWS,
                          tied || proj == PROJ_HEAD, tied || proj == PROJ_EMBED,
                          omp_get_thread_num()};
}

static struct gradient_visit shown_as(const struct vocab *vocab, enum proj proj)
{
    return (struct gradient_visit){.layer = NO_LAYER, .proj = proj, .rows = (uint32_t)vocab->rows,
                                   .columns = (uint32_t)vocab->width};
}

static void predict_matrix_bits(struct predict *predict, enum proj proj)
{
    struct gradient_visit shown = shown_as(predict->vocab, proj);
    for (size_t row = 0; row < shown.rows && !predict_is_cancelled(predict);
         row += PREDICT_ROWS) {
        struct piece piece = piece_of(predict, row, proj);
        predict_piece_bits(predict, &piece);
        predict_show(predict, &shown, row, piece.n);
    }
}

static void predict_matrix(struct predict *predict, enum proj proj)
{
    struct gradient_visit shown = shown_as(predict->vocab, proj);
    if (predict->options.granularity == GRANULARITY_BIT) {
        predict_matrix_bits(predict, proj);
        return;
    }
#pragma omp parallel for num_threads(predict->options.threads) schedule(dynamic, 1)
    for (size_t row = 0; row < shown.rows; row += PREDICT_ROWS) {
        struct piece piece = piece_of(predict, row, proj);
        if (!predict_is_cancelled(predict))
            predict_piece(predict, &piece);
    }
    if (!predict_is_cancelled(predict))
        predict_show(predict, &shown, 0, shown.rows);
}

void predict_vocab(struct predict *predict, const struct gradient_visit *visit)
{
    struct vocab *vocab = predict->vocab;
    if (!vocab)
        return;
    if (visit->proj == PROJ_HEAD) {
        if (vocab->x)
            take_head(predict, visit);
        return;
    }
    vocab->embed = visit;
    sort_tokens(vocab);
    if (vocab->x)
        quantize_all(predict);
    if (wants(predict, PROJ_EMBED))
        predict_matrix(predict, PROJ_EMBED);
    if (wants(predict, PROJ_HEAD))
        predict_matrix(predict, PROJ_HEAD);
}

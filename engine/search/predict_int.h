/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/predict_int.h - the inside of struct predict.
 *
 *   predict.c         the pass, rows
 *   predict_groups.c  shares of groups in an output
 *   predict_bits.c    bits, some rows at a time
 *   predict_vocab.c   head and embedding
 */
#ifndef ENGINE_SEARCH_PREDICT_INT_H
#define ENGINE_SEARCH_PREDICT_INT_H

#include "engine/kernel/kernel.h"
#include "engine/search/predict.h"

enum { PREDICT_ROWS = 64 }; /* whose numbers are summed up together */

struct predict {
    struct model *model;
    const struct kernel *kernel;
    struct predict_options options;
    struct slope *slope;
    struct measure *measures[2]; /* targets, controls */
    bool mixed;     /* one of them has several metrics: gaps are folded from values */
    size_t owners;  /* probes, of a mix once for each metric */
    size_t probes;
    double *sums;   /* [threads][owners][PREDICT_ROWS] of the values */
    double *values; /* [threads][owners] predicted */
    double *gaps;   /* mixed: [threads][probes] of these */
    double *parts;  /* mixed: [owners] values now */
    double *slopes; /* [owners] d fitness / d value */
    double *change; /* [units of the largest matrix], with bits of PREDICT_ROWS rows of it */
    float *share;   /* [threads][tokens][PREDICT_ROWS] groups: its part of the outputs */
    void *group_x;  /* groups: one group of the inputs, quantized */
    uint8_t *group_blocks; /* groups: [rows][18] */
    struct vocab *vocab;   /* NULL: neither head nor embedding is wanted */

    /* of predict_run */
    const struct judge *judge;
    const double *now; /* [owners] */
    double fitness_now;
    void (*visit)(void *user, const struct predicted *predicted);
    void *user;
    cancel_flag *cancel;
};

/* Fill change[row * groups + group]. */
void predict_groups(struct predict *predict, const struct gradient_visit *visit);
bool predict_groups_allocate(struct predict *predict, struct err *err);

/* One group of the inputs of so many tokens, quantized: the bytes that it takes, a multiple of
 * PREDICT_ALIGNED, and where its parts are in them. */
enum { PREDICT_ALIGNED = 64 };
size_t predict_group_bytes(const struct predict *predict, size_t tokens);
struct activations predict_group_in(const struct predict *predict, void *memory, size_t tokens);

/* Fill and show PREDICT_ROWS rows after another. */
void predict_bits(struct predict *predict, const struct gradient_visit *visit);

/* change[] of rows first to first + rows - 1, from 0 on. */
void predict_some_bits(struct predict *predict, const struct gradient_visit *visit, size_t first,
                       size_t rows);

bool predict_vocab_allocate(struct predict *predict, struct err *err);
void predict_vocab_begin(struct predict *predict);
/* Takes the head in; with the embedding, which comes last, both are filled and shown. */
void predict_vocab(struct predict *predict, const struct gradient_visit *visit);
void predict_vocab_free(struct predict *predict);

/* Pass predict->change on: rows first to first + count - 1. */
void predict_show(const struct predict *predict, const struct gradient_visit *visit, size_t first,
                  size_t count);
bool predict_is_cancelled(const struct predict *predict);

/* change[(row + r) * stride] of rows row to row + n - 1 from a thread's sums. */
void predict_judge(const struct predict *predict, int thread, size_t n, double *change,
                   size_t stride);
double *predict_sums(const struct predict *predict, int thread);

#endif

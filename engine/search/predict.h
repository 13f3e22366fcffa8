/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/predict.h - what every flip of a row, of a group of 128 weights, or of a
 * single bit, is expected to do to the fitness, from one backward pass.
 *
 * A flip's effect on each probe's gap is the sum of its local effects over the probe's
 * tokens (gradient.h): that of a row the change when its output is negated; that of a
 * group, whose share y of the output turns to -y, -2 y times the derivative, for gate
 * silu(g - 2 y) - silu(g) exactly.  The objective (judge.h) is then evaluated on the
 * predicted gaps, so that hinges and caps count which have no derivative.
 *
 * A row or group of the head moves one logit: what that does to each gap is exact but for
 * rounding (slope.h).  Rows of the embedding are taken by the derivative of where the
 * stream starts, at the tokens that occur.
 *
 * Of single bits there are too many for that.  The objective is linearised (judge_slope says
 * how at its kinks): a bit's effect is -2 w times the sum over all tokens of
 * d fitness / d gap of the token's probe, times the output's derivative, times the input.
 *
 * Matrices are passed on one by one, of bits some rows at a time, and nothing else is kept.
 *
 * [P1] the same bits for every thread count and CPU level.
 * [P2] the model is not touched; flips that are on it count.
 */
#ifndef ENGINE_SEARCH_PREDICT_H
#define ENGINE_SEARCH_PREDICT_H

#include "engine/search/judge.h"
#include "engine/search/slope.h"

enum granularity { GRANULARITY_ROW, GRANULARITY_GROUP, GRANULARITY_BIT, GRANULARITY_COUNT };

const char *granularity_name(enum granularity granularity); /* "row", "group", "bit" */
bool granularity_parse(const char *name, enum granularity *granularity);

/* Some rows of a matrix and what their flips promise: all of them, or with bits as many as
 * are kept at a time, in ascending order. */
struct predicted {
    int32_t layer;
    enum proj proj;
    enum granularity granularity;
    uint32_t rows, per_row; /* units of the matrix: [rows][per_row], 1 of a row, its groups or
                             * its bits */
    uint32_t first, count;  /* rows of this call; the last where they make up all rows */
    const double *change;   /* [count][per_row] of the fitness; valid during the call */
};

/* The flip of change[index]. */
struct flip predicted_flip(const struct predicted *predicted, uint64_t index);

struct predict_options {
    const int32_t *layers; /* [layer_count], borrowed as long as the predict lives */
    size_t layer_count;
    uint32_t projs; /* bit 1 << enum proj; where head and embedding are the same matrix, either
                     * stands for it, and it is PROJ_EMBED */
    enum granularity granularity;
    int threads;
    uint64_t keep_bytes; /* as in gradient.h */
};

/* Projections as they are shown: where head and embedding are the same matrix, PROJ_EMBED
 * for either. */
uint32_t predict_projs(const struct model *model, uint32_t projs);
/* Units that options choose, and in how many matrices (may be NULL). */
uint64_t predict_units(const struct model *model, const struct predict_options *options,
                       size_t *matrices);

struct predict;

/* targets, and controls (may have no probes); borrowed with the model as long as it lives.
 * Mixes are run once more by every predict_run: what their metrics say now is needed. */
struct predict *predict_new(struct model *model, struct measure *targets,
                            struct measure *controls, const struct predict_options *options,
                            struct err *err);

/* For the model as it is, whose gaps now are `gaps` (targets, then controls).  visit is
 * called for one matrix after another, the last layer first, then embed and head. */
bool predict_run(struct predict *predict, const struct judge *judge, const double *gaps,
                 void (*visit)(void *user, const struct predicted *predicted), void *user,
                 cancel_flag *cancel, struct err *err);

size_t predict_tokens(const struct predict *predict); /* of one pass */

void predict_free(struct predict *predict);

/* ---- the best ------------------------------------------------------------------------ */

struct promise {
    struct flip flip;
    double change; /* of the fitness, predicted */
};

/* Which of two comes first: the larger change, then layer, projection, row, group and bit. */
int promise_compare(const void *a, const void *b);

/* The best so many that were offered. */
struct best {
    struct promise *heap; /* [capacity], the last of them at 0 */
    size_t count, capacity;
};

void best_init(struct best *best, size_t capacity);
void best_offer(struct best *best, const struct promise *promise);
/* Could this change still enter? */
bool best_wants(const struct best *best, double change);
/* Best first; nothing can be offered afterwards. */
void best_sort(struct best *best);
void best_free(struct best *best);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/predict.h - what every flip of a row, or of a group of 128 weights, is
 * expected to do to the fitness, from one backward pass.
 *
 * A flip's effect on each probe's gap is the sum of its local effects over the probe's
 * tokens (gradient.h): that of a row the change when its output is negated; that of a
 * group, whose share y of the output turns to -y, -2 y times the derivative, for gate
 * silu(g - 2 y) - silu(g) exactly.  The objective (judge.h) is then evaluated on the
 * predicted gaps, so that hinges and caps count which have no derivative.
 *
 * Matrices are passed on one by one, and nothing but the numbers of one is kept.
 *
 * [P1] the same bits for every thread count and CPU level.
 * [P2] the model is not touched; flips that are on it count.
 */
#ifndef ENGINE_SEARCH_PREDICT_H
#define ENGINE_SEARCH_PREDICT_H

#include "engine/search/judge.h"
#include "engine/search/slope.h"

enum granularity { GRANULARITY_ROW, GRANULARITY_GROUP, GRANULARITY_COUNT };

const char *granularity_name(enum granularity granularity); /* "row", "group" */
bool granularity_parse(const char *name, enum granularity *granularity);

/* A matrix of a layer and what its flips promise. */
struct predicted {
    int32_t layer;
    enum proj proj;
    uint32_t rows, per_row; /* units: [rows][per_row], 1 of a row or its groups */
    const double *change;   /* [rows][per_row] of the fitness; valid during the call */
};

/* The flip of unit `unit` of a matrix with so many units in a row. */
struct flip predicted_flip(int32_t layer, enum proj proj, uint32_t per_row, uint64_t unit);

struct predict_options {
    const int32_t *layers; /* [layer_count], borrowed as long as the predict lives */
    size_t layer_count;
    uint32_t projs; /* bit 1 << enum proj; of the seven of a layer */
    enum granularity granularity;
    int threads;
};

struct predict;

/* targets, and controls (may have no probes); borrowed with the model as long as it lives. */
struct predict *predict_new(struct model *model, const struct measure *targets,
                            const struct measure *controls, const struct predict_options *options,
                            struct err *err);

/* For the model as it is, whose gaps now are `gaps` (targets, then controls).  visit is
 * called for one matrix after another, the last layer first. */
bool predict_run(struct predict *predict, const struct judge *judge, const double *gaps,
                 void (*visit)(void *user, const struct predicted *predicted), void *user,
                 cancel_flag *cancel, struct err *err);

void predict_free(struct predict *predict);

/* ---- the best ------------------------------------------------------------------------ */

struct promise {
    struct flip flip;
    double change; /* of the fitness, predicted */
};

/* Which of two comes first: the larger change, then layer, projection, row and group. */
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

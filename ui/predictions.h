/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/predictions.h - what every row of the layers' matrices promises when it is flipped, as
 * one pass of the worker found it: made there, handed over whole, never changed.
 *
 * With groups or bits, a row stands for that of them that promises most.
 */
#ifndef UI_PREDICTIONS_H
#define UI_PREDICTIONS_H

#include "engine/search/predict.h"

enum { PREDICTIONS_BEST_MAX = 1000 };

struct predicted_matrix {
    int32_t layer;
    enum proj proj;
    uint32_t rows;
    float *change;   /* [rows] of the fitness */
    float *impact;   /* [rows] the largest |change|, of any of its groups or bits */
    uint16_t *unit;  /* [rows] which of its groups or bits promises most; NULL: whole rows */
    uint32_t per_row; /* units */
    enum granularity granularity;
    float least, most, strongest; /* of change, and of impact */
    uint64_t promising; /* rows that promise a gain */
};

struct predictions {
    enum granularity granularity;
    struct predicted_matrix *matrices; /* by layer, then projection */
    size_t matrix_count;
    struct promise *best; /* the best units, best first */
    size_t best_count;
    float *sorted;     /* [rows] all changes, largest first */
    uint64_t rows;     /* of all matrices */
    uint64_t promising;
    int64_t step;      /* of the session, whose flips were on */
    double seconds;    /* it took */
};

/* NULL if there is none. */
const struct predicted_matrix *predictions_of(const struct predictions *predictions,
                                              int32_t layer, enum proj proj);
/* The flip that a row stands for. */
struct flip predicted_best(const struct predicted_matrix *matrix, uint32_t row);
/* Rows that promise more than this. */
uint64_t predictions_above(const struct predictions *predictions, float change);
void predictions_free(struct predictions *predictions);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/units_int.h - what the files of struct units share.
 *
 *   units.c        making, flipping, what is on
 *   unit_scores.c  what a minibatch's gradient says of each
 *   unit_picks.c   the best of them
 */
#ifndef ENGINE_SEARCH_UNITS_INT_H
#define ENGINE_SEARCH_UNITS_INT_H

#include "engine/kernel/kernel.h"
#include "engine/search/units.h"

/* Share of the past in the running mean and mean square. */
static const float unit_mean_keep = 0.7f, unit_square_keep = 0.9f;

struct unit_matrix {
    int32_t layer;
    enum proj proj;
    uint32_t rows, groups; /* groups of a row */
    uint64_t units_per_row, units;
    uint64_t first; /* number of its first unit */
    float *mean, *square; /* [units] */
    float *guard;         /* [units] sum of squares, NULL: not guarded */
    uint8_t *on;          /* [units] */
};

struct units {
    struct model *model;
    const struct kernel *kernel;
    struct units_options options;
    struct unit_matrix *matrices;
    size_t matrix_count;
    uint64_t count, on;
    uint32_t taken; /* minibatches */
    float *guards;  /* [count] or NULL */
    uint32_t guarded; /* minibatches of these */
    void *memory;
};

/* The matrix of a unit. */
uint32_t units_matrix_of(const struct units *units, uint64_t number);

/* The flip of one unit. */
struct flip unit_flip(const struct units *units, const struct unit_matrix *of, uint64_t unit);

#endif

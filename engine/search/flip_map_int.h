/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/flip_map_int.h - a map in the making.
 *
 *   flip_map.c          probes, the pass, scales
 *   flip_map_count.c    what is kept of a matrix: statistics, the best, which to measure
 *   flip_map_measure.c  measuring these
 */
#ifndef ENGINE_SEARCH_FLIP_MAP_INT_H
#define ENGINE_SEARCH_FLIP_MAP_INT_H

#include "engine/search/flip_map.h"

struct mapping {
    struct model *model;
    const struct flip_map_options *options;
    struct flip_map *map;
    struct best best;
    struct measure *targets, *controls;
    struct judge judge;
    double *before; /* [targets + controls] */
    void (*each)(void *user, const struct predicted *values);
    void *user;
    const struct work_progress *progress;
    size_t done, total;
    int threads;

    /* of the matrix that comes, rows after rows */
    struct flip_map_matrix *row_counts; /* [rows] of the call: statistics */
    size_t row_counts_room;
    uint64_t *drawn; /* [drawn_count] units to measure, ascending */
    size_t drawn_count, drawn_at;
};

/* Change of the fitness, or its size. */
double mapping_value(const struct mapping *mapping, double change);
void mapping_step(struct mapping *mapping, size_t n);

/* predict_run's visit, user being the mapping. */
void mapping_take(void *user, const struct predicted *predicted);

/* After the best are known: measure them and the samples, if options say so. */
bool mapping_measure(struct mapping *mapping, cancel_flag *cancel, struct err *err);

#endif

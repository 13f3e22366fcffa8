/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/flip_map.h - what every row, group or bit of a model is expected to do to
 * an objective when it is flipped, the best of them, and how far measuring agrees.
 *
 *   attribution  predicted change of the fitness (predict.h)
 *   impact       its size, whichever way it goes
 *   scale        mean |scale|, which blind searches draw by; nothing is predicted
 *
 * With options.exact so many units of each matrix, drawn at random, and the best are
 * measured: the rank correlation is of those drawn.
 *
 * [M1] same model, probes and options: the same map, for every thread count.
 * [M2] the model is not touched.
 */
#ifndef ENGINE_SEARCH_FLIP_MAP_H
#define ENGINE_SEARCH_FLIP_MAP_H

#include "engine/search/goal.h"
#include "engine/search/predict.h"
#include "probes/generate.h"

enum flip_map_what { FLIP_MAP_ATTRIBUTION, FLIP_MAP_IMPACT, FLIP_MAP_SCALE, FLIP_MAP_WHAT_COUNT };

const char *flip_map_what_name(enum flip_map_what what);
bool flip_map_what_parse(const char *name, enum flip_map_what *what);

struct flip_map_options {
    enum flip_map_what what;
    struct predict_options units; /* layers are borrowed for the call */
    enum metric metric, control_metric; /* METRIC_SAME: as the targets */
    enum fitness fitness;
    struct aims aims; /* as in goal.h */
    struct mix control_mix;
    double penalty;
    size_t top;
    size_t exact; /* units of each matrix to measure, 0: none, and the best neither */
    uint64_t seed;
};

enum { FLIP_MAP_BINS = 17 };
/* Values below flip_map_bin_edges[0], from there to below the next, ... */
extern const double flip_map_bin_edges[FLIP_MAP_BINS - 1];

/* What it maps, as the options say. */
struct goal flip_map_goal(const struct flip_map_options *options);

struct flip_map_unit {
    struct flip flip;
    double value;    /* predicted change, its size, or scale */
    double measured; /* change of the fitness, or its size with impact; NAN: it was not */
};

struct flip_map_matrix {
    int32_t layer;
    enum proj proj;
    uint64_t units, positive; /* those that promise a gain */
    uint32_t per_row;
    double least, most, mean;
    uint64_t bins[FLIP_MAP_BINS];
    size_t sample_first, sample_count; /* in map.samples */
    double spearman;                   /* of these; NAN: fewer than 3 or all alike */
};

struct flip_map {
    struct flip_map_matrix *matrices; /* by layer, then projection */
    size_t matrix_count;
    struct flip_map_unit *samples;
    size_t sample_count;
    struct flip_map_unit *top; /* best first */
    size_t top_count;
    double by_proj[PROJ_COUNT]; /* rank correlation over all layers, NAN: none */
    uint64_t units;
    size_t tokens;  /* of the batch */
    double seconds; /* of the prediction */
    double seconds_forward; /* of one evaluation of the same probes */
};

/* each (may be NULL) sees the numbers of every matrix as they come, the last layer first. */
struct flip_map *flip_map_new(struct model *model, const struct probe_set *targets,
                    const struct probe_set *controls, const struct flip_map_options *options,
                    void (*each)(void *user, const struct predicted *values), void *user,
                    const struct work_progress *progress, cancel_flag *cancel, struct err *err);
void flip_map_free(struct flip_map *map);

#endif

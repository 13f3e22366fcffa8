/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/flip_map_int.h"
#include "src/base/clock.h"

static const char *const what_names[FLIP_MAP_WHAT_COUNT] = {"attribution", "impact", "scale"};

const char *flip_map_what_name(enum flip_map_what what)
{
    return what_names[what];
}

bool flip_map_what_parse(const char *name, enum flip_map_what *what)
{
    for (int i = 0; i < FLIP_MAP_WHAT_COUNT; i++)
        if (strcmp(name, what_names[i]) == 0) {
            *what = (enum flip_map_what)i;
            return true;
        }
    return false;
}

double mapping_value(const struct mapping *mapping, double change)
{
    return mapping->options->what == FLIP_MAP_IMPACT ? fabs(change) : change;
}

void mapping_step(struct mapping *mapping, size_t n)
{
    mapping->done += n;
    if (mapping->progress)
        mapping->progress->report(mapping->progress->user, mapping->done, mapping->total);
}

/* ---- scales ----------------------------------------------------------------------------- */

static void scale_matrix(struct mapping *mapping, int32_t layer, enum proj proj)
{
    uint32_t rows = 0, columns = 0;
    (void)model_matrix_size(mapping->model, layer, proj, &rows, &columns);
    bool by_group = mapping->options->units.granularity == GRANULARITY_GROUP;
    uint32_t groups = columns / GROUP_WEIGHTS, per_row = by_group ? groups : 1;
    double *values = x_new((size_t)rows * per_row, sizeof *values);
    for (uint32_t row = 0; row < rows; row++) {
        if (!by_group)
            values[row] = (double)model_row_scale_sum(mapping->model, layer, proj, row) / groups /
                          (1 << 24);
        for (uint32_t group = 0; by_group && group < groups; group++)
            values[(size_t)row * groups + group] =
                (double)model_group_scale(mapping->model, layer, proj, row, group) / (1 << 24);
    }
    mapping_take(mapping, &(struct predicted){.layer = layer,
                                             .proj = proj,
                                             .granularity = mapping->options->units.granularity,
                                             .rows = rows,
                                             .per_row = per_row,
                                             .count = rows,
                                             .change = values});
    free(values);
}

static bool map_scales(struct mapping *mapping, cancel_flag *cancel, struct err *err)
{
    const struct predict_options *units = &mapping->options->units;
    uint32_t projs = predict_projs(mapping->model, units->projs);
    for (size_t i = units->layer_count; i-- > 0;)
        for (enum proj proj = 0; proj < PROJ_LAYER_COUNT; proj++) {
            if (cancel && *cancel)
                return err_set(err, ERR_CANCELLED, "cancelled");
            if (projs >> proj & 1)
                scale_matrix(mapping, units->layers[i], proj);
        }
    for (enum proj proj = PROJ_EMBED; proj <= PROJ_HEAD; proj++)
        if (projs >> proj & 1)
            scale_matrix(mapping, NO_LAYER, proj);
    return true;
}

/* ---- all of it ---------------------------------------------------------------------------- */

struct goal flip_map_goal(const struct flip_map_options *options)
{
    return (struct goal){
        .metric = options->metric,
        .control_metric = options->control_metric,
        .fitness = options->fitness,
        .aims = options->aims,
        .control_mix = options->control_mix,
        .penalty = options->penalty,
    };
}

static struct measure *measure_set(const struct mapping *mapping, const struct probe_set *set,
                                   bool controls, cancel_flag *cancel, struct err *err)
{
    struct goal goal = flip_map_goal(mapping->options);
    const struct probe **probes = x_new(set->count, sizeof(const struct probe *));
    bool exact = mapping->options->exact > 0;
    struct measure_options options = {.threads = mapping->options->units.threads,
                                      .keep_bytes = exact ? batch_keep_default() / 2 : 0};
    for (size_t i = 0; i < set->count; i++)
        probes[i] = &set->probes[i];
    struct measure *measure =
        goal_measure(&goal, controls, mapping->model, probes, set->count, &options, err);
    free(probes);
    if (measure && measure_set_base(measure, cancel, err))
        return measure;
    measure_free(measure);
    return NULL;
}

static bool prepare(struct mapping *mapping, const struct probe_set *targets,
                    const struct probe_set *controls, cancel_flag *cancel, struct err *err)
{
    const struct flip_map_options *options = mapping->options;
    struct goal goal = flip_map_goal(options);
    mapping->targets = measure_set(mapping, targets, false, cancel, err);
    mapping->controls =
        mapping->targets ? measure_set(mapping, controls, true, cancel, err) : NULL;
    if (!mapping->controls)
        return false;
    mapping->before = x_new(targets->count + controls->count, sizeof *mapping->before);
    mapping->judge = goal_judge(&goal, mapping->before, targets->count, controls->count);
    double start = clock_seconds();
    bool ok = measure_run(mapping->targets, mapping->before, cancel, err) &&
              measure_run(mapping->controls, mapping->before + targets->count, cancel, err);
    mapping->map->seconds_forward = clock_seconds() - start;
    return ok;
}

static bool predict_all(struct mapping *mapping, cancel_flag *cancel, struct err *err)
{
    double start = clock_seconds();
    struct predict *predict = predict_new(mapping->model, mapping->targets, mapping->controls,
                                          &mapping->options->units, err);
    bool ok = predict && predict_run(predict, &mapping->judge, mapping->before, mapping_take,
                                     mapping, cancel, err);
    predict_free(predict);
    mapping->map->seconds = clock_seconds() - start;
    return ok;
}

static int compare_matrices(const void *a, const void *b)
{
    const struct flip_map_matrix *left = a, *right = b;
    if (left->layer != right->layer)
        return left->layer < right->layer ? -1 : 1;
    return (int)left->proj - (int)right->proj;
}

static void take_best(struct mapping *mapping)
{
    struct flip_map *map = mapping->map;
    best_sort(&mapping->best);
    map->top_count = mapping->best.count;
    map->top = x_new(map->top_count + 1, sizeof *map->top);
    for (size_t i = 0; i < map->top_count; i++)
        map->top[i] = (struct flip_map_unit){mapping->best.heap[i].flip,
                                             mapping->best.heap[i].change, (double)NAN};
    qsort(map->matrices, map->matrix_count, sizeof *map->matrices, compare_matrices);
    map->tokens = measure_tokens(mapping->targets) + measure_tokens(mapping->controls);
}

struct flip_map *flip_map_new(struct model *model, const struct probe_set *targets,
                    const struct probe_set *controls, const struct flip_map_options *options,
                    void (*each)(void *user, const struct predicted *values), void *user,
                    const struct work_progress *progress, cancel_flag *cancel, struct err *err)
{
    struct flip_map *map = x_new(1, sizeof *map);
    struct mapping mapping = {.model = model, .options = options, .map = map, .each = each,
                              .user = user, .progress = progress,
                              .threads = options->units.threads};
    if (mapping.threads <= 0)
        mapping.threads = omp_get_max_threads();
    for (size_t i = 0; i < PROJ_COUNT; i++)
        map->by_proj[i] = (double)NAN;
    (void)predict_units(model, &options->units, &mapping.total);
    best_init(&mapping.best, options->top);
    bool ok = prepare(&mapping, targets, controls, cancel, err) &&
              (options->what == FLIP_MAP_SCALE ? map_scales(&mapping, cancel, err)
                                          : predict_all(&mapping, cancel, err));
    if (ok) {
        take_best(&mapping);
        ok = mapping_measure(&mapping, cancel, err);
    }
    best_free(&mapping.best);
    measure_free(mapping.targets);
    measure_free(mapping.controls);
    free(mapping.before);
    free(mapping.row_counts);
    free(mapping.drawn);
    if (ok)
        return map;
    flip_map_free(map);
    return NULL;
}

void flip_map_free(struct flip_map *map)
{
    if (!map)
        return;
    free(map->matrices);
    free(map->samples);
    free(map->top);
    free(map);
}

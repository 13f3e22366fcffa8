/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One pass predicts; then what was drawn, and the best, are measured beside the model.
 */
#include "engine/search/flip_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/statistics.h"
#include "src/base/clock.h"
#include "src/base/rng.h"

enum { MEASURED_MAX = 64 }; /* flips of one measure_try */

const double flip_map_bin_edges[FLIP_MAP_BINS - 1] = {-1,   -1e-1, -1e-2, -1e-3, -1e-4,
                                            1e-4, 1e-3,  1e-2,  1e-1,  1};

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
};

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

static void step(struct mapping *mapping, size_t n)
{
    mapping->done += n;
    if (mapping->progress)
        mapping->progress->report(mapping->progress->user, mapping->done, mapping->total);
}

/* ---- one matrix ------------------------------------------------------------------------ */

static double value_of(const struct mapping *mapping, double change)
{
    return mapping->options->what == FLIP_MAP_IMPACT ? fabs(change) : change;
}

static void count_unit(struct flip_map_matrix *matrix, double value)
{
    size_t bin = 0;
    while (bin < FLIP_MAP_BINS - 1 && value >= flip_map_bin_edges[bin])
        bin++;
    matrix->bins[bin]++;
    matrix->positive += value > 0;
    matrix->least = value < matrix->least ? value : matrix->least;
    matrix->most = value > matrix->most ? value : matrix->most;
    matrix->mean += value / (double)matrix->units;
}

/* Without replacement (R. W. Floyd); in ascending order. */
static size_t draw_units(const struct mapping *mapping, const struct flip_map_matrix *matrix,
                         uint8_t *drawn)
{
    uint64_t units = matrix->units;
    size_t count = units < mapping->options->exact ? (size_t)units : mapping->options->exact;
    uint64_t where = (uint64_t)matrix->layer * PROJ_COUNT + matrix->proj;
    struct rng rng;
    rng_seed(&rng, rng_mix(mapping->options->seed) ^ where);
    for (uint64_t i = units - count; i < units; i++) {
        uint64_t at = rng_below(&rng, i + 1);
        drawn[drawn[at] ? i : at] = 1;
    }
    return count;
}

static void take_samples(struct mapping *mapping, struct flip_map_matrix *matrix,
                         const double *values)
{
    struct flip_map *map = mapping->map;
    uint8_t *drawn = x_new((size_t)matrix->units, 1);
    matrix->sample_first = map->sample_count;
    matrix->sample_count = draw_units(mapping, matrix, drawn);
    map->samples = x_grow(map->samples, map->sample_count + matrix->sample_count + 1,
                          sizeof *map->samples);
    for (uint64_t unit = 0; unit < matrix->units; unit++)
        if (drawn[unit])
            map->samples[map->sample_count++] = (struct flip_map_unit){
                .flip = predicted_flip(matrix->layer, matrix->proj, matrix->per_row, unit),
                .value = value_of(mapping, values[unit]),
                .measured = (double)NAN,
            };
    free(drawn);
}

static void take_matrix(void *user, const struct predicted *predicted)
{
    struct mapping *mapping = user;
    struct flip_map *map = mapping->map;
    struct flip_map_matrix matrix = {
        .layer = predicted->layer,
        .proj = predicted->proj,
        .units = (uint64_t)predicted->rows * predicted->per_row,
        .per_row = predicted->per_row,
        .least = HUGE_VAL,
        .most = -HUGE_VAL,
        .spearman = (double)NAN,
    };
    for (uint64_t unit = 0; unit < matrix.units; unit++) {
        double value = value_of(mapping, predicted->change[unit]);
        count_unit(&matrix, value);
        if (best_wants(&mapping->best, value))
            best_offer(&mapping->best,
                       &(struct promise){predicted_flip(matrix.layer, matrix.proj,
                                                        matrix.per_row, unit), value});
    }
    take_samples(mapping, &matrix, predicted->change);
    map->units += matrix.units;
    map->matrices = x_grow(map->matrices, map->matrix_count + 1, sizeof *map->matrices);
    map->matrices[map->matrix_count++] = matrix;
    if (mapping->each)
        mapping->each(mapping->user, predicted);
    step(mapping, 1);
}

static int compare_matrices(const void *a, const void *b)
{
    const struct flip_map_matrix *left = a, *right = b;
    if (left->layer != right->layer)
        return left->layer < right->layer ? -1 : 1;
    return (int)left->proj - (int)right->proj;
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
    take_matrix(mapping, &(struct predicted){layer, proj, rows, per_row, values});
    free(values);
}

static bool map_scales(struct mapping *mapping, cancel_flag *cancel, struct err *err)
{
    const struct predict_options *units = &mapping->options->units;
    for (size_t i = units->layer_count; i-- > 0;)
        for (enum proj proj = 0; proj < PROJ_LAYER_COUNT; proj++) {
            if (cancel && *cancel)
                return err_set(err, ERR_CANCELLED, "cancelled");
            if (units->projs >> proj & 1)
                scale_matrix(mapping, units->layers[i], proj);
        }
    return true;
}

/* ---- measuring --------------------------------------------------------------------------- */

static size_t at_once(const struct mapping *mapping)
{
    size_t most = measure_at_once(mapping->targets), other = measure_at_once(mapping->controls);
    most = measure_count(mapping->controls) > 0 && other < most ? other : most;
    return most < MEASURED_MAX ? most : MEASURED_MAX;
}

static bool measure_some(struct mapping *mapping, struct flip_map_unit *units, size_t count,
                         cancel_flag *cancel, struct err *err)
{
    struct flip flips[MEASURED_MAX];
    size_t targets = mapping->judge.target_count, controls = mapping->judge.control_count;
    size_t probes = targets + controls;
    double *apart = x_new(count * probes, sizeof *apart), *gaps = x_new(probes, sizeof *gaps);
    for (size_t i = 0; i < count; i++)
        flips[i] = units[i].flip;
    bool ok = measure_try(mapping->targets, flips, count, apart, cancel, err) &&
              measure_try(mapping->controls, flips, count, apart + count * targets, cancel, err);
    for (size_t i = 0; ok && i < count; i++) {
        memcpy(gaps, apart + i * targets, targets * sizeof *gaps);
        memcpy(gaps + targets, apart + count * targets + i * controls, controls * sizeof *gaps);
        units[i].measured = value_of(mapping, judge_fitness(&mapping->judge, gaps));
    }
    free(apart);
    free(gaps);
    return ok;
}

static bool measure_units(struct mapping *mapping, struct flip_map_unit *units, size_t count,
                          cancel_flag *cancel, struct err *err)
{
    size_t most = at_once(mapping);
    for (size_t i = 0; i < count; i += most) {
        size_t left = count - i, n = left < most ? left : most;
        if (!measure_some(mapping, units + i, n, cancel, err))
            return false;
        step(mapping, n);
    }
    return true;
}

static double correlate(const struct flip_map_unit *units, size_t count)
{
    double *value = x_new(count + 1, sizeof *value);
    double *measured = x_new(count + 1, sizeof *measured);
    for (size_t i = 0; i < count; i++) {
        value[i] = units[i].value;
        measured[i] = units[i].measured;
    }
    double spearman = statistics_spearman(value, measured, count);
    free(value);
    free(measured);
    return spearman;
}

static void correlate_all(struct flip_map *map)
{
    struct flip_map_unit *together = x_new(map->sample_count + 1, sizeof *together);
    for (enum proj proj = 0; proj < PROJ_LAYER_COUNT; proj++) {
        size_t count = 0;
        for (size_t i = 0; i < map->sample_count; i++)
            if (map->samples[i].flip.proj == proj)
                together[count++] = map->samples[i];
        map->by_proj[proj] = correlate(together, count);
    }
    for (size_t i = 0; i < map->matrix_count; i++)
        map->matrices[i].spearman = correlate(map->samples + map->matrices[i].sample_first,
                                              map->matrices[i].sample_count);
    free(together);
}

static bool measure_all(struct mapping *mapping, cancel_flag *cancel, struct err *err)
{
    struct flip_map *map = mapping->map;
    if (mapping->options->exact == 0)
        return true;
    mapping->total = mapping->done + map->sample_count + map->top_count;
    if (!measure_units(mapping, map->top, map->top_count, cancel, err) ||
        !measure_units(mapping, map->samples, map->sample_count, cancel, err))
        return false;
    correlate_all(map);
    return true;
}

/* ---- all of it ---------------------------------------------------------------------------- */

static struct measure *measure_set(const struct mapping *mapping, const struct probe_set *set,
                                   enum metric metric, cancel_flag *cancel, struct err *err)
{
    const struct probe **probes = x_new(set->count, sizeof(const struct probe *));
    bool exact = mapping->options->exact > 0;
    struct measure_options options = {.metric = metric,
                                      .threads = mapping->options->units.threads,
                                      .keep_bytes = exact ? batch_keep_default() / 2 : 0};
    for (size_t i = 0; i < set->count; i++)
        probes[i] = &set->probes[i];
    struct measure *measure = measure_new(mapping->model, probes, set->count, &options, err);
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
    enum metric control = options->control_metric == METRIC_SAME ? options->metric
                                                                 : options->control_metric;
    mapping->targets = measure_set(mapping, targets, options->metric, cancel, err);
    mapping->controls =
        mapping->targets ? measure_set(mapping, controls, control, cancel, err) : NULL;
    if (!mapping->controls)
        return false;
    mapping->before = x_new(targets->count + controls->count, sizeof *mapping->before);
    mapping->judge = (struct judge){
        .before = mapping->before,
        .target_count = targets->count,
        .control_count = controls->count,
        .penalty = options->penalty,
        .fitness = options->fitness,
        .target_cap = metric_cap(options->metric),
        .control_cap = metric_cap(control),
    };
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
    bool ok = predict && predict_run(predict, &mapping->judge, mapping->before, take_matrix,
                                     mapping, cancel, err);
    predict_free(predict);
    mapping->map->seconds = clock_seconds() - start;
    return ok;
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

static size_t count_projs(uint32_t projs)
{
    size_t count = 0;
    for (enum proj proj = 0; proj < PROJ_LAYER_COUNT; proj++)
        count += projs >> proj & 1;
    return count;
}

struct flip_map *flip_map_new(struct model *model, const struct probe_set *targets,
                    const struct probe_set *controls, const struct flip_map_options *options,
                    void (*each)(void *user, const struct predicted *values), void *user,
                    const struct work_progress *progress, cancel_flag *cancel, struct err *err)
{
    struct flip_map *map = x_new(1, sizeof *map);
    struct mapping mapping = {.model = model, .options = options, .map = map, .each = each,
                              .user = user, .progress = progress};
    for (size_t i = 0; i < PROJ_LAYER_COUNT; i++)
        map->by_proj[i] = (double)NAN;
    mapping.total = options->units.layer_count * count_projs(options->units.projs);
    best_init(&mapping.best, options->top);
    bool ok = prepare(&mapping, targets, controls, cancel, err) &&
              (options->what == FLIP_MAP_SCALE ? map_scales(&mapping, cancel, err)
                                          : predict_all(&mapping, cancel, err));
    if (ok) {
        take_best(&mapping);
        ok = measure_all(&mapping, cancel, err);
    }
    best_free(&mapping.best);
    measure_free(mapping.targets);
    measure_free(mapping.controls);
    free(mapping.before);
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

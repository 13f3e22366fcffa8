/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/bench/bench.h"

#include <stdlib.h>

#include "src/base/rng.h"

static const double enough_s = 0.6; /* of all runs of one step */
static const double most_s = 30;

enum { RUNS_WANTED = 3 };

/* ---- runs --------------------------------------------------------------------- */

static bool go_on(const struct bench_runs *runs, double total_s)
{
    if (runs->count == 0)
        return true;
    double last = runs->seconds[runs->count - 1];
    if (runs->count == BENCH_RUNS_MAX || total_s + last > most_s)
        return false;
    return runs->count < RUNS_WANTED || total_s < enough_s;
}

bool bench_repeat(bench_once *once, void *user, struct bench_runs *runs, struct err *err)
{
    double total_s = 0;
    for (runs->count = 0; go_on(runs, total_s); runs->count++) {
        if (atomic_load(&cli_cancel))
            return err_set(err, ERR_CANCELLED, "interrupted");
        if (!once(user, &runs->seconds[runs->count], err))
            return false;
        total_s += runs->seconds[runs->count];
    }
    return true;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct bench_runs sorted(const struct bench_runs *runs)
{
    struct bench_runs copy = *runs;
    qsort(copy.seconds, copy.count, sizeof *copy.seconds, compare);
    return copy;
}

double bench_median(const struct bench_runs *runs)
{
    struct bench_runs in_order = sorted(runs);
    size_t middle = runs->count / 2;
    BUG_ON(runs->count == 0);
    return runs->count % 2 ? in_order.seconds[middle]
                           : (in_order.seconds[middle - 1] + in_order.seconds[middle]) / 2;
}

static double spread_of(const struct bench_runs *runs)
{
    struct bench_runs in_order = sorted(runs);
    double median = bench_median(runs);
    return median > 0 ? (in_order.seconds[runs->count - 1] - in_order.seconds[0]) / median : 0;
}

/* ---- results --------------------------------------------------------------------- */

static struct bench_result *add(struct bench *bench, double value, const char *unit)
{
    size_t count = bench->result_count + 1;
    bench->results = x_grow(bench->results, count, sizeof *bench->results);
    struct bench_result *result = &bench->results[bench->result_count];
    bench->result_count = count;
    *result = (struct bench_result){
        .group = bench->group,
        .unit = unit,
        .value = value,
        .runs = 1,
    };
    return result;
}

__attribute__((format(printf, 2, 0))) static void name(struct bench_result *result,
                                                       const char *format, va_list args)
{
    (void)vsnprintf(result->name, sizeof result->name, format, args);
}

void bench_add_rate(struct bench *bench, const struct bench_runs *runs, double work,
                    const char *unit, double floor, const char *format, ...)
{
    struct bench_result *result = add(bench, work / bench_median(runs), unit);
    result->floor = floor;
    result->share = floor > 0 ? result->value / floor : 0;
    result->spread = spread_of(runs);
    result->runs = runs->count;
    va_list args;
    va_start(args, format);
    name(result, format, args);
    va_end(args);
}

void bench_add_time(struct bench *bench, const struct bench_runs *runs, double factor,
                    const char *unit, double floor, const char *format, ...)
{
    struct bench_result *result = add(bench, bench_median(runs) * factor, unit);
    result->floor = floor;
    result->share = floor > 0 ? floor / result->value : 0;
    result->spread = spread_of(runs);
    result->runs = runs->count;
    va_list args;
    va_start(args, format);
    name(result, format, args);
    va_end(args);
}

void bench_add_number(struct bench *bench, double value, const char *unit, const char *format, ...)
{
    struct bench_result *result = add(bench, value, unit);
    va_list args;
    va_start(args, format);
    name(result, format, args);
    va_end(args);
}

void bench_step(struct bench *bench, double done, const char *next)
{
    double seconds = bench->planned_s + done * bench->group_plan_s;
    progress_update(&bench->progress, (uint64_t)(seconds * 100), next);
}

/* ---- models ------------------------------------------------------------------------ */

struct model *bench_model(struct bench *bench, struct err *err)
{
    if (!bench->model)
        bench->model = model_open(bench->model_path, err);
    return bench->model;
}

double bench_weights(const struct model *model)
{
    uint32_t rows = 0, columns = 0;
    double weights = 0;
    for (int32_t layer = 0; layer < (int32_t)model_shape(model)->layers; layer++)
        for (int proj = 0; proj < PROJ_LAYER_COUNT; proj++)
            if (model_matrix_size(model, layer, (enum proj)proj, &rows, &columns))
                weights += (double)rows * columns;
    if (model_matrix_size(model, NO_LAYER, PROJ_HEAD, &rows, &columns))
        weights += (double)rows * columns;
    return weights;
}

double bench_weight_bytes(const struct model *model)
{
    return bench_weights(model) / KERNEL_GROUP * KERNEL_GROUP_BYTES;
}

void bench_tokens(const struct model *model, size_t count, int32_t *ids)
{
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)rng_below(&rng, model_shape(model)->vocab);
}

struct flip bench_row(const struct model *model, int32_t layer, enum proj proj, struct rng *rng)
{
    uint32_t rows = 0, columns = 0;
    BUG_ON(!model_matrix_size(model, layer, proj, &rows, &columns));
    return (struct flip){layer, proj, (uint32_t)rng_below(rng, rows), FLIP_WHOLE_ROW, {0, 0}};
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sums over the tokens of each owner are made for a few rows at a time and judged at once.
 */
#include "engine/search/predict_int.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"

const char *granularity_name(enum granularity granularity)
{
    static const char *const names[GRANULARITY_COUNT] = {"row", "group", "bit"};
    return names[granularity];
}

bool granularity_parse(const char *name, enum granularity *granularity)
{
    for (int i = 0; i < GRANULARITY_COUNT; i++)
        if (strcmp(name, granularity_name((enum granularity)i)) == 0) {
            *granularity = (enum granularity)i;
            return true;
        }
    return false;
}

struct flip predicted_flip(const struct predicted *predicted, uint64_t index)
{
    uint32_t row = predicted->first + (uint32_t)(index / predicted->per_row);
    uint32_t unit = (uint32_t)(index % predicted->per_row);
    struct flip flip = {predicted->layer, predicted->proj, row, FLIP_WHOLE_ROW, {0, 0}};
    if (predicted->granularity == GRANULARITY_BIT) {
        flip.group = (int32_t)(unit / GROUP_WEIGHTS);
        flip.mask[unit % GROUP_WEIGHTS / 64] = UINT64_C(1) << unit % 64;
    } else if (predicted->per_row > 1) { /* the only group of a row is the row */
        flip.group = (int32_t)unit;
        flip.mask[0] = flip_mask_all[0];
        flip.mask[1] = flip_mask_all[1];
    }
    return flip;
}

/* ---- what is chosen ---------------------------------------------------------------------- */

static uint32_t units_of_row(enum granularity granularity, uint32_t columns)
{
    return granularity == GRANULARITY_ROW     ? 1
           : granularity == GRANULARITY_GROUP ? columns / GROUP_WEIGHTS
                                              : columns;
}

uint32_t predict_projs(const struct model *model, uint32_t projs)
{
    uint32_t head = 1u << PROJ_HEAD, embed = 1u << PROJ_EMBED;
    bool shared = model_shape(model)->tied && (projs & head);
    return shared ? (projs & ~head) | embed : projs;
}

static uint64_t units_of(const struct model *model, int32_t layer, enum proj proj,
                         enum granularity granularity)
{
    uint32_t rows = 0, columns = 0;
    (void)model_matrix_size(model, layer, proj, &rows, &columns);
    return (uint64_t)rows * units_of_row(granularity, columns);
}

uint64_t predict_units(const struct model *model, const struct predict_options *options,
                       size_t *matrices)
{
    uint32_t projs = predict_projs(model, options->projs);
    uint64_t units = 0;
    size_t count = 0;
    for (enum proj proj = 0; proj < PROJ_COUNT; proj++) {
        size_t layers = proj < PROJ_LAYER_COUNT ? options->layer_count : 1;
        for (size_t i = 0; i < layers && (projs >> proj & 1); i++, count++)
            units += units_of(model, proj < PROJ_LAYER_COUNT ? options->layers[i] : NO_LAYER, proj,
                              options->granularity);
    }
    if (matrices)
        *matrices = count;
    return units;
}

/* ---- making --------------------------------------------------------------------------- */

/* Units whose numbers are there at the same time, at most. */
static size_t most_units(const struct predict *predict)
{
    enum granularity granularity = predict->options.granularity;
    size_t most = 0;
    for (enum proj proj = 0; proj < PROJ_COUNT; proj++) {
        uint32_t rows = 0, columns = 0;
        (void)model_matrix_size(predict->model, proj < PROJ_LAYER_COUNT ? 0 : NO_LAYER, proj, &rows,
                                &columns);
        if (proj >= PROJ_LAYER_COUNT && !predict->vocab)
            continue;
        if (granularity == GRANULARITY_BIT && rows > PREDICT_ROWS)
            rows = PREDICT_ROWS;
        size_t units = (size_t)rows * units_of_row(granularity, columns);
        most = units > most ? units : most;
    }
    return most;
}

static bool allocate(struct predict *predict, struct err *err)
{
    size_t threads = (size_t)predict->options.threads;
    predict->owners = slope_owners(predict->slope);
    if (!predict_vocab_allocate(predict, err))
        return false;
    predict->sums = x_new(threads * predict->owners, PREDICT_ROWS * sizeof *predict->sums);
    predict->values = x_new(threads * predict->owners, sizeof *predict->values);
    predict->gaps = x_new(threads * predict->probes, sizeof *predict->gaps);
    predict->parts = x_new(predict->owners, sizeof *predict->parts);
    predict->slopes = x_new(predict->owners + 1, sizeof *predict->slopes);
    predict->change = x_new(most_units(predict), sizeof *predict->change);
    return predict->options.granularity != GRANULARITY_GROUP ||
           predict_groups_allocate(predict, err);
}

struct predict *predict_new(struct model *model, struct measure *targets,
                            struct measure *controls, const struct predict_options *options,
                            struct err *err)
{
    const struct measure *const measures[] = {targets, controls};
    struct predict *predict = x_new(1, sizeof *predict);
    *predict = (struct predict){.model = model, .options = *options};
    predict->measures[0] = targets;
    predict->measures[1] = controls;
    predict->mixed = measure_parts(targets) > 1 || measure_parts(controls) > 1;
    predict->probes = measure_count(targets) + measure_count(controls);
    if (predict->options.threads <= 0)
        predict->options.threads = omp_get_max_threads();
    predict->kernel = kernel_pick(err);
    const struct gradient_options of_pass = {predict->options.threads, options->keep_bytes};
    if (predict->kernel)
        predict->slope = slope_new(model, measures, 2, &of_pass, err);
    if (predict->slope && allocate(predict, err))
        return predict;
    predict_free(predict);
    return NULL;
}

size_t predict_tokens(const struct predict *predict)
{
    return slope_tokens(predict->slope);
}

void predict_free(struct predict *predict)
{
    if (!predict)
        return;
    slope_free(predict->slope);
    predict_vocab_free(predict);
    free(predict->sums);
    free(predict->values);
    free(predict->gaps);
    free(predict->slopes);
    free(predict->parts);
    free(predict->change);
    free(predict->share);
    free(predict->group_x);
    free(predict->group_blocks);
    free(predict);
}

/* ---- one matrix ------------------------------------------------------------------------- */

double *predict_sums(const struct predict *predict, int thread)
{
    return predict->sums + (size_t)thread * predict->owners * PREDICT_ROWS;
}

/* Gaps of a thread's predicted values. */
static const double *fold(const struct predict *predict, int thread)
{
    const double *values = predict->values + (size_t)thread * predict->owners;
    double *gaps = predict->gaps + (size_t)thread * predict->probes, *to = gaps;
    if (!predict->mixed)
        return values;
    for (size_t m = 0; m < countof(predict->measures); m++) {
        const struct measure *measure = predict->measures[m];
        measure_fold(measure, values, to);
        values += measure_count(measure) * measure_parts(measure);
        to += measure_count(measure);
    }
    return gaps;
}

void predict_judge(const struct predict *predict, int thread, size_t n, double *change,
                   size_t stride)
{
    const double *sums = predict_sums(predict, thread);
    double *values = predict->values + (size_t)thread * predict->owners;
    for (size_t r = 0; r < n; r++) {
        for (size_t i = 0; i < predict->owners; i++)
            values[i] = predict->now[i] + sums[i * PREDICT_ROWS + r];
        change[r * stride] =
            judge_fitness(predict->judge, fold(predict, thread)) - predict->fitness_now;
    }
}

static void sum_rows(const struct predict *predict, const struct gradient_visit *visit, size_t row,
                     size_t n, double *sums)
{
    memset(sums, 0, predict->owners * PREDICT_ROWS * sizeof *sums);
    for (size_t t = 0; t < visit->tokens; t++) {
        double *own = sums + visit->owners[t] * (size_t)PREDICT_ROWS;
        const float *negated = visit->negated + t * visit->rows + row;
        for (size_t r = 0; r < n; r++)
            own[r] += (double)negated[r];
    }
}

static void predict_rows(struct predict *predict, const struct gradient_visit *visit)
{
#pragma omp parallel for num_threads(predict->options.threads) schedule(dynamic, 1)
    for (size_t row = 0; row < visit->rows; row += PREDICT_ROWS) {
        size_t left = visit->rows - row, n = left < PREDICT_ROWS ? left : (size_t)PREDICT_ROWS;
        int thread = omp_get_thread_num();
        sum_rows(predict, visit, row, n, predict_sums(predict, thread));
        predict_judge(predict, thread, n, predict->change + row, 1);
    }
}

static bool is_chosen(const struct predict *predict, const struct gradient_visit *visit)
{
    if (!(predict->options.projs >> visit->proj & 1))
        return false;
    for (size_t i = 0; i < predict->options.layer_count; i++)
        if (predict->options.layers[i] == visit->layer)
            return true;
    return false;
}

void predict_show(const struct predict *predict, const struct gradient_visit *visit, size_t first,
                  size_t count)
{
    enum granularity granularity = predict->options.granularity;
    predict->visit(predict->user,
                   &(struct predicted){.layer = visit->layer,
                                       .proj = visit->proj,
                                       .granularity = granularity,
                                       .rows = visit->rows,
                                       .per_row = units_of_row(granularity, visit->columns),
                                       .first = (uint32_t)first,
                                       .count = (uint32_t)count,
                                       .change = predict->change});
}

bool predict_is_cancelled(const struct predict *predict)
{
    return predict->cancel && *predict->cancel;
}

static void visit_matrix(void *user, const struct gradient_visit *visit)
{
    struct predict *predict = user;
    if (visit->proj >= PROJ_LAYER_COUNT) {
        predict_vocab(predict, visit);
        return;
    }
    if (!is_chosen(predict, visit))
        return;
    if (predict->options.granularity == GRANULARITY_BIT) {
        predict_bits(predict, visit);
        return;
    }
    if (predict->options.granularity == GRANULARITY_GROUP)
        predict_groups(predict, visit);
    else
        predict_rows(predict, visit);
    predict_show(predict, visit, 0, visit->rows);
}

/* What the metrics of mixes say of the model as it is. */
static bool read_parts(struct predict *predict, cancel_flag *cancel, struct err *err)
{
    double *to = predict->parts;
    for (size_t m = 0; m < countof(predict->measures); m++) {
        struct measure *measure = predict->measures[m];
        if (!measure_run_parts(measure, to, cancel, err))
            return false;
        to += measure_count(measure) * measure_parts(measure);
    }
    return true;
}

/* Of the fitness by every value: by the gap, times that of the gap by the value. */
static void take_slopes(struct predict *predict, const double *gaps)
{
    double *by_gap = x_new(predict->probes, sizeof *by_gap), *to = predict->slopes;
    const double *from = by_gap, *values = predict->now;
    judge_slope(predict->judge, gaps, by_gap);
    for (size_t m = 0; m < countof(predict->measures); m++) {
        const struct measure *measure = predict->measures[m];
        size_t count = measure_count(measure), of = count * measure_parts(measure);
        measure_slopes(measure, values, to);
        for (size_t i = 0; i < of; i++)
            to[i] *= from[i % count];
        values += of;
        to += of;
        from += count;
    }
    free(by_gap);
}

bool predict_run(struct predict *predict, const struct judge *judge, const double *gaps,
                 void (*visit)(void *user, const struct predicted *predicted), void *user,
                 cancel_flag *cancel, struct err *err)
{
    if (predict->mixed && !read_parts(predict, cancel, err))
        return false;
    predict->judge = judge;
    predict->now = predict->mixed ? predict->parts : gaps;
    predict->fitness_now = judge_fitness(judge, gaps);
    predict->visit = visit;
    predict->user = user;
    predict->cancel = cancel;
    take_slopes(predict, gaps);
    predict_vocab_begin(predict);
    return slope_run(predict->slope, visit_matrix, predict, cancel, err) &&
           (!predict_is_cancelled(predict) || err_set(err, ERR_CANCELLED, "cancelled"));
}

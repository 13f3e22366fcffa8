/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The map of what flips promise: one pass over the model as it is, told as a whole; and
 * measuring the best of it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "ui/worker_int.h"

static const char pass_name[] = "ranking all flips";

struct ranking {
    struct worker *worker;
    struct predictions *out;
    struct best best;
    size_t total; /* matrices */
};

/* ---- rows ------------------------------------------------------------------------- */

/* The unit of a row that promises most; *impact: the largest |change| of any. */
static uint32_t best_unit(const double *change, uint32_t per_row, double *impact)
{
    uint32_t best = 0;
    *impact = 0;
    for (uint32_t i = 0; i < per_row; i++) {
        *impact = fmax(*impact, fabs(change[i]));
        if (change[i] > change[best])
            best = i;
    }
    return best;
}

static void take_row(struct predicted_matrix *matrix, uint32_t row, const double *change,
                     uint32_t per_row)
{
    double impact;
    uint32_t unit = best_unit(change, per_row, &impact);
    float value = (float)change[unit];
    matrix->change[row] = value;
    matrix->impact[row] = (float)impact;
    if (matrix->unit)
        matrix->unit[row] = (uint16_t)unit;
    matrix->least = row == 0 ? value : fminf(matrix->least, value);
    matrix->most = row == 0 ? value : fmaxf(matrix->most, value);
    matrix->strongest = fmaxf(matrix->strongest, (float)impact);
    matrix->promising += value > 0;
}

static void offer_units(struct best *best, const struct predicted *predicted)
{
    uint64_t units = (uint64_t)predicted->count * predicted->per_row;
    for (uint64_t unit = 0; unit < units; unit++)
        if (best_wants(best, predicted->change[unit]))
            best_offer(best, &(struct promise){predicted_flip(predicted, unit),
                                               predicted->change[unit]});
}

static void add_matrix(struct predictions *out, const struct predicted *predicted)
{
    out->matrices = x_grow(out->matrices, out->matrix_count + 1, sizeof *out->matrices);
    struct predicted_matrix *matrix = &out->matrices[out->matrix_count++];
    *matrix = (struct predicted_matrix){.layer = predicted->layer, .proj = predicted->proj,
                                        .rows = predicted->rows,
                                        .per_row = predicted->per_row,
                                        .granularity = predicted->granularity};
    matrix->change = x_new(matrix->rows, sizeof *matrix->change);
    matrix->impact = x_new(matrix->rows, sizeof *matrix->impact);
    if (predicted->granularity != GRANULARITY_ROW)
        matrix->unit = x_new(matrix->rows, sizeof *matrix->unit);
}

/* Some rows of a matrix, or all. */
static void take_rows(void *user, const struct predicted *predicted)
{
    struct ranking *ranking = user;
    struct predictions *out = ranking->out;
    if (predicted->first == 0)
        add_matrix(out, predicted);
    struct predicted_matrix *matrix = &out->matrices[out->matrix_count - 1];
    for (uint32_t i = 0; i < predicted->count; i++)
        take_row(matrix, predicted->first + i, predicted->change + (size_t)i * predicted->per_row,
                 predicted->per_row);
    offer_units(&ranking->best, predicted);
    if (predicted->first + predicted->count < predicted->rows)
        return;
    out->rows += matrix->rows;
    out->promising += matrix->promising;
    worker_emit_progress(ranking->worker, out->matrix_count, ranking->total, pass_name);
}

/* ---- all of them -------------------------------------------------------------------------- */

static int compare_matrices(const void *a, const void *b)
{
    const struct predicted_matrix *left = a, *right = b;
    if (left->layer != right->layer)
        return left->layer < right->layer ? -1 : 1;
    return (int)left->proj - (int)right->proj;
}

static int compare_falling(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;
    return (left < right) - (left > right);
}

static void sort_all(struct predictions *out)
{
    size_t filled = 0;
    out->sorted = x_new((size_t)out->rows, sizeof *out->sorted);
    for (size_t i = 0; i < out->matrix_count; i++) {
        memcpy(out->sorted + filled, out->matrices[i].change,
               out->matrices[i].rows * sizeof *out->sorted);
        filled += out->matrices[i].rows;
    }
    qsort(out->sorted, filled, sizeof *out->sorted, compare_falling);
    qsort(out->matrices, out->matrix_count, sizeof *out->matrices, compare_matrices);
}

static struct promise *take_best(struct best *best, size_t *count)
{
    best_sort(best);
    *count = best->count;
    struct promise *taken = x_new(best->count + 1, sizeof *taken);
    if (best->count > 0)
        memcpy(taken, best->heap, best->count * sizeof *taken);
    return taken;
}

static bool rank_all(struct ranking *ranking, struct err *err)
{
    struct worker *worker = ranking->worker;
    uint32_t layers = model_shape(worker->model)->layers;
    int32_t *all = x_new(layers, sizeof *all);
    for (uint32_t i = 0; i < layers; i++)
        all[i] = (int32_t)i;
    struct predict_options options = {
        .layers = all,
        .layer_count = layers,
        .projs = (1u << PROJ_COUNT) - 1,
        .granularity = ranking->out->granularity,
        .threads = worker->options.search.threads,
        .keep_bytes = worker->options.search.keep_bytes,
    };
    (void)predict_units(worker->model, &options, &ranking->total);
    bool ok = search_predict(worker->search, &options, take_rows, ranking, &worker->cancel, err);
    free(all);
    return ok;
}

static struct predictions *make_predictions(struct worker *worker, enum granularity granularity,
                                            struct err *err)
{
    struct predictions *out = x_new(1, sizeof *out);
    struct ranking ranking = {.worker = worker, .out = out};
    double start = clock_seconds();
    out->granularity = granularity;
    out->step = session_head(worker->session);
    best_init(&ranking.best, PREDICTIONS_BEST_MAX);
    bool ok = rank_all(&ranking, err);
    if (ok) {
        sort_all(out);
        out->best = take_best(&ranking.best, &out->best_count);
        out->seconds = clock_seconds() - start;
    }
    best_free(&ranking.best);
    if (ok)
        return out;
    predictions_free(out);
    return NULL;
}

/* ---- jobs ---------------------------------------------------------------------------------- */

/* The best stay here for worker_measure; the event has the rest. */
bool worker_map(struct worker *worker, enum granularity granularity, struct err *err)
{
    struct predictions *made = make_predictions(worker, granularity, err);
    if (!made)
        return false;
    free(worker->best);
    worker->best_measured = 0;
    worker->best_count = made->best_count;
    worker->best = x_new(made->best_count + 1, sizeof *worker->best);
    if (made->best_count > 0)
        memcpy(worker->best, made->best, made->best_count * sizeof *worker->best);
    struct event *event = event_new(EVENT_PREDICTED, worker->job);
    event->predictions = made; /* moved */
    worker_emit(worker, event);
    return true;
}

/* Those that were measured on the same step are not measured again. */
bool worker_measure(struct worker *worker, uint64_t count, struct err *err)
{
    if (!worker->best && !worker_map(worker, GRANULARITY_ROW, err))
        return false;
    int64_t step = session_head(worker->session);
    size_t done = worker->best_step == step ? worker->best_measured : 0;
    count = count < worker->best_count ? count : worker->best_count;
    worker->best_step = step;
    worker->best_measured = done;
    for (; done < count; worker->best_measured = ++done) {
        struct flip flip = worker->best[done].flip;
        worker_emit_progress(worker, done, count, "measuring the best");
        if (!worker_try(worker, &flip, err))
            return false;
    }
    return true;
}

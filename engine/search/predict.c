/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sums over the tokens of each owner are made for a few rows at a time and judged at once.
 */
#include "engine/search/predict_int.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

const char *granularity_name(enum granularity granularity)
{
    return granularity == GRANULARITY_ROW ? "row" : "group";
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

struct flip predicted_flip(int32_t layer, enum proj proj, uint32_t per_row, uint64_t unit)
{
    struct flip flip = {layer, proj, (uint32_t)(unit / per_row), FLIP_WHOLE_ROW, {0, 0}};
    if (per_row > 1) {
        flip.group = (int32_t)(unit % per_row);
        flip.mask[0] = flip_mask_all[0];
        flip.mask[1] = flip_mask_all[1];
    }
    return flip;
}

/* ---- making --------------------------------------------------------------------------- */

static size_t largest_matrix(const struct predict *predict)
{
    size_t most = 0;
    for (enum proj proj = 0; proj < PROJ_LAYER_COUNT; proj++) {
        uint32_t rows = 0, columns = 0;
        (void)model_matrix_size(predict->model, 0, proj, &rows, &columns);
        bool rows_only = predict->options.granularity == GRANULARITY_ROW;
        size_t units = rows_only ? rows : (size_t)rows * (columns / GROUP_WEIGHTS);
        most = units > most ? units : most;
    }
    return most;
}

static bool allocate(struct predict *predict, struct err *err)
{
    size_t threads = (size_t)predict->options.threads;
    predict->owners = slope_owners(predict->slope);
    predict->sums = x_new(threads * predict->owners, PREDICT_ROWS * sizeof *predict->sums);
    predict->gaps = x_new(threads * predict->owners, sizeof *predict->gaps);
    predict->change = x_new(largest_matrix(predict), sizeof *predict->change);
    return predict->options.granularity == GRANULARITY_ROW ||
           predict_groups_allocate(predict, err);
}

struct predict *predict_new(struct model *model, const struct measure *targets,
                            const struct measure *controls, const struct predict_options *options,
                            struct err *err)
{
    const struct measure *const measures[] = {targets, controls};
    struct predict *predict = x_new(1, sizeof *predict);
    *predict = (struct predict){.model = model, .options = *options};
    if (predict->options.threads <= 0)
        predict->options.threads = omp_get_max_threads();
    bool ok = true;
    if (options->projs >> PROJ_LAYER_COUNT)
        ok = err_set(err, ERR_USAGE, "flips of embed and head cannot be predicted, expected "
                                     "projections of q, k, v, o, gate, up, down");
    predict->kernel = ok ? kernel_pick(err) : NULL;
    if (predict->kernel)
        predict->slope = slope_new(model, measures, 2, predict->options.threads, err);
    if (predict->slope && allocate(predict, err))
        return predict;
    predict_free(predict);
    return NULL;
}

void predict_free(struct predict *predict)
{
    if (!predict)
        return;
    slope_free(predict->slope);
    free(predict->sums);
    free(predict->gaps);
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

void predict_judge(const struct predict *predict, int thread, size_t n, double *change,
                   size_t stride)
{
    const double *sums = predict_sums(predict, thread);
    double *gaps = predict->gaps + (size_t)thread * predict->owners;
    for (size_t r = 0; r < n; r++) {
        for (size_t i = 0; i < predict->owners; i++)
            gaps[i] = predict->now[i] + sums[i * PREDICT_ROWS + r];
        change[r * stride] = judge_fitness(predict->judge, gaps) - predict->fitness_now;
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
    if (visit->proj >= PROJ_LAYER_COUNT || !(predict->options.projs >> visit->proj & 1))
        return false;
    for (size_t i = 0; i < predict->options.layer_count; i++)
        if (predict->options.layers[i] == visit->layer)
            return true;
    return false;
}

static void visit_matrix(void *user, const struct gradient_visit *visit)
{
    struct predict *predict = user;
    bool by_group = predict->options.granularity == GRANULARITY_GROUP;
    if (!is_chosen(predict, visit))
        return;
    if (by_group)
        predict_groups(predict, visit);
    else
        predict_rows(predict, visit);
    predict->visit(predict->user,
                   &(struct predicted){.layer = visit->layer,
                                       .proj = visit->proj,
                                       .rows = visit->rows,
                                       .per_row = by_group ? visit->columns / GROUP_WEIGHTS : 1,
                                       .change = predict->change});
}

bool predict_run(struct predict *predict, const struct judge *judge, const double *gaps,
                 void (*visit)(void *user, const struct predicted *predicted), void *user,
                 cancel_flag *cancel, struct err *err)
{
    predict->judge = judge;
    predict->now = gaps;
    predict->fitness_now = judge_fitness(judge, gaps);
    predict->visit = visit;
    predict->user = user;
    return slope_run(predict->slope, visit_matrix, predict, cancel, err);
}

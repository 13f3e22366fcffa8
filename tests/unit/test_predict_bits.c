/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Predictions for single bits by the formula, by those for their groups, and measured.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/goal.h"
#include "src/base/rng.h"
#include "tests/predict_fixture.h"
#include "tests/simple.h"
#include "tests/t.h"

enum { SOME_BITS = 8, MEASURED_BITS = 60 };

struct bits_checked {
    const struct predict_shown *all;
    const double *slopes; /* [2 * PREDICT_PROBES] expected */
    struct model *model;
    struct measure *targets;
    double before[PREDICT_PROBES];
    size_t matrix, rows; /* seen of it */
    double *groups;      /* [rows][groups] sums of each group's bits, of all matrices */
    size_t group_count;
    struct rng rng;
    double predicted[MEASURED_BITS], measured[MEASURED_BITS];
    size_t measured_count;
};

static double slow_bit(const struct bits_checked *checked, const struct gradient_visit *visit,
                       size_t row, size_t column)
{
    double sum = 0;
    for (size_t t = 0; t < visit->tokens; t++)
        sum += checked->slopes[visit->owners[t]] * (double)visit->dy[t * visit->rows + row] *
               (double)visit->x[t * visit->columns + column];
    return -2 * predict_fixture_weight(visit, row, column) * sum;
}

static void check_some_bits(struct bits_checked *checked, const struct gradient_visit *visit,
                            const struct predicted *predicted)
{
    double largest = 0;
    size_t units = (size_t)predicted->count * predicted->per_row;
    for (size_t i = 0; i < units; i++)
        largest = fmax(largest, fabs(predicted->change[i]));
    for (size_t i = 0; i < SOME_BITS; i++) {
        size_t at = (size_t)rng_below(&checked->rng, units);
        size_t row = predicted->first + at / visit->columns, column = at % visit->columns;
        struct flip flip = predicted_flip(predicted, at);
        assert_int_equal(flip.row, row);
        assert_int_equal(flip.group, column / 128);
        assert_true(flip.mask[column / 64 % 2] == UINT64_C(1) << column % 64);
        assert_true(flip.mask[1 - column / 64 % 2] == 0);
        assert_true(fabs(slow_bit(checked, visit, row, column) - predicted->change[at]) <
                    1e-5 * largest);
    }
}

static void take_bits(void *user, const struct predicted *predicted)
{
    struct bits_checked *checked = user;
    const struct gradient_visit *visit = &checked->all->list[checked->matrix];
    assert_int_equal(predicted->layer, visit->layer);
    assert_int_equal(predicted->proj, visit->proj);
    assert_int_equal(predicted->first, checked->rows);
    assert_int_equal(predicted->per_row, visit->columns);
    assert_true(predicted->count <= 64);
    check_some_bits(checked, visit, predicted);
    for (size_t i = 0; i < (size_t)predicted->count * predicted->per_row; i++)
        checked->groups[checked->group_count + i / 128] += predicted->change[i];
    checked->group_count += (size_t)predicted->count * predicted->per_row / 128;
    checked->rows += predicted->count;
    if (checked->rows == visit->rows) {
        checked->rows = 0;
        checked->matrix++;
    }
}

struct groups_checked {
    const struct bits_checked *bits;
    size_t count;
};

/* A group's share of an output is the sum of what its weights give. */
static void compare_groups(void *user, const struct predicted *predicted)
{
    struct groups_checked *checked = user;
    size_t units = (size_t)predicted->count * predicted->per_row;
    double largest = 0;
    for (size_t i = 0; i < units; i++)
        largest = fmax(largest, fabs(predicted->change[i]));
    for (size_t i = 0; i < units && predicted->proj != PROJ_GATE; i++) /* gate is not linear */
        assert_true(fabs(checked->bits->groups[checked->count + i] - predicted->change[i]) <
                    1e-3 * largest);
    checked->count += units;
}

/* Of one measure, whose fitness is the plain mean: what single flips measure. */
static void measure_bits(struct bits_checked *checked)
{
    double gaps[PREDICT_PROBES];
    for (size_t i = 0; i < MEASURED_BITS; i++) {
        const struct gradient_visit *visit = &checked->all->list[i % checked->all->count];
        size_t row = (size_t)rng_below(&checked->rng, visit->rows);
        size_t column = (size_t)rng_below(&checked->rng, visit->columns);
        struct flip flip = {visit->layer, visit->proj, (uint32_t)row, (int32_t)(column / 128),
                            {0, 0}};
        flip.mask[column % 128 / 64] = UINT64_C(1) << column % 64;
        model_flip(checked->model, &flip);
        predict_fixture_gaps(checked->targets, gaps);
        model_flip(checked->model, &flip);
        checked->predicted[i] = slow_bit(checked, visit, row, column);
        checked->measured[i] = 0;
        for (size_t p = 0; p < PREDICT_PROBES; p++)
            checked->measured[i] += (gaps[p] - checked->before[p]) / PREDICT_PROBES;
    }
}

static void run_predict(struct model *model, struct measure *targets,
                        struct measure *controls, enum granularity granularity,
                        const struct judge *judge, const double *now,
                        void (*visit)(void *user, const struct predicted *predicted), void *user)
{
    struct err err;
    static const int32_t layers[] = {0, 1};
    struct predict_options options = {layers, 2, (1u << PROJ_LAYER_COUNT) - 1, granularity, 2,
                                      1 << 30};
    struct predict *predict = predict_new(model, targets, controls, &options, &err);
    t_ok(predict != NULL, &err);
    t_ok(predict_run(predict, judge, now, visit, user, NULL, &err), &err);
    predict_free(predict);
}

static void predict__bits__by_formula_by_groups_and_measured(void **state)
{
    (void)state;
    struct err err;
    struct probe probes[PREDICT_PROBES];
    predict_fixture_probes(probes);
    struct model *model = simple_model(&predict_fixture_shape);
    struct measure *targets =
        predict_fixture_measure(model, probes, PREDICT_PROBES, METRIC_SEQ_LOGPROB);
    struct measure *none = predict_fixture_measure(model, probes, 0, METRIC_SEQ_LOGPROB);
    double now[PREDICT_PROBES], slopes[PREDICT_PROBES];
    predict_fixture_gaps(targets, now);
    for (size_t i = 0; i < PREDICT_PROBES; i++)
        slopes[i] = 1.0 / PREDICT_PROBES;
    struct goal goal = {.metric = METRIC_LOGPROB, .penalty = 2};
    struct judge judge = goal_judge(&goal, now, PREDICT_PROBES, 0);
    struct predict_shown all = {0};
    const struct measure *measures[] = {targets};
    struct slope *slope = slope_new(model, measures, 1, &(struct gradient_options){1, 0}, &err);
    t_ok(slope && slope_run(slope, predict_fixture_keep, &all, NULL, &err), &err);
    struct bits_checked checked = {.all = &all, .slopes = slopes, .model = model,
                                   .targets = targets,
                                   .groups = x_new(1 << 16, sizeof(double))};
    memcpy(checked.before, now, sizeof now);
    rng_seed(&checked.rng, 12);
    run_predict(model, targets, none, GRANULARITY_BIT, &judge, now, take_bits, &checked);
    assert_int_equal(checked.matrix, 14);
    struct groups_checked groups = {&checked, 0};
    run_predict(model, targets, none, GRANULARITY_GROUP, &judge, now, compare_groups, &groups);
    assert_int_equal(groups.count, checked.group_count);
    measure_bits(&checked);
    assert_true(predict_fixture_pearson(checked.predicted, checked.measured, MEASURED_BITS) > 0.98);
    free(checked.groups);
    predict_fixture_forget(&all);
    slope_free(slope);
    measure_free(targets);
    measure_free(none);
    model_free(model);
}

/* Hinges and caps: each probe's tokens count by the slope of the objective. */
static void predict__bits_with_controls__weighted_by_slope(void **state)
{
    (void)state;
    struct err err;
    struct probe probes[PREDICT_PROBES];
    predict_fixture_probes(probes);
    struct model *model = simple_model(&predict_fixture_shape);
    struct measure *targets =
        predict_fixture_measure(model, probes, PREDICT_PROBES, METRIC_LOGPROB);
    struct measure *controls =
        predict_fixture_measure(model, probes, PREDICT_PROBES, METRIC_LOGPROB);
    double now[2 * PREDICT_PROBES], before[2 * PREDICT_PROBES], slopes[2 * PREDICT_PROBES];
    predict_fixture_gaps(targets, now);
    predict_fixture_gaps(controls, now + PREDICT_PROBES);
    memcpy(before, now, sizeof now);
    before[PREDICT_PROBES] += 1;     /* lost since */
    before[PREDICT_PROBES + 1] -= 1; /* gained since */
    struct goal goal = {.metric = METRIC_LOGPROB, .control_metric = METRIC_SAME, .penalty = 3};
    struct judge judge = goal_judge(&goal, before, PREDICT_PROBES, PREDICT_PROBES);
    judge.target.cap = now[2];
    for (size_t i = 0; i < PREDICT_PROBES; i++) {
        slopes[i] = now[i] < now[2] ? 0.2 : now[i] > now[2] ? 0 : 0.1;
        slopes[PREDICT_PROBES + i] = i == 0 ? 0.6 : i == 1 ? 0 : 0.3;
    }
    struct predict_shown all = {0};
    const struct measure *measures[] = {targets, controls};
    struct slope *slope = slope_new(model, measures, 2, &(struct gradient_options){1, 0}, &err);
    t_ok(slope && slope_run(slope, predict_fixture_keep, &all, NULL, &err), &err);
    struct bits_checked checked = {.all = &all, .slopes = slopes,
                                   .groups = x_new(1 << 16, sizeof(double))};
    rng_seed(&checked.rng, 13);
    run_predict(model, targets, controls, GRANULARITY_BIT, &judge, now, take_bits, &checked);
    assert_int_equal(checked.matrix, 14);
    free(checked.groups);
    predict_fixture_forget(&all);
    slope_free(slope);
    measure_free(targets);
    measure_free(controls);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predict__bits__by_formula_by_groups_and_measured),
        cmocka_unit_test(predict__bits_with_controls__weighted_by_slope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

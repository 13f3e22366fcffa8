/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Derivatives of gaps against what single bits do to them, and predictions for rows and
 * groups against a slow computation from what the backward pass showed.
 */
#include <math.h>

#include "engine/search/goal.h"
#include "src/base/rng.h"
#include "tests/predict_fixture.h"
#include "tests/simple.h"
#include "tests/t.h"

enum { BITS = 60 };

/* ---- derivatives ------------------------------------------------------------------------ */

/* Predicted and measured changes of all gaps by one bit. */
static void try_bit(struct model *model, struct measure *measure,
                    const struct gradient_visit *visit, struct rng *rng, const double *before,
                    double *predicted, double *measured)
{
    size_t row = (size_t)rng_below(rng, visit->rows);
    size_t column = (size_t)rng_below(rng, visit->columns);
    struct flip flip = {visit->layer, visit->proj, (uint32_t)row, (int32_t)(column / 128), {0, 0}};
    flip.mask[column % 128 / 64] = UINT64_C(1) << column % 64;
    double w = predict_fixture_weight(visit, row, column);
    model_flip(model, &flip);
    predict_fixture_gaps(measure, measured);
    model_flip(model, &flip);
    for (size_t i = 0; i < PREDICT_PROBES; i++) {
        predicted[i] = 0;
        measured[i] -= before[i];
    }
    for (size_t t = 0; t < visit->tokens; t++)
        predicted[visit->owners[t]] -= 2 * w * (double)visit->dy[t * visit->rows + row] *
                                       (double)visit->x[t * visit->columns + column];
}

static void slope__every_metric__what_single_bits_do(void **state)
{
    (void)state;
    struct err err;
    struct probe probes[PREDICT_PROBES];
    predict_fixture_probes(probes);
    for (int m = 0; m < METRIC_COUNT; m++) {
        struct model *model = simple_model(&predict_fixture_shape);
        struct measure *measure =
            predict_fixture_measure(model, probes, PREDICT_PROBES, (enum metric)m);
        for (uint32_t row = 0; row < 12; row++) /* away from kl's base */
            model_flip(model, &(struct flip){0, PROJ_UP, row, FLIP_WHOLE_ROW, {0, 0}});
        const struct measure *measures[] = {measure};
        struct slope *slope = slope_new(model, measures, 1, &(struct gradient_options){2, 0}, &err);
        t_ok(slope != NULL, &err);
        assert_int_equal(slope_owners(slope), PREDICT_PROBES);
        struct predict_shown all = {0};
        t_ok(slope_run(slope, predict_fixture_keep, &all, NULL, &err), &err);
        assert_int_equal(all.count, 14);
        double before[PREDICT_PROBES];
        double predicted[BITS * PREDICT_PROBES], measured[BITS * PREDICT_PROBES];
        predict_fixture_gaps(measure, before);
        struct rng rng;
        rng_seed(&rng, 5);
        for (size_t i = 0; i < BITS; i++)
            try_bit(model, measure, &all.list[i % all.count], &rng, before,
                    predicted + i * PREDICT_PROBES, measured + i * PREDICT_PROBES);
        double r = predict_fixture_pearson(predicted, measured, (size_t)BITS * PREDICT_PROBES);
        if (!(r > 0.98))
            fail_msg("%s: correlation %g", metric_name((enum metric)m), r);
        predict_fixture_forget(&all);
        slope_free(slope);
        measure_free(measure);
        model_free(model);
    }
}

/* ---- predictions against a slow computation -------------------------------------------- */

struct checked {
    const struct predict_shown *all;
    const struct judge *judge;
    const double *now;
    size_t matrices;
    bool by_group;
};

static double silu(double x)
{
    return x / (1 + exp(-x));
}

/* Change of an owner's gap at one token when the group's (or row's) share turns over. */
static double slow_token(const struct gradient_visit *visit, size_t t, size_t row, double share)
{
    size_t at = t * visit->rows + row;
    double g = (double)visit->y[at], dy = (double)visit->dy[at];
    if (visit->proj != PROJ_GATE)
        return -2 * share * dy;
    double s = 1 / (1 + exp(-g)), slope = s * (1 + g * (1 - s));
    return dy / slope * (silu(g - 2 * share) - silu(g));
}

static double slow_change(const struct checked *checked, const struct gradient_visit *visit,
                          size_t row, size_t group)
{
    double gaps[2 * PREDICT_PROBES];
    memcpy(gaps, checked->now, sizeof gaps);
    for (size_t t = 0; t < visit->tokens; t++) {
        double share = 0;
        for (size_t i = 0; checked->by_group && i < 128; i++)
            share += predict_fixture_weight(visit, row, group * 128 + i) *
                     (double)visit->x[t * visit->columns + group * 128 + i];
        gaps[visit->owners[t]] += checked->by_group
                                      ? slow_token(visit, t, row, share)
                                      : (double)visit->negated[t * visit->rows + row];
    }
    /* targets, then controls, by the words of judge.h */
    double gain = 0, loss = 0, cap = checked->judge->target.cap;
    for (size_t i = 0; i < PREDICT_PROBES; i++) {
        double kept = fmin(checked->judge->before[PREDICT_PROBES + i], cap);
        gain += fmin(gaps[i], cap) - fmin(checked->now[i], cap);
        loss += fmax(0, kept - fmin(gaps[PREDICT_PROBES + i], cap)) -
                fmax(0, kept - fmin(checked->now[PREDICT_PROBES + i], cap));
    }
    return gain / PREDICT_PROBES - checked->judge->penalty * loss / PREDICT_PROBES;
}

static void check_matrix(void *user, const struct predicted *predicted)
{
    struct checked *checked = user;
    const struct gradient_visit *visit = &checked->all->list[checked->matrices++];
    uint32_t per_row = checked->by_group ? visit->columns / 128 : 1;
    assert_int_equal(predicted->layer, visit->layer);
    assert_int_equal(predicted->proj, visit->proj);
    assert_int_equal(predicted->rows, visit->rows);
    assert_int_equal(predicted->per_row, per_row);
    double largest = 0;
    for (size_t i = 0; i < (size_t)predicted->rows * per_row; i++)
        largest = fmax(largest, fabs(predicted->change[i]));
    assert_true(largest > 0);
    for (size_t row = 0; row < predicted->rows; row += 7)
        for (size_t group = 0; group < per_row; group++) {
            double slow = slow_change(checked, visit, row, group);
            double fast = predicted->change[row * per_row + group];
            if (!(fabs(slow - fast) < 2e-3 * largest))
                fail_msg("%s row %zu group %zu: %g, expected %g", proj_name(predicted->proj), row,
                         group, fast, slow);
        }
}

static void predict__rows_and_groups__as_computed_slowly(void **state)
{
    (void)state;
    struct err err;
    static const int32_t layers[] = {0, 1};
    struct probe probes[PREDICT_PROBES];
    predict_fixture_probes(probes);
    static const enum metric metrics[] = {METRIC_SEQ_LOGPROB, METRIC_SOFT_MARGIN};
    for (size_t run = 0; run < 4; run++) {
        enum metric metric = metrics[run / 2];
        struct model *model = simple_model(&predict_fixture_shape);
        struct measure *targets = predict_fixture_measure(model, probes, PREDICT_PROBES, metric);
        struct measure *controls = predict_fixture_measure(model, probes, PREDICT_PROBES, metric);
        double before[2 * PREDICT_PROBES], now[2 * PREDICT_PROBES];
        predict_fixture_gaps(targets, before);
        predict_fixture_gaps(controls, before + PREDICT_PROBES);
        model_flip(model, &(struct flip){1, PROJ_O, 3, FLIP_WHOLE_ROW, {0, 0}});
        predict_fixture_gaps(targets, now);
        predict_fixture_gaps(controls, now + PREDICT_PROBES);
        struct goal goal = {.metric = metric, .control_metric = METRIC_SAME, .penalty = 2};
        struct judge judge = goal_judge(&goal, before, PREDICT_PROBES, PREDICT_PROBES);
        struct predict_shown all = {0};
        const struct measure *measures[] = {targets, controls};
        struct slope *slope = slope_new(model, measures, 2, &(struct gradient_options){1, 0}, &err);
        t_ok(slope && slope_run(slope, predict_fixture_keep, &all, NULL, &err), &err);
        struct checked checked = {&all, &judge, now, 0, run % 2 == 1};
        struct predict_options options = {
            layers, 2, (1u << PROJ_LAYER_COUNT) - 1,
            checked.by_group ? GRANULARITY_GROUP : GRANULARITY_ROW, 2,
            1 << 30};
        struct predict *predict = predict_new(model, targets, controls, &options, &err);
        t_ok(predict != NULL, &err);
        t_ok(predict_run(predict, &judge, now, check_matrix, &checked, NULL, &err), &err);
        assert_int_equal(checked.matrices, 14);
        predict_free(predict);
        predict_fixture_forget(&all);
        slope_free(slope);
        measure_free(targets);
        measure_free(controls);
        model_free(model);
    }
}

/* ---- threads, cancelling, refusing ----------------------------------------------------- */

static void add_change(void *user, const struct predicted *predicted)
{
    uint64_t *hash = user;
    for (size_t i = 0; i < (size_t)predicted->count * predicted->per_row; i++) {
        uint64_t bits = 0;
        memcpy(&bits, &predicted->change[i], sizeof bits);
        *hash = rng_mix(*hash ^ bits);
    }
}

static void predict__any_threads__same_bits(void **state)
{
    (void)state;
    struct err err;
    static const int32_t layers[] = {1};
    struct probe probes[PREDICT_PROBES];
    predict_fixture_probes(probes);
    struct model *model = simple_model(&predict_fixture_shape);
    struct measure *targets = predict_fixture_measure(model, probes, 3, METRIC_LOGPROB);
    struct measure *controls = predict_fixture_measure(model, probes + 3, 2, METRIC_MARGIN);
    double gaps[PREDICT_PROBES];
    predict_fixture_gaps(targets, gaps);
    predict_fixture_gaps(controls, gaps + 3);
    struct goal goal = {.metric = METRIC_LOGPROB, .control_metric = METRIC_MARGIN,
                        .fitness = FITNESS_MIN, .penalty = 1};
    struct judge judge = goal_judge(&goal, gaps, 3, 2);
    for (int g = 0; g < GRANULARITY_COUNT; g++) {
        uint64_t hashes[3] = {0};
        for (int threads = 1; threads <= 3; threads++) {
            struct predict_options options = {layers, 1, 1u << PROJ_GATE | 1u << PROJ_K,
                                              (enum granularity)g, threads,
                                              1 << 30};
            struct predict *predict = predict_new(model, targets, controls, &options, &err);
            t_ok(predict != NULL, &err);
            cancel_flag cancel = true;
            assert_false(predict_run(predict, &judge, gaps, add_change, &hashes[threads - 1],
                                     &cancel, &err));
            assert_int_equal(err.code, ERR_CANCELLED);
            hashes[threads - 1] = 0;
            t_ok(predict_run(predict, &judge, gaps, add_change, &hashes[threads - 1], NULL, &err),
                 &err);
            predict_free(predict);
        }
        assert_true(hashes[0] == hashes[1] && hashes[1] == hashes[2] && hashes[0] != 0);
    }
    measure_free(targets);
    measure_free(controls);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slope__every_metric__what_single_bits_do),
        cmocka_unit_test(predict__rows_and_groups__as_computed_slowly),
        cmocka_unit_test(predict__any_threads__same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

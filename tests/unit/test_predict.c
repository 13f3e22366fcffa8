/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Derivatives of gaps against what single bits do to them, and predictions for rows and
 * groups against a slow computation from what the backward pass showed.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/goal.h"
#include "engine/search/predict.h"
#include "src/base/rng.h"
#include "tests/simple.h"
#include "tests/t.h"

enum { PROBES = 5, MATRICES_MAX = 32, BITS = 60 };

static const struct tiny shape = {.layers = 2, .width = 256, .ffn = 384, .heads = 4,
                                  .kv_heads = 2, .head_dim = 64, .vocab = 260, .seed = 21};

static void byte_probes(struct probe *out)
{
    out[0] = simple_probe("2+2=", "4", "5");
    out[1] = simple_probe("the cat", " sat on it", " flew");
    out[2] = simple_probe("abc", "defg", "h");
    out[3] = simple_probe("abcd", "x\ny", "xy");
    out[4] = simple_probe("q", "longer than its prompt", "z");
}

static struct measure *measure_of(struct model *model, const struct probe *probes, size_t count,
                                  enum metric metric)
{
    struct err err;
    const struct probe *list[PROBES];
    struct measure_options options = {.metric = metric, .threads = 2};
    for (size_t i = 0; i < count; i++)
        list[i] = &probes[i];
    struct measure *measure = measure_new(model, list, count, &options, &err);
    t_ok(measure != NULL, &err);
    t_ok(measure_set_base(measure, NULL, &err), &err);
    return measure;
}

static void gaps_of(struct measure *measure, double *gaps)
{
    struct err err;
    t_ok(measure_run(measure, gaps, NULL, &err), &err);
}

/* ---- what the backward pass showed ------------------------------------------------- */

struct shown {
    struct gradient_visit visit; /* arrays are copies, but blocks */
};

struct all_shown {
    struct shown list[MATRICES_MAX];
    size_t count;
};

static void *copied(const void *from, size_t bytes)
{
    void *to = x_new(bytes, 1);
    memcpy(to, from, bytes);
    return to;
}

static void keep(void *user, const struct gradient_visit *visit)
{
    struct all_shown *all = user;
    if (visit->proj >= PROJ_LAYER_COUNT)
        return;
    assert_true(all->count < MATRICES_MAX);
    struct gradient_visit *to = &all->list[all->count++].visit;
    size_t outputs = visit->tokens * visit->rows * sizeof(float);
    *to = *visit;
    to->owners = copied(visit->owners, visit->tokens * sizeof *visit->owners);
    to->x = copied(visit->x, visit->tokens * visit->columns * sizeof(float));
    to->y = copied(visit->y, outputs);
    to->dy = copied(visit->dy, outputs);
    to->negated = copied(visit->negated, outputs);
}

static void forget(struct all_shown *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free((void *)(uintptr_t)all->list[i].visit.owners);
        free((void *)(uintptr_t)all->list[i].visit.x);
        free((void *)(uintptr_t)all->list[i].visit.y);
        free((void *)(uintptr_t)all->list[i].visit.dy);
        free((void *)(uintptr_t)all->list[i].visit.negated);
    }
    all->count = 0;
}

static double weight(const struct gradient_visit *visit, size_t row, size_t column)
{
    const uint8_t *block = visit->blocks + (row * (visit->columns / 128) + column / 128) * 18;
    uint32_t half = (uint32_t)block[0] | (uint32_t)block[1] << 8, i = column % 128;
    double scale = ldexp(1024 + (half & 1023), (int)(half >> 10 & 31) - 25);
    return block[2 + i / 8] >> i % 8 & 1 ? scale : -scale;
}

/* ---- derivatives ------------------------------------------------------------------------ */

static double pearson(const double *a, const double *b, size_t n)
{
    double sums[5] = {0};
    for (size_t i = 0; i < n; i++) {
        sums[0] += a[i];
        sums[1] += b[i];
        sums[2] += a[i] * a[i];
        sums[3] += b[i] * b[i];
        sums[4] += a[i] * b[i];
    }
    double count = (double)n;
    return (sums[4] - sums[0] * sums[1] / count) /
           sqrt((sums[2] - sums[0] * sums[0] / count) * (sums[3] - sums[1] * sums[1] / count));
}

/* Predicted and measured changes of all gaps by one bit. */
static void try_bit(struct model *model, struct measure *measure,
                    const struct gradient_visit *visit, struct rng *rng, const double *before,
                    double *predicted, double *measured)
{
    size_t row = (size_t)rng_below(rng, visit->rows);
    size_t column = (size_t)rng_below(rng, visit->columns);
    struct flip flip = {visit->layer, visit->proj, (uint32_t)row, (int32_t)(column / 128), {0, 0}};
    flip.mask[column % 128 / 64] = UINT64_C(1) << column % 64;
    double w = weight(visit, row, column);
    model_flip(model, &flip);
    gaps_of(measure, measured);
    model_flip(model, &flip);
    for (size_t i = 0; i < PROBES; i++) {
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
    struct probe probes[PROBES];
    byte_probes(probes);
    for (int m = 0; m < METRIC_COUNT; m++) {
        struct model *model = simple_model(&shape);
        struct measure *measure = measure_of(model, probes, PROBES, (enum metric)m);
        for (uint32_t row = 0; row < 12; row++) /* away from kl's base */
            model_flip(model, &(struct flip){0, PROJ_UP, row, FLIP_WHOLE_ROW, {0, 0}});
        const struct measure *measures[] = {measure};
        struct slope *slope = slope_new(model, measures, 1, 2, &err);
        t_ok(slope != NULL, &err);
        assert_int_equal(slope_owners(slope), PROBES);
        struct all_shown all = {0};
        t_ok(slope_run(slope, keep, &all, NULL, &err), &err);
        assert_int_equal(all.count, 14);
        double before[PROBES], predicted[BITS * PROBES], measured[BITS * PROBES];
        gaps_of(measure, before);
        struct rng rng;
        rng_seed(&rng, 5);
        for (size_t i = 0; i < BITS; i++)
            try_bit(model, measure, &all.list[i % all.count].visit, &rng, before,
                    predicted + i * PROBES, measured + i * PROBES);
        double r = pearson(predicted, measured, (size_t)BITS * PROBES);
        if (!(r > 0.98))
            fail_msg("%s: correlation %g", metric_name((enum metric)m), r);
        forget(&all);
        slope_free(slope);
        measure_free(measure);
        model_free(model);
    }
}

/* ---- predictions against a slow computation -------------------------------------------- */

struct checked {
    const struct all_shown *all;
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
    double gaps[2 * PROBES];
    memcpy(gaps, checked->now, sizeof gaps);
    for (size_t t = 0; t < visit->tokens; t++) {
        double share = 0;
        for (size_t i = 0; checked->by_group && i < 128; i++)
            share += weight(visit, row, group * 128 + i) *
                     (double)visit->x[t * visit->columns + group * 128 + i];
        gaps[visit->owners[t]] += checked->by_group
                                      ? slow_token(visit, t, row, share)
                                      : (double)visit->negated[t * visit->rows + row];
    }
    /* targets, then controls, by the words of judge.h */
    double gain = 0, loss = 0, cap = checked->judge->target.cap;
    for (size_t i = 0; i < PROBES; i++) {
        double kept = fmin(checked->judge->before[PROBES + i], cap);
        gain += fmin(gaps[i], cap) - fmin(checked->now[i], cap);
        loss += fmax(0, kept - fmin(gaps[PROBES + i], cap)) -
                fmax(0, kept - fmin(checked->now[PROBES + i], cap));
    }
    return gain / PROBES - checked->judge->penalty * loss / PROBES;
}

static void check_matrix(void *user, const struct predicted *predicted)
{
    struct checked *checked = user;
    const struct gradient_visit *visit = &checked->all->list[checked->matrices++].visit;
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
    struct probe probes[PROBES];
    byte_probes(probes);
    static const enum metric metrics[] = {METRIC_SEQ_LOGPROB, METRIC_SOFT_MARGIN};
    for (size_t run = 0; run < 4; run++) {
        enum metric metric = metrics[run / 2];
        struct model *model = simple_model(&shape);
        struct measure *targets = measure_of(model, probes, PROBES, metric);
        struct measure *controls = measure_of(model, probes, PROBES, metric);
        double before[2 * PROBES], now[2 * PROBES];
        gaps_of(targets, before);
        gaps_of(controls, before + PROBES);
        model_flip(model, &(struct flip){1, PROJ_O, 3, FLIP_WHOLE_ROW, {0, 0}});
        gaps_of(targets, now);
        gaps_of(controls, now + PROBES);
        struct goal goal = {.metric = metric, .control_metric = METRIC_SAME, .penalty = 2};
        struct judge judge = goal_judge(&goal, before, PROBES, PROBES);
        struct all_shown all = {0};
        const struct measure *measures[] = {targets, controls};
        struct slope *slope = slope_new(model, measures, 2, 1, &err);
        t_ok(slope && slope_run(slope, keep, &all, NULL, &err), &err);
        struct checked checked = {&all, &judge, now, 0, run % 2 == 1};
        struct predict_options options = {
            layers, 2, (1u << PROJ_LAYER_COUNT) - 1,
            checked.by_group ? GRANULARITY_GROUP : GRANULARITY_ROW, 2};
        struct predict *predict = predict_new(model, targets, controls, &options, &err);
        t_ok(predict != NULL, &err);
        t_ok(predict_run(predict, &judge, now, check_matrix, &checked, NULL, &err), &err);
        assert_int_equal(checked.matrices, 14);
        predict_free(predict);
        forget(&all);
        slope_free(slope);
        measure_free(targets);
        measure_free(controls);
        model_free(model);
    }
}

/* ---- bits ---------------------------------------------------------------------------------- */

enum { SOME_BITS = 8, MEASURED_BITS = 60 };

struct bits_checked {
    const struct all_shown *all;
    const double *slopes; /* [2 * PROBES] expected */
    struct model *model;
    struct measure *targets;
    double before[PROBES];
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
    return -2 * weight(visit, row, column) * sum;
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
    const struct gradient_visit *visit = &checked->all->list[checked->matrix].visit;
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
    double gaps[PROBES];
    for (size_t i = 0; i < MEASURED_BITS; i++) {
        const struct gradient_visit *visit = &checked->all->list[i % checked->all->count].visit;
        size_t row = (size_t)rng_below(&checked->rng, visit->rows);
        size_t column = (size_t)rng_below(&checked->rng, visit->columns);
        struct flip flip = {visit->layer, visit->proj, (uint32_t)row, (int32_t)(column / 128),
                            {0, 0}};
        flip.mask[column % 128 / 64] = UINT64_C(1) << column % 64;
        model_flip(checked->model, &flip);
        gaps_of(checked->targets, gaps);
        model_flip(checked->model, &flip);
        checked->predicted[i] = slow_bit(checked, visit, row, column);
        checked->measured[i] = 0;
        for (size_t p = 0; p < PROBES; p++)
            checked->measured[i] += (gaps[p] - checked->before[p]) / PROBES;
    }
}

static void run_predict(struct model *model, struct measure *targets,
                        struct measure *controls, enum granularity granularity,
                        const struct judge *judge, const double *now,
                        void (*visit)(void *user, const struct predicted *predicted), void *user)
{
    struct err err;
    static const int32_t layers[] = {0, 1};
    struct predict_options options = {layers, 2, (1u << PROJ_LAYER_COUNT) - 1, granularity, 2};
    struct predict *predict = predict_new(model, targets, controls, &options, &err);
    t_ok(predict != NULL, &err);
    t_ok(predict_run(predict, judge, now, visit, user, NULL, &err), &err);
    predict_free(predict);
}

static void predict__bits__by_formula_by_groups_and_measured(void **state)
{
    (void)state;
    struct err err;
    struct probe probes[PROBES];
    byte_probes(probes);
    struct model *model = simple_model(&shape);
    struct measure *targets = measure_of(model, probes, PROBES, METRIC_SEQ_LOGPROB);
    struct measure *none = measure_of(model, probes, 0, METRIC_SEQ_LOGPROB);
    double now[PROBES], slopes[PROBES];
    gaps_of(targets, now);
    for (size_t i = 0; i < PROBES; i++)
        slopes[i] = 1.0 / PROBES;
    struct goal goal = {.metric = METRIC_LOGPROB, .penalty = 2};
    struct judge judge = goal_judge(&goal, now, PROBES, 0);
    struct all_shown all = {0};
    const struct measure *measures[] = {targets};
    struct slope *slope = slope_new(model, measures, 1, 1, &err);
    t_ok(slope && slope_run(slope, keep, &all, NULL, &err), &err);
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
    assert_true(pearson(checked.predicted, checked.measured, MEASURED_BITS) > 0.98);
    free(checked.groups);
    forget(&all);
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
    struct probe probes[PROBES];
    byte_probes(probes);
    struct model *model = simple_model(&shape);
    struct measure *targets = measure_of(model, probes, PROBES, METRIC_LOGPROB);
    struct measure *controls = measure_of(model, probes, PROBES, METRIC_LOGPROB);
    double now[2 * PROBES], before[2 * PROBES], slopes[2 * PROBES];
    gaps_of(targets, now);
    gaps_of(controls, now + PROBES);
    memcpy(before, now, sizeof now);
    before[PROBES] += 1;     /* lost since */
    before[PROBES + 1] -= 1; /* gained since */
    struct goal goal = {.metric = METRIC_LOGPROB, .control_metric = METRIC_SAME, .penalty = 3};
    struct judge judge = goal_judge(&goal, before, PROBES, PROBES);
    judge.target.cap = now[2];
    for (size_t i = 0; i < PROBES; i++) {
        slopes[i] = now[i] < now[2] ? 0.2 : now[i] > now[2] ? 0 : 0.1;
        slopes[PROBES + i] = i == 0 ? 0.6 : i == 1 ? 0 : 0.3;
    }
    struct all_shown all = {0};
    const struct measure *measures[] = {targets, controls};
    struct slope *slope = slope_new(model, measures, 2, 1, &err);
    t_ok(slope && slope_run(slope, keep, &all, NULL, &err), &err);
    struct bits_checked checked = {.all = &all, .slopes = slopes,
                                   .groups = x_new(1 << 16, sizeof(double))};
    rng_seed(&checked.rng, 13);
    run_predict(model, targets, controls, GRANULARITY_BIT, &judge, now, take_bits, &checked);
    assert_int_equal(checked.matrix, 14);
    free(checked.groups);
    forget(&all);
    slope_free(slope);
    measure_free(targets);
    measure_free(controls);
    model_free(model);
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
    struct probe probes[PROBES];
    byte_probes(probes);
    struct model *model = simple_model(&shape);
    struct measure *targets = measure_of(model, probes, 3, METRIC_LOGPROB);
    struct measure *controls = measure_of(model, probes + 3, 2, METRIC_MARGIN);
    double gaps[PROBES];
    gaps_of(targets, gaps);
    gaps_of(controls, gaps + 3);
    struct goal goal = {.metric = METRIC_LOGPROB, .control_metric = METRIC_MARGIN,
                        .fitness = FITNESS_MIN, .penalty = 1};
    struct judge judge = goal_judge(&goal, gaps, 3, 2);
    for (int g = 0; g < GRANULARITY_COUNT; g++) {
        uint64_t hashes[3] = {0};
        for (int threads = 1; threads <= 3; threads++) {
            struct predict_options options = {layers, 1, 1u << PROJ_GATE | 1u << PROJ_K,
                                              (enum granularity)g, threads};
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

/* ---- the best, the objective ------------------------------------------------------------ */

static void best__random_offers__as_sorted(void **state)
{
    (void)state;
    struct promise all[500];
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < countof(all); i++)
        all[i] = (struct promise){{(int32_t)rng_below(&rng, 4), PROJ_Q, (uint32_t)i,
                                   FLIP_WHOLE_ROW, {0, 0}},
                                  (double)rng_below(&rng, 60) / 10 - 3};
    for (size_t capacity = 0; capacity <= 600; capacity += 60) {
        struct best best;
        best_init(&best, capacity);
        for (size_t i = 0; i < countof(all); i++)
            if (best_wants(&best, all[i].change))
                best_offer(&best, &all[i]);
        best_sort(&best);
        struct promise sorted[countof(all)];
        memcpy(sorted, all, sizeof all);
        qsort(sorted, countof(all), sizeof *sorted, promise_compare);
        assert_int_equal(best.count, capacity < countof(all) ? capacity : countof(all));
        for (size_t i = 0; i < best.count; i++)
            assert_true(flip_equal(&best.heap[i].flip, &sorted[i].flip));
        best_free(&best);
    }
}

static void judge__caps_and_hinge__by_hand(void **state)
{
    (void)state;
    static const double before[] = {1, -2, 3, 1}, now[] = {2, -1, 1, 0.25};
    /* targets 1 -> 2 counts to 1.5, -2 -> -1; controls 3 -> 1 from 1.5 on, 1 -> 0.25 */
    struct goal goal = {.metric = METRIC_SOFT_MARGIN, .control_metric = METRIC_SAME,
                        .penalty = 2};
    struct judge judge = goal_judge(&goal, before, 2, 2);
    assert_true(fabs(judge_fitness(&judge, now) - (1.5 / 2 - 2 * 1.25 / 2)) < 1e-15);
    goal.fitness = FITNESS_MIN;
    judge = goal_judge(&goal, before, 2, 2);
    assert_true(fabs(judge_fitness(&judge, now) - (0.5 - 1.25)) < 1e-15);
    double slope[4]; /* the first target alone is the smallest gain, and above its cap */
    judge_slope(&judge, now, slope);
    assert_true(slope[0] == 0 && slope[1] == 0 && slope[2] == 1 && slope[3] == 1);
    goal.fitness = FITNESS_MEAN;
    judge = goal_judge(&goal, before, 2, 2);
    judge_slope(&judge, now, slope);
    assert_true(slope[0] == 0 && slope[1] == 0.5 && slope[2] == 1 && slope[3] == 1);
    judge_slope(&judge, before, slope); /* controls: 3 is above its cap, 1 where it was */
    assert_true(slope[0] == 0.5 && slope[1] == 0.5 && slope[2] == 0 && slope[3] == 0.5);
    goal.fitness = FITNESS_MIN; /* both gained nothing */
    judge = goal_judge(&goal, before, 2, 2);
    judge_slope(&judge, before, slope);
    assert_true(slope[0] == 0.5 && slope[1] == 0.5);
    goal.metric = METRIC_LOGPROB;
    judge = goal_judge(&goal, before, 2, 2);
    assert_true(fabs(judge_fitness(&judge, now) - (1 - 2.75)) < 1e-15);
    assert_true(fabs(logits_soft_min(1, 1, 0.3) - (1 - 0.3 * log(2))) < 1e-15);
    assert_true(logits_soft_min(HUGE_VAL, 1, 0.3) == 1 && logits_soft_min(-5, 90, 0.3) == -5);
}

static void judge__weights__means_of_those_that_have_one(void **state)
{
    (void)state;
    static const double before[] = {0, 0, 0, 5, 5}, now[] = {1, 4, -8, 3, 9};
    static const double weights[] = {1, 3, 0, 1, 3}, first[] = {2, 0, 0, 0, 0};
    struct goal goal = {.metric = METRIC_LOGPROB, .control_metric = METRIC_SAME, .penalty = 2};
    struct judge judge = goal_judge(&goal, before, 3, 2);
    judge.weights = weights;
    /* (1 * 1 + 3 * 4) / 4 - 2 * (1 * 2) / 4 */
    assert_true(fabs(judge_fitness(&judge, now) - 2.25) < 1e-15);
    goal.fitness = FITNESS_MIN;
    judge = goal_judge(&goal, before, 3, 2);
    judge.weights = weights;
    assert_true(fabs(judge_targets(&judge, now) - 1) < 1e-15);
    judge.weights = first;
    assert_true(fabs(judge_fitness(&judge, now) - 1) < 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge__weights__means_of_those_that_have_one),
        cmocka_unit_test(slope__every_metric__what_single_bits_do),
        cmocka_unit_test(predict__rows_and_groups__as_computed_slowly),
        cmocka_unit_test(predict__bits__by_formula_by_groups_and_measured),
        cmocka_unit_test(predict__bits_with_controls__weighted_by_slope),
        cmocka_unit_test(predict__any_threads__same_bits),
        cmocka_unit_test(best__random_offers__as_sorted),
        cmocka_unit_test(judge__caps_and_hinge__by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Predictions for head and embedding against what measuring says of the same flips.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/predict.h"
#include "src/base/rng.h"
#include "tests/simple.h"
#include "tests/t.h"

enum { PROBES = 5, VOCAB = 260, WIDTH = 256, SAMPLES = 60 };

static struct tiny shape(bool tied)
{
    return (struct tiny){.layers = 2, .width = WIDTH, .ffn = 384, .heads = 4, .kv_heads = 2,
                         .head_dim = 64, .vocab = VOCAB, .tied = tied, .seed = 22};
}

/* A model, probes, and what was predicted of one matrix. */
struct scene {
    struct model *model;
    struct measure *targets, *none;
    struct judge judge;
    double now[PROBES];
    enum proj proj; /* that was shown */
    double *change; /* [units] */
    size_t units, shown;
};

static struct measure *measure_of(struct model *model, size_t count, enum metric metric)
{
    struct err err;
    struct probe probes[PROBES];
    const struct probe *list[PROBES];
    probes[0] = simple_probe("2+2=", "4", "5");
    probes[1] = simple_probe("the cat", " sat on it", " flew");
    probes[2] = simple_probe("abc", "defg", "h");
    probes[3] = simple_probe("abcd", "x\ny", "xy");
    probes[4] = simple_probe("q", "longer than its prompt", "z");
    for (size_t i = 0; i < PROBES; i++)
        list[i] = &probes[i];
    struct measure_options options = {.metric = metric, .threads = 1, .keep_bytes = 64 << 20};
    struct measure *measure = measure_new(model, list, count, &options, &err);
    t_ok(measure != NULL, &err);
    t_ok(measure_set_base(measure, NULL, &err), &err);
    return measure;
}

static struct scene scene_of(bool tied, enum metric metric)
{
    struct err err;
    struct tiny tiny = shape(tied);
    struct scene scene = {.model = simple_model(&tiny)};
    scene.targets = measure_of(scene.model, PROBES, metric);
    scene.none = measure_of(scene.model, 0, metric);
    for (uint32_t row = 0; row < 12; row++) /* away from kl's base */
        model_flip(scene.model, &(struct flip){0, PROJ_UP, row, FLIP_WHOLE_ROW, {0, 0}});
    t_ok(measure_run(scene.targets, scene.now, NULL, &err), &err);
    return scene;
}

static void end(struct scene *scene)
{
    free(scene->change);
    measure_free(scene->targets);
    measure_free(scene->none);
    model_free(scene->model);
}

static void take(void *user, const struct predicted *predicted)
{
    struct scene *scene = user;
    assert_int_equal(predicted->layer, NO_LAYER);
    assert_int_equal(predicted->rows, VOCAB);
    size_t count = (size_t)predicted->count * predicted->per_row;
    size_t units = (size_t)predicted->rows * predicted->per_row;
    if (predicted->first == 0) {
        assert_int_equal(scene->units, 0);
        scene->change = x_new(units, sizeof *scene->change);
        scene->proj = predicted->proj;
        scene->units = units;
    }
    assert_int_equal(scene->shown, (size_t)predicted->first * predicted->per_row);
    memcpy(scene->change + scene->shown, predicted->change, count * sizeof *scene->change);
    scene->shown += count;
}

static void predict_all(struct scene *scene, enum proj proj, enum granularity granularity)
{
    struct err err;
    struct predict_options options = {NULL, 0, 1u << proj, granularity, 2,
                                      1 << 30};
    scene->judge = (struct judge){.before = scene->now, .target_count = PROBES, .mean = 1,
                                  .target = {1, HUGE_VAL, 0}};
    free(scene->change);
    scene->change = NULL;
    scene->units = scene->shown = 0;
    struct predict *predict =
        predict_new(scene->model, scene->targets, scene->none, &options, &err);
    t_ok(predict != NULL, &err);
    t_ok(predict_run(predict, &scene->judge, scene->now, take, scene, NULL, &err), &err);
    predict_free(predict);
    assert_int_equal(scene->shown, scene->units);
    assert_int_equal(scene->units, predict_units(scene->model, &options, NULL));
}

enum { AT_ONCE = 64 };

static void measure_some(struct scene *scene, const struct flip *flips, size_t count, double *out)
{
    struct err err;
    double gaps[AT_ONCE * PROBES];
    t_ok(measure_try(scene->targets, flips, count, gaps, NULL, &err), &err);
    for (size_t f = 0; f < count; f++) {
        out[f] = 0;
        for (size_t i = 0; i < PROBES; i++)
            out[f] += (gaps[f * PROBES + i] - scene->now[i]) / PROBES;
    }
}

static void measure_all(struct scene *scene, const struct flip *flips, size_t count, double *out)
{
    size_t most = measure_at_once(scene->targets);
    most = most < AT_ONCE ? most : AT_ONCE;
    for (size_t i = 0; i < count; i += most)
        measure_some(scene, flips + i, count - i < most ? count - i : most, out + i);
}

static struct flip unit_flip(const struct scene *scene, enum granularity granularity, size_t unit)
{
    uint32_t per_row = (uint32_t)(scene->units / VOCAB);
    struct flip flip = {NO_LAYER, scene->proj, (uint32_t)(unit / per_row), FLIP_WHOLE_ROW, {0, 0}};
    size_t at = unit % per_row;
    if (granularity == GRANULARITY_GROUP) {
        flip.group = (int32_t)at;
        flip.mask[0] = flip.mask[1] = UINT64_MAX;
    } else if (granularity == GRANULARITY_BIT) {
        flip.group = (int32_t)(at / 128);
        flip.mask[at % 128 / 64] = UINT64_C(1) << at % 64;
    }
    return flip;
}

/* ---- the head: as measured --------------------------------------------------------------- */

static void compare_all(struct scene *scene, enum granularity granularity, size_t stride)
{
    struct flip flips[VOCAB];
    double exact[VOCAB], largest = 0;
    size_t count = 0;
    for (size_t unit = 0; unit < scene->units; unit += stride)
        flips[count++] = unit_flip(scene, granularity, unit);
    measure_all(scene, flips, count, exact);
    for (size_t i = 0; i < count; i++) {
        double predicted = scene->change[i * stride];
        largest = fmax(largest, fabs(exact[i]));
        if (!(fabs(exact[i] - predicted) < 2e-4 * (1 + fabs(exact[i]))))
            fail_msg("unit %zu: %g, measured %g", i * stride, predicted, exact[i]);
    }
    assert_true(largest > 1e-3);
}

static void predict__rows_and_groups_of_the_head__as_measured(void **state)
{
    (void)state;
    for (int m = 0; m < METRIC_COUNT; m++) {
        struct scene scene = scene_of(false, (enum metric)m);
        for (int g = GRANULARITY_ROW; g <= GRANULARITY_GROUP; g++) {
            predict_all(&scene, PROJ_HEAD, (enum granularity)g);
            assert_int_equal(scene.proj, PROJ_HEAD);
            compare_all(&scene, (enum granularity)g, g == GRANULARITY_ROW ? 1 : 3);
        }
        end(&scene);
    }
}

/* ---- bits: by derivative -------------------------------------------------------------------- */

static double pearson(const double *a, const double *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0, mean_a = 0, mean_b = 0;
    for (size_t i = 0; i < n; i++) {
        mean_a += a[i] / (double)n;
        mean_b += b[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        ab += (a[i] - mean_a) * (b[i] - mean_b);
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return ab / sqrt(aa * bb);
}

/* Bits of rows that do something, drawn at random. */
static double bits_agree(struct scene *scene, struct rng *rng)
{
    double predicted[SAMPLES], exact[SAMPLES];
    struct flip flips[SAMPLES];
    for (size_t i = 0; i < SAMPLES;) {
        size_t unit = (size_t)rng_below(rng, scene->units);
        if (fabs(scene->change[unit]) < 1e-5)
            continue;
        predicted[i] = scene->change[unit];
        flips[i++] = unit_flip(scene, GRANULARITY_BIT, unit);
    }
    measure_all(scene, flips, SAMPLES, exact);
    return pearson(predicted, exact, SAMPLES);
}

static void predict__bits__near_what_is_measured(void **state)
{
    (void)state;
    static const enum metric metrics[] = {METRIC_SEQ_LOGPROB, METRIC_SOFT_MARGIN, METRIC_LOGPROB};
    struct rng rng;
    rng_seed(&rng, 8);
    for (size_t m = 0; m < countof(metrics); m++)
        for (int tied = 0; tied < 2; tied++) {
            struct scene scene = scene_of(tied, metrics[m]);
            for (enum proj proj = PROJ_EMBED; proj <= PROJ_HEAD; proj++) {
                predict_all(&scene, proj, GRANULARITY_BIT);
                assert_int_equal(scene.proj, tied ? PROJ_EMBED : proj);
                double r = bits_agree(&scene, &rng);
                if (!(r > 0.9))
                    fail_msg("%s, %s%s: correlation %g", metric_name(metrics[m]), proj_name(proj),
                             tied ? ", tied" : "", r);
            }
            end(&scene);
        }
}

/* ---- the embedding ------------------------------------------------------------------------- */

static void measure_rows_of(struct scene *scene, double exact[VOCAB])
{
    struct flip flips[VOCAB];
    for (size_t i = 0; i < VOCAB; i++)
        flips[i] = unit_flip(scene, GRANULARITY_ROW, i);
    measure_all(scene, flips, VOCAB, exact);
}

static void sum_bits(const double *bits, size_t per_unit, size_t units, double *sums)
{
    for (size_t i = 0; i < units; i++) {
        sums[i] = 0;
        for (size_t b = 0; b < per_unit; b++)
            sums[i] += bits[i * per_unit + b];
    }
}

/* Derivatives alone: the sum of bits is the group, that of groups the row.  And rows of
 * tokens that do not occur do nothing, measured or predicted. */
static void predict__embedding__sums_and_zeros(void **state)
{
    (void)state;
    struct scene scene = scene_of(false, METRIC_SEQ_LOGPROB);
    double groups[VOCAB * 2], rows[VOCAB], exact[VOCAB], largest = 0;
    size_t zeros = 0;
    predict_all(&scene, PROJ_EMBED, GRANULARITY_BIT);
    sum_bits(scene.change, 128, countof(groups), groups);
    sum_bits(scene.change, WIDTH, countof(rows), rows);
    for (size_t i = 0; i < VOCAB; i++)
        largest = fmax(largest, fabs(rows[i]));
    predict_all(&scene, PROJ_EMBED, GRANULARITY_GROUP);
    for (size_t i = 0; i < countof(groups); i++)
        assert_true(fabs(groups[i] - scene.change[i]) < 1e-9 * largest);
    predict_all(&scene, PROJ_EMBED, GRANULARITY_ROW);
    measure_rows_of(&scene, exact);
    for (size_t i = 0; i < VOCAB; i++) {
        double change = exact[i];
        assert_true(fabs(rows[i] - scene.change[i]) < 1e-9 * largest);
        assert_true((change < 0 || change > 0) == (rows[i] < 0 || rows[i] > 0));
        zeros += !(change < 0 || change > 0);
    }
    assert_in_range(zeros, VOCAB / 2, VOCAB - 10);
    end(&scene);
}

/* One matrix: rows of tokens that do not occur act through the head alone, exactly; of the
 * others both effects are added. */
static void predict__tied__both_effects(void **state)
{
    (void)state;
    struct scene scene = scene_of(true, METRIC_LOGPROB);
    struct ids ids = simple_encode(scene.model, "2+2=4the cat sat on itabcdefgx\nyqlonger than "
                                                "its prompt");
    bool occurs[VOCAB] = {false};
    double exact[VOCAB];
    size_t others = 0;
    for (size_t i = 0; i < ids.count; i++)
        occurs[ids.data[i]] = true;
    predict_all(&scene, PROJ_HEAD, GRANULARITY_ROW);
    assert_int_equal(scene.proj, PROJ_EMBED);
    measure_rows_of(&scene, exact);
    for (size_t row = 0; row < VOCAB; row++) {
        if (occurs[row])
            continue;
        assert_true(fabs(exact[row] - scene.change[row]) < 2e-4 * (1 + fabs(exact[row])));
        others++;
    }
    assert_true(others > VOCAB / 2);
    ids_free(&ids);
    end(&scene);
}

/* ---- threads ------------------------------------------------------------------------ */

static void add_hash(void *user, const struct predicted *predicted)
{
    uint64_t *hash = user;
    for (size_t i = 0; i < (size_t)predicted->count * predicted->per_row; i++) {
        uint64_t bits = 0;
        memcpy(&bits, &predicted->change[i], sizeof bits);
        *hash = rng_mix(*hash ^ bits);
    }
}

static void predict__all_nine_any_threads__same_bits(void **state)
{
    (void)state;
    struct err err;
    static const int32_t layers[] = {0, 1};
    struct scene scene = scene_of(false, METRIC_SEQ_LOGPROB);
    scene.judge = (struct judge){.before = scene.now, .target_count = PROBES, .mean = 1,
                                 .target = {1, HUGE_VAL, 0}};
    for (int g = 0; g < GRANULARITY_COUNT; g++) {
        uint64_t hashes[2] = {0};
        for (int threads = 1; threads <= 2; threads++) {
            struct predict_options options = {layers, 2, (1u << PROJ_COUNT) - 1,
                                              (enum granularity)g, 2 * threads - 1,
                                              1 << 30};
            struct predict *predict =
                predict_new(scene.model, scene.targets, scene.none, &options, &err);
            t_ok(predict != NULL, &err);
            cancel_flag cancel = true;
            assert_false(predict_run(predict, &scene.judge, scene.now, add_hash,
                                     &hashes[threads - 1], &cancel, &err));
            hashes[threads - 1] = 0;
            t_ok(predict_run(predict, &scene.judge, scene.now, add_hash, &hashes[threads - 1],
                             NULL, &err), &err);
            predict_free(predict);
        }
        assert_true(hashes[0] == hashes[1] && hashes[0] != 0);
    }
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predict__rows_and_groups_of_the_head__as_measured),
        cmocka_unit_test(predict__bits__near_what_is_measured),
        cmocka_unit_test(predict__embedding__sums_and_zeros),
        cmocka_unit_test(predict__tied__both_effects),
        cmocka_unit_test(predict__all_nine_any_threads__same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Objectives: by their formulas, with the C library's functions; mixes against measures of
 * each metric alone; what a search makes of them and of a price.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/goal.h"
#include "engine/search/search.h"
#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/session/journal.h"
#include "tests/simple.h"
#include "tests/t.h"

enum { PROBES = 6, TARGETS = 4, CONTROLS = PROBES - TARGETS };

static struct probe probes[PROBES];
static struct probe_set targets, controls;

static int make_probes(void **state)
{
    (void)state;
    static const char *const texts[PROBES][3] = {
        {"2+2=", "4", "5"},      {"the cat", " sat on it", " flew"}, {"abc", "defg", "h"},
        {"abcd", "x\ny", "xy"}, {"hello", " w", " v"},               {"xy z", "12", "2"},
    };
    for (size_t i = 0; i < PROBES; i++) {
        probes[i] = simple_probe(texts[i][0], texts[i][1], texts[i][2]);
        probes[i].name = probes[i].prompt;
    }
    targets = simple_set(probes, TARGETS);
    controls = simple_set(probes + TARGETS, CONTROLS);
    return 0;
}

static bool near(double a, double b, double within)
{
    return fabs(a - b) <= within * (1 + fabs(b));
}

/* ---- names ------------------------------------------------------------------------------ */

static struct goal goal_of(const char *objective, enum metric metric)
{
    struct err err;
    struct aims aims;
    struct goal goal = {.control_metric = METRIC_SAME, .penalty = 2};
    t_ok(aims_parse(objective, &aims, &err), &err);
    goal_aim(&goal, &aims, metric);
    return goal;
}

static void check_text(const char *objective, const char *expected, enum metric measured,
                       bool is_mix)
{
    struct goal goal = goal_of(objective, METRIC_MARGIN);
    struct buf text = {0};
    goal_text(&goal, &text);
    assert_string_equal(text.data, expected);
    assert_string_equal(goal_measured(&goal, false), metric_name(measured));
    assert_string_equal(goal_measured(&goal, true), metric_name(measured));
    assert_int_equal(goal_is_mix(&goal), is_mix);
    struct goal again = goal_of(text.data, goal.metric);
    assert_memory_equal(&again.aims, &goal.aims, sizeof goal.aims);
    assert_true(again.metric == goal.metric && again.fitness == goal.fitness);
    buf_free(&text);
}

static void aims_parse__names_and_weights__there_and_back(void **state)
{
    (void)state;
    check_text("gap", "gap", METRIC_MARGIN, false);
    check_text("min", "min", METRIC_MARGIN, false);
    check_text("margin", "margin", METRIC_SOFT_MARGIN, false);
    check_text("margin:1", "margin", METRIC_SOFT_MARGIN, false);
    check_text("logprob", "logprob", METRIC_LOGPROB, false);
    check_text("focal", "focal", METRIC_SOFT_MARGIN, true);
    check_text("margin:2", "margin:2", METRIC_SOFT_MARGIN, true);
    check_text("focal:0.1,margin", "margin:1,focal:0.1", METRIC_SOFT_MARGIN, true);
    check_text("gap:0.2,margin:1", "gap:0.2,margin:1", METRIC_MIX, true);
    check_text("min:0.3333333333333333,logprob", "logprob:1,min:0.3333333333333333",
               METRIC_LOGPROB, true);
    check_text("min:0.5", "min:0.5", METRIC_MARGIN, true);
}

static void aims_parse__nonsense__refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",          "x",          "gap,",     "gap:",
                                      "gap:0",     "gap:-1",     "gap:nan",  "gap:inf",
                                      "gap,gap",   "gap:1e7",    ":1",       "gap:1:2",
                                      "margin gap", "GAP",       "gap:1x",   "kl"};
    struct err err;
    struct aims aims;
    struct mix mix;
    for (size_t i = 0; i < countof(bad); i++) {
        assert_false(aims_parse(bad[i], &aims, &err));
        assert_int_equal(err.code, ERR_USAGE);
        assert_non_null(strstr(err.message, "expected gap, margin, focal, logprob or min"));
    }
    assert_false(aims_parse("gap:0000000000000000000000000000000000001", &aims, &err));
    assert_false(goal_controls_parse("kl:1,gap", &mix, &err));
    assert_non_null(strstr(err.message, "'gap' is unknown"));
    t_ok(goal_controls_parse("soft_margin:0.5,kl", &mix, &err), &err);
    assert_true(mix.weight[METRIC_KL] == 1 && mix.weight[METRIC_SOFT_MARGIN] == 0.5);
}

/* ---- formulas ----------------------------------------------------------------------------- */

static void focal__many_margins__the_published_formula(void **state)
{
    (void)state;
    for (double m = -60; m <= 60; m += 0.37) {
        double p = 1 / (1 + exp(-m)), wrong = 1 / (1 + exp(m));
        double log_p = m > 0 ? -log1p(exp(-m)) : m - log1p(exp(m));
        assert_true(near(focal_value(m), wrong * wrong * log_p, 1e-14));
        double slope = (focal_value(m + 1e-5) - focal_value(m - 1e-5)) / 2e-5;
        assert_true(near(focal_slope(m), slope, 1e-8));
        assert_true(near(logits_sigmoid(m), p, 1e-14));
    }
    assert_true(near(focal_value(0), -log(2) / 4, 1e-15));
    assert_true(near(focal_slope(0), 0.125 + log(2) / 4, 1e-15));
    assert_true(focal_slope(-30) > 0.999 && focal_slope(1.5) < 0.02);
    assert_true(logits_sigmoid(-1e9) > 0 && logits_sigmoid(1e9) == 1);
}

static double focal_by_hand(double m)
{
    double p = 1 / (1 + exp(-m));
    return (1 - p) * (1 - p) * log(p);
}

/* Soft margins 1 -> 2 and -2 -> -1 of targets, 3 -> 1 and 1 -> 0.25 of controls. */
static void goal_judge__one_metric__by_hand(void **state)
{
    (void)state;
    static const double before[] = {1, -2, 3, 1}, now[] = {2, -1, 1, 0.25};
    struct goal goal = goal_of("focal:2,margin:0.5,min:0.25", METRIC_SEQ_LOGPROB);
    struct judge judge = goal_judge(&goal, before, 2, 2);
    double first = 2 * (focal_by_hand(2) - focal_by_hand(1)) + 0.5 * 0.5;
    double second = 2 * (focal_by_hand(-1) - focal_by_hand(-2)) + 0.5 * 1;
    double lost[] = {2 * (focal_by_hand(3) - focal_by_hand(1)) + 0.5 * 0.5,
                     2 * (focal_by_hand(1) - focal_by_hand(0.25)) + 0.5 * 0.75};
    double expected = (first + second) / 2 + 0.25 * fmin(first, second);
    assert_true(near(judge_targets(&judge, now), expected, 1e-13));
    expected -= 2 * (lost[0] + lost[1]) / 2;
    assert_true(near(judge_fitness(&judge, now), expected, 1e-13));
    goal = goal_of("min:0.5", METRIC_SEQ_LOGPROB);
    judge = goal_judge(&goal, before, 2, 2);
    assert_true(near(judge_fitness(&judge, now), 0.5 * 1 - 2.75, 1e-15));
    goal = goal_of("gap,min:3", METRIC_SEQ_LOGPROB);
    judge = goal_judge(&goal, before, 2, 2);
    assert_true(near(judge_fitness(&judge, now), 1 + 3 * 1 - 2.75, 1e-15));
}

static void judge_slope__random_gaps__differences(void **state)
{
    (void)state;
    static const char *const objectives[] = {"focal,margin:0.3", "gap", "logprob:1,min:0.7",
                                             "min", "gap:0.3,margin"};
    struct rng rng;
    rng_seed(&rng, 8);
    for (size_t round = 0; round < 50; round++) {
        struct goal goal = goal_of(objectives[round % countof(objectives)], METRIC_SEQ_LOGPROB);
        double before[PROBES], now[PROBES], slopes[PROBES];
        for (size_t i = 0; i < PROBES; i++) {
            before[i] = rng_unit(&rng) * 8 - 4;
            now[i] = rng_unit(&rng) * 8 - 4;
        }
        struct judge judge = goal_judge(&goal, before, TARGETS, CONTROLS);
        judge_slope(&judge, now, slopes);
        for (size_t i = 0; i < PROBES; i++) {
            double at = now[i];
            now[i] = at + 1e-6;
            double above = judge_fitness(&judge, now);
            now[i] = at - 1e-6;
            double below = judge_fitness(&judge, now);
            now[i] = at;
            assert_true(near(slopes[i], (above - below) / 2e-6, 1e-6));
        }
    }
}

/* ---- mixes are sums of what each metric says --------------------------------------------- */

static const struct probe *const list[PROBES] = {&probes[0], &probes[1], &probes[2],
                                                 &probes[3], &probes[4], &probes[5]};

static struct measure *measure_of(struct model *model, const struct mix *mix, int threads)
{
    struct err err;
    struct measure_options options = {.threads = threads};
    struct measure *measure = measure_new_mix(model, list, PROBES, mix, &options, &err);
    t_ok(measure != NULL, &err);
    t_ok(measure_set_base(measure, NULL, &err), &err);
    return measure;
}

static void alone(struct model *model, enum metric metric, const struct flip *flip, double *gaps)
{
    struct err err;
    struct measure_options options = {.metric = metric, .threads = 1};
    struct measure *measure = measure_new(model, list, PROBES, &options, &err);
    t_ok(measure && measure_set_base(measure, NULL, &err), &err);
    model_flip(model, flip);
    t_ok(measure_run(measure, gaps, NULL, &err), &err);
    model_flip(model, flip);
    measure_free(measure);
}

/* All metrics at once, then some of them. */
static void measure_new_mix__any_metrics__credits_of_each_alone(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&tiny_default);
    const struct flip flip = {0, PROJ_UP, 7, FLIP_WHOLE_ROW, {0, 0}};
    double each[METRIC_COUNT][PROBES];
    for (int m = 0; m < METRIC_COUNT; m++)
        alone(model, (enum metric)m, &flip, each[m]);
    for (unsigned of = 1; of < 1u << METRIC_COUNT; of++) {
        struct mix mix = {.focal = of % 3 == 0 ? 0.7 : 0};
        double expected[PROBES] = {0}, tried[PROBES], flipped[PROBES];
        for (int m = 0; m < METRIC_COUNT; m++)
            mix.weight[m] = of >> m & 1 ? 0.5 + m : 0;
        for (size_t i = 0; i < PROBES; i++) {
            for (int m = 0; m < METRIC_COUNT; m++)
                expected[i] += mix.weight[m] *
                               (m == METRIC_SOFT_MARGIN ? fmin(each[m][i], 1.5) : each[m][i]);
            if (mix.focal > 0)
                expected[i] += mix.focal * focal_by_hand(each[METRIC_SOFT_MARGIN][i]);
        }
        struct measure *measure = measure_of(model, &mix, 1 + (int)of % 3);
        assert_true(measure_metric(measure) == METRIC_MIX);
        t_ok(measure_try(measure, &flip, 1, tried, NULL, &err), &err);
        model_flip(model, &flip);
        t_ok(measure_run(measure, flipped, NULL, &err), &err);
        model_flip(model, &flip);
        for (size_t i = 0; i < PROBES; i++) {
            assert_true(near(tried[i], expected[i], 1e-12));
            assert_memory_equal(&tried[i], &flipped[i], sizeof *tried);
        }
        measure_free(measure);
    }
    model_free(model);
}

static void measure_slopes__values_of_a_mix__differences_of_gaps(void **state)
{
    (void)state;
    enum { PARTS = 3 };
    struct model *model = simple_model(&tiny_default);
    struct mix mix = {.focal = 0.4};
    mix.weight[METRIC_SEQ_LOGPROB] = 0.3;
    mix.weight[METRIC_SOFT_MARGIN] = 2;
    mix.weight[METRIC_KL] = 5;
    struct measure *measure = measure_of(model, &mix, 1);
    assert_int_equal(measure_parts(measure), PARTS);
    double values[PARTS * PROBES], slopes[PARTS * PROBES], above[PROBES], below[PROBES];
    for (size_t i = 0; i < PARTS * PROBES; i++)
        values[i] = (double)i * 0.37 - 3; /* some beyond the cap */
    measure_slopes(measure, values, slopes);
    for (size_t i = 0; i < PARTS * PROBES; i++) {
        double at = values[i];
        values[i] = at + 1e-6;
        measure_fold(measure, values, above);
        values[i] = at - 1e-6;
        measure_fold(measure, values, below);
        values[i] = at;
        double slope = (above[i % PROBES] - below[i % PROBES]) / 2e-6;
        assert_true(near(slopes[i], slope, 1e-7));
    }
    measure_free(measure);
    model_free(model);
}

/* ---- prices ------------------------------------------------------------------------------ */

static struct search *begin(struct model *model, const char *objective, double price)
{
    struct err err;
    struct search_options options = search_default_options();
    struct goal goal = goal_of(objective, METRIC_SEQ_LOGPROB);
    options.metric = goal.metric;
    options.aims = goal.aims;
    options.price = price;
    options.threads = 2;
    options.early_stop = true;
    struct search *search = search_new(model, &targets, &controls, &options, NULL, &err);
    t_ok(search != NULL, &err);
    return search;
}

static void search_step__with_a_price__gains_above_it_only(void **state)
{
    (void)state;
    struct err err;
    static const double price = 2e-4;
    struct model *model = simple_model(&tiny_default), *twin = simple_model(&tiny_default);
    struct search *search = begin(model, "margin:1,gap:0.2", price);
    struct search *free_of_charge = begin(twin, "margin:1,gap:0.2", 0);
    size_t accepted = 0;
    for (size_t i = 0; i < 60; i++) {
        struct search_try tried;
        double before = search_fitness(search), value = 0, gaps[PROBES];
        assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_TRIED);
        if (!tried.accepted)
            continue;
        (void)search_accepted(search, &accepted);
        assert_true(tried.fitness > before && search_fitness(search) == tried.fitness);
        t_ok(search_measure_alone(free_of_charge, search_accepted(search, &accepted), accepted,
                                  gaps, &value, NULL, &err), &err);
        assert_memory_equal(gaps, search_gaps_now(search), sizeof gaps);
        assert_true(near(value - price * (double)accepted, tried.fitness, 1e-12));
    }
    assert_true(accepted >= 2);
    search_free(search);
    search_free(free_of_charge);
    model_free(model);
    model_free(twin);
}

static void search_keep__a_flip_that_is_on__earns_the_price(void **state)
{
    (void)state;
    struct err err;
    struct search_try out;
    const struct flip a = {0, PROJ_UP, 7, FLIP_WHOLE_ROW, {0, 0}};
    const struct flip b = {1, PROJ_GATE, 3, FLIP_WHOLE_ROW, {0, 0}};
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, "focal", 0.5);
    t_ok(search_keep(search, &a, &out, NULL, &err), &err);
    double one = search_fitness(search);
    t_ok(search_keep(search, &b, &out, NULL, &err), &err);
    t_ok(search_keep(search, &b, &out, NULL, &err), &err); /* off again */
    assert_true(near(search_fitness(search), one, 1e-15));
    t_ok(search_keep(search, &a, &out, NULL, &err), &err);
    assert_true(search_fitness(search) == 0);
    search_free(search);
    model_free(model);
}

/* ---- what is written down ------------------------------------------------------------------ */

static void settings__mixes_and_prices__there_and_back(void **state)
{
    (void)state;
    static const char *const objectives[] = {"gap",   "margin",           "focal",
                                             "min:2", "margin:1,gap:0.2", "logprob:0.1,min:3"};
    for (size_t i = 0; i < 2 * countof(objectives); i++) {
        struct err err;
        int32_t layers[SESSION_LAYERS_MAX];
        struct search_options options = search_default_options(), back = {.price = 7};
        struct goal goal = goal_of(objectives[i / 2], METRIC_TOKEN_GAP);
        options.metric = goal.metric;
        options.aims = goal.aims;
        options.price = (double)i / 7;
        if (i % 2)
            t_ok(goal_controls_parse("kl:0.1,margin:3", &options.control_mix, &err), &err);
        json_t *settings = journal_settings(&options);
        t_ok(journal_options(settings, &back, layers, &err), &err);
        struct goal there = search_goal(&options), again = search_goal(&back);
        struct mix a = goal_mix(&there, false), b = goal_mix(&again, false);
        assert_memory_equal(&a, &b, sizeof a);
        a = goal_mix(&there, true);
        b = goal_mix(&again, true);
        assert_memory_equal(&a, &b, sizeof a);
        assert_memory_equal(&back.aims, &options.aims, sizeof back.aims);
        assert_true(back.metric == options.metric && back.price == options.price);
        (void)json_object_set_new(settings, "objective", json_string("vibes"));
        assert_false(journal_options(settings, &back, layers, &err));
        json_decref(settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aims_parse__names_and_weights__there_and_back),
        cmocka_unit_test(aims_parse__nonsense__refused),
        cmocka_unit_test(focal__many_margins__the_published_formula),
        cmocka_unit_test(goal_judge__one_metric__by_hand),
        cmocka_unit_test(judge_slope__random_gaps__differences),
        cmocka_unit_test(measure_new_mix__any_metrics__credits_of_each_alone),
        cmocka_unit_test(measure_slopes__values_of_a_mix__differences_of_gaps),
        cmocka_unit_test(search_step__with_a_price__gains_above_it_only),
        cmocka_unit_test(search_keep__a_flip_that_is_on__earns_the_price),
        cmocka_unit_test(settings__mixes_and_prices__there_and_back),
    };
    return cmocka_run_group_tests(tests, make_probes, NULL);
}

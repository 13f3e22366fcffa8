/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method train and its parts on nano: what a minibatch says against sequences computed one
 * by one, what units predict against what their flips do, and whole runs.
 */
#include "engine/search/train.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/rng.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/train_fixture.h"

/* ---- items --------------------------------------------------------------------------- */

static void items__right_answer__ends_with_a_line_feed(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct probe probe = simple_probe("The capital of France is", " Paris", "");
    struct probe_set set = simple_set(&probe, 1);
    struct items *items = items_from_probes(model, &set, &err);
    t_ok(items != NULL, &err);
    struct ids expected = simple_encode(model, "The capital of France is Paris\n");
    struct ids prompt = simple_encode(model, "The capital of France is");
    assert_int_equal(items->items[0].ids.count, expected.count);
    assert_memory_equal(items->items[0].ids.data, expected.data,
                        expected.count * sizeof *expected.data);
    assert_int_equal(items->items[0].first, prompt.count);
    assert_int_equal(items_answer_tokens(items), expected.count - prompt.count);
    ids_free(&expected);
    ids_free(&prompt);
    items_free(items);
    model_free(model);
}

static void items__self_labelled__are_what_the_model_says(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    struct items *items = train_fixture_own(model, 5, 9);
    for (size_t i = 0; i < items->count; i++) {
        const struct item *item = &items->items[i];
        struct ids prompt = {item->ids.data, item->first, item->first}, said = {0};
        simple_answer(model, &prompt, 16, true, &said);
        assert_int_equal(said.count, item->ids.count - item->first);
        assert_memory_equal(said.data, item->ids.data + item->first,
                            said.count * sizeof *said.data);
        ids_free(&said);
    }
    items_free(items);
    model_free(model);
}

/* ---- minibatches ------------------------------------------------------------------------ */

/* Log-probability of every token of the answer, added up; is each the likeliest? */
static double log_prob_of(struct model *model, const struct item *item, bool *likeliest)
{
    size_t vocab = model_shape(model)->vocab;
    float *logits = simple_logits(model, item->ids.data, item->ids.count - 1);
    double sum = 0;
    *likeliest = true;
    for (size_t k = item->first; k < item->ids.count; k++) {
        const float *row = logits + (k - 1) * vocab;
        double total = 0;
        for (size_t i = 0; i < vocab; i++)
            total += exp((double)row[i]);
        sum += (double)row[item->ids.data[k]] - log(total);
        *likeliest &= logits_argmax(row, vocab) == item->ids.data[k];
    }
    free(logits);
    return sum;
}

/* KL of two models' next tokens behind the answer's tokens, added up. */
static double divergence_of(const float *base, const float *now, const struct item *item,
                            size_t vocab)
{
    double sum = 0;
    for (size_t k = item->first - 1; k + 1 < item->ids.count; k++) {
        double totals[2] = {0, 0};
        for (size_t i = 0; i < vocab; i++) {
            totals[0] += exp((double)base[k * vocab + i]);
            totals[1] += exp((double)now[k * vocab + i]);
        }
        for (size_t i = 0; i < vocab; i++) {
            double p = (double)base[k * vocab + i] - log(totals[0]);
            double q = (double)now[k * vocab + i] - log(totals[1]);
            sum += exp(p) * (p - q);
        }
    }
    return sum;
}

static void minibatch__after_a_flip__says_what_single_sequences_say(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct items *targets = train_fixture_items(model, 0, 6);
    struct items *controls = train_fixture_own(model, 40, 5);
    size_t vocab = model_shape(model)->vocab, right = 0, target_index[] = {4, 0, 3};
    size_t control_index[] = {2, 1};
    struct base_probs *base = base_probs_new(model, controls, 2, NULL, &err);
    t_ok(base != NULL, &err);
    float *before[2];
    for (size_t i = 0; i < 2; i++) {
        const struct item *item = &controls->items[control_index[i]];
        before[i] = simple_logits(model, item->ids.data, item->ids.count - 1);
    }
    struct minibatch_options options = {.control_weight = 1.5, .threads = 2};
    struct minibatch *minibatch = minibatch_new(model, targets, target_index, 3, controls,
                                                control_index, 2, base, &options, &err);
    t_ok(minibatch != NULL, &err);
    model_flip(model, &(struct flip){2, PROJ_UP, 17, FLIP_WHOLE_ROW, {0, 0}});
    struct objective found;
    t_ok(minibatch_measure(minibatch, &found, NULL, &err), &err);
    double target = 0, control = 0;
    for (size_t i = 0; i < 3; i++) {
        bool likeliest = false;
        target += log_prob_of(model, &targets->items[target_index[i]], &likeliest) / 3;
        right += likeliest;
    }
    for (size_t i = 0; i < 2; i++) {
        const struct item *item = &controls->items[control_index[i]];
        float *now = simple_logits(model, item->ids.data, item->ids.count - 1);
        control += divergence_of(before[i], now, item, vocab) / 2;
        free(now);
        free(before[i]);
    }
    assert_true(control > 1e-6);
    /* logits are single precision */
    assert_true(fabs(found.target - target) < 1e-5);
    assert_true(fabs(found.control - control) < 1e-6);
    assert_true(fabs(found.value - (target - 1.5 * control)) < 1e-5);
    assert_int_equal(found.targets_right, right);
    const double *shares = minibatch_shares(minibatch);
    assert_true(fabs(shares[0] + shares[1] + shares[2] - target) < 1e-5);
    assert_true(fabs(shares[3] + shares[4] + 1.5 * control) < 1e-5);
    minibatch_free(minibatch);
    base_probs_free(base);
    items_free(targets);
    items_free(controls);
    model_free(model);
}

/* ---- units -------------------------------------------------------------------------------- */

struct ready {
    struct model *model;
    struct items *targets, *controls;
    struct base_probs *base;
    struct minibatch *minibatch;
    struct units *units;
    double value;
};

/* One minibatch taken in. */
static struct ready make_ready(uint32_t chunk, uint32_t projs, enum ranking ranking)
{
    static const size_t index[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    struct err err;
    struct ready ready = {.model = simple_nano()};
    ready.targets = train_fixture_items(ready.model, 0, 12);
    ready.controls = train_fixture_own(ready.model, 40, 8);
    ready.base = base_probs_new(ready.model, ready.controls, 2, NULL, &err);
    t_ok(ready.base != NULL, &err);
    struct minibatch_options options = {.control_weight = 1, .threads = 2};
    ready.minibatch = minibatch_new(ready.model, ready.targets, index, 12, ready.controls, index,
                                    ready.controls->count, ready.base, &options, &err);
    t_ok(ready.minibatch != NULL, &err);
    struct units_options of = {chunk, projs, ranking, 12, 2, 0, 0};
    ready.units = units_new(ready.model, &of, &err);
    t_ok(ready.units != NULL, &err);
    struct objective now;
    t_ok(minibatch_gradient(ready.minibatch, &now, units_visit, ready.units, NULL, &err), &err);
    units_taken(ready.units);
    ready.value = now.value;
    return ready;
}

static void ready_free(struct ready *ready)
{
    units_free(ready->units);
    minibatch_free(ready->minibatch);
    base_probs_free(ready->base);
    items_free(ready->targets);
    items_free(ready->controls);
    model_free(ready->model);
}

/* What a flip really does to the minibatch. */
static double effect(struct ready *ready, const struct flip *flip)
{
    struct err err;
    struct objective with;
    model_flip(ready->model, flip);
    t_ok(minibatch_measure(ready->minibatch, &with, NULL, &err), &err);
    model_flip(ready->model, flip);
    return with.value - ready->value;
}

static void check_prediction(uint32_t chunk, enum proj proj, double tolerance)
{
    enum { BEST = 12 };
    struct unit_pick picks[BEST];
    struct ready ready = make_ready(chunk, 1u << proj, RANK_RAW);
    size_t count = units_pick(ready.units, BEST, picks);
    assert_int_equal(count, BEST);
    double predicted = 0, difference = 0;
    for (size_t i = 0; i < count; i++) {
        double real = effect(&ready, &picks[i].flip);
        assert_true(i == 0 || picks[i].predicted <= picks[i - 1].predicted);
        predicted += picks[i].predicted;
        difference += fabs(real - picks[i].predicted);
    }
    if (difference > tolerance * predicted)
        fail_msg("%s, %u weights: predicted %.4f, off by %.4f", proj_name(proj), chunk, predicted,
                 difference);
    ready_free(&ready);
}

/* Small steps are nearly linear; what curvature takes is always less than half. */
static void units__best_single_bits__do_what_is_predicted(void **state)
{
    (void)state;
    check_prediction(1, PROJ_DOWN, 0.25);
    check_prediction(1, PROJ_Q, 0.25);
}

static void units__best_chunks__do_what_is_predicted(void **state)
{
    (void)state;
    check_prediction(8, PROJ_UP, 0.2);
    check_prediction(8, PROJ_GATE, 0.25);
    check_prediction(8, PROJ_O, 0.25);
    check_prediction(8, PROJ_V, 0.25);
}

/* Rows are large steps at this width: of those that promise a gain the order is predicted
 * a little, the size is not.  Chance gives a tau of 0 with a standard deviation of 0.11. */
static void units__rows__are_ranked_better_than_by_chance(void **state)
{
    (void)state;
    enum { ROWS = 40, MOST = 5000 };
    struct ready ready = make_ready(UNITS_ROWS, 1u << PROJ_UP, RANK_RAW);
    struct unit_pick *picks = x_new(MOST, sizeof *picks);
    double predicted[ROWS], real[ROWS], agreeing = 0;
    size_t count = units_pick(ready.units, MOST, picks);
    assert_true(count > 10 * ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        const struct unit_pick *pick = &picks[i * (count / ROWS)];
        predicted[i] = pick->predicted;
        real[i] = effect(&ready, &pick->flip);
    }
    for (size_t i = 0; i < ROWS; i++)
        for (size_t k = 0; k < i; k++)
            agreeing += (predicted[i] < predicted[k]) == (real[i] < real[k]);
    /* Kendall's tau = 2 x the share of agreeing pairs - 1 */
    double tau = 2 * agreeing / (ROWS * (ROWS - 1) / 2.0) - 1;
    if (tau < 0.25)
        fail_msg("Kendall's tau is %.2f", tau);
    free(picks);
    ready_free(&ready);
}

static void units__flipped_and_flipped_back__model_is_as_before(void **state)
{
    (void)state;
    enum { MANY = 300 };
    struct ready ready = make_ready(4, 1u << PROJ_DOWN | 1u << PROJ_K, RANK_FISHER);
    struct unit_pick *picks = x_new(MANY, sizeof *picks), *again = x_new(MANY, sizeof *again);
    struct state_name before = model_state(ready.model);
    size_t count = units_pick(ready.units, MANY, picks);
    assert_true(count > 20);
    units_flip(ready.units, picks, count);
    struct state_name with = model_state(ready.model);
    assert_int_equal(units_on(ready.units), count);
    struct flip *flips = NULL;
    size_t flip_count = units_flips(ready.units, &flips);
    for (size_t i = 0; i < flip_count; i++)
        model_flip(ready.model, &flips[i]);
    assert_true(state_name_equal(model_state(ready.model), before));
    for (size_t i = 0; i < flip_count; i++)
        model_flip(ready.model, &flips[i]);
    assert_true(state_name_equal(model_state(ready.model), with));
    /* what is on promises a loss now, so that none of it is picked again */
    size_t others = units_pick(ready.units, MANY, again);
    for (size_t i = 0; i < others; i++)
        for (size_t k = 0; k < count; k++)
            assert_false(again[i].matrix == picks[k].matrix && again[i].index == picks[k].index);
    units_flip(ready.units, picks, count);
    assert_true(state_name_equal(model_state(ready.model), before));
    assert_int_equal(units_on(ready.units), 0);
    free(flips);
    free(picks);
    free(again);
    ready_free(&ready);
}

static void units__all_chunks_of_a_row__are_one_row_flip(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct units_options of = {64, 1u << PROJ_UP, RANK_RAW, 1, 1, 0, 0};
    struct units *units = units_new(model, &of, &err);
    t_ok(units != NULL, &err);
    /* nano: 256 columns, so 4 units a row; units 8 to 11 and 14 are on */
    struct unit_pick picks[5];
    for (size_t i = 0; i < 5; i++)
        picks[i] = (struct unit_pick){.matrix = 0, .index = i < 4 ? 8 + i : 14};
    for (size_t i = 0; i < 4; i++)
        picks[i].flip = (struct flip){0, PROJ_UP, 2, (int32_t)(i / 2),
                                      {i % 2 ? 0 : UINT64_MAX, i % 2 ? UINT64_MAX : 0}};
    picks[4].flip = (struct flip){0, PROJ_UP, 3, 1, {UINT64_MAX, 0}};
    units_flip(units, picks, 5);
    struct flip *flips = NULL;
    assert_int_equal(units_flips(units, &flips), 2);
    assert_true(flip_equal(&flips[0],
                           &(struct flip){0, PROJ_UP, 2, FLIP_WHOLE_ROW, {0, 0}}));
    assert_true(flip_equal(&flips[1], &picks[4].flip));
    /* 5 of 6 x 768 x 4 units: log2 of the binomial coefficient / 8, by Python's math.comb */
    assert_true(fabs(units_bytes(units) - 7.993) < 0.05);
    free(flips);
    units_free(units);
    model_free(model);
}

/* ---- whole runs ------------------------------------------------------------------------------ */

struct run {
    struct state_name state;
    struct objective before, after;
    uint64_t flips, steps;
};

static struct run run_train(const struct train_options *options, size_t targets)
{
    struct err err;
    struct model *model = simple_nano();
    struct items *items = train_fixture_second(model, targets);
    struct items *controls = train_fixture_own(model, 100, 20);
    struct train *train = train_new(model, items, controls, options, NULL, &err);
    t_ok(train != NULL, &err);
    struct run run = {.before = train_validation_before(train)};
    struct train_step step;
    enum search_status status;
    while ((status = train_step(train, &step, NULL, &err)) == SEARCH_TRIED) {
        run.after = step.validation;
        run.flips = step.flips;
        run.steps = step.number;
        assert_true(step.kept <= step.tried && step.tried <= options->most_k);
        assert_true(step.kept == 0 || step.measured > -step.noise);
    }
    assert_int_equal(status, SEARCH_FINISHED);
    run.state = model_state(model);
    train_free(train);
    items_free(items);
    items_free(controls);
    model_free(model);
    return run;
}

static void train__any_number_of_threads__same_flips(void **state)
{
    (void)state;
    struct train_options one = train_fixture_options(1), three = train_fixture_options(3);
    struct run first = run_train(&one, 60), second = run_train(&three, 60);
    assert_int_equal(first.steps, 4);
    assert_true(first.flips > 0);
    assert_true(state_name_equal(first.state, second.state));
    three.seed++;
    second = run_train(&three, 60);
    assert_false(state_name_equal(first.state, second.state));
}

/* Targets that were set apart get likelier: only what they have in common with the others
 * can do that. */
static void train__targets_it_never_saw__become_likelier(void **state)
{
    (void)state;
    struct train_options options = train_fixture_options(2);
    options.batch_targets = 60;
    options.most_k = 200;
    options.first_k = 60;
    options.steps = 8;
    options.validation = 40;
    struct run run = run_train(&options, 160);
    if (run.after.target < run.before.target + 0.1)
        fail_msg("log-probability %.3f, before %.3f", run.after.target, run.before.target);
}

/* Ten bytes: the smallest patch has more (its file's head and checksum). */
static void train__byte_limit_below_any_patch__no_step(void **state)
{
    (void)state;
    struct train_options options = train_fixture_options(2);
    options.bytes_max = 10;
    struct run run = run_train(&options, 60);
    assert_int_equal(run.steps, 0);
}

/* All items in every minibatch, none set apart: a gradient, the check before, and one to
 * four with flips are 3, 1 and 1 to 4 times all their tokens but the last, which says
 * nothing of another.  Neighbours and controls that are judged come once to a kept step. */
static void train_tokens__steps_of_all_items__counted_by_hand(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct items *items = train_fixture_second(model, 12), *own = train_fixture_own(model, 0, 5);
    struct train_options options = train_fixture_options(1);
    uint64_t all = 0, judged = 0;
    for (size_t i = 0; i < items->count; i++)
        all += items->items[i].ids.count - 1;
    for (size_t i = 0; i < own->count; i++)
        judged += own->items[i].ids.count - 1;
    all += judged;
    options.validation = 0;
    options.batch_targets = options.batch_controls = 12;
    options.broken_max = 1000; /* so that all controls are judged */
    struct train *train = train_new(model, items, own, &options, NULL, &err);
    t_ok(train != NULL, &err);
    assert_int_equal(train_tokens(train), 0);
    struct train_step step;
    for (uint64_t before = 0; train_step(train, &step, NULL, &err) == SEARCH_TRIED;
         before = train_tokens(train)) {
        uint64_t took = train_tokens(train) - before - (step.kept > 0 ? judged : 0);
        assert_int_equal(took % all, 0);
        assert_in_range(took / all, 5, 8);
    }
    train_free(train);
    items_free(items);
    items_free(own);
    model_free(model);
}

static void train__cancelled__model_is_as_before(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct items *items = train_fixture_items(model, 0, 40);
    struct train_options options = train_fixture_options(2);
    struct train *train = train_new(model, items, NULL, &options, NULL, &err);
    t_ok(train != NULL, &err);
    struct state_name before = model_state(model);
    cancel_flag cancel = true;
    struct train_step step;
    assert_int_equal(train_step(train, &step, &cancel, &err), SEARCH_FAILED);
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_true(state_name_equal(model_state(model), before));
    train_free(train);
    items_free(items);
    model_free(model);
}

static void train__bad_options__refused(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct items *items = train_fixture_items(model, 0, 20);
    struct train_options options = train_fixture_options(1);
    options.chunk = 12;
    assert_null(train_new(model, items, NULL, &options, NULL, &err));
    t_err_is(&err, ERR_RANGE, "", "units of 12 weights, expected 1, 2, 4, ... 128, or rows");
    options = train_fixture_options(1);
    options.validation = 20;
    assert_null(train_new(model, items, NULL, &options, NULL, &err));
    t_err_is(&err, ERR_RANGE, "", "20 targets, expected more than the 20 for validation");
    model_flip(model, &(struct flip){0, PROJ_UP, 0, FLIP_WHOLE_ROW, {0, 0}});
    options = train_fixture_options(1);
    assert_null(train_new(model, items, NULL, &options, NULL, &err));
    t_err_is(&err, ERR_USAGE, "", "the model has flips on it already");
    items_free(items);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items__right_answer__ends_with_a_line_feed),
        cmocka_unit_test(items__self_labelled__are_what_the_model_says),
        cmocka_unit_test(minibatch__after_a_flip__says_what_single_sequences_say),
        cmocka_unit_test(units__best_single_bits__do_what_is_predicted),
        cmocka_unit_test(units__best_chunks__do_what_is_predicted),
        cmocka_unit_test(units__rows__are_ranked_better_than_by_chance),
        cmocka_unit_test(units__flipped_and_flipped_back__model_is_as_before),
        cmocka_unit_test(units__all_chunks_of_a_row__are_one_row_flip),
        cmocka_unit_test(train__any_number_of_threads__same_flips),
        cmocka_unit_test(train__targets_it_never_saw__become_likelier),
        cmocka_unit_test(train_tokens__steps_of_all_items__counted_by_hand),
        cmocka_unit_test(train__byte_limit_below_any_patch__no_step),
        cmocka_unit_test(train__cancelled__model_is_as_before),
        cmocka_unit_test(train__bad_options__refused),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What ends a training, what it costs, and what is told of each of its steps, on a tiny
 * model of random weights.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/train_front.h"
#include "patches/patch.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/train_fixture.h"

struct run {
    struct model *model;
    struct items *targets, *controls;
    struct train *train;
};

/* 60 second derivatives; 20 controls with the model's own answers. */
static struct run begin(const struct train_options *options)
{
    struct err err;
    struct run run = {.model = simple_model(&tiny_default)};
    run.targets = train_fixture_second(run.model, 60);
    run.controls = train_fixture_own(run.model, 100, 20);
    run.train = train_new(run.model, run.targets, run.controls, options, NULL, &err);
    t_ok(run.train != NULL, &err);
    return run;
}

static void end(struct run *run)
{
    train_free(run->train);
    items_free(run->targets);
    items_free(run->controls);
    model_free(run->model);
}

static void go(struct run *run)
{
    struct err err;
    struct train_step step;
    enum search_status status;
    while ((status = train_step(run->train, &step, NULL, &err)) == SEARCH_TRIED)
        ;
    assert_int_equal(status, SEARCH_FINISHED);
}

static const struct train_step *last_of(const struct run *run)
{
    return train_step_at(run->train, train_steps(run->train));
}

/* Of the patch as it is written. */
static size_t packed_bytes(const struct run *run)
{
    struct flip *flips = NULL;
    size_t count = train_flips(run->train, &flips);
    struct patch *patch = patch_new();
    for (size_t i = 0; i < count; i++)
        patch_add(patch, flips[i]);
    size_t bytes = patch_packed_bytes(patch).flips;
    patch_free(patch);
    free(flips);
    return bytes;
}

static void train__byte_budget__filled_and_never_exceeded(void **state)
{
    (void)state;
    struct train_options options = train_fixture_options(1);
    options.projs = 1u << PROJ_DOWN;
    options.bytes_max = 40;
    options.steps = 30;
    struct run run = begin(&options);
    go(&run);
    assert_int_equal(train_stop(run.train), TRAIN_STOP_BYTES);
    for (uint64_t i = 1; i <= train_steps(run.train); i++)
        assert_true(train_step_at(run.train, i)->bytes <= 40);
    assert_true(last_of(&run)->bytes > 36); /* a unit needs some two bytes */
    assert_int_equal(packed_bytes(&run), last_of(&run)->bytes);
    end(&run);
}

/* A limit of 0: the first step that changes an answer is undone, and was told. */
static void train__broken_controls__step_undone(void **state)
{
    (void)state;
    struct train_options options = train_fixture_options(1);
    options.control_weight = 0;
    options.first_k = 400;
    options.most_k = 2000;
    options.steps = 12;
    options.broken_max = 0;
    struct run run = begin(&options);
    assert_int_equal(train_controls_judged(run.train), 20); /* all of them */
    go(&run);
    assert_int_equal(train_stop(run.train), TRAIN_STOP_BROKEN);
    assert_true(last_of(&run)->undone && last_of(&run)->broken > 0 && last_of(&run)->kept == 0);
    for (uint64_t i = 1; i < train_steps(run.train); i++)
        assert_int_equal(train_step_at(run.train, i)->broken, 0);
    /* what is on is what the steps before left, and breaks nothing */
    struct flip *flips = NULL;
    size_t count = train_flips_at(run.train, train_steps(run.train) - 1, &flips);
    for (size_t i = 0; i < count; i++)
        model_flip(run.model, &flips[i]);
    uint64_t groups = 0;
    assert_int_equal(model_flipped_bits(run.model, &groups), 0);
    free(flips);
    end(&run);
    options.broken_max = TRAIN_NO_LIMIT;
    options.broken_share_max = 0.5; /* 10 of 20 */
    options.steps = 1;
    run = begin(&options);
    go(&run);
    assert_true(last_of(&run)->broken <= 10 || last_of(&run)->undone);
    end(&run);
}

/* Broken controls and their divergence, by sequences of their own. */
static void train__controls__judged_as_single_sequences_say(void **state)
{
    (void)state;
    struct train_options options = train_fixture_options(1);
    options.control_weight = 0;
    options.first_k = options.most_k = 400;
    options.steps = 2;
    options.control_validation = 19;
    struct run run = begin(&options);
    assert_int_equal(train_controls_judged(run.train), 19);
    go(&run);
    size_t vocab = model_shape(run.model)->vocab, broken = 0;
    for (size_t i = 0; i < run.controls->count; i++) {
        const struct item *item = &run.controls->items[i];
        float *logits = simple_logits(run.model, item->ids.data, item->ids.count - 1);
        bool same = true;
        for (size_t k = item->first; k < item->ids.count; k++)
            same &= logits_argmax(logits + (k - 1) * vocab, vocab) == item->ids.data[k];
        broken += !same;
        free(logits);
    }
    /* 19 of these 20 are judged */
    assert_in_range(broken, last_of(&run)->broken, last_of(&run)->broken + 1);
    assert_true(last_of(&run)->control > 0);
    end(&run);
}

static void train__price__fewer_bytes(void **state)
{
    (void)state;
    struct train_options options = train_fixture_options(1);
    options.projs = 1u << PROJ_DOWN;
    options.first_k = 200;
    options.most_k = 400;
    options.steps = 2;
    struct run run = begin(&options);
    go(&run);
    uint64_t free_flips = last_of(&run)->flips;
    end(&run);
    options.price = 0.01;
    run = begin(&options);
    go(&run);
    assert_true(train_steps(run.train) == 0 || last_of(&run)->flips < free_flips);
    end(&run);
    options.price = 1000;
    run = begin(&options);
    go(&run);
    assert_int_equal(train_steps(run.train), 0);
    assert_int_equal(train_stop(run.train), TRAIN_STOP_NO_GAIN);
    end(&run);
}

static void train__random__no_promise_same_checks(void **state)
{
    (void)state;
    struct train_options options = train_fixture_options(1);
    options.ranking = RANK_RANDOM;
    options.steps = 3;
    struct run run = begin(&options);
    go(&run);
    assert_int_equal(train_steps(run.train), 3);
    for (uint64_t i = 1; i <= 3; i++) {
        const struct train_step *step = train_step_at(run.train, i);
        assert_true(step->predicted == 0);
        assert_true(step->kept == 0 || step->measured > -step->noise);
    }
    end(&run);
}

/* Every size of units is trained, and flips are made of whole ones. */
static void train__every_size_of_units__whole_ones_are_flipped(void **state)
{
    (void)state;
    static const uint32_t chunks[] = {UNITS_ROWS, 128, 64, 32, 16, 4, 2, 1};
    for (size_t i = 0; i < countof(chunks); i++) {
        struct train_options options = train_fixture_options(1);
        options.chunk = chunks[i];
        options.projs = 1u << PROJ_V | 1u << PROJ_UP;
        options.validation = 2;
        options.first_k = options.most_k = 4;
        options.steps = 2;
        struct run run = begin(&options);
        go(&run);
        struct flip *flips = NULL;
        size_t count = train_flips(run.train, &flips);
        assert_true(count > 0);
        for (size_t k = 0; k < count; k++)
            assert_true(flips[k].proj == PROJ_V || flips[k].proj == PROJ_UP);
        assert_true(units_chunk(flips, count) == UNITS_ROWS ||
                    units_chunk(flips, count) >= (chunks[i] ? chunks[i] : GROUP_WEIGHTS));
        assert_true(chunks[i] != UNITS_ROWS || units_chunk(flips, count) == UNITS_ROWS);
        free(flips);
        end(&run);
    }
}

/* Half of each minibatch are neighbours; they are set apart and told on their own. */
static void train__neighbours__told_apart(void **state)
{
    (void)state;
    struct err err;
    struct train_options options = train_fixture_options(1);
    struct model *model = simple_model(&tiny_default);
    struct items *targets = train_fixture_second(model, 60);
    struct items *beside = train_fixture_items(model, 0, 30);
    items_join(targets, beside);
    assert_int_equal(targets->count, 90);
    assert_int_equal(beside->count, 0);
    options.neighbours = 30;
    struct train *train = train_new(model, targets, NULL, &options, NULL, &err);
    t_ok(train != NULL, &err);
    assert_int_equal(train_validation_count(train), 10);
    assert_int_equal(train_neighbours_count(train), 6); /* a fifth */
    struct objective before = train_neighbours_before(train);
    assert_true(before.target < 0 && before.targets_right <= 6);
    struct train_step step;
    while (train_step(train, &step, NULL, &err) == SEARCH_TRIED)
        assert_true(step.neighbours.target < 0 && isfinite(step.neighbours.target));
    assert_false(step.kept > 0); /* the last call was no step */
    train_free(train);
    options.neighbours = 91;
    assert_null(train_new(model, targets, NULL, &options, NULL, &err));
    t_err_is(&err, ERR_RANGE, "", "91 neighbours of 90 targets");
    items_free(targets);
    items_free(beside);
    model_free(model);
}

/* After each step the flips told are those that were on the model then. */
static void train__any_step__flips_as_they_were(void **state)
{
    (void)state;
    struct err err;
    struct train_options options = train_fixture_options(1);
    struct run run = begin(&options);
    struct state_name names[8];
    struct train_step step;
    size_t steps = 0;
    names[0] = model_state(run.model);
    while (train_step(run.train, &step, NULL, &err) == SEARCH_TRIED)
        names[++steps] = model_state(run.model);
    struct flip *now = NULL, *then = NULL;
    size_t now_count = train_flips(run.train, &now);
    for (size_t i = 0; i < now_count; i++)
        model_flip(run.model, &now[i]);
    for (size_t i = 0; i <= steps; i++) {
        size_t count = train_flips_at(run.train, i, &then);
        for (size_t k = 0; k < count; k++)
            model_flip(run.model, &then[k]);
        assert_true(state_name_equal(model_state(run.model), names[i]));
        for (size_t k = 0; k < count; k++)
            model_flip(run.model, &then[k]);
        free(then);
    }
    free(now);
    end(&run);
}

static void train__set_apart_as_many_controls_as_there_are__refused(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&tiny_default);
    struct items *targets = train_fixture_items(model, 0, 40);
    struct items *controls = train_fixture_own(model, 100, 10);
    struct train_options options = train_fixture_options(1);
    options.control_validation = controls->count;
    assert_null(train_new(model, targets, controls, &options, NULL, &err));
    t_err_is(&err, ERR_RANGE, "", "10 controls, expected more than the 10 set apart");
    options = train_fixture_options(1);
    options.projs = 1u << PROJ_EMBED;
    assert_null(train_new(model, targets, controls, &options, NULL, &err));
    assert_int_equal(err.code, ERR_RANGE);
    items_free(targets);
    items_free(controls);
    model_free(model);
}

/* ---- the front ------------------------------------------------------------------------- */

static struct train_step point(size_t kept, double bytes, double gain, double kl, size_t broken)
{
    return (struct train_step){.kept = kept, .bytes = bytes, .control = kl, .broken = broken,
                               .validation = {.target = -2 + gain}};
}

/* By hand: bytes, gain, KL, broken. */
static void train_front__points__only_what_nothing_beats(void **state)
{
    (void)state;
    const struct train_step steps[] = {
        point(5, 10, 0.1, 0.01, 0), /* the smallest */
        point(5, 20, 0.1, 0.01, 0), /* more bytes for the same: beaten by the first */
        point(5, 30, 0.3, 0.02, 0), /* more for more */
        point(0, 30, 0.3, 0.02, 0), /* kept nothing */
        point(5, 40, 0.3, 0.02, 0), /* beaten by the third */
        point(5, 40, 0.2, 0.01, 0), /* less gain, but less divergence */
        point(5, 40, 0.5, 0.05, 3), /* most gain */
        point(5, 39, -0.1, 0.0, 0), /* worse than doing nothing */
        point(5, 30, 0.3, 0.02, 0), /* equal to the third, later */
    };
    static const bool expected[] = {true, false, true, false, false, true, true, false, false};
    bool front[countof(steps)];
    train_front(steps, countof(steps), (struct objective){.target = -2}, front);
    for (size_t i = 0; i < countof(steps); i++)
        assert_int_equal(front[i], expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(train__byte_budget__filled_and_never_exceeded),
        cmocka_unit_test(train__broken_controls__step_undone),
        cmocka_unit_test(train__controls__judged_as_single_sequences_say),
        cmocka_unit_test(train__price__fewer_bytes),
        cmocka_unit_test(train__random__no_promise_same_checks),
        cmocka_unit_test(train__every_size_of_units__whole_ones_are_flipped),
        cmocka_unit_test(train__neighbours__told_apart),
        cmocka_unit_test(train__any_step__flips_as_they_were),
        cmocka_unit_test(train__set_apart_as_many_controls_as_there_are__refused),
        cmocka_unit_test(train_front__points__only_what_nothing_beats),
    };
    return cmocka_run_group_tests_name("train stop", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A search that a person steers: whatever was stepped, kept, accepted, rejected
 * and undone, gaps and fitness are those of a fresh measurement [S4], the model
 * holds exactly the accepted flips, and candidates come in the same order [S5].
 */
#include <math.h>
#include <stdlib.h>

#include "engine/model/model_int.h"
#include "engine/search/search.h"
#include "src/base/rng.h"
#include "tests/simple.h"
#include "tests/t.h"

enum { TARGETS = 3, CONTROLS = 2, PROBES = TARGETS + CONTROLS };

struct fixture {
    struct model *model;
    struct probe probes[PROBES];
    struct probe_set targets, controls;
    struct search_options options;
    struct search *search;
    uint64_t bytes; /* hash of the model's weights before */
};

static void set_up(struct fixture *fixture, uint64_t seed)
{
    struct err err;
    *fixture = (struct fixture){.model = simple_model(&tiny_default)};
    fixture->probes[0] = simple_probe("2+2=", "4", "5");
    fixture->probes[1] = simple_probe("the cat", " sat on it", " flew");
    fixture->probes[2] = simple_probe("abc", "defg", "defx");
    fixture->probes[3] = simple_probe("count", " one two", " one");
    fixture->probes[4] = simple_probe("q", "longer than its prompt", "z");
    fixture->targets = simple_set(fixture->probes, TARGETS);
    fixture->controls = simple_set(fixture->probes + TARGETS, CONTROLS);
    fixture->options = search_default_options();
    fixture->options.seed = seed;
    fixture->options.threads = 1;
    fixture->bytes = simple_bytes_hash(fixture->model);
    fixture->search = search_new(fixture->model, &fixture->targets, &fixture->controls,
                                 &fixture->options, NULL, &err);
    t_ok(fixture->search != NULL, &err);
}

static void tear_down(struct fixture *fixture)
{
    search_free(fixture->search);
    model_free(fixture->model);
}

static bool same_flip(const struct flip *a, const struct flip *b)
{
    return a->layer == b->layer && a->proj == b->proj && a->row == b->row &&
           a->group == b->group && memcmp(a->mask, b->mask, sizeof a->mask) == 0;
}

static void measure_fresh(const struct fixture *fixture, double *gaps)
{
    struct err err;
    const struct probe *list[PROBES];
    for (size_t i = 0; i < PROBES; i++)
        list[i] = &fixture->probes[i];
    struct measure_options options = {fixture->options.metric, 1, 0};
    struct measure *measure = measure_new(fixture->model, list, PROBES, &options, &err);
    t_ok(measure != NULL, &err);
    t_ok(measure_run(measure, gaps, NULL, &err), &err);
    measure_free(measure);
}

/* Mean gain of the targets minus penalty times mean loss of the controls. */
static double judge(const struct fixture *fixture, const double *gaps)
{
    const double *before = search_gaps_before(fixture->search);
    double gain = 0, loss = 0;
    for (size_t i = 0; i < TARGETS; i++)
        gain += gaps[i] - before[i];
    for (size_t i = TARGETS; i < PROBES; i++)
        loss += before[i] > gaps[i] ? before[i] - gaps[i] : 0;
    return gain / TARGETS - fixture->options.penalty * (loss / CONTROLS);
}

static void check_state(const struct fixture *fixture)
{
    double gaps[PROBES];
    size_t count = 0;
    const struct flip *flips = search_accepted(fixture->search, &count);
    measure_fresh(fixture, gaps);
    assert_memory_equal(gaps, search_gaps_now(fixture->search), sizeof gaps);
    double fitness = judge(fixture, gaps);
    assert_true(fitness == search_fitness(fixture->search));
    if (count > 0)
        assert_true(search_history(fixture->search)[count - 1] == fitness);
    struct model *other = simple_model(&tiny_default);
    for (size_t i = 0; i < count; i++)
        model_flip(other, &flips[i]);
    assert_true(state_name_equal(model_state(other), model_state(fixture->model)));
    assert_true(simple_bytes_hash(other) == simple_bytes_hash(fixture->model));
    model_free(other);
}

static struct search_try step(struct fixture *fixture)
{
    struct err err;
    struct search_try tried;
    if (search_step(fixture->search, &tried, NULL, &err) != SEARCH_TRIED)
        fail_msg("no step");
    return tried;
}

/* Some flip of the model; from so few that they come again. */
static struct flip some_flip(struct rng *rng)
{
    struct flip flip = {(int32_t)rng_below(rng, 2), PROJ_GATE, (uint32_t)rng_below(rng, 3),
                        FLIP_WHOLE_ROW, {0, 0}};
    flip.proj = (enum proj)rng_below(rng, PROJ_LAYER_COUNT);
    if (rng_below(rng, 3) == 0) {
        flip.group = 0;
        memcpy(flip.mask, flip_mask_all, sizeof flip.mask);
    }
    return flip;
}

/* One random deed; those that are refused change nothing. */
static void act(struct fixture *fixture, struct rng *rng)
{
    struct err err;
    struct search_try tried;
    double gaps[PROBES], fitness = 0;
    struct flip flip = some_flip(rng), undone;
    struct flip some[] = {flip, some_flip(rng), some_flip(rng)};
    switch (rng_below(rng, 9)) {
    case 0: t_ok(search_keep(fixture->search, &flip, &tried, NULL, &err), &err); break;
    case 1: (void)search_accept(fixture->search, &tried, NULL, &err); break;
    case 2: (void)search_reject(fixture->search, &tried, &err); break;
    case 3: (void)search_undo(fixture->search, &undone); break;
    case 5: t_ok(search_keep_all(fixture->search, some, 3, NULL, &err), &err); break;
    case 6:
        t_ok(search_measure_alone(fixture->search, some, 3, gaps, &fitness, NULL, &err), &err);
        break;
    case 4: t_ok(search_measure(fixture->search, &flip, gaps, &fitness, NULL, &err), &err); break;
    default: (void)step(fixture); break;
    }
}

static void search__any_deeds__as_measured_afresh_and_undo_to_the_start(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct fixture fixture;
        struct rng rng;
        struct flip undone;
        set_up(&fixture, seed);
        rng_seed(&rng, seed);
        for (int i = 0; i < 25; i++) {
            act(&fixture, &rng);
            check_state(&fixture);
        }
        size_t count = 0, left = 0;
        for ((void)search_accepted(fixture.search, &count); count > 0; count = left) {
            size_t newest = search_newest(fixture.search);
            struct flip top = search_accepted(fixture.search, &count)[count - 1];
            assert_true(search_undo(fixture.search, &undone));
            assert_true(same_flip(&undone, &top));
            (void)search_accepted(fixture.search, &left);
            assert_int_equal(left, count - newest);
            check_state(&fixture);
        }
        assert_false(search_undo(fixture.search, &undone));
        assert_true(search_fitness(fixture.search) == 0);
        assert_memory_equal(search_gaps_now(fixture.search), search_gaps_before(fixture.search),
                            PROBES * sizeof(double));
        assert_true(simple_bytes_hash(fixture.model) == fixture.bytes);
        tear_down(&fixture);
    }
}

static void search__overrides__same_candidates(void **state)
{
    (void)state;
    struct fixture plain, steered;
    struct rng rng;
    set_up(&plain, 7);
    set_up(&steered, 7);
    rng_seed(&rng, 7);
    for (int i = 0; i < 20; i++) {
        struct flip next[4];
        assert_int_equal(search_peek(steered.search, 4, next, NULL), 4);
        struct search_try a = step(&plain), b = step(&steered), tried;
        struct err err;
        assert_true(same_flip(&a.flip, &b.flip));
        assert_true(same_flip(&a.flip, &next[0]));
        assert_int_equal(a.number, b.number);
        struct flip flip = some_flip(&rng);
        if (i % 3 == 0)
            t_ok(search_keep(steered.search, &flip, &tried, NULL, &err), &err);
        else if (i % 3 == 1)
            (void)(b.accepted ? search_reject(steered.search, &tried, &err)
                              : search_accept(steered.search, &tried, NULL, &err));
    }
    tear_down(&plain);
    tear_down(&steered);
}

static void search_peek__any_count__what_is_stepped_next(void **state)
{
    (void)state;
    struct fixture fixture;
    struct flip ahead[12], again[12];
    double scales[12];
    set_up(&fixture, 3);
    fixture.options.iterations = 10;
    search_free(fixture.search);
    struct err err;
    fixture.search = search_new(fixture.model, &fixture.targets, &fixture.controls,
                                &fixture.options, NULL, &err);
    assert_int_equal(search_left(fixture.search), 10);
    assert_int_equal(search_peek(fixture.search, 12, ahead, scales), 10);
    assert_int_equal(search_peek(fixture.search, 4, again, NULL), 4);
    for (size_t i = 0; i < 10; i++) {
        const struct flip *flip = &ahead[i];
        if (i < 4)
            assert_true(same_flip(flip, &again[i]));
        assert_true(scales[i] ==
                    search_row_scale(fixture.model, flip->layer, flip->proj, flip->row));
        assert_true(scales[i] > 0);
        struct search_try tried = step(&fixture);
        assert_true(same_flip(&tried.flip, flip));
        assert_int_equal(search_left(fixture.search), 9 - i);
    }
    assert_int_equal(search_peek(fixture.search, 12, again, scales), 0);
    struct search_try tried;
    assert_int_equal(search_step(fixture.search, &tried, NULL, &err), SEARCH_FINISHED);
    tear_down(&fixture);
}

static void search_measure__any_flip__as_kept_and_model_unchanged(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    struct search_try tried;
    struct flip flip = {1, PROJ_DOWN, 5, FLIP_WHOLE_ROW, {0, 0}};
    double gaps[PROBES], fitness = 0;
    set_up(&fixture, 1);
    t_ok(search_measure(fixture.search, &flip, gaps, &fitness, NULL, &err), &err);
    assert_true(simple_bytes_hash(fixture.model) == fixture.bytes);
    assert_true(search_fitness(fixture.search) == 0);
    t_ok(search_keep(fixture.search, &flip, &tried, NULL, &err), &err);
    assert_true(tried.fitness == fitness && search_fitness(fixture.search) == fitness);
    assert_memory_equal(gaps, search_gaps_now(fixture.search), sizeof gaps);
    assert_true(tried.accepted && tried.number == 0);
    /* Kept once more it is off again, and both are to be undone. */
    t_ok(search_keep(fixture.search, &flip, &tried, NULL, &err), &err);
    assert_true(simple_bytes_hash(fixture.model) == fixture.bytes);
    assert_true(search_fitness(fixture.search) == 0);
    size_t count = 0;
    (void)search_accepted(fixture.search, &count);
    assert_int_equal(count, 2);
    check_state(&fixture);
    tear_down(&fixture);
}

static void search__flip_outside_or_cancelled__refused_and_unchanged(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    struct search_try tried;
    struct flip outside = {2, PROJ_UP, 0, FLIP_WHOLE_ROW, {0, 0}};
    struct flip inside = {1, PROJ_UP, 0, FLIP_WHOLE_ROW, {0, 0}};
    double gaps[PROBES], fitness = 0;
    cancel_flag cancel = true;
    set_up(&fixture, 1);
    assert_false(search_measure(fixture.search, &outside, gaps, &fitness, NULL, &err));
    assert_int_equal(err.code, ERR_RANGE);
    assert_false(search_keep(fixture.search, &outside, &tried, NULL, &err));
    assert_int_equal(err.code, ERR_RANGE);
    assert_false(search_measure(fixture.search, &inside, gaps, &fitness, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_false(search_keep(fixture.search, &inside, &tried, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_true(simple_bytes_hash(fixture.model) == fixture.bytes);
    check_state(&fixture);
    tear_down(&fixture);
}

static void search_accept__screened_out__measured_first(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    struct search_try tried, accepted;
    set_up(&fixture, 1);
    tried = step(&fixture);
    for (uint64_t seed = 2; !tried.screened; seed++) { /* about every fourth first one is */
        tear_down(&fixture);
        set_up(&fixture, seed);
        tried = step(&fixture);
    }
    uint64_t screened = search_screened(fixture.search);
    double gaps[PROBES], fitness = 0;
    assert_null(search_gaps_last(fixture.search));
    t_ok(search_measure(fixture.search, &tried.flip, gaps, &fitness, NULL, &err), &err);
    t_ok(search_accept(fixture.search, &accepted, NULL, &err), &err);
    assert_true(accepted.accepted && !accepted.screened && accepted.number == tried.number);
    assert_true(accepted.fitness == fitness);
    assert_memory_equal(search_gaps_last(fixture.search), gaps, sizeof gaps);
    assert_int_equal(search_screened(fixture.search), screened);
    check_state(&fixture);
    tear_down(&fixture);
}

static void search_accept__other_flips_since__measured_on_top_of_them(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    struct search_try tried, other;
    struct flip flip = {0, PROJ_O, 1, FLIP_WHOLE_ROW, {0, 0}};
    set_up(&fixture, 2);
    do
        tried = step(&fixture);
    while (tried.screened || tried.accepted);
    t_ok(search_keep(fixture.search, &flip, &other, NULL, &err), &err);
    t_ok(search_accept(fixture.search, &other, NULL, &err), &err);
    assert_true(same_flip(&other.flip, &tried.flip));
    check_state(&fixture);
    assert_false(search_accept(fixture.search, &other, NULL, &err));
    t_err_is(&err, ERR_USAGE, "", "the last candidate is accepted already");
    t_ok(search_reject(fixture.search, &other, &err), &err);
    assert_false(other.accepted);
    check_state(&fixture);
    tear_down(&fixture);
}

static void search_reject__not_accepted_or_not_on_top__refused(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    struct search_try tried;
    struct flip flip = {0, PROJ_O, 1, FLIP_WHOLE_ROW, {0, 0}}, undone;
    set_up(&fixture, 2);
    assert_false(search_accept(fixture.search, &tried, NULL, &err));
    t_err_is(&err, ERR_USAGE, "", "no candidate was tried yet");
    assert_false(search_reject(fixture.search, &tried, &err));
    t_err_is(&err, ERR_USAGE, "", "no candidate was tried yet");
    do
        tried = step(&fixture);
    while (tried.accepted);
    assert_false(search_reject(fixture.search, &tried, &err));
    t_err_is(&err, ERR_USAGE, "", "the last candidate is not accepted");
    t_ok(search_accept(fixture.search, &tried, NULL, &err), &err);
    t_ok(search_keep(fixture.search, &flip, &tried, NULL, &err), &err);
    assert_false(search_reject(fixture.search, &tried, &err));
    t_err_is(&err, ERR_USAGE, "",
             "flips were accepted after the last candidate, undo them first");
    assert_true(search_undo(fixture.search, &undone));
    t_ok(search_reject(fixture.search, &tried, &err), &err);
    check_state(&fixture);
    tear_down(&fixture);
}

/* The scale of the first group of a token's embedding. */
static uint8_t *embedding_of(const struct fixture *fixture, int32_t id)
{
    const struct matrix *embed = &fixture->model->embed;
    return embed->blocks + (size_t)id * embed->groups * GROUP_BYTES;
}

/* A step that fails between targets and controls has measured half of its gaps: they
 * are not those of the candidate before, which is still the last. */
static void search_accept__after_a_step_failed_half_way__its_own_gaps(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    struct search_try tried = {0}, failed;
    set_up(&fixture, 5);
    search_free(fixture.search);
    fixture.options.keep_bytes = 0; /* every measurement begins at the embedding */
    fixture.search = search_new(fixture.model, &fixture.targets, &fixture.controls,
                                &fixture.options, NULL, &err);
    t_ok(fixture.search != NULL, &err);
    struct ids ids = simple_encode(fixture.model, "q"); /* of a control alone */
    uint8_t *scale = embedding_of(&fixture, ids.data[0]);
    const uint8_t good[2] = {scale[0], scale[1]}, infinite[2] = {0x00, 0x7C};
    enum search_status status = SEARCH_TRIED;
    while (status == SEARCH_TRIED) {
        do
            tried = step(&fixture);
        while (tried.screened || tried.accepted);
        memcpy(scale, infinite, sizeof infinite);
        status = search_step(fixture.search, &failed, NULL, &err);
        memcpy(scale, good, sizeof good);
    }
    assert_int_equal(status, SEARCH_FAILED);
    assert_int_equal(err.code, ERR_NUMERIC);
    t_ok(search_accept(fixture.search, &failed, NULL, &err), &err);
    assert_int_equal(failed.number, tried.number);
    check_state(&fixture);
    ids_free(&ids);
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search__any_deeds__as_measured_afresh_and_undo_to_the_start),
        cmocka_unit_test(search__overrides__same_candidates),
        cmocka_unit_test(search_peek__any_count__what_is_stepped_next),
        cmocka_unit_test(search_measure__any_flip__as_kept_and_model_unchanged),
        cmocka_unit_test(search__flip_outside_or_cancelled__refused_and_unchanged),
        cmocka_unit_test(search_accept__screened_out__measured_first),
        cmocka_unit_test(search_accept__other_flips_since__measured_on_top_of_them),
        cmocka_unit_test(search_accept__after_a_step_failed_half_way__its_own_gaps),
        cmocka_unit_test(search_reject__not_accepted_or_not_on_top__refused),
    };
    return cmocka_run_group_tests_name("search, steered", tests, NULL, NULL);
}

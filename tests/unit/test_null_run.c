/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Null models scored: each number is that of an evaluation with these flips on, and
 * nothing of them stays.
 */
#include <math.h>
#include <stdlib.h>

#include "src/report/null_run.h"
#include "tests/simple.h"
#include "tests/t.h"

enum { DRAWS = 3 };

static const struct flip patch[] = {
    {0, PROJ_DOWN, 3, FLIP_WHOLE_ROW, {0, 0}},
    {1, PROJ_O, 7, FLIP_WHOLE_ROW, {0, 0}},
    {2, PROJ_DOWN, 9, 1, {UINT64_MAX, UINT64_MAX}},
    {0, PROJ_UP, 5, 0, {12, 1}},
};

struct fixture {
    struct model *model;
    struct probe_set *set;
    struct evaluation *base;
    uint64_t bytes;
};

static struct evaluation *ask(const struct fixture *fixture)
{
    struct err err;
    const struct evaluate_options options = {.metric = METRIC_SEQ_LOGPROB};
    struct evaluation *evaluation =
        evaluate(fixture->model, fixture->set, &options, NULL, NULL, &err);
    t_ok(evaluation != NULL, &err);
    return evaluation;
}

static void open_fixture(struct fixture *fixture)
{
    struct err err;
    fixture->model = simple_nano();
    fixture->set = probe_set_load("math,code", &err);
    t_ok(fixture->set != NULL, &err);
    fixture->base = ask(fixture);
    fixture->bytes = simple_bytes_hash(fixture->model);
}

static void close_fixture(struct fixture *fixture)
{
    evaluation_free(fixture->base);
    probe_set_free(fixture->set);
    model_free(fixture->model);
}

static struct null_request request_of(const struct fixture *fixture, size_t draws)
{
    return (struct null_request){
        .model = fixture->model,
        .set = fixture->set,
        .base = fixture->base,
        .flips = patch,
        .flip_count = countof(patch),
        .draws = draws,
        .seed = 7,
        .options = {.metric = METRIC_SEQ_LOGPROB},
    };
}

/* [Z1] */
static void expect_untouched(const struct fixture *fixture)
{
    const struct state_name clean = {{0, 0}};
    assert_true(state_name_equal(model_state(fixture->model), clean));
    uint64_t groups = 0;
    assert_int_equal(model_flipped_bits(fixture->model, &groups), 0);
    assert_true(simple_bytes_hash(fixture->model) == fixture->bytes);
}

static void flip_all(struct model *model, const struct flip *flips)
{
    for (size_t i = 0; i < countof(patch); i++)
        model_flip(model, &flips[i]);
}

/* One draw, put on by hand. */
static void expect_draw(const struct fixture *fixture, const struct null_run *run, int kind,
                        size_t draw)
{
    struct err err;
    struct null_profile *profile =
        null_profile_new(fixture->model, patch, countof(patch), &err);
    struct flip flips[countof(patch)];
    double right[2] = {0, 0}, change[2] = {0, 0}, count[2] = {0, 0};
    t_ok(profile != NULL, &err);
    null_profile_draw(profile, (enum null_kind)kind, 7, draw, flips);
    flip_all(fixture->model, flips);
    struct evaluation *now = ask(fixture);
    flip_all(fixture->model, flips);
    for (size_t i = 0; i < fixture->set->count; i++) {
        size_t which = strcmp(fixture->set->probes[i].set, "math") != 0;
        right[which] += now->right[i];
        change[which] += now->gap[i] - fixture->base->gap[i];
        count[which]++;
    }
    for (size_t i = 0; i < 2; i++) {
        assert_true(run->sets[i].right[kind][draw] == right[i]);
        assert_true(fabs(run->sets[i].gap_change[kind][draw] - change[i] / count[i]) < 1e-12);
        assert_true(change[i] != 0);
    }
    evaluation_free(now);
    null_profile_free(profile);
}

static void null_run_new__every_draw__as_put_on_by_hand(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    open_fixture(&fixture);
    struct null_request request = request_of(&fixture, DRAWS);
    struct null_run *run = null_run_new(&request, NULL, NULL, &err);
    t_ok(run != NULL, &err);
    expect_untouched(&fixture);
    assert_int_equal(run->set_count, 2);
    assert_int_equal(run->flip_count, countof(patch));
    assert_string_equal(run->sets[0].set, "math");
    assert_string_equal(run->sets[1].set, "code");
    for (int kind = 0; kind < NULL_KIND_COUNT; kind++)
        for (size_t draw = 0; draw < DRAWS; draw++)
            expect_draw(&fixture, run, kind, draw);
    request.draws = 1; /* [Z2] */
    struct null_run *first = null_run_new(&request, NULL, NULL, &err);
    t_ok(first != NULL, &err);
    for (int kind = 0; kind < NULL_KIND_COUNT; kind++)
        assert_true(first->sets[1].gap_change[kind][0] == run->sets[1].gap_change[kind][0]);
    null_run_free(first);
    null_run_free(run);
    close_fixture(&fixture);
}

/* Cancels when so many probes are done. */
struct stopper {
    cancel_flag cancel;
    size_t after;
    size_t last, total;
};

static void stop_after(void *user, size_t done, size_t total)
{
    struct stopper *stopper = user;
    assert_true(done >= stopper->last && done <= total);
    stopper->last = done;
    stopper->total = total;
    if (done >= stopper->after)
        atomic_store(&stopper->cancel, true);
}

static void null_run_new__cancelled_anywhere__model_as_before(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    open_fixture(&fixture);
    const size_t after[] = {0, 1, 30, 50, SIZE_MAX};
    for (size_t i = 0; i < countof(after); i++) {
        struct stopper stopper = {.after = after[i]};
        const struct work_progress progress = {stop_after, &stopper};
        struct null_request request = request_of(&fixture, 1);
        struct null_run *run = null_run_new(&request, &progress, &stopper.cancel, &err);
        assert_int_equal(run != NULL, after[i] == SIZE_MAX);
        if (!run)
            assert_int_equal(err.code, ERR_CANCELLED);
        else /* gaps and answers of all probes, for two draws */
            assert_true(stopper.last == stopper.total &&
                        stopper.total == 2 * 2 * fixture.set->count);
        null_run_free(run);
        expect_untouched(&fixture);
    }
    close_fixture(&fixture);
}

static void null_run_new__flips_that_do_not_fit__refused(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    open_fixture(&fixture);
    const struct flip outside = {99, PROJ_DOWN, 3, FLIP_WHOLE_ROW, {0, 0}};
    struct null_request request = request_of(&fixture, 1);
    request.flips = &outside;
    request.flip_count = 1;
    assert_null(null_run_new(&request, NULL, NULL, &err));
    assert_int_equal(err.code, ERR_RANGE);
    expect_untouched(&fixture);
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_run_new__every_draw__as_put_on_by_hand),
        cmocka_unit_test(null_run_new__cancelled_anywhere__model_as_before),
        cmocka_unit_test(null_run_new__flips_that_do_not_fit__refused),
    };
    return cmocka_run_group_tests_name("null_run", tests, NULL, NULL);
}

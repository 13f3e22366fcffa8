/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A search that is stopped and resumed is, to the bit, one that never stopped [S1].
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/search.h"
#include "tests/simple.h"
#include "tests/six_probes.h"
#include "tests/t.h"
#include "tests/tiny.h"

enum { STEPS = 18 };

/* What a session writes down. */
struct log {
    struct search_try tries[STEPS];
    struct flip flips[STEPS];
    double fitness[STEPS], gaps[STEPS][PROBES], before[PROBES];
    size_t accepted[STEPS + 1]; /* after so many steps */
    uint64_t screened[STEPS + 1];
    uint64_t hash; /* of the model at the end */
};

static void note(struct log *log, struct search *search, size_t done)
{
    size_t count = 0;
    const struct flip *flips = search_accepted(search, &count);
    log->accepted[done] = count;
    log->screened[done] = search_screened(search);
    if (count == 0)
        return;
    log->flips[count - 1] = flips[count - 1];
    log->fitness[count - 1] = search_fitness(search);
    memcpy(log->gaps[count - 1], search_gaps_now(search), sizeof log->gaps[0]);
}

static void run(struct log *log, struct search *search, const struct model *model, size_t done)
{
    struct err err;
    for (; done < STEPS; done++) {
        struct search_try tried;
        assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_TRIED);
        memset(&log->tries[done], 0, sizeof tried); /* padding too */
        log->tries[done].flip = tried.flip;
        log->tries[done].number = tried.number;
        log->tries[done].screened = tried.screened;
        log->tries[done].accepted = tried.accepted;
        log->tries[done].fitness = tried.fitness;
        note(log, search, done + 1);
    }
    log->hash = simple_bytes_hash(model);
}

static void resume_after_every_step(struct search_options options)
{
    struct err err;
    struct log whole = {0};
    struct model *model = simple_model(&tiny_default);
    struct search *search = search_new(model, &targets, &controls, &options, NULL, &err);
    t_ok(search != NULL, &err);
    memcpy(whole.before, search_gaps_before(search), sizeof whole.before);
    run(&whole, search, model, 0);
    search_free(search);
    model_free(model);
    assert_true(whole.accepted[STEPS] > 2 && whole.accepted[STEPS] < STEPS);
    for (size_t done = 0; done <= STEPS; done++) {
        const struct search_past past = {
            .gaps_before = whole.before,
            .tried = done,
            .screened = whole.screened[done],
            .accepted = whole.flips,
            .fitness = whole.fitness,
            .gaps = whole.gaps[0],
            .accepted_count = whole.accepted[done],
        };
        struct log again = whole;
        model = simple_model(&tiny_default);
        search = search_resume(model, &targets, &controls, &options, &past, NULL, &err);
        t_ok(search != NULL, &err);
        assert_int_equal(search_tried(search), done);
        run(&again, search, model, done);
        assert_memory_equal(&again, &whole, sizeof whole);
        search_free(search);
        model_free(model);
    }
}

static void search_resume__after_every_step__as_never_stopped(void **state)
{
    (void)state;
    struct search_options options = search_default_options();
    resume_after_every_step(options);
    options.metric = METRIC_MARGIN;
    options.seed = 5;
    resume_after_every_step(options);
    options.control_metric = METRIC_KL; /* its base is taken anew */
    resume_after_every_step(options);
}

static void search_resume__by_attribution__as_never_stopped(void **state)
{
    (void)state;
    struct search_options options = search_default_options();
    options.order = ORDER_ATTRIBUTION;
    resume_after_every_step(options);
    options.metric = METRIC_SOFT_MARGIN;
    resume_after_every_step(options);
}

struct promised {
    struct flip flips[1000];
    double change[1000];
    size_t count;
};

static void take_promises(void *user, const struct predicted *predicted)
{
    struct promised *all = user;
    for (uint32_t row = 0; row < predicted->count; row++) {
        all->flips[all->count] = predicted_flip(predicted, row);
        all->change[all->count++] = predicted->change[row];
    }
}

/* What is predicted of the model before the search, asked of it here. */
static void predict_here(struct model *model, struct search *search, struct promised *out)
{
    struct err err;
    static const int32_t layers[] = {0, 1};
    struct predict_options options = {layers, 2, 1u << PROJ_UP, GRANULARITY_ROW, 1, 0};
    struct measure_options measured = {.metric = METRIC_SEQ_LOGPROB, .threads = 1};
    const struct probe *list[PROBES];
    for (size_t i = 0; i < PROBES; i++)
        list[i] = &probes[i];
    struct measure *parts[] = {measure_new(model, list, TARGETS, &measured, &err),
                               measure_new(model, list + TARGETS, CONTROLS, &measured, &err)};
    struct predict *predict = predict_new(model, parts[0], parts[1], &options, &err);
    const double *before = search_gaps_before(search);
    struct judge judge = {
        .before = before, .target_count = TARGETS, .control_count = CONTROLS, .penalty = 2,
        .mean = 1, .target = {1, HUGE_VAL, 0}, .control = {1, HUGE_VAL, 0},
    };
    t_ok(predict_run(predict, &judge, before, take_promises, out, NULL, &err), &err);
    predict_free(predict);
    measure_free(parts[0]);
    measure_free(parts[1]);
}

static double promise_of(const struct promised *all, const struct flip *flip)
{
    for (size_t i = 0; i < all->count; i++)
        if (flip_equal(&all->flips[i], flip))
            return all->change[i];
    fail_msg("a row that was not predicted");
    return 0;
}

static void search_step__by_attribution__best_first_and_each_once(void **state)
{
    (void)state;
    struct err err;
    static struct promised all;
    struct search_options options = search_default_options();
    options.order = ORDER_ATTRIBUTION;
    options.projs = 1u << PROJ_UP;
    options.iterations = UINT64_MAX;
    struct model *model = simple_model(&tiny_default);
    struct search *search = search_new(model, &targets, &controls, &options, NULL, &err);
    t_ok(search != NULL, &err);
    all.count = 0;
    predict_here(model, search, &all);
    assert_int_equal(search_candidates(search), all.count);
    struct search_try tried;
    double last = HUGE_VAL;
    size_t count = 0;
    for (; search_step(search, &tried, NULL, &err) == SEARCH_TRIED; count++) {
        double promise = promise_of(&all, &tried.flip);
        assert_true(promise <= last);
        last = promise;
        if (count == 3) { /* as if it had not been */
            struct flip first = tried.flip, undone;
            if (tried.accepted)
                assert_true(search_undo(search, &undone));
            search_untry(search);
            assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_TRIED);
            assert_true(flip_equal(&tried.flip, &first));
        }
    }
    assert_int_equal(count, all.count);
    assert_int_equal(search_left(search), 0);
    search_free(search);
    model_free(model);
}

static void search__margin_and_kl__plain_evaluation_and_threads_change_nothing(void **state)
{
    (void)state;
    struct err err;
    struct search_options options = search_default_options();
    options.metric = METRIC_MARGIN;
    options.control_metric = METRIC_KL;
    options.seed = 5;
    struct log first = {0};
    for (int way = 0; way < 4; way++) {
        struct model *model = simple_model(&tiny_default);
        struct log log = {0};
        options.plain = way == 1;
        options.threads = way;
        options.keep_bytes = way == 3 ? 0 : SEARCH_KEEP_DEFAULT;
        struct search *search = search_new(model, &targets, &controls, &options, NULL, &err);
        t_ok(search != NULL, &err);
        memcpy(log.before, search_gaps_before(search), sizeof log.before);
        run(&log, search, model, 0);
        if (way == 0)
            first = log;
        assert_memory_equal(&log, &first, sizeof log);
        for (size_t i = TARGETS; i < PROBES; i++) {
            assert_true(log.before[i] == 0);
            assert_true(search_gaps_now(search)[i] < 0);
        }
        search_free(search);
        model_free(model);
    }
}

static void search_redo__after_undo__same_gaps_and_bytes(void **state)
{
    (void)state;
    struct err err;
    struct search_options options = search_default_options();
    struct model *model = simple_model(&tiny_default);
    struct search *search = search_new(model, &targets, &controls, &options, NULL, &err);
    t_ok(search != NULL, &err);
    struct log log = {0};
    run(&log, search, model, 0);
    size_t count = log.accepted[STEPS];
    struct flip undone;
    for (size_t i = 0; i < 2; i++)
        assert_true(search_undo(search, &undone));
    for (size_t i = count - 2; i < count; i++)
        search_redo(search, &log.flips[i], 1, log.gaps[i], log.fitness[i]);
    assert_int_equal(simple_bytes_hash(model), log.hash);
    double fitness = search_fitness(search);
    assert_memory_equal(&fitness, &log.fitness[count - 1], sizeof fitness);
    assert_memory_equal(search_gaps_now(search), log.gaps[count - 1], sizeof log.gaps[0]);
    double gaps[PROBES];
    assert_true(search_undo(search, &undone));
    t_ok(search_measure(search, &undone, gaps, &fitness, NULL, &err), &err); /* [S4] */
    assert_memory_equal(gaps, log.gaps[count - 1], sizeof gaps);
    search_free(search);
    model_free(model);
}

/* The last candidate, accepted, undone and put back, is the last accepted one again. */
static void search_redo__last_candidate__accepted_again(void **state)
{
    (void)state;
    struct err err;
    struct search_options options = search_default_options();
    struct model *model = simple_model(&tiny_default);
    struct search *search = search_new(model, &targets, &controls, &options, NULL, &err);
    t_ok(search != NULL, &err);
    struct search_try tried = {0};
    while (!tried.accepted)
        assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_TRIED);
    double gaps[PROBES], fitness = search_fitness(search);
    memcpy(gaps, search_gaps_now(search), sizeof gaps);
    struct flip undone;
    assert_true(search_undo(search, &undone));
    search_redo(search, &undone, 1, gaps, fitness);
    assert_false(search_accept(search, &tried, NULL, &err));
    t_err_is(&err, ERR_USAGE, "", "the last candidate is accepted already");
    t_ok(search_reject(search, &tried, &err), &err);
    size_t count = 1;
    (void)search_accepted(search, &count);
    assert_int_equal(count, 0);
    search_free(search);
    model_free(model);
}

static void search_resume__past_that_does_not_fit__refused(void **state)
{
    (void)state;
    struct err err;
    struct search_options options = search_default_options();
    options.projs = 1u << PROJ_K;
    double zeros[PROBES] = {0};
    struct flip flip = {99, PROJ_UP, 0, FLIP_WHOLE_ROW, {0, 0}};
    struct search_past past = {.gaps_before = zeros, .tried = 1000000};
    struct model *model = simple_model(&tiny_default);
    assert_null(search_resume(model, &targets, &controls, &options, &past, NULL, &err));
    assert_int_equal(err.code, ERR_MISMATCH);
    past = (struct search_past){.gaps_before = zeros, .tried = 1, .accepted = &flip,
                                .fitness = zeros, .gaps = zeros, .accepted_count = 1};
    assert_null(search_resume(model, &targets, &controls, &options, &past, NULL, &err));
    t_err_is(&err, ERR_RANGE, "", "layer 99 is outside 0 .. 1");
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_resume__after_every_step__as_never_stopped),
        cmocka_unit_test(search_resume__by_attribution__as_never_stopped),
        cmocka_unit_test(search_step__by_attribution__best_first_and_each_once),
        cmocka_unit_test(search__margin_and_kl__plain_evaluation_and_threads_change_nothing),
        cmocka_unit_test(search_redo__after_undo__same_gaps_and_bytes),
        cmocka_unit_test(search_redo__last_candidate__accepted_again),
        cmocka_unit_test(search_resume__past_that_does_not_fit__refused),
    };
    return cmocka_run_group_tests_name("search past", tests, six_probes_make, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method guided: order and acceptance, stopping and going on, what cannot be written down.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/guided.h"
#include "engine/search/search.h"
#include "tests/simple.h"
#include "tests/six_probes.h"
#include "tests/t.h"
#include "tests/tiny.h"

enum { STEPS = 30, FLIPS_MAX = 64 };

static struct search_options guided_options(enum granularity granularity, enum metric metric)
{
    struct search_options options = search_default_options();
    options.method = SEARCH_GUIDED;
    options.granularity = granularity;
    options.projs = search_all_projs;
    options.metric = metric;
    options.threads = 2;
    options.together = 1;
    return options;
}

/* What a session writes down. */
struct log {
    struct search_tried tries[STEPS];
    double fitness[STEPS];       /* of the candidates */
    size_t before[STEPS + 1];    /* flips that were accepted before each */
    struct flip flips[STEPS];    /* accepted */
    double fitness_with[STEPS], gaps[STEPS][PROBES], gaps_before[PROBES];
};

static struct search *begin(struct model *model, const struct search_options *options)
{
    struct err err;
    struct search *search = search_new(model, &targets, &controls, options, NULL, &err);
    t_ok(search != NULL, &err);
    return search;
}

static void step(struct search *search, struct log *log, size_t number)
{
    struct err err;
    struct search_try tried;
    size_t count = 0;
    double below = search_fitness(search);
    (void)search_accepted(search, &count);
    log->before[number] = count;
    assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_TRIED);
    assert_int_equal(tried.number, number + 1);
    log->tries[number].flip = tried.flip;
    log->tries[number].accepted = tried.accepted;
    log->tries[number].promised = tried.promised;
    log->tries[number].fitness = tried.fitness;
    log->tries[number].below = below;
    log->fitness[number] = tried.fitness;
    const struct flip *flips = search_accepted(search, &count);
    log->before[number + 1] = count;
    if (!tried.accepted)
        return;
    log->flips[count - 1] = flips[count - 1];
    log->fitness_with[count - 1] = search_fitness(search);
    memcpy(log->gaps[count - 1], search_gaps_now(search), sizeof log->gaps[0]);
}

static void run(struct search *search, struct log *log, size_t from)
{
    memcpy(log->gaps_before, search_gaps_before(search), sizeof log->gaps_before);
    for (size_t i = from; i < STEPS; i++)
        step(search, log, i);
}

/* ---- order and acceptance ----------------------------------------------------------- */

static void search_step__guided__each_once_and_the_fitness_rises(void **state)
{
    (void)state;
    for (int g = 0; g <= GRANULARITY_GROUP; g++) {
        struct search_options options =
            guided_options((enum granularity)g, METRIC_SOFT_MARGIN);
        struct model *model = simple_model(&tiny_default);
        struct search *search = begin(model, &options);
        struct log log = {0};
        run(search, &log, 0);
        double fitness = 0;
        for (size_t i = 0; i < STEPS; i++) {
            assert_true(log.tries[i].accepted == (log.fitness[i] > fitness));
            fitness = log.tries[i].accepted ? log.fitness[i] : fitness;
            for (size_t k = 0; k < i; k++)
                assert_false(flip_equal(&log.tries[i].flip, &log.tries[k].flip));
        }
        assert_true(log.before[STEPS] >= 3 && fitness > 0);
        assert_int_equal(search_screened(search), 0);
        assert_int_equal(search_left(search), 200 - STEPS);
        search_free(search);
        model_free(model);
    }
}

static void search_step__guided__all_units_then_finished(void **state)
{
    (void)state;
    struct err err;
    static const int32_t layers[] = {1};
    struct search_options options = guided_options(GRANULARITY_ROW, METRIC_LOGPROB);
    options.layers = layers;
    options.layer_count = 1;
    options.projs = 1u << PROJ_K;
    options.iterations = 100000;
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, &options);
    uint64_t units = search_candidates(search), tried = 0;
    struct search_try out;
    while (search_step(search, &out, NULL, &err) == SEARCH_TRIED)
        tried++;
    assert_int_equal(tried, units);
    assert_int_equal(search_left(search), 0);
    search_free(search);
    model_free(model);
}

/* A row of the head moves one logit, and what that does is known but for rounding. */
static void search_step__guided_by_the_head__as_promised(void **state)
{
    (void)state;
    struct search_options options = guided_options(GRANULARITY_ROW, METRIC_LOGPROB);
    options.projs = 1u << PROJ_HEAD;
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, &options);
    struct log log = {0};
    assert_int_equal(search_candidates(search), tiny_default.vocab);
    step(search, &log, 0);
    assert_true(log.tries[0].flip.proj == PROJ_HEAD && log.tries[0].flip.layer == NO_LAYER);
    assert_true(log.tries[0].accepted && log.fitness[0] > 0);
    assert_true(fabs(log.tries[0].promised - log.fitness[0]) < 1e-3 * log.fitness[0]);
    search_free(search);
    model_free(model);
}

/* Where both are one matrix, either word stands for it, and its rows are there once. */
static void search_step__guided_by_embed_and_head__each_row_once(void **state)
{
    (void)state;
    struct err err;
    static const uint32_t asked[] = {1u << PROJ_EMBED | 1u << PROJ_HEAD, 1u << PROJ_HEAD};
    struct search_options options = guided_options(GRANULARITY_GROUP, METRIC_LOGPROB);
    options.iterations = 100000;
    for (int i = 0; i < 4; i++) {
        struct tiny tiny = tiny_default;
        tiny.tied = i % 2 == 1;
        options.projs = asked[i / 2];
        struct model *model = simple_model(&tiny);
        struct search *search = begin(model, &options);
        size_t seen[PROJ_COUNT] = {0};
        struct search_try tried;
        while (search_step(search, &tried, NULL, &err) == SEARCH_TRIED)
            seen[tried.flip.proj]++;
        assert_int_equal(seen[PROJ_EMBED], tiny.tied || i < 2 ? tiny.vocab : 0);
        assert_int_equal(seen[PROJ_HEAD], tiny.tied ? 0 : tiny.vocab);
        assert_int_equal(search_candidates(search), seen[PROJ_EMBED] + seen[PROJ_HEAD]);
        assert_int_equal(search_left(search), 0);
        search_free(search);
        model_free(model);
    }
}

static void search_new__guided_without_units__refused(void **state)
{
    (void)state;
    struct err err;
    struct search_options options = guided_options(GRANULARITY_ROW, METRIC_LOGPROB);
    struct model *model = simple_model(&tiny_default);
    options.projs = 0;
    assert_null(search_new(model, &targets, &controls, &options, NULL, &err));
    assert_int_equal(err.code, ERR_USAGE);
    model_free(model);
}

/* ---- the same again --------------------------------------------------------------------- */

static void same(const struct log *a, const struct log *b)
{
    for (size_t i = 0; i < STEPS; i++) {
        assert_true(flip_equal(&a->tries[i].flip, &b->tries[i].flip));
        assert_true(a->tries[i].accepted == b->tries[i].accepted);
        assert_memory_equal(&a->fitness[i], &b->fitness[i], sizeof a->fitness[i]);
    }
    assert_memory_equal(a->gaps, b->gaps, sizeof a->gaps);
}

static bool flips_at(void *user, uint64_t number, struct flip **flips, size_t *count,
                     struct err *err)
{
    const struct log *log = user;
    (void)err;
    *count = log->before[number - 1];
    *flips = x_new(*count + 1, sizeof **flips);
    memcpy(*flips, log->flips, *count * sizeof **flips);
    return true;
}

static void search_resume__guided__as_never_stopped(void **state)
{
    (void)state;
    struct err err;
    for (int g = 0; g <= GRANULARITY_GROUP; g++) {
        struct search_options options = guided_options((enum granularity)g, METRIC_SEQ_LOGPROB);
        struct model *model = simple_model(&tiny_default);
        struct search *search = begin(model, &options);
        struct log whole = {0};
        run(search, &whole, 0);
        search_free(search);
        model_free(model);
        for (size_t done = 0; done <= STEPS; done += done < 12 ? 1 : 3) {
            struct log again = whole;
            const struct search_past past = {
                .gaps_before = whole.gaps_before, .tried = done, .accepted = whole.flips,
                .fitness = whole.fitness_with, .gaps = whole.gaps[0],
                .accepted_count = whole.before[done], .tries = whole.tries,
                .flips_at = flips_at, .user = &whole,
            };
            model = simple_model(&tiny_default);
            options.threads = 1 + (int)(done % 3);
            search = search_resume(model, &targets, &controls, &options, &past, NULL, &err);
            t_ok(search != NULL, &err);
            run(search, &again, done);
            same(&again, &whole);
            search_free(search);
            model_free(model);
        }
    }
}

static void search_untry__guided__tried_again(void **state)
{
    (void)state;
    struct err err;
    struct search_options options = guided_options(GRANULARITY_ROW, METRIC_SEQ_LOGPROB);
    struct log whole = {0}, shaken = {0};
    for (int shake = 0; shake < 2; shake++) {
        struct model *model = simple_model(&tiny_default);
        struct search *search = begin(model, &options);
        struct log *log = shake ? &shaken : &whole;
        memcpy(log->gaps_before, search_gaps_before(search), sizeof log->gaps_before);
        for (size_t i = 0; i < STEPS; i++) {
            struct search_try tried;
            struct flip undone;
            cancel_flag cancel = true;
            if (shake)
                assert_int_equal(search_step(search, &tried, &cancel, &err), SEARCH_FAILED);
            if (shake && search_step(search, &tried, NULL, &err) == SEARCH_TRIED) {
                if (tried.accepted)
                    assert_true(search_undo(search, &undone));
                search_untry(search);
            }
            step(search, log, i);
        }
        search_free(search);
        model_free(model);
    }
    same(&shaken, &whole);
}

static void search_peek__guided__what_comes(void **state)
{
    (void)state;
    struct err err;
    struct search_options options = guided_options(GRANULARITY_GROUP, METRIC_SEQ_LOGPROB);
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, &options);
    struct flip ahead[4];
    double scales[4];
    struct search_try tried;
    assert_int_equal(search_peek(search, 4, ahead, scales), 0);
    assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_TRIED);
    assert_int_equal(search_peek(search, 4, ahead, scales), 4);
    assert_true(scales[3] > 0);
    assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_TRIED);
    assert_true(flip_equal(&tried.flip, &ahead[0]));
    search_free(search);
    model_free(model);
}

/* ---- pace ------------------------------------------------------------------------------- */

static void try_some(struct guided_pace *pace, unsigned accepted, unsigned rejected)
{
    for (unsigned i = 0; i < accepted + rejected; i++)
        assert_true(guided_pace_tried(pace, &(struct guided_outcome){1, i < accepted, 1, 1}));
}

static void guided_pace__by_hand(void **state)
{
    (void)state;
    struct guided_pace pace = guided_pace_first(1);
    assert_true(guided_pace_due(&pace, 10000));
    guided_pace_list(&pace);
    assert_int_equal(pace.every, 8);
    try_some(&pace, 7, 2);
    assert_false(guided_pace_due(&pace, 10000));
    try_some(&pace, 1, 0);
    assert_true(guided_pace_due(&pace, 10000)); /* 8 accepted */
    guided_pace_list(&pace);
    assert_int_equal(pace.every, 16); /* 8 of 10 */
    try_some(&pace, 1, 62);
    assert_false(guided_pace_due(&pace, 10000));
    try_some(&pace, 0, 1);
    assert_true(guided_pace_due(&pace, 10000)); /* 4 x 16 tried */
    guided_pace_list(&pace);
    assert_int_equal(pace.every, 8);
    try_some(&pace, 0, 511);
    assert_false(guided_pace_due(&pace, 10000)); /* none accepted: to the end */
    try_some(&pace, 0, 1);
    assert_true(guided_pace_due(&pace, 10000));
    assert_int_equal(pace.settled_before, 74);
    pace.settled = 5;
    assert_true(guided_pace_due(&pace, 79)); /* all were tried */
    assert_false(guided_pace_due(&pace, 80));
}

static bool outcome(struct guided_pace *pace, size_t count, bool accepted, double share)
{
    return guided_pace_tried(pace, &(struct guided_outcome){count, accepted, share, 1});
}

static void guided_pace__together__by_hand(void **state)
{
    (void)state;
    struct guided_pace pace = guided_pace_first(8);
    guided_pace_list(&pace);
    assert_int_equal(guided_pace_next(&pace), 1);
    assert_true(outcome(&pace, 1, true, 0.5)); /* as good as promised, the first */
    assert_int_equal(guided_pace_next(&pace), 1);
    assert_true(outcome(&pace, 1, true, 0.9));
    assert_int_equal(guided_pace_next(&pace), 2); /* twice in a row */
    assert_true(outcome(&pace, 2, true, 0.9));
    assert_true(outcome(&pace, 2, true, 0.4)); /* accepted, but less than half */
    assert_true(outcome(&pace, 2, true, 0.9));
    assert_int_equal(guided_pace_next(&pace), 2);
    assert_int_equal(pace.accepted, 8);
    guided_pace_list(&pace);
    assert_int_equal(pace.every, 16); /* all 8 were accepted */
    assert_true(outcome(&pace, 2, true, 0.9));
    assert_int_equal(guided_pace_next(&pace), 4);
    assert_true(outcome(&pace, 3, false, 0)); /* no more than 3 went together */
    assert_int_equal(guided_pace_next(&pace), 2); /* the better half, the larger one */
    assert_false(outcome(&pace, 1, true, 1));
    assert_true(outcome(&pace, 2, false, 0));
    assert_int_equal(guided_pace_next(&pace), 1);
    assert_true(outcome(&pace, 1, false, 0));
    assert_int_equal(pace.settled, 3); /* 2 accepted before, 1 rejected alone */
    assert_true(outcome(&pace, 1, true, 1));
    assert_int_equal(guided_pace_next(&pace), 1); /* of the other half */
    assert_true(outcome(&pace, 1, true, 1));
    assert_int_equal(pace.settled, 5);
    assert_int_equal(guided_pace_next(&pace), 2); /* half of 4: only the batch counted */
    assert_false(outcome(&pace, 3, true, 1));
    assert_true(outcome(&pace, 2, false, 0));
    guided_pace_list(&pace); /* what was left of the batch is forgotten */
    assert_int_equal(guided_pace_next(&pace), 1);
    assert_int_equal(pace.settled_before, 13);
}

static void search_step__together__no_batch_of_what_multiplies(void **state)
{
    (void)state;
    struct err err;
    struct search_options options = guided_options(GRANULARITY_ROW, METRIC_LOGPROB);
    options.together = SEARCH_TOGETHER_MAX;
    options.iterations = 300;
    struct model *model = simple_model(&tiny_default);
    const struct model_shape *shape = model_shape(model);
    struct search *search = begin(model, &options);
    struct search_try tried;
    size_t most = 0;
    while (search_step(search, &tried, NULL, &err) == SEARCH_TRIED) {
        most = tried.count > most ? tried.count : most;
        for (size_t i = 0; i < tried.count; i++)
            for (size_t k = 0; k < tried.count; k++) {
                const struct flip *a = &tried.flips[i], *b = &tried.flips[k];
                if (a->layer != b->layer || i == k)
                    continue;
                assert_false(a->proj == PROJ_GATE && b->proj == PROJ_UP && a->row == b->row);
                assert_false(a->proj == PROJ_Q && b->proj == PROJ_K &&
                             a->row / shape->head_dim * shape->kv_heads / shape->heads ==
                                 b->row / shape->head_dim);
            }
    }
    assert_true(most >= 2);
    search_free(search);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_step__guided__each_once_and_the_fitness_rises),
        cmocka_unit_test(search_step__guided__all_units_then_finished),
        cmocka_unit_test(search_step__guided_by_the_head__as_promised),
        cmocka_unit_test(search_step__guided_by_embed_and_head__each_row_once),
        cmocka_unit_test(search_new__guided_without_units__refused),
        cmocka_unit_test(search_resume__guided__as_never_stopped),
        cmocka_unit_test(search_untry__guided__tried_again),
        cmocka_unit_test(search_peek__guided__what_comes),
        cmocka_unit_test(guided_pace__by_hand),
        cmocka_unit_test(guided_pace__together__by_hand),
        cmocka_unit_test(search_step__together__no_batch_of_what_multiplies),
    };
    return cmocka_run_group_tests_name("guided", tests, six_probes_make, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Methods that begin with flips, or look at several things at once: what they do on a tiny
 * model, stopping and going on, what cannot be written down.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/bfs.h"
#include "engine/search/joint.h"
#include "engine/search/starts.h"
#include "tests/simple.h"
#include "tests/six_probes.h"
#include "tests/t.h"
#include "tests/tiny.h"

enum { STEPS = 104, FLIPS_MAX = 64 };

static char sets[3][9] = {"first", "second", "controls"};

static int make_probes(void **state)
{
    (void)six_probes_make(state);
    for (size_t i = 0; i < PROBES; i++)
        probes[i].set = sets[i / 2];
    return 0;
}

static const enum search_method methods[] = {SEARCH_PRUNE, SEARCH_SWAP, SEARCH_EVOLVE,
                                             SEARCH_JOINT, SEARCH_BFS};

/* Patches to begin with: some rows, some groups. */
static const char *starts_of(struct buf *starts)
{
    struct err err;
    struct flip first[6], second[3];
    const uint64_t all = UINT64_MAX;
    for (uint32_t i = 0; i < 6; i++)
        first[i] = (struct flip){(int32_t)(i % 2), i < 3 ? PROJ_UP : PROJ_V, 7 * i + 1,
                                 FLIP_WHOLE_ROW, {0, 0}};
    for (uint32_t i = 0; i < 3; i++)
        second[i] = (struct flip){1, PROJ_DOWN, 5 * i, 0, {all, i == 2 ? all - 1 : all}};
    second[0] = first[2];
    t_ok(starts_add(starts, first, 6, &err), &err);
    t_ok(starts_add(starts, second, 3, &err), &err);
    return starts->data;
}

static struct search_options options_for(enum search_method method, enum granularity granularity)
{
    struct search_options options = search_default_options();
    options.method = method;
    options.granularity = granularity;
    options.projs = search_all_projs;
    options.iterations = STEPS;
    options.seed = 7;
    options.threads = 2;
    options.early_stop = true;
    return options;
}

/* ---- what a session writes down -------------------------------------------------- */

struct log {
    struct flip flips[STEPS][FLIPS_MAX]; /* of the candidates */
    double tried_gaps[STEPS][PROBES];
    struct search_tried tries[STEPS];
    size_t steps;
    size_t levels[STEPS + 1], on[STEPS + 1]; /* accepted before each candidate */
    struct flip accepted[STEPS * FLIPS_MAX];
    size_t counts[STEPS + 1];                /* flips of each level */
    double fitness[STEPS + 1], gaps[STEPS + 1][PROBES], gaps_before[PROBES];
};

static void note_level(const struct search *search, struct log *log, size_t at)
{
    size_t count = 0, levels = search_levels(search);
    const struct flip *flips = search_accepted(search, &count);
    assert_true(count <= countof(log->accepted));
    log->levels[at] = levels;
    log->on[at] = count;
    if (levels == 0)
        return;
    memcpy(log->accepted, flips, count * sizeof *flips);
    log->counts[levels - 1] = search_newest(search);
    log->fitness[levels - 1] = search_fitness(search);
    memcpy(log->gaps[levels - 1], search_gaps_now(search), sizeof log->gaps[0]);
}

static void note_try(const struct search *search, struct log *log, size_t at,
                     const struct search_try *tried)
{
    const double *gaps = search_gaps_last(search);
    assert_true(tried->count <= FLIPS_MAX);
    memcpy(log->flips[at], tried->flips, tried->count * sizeof *tried->flips);
    if (gaps)
        memcpy(log->tried_gaps[at], gaps, sizeof log->tried_gaps[at]);
    log->tries[at] = (struct search_tried){
        .flip = tried->flip, .flips = log->flips[at], .count = tried->count,
        .accepted = tried->accepted, .screened = tried->screened, .stopped = tried->stopped,
        .fitness = tried->fitness, .gaps = gaps ? log->tried_gaps[at] : NULL,
    };
}

/* Until the search ends by itself. */
static void run(struct search *search, struct log *log, size_t from)
{
    struct err err;
    struct search_try tried;
    memcpy(log->gaps_before, search_gaps_before(search), sizeof log->gaps_before);
    note_level(search, log, from);
    for (log->steps = from; search_step(search, &tried, NULL, &err) == SEARCH_TRIED;) {
        note_try(search, log, log->steps++, &tried);
        note_level(search, log, log->steps);
    }
    assert_true(log->steps <= STEPS);
}

static struct search *begin(struct model *model, const struct search_options *options)
{
    struct err err;
    struct search *search = search_new(model, &targets, &controls, options, NULL, &err);
    t_ok(search != NULL, &err);
    return search;
}

static void same(const struct log *a, const struct log *b)
{
    assert_int_equal(a->steps, b->steps);
    for (size_t i = 0; i < a->steps; i++) {
        assert_int_equal(a->tries[i].count, b->tries[i].count);
        for (size_t k = 0; k < a->tries[i].count; k++)
            assert_true(flip_equal(&a->flips[i][k], &b->flips[i][k]));
        assert_true(a->tries[i].accepted == b->tries[i].accepted);
        assert_memory_equal(&a->tries[i].fitness, &b->tries[i].fitness, sizeof(double));
    }
    assert_int_equal(a->on[a->steps], b->on[b->steps]);
}

static bool flips_at(void *user, uint64_t number, struct flip **flips, size_t *count,
                     struct err *err)
{
    const struct log *log = user;
    (void)err;
    *count = log->on[number - 1];
    *flips = x_new(*count + 1, sizeof **flips);
    memcpy(*flips, log->accepted, *count * sizeof **flips);
    return true;
}

static struct search_past past_of(const struct log *log, size_t done)
{
    return (struct search_past){
        .gaps_before = log->gaps_before, .tried = done, .accepted = log->accepted,
        .fitness = log->fitness, .gaps = log->gaps[0], .accepted_count = log->levels[done],
        .flip_counts = log->counts, .tries = log->tries, .flips_at = flips_at,
        .user = (void *)(uintptr_t)log,
    };
}

/* The same options with starts, where the method can begin with them. */
static struct search_options with_starts(struct search_options options, struct buf *starts)
{
    const char *both = starts_of(starts);
    if (search_method_starts_max(options.method) == 1)
        *strchr(starts->data, ' ') = '\0';
    options.starts = both;
    return options;
}

static void one_resumes(const struct search_options *given, const struct log *whole, size_t done)
{
    struct err err;
    static struct log again;
    struct search_options options = *given;
    const struct search_past past = past_of(whole, done);
    struct model *model = simple_model(&tiny_default);
    again = *whole;
    for (size_t i = 0; i < STEPS; i++)
        again.tries[i].flips = again.flips[i];
    options.threads = 1 + (int)(done % 3);
    struct search *search = search_resume(model, &targets, &controls, &options, &past, NULL, &err);
    t_ok(search != NULL, &err);
    run(search, &again, done);
    same(&again, whole);
    search_free(search);
    model_free(model);
}

static void search_resume__every_method__as_never_stopped(void **state)
{
    (void)state;
    static struct log whole;
    for (size_t m = 0; m < countof(methods); m++)
        for (int g = GRANULARITY_ROW; g <= GRANULARITY_GROUP; g++) {
            struct buf starts = {0};
            struct search_options options =
                with_starts(options_for(methods[m], (enum granularity)g), &starts);
            struct model *model = simple_model(&tiny_default);
            struct search *search = begin(model, &options);
            memset(&whole, 0, sizeof whole);
            run(search, &whole, 0);
            search_free(search);
            model_free(model);
            assert_true(whole.steps >= 6);
            for (size_t done = 1; done <= whole.steps; done += 41)
                one_resumes(&options, &whole, done);
            buf_free(&starts);
        }
}

/* Flips of embed and head are asked about, put on and taken off as any. */
static void search_resume__embed_and_head__as_never_stopped(void **state)
{
    (void)state;
    static struct log whole;
    const struct flip on[] = {{NO_LAYER, PROJ_EMBED, 'a', FLIP_WHOLE_ROW, {0, 0}},
                              {NO_LAYER, PROJ_EMBED, 'q', FLIP_WHOLE_ROW, {0, 0}},
                              {1, PROJ_UP, 5, FLIP_WHOLE_ROW, {0, 0}}};
    struct err err;
    struct buf starts = {0};
    t_ok(starts_add(&starts, on, countof(on), &err), &err);
    for (size_t m = 0; m < countof(methods); m++) {
        struct search_options options = options_for(methods[m], GRANULARITY_ROW);
        options.projs = 1u << PROJ_EMBED | 1u << PROJ_HEAD;
        options.starts = starts.data;
        struct model *model = simple_model(&tiny_default);
        struct search *search = begin(model, &options);
        memset(&whole, 0, sizeof whole);
        run(search, &whole, 0);
        if (methods[m] != SEARCH_PRUNE)
            assert_int_equal(search_candidates(search), 2 * (uint64_t)tiny_default.vocab);
        search_free(search);
        model_free(model);
        size_t outside = 0;
        for (size_t i = 0; i < whole.steps; i++)
            for (size_t k = 0; k < whole.tries[i].count; k++)
                outside += whole.flips[i][k].layer == NO_LAYER;
        assert_true(outside >= 2);
        one_resumes(&options, &whole, whole.steps / 2);
    }
    buf_free(&starts);
}

/* Without starts evolve walks by itself. */
static void search_resume__evolve_without_patches__as_never_stopped(void **state)
{
    (void)state;
    static struct log whole;
    struct search_options options = options_for(SEARCH_EVOLVE, GRANULARITY_ROW);
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, &options);
    run(search, &whole, 0);
    search_free(search);
    model_free(model);
    assert_int_equal(whole.steps, STEPS);
    static const size_t stops[] = {24, 60};
    for (size_t i = 0; i < countof(stops); i++)
        one_resumes(&options, &whole, stops[i]);
}

static void search_untry__every_method__tried_again(void **state)
{
    (void)state;
    struct err err;
    static struct log whole, shaken;
    for (size_t m = 0; m < countof(methods); m++) {
        struct buf starts = {0};
        struct search_options options =
            with_starts(options_for(methods[m], GRANULARITY_ROW), &starts);
        options.iterations = 40;
        for (int shake = 0; shake < 2; shake++) {
            struct log *log = shake ? &shaken : &whole;
            struct model *model = simple_model(&tiny_default);
            struct search *search = begin(model, &options);
            struct search_try tried;
            memset(log, 0, sizeof *log);
            for (bool more = true; more;) {
                struct flip undone;
                cancel_flag cancel = true;
                if (shake && search_step(search, &tried, &cancel, &err) == SEARCH_TRIED)
                    fail_msg("a step that was cancelled went on");
                if (shake && search_step(search, &tried, NULL, &err) == SEARCH_TRIED) {
                    if (tried.accepted)
                        assert_true(search_undo(search, &undone));
                    search_untry(search);
                }
                more = search_step(search, &tried, NULL, &err) == SEARCH_TRIED;
                if (more)
                    note_try(search, log, log->steps++, &tried);
            }
            search_free(search);
            model_free(model);
        }
        same(&shaken, &whole);
        buf_free(&starts);
    }
}

/* ---- what they do ---------------------------------------------------------------- */

/* Flips that are on after a search, as a model sees them. */
static struct state_name state_after(struct search *search, struct model *model)
{
    search_free(search);
    struct state_name name = model_state(model);
    model_free(model);
    return name;
}

/* What a short guided search accepts; returns how many. */
static size_t guided_flips(struct flip flips[FLIPS_MAX])
{
    struct err err;
    struct search_options options = options_for(SEARCH_GUIDED, GRANULARITY_ROW);
    struct model *model = simple_model(&tiny_default);
    struct search_try tried;
    size_t count = 0;
    options.iterations = 12;
    struct search *search = begin(model, &options);
    while (search_step(search, &tried, NULL, &err) == SEARCH_TRIED)
        continue;
    const struct flip *found = search_accepted(search, &count);
    assert_true(count >= 2 && count < FLIPS_MAX);
    memcpy(flips, found, count * sizeof *flips);
    (void)state_after(search, model);
    return count;
}

/* A search that begins with these flips. */
static struct search *begin_with(struct model *model, enum search_method method,
                                 const struct flip *flips, size_t count)
{
    struct err err;
    struct buf starts = {0};
    struct search_options options = options_for(method, GRANULARITY_ROW);
    t_ok(starts_add(&starts, flips, count, &err), &err);
    options.starts = starts.data;
    struct search *search = begin(model, &options);
    buf_free(&starts);
    return search;
}

/* A row that lowers the fitness on top of these flips, by measuring some. */
static struct flip harmful(const struct flip *flips, size_t count)
{
    struct err err;
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin_with(model, SEARCH_PRUNE, flips, count);
    struct flip harm = {0, PROJ_DOWN, 0, FLIP_WHOLE_ROW, {0, 0}};
    double gaps[PROBES], with = HUGE_VAL;
    for (harm.row = 0; harm.row < 64; harm.row++) {
        t_ok(search_measure(search, &harm, gaps, &with, NULL, &err), &err);
        if (with < search_fitness(search))
            break;
    }
    assert_true(harm.row < 64);
    (void)state_after(search, model);
    return harm;
}

/* Of all that are on, none can go: each is measured. */
static void none_can_go(struct search *search)
{
    struct err err;
    struct flip_bag on = {0};
    size_t count = 0;
    const struct flip *flips = search_accepted(search, &count);
    flip_bag_xor(&on, flips, count);
    for (size_t i = 0; i < on.count; i++) {
        double gaps[PROBES], fitness = 0;
        t_ok(search_measure(search, &on.flips[i], gaps, &fitness, NULL, &err), &err);
        assert_true(fitness < search_fitness(search));
    }
    flip_bag_free(&on);
}

static void search_step__prune__what_is_planted_goes(void **state)
{
    (void)state;
    struct err err;
    struct flip flips[FLIPS_MAX];
    size_t count = guided_flips(flips);
    struct flip harm = flips[count] = harmful(flips, count);
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin_with(model, SEARCH_PRUNE, flips, count + 1);
    struct search_try tried;
    double before = search_fitness(search);
    bool gone = false;
    assert_int_equal(search_levels(search), 1);
    while (search_step(search, &tried, NULL, &err) == SEARCH_TRIED) {
        assert_int_equal(tried.count, 1);
        assert_false(tried.stopped);
        assert_true(tried.accepted == (tried.fitness >= before));
        before = tried.accepted ? tried.fitness : before;
        gone = gone || (tried.accepted && flip_equal(&tried.flip, &harm));
    }
    assert_true(gone);
    none_can_go(search);
    (void)state_after(search, model);
}

/* In a layer with one weak flip on, the best single exchange is found among all of them. */
static void search_step__swap__one_off_one_on_and_better(void **state)
{
    (void)state;
    struct err err;
    static const int32_t layers[] = {1};
    const struct flip weak = {1, PROJ_O, 3, FLIP_WHOLE_ROW, {0, 0}};
    struct buf starts = {0};
    struct search_options options = options_for(SEARCH_SWAP, GRANULARITY_ROW);
    options.layers = layers;
    options.layer_count = 1;
    options.projs = 1u << PROJ_O;
    options.metric = METRIC_LOGPROB;
    t_ok(starts_add(&starts, &weak, 1, &err), &err);
    options.starts = starts.data;
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, &options);
    /* the best row, by measuring all that could be on instead */
    double best = -HUGE_VAL, gaps[PROBES], fitness = 0;
    for (uint32_t i = 0; i < 128; i++) {
        const struct flip flip = {1, PROJ_O, i, FLIP_WHOLE_ROW, {0, 0}};
        t_ok(search_measure_alone(search, &flip, 1, gaps, &fitness, NULL, &err), &err);
        best = fitness > best ? fitness : best;
    }
    struct search_try tried;
    double before = search_fitness(search);
    while (search_step(search, &tried, NULL, &err) == SEARCH_TRIED) {
        assert_int_equal(tried.count, 2);
        assert_true(tried.accepted == (tried.fitness > before));
        before = tried.accepted ? tried.fitness : before;
    }
    assert_true(before == best);
    uint64_t groups = 0;
    assert_int_equal(model_flipped_bits(model, &groups), 128);
    buf_free(&starts);
    (void)state_after(search, model);
}

static void search_step__evolve__its_best_is_what_is_on(void **state)
{
    (void)state;
    struct err err;
    struct buf starts = {0};
    struct search_options options =
        with_starts(options_for(SEARCH_EVOLVE, GRANULARITY_ROW), &starts);
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, &options);
    struct search_try tried;
    double best = 0;
    while (search_step(search, &tried, NULL, &err) == SEARCH_TRIED) {
        assert_true(tried.accepted == (tried.fitness > best) && !tried.stopped);
        if (tried.number == 1)
            assert_int_equal(tried.count, 6); /* the first patch, as it was given */
        best = tried.fitness > best ? tried.fitness : best;
    }
    assert_true(best > 0 && search_fitness(search) == best);
    buf_free(&starts);
    (void)state_after(search, model);
}

/* Each domain's fitness by hand: mean gain of its targets less penalty times mean loss. */
static double domain_fitness(const double *before, const double *now, size_t first)
{
    double gain = 0, loss = 0;
    for (size_t i = first; i < first + 2; i++)
        gain += (now[i] - before[i]) / 2;
    for (size_t i = TARGETS; i < PROBES; i++)
        loss += now[i] < before[i] ? (before[i] - now[i]) / CONTROLS : 0;
    return gain - 2 * loss;
}

static void search_step__joint__no_domain_falls(void **state)
{
    (void)state;
    struct err err;
    struct search_options options = options_for(SEARCH_JOINT, GRANULARITY_ROW);
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, &options);
    struct search_try tried;
    double now[2] = {0, 0};
    size_t accepted = 0;
    assert_int_equal(search_domains(search), 2);
    assert_string_equal(search_domain_name(search, 0), "first");
    assert_string_equal(search_domain_name(search, 1), "second");
    while (search_step(search, &tried, NULL, &err) == SEARCH_TRIED) {
        const double *before = search_gaps_before(search), *gaps = search_gaps_last(search);
        double a = domain_fitness(before, gaps, 0), b = domain_fitness(before, gaps, 2);
        double values[2];
        search_domain_values(search, gaps, values);
        assert_true(fabs(values[0] - a) < 1e-9 && fabs(values[1] - b) < 1e-9);
        bool better = values[0] >= now[0] && values[1] >= now[1] &&
                      (values[0] > now[0] || values[1] > now[1]);
        assert_true(tried.accepted == better);
        if (tried.accepted)
            memcpy(now, values, sizeof now);
        accepted += tried.accepted;
    }
    assert_true(accepted >= 2);
    const struct front *front = search_front(search, NULL, &err);
    t_ok(front != NULL, &err);
    for (size_t i = 0; i < front->count; i++) {
        const double *point = front->points[i].values;
        assert_false(front_dominates(now, point, 2));
        for (size_t k = 0; k < front->count; k++)
            assert_false(front_dominates(front->points[k].values, point, 2));
        double gaps[PROBES], fitness = 0, values[2];
        if (front->points[i].bag.count == 0)
            continue;
        t_ok(search_measure_alone(search, front->points[i].bag.flips, front->points[i].bag.count,
                                  gaps, &fitness, NULL, &err), &err);
        search_domain_values(search, gaps, values);
        assert_memory_equal(values, point, sizeof values);
    }
    assert_true(front->count >= 2);
    (void)state_after(search, model);
}

static void search_new__joint_with_one_set__refused(void **state)
{
    (void)state;
    struct err err;
    struct search_options options = options_for(SEARCH_JOINT, GRANULARITY_ROW);
    struct probe_set one = simple_set(probes, 2);
    struct model *model = simple_model(&tiny_default);
    assert_null(search_new(model, &one, &controls, &options, NULL, &err));
    t_err_is(&err, ERR_USAGE, "", "method joint searches for several domains, expected two or "
                                  "more sets as targets, found one ('first')");
    model_free(model);
}

static void search_step__bfs__sample_then_by_size(void **state)
{
    (void)state;
    struct err err;
    struct search_options options = options_for(SEARCH_BFS, GRANULARITY_GROUP);
    options.iterations = BFS_SAMPLE + 60;
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, &options);
    struct search_try tried;
    struct search_check check;
    double fitness = 0, sample = 0, listed = 0;
    while (search_step(search, &tried, NULL, &err) == SEARCH_TRIED) {
        bool sampled = tried.number <= BFS_SAMPLE;
        double change = fabs(tried.fitness - fitness);
        assert_true(tried.accepted == (!sampled && tried.fitness > fitness) && !tried.stopped);
        fitness = tried.accepted ? tried.fitness : fitness;
        *(sampled ? &sample : &listed) += change / (sampled ? BFS_SAMPLE : 60);
    }
    assert_true(listed > 3 * sample); /* the list is of those that move it far */
    assert_true(search_check(search, &check, NULL, &err));
    assert_int_equal(check.count, BFS_SAMPLE);
    assert_true(check.spearman > 0.8 && check.spearman <= 1);
    (void)state_after(search, model);
}

/* ---- patches to begin with ------------------------------------------------------- */

static void starts__written_and_read__the_same_flips(void **state)
{
    (void)state;
    struct err err;
    struct buf starts = {0};
    struct flip_bag first = {0}, second = {0};
    struct model *model = simple_model(&tiny_default);
    const char *text = starts_of(&starts);
    assert_int_equal(starts_count(text), 2);
    assert_int_equal(starts_count(NULL), 0);
    t_ok(starts_read(text, 0, model, &first, &err), &err);
    t_ok(starts_read(text, 1, model, &second, &err), &err);
    assert_int_equal(first.count, 6);
    assert_int_equal(second.count, 3);
    flip_bag_xor(&second, first.flips, first.count);
    assert_int_equal(second.count, 7); /* one is in both */
    static const char *const bad[] = {"0", "zz", "00", "424e"};
    for (size_t i = 0; i < countof(bad); i++) {
        assert_false(starts_read(bad[i], 0, model, &first, &err));
        assert_string_equal(err.where, "starts[0]");
    }
    flip_bag_free(&first);
    flip_bag_free(&second);
    buf_free(&starts);
    model_free(model);
}

static void search_new__two_patches_for_guided__refused(void **state)
{
    (void)state;
    struct err err;
    struct buf starts = {0};
    struct search_options options = options_for(SEARCH_GUIDED, GRANULARITY_ROW);
    options.starts = starts_of(&starts);
    struct model *model = simple_model(&tiny_default);
    assert_null(search_new(model, &targets, &controls, &options, NULL, &err));
    t_err_is(&err, ERR_USAGE, "", "method guided begins with one patch, found 2");
    buf_free(&starts);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_resume__every_method__as_never_stopped),
        cmocka_unit_test(search_resume__embed_and_head__as_never_stopped),
        cmocka_unit_test(search_resume__evolve_without_patches__as_never_stopped),
        cmocka_unit_test(search_untry__every_method__tried_again),
        cmocka_unit_test(search_step__prune__what_is_planted_goes),
        cmocka_unit_test(search_step__swap__one_off_one_on_and_better),
        cmocka_unit_test(search_step__evolve__its_best_is_what_is_on),
        cmocka_unit_test(search_step__joint__no_domain_falls),
        cmocka_unit_test(search_new__joint_with_one_set__refused),
        cmocka_unit_test(search_step__bfs__sample_then_by_size),
        cmocka_unit_test(starts__written_and_read__the_same_flips),
        cmocka_unit_test(search_new__two_patches_for_guided__refused),
    };
    return cmocka_run_group_tests(tests, make_probes, NULL);
}

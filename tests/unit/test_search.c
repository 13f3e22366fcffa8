/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The published greedy search against a slow one written from its description:
 * the same flips with the same fitness, to the bit.
 */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "engine/model/model_int.h"
#include "engine/search/search_int.h"
#include "src/base/clock.h"
#include "tests/simple.h"
#include "tests/slow_search.h"
#include "tests/t.h"

/* ---- probes and models ------------------------------------------------------------- */

static struct tiny small_shape(void)
{
    struct tiny shape = tiny_default;
    shape.ffn = 128;
    return shape;
}

static struct probe targets[] = {
    {.prompt = (char[]){"2+2="}, .correct = (char[]){"4"}, .wrong = (char[]){"5"}},
    {.prompt = (char[]){"the cat"}, .correct = (char[]){" sat"}, .wrong = (char[]){" flew"}},
    {.prompt = (char[]){"abc"}, .correct = (char[]){"def"}, .wrong = (char[]){"dex"}},
};
static struct probe controls[] = {
    {.prompt = (char[]){"one"}, .correct = (char[]){" two"}, .wrong = (char[]){" ten"}},
    {.prompt = (char[]){"xyz"}, .correct = (char[]){"!"}, .wrong = (char[]){"?"}},
};

static char set_name[] = "set";

static void name_probes(struct probe *probes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        probes[i].name = probes[i].prompt;
        probes[i].set = set_name;
    }
}

static struct search *start(struct model *model, const struct probe_set *target,
                            const struct probe_set *control, const struct search_options *options)
{
    struct err err;
    struct search *search = search_new(model, target, control, options, NULL, &err);
    t_ok(search != NULL, &err);
    return search;
}

static struct search *start_tiny(struct model *model, const struct search_options *options)
{
    name_probes(targets, countof(targets));
    name_probes(controls, countof(controls));
    struct probe_set target = simple_set(targets, countof(targets));
    struct probe_set control = simple_set(controls, countof(controls));
    return start(model, &target, &control, options);
}

static struct search_try step(struct search *search)
{
    struct search_try tried;
    struct err err;
    enum search_status status = search_step(search, &tried, NULL, &err);
    assert_int_equal(status, SEARCH_TRIED);
    return tried;
}

/* ---- the search against it ----------------------------------------------------------- */

struct counts {
    size_t accepted, screened, rejected;
};

/* Both searches on models of the same bytes; sets are borrowed. */
static struct counts compare(struct model *fast_model, struct model *slow_model,
                             struct probe_set target, struct probe_set control,
                             const struct search_options *options)
{
    struct counts counts = {0};
    struct slow slow = {
        .model = slow_model, .target = target, .control = control, .options = *options};
    slow_start(&slow);
    struct search *search = start(fast_model, &target, &control, options);
    assert_int_equal(search_candidates(search), slow.count);
    for (uint64_t i = 0; i < options->iterations; i++) {
        struct search_try fast = step(search), expected = slow_step(&slow);
        assert_memory_equal(&fast.flip, &expected.flip, sizeof fast.flip);
        assert_int_equal(fast.number, i + 1);
        assert_int_equal(fast.screened, expected.screened);
        assert_int_equal(fast.accepted, expected.accepted);
        if (!fast.screened)
            assert_memory_equal(&fast.fitness, &expected.fitness, sizeof fast.fitness);
        counts.accepted += fast.accepted;
        counts.screened += fast.screened;
        counts.rejected += !fast.accepted && !fast.screened;
        assert_true(state_name_equal(model_state(fast_model), model_state(slow_model)));
    }
    double fitness = search_fitness(search);
    assert_memory_equal(&fitness, &slow.best, sizeof fitness);
    assert_int_equal(search_screened(search), counts.screened);
    struct search_try none;
    struct err err;
    assert_int_equal(search_step(search, &none, NULL, &err), SEARCH_FINISHED);
    search_free(search); /* [S3] */
    assert_int_equal(simple_bytes_hash(fast_model), simple_bytes_hash(slow_model));
    slow_free(&slow);
    return counts;
}

static void search__tiny_model__as_the_slow_search(void **state)
{
    (void)state;
    const int32_t layers[] = {1, 0}, one[] = {1};
    struct search_options base = search_default_options();
    base.layers = layers;
    base.layer_count = 2;
    base.iterations = 25;
    struct search_options rows[] = {base, base, base, base, base, base};
    rows[1].metric = METRIC_TOKEN_GAP;
    rows[1].seed = 7;
    rows[1].projs = 1u << PROJ_Q | 1u << PROJ_V | 1u << PROJ_DOWN;
    rows[2].fitness = FITNESS_MIN;
    rows[2].penalty = 0;
    rows[3].layers = one;
    rows[3].layer_count = 1;
    rows[3].penalty = 20;
    rows[3].seed = 9;
    rows[4].metric = METRIC_MARGIN;
    rows[5].control_metric = METRIC_MARGIN;
    rows[5].seed = 3;
    struct counts all = {0};
    for (size_t i = 0; i < countof(rows); i++) {
        struct tiny shape = small_shape();
        struct model *fast = simple_model(&shape), *slow = simple_model(&shape);
        name_probes(targets, countof(targets));
        name_probes(controls, countof(controls));
        struct counts counts = compare(fast, slow, simple_set(targets, countof(targets)),
                                       simple_set(controls, countof(controls)), &rows[i]);
        all.accepted += counts.accepted;
        all.screened += counts.screened;
        all.rejected += counts.rejected;
        model_free(fast);
        model_free(slow);
    }
    print_message("%zu accepted, %zu screened, %zu rejected\n", all.accepted, all.screened,
                  all.rejected);
    assert_true(all.accepted > 4 && all.screened > 4 && all.rejected > 4); /* all paths */
}

static void search__nano__as_the_slow_search(void **state)
{
    (void)state;
    struct err err;
    struct probe_set *target = probe_set_load("calculus-train", &err);
    struct probe_set *control = probe_set_load("math", &err);
    assert_true(target && control);
    struct search_options options = search_default_options();
    const int32_t layers[] = {0, 1, 2, 3, 4, 5};
    options.layers = layers;
    options.layer_count = 6;
    options.iterations = 10;
    struct model *fast = simple_nano(), *slow = simple_nano();
    (void)compare(fast, slow, simple_set(target->probes, 5), simple_set(control->probes, 3),
                  &options);
    model_free(fast);
    model_free(slow);
    probe_set_free(target);
    probe_set_free(control);
}

/* ---- the same everywhere [S1] ------------------------------------------------------------ */

enum { STEPS = 20 };

static void run_steps(const struct search_options *options, struct search_try tries[STEPS])
{
    struct tiny shape = small_shape();
    struct model *model = simple_model(&shape);
    struct search *search = start_tiny(model, options);
    memset(tries, 0, STEPS * sizeof *tries); /* padding too */
    for (size_t i = 0; i < STEPS; i++) {
        struct search_try tried = step(search);
        tries[i].flip = tried.flip;
        tries[i].number = tried.number;
        tries[i].screened = tried.screened;
        tries[i].accepted = tried.accepted;
        tries[i].fitness = tried.fitness;
    }
    search_free(search);
    model_free(model);
}

static void search__threads_and_kernels__same_bits(void **state)
{
    (void)state;
    struct search_options options = search_default_options();
    struct search_try expected[STEPS], got[STEPS];
    run_steps(&options, expected);
    for (options.threads = 1; options.threads <= 3; options.threads++) {
        run_steps(&options, got);
        assert_memory_equal(got, expected, sizeof got);
    }
    const char *const levels[] = {"ref", "avx2", "avx512", "amx", "neon"};
    for (size_t i = 0; i < countof(levels); i++) {
        (void)setenv("BANKAI_CPU", levels[i], 1);
        if (strcmp(engine_cpu_level(), levels[i]) == 0) {
            run_steps(&options, got);
            assert_memory_equal(got, expected, sizeof got);
        } else {
            print_message("skipped: this CPU has no %s\n", levels[i]);
        }
    }
    (void)unsetenv("BANKAI_CPU");
    options.seed++;
    run_steps(&options, got);
    assert_true(memcmp(got, expected, sizeof got) != 0);
}

/* Resuming and joined candidates change nothing at all, an early stop only the fitness of
 * candidates that were rejected anyway. */
static void search__plain_kept_or_stopped_early__same_flips_same_bits(void **state)
{
    (void)state;
    struct search_options options = search_default_options();
    struct search_try plain[STEPS], got[STEPS];
    options.projs = (1u << PROJ_LAYER_COUNT) - 1;
    options.plain = true;
    run_steps(&options, plain);
    options.plain = false;
    const uint64_t budgets[] = {0, 10000, 100000, 1000000, SEARCH_KEEP_DEFAULT};
    size_t stopped = 0, accepted = 0;
    for (size_t b = 0; b < countof(budgets); b++) {
        options.keep_bytes = budgets[b];
        options.early_stop = false;
        run_steps(&options, got);
        assert_memory_equal(got, plain, sizeof got);
        options.early_stop = true;
        run_steps(&options, got);
        for (size_t i = 0; i < STEPS; i++) {
            assert_memory_equal(&got[i].flip, &plain[i].flip, sizeof got[i].flip);
            assert_int_equal(got[i].accepted, plain[i].accepted);
            assert_true(got[i].fitness >= plain[i].fitness);
            stopped += got[i].fitness > plain[i].fitness;
            accepted += got[i].accepted;
            if (got[i].accepted || got[i].screened)
                assert_memory_equal(&got[i].fitness, &plain[i].fitness, sizeof(double));
        }
    }
    print_message("%zu stopped early, %zu accepted\n", stopped, accepted);
    assert_true(stopped > 0 && accepted > 0);
}

/* ---- cancelling [S2] ---------------------------------------------------------------------- */

struct alarm {
    cancel_flag *cancel;
    long after_us;
    double rang;
};

static void *ring(void *user)
{
    struct alarm *alarm = user;
    struct timespec pause = {.tv_nsec = alarm->after_us * 1000};
    (void)nanosleep(&pause, NULL);
    alarm->rang = clock_seconds();
    atomic_store(alarm->cancel, true);
    return NULL;
}

/* A step that is cancelled after some microseconds; true if that stopped it. */
static bool cancelled_step(struct search *search, long after_us, struct search_try *tried,
                           double *latency)
{
    cancel_flag cancel = false;
    struct alarm alarm = {.cancel = &cancel, .after_us = after_us};
    struct err err;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ring, &alarm), 0);
    enum search_status status = search_step(search, tried, &cancel, &err);
    double end = clock_seconds();
    (void)pthread_join(thread, NULL);
    if (status == SEARCH_TRIED)
        return false;
    assert_int_equal(status, SEARCH_FAILED);
    assert_int_equal(err.code, ERR_CANCELLED);
    *latency = fmax(*latency, end - alarm.rang);
    return true;
}

static void search_step__cancelled_anywhere__as_if_never_begun(void **state)
{
    (void)state;
    struct err err;
    struct probe_set *target = probe_set_load("calculus-train", &err);
    struct probe_set *control = probe_set_load("math,code", &err);
    assert_true(target && control);
    struct search_options options = search_default_options();
    options.threads = 1;
    struct model *model = simple_nano(), *other = simple_nano();
    struct search *search = start(model, target, control, &options);
    struct search *undisturbed = start(other, target, control, &options);
    size_t stopped = 0;
    double latency = 0;
    for (size_t i = 0; i < 12; i++) {
        struct search_try tried = {0}, expected = step(undisturbed);
        uint64_t bytes = simple_bytes_hash(model);
        bool cancelled = cancelled_step(search, (long)(i * i) * 60 + 1, &tried, &latency);
        if (cancelled) {
            stopped++;
            assert_int_equal(simple_bytes_hash(model), bytes);
            assert_int_equal(search_tried(search), i);
            tried = step(search);
        }
        assert_memory_equal(&tried.flip, &expected.flip, sizeof tried.flip);
        assert_memory_equal(&tried.fitness, &expected.fitness, sizeof tried.fitness);
        assert_int_equal(tried.accepted, expected.accepted);
        assert_int_equal(tried.number, i + 1);
    }
    print_message("%zu of 12 steps were stopped, the slowest %.1f ms after the request\n", stopped,
                  latency * 1e3);
    assert_true(stopped >= 3);
    assert_true(latency < 0.5); /* 100 ms on a machine that does nothing else */
    search_free(search);
    search_free(undisturbed);
    model_free(model);
    model_free(other);
    probe_set_free(target);
    probe_set_free(control);
}

/* Candidates are screened along with those before them while nothing is accepted. */
static void search_step__nothing_accepted__next_ones_are_screened_already(void **state)
{
    (void)state;
    struct tiny shape = small_shape();
    struct model *model = simple_model(&shape);
    struct search_options options = search_default_options();
    options.threads = 1;
    options.iterations = 60;
    struct search *search = start_tiny(model, &options);
    size_t drawn = 0, ahead = 0;
    for (bool known = false; search_left(search) > 0; drawn++) {
        struct flip next;
        (void)search_peek(search, 1, &next, NULL);
        struct state_name below = model_state(model);
        struct flip first = search->ahead.flips[0];
        (void)step(search);
        bool again = memcmp(&first, &search->ahead.flips[0], sizeof first) != 0;
        assert_true(known != again); /* what is known is not measured again */
        ahead += known;
        struct flip following;
        known = false;
        if (search_peek(search, 1, &following, NULL) == 1 &&
            state_name_equal(below, model_state(model)))
            for (size_t i = 0; i < search->ahead.count; i++)
                known |= memcmp(&search->ahead.flips[i], &following, sizeof following) == 0;
    }
    print_message("%zu of %zu were screened ahead\n", ahead, drawn);
    assert_true(ahead * 4 > drawn);
    search_free(search);
    model_free(model);
}

static void search_new__cancelled__fails(void **state)
{
    (void)state;
    struct err err;
    struct tiny shape = small_shape();
    struct model *model = simple_model(&shape);
    struct probe_set target = simple_set(targets, countof(targets)), none = {0};
    struct search_options options = search_default_options();
    cancel_flag cancel = true;
    name_probes(targets, countof(targets));
    assert_null(search_new(model, &target, &none, &options, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    model_free(model);
}

/* ---- candidates --------------------------------------------------------------------------- */

static void search__more_iterations_than_rows__each_row_once(void **state)
{
    (void)state;
    struct tiny shape = small_shape();
    struct model *model = simple_model(&shape);
    const int32_t layers[] = {1};
    struct search_options options = search_default_options();
    options.layers = layers;
    options.layer_count = 1;
    options.projs = 1u << PROJ_K;
    options.iterations = 1000;
    struct search *search = start_tiny(model, &options);
    uint64_t rows = search_candidates(search);
    assert_int_equal(rows, 64);
    bool seen[64] = {false};
    for (uint64_t i = 0; i < rows; i++) {
        struct search_try tried = step(search);
        assert_int_equal(tried.flip.layer, 1);
        assert_int_equal(tried.flip.proj, PROJ_K);
        assert_false(seen[tried.flip.row]);
        seen[tried.flip.row] = true;
    }
    struct search_try none;
    struct err err;
    assert_int_equal(search_step(search, &none, NULL, &err), SEARCH_FINISHED);
    assert_int_equal(search_step(search, &none, NULL, &err), SEARCH_FINISHED);
    assert_int_equal(search_tried(search), rows);
    search_free(search);
    model_free(model);
}

/* A row whose scales are all zero cannot change anything: it is never drawn. */
static void search__rows_without_scale__never_drawn(void **state)
{
    (void)state;
    struct tiny shape = small_shape();
    struct model *model = simple_model(&shape);
    const struct matrix *matrix = model_matrix(model, 0, PROJ_V);
    for (uint32_t row = 0; row < matrix->rows; row++)
        if (row != 17)
            memset(matrix->blocks + (size_t)row * matrix->groups * 18, 0, 2);
    const int32_t layers[] = {0};
    struct search_options options = search_default_options();
    options.layers = layers;
    options.layer_count = 1;
    options.projs = 1u << PROJ_V;
    struct search *search = start_tiny(model, &options);
    struct search_try tried = step(search);
    assert_int_equal(tried.flip.row, 17);
    struct err err;
    assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_FINISHED);
    search_free(search);
    model_free(model);
}

static void search_default_layers__by_depth__as_published(void **state)
{
    (void)state;
    const struct {
        uint32_t layers;
        size_t count;
        int32_t expected[9];
    } rows[] = {
        {1, 1, {0}},
        {8, 8, {0, 1, 2, 3, 4, 5, 6, 7}},
        {9, 5, {1, 2, 3, 4, 7}},
        {36, 5, {1, 2, 3, 4, 34}},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct tiny shape = small_shape();
        shape.layers = rows[i].layers;
        struct model *model = simple_model(&shape);
        int32_t layers[36];
        assert_int_equal(search_default_layers(model, layers), rows[i].count);
        assert_memory_equal(layers, rows[i].expected, rows[i].count * sizeof *layers);
        struct search_options options = search_default_options();
        struct search *search = start_tiny(model, &options);
        assert_int_equal(search_candidates(search), rows[i].count * 2 * 128); /* gate, up */
        search_free(search);
        model_free(model);
    }
}

static void search__embed_and_head__once_where_tied(void **state)
{
    (void)state;
    const struct {
        bool tied;
        uint32_t projs;
        uint64_t rows;
        enum proj proj; /* of all, or PROJ_COUNT for several */
    } rows[] = {
        {true, 1u << PROJ_HEAD, 264, PROJ_EMBED},
        {true, 1u << PROJ_HEAD | 1u << PROJ_EMBED, 264, PROJ_EMBED},
        {false, 1u << PROJ_HEAD, 264, PROJ_HEAD},
        {false, 1u << PROJ_EMBED, 264, PROJ_EMBED},
        {false, 1u << PROJ_HEAD | 1u << PROJ_EMBED, 528, PROJ_COUNT},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct tiny shape = small_shape();
        shape.tied = rows[i].tied;
        struct model *model = simple_model(&shape);
        struct search_options options = search_default_options();
        options.projs = rows[i].projs;
        struct search *search = start_tiny(model, &options);
        assert_int_equal(search_candidates(search), rows[i].rows);
        for (size_t s = 0; s < 5; s++) {
            struct search_try tried = step(search);
            assert_int_equal(tried.flip.layer, NO_LAYER);
            if (rows[i].proj != PROJ_COUNT)
                assert_int_equal(tried.flip.proj, rows[i].proj);
        }
        search_free(search);
        model_free(model);
    }
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void search_new__bad_options__refused(void **state)
{
    (void)state;
    struct tiny shape = small_shape();
    struct model *model = simple_model(&shape);
    struct probe lame[] = {targets[0], targets[1]};
    name_probes(lame, 2);
    lame[1].wrong = (char[]){""};
    struct probe_set good = simple_set(lame, 1), bad = simple_set(lame, 2), none = {0};
    const int32_t outside[] = {0, 2}, negative[] = {-1}, twice[] = {1, 0, 1};
    const struct {
        const struct probe_set *target, *control;
        const int32_t *layers;
        size_t layer_count;
        uint32_t projs;
        enum err_code code;
        const char *message;
    } rows[] = {
        {&good, &none, outside, 2, 1, ERR_RANGE, "layer 2 is outside 0 .. 1"},
        {&good, &none, negative, 1, 1, ERR_RANGE, "layer -1 is outside 0 .. 1"},
        {&good, &none, twice, 3, 1, ERR_USAGE, "layer 1 is named twice"},
        {&good, &none, NULL, 0, 0, ERR_USAGE,
         "no layers or projections are left to draw rows from"},
        {&good, &none, outside, 0, 1, ERR_USAGE,
         "no layers or projections are left to draw rows from"},
        {&bad, &none, NULL, 0, 1, ERR_MISMATCH,
         "probe 'the cat' of the targets has no wrong answer, which a seq_logprob gap needs"},
        {&good, &bad, NULL, 0, 1, ERR_MISMATCH,
         "probe 'the cat' of the controls has no wrong answer, which a seq_logprob gap needs"},
        {&none, &good, NULL, 0, 1, ERR_USAGE, "there are no targets to search for"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct search_options options = search_default_options();
        struct err err = {0};
        options.layers = rows[i].layers;
        options.layer_count = rows[i].layer_count;
        options.projs = rows[i].projs;
        assert_null(search_new(model, rows[i].target, rows[i].control, &options, NULL, &err));
        t_err_is(&err, rows[i].code, "", rows[i].message);
    }
    model_free(model);
}

static void search_new__metrics_without_wrong_answers__only_where_they_need_none(void **state)
{
    (void)state;
    struct tiny shape = small_shape();
    struct model *model = simple_model(&shape);
    struct probe lame = targets[0];
    lame.wrong = (char[]){""};
    struct probe_set good = simple_set(targets, 1), bad = simple_set(&lame, 1);
    const struct {
        const struct probe_set *target, *control;
        enum metric metric, control_metric;
        bool ok;
    } rows[] = {
        {&bad, &bad, METRIC_MARGIN, METRIC_SAME, true},
        {&bad, &bad, METRIC_MARGIN, METRIC_KL, true},
        {&good, &bad, METRIC_SEQ_LOGPROB, METRIC_KL, true},
        {&good, &bad, METRIC_TOKEN_GAP, METRIC_MARGIN, true},
        {&good, &bad, METRIC_MARGIN, METRIC_SEQ_LOGPROB, false},
        {&bad, &good, METRIC_TOKEN_GAP, METRIC_KL, false},
        {&good, &good, METRIC_KL, METRIC_SAME, false},
        {&good, &good, METRIC_KL, METRIC_MARGIN, false},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct search_options options = search_default_options();
        struct err err = {0};
        options.metric = rows[i].metric;
        options.control_metric = rows[i].control_metric;
        struct search *search =
            search_new(model, rows[i].target, rows[i].control, &options, NULL, &err);
        if ((search != NULL) != rows[i].ok)
            fail_msg("row %zu: %s", i, err.message);
        search_free(search);
    }
    model_free(model);
}

/* ---- fitness -------------------------------------------------------------------------------- */

/* Without controls nothing is subtracted; one target is a screen of one. */
static void search__one_target_no_controls__fitness_is_its_gain(void **state)
{
    (void)state;
    struct tiny shape = small_shape();
    struct model *model = simple_model(&shape);
    struct probe_set target = simple_set(targets, 1), none = {0};
    name_probes(targets, 1);
    struct search_options options = search_default_options();
    options.iterations = 30;
    struct search *search = start(model, &target, &none, &options);
    double before = search_gaps_before(search)[0], best = 0;
    size_t accepted = 0;
    for (size_t i = 0; i < options.iterations; i++) {
        struct search_try tried = step(search);
        double now = simple_gap(model, &targets[0], options.metric);
        assert_true(search_gaps_now(search)[0] == now);
        assert_true(search_fitness(search) == now - before);
        assert_int_equal(tried.accepted, tried.fitness > best);
        assert_int_equal(tried.screened, tried.fitness <= 0);
        best = fmax(best, tried.fitness);
        accepted += tried.accepted;
    }
    assert_true(accepted > 1);
    search_free(search);
    model_free(model);
}

/* By hand: half of what is left by default, else what is wanted up to three quarters. */
static void trial_keep_budget__more_than_there_is__what_is_left(void **state)
{
    (void)state;
    assert_int_equal(trial_keep_budget(SEARCH_KEEP_DEFAULT, 1000), 500);
    assert_int_equal(trial_keep_budget(0, 1000), 0);
    assert_int_equal(trial_keep_budget(750, 1000), 750);
    assert_int_equal(trial_keep_budget(751, 1000), 750);
    assert_int_equal(trial_keep_budget(SEARCH_KEEP_DEFAULT - 1, 1000), 750);
    assert_int_equal(trial_keep_budget(5, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search__tiny_model__as_the_slow_search),
        cmocka_unit_test(search__nano__as_the_slow_search),
        cmocka_unit_test(search__threads_and_kernels__same_bits),
        cmocka_unit_test(search__plain_kept_or_stopped_early__same_flips_same_bits),
        cmocka_unit_test(search_step__cancelled_anywhere__as_if_never_begun),
        cmocka_unit_test(search_step__nothing_accepted__next_ones_are_screened_already),
        cmocka_unit_test(search_new__cancelled__fails),
        cmocka_unit_test(search__more_iterations_than_rows__each_row_once),
        cmocka_unit_test(search__rows_without_scale__never_drawn),
        cmocka_unit_test(search_default_layers__by_depth__as_published),
        cmocka_unit_test(search__embed_and_head__once_where_tied),
        cmocka_unit_test(search_new__bad_options__refused),
        cmocka_unit_test(search_new__metrics_without_wrong_answers__only_where_they_need_none),
        cmocka_unit_test(search__one_target_no_controls__fitness_is_its_gain),
        cmocka_unit_test(trial_keep_budget__more_than_there_is__what_is_left),
    };
    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}

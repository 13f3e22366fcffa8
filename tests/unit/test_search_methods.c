/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What methods of the search keep to: stopped at any candidate and gone on with it is
 * what it would have been; what fails was not; a person may put flips on and take them off
 * between its steps; and all that it did can be taken back.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/search.h"
#include "tests/simple.h"
#include "tests/six_probes.h"
#include "tests/t.h"
#include "tests/tiny.h"

enum { STEPS = 24 };

/* ---- what a session writes down ---------------------------------------------------------- */

struct level {
    struct flip *flips;
    size_t count;
    double fitness, gaps[PROBES];
};

struct log {
    struct search_tried tries[STEPS];  /* with copies of their flips */
    double gaps[STEPS][PROBES];        /* of those that were measured */
    size_t levels_before[STEPS + 1];
    struct level levels[STEPS];        /* accepted, in order: nothing is undone in a log */
    double before[PROBES];
    size_t steps;                      /* fewer where the search had ended */
};

static void log_free(struct log *log)
{
    for (size_t i = 0; i < STEPS; i++) {
        free((void *)(uintptr_t)log->tries[i].flips);
        free(log->levels[i].flips);
    }
    *log = (struct log){0};
}

static struct flip *copy(const struct flip *flips, size_t count)
{
    struct flip *made = x_new(count, sizeof *made);
    memcpy(made, flips, count * sizeof *made);
    return made;
}

static void note(struct log *log, struct search *search, const struct search_try *tried,
                 size_t i, double below)
{
    const double *gaps = search_gaps_last(search);
    log->tries[i] = (struct search_tried){
        .flip = tried->flip, .flips = copy(tried->flips, tried->count), .count = tried->count,
        .accepted = tried->accepted, .screened = tried->screened, .stopped = tried->stopped,
        .fitness = tried->fitness, .promised = tried->promised, .below = below,
        .gaps = gaps ? log->gaps[i] : NULL,
    };
    if (gaps)
        memcpy(log->gaps[i], gaps, sizeof log->gaps[i]);
    log->levels_before[i + 1] = search_levels(search);
    if (!tried->accepted)
        return;
    struct level *level = &log->levels[search_levels(search) - 1];
    level->flips = copy(tried->flips, tried->count);
    level->count = tried->count;
    level->fitness = search_fitness(search);
    memcpy(level->gaps, search_gaps_now(search), sizeof level->gaps);
}

static void run(struct log *log, struct search *search, size_t from)
{
    struct err err;
    memcpy(log->before, search_gaps_before(search), sizeof log->before);
    log->steps = from;
    for (size_t i = from; i < STEPS; i++) {
        struct search_try tried;
        double below = search_fitness(search);
        enum search_status status = search_step(search, &tried, NULL, &err);
        if (status == SEARCH_FINISHED)
            return;
        assert_int_equal(status, SEARCH_TRIED);
        assert_int_equal(tried.number, i + 1);
        assert_true(flip_equal(&tried.flip, &tried.flips[0]));
        note(log, search, &tried, i, below);
        log->steps = i + 1;
    }
}

static void same_from(const struct log *a, const struct log *b, size_t from)
{
    assert_int_equal(a->steps, b->steps);
    for (size_t i = from; i < a->steps; i++) {
        const struct search_tried *x = &a->tries[i], *y = &b->tries[i];
        assert_int_equal(x->count, y->count);
        for (size_t k = 0; k < x->count; k++)
            assert_true(flip_equal(&x->flips[k], &y->flips[k]));
        assert_true(x->accepted == y->accepted && x->screened == y->screened);
        assert_memory_equal(&x->fitness, &y->fitness, sizeof x->fitness);
        assert_memory_equal(&x->promised, &y->promised, sizeof x->promised);
    }
}

/* ---- the methods -------------------------------------------------------------------------- */

struct variant {
    struct search_options options;
    const char *said;
};

static struct search_options of(enum search_method method)
{
    struct search_options options = search_default_options();
    options.method = method;
    options.projs = search_method_projs(method);
    options.metric = METRIC_SEQ_LOGPROB;
    options.iterations = STEPS;
    options.threads = 1;
    options.seed = 5;
    return options;
}

/* Methods with their defaults, and what else some of them can be.  (Those that begin with
 * flips are tested in test_methods.c.) */
static size_t variants(struct variant *out)
{
    static const enum search_method plain[] = {SEARCH_GREEDY, SEARCH_GUIDED, SEARCH_GROUP,
                                               SEARCH_BIT, SEARCH_RANDOM};
    size_t count = 0;
    for (size_t i = 0; i < countof(plain); i++)
        out[count++] = (struct variant){of(plain[i]), search_method_name(plain[i])};
    out[count] = (struct variant){of(SEARCH_GREEDY), "greedy by attribution"};
    out[count++].options.order = ORDER_ATTRIBUTION;
    out[count] = (struct variant){of(SEARCH_GUIDED), "guided together"};
    out[count++].options.together = 16;
    out[count] = (struct variant){of(SEARCH_GUIDED), "guided groups together, margin"};
    out[count].options.granularity = GRANULARITY_GROUP;
    out[count].options.metric = METRIC_SOFT_MARGIN;
    out[count++].options.together = SEARCH_TOGETHER_MAX;
    out[count] = (struct variant){of(SEARCH_BIT), "bit by bit"};
    out[count++].options.chunk = 1;
    out[count] = (struct variant){of(SEARCH_RANDOM), "random bits if they help"};
    out[count].options.granularity = GRANULARITY_BIT;
    out[count++].options.accept = ACCEPT_BETTER;
    return count;
}

enum { VARIANTS_MAX = 12 };

static struct search *begin(struct model *model, const struct search_options *options)
{
    struct err err;
    struct search *search = search_new(model, &targets, &controls, options, NULL, &err);
    t_ok(search != NULL, &err);
    return search;
}

/* ---- going on ------------------------------------------------------------------------------ */

static bool flips_at(void *user, uint64_t number, struct flip **flips, size_t *count,
                     struct err *err)
{
    const struct log *log = user;
    (void)err;
    *count = 0;
    for (size_t i = 0; i < log->levels_before[number - 1]; i++) {
        const struct level *level = &log->levels[i];
        *flips = x_grow(*flips, *count + level->count, sizeof **flips);
        memcpy(*flips + *count, level->flips, level->count * sizeof **flips);
        *count += level->count;
    }
    return true;
}

static struct search *resume(struct log *whole, struct model *model,
                             const struct search_options *options, size_t done)
{
    struct err err;
    struct flip *flips = NULL;
    size_t levels = whole->levels_before[done], total = 0, counts[STEPS];
    double fitness[STEPS], gaps[STEPS][PROBES];
    uint64_t screened = 0;
    (void)flips_at(whole, done + 1, &flips, &total, &err);
    for (size_t i = 0; i < levels; i++) {
        counts[i] = whole->levels[i].count;
        fitness[i] = whole->levels[i].fitness;
        memcpy(gaps[i], whole->levels[i].gaps, sizeof gaps[i]);
    }
    for (size_t i = 0; i < done; i++)
        screened += whole->tries[i].screened;
    const struct search_past past = {
        .gaps_before = whole->before, .tried = done, .screened = screened, .accepted = flips,
        .fitness = fitness, .gaps = gaps[0], .accepted_count = levels, .flip_counts = counts,
        .tries = whole->tries, .flips_at = flips_at, .user = whole,
    };
    struct search *search =
        search_resume(model, &targets, &controls, options, &past, NULL, &err);
    t_ok(search != NULL, &err);
    free(flips);
    return search;
}

static void resume_anywhere(const struct variant *variant)
{
    struct log whole = {0};
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, &variant->options);
    run(&whole, search, 0);
    uint64_t hash = simple_bytes_hash(model);
    assert_true(whole.steps > 3 && whole.levels_before[whole.steps] >= 2);
    search_free(search);
    model_free(model);
    for (size_t done = 0; done <= whole.steps; done += 2 + done / 4) {
        struct log again = {0};
        struct search_options options = variant->options;
        options.threads = 1 + (int)(done % 2);
        model = simple_model(&tiny_default);
        search = resume(&whole, model, &options, done);
        run(&again, search, done);
        same_from(&again, &whole, done);
        assert_true(simple_bytes_hash(model) == hash);
        search_free(search);
        model_free(model);
        log_free(&again);
    }
    log_free(&whole);
}

static void methods__resumed_anywhere__as_never_stopped(void **state)
{
    (void)state;
    struct variant all[VARIANTS_MAX];
    size_t count = variants(all);
    for (size_t i = 0; i < count; i++) {
        print_message("%s\n", all[i].said);
        resume_anywhere(&all[i]);
    }
}

/* ---- what fails was not ------------------------------------------------------------- */

static void fail_once(struct search *search, struct model *model)
{
    struct err err;
    struct search_try tried;
    cancel_flag cancel = true;
    uint64_t hash = simple_bytes_hash(model), number = search_tried(search);
    struct state_name name = model_state(model);
    enum search_status status = search_step(search, &tried, &cancel, &err);
    if (status == SEARCH_TRIED) /* it was screened before its turn: nothing was computed */
        search_untry(search);
    assert_int_equal(search_tried(search), number);
    assert_true(simple_bytes_hash(model) == hash);
    assert_true(state_name_equal(name, model_state(model)));
}

/* As a journal does that could not be written to. */
static void try_and_forget(struct search *search, struct model *model)
{
    struct err err;
    struct search_try tried;
    struct flip undone;
    uint64_t hash = simple_bytes_hash(model);
    if (search_step(search, &tried, NULL, &err) != SEARCH_TRIED)
        return;
    if (tried.accepted)
        assert_true(search_undo(search, &undone));
    search_untry(search);
    assert_true(simple_bytes_hash(model) == hash);
}

static void shake(const struct variant *variant)
{
    struct log whole = {0}, shaken = {0};
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, &variant->options);
    run(&whole, search, 0);
    search_free(search);
    model_free(model);
    model = simple_model(&tiny_default);
    search = begin(model, &variant->options);
    for (size_t i = 0; i < whole.steps; i++) {
        struct search_try tried;
        struct err err;
        double below = search_fitness(search);
        if (i % 3 == 0)
            fail_once(search, model);
        if (i % 3 <= 1)
            try_and_forget(search, model);
        assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_TRIED);
        note(&shaken, search, &tried, i, below);
        shaken.steps = i + 1;
    }
    same_from(&shaken, &whole, 0);
    search_free(search);
    model_free(model);
    log_free(&whole);
    log_free(&shaken);
}

static void methods__failing_and_unwritten_steps__as_if_they_were_not(void **state)
{
    (void)state;
    struct variant all[VARIANTS_MAX];
    size_t count = variants(all);
    for (size_t i = 0; i < count; i++) {
        print_message("%s\n", all[i].said);
        shake(&all[i]);
    }
}

/* ---- a person's hand ---------------------------------------------------------------- */

/* Fitness and gaps are those of the model as it is [S4]. */
static void check_now(struct search *search)
{
    struct err err;
    double gaps[PROBES], fitness = 0;
    size_t count = 0;
    const struct flip *flips = search_accepted(search, &count);
    if (count == 0)
        return;
    struct flip *all = copy(flips, count);
    t_ok(search_measure_alone(search, all, count, gaps, &fitness, NULL, &err), &err);
    double now = search_fitness(search);
    assert_memory_equal(&fitness, &now, sizeof now);
    assert_memory_equal(gaps, search_gaps_now(search), sizeof gaps);
    free(all);
}

/* Some of what a hand can do. */
static void meddle(struct search *search, size_t i)
{
    static const struct flip row = {1, PROJ_DOWN, 7, FLIP_WHOLE_ROW, {0, 0}};
    struct err err;
    struct search_try out;
    struct flip undone, ahead[3];
    double gaps[PROBES], fitness = 0;
    (void)search_peek(search, 3, ahead, NULL);
    switch (i % 5) {
    case 0:
        t_ok(search_keep(search, &row, &out, NULL, &err), &err);
        break;
    case 1:
        (void)search_undo(search, &undone);
        break;
    case 2:
        t_ok(search_measure(search, &row, gaps, &fitness, NULL, &err), &err);
        break;
    case 3:
        (void)search_accept(search, &out, NULL, &err);
        break;
    default:
        (void)search_reject(search, &out, &err);
        break;
    }
}

static void hand(const struct variant *variant)
{
    struct model *model = simple_model(&tiny_default);
    uint64_t hash = simple_bytes_hash(model);
    struct search *search = begin(model, &variant->options);
    struct flip undone;
    for (size_t i = 0; i < STEPS; i++) {
        struct err err;
        struct search_try tried;
        if (search_step(search, &tried, NULL, &err) != SEARCH_TRIED)
            break;
        meddle(search, i);
        if (i % 5 == 0 || i == STEPS - 1)
            check_now(search);
    }
    while (search_undo(search, &undone))
        continue;
    assert_true(simple_bytes_hash(model) == hash);
    search_free(search);
    model_free(model);
}

static void methods__a_hand_between_steps__gaps_are_those_of_the_model(void **state)
{
    (void)state;
    struct variant all[VARIANTS_MAX];
    size_t count = variants(all);
    for (size_t i = 0; i < count; i++) {
        print_message("%s\n", all[i].said);
        hand(&all[i]);
    }
}

/* ---- how far a pass is ------------------------------------------------------------------- */

struct watched {
    size_t calls, done, total;
};

static void watch(void *user, size_t done, size_t total)
{
    struct watched *watched = user;
    assert_true(done >= watched->done && done <= total);
    *watched = (struct watched){watched->calls + 1, done, total};
}

/* All but those that ask no gradient: each matrix, up to the last. */
static void methods__first_step__its_pass_is_watched(void **state)
{
    (void)state;
    static const enum search_method passing[] = {
        SEARCH_GREEDY, SEARCH_GUIDED, SEARCH_GROUP, SEARCH_BIT, SEARCH_PRUNE, SEARCH_SWAP,
        SEARCH_EVOLVE};
    for (size_t i = 0; i < countof(passing); i++) {
        struct err err;
        struct search_try tried;
        struct watched watched = {0};
        struct model *model = simple_model(&tiny_default);
        struct search_options options = of(passing[i]);
        options.order = ORDER_ATTRIBUTION;
        struct search *search = begin(model, &options);
        const struct work_progress progress = {watch, &watched};
        search_set_watch(search, &progress);
        struct flip flip = {1, PROJ_DOWN, 3, FLIP_WHOLE_ROW, {0, 0}};
        if (search_method_wants_flips(passing[i]))
            t_ok(search_keep_all(search, &flip, 1, NULL, &err), &err);
        assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_TRIED);
        assert_true(watched.total > 0 && watched.calls >= watched.total);
        assert_int_equal(watched.done, watched.total);
        search_free(search);
        model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods__resumed_anywhere__as_never_stopped),
        cmocka_unit_test(methods__failing_and_unwritten_steps__as_if_they_were_not),
        cmocka_unit_test(methods__a_hand_between_steps__gaps_are_those_of_the_model),
        cmocka_unit_test(methods__first_step__its_pass_is_watched),
    };
    return cmocka_run_group_tests_name("search_methods", tests, six_probes_make, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * search --seeds: each seed as a search of its own, the spread computed again.
 */
#include <math.h>
#include <stdlib.h>

#include "tests/cli/look.h"
#include "tests/t.h"

enum { SEEDS = 3, FIRST = 5, ITERS = 12 };

#define SMALL_SEARCH                                                                        \
    "search", "nano", GREEDY, "--target", "math", "--control", "code", "--heldout",            \
        "knowledge", "--iters", "12", "--json"

static json_t *events_named(const json_t *events, const char *name, int64_t seed)
{
    json_t *found = json_array(), *event;
    size_t i;
    json_array_foreach(events, i, event) {
        bool same = strcmp(look_text(event, "event"), name) == 0;
        if (same && (seed < 0 || look_int(event, "seed") == seed))
            (void)json_array_append(found, event);
    }
    return found;
}

/* The fields of the tried event in a search of its own. */
static void expect_same_tries(const json_t *events, const json_t *alone, int64_t seed)
{
    json_t *mine = events_named(events, "tried", seed), *other = events_named(alone, "tried", -1);
    assert_int_equal(json_array_size(mine), ITERS);
    assert_int_equal(json_array_size(other), ITERS);
    for (size_t i = 0; i < ITERS; i++) {
        json_t *copy = json_copy(json_array_get(mine, i));
        (void)json_object_del(copy, "seed");
        assert_true(json_equal(copy, json_array_get(other, i)));
        json_decref(copy);
    }
    json_decref(mine);
    json_decref(other);
}

/* [V1] */
static void expect_seed(const json_t *events, int64_t seed, const json_t *run)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%d", (int)seed);
    struct run *single = run_bankai(NULL, SMALL_SEARCH, "--seed", text, "-o",
                                    run_path("alone.json"), NULL);
    json_t *alone = run_json_lines(single), *done = look_last(alone);
    expect_same_tries(events, alone, seed);
    assert_int_equal(look_int(run, "seed"), seed);
    assert_true(look_real(run, "fitness") == look_real(done, "fitness"));
    assert_int_equal(look_int(run, "evaluations"), ITERS);
    assert_int_equal(look_int(run, "flip_count"),
                     json_array_size(look(done, "flips", JSON_ARRAY)));
    assert_true(json_equal(look(run, "totals", JSON_OBJECT), look(done, "totals", JSON_OBJECT)));
    json_decref(alone);
    run_free(single);
}

static void expect_spread(const json_t *spread, const double *values)
{
    double sum = 0, squares = 0, least = values[0], most = values[0];
    for (size_t i = 0; i < SEEDS; i++) {
        sum += values[i];
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    for (size_t i = 0; i < SEEDS; i++)
        squares += (values[i] - sum / SEEDS) * (values[i] - sum / SEEDS);
    double sd = sqrt(squares / (SEEDS - 1));
    double half = 4.302652729749464 * sd / sqrt(SEEDS); /* Student's t, 2 degrees of freedom */
    assert_int_equal(look_int(spread, "n"), SEEDS);
    assert_true(fabs(look_real(spread, "mean") - sum / SEEDS) < 1e-12);
    assert_true(fabs(look_real(spread, "sd") - sd) < 1e-12);
    assert_true(fabs(look_real(spread, "low") - (sum / SEEDS - half)) < 1e-9);
    assert_true(fabs(look_real(spread, "high") - (sum / SEEDS + half)) < 1e-9);
    assert_true(look_real(spread, "min") == least && look_real(spread, "max") == most);
}

static void expect_spreads(const json_t *done, const json_t *runs)
{
    json_t *spread = look(done, "spread", JSON_OBJECT);
    double fitness[SEEDS], flips[SEEDS], fixed[SEEDS], right[SEEDS];
    for (size_t i = 0; i < SEEDS; i++) {
        json_t *run = json_array_get(runs, i);
        json_t *total = look(look(run, "totals", JSON_OBJECT), "knowledge", JSON_OBJECT);
        fitness[i] = look_real(run, "fitness");
        flips[i] = (double)look_int(run, "flip_count");
        fixed[i] = (double)look_int(total, "fixed");
        right[i] = (double)look_int(total, "right_now");
    }
    expect_spread(look(spread, "fitness", JSON_OBJECT), fitness);
    expect_spread(look(spread, "flips", JSON_OBJECT), flips);
    json_t *sets = look(spread, "sets", JSON_OBJECT);
    assert_int_equal(json_object_size(sets), 3);
    json_t *knowledge = look(sets, "knowledge", JSON_OBJECT);
    expect_spread(look(knowledge, "fixed", JSON_OBJECT), fixed);
    expect_spread(look(knowledge, "right_now", JSON_OBJECT), right);
}

/* The highest fitness, the first of equal ones. */
static void expect_chosen(const json_t *done, const json_t *runs, const char *patch)
{
    json_t *best = json_array_get(runs, 0);
    for (size_t i = 1; i < SEEDS; i++)
        if (look_real(json_array_get(runs, i), "fitness") > look_real(best, "fitness"))
            best = json_array_get(runs, i);
    assert_int_equal(look_int(done, "chosen_seed"), look_int(best, "seed"));
    assert_true(look_real(done, "fitness") == look_real(best, "fitness"));
    assert_true(json_equal(look(done, "totals", JSON_OBJECT), look(best, "totals", JSON_OBJECT)));
    struct run *run = run_ok("patch", "info", patch, "nano", "--json", NULL);
    json_t *info = run_json(run);
    assert_true(json_equal(look(info, "flips", JSON_ARRAY), look(done, "flips", JSON_ARRAY)));
    json_decref(info);
    run_free(run);
}

static void search_seeds__events__each_seed_as_alone_and_spread(void **state)
{
    (void)state;
    const char *patch = run_path("seeds.json");
    struct run *run = run_ok(SMALL_SEARCH, "--seed", "5", "--seeds", "3", "-o", patch, NULL);
    json_t *events = run_json_lines(run), *done = look_last(events);
    json_t *runs = events_named(events, "seed", -1);
    assert_int_equal(json_array_size(events), SEEDS * (ITERS + 1) + 1);
    assert_int_equal(json_array_size(runs), SEEDS);
    for (size_t i = 0; i < SEEDS; i++)
        expect_seed(events, FIRST + (int64_t)i, json_array_get(runs, i));
    assert_string_equal(look_text(done, "event"), "done");
    assert_int_equal(json_array_size(look(done, "seeds", JSON_ARRAY)), SEEDS);
    assert_int_equal(look_int(done, "evaluations"), SEEDS * ITERS);
    assert_int_equal(look_int(look(done, "heldout_looks", JSON_OBJECT), "knowledge"), SEEDS);
    assert_string_equal(look_text(done, "patch"), patch);
    expect_spreads(done, runs);
    expect_chosen(done, runs, patch);
    json_decref(runs);
    json_decref(events);
    run_free(run);
}

/* All but the time it took and how often it was looked at. */
static json_t *end_of(struct run *run)
{
    json_t *events = run_json_lines(run), *done = json_incref(look_last(events)), *one;
    size_t i;
    json_array_foreach(look(done, "seeds", JSON_ARRAY), i, one)
        (void)json_object_del(one, "seconds");
    (void)json_object_del(done, "seconds");
    (void)json_object_del(done, "heldout_looks");
    json_decref(events);
    run_free(run);
    return done;
}

static void search_seeds__again_with_null_models__the_same(void **state)
{
    (void)state;
    const char *patch = run_path("again.json");
    json_t *first = end_of(run_ok(SMALL_SEARCH, "--seeds", "2", "--null", "2", "-o", patch, NULL));
    json_t *again = end_of(run_ok(SMALL_SEARCH, "--repeats", "2", "--null", "2", "-o", patch,
                                  "--threads", "1", NULL));
    assert_true(json_equal(first, again));
    json_t *null = look(first, "null", JSON_OBJECT);
    assert_int_equal(look_int(null, "seed"), look_int(first, "chosen_seed"));
    assert_int_equal(look_int(null, "draws"), 2);
    /* the divergence is that of the patch that was written */
    struct run *eval = run_ok("eval", "nano", "--probes", "math", "--patch", patch, "--json",
                              NULL);
    json_t *out = run_json(eval);
    run_free(eval);
    assert_true(json_equal(look(out, "neutral", JSON_OBJECT), look(first, "neutral", JSON_OBJECT)));
    json_decref(out);
    json_decref(first);
    json_decref(again);
}

static void search_seeds__text__a_line_each_and_the_spread(void **state)
{
    (void)state;
    struct run *run = run_ok("search", "nano", GREEDY, "--target", "math", "--iters", "12",
                             "--seeds", "2", "-o", run_path("text.json"), NULL);
    run_expect_out(run, "12 candidates to try, seeds 42 to 43\n");
    run_expect_out(run, "\nseed 42 ");
    run_expect_out(run, "\nseed 43 ");
    run_expect_out(run, "\nspread over 2 seeds ");
    run_expect_out(run, "which has the highest fitness (held-out probes have no say)\n");
    run_expect_out(run, "greedy answers ");
    run_free(run);
    run = run_ok("search", "nano", GREEDY, "--target", "math", "--iters", "12", "--seeds", "1",
                 "-o", run_path("text.json"), NULL);
    run_expect_out(run, "spread over 1 seeds");
    run_free(run);
}

/* With the controls' losses counted a million times nothing is good enough. */
static void search_seeds__nothing_accepted__status_1_and_no_patch(void **state)
{
    (void)state;
    const char *patch = run_path("nothing.json");
    struct run *run = run_bankai(NULL, SMALL_SEARCH, "--seeds", "2", "--penalty", "1e6", "--seed",
                                 "1", "-o", patch, "--null", "3", NULL);
    run_expect_status(run, 1);
    json_t *events = run_json_lines(run), *done = look_last(events);
    (void)look(done, "patch", JSON_NULL);
    (void)look(done, "chosen_seed", JSON_NULL);
    assert_int_equal(json_array_size(look(done, "flips", JSON_ARRAY)), 0);
    assert_false(look_exists(patch));
    json_decref(events);
    run_free(run);
}

static void search_seeds__interrupted__best_so_far_is_kept(void **state)
{
    (void)state;
    const char *patch = run_path("stopped.json");
    const struct run_options options = {.interrupt_after = "\"event\": \"seed\""};
    struct run *run = run_bankai(&options, SMALL_SEARCH, "--seed", "6", "--seeds", "10000", "-o",
                                 patch, NULL);
    run_expect_status(run, 130);
    json_t *events = run_json_lines(run), *done = look_last(events);
    assert_true(look_bool(done, "interrupted"));
    assert_true(json_array_size(look(done, "seeds", JSON_ARRAY)) >= 1);
    assert_true(look_exists(patch));
    run_expect_err(run, " of 10000 seeds; the best of these, seed ");
    json_decref(events);
    run_free(run);
}

static void search_seeds__what_does_not_go_together__refused(void **state)
{
    (void)state;
    run_refused("usage", "a session keeps one search, expected --seeds without it", "search",
                "nano", "--target", "math", "--seeds", "2", "-s", run_path("s.bankai"), NULL);
    run_refused("usage", "--seeds and --repeats are the same, expected one of them", "search",
                "nano", "--target", "math", "--seeds", "2", "--repeats", "2", NULL);
    run_refused("usage", "--seeds", "search", "nano", "--target", "math", "--seeds", "0", NULL);
    run_refused("usage", "leaves no room for 2 seeds", "search", "nano", "--target", "math",
                "--seeds", "2", "--seed", "9223372036854775806", NULL);
    run_refused("usage", "method guided finds the same with any seed", "search", "nano",
                "--target", "math", "--seeds", "2", NULL);
    run_refused("usage", "there is no built-in probe set 'maths'", "search", "nano", GREEDY,
                "--target", "maths", "--seeds", "2", NULL);
    assert_false(look_exists(run_path("s.bankai")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_seeds__events__each_seed_as_alone_and_spread),
        cmocka_unit_test(search_seeds__again_with_null_models__the_same),
        cmocka_unit_test(search_seeds__text__a_line_each_and_the_spread),
        cmocka_unit_test(search_seeds__nothing_accepted__status_1_and_no_patch),
        cmocka_unit_test(search_seeds__interrupted__best_so_far_is_kept),
        cmocka_unit_test(search_seeds__what_does_not_go_together__refused),
    };
    return cmocka_run_group_tests_name("seeds", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * search --compare: its runs beside searches of their own, and what it says of them.
 */
#include <math.h>
#include <stdlib.h>

#include "tests/cli/look.h"
#include "tests/t.h"

#define SMALL "search", "nano", "--target", "math", "--control", "code"

/* The same search on its own, for as many candidates. */
static void expect_alone(const json_t *one)
{
    char seed[24], tried[24];
    const json_t *given = json_object_get(one, "seed"); /* null: any finds the same */
    (void)snprintf(seed, sizeof seed, "%d",
                   json_is_null(given) ? 77 : (int)look_int(one, "seed"));
    (void)snprintf(tried, sizeof tried, "%d", (int)look_int(one, "evaluations"));
    struct run *run = run_bankai(NULL, SMALL, "--heldout", "knowledge", "--method",
                                 look_text(one, "method"), "--objective", "margin", "--seed", seed,
                                 "--iters", tried, "-o", run_path("alone.json"), "--json", NULL);
    json_t *lines = run_json_lines(run), *done = look_last(lines);
    json_t *mine = look(one, "totals", JSON_OBJECT), *other = look(done, "totals", JSON_OBJECT);
    assert_true(look_real(one, "fitness") == look_real(done, "fitness"));
    assert_int_equal(look_int(one, "flip_count"),
                     json_array_size(look(done, "flips", JSON_ARRAY)));
    assert_true(json_equal(look(mine, "train", JSON_OBJECT), look(other, "math", JSON_OBJECT)));
    assert_true(
        json_equal(look(mine, "heldout", JSON_OBJECT), look(other, "knowledge", JSON_OBJECT)));
    json_decref(lines);
    run_free(run);
}

static void compare__two_methods_two_seeds__as_searches_alone(void **state)
{
    (void)state;
    struct run *run = run_ok(SMALL, "--heldout", "knowledge", "--compare", "greedy,guided",
                             "--seeds", "2", "--budget", "9", "--seed", "5", "--json", NULL);
    json_t *lines = run_json_lines(run), *done = look_last(lines);
    assert_int_equal(json_array_size(lines), 4);
    for (size_t i = 0; i < 3; i++) {
        json_t *one = json_array_get(lines, i);
        bool guided = i == 1; /* no seed has a say in it: once is enough */
        assert_string_equal(look_text(one, "event"), "run");
        assert_string_equal(look_text(one, "method"), guided ? "guided" : "greedy");
        if (guided)
            look(one, "seed", JSON_NULL);
        else
            assert_int_equal(look_int(one, "seed"), 5 + (int)i / 2);
        assert_true(look_real(one, "cost") >= 9); /* used up, by passes, too */
        assert_int_equal(look_int(one, "passes") > 0, guided);
        assert_true(guided ? look_int(one, "evaluations") < 9 : look_int(one, "evaluations") == 9);
        if (i < 2)
            expect_alone(one);
    }
    assert_string_equal(look_text(done, "objective"), "margin");
    assert_int_equal(json_array_size(look(done, "methods", JSON_ARRAY)), 2);
    assert_int_equal(json_array_size(look(done, "runs", JSON_ARRAY)), 3);
    assert_int_equal(look_int(done, "budget_evaluations"), 9);
    json_decref(lines);
    run_free(run);
}

/* What a probe's gap counts in the objective margin. */
static double credit(const json_t *probe, const char *when)
{
    double gap = look_real(look(probe, "gap", JSON_OBJECT), when);
    return gap < 1.5 ? gap : 1.5;
}

/* Of the patch, from its gaps: the targets' mean gain less twice the controls' mean loss. */
static double fitness_of(const char *patch)
{
    struct run *run = run_ok("eval", "nano", "--probes", "math,code", "--metric", "soft_margin",
                             "--patch", patch, "--json", NULL);
    json_t *said = run_json(run), *probe;
    double gain[2] = {0, 0};
    size_t index, count[2] = {0, 0};
    json_array_foreach (look(said, "probes", JSON_ARRAY), index, probe) {
        bool control = strcmp(look_text(probe, "set"), "code") == 0;
        double change = credit(probe, "now") - credit(probe, "base");
        gain[control] += control && change > 0 ? 0 : change;
        count[control]++;
    }
    json_decref(said);
    run_free(run);
    return gain[0] / (double)count[0] + 2 * gain[1] / (double)count[1];
}

static void compare__train__as_a_training_alone_judged_as_the_others(void **state)
{
    (void)state;
    const char *patch = run_path("trained.json");
    struct run *run = run_ok(SMALL, "--heldout", "knowledge", "--compare", "bfs,train", "--seeds",
                             "2", "--seed", "5", "--budget", "12", "--flips", "30", "--json", NULL);
    json_t *lines = run_json_lines(run), *one = json_array_get(lines, 3);
    assert_int_equal(json_array_size(lines), 5);
    assert_string_equal(look_text(one, "method"), "train");
    assert_int_equal(look_int(one, "seed"), 6);
    int steps = (int)look_int(one, "evaluations");
    assert_int_equal(look_int(one, "passes"), steps);
    /* A step is a gradient and a check, with half of it and fewer where it fails: five to
     * eight times the probes' tokens (the line feeds more make up for the shorter texts). */
    assert_true(steps >= 2 && look_real(one, "cost") >= 12);
    assert_true(look_real(one, "cost") > 4.5 * steps && look_real(one, "cost") < 9 * steps);
    char number[24];
    (void)snprintf(number, sizeof number, "%d", steps);
    struct run *alone = run_ok("train", "nano", "--targets", "math", "--controls", "code",
                               "--heldout", "knowledge", "--validation", "0", "--flips", "30",
                               "--steps", number, "--seed", "6", "-o", patch, "--json", NULL);
    json_t *other = run_json_lines(alone);
    const json_t *mine = look(look(one, "totals", JSON_OBJECT), "heldout", JSON_OBJECT);
    const json_t *its = look(look(look_last(other), "totals", JSON_OBJECT), "knowledge",
                             JSON_OBJECT);
    static const char *const keys[] = {"n", "right_base", "right_now", "fixed", "broke"};
    for (size_t i = 0; i < countof(keys); i++)
        assert_int_equal(look_int(mine, keys[i]), look_int(its, keys[i]));
    json_t *written = json_load_file(patch, 0, NULL);
    assert_int_equal(look_int(one, "flip_count"),
                     json_array_size(look(written, "flips", JSON_ARRAY)));
    json_decref(written);
    assert_true(fabs(look_real(one, "fitness") - fitness_of(patch)) < 1e-9);
    json_decref(lines);
    json_decref(other);
    run_free(alone);
    run_free(run);
}

/* A prompt without an answer of its own is no probe before it has one. */
static void compare__self_labelled_controls__are_right_before(void **state)
{
    (void)state;
    struct run *run = run_ok("search", "nano", "--target", "math", "--control", "self:6",
                             "--compare", "greedy", "--budget", "1", "--json", NULL);
    json_t *lines = run_json_lines(run);
    json_t *controls = look(look(json_array_get(lines, 0), "totals", JSON_OBJECT), "controls",
                            JSON_OBJECT);
    assert_true(look_int(controls, "n") > 0);
    assert_int_equal(look_int(controls, "right_base"), look_int(controls, "n"));
    json_decref(lines);
    run_free(run);
}

static void compare__text__tables_of_a_hundred_columns(void **state)
{
    (void)state;
    struct run *run = run_ok(SMALL, "--compare", "greedy,bfs,guided", "--validation", "3",
                             "--budget", "2", "--objective", "focal:1,logprob:0.1", NULL);
    assert_non_null(strstr(run->out.data, "train 5, controls"));
    assert_non_null(strstr(run->out.data, "\nvalidation: "));
    assert_null(strstr(run->out.data, "\nheldout"));
    assert_non_null(strstr(run->out.data, "signal, not a result: focal:1,logprob:0.1\n"));
    for (const char *line = run->out.data; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 100);
    run_free(run);
    run = run_ok(SMALL, "--compare", "group,train,guided", "--seeds", "2", "--budget", "0.01s",
                 NULL);
    assert_non_null(strstr(run->out.data, "\ngroup, guided: run once, no seed has a say\n"));
    assert_non_null(strstr(run->out.data, "\ngroup           - "));
    assert_non_null(strstr(run->out.data, "\ntrain       2 "));
    for (const char *line = run->out.data; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 100);
    run_free(run);
    run = run_ok(SMALL, "--compare", "greedy", "--budget", "0.01s", "--json", NULL);
    json_t *lines = run_json_lines(run);
    assert_true(look_real(look_last(lines), "budget_seconds") == 0.01);
    json_decref(lines);
    run_free(run);
}

/* Of each set what a search alone says of it; together they are all that is held out. */
static void compare__held_out_sets__told_apart(void **state)
{
    (void)state;
    static const char *const counts[] = {"n", "right_base", "right_now", "fixed", "broke"};
    struct run *run = run_ok(SMALL, "--heldout", "knowledge,calculus-heldout", "--method", "random",
                             "--objective", "margin", "--iters", "30", "-o", run_path("p.json"),
                             "--json", NULL);
    json_t *alone = run_json_lines(run);
    run_free(run);
    run = run_ok(SMALL, "--heldout", "knowledge,calculus-heldout", "--compare", "random",
                 "--budget", "30", "--json", NULL);
    json_t *lines = run_json_lines(run), *one = json_array_get(lines, 0);
    json_t *sets = look(one, "heldout_sets", JSON_OBJECT);
    json_t *all = look(look(one, "totals", JSON_OBJECT), "heldout", JSON_OBJECT);
    json_t *expected = look(look_last(alone), "totals", JSON_OBJECT);
    json_t *a = look(sets, "knowledge", JSON_OBJECT);
    json_t *b = look(sets, "calculus-heldout", JSON_OBJECT);
    assert_true(json_equal(a, look(expected, "knowledge", JSON_OBJECT)));
    assert_true(json_equal(b, look(expected, "calculus-heldout", JSON_OBJECT)));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_int_equal(look_int(a, counts[i]) + look_int(b, counts[i]),
                         look_int(all, counts[i]));
    assert_true(look_int(b, "fixed") + look_int(b, "broke") > 0);
    json_decref(alone);
    json_decref(lines);
    run_free(run);
}

/* Over before the first step: a training that kept nothing is a run like others. */
static void compare__train__without_time__keeps_nothing(void **state)
{
    (void)state;
    struct run *run = run_ok(SMALL, "--compare", "train", "--budget", "0.000001s", "--json", NULL);
    json_t *lines = run_json_lines(run), *one = json_array_get(lines, 0);
    assert_int_equal(json_array_size(lines), 2);
    assert_int_equal(look_int(one, "flip_count"), 0);
    assert_true(look_real(one, "fitness") == 0);
    json_decref(lines);
    run_free(run);
}

static void compare__bad_words__refused(void **state)
{
    (void)state;
    run_refused("usage", "'magic' is unknown, expected one of greedy", SMALL, "--compare",
                "greedy,magic", NULL);
    run_refused("usage", "random train", SMALL, "--compare", "training", NULL);
    run_refused("usage", "train is named twice", SMALL, "--compare", "train,train", NULL);
    run_refused("usage", "train begins with the model as it is", SMALL, "--compare", "train",
                "--from", "none.json", NULL);
    run_refused("usage", "train has neither embed nor head", SMALL, "--compare", "train", "--proj",
                "head", NULL);
    run_refused("usage", "--steps has no say in a comparison", SMALL, "--compare", "train",
                "--steps", "3", NULL);
    run_refused("usage", "--rank is of --method train", SMALL, "--compare", "greedy", "--rank",
                "snr", NULL);
    run_refused("usage", "greedy is named twice", SMALL, "--compare", "greedy,greedy", NULL);
    run_refused("usage", "expected evaluations such as 300", SMALL, "--compare", "greedy",
                "--budget", "soon", NULL);
    run_refused("usage", "expected evaluations such as 300", SMALL, "--compare", "greedy",
                "--budget", "-3s", NULL);
    run_refused("usage", "--iters has no say in a comparison", SMALL, "--compare", "greedy",
                "--iters", "3", NULL);
    run_refused("usage", "expected --from PATCH", SMALL, "--compare", "prune", NULL);
    run_refused("usage", "expected it with --compare", SMALL, "--budget", "3", NULL);
    run_refused("usage", "cannot set 8 of 8 targets apart", SMALL, "--compare", "greedy",
                "--validation", "8", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare__two_methods_two_seeds__as_searches_alone),
        cmocka_unit_test(compare__train__as_a_training_alone_judged_as_the_others),
        cmocka_unit_test(compare__self_labelled_controls__are_right_before),
        cmocka_unit_test(compare__text__tables_of_a_hundred_columns),
        cmocka_unit_test(compare__held_out_sets__told_apart),
        cmocka_unit_test(compare__train__without_time__keeps_nothing),
        cmocka_unit_test(compare__bad_words__refused),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}

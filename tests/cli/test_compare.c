/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * search --compare: its runs beside searches of their own, and what it says of them.
 */
#include <stdlib.h>

#include "tests/cli/look.h"
#include "tests/t.h"

#define SMALL "search", "nano", "--target", "math", "--control", "code"

/* The same search on its own, for as many candidates. */
static void expect_alone(const json_t *one)
{
    char seed[24], tried[24];
    (void)snprintf(seed, sizeof seed, "%d", (int)look_int(one, "seed"));
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
    assert_int_equal(json_array_size(lines), 5);
    for (size_t i = 0; i < 4; i++) {
        json_t *one = json_array_get(lines, i);
        bool guided = i % 2 == 1;
        assert_string_equal(look_text(one, "event"), "run");
        assert_string_equal(look_text(one, "method"), guided ? "guided" : "greedy");
        assert_int_equal(look_int(one, "seed"), 5 + (int)i / 2);
        assert_true(look_real(one, "cost") >= 9); /* used up, by passes, too */
        assert_int_equal(look_int(one, "passes") > 0, guided);
        assert_true(guided ? look_int(one, "evaluations") < 9 : look_int(one, "evaluations") == 9);
        if (i < 2)
            expect_alone(one);
    }
    assert_string_equal(look_text(done, "objective"), "margin");
    assert_int_equal(json_array_size(look(done, "methods", JSON_ARRAY)), 2);
    assert_int_equal(json_array_size(look(done, "runs", JSON_ARRAY)), 4);
    assert_int_equal(look_int(done, "budget_evaluations"), 9);
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
    assert_null(strstr(run->out.data, "\nheldout: "));
    assert_non_null(strstr(run->out.data, "signal, not a result: focal:1,logprob:0.1\n"));
    for (const char *line = run->out.data; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 100);
    run_free(run);
    run = run_ok(SMALL, "--compare", "greedy", "--budget", "0.01s", "--json", NULL);
    json_t *lines = run_json_lines(run);
    assert_true(look_real(look_last(lines), "budget_seconds") == 0.01);
    json_decref(lines);
    run_free(run);
}

static void compare__bad_words__refused(void **state)
{
    (void)state;
    run_refused("usage", "'magic' is unknown, expected one of greedy", SMALL, "--compare",
                "greedy,magic", NULL);
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
        cmocka_unit_test(compare__text__tables_of_a_hundred_columns),
        cmocka_unit_test(compare__bad_words__refused),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}

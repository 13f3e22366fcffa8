/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes: sets listed and shown, and made from a task that nano partly solves.
 */
#include "tests/cli/look.h"
#include "tests/t.h"

static const char task[] =
    "{\"question\": \"3 + 4 =\", \"answer\": 7}\n"
    "{\"question\": \"12 + 15 =\", \"answer\": \"#### 27\", \"category\": \"two\"}\n"
    "{\"question\": \"20 - 8 =\", \"answer\": 12}\n"
    "{\"question\": \"6 * 9 =\", \"answer\": [54, 55]}\n"
    "{\"question\": \"3 + 4 =\", \"answer\": 8}\n"   /* it says 7 */
    "{\"question\": \"3 + 4 =\", \"answer\": 71}\n"; /* which begins the right answer */

static json_t *read_set(const char *path)
{
    json_t *set = json_load_file(path, 0, NULL);
    assert_true(json_is_array(set));
    return set;
}

static void probe_is(const json_t *set, size_t i, const char *prompt, const char *correct,
                     const char *wrong)
{
    const json_t *probe = json_array_get(set, i);
    assert_string_equal(look_text(probe, "prompt"), prompt);
    assert_string_equal(look_text(probe, "correct"), correct);
    assert_string_equal(look_text(probe, "wrong"), wrong);
    assert_string_equal(look_text(probe, "mode"), "number");
}

static struct run *from_task(const char *targets, const char *controls)
{
    return run_ok("probes", "from-task", "nano", run_write_text("task.jsonl", task), "--template",
                  "{question}", "--stop", "\\n", "-o", targets, "--controls", controls, "--json",
                  NULL);
}

static void probes__from_task__targets_and_controls_by_hand(void **state)
{
    (void)state;
    const char *targets = run_path("targets.json"), *controls = run_path("controls.json");
    struct run *run = from_task(targets, controls);
    json_t *out = run_json(run), *wrong = read_set(targets), *right = read_set(controls);
    assert_int_equal(look_int(out, "items"), 6);
    assert_int_equal(look_int(look(out, "targets", JSON_OBJECT), "probes"), 1);
    assert_int_equal(look_int(look(out, "controls", JSON_OBJECT), "probes"), 4);
    assert_int_equal(look_int(look(out, "left_out", JSON_OBJECT), "not_apart"), 1);
    assert_int_equal(look_int(look(out, "left_out", JSON_OBJECT), "nothing_said"), 0);
    assert_int_equal(look_int(look(out, "left_out", JSON_OBJECT), "other_verdict"), 0);
    assert_int_equal(json_array_size(wrong), 1);
    assert_int_equal(json_array_size(right), 4);
    probe_is(wrong, 0, "3 + 4 =", " 8", " 7");
    probe_is(right, 0, "3 + 4 =", " 7", " 27");
    probe_is(right, 1, "12 + 15 =", " 27", " 12");
    probe_is(right, 2, "20 - 8 =", " 12", " 54");
    probe_is(right, 3, "6 * 9 =", " 54", " 8");
    json_t *alternates = look(json_array_get(right, 3), "alternates", JSON_ARRAY);
    assert_string_equal(json_string_value(json_array_get(alternates, 0)), " 55");
    assert_string_equal(look_text(json_array_get(right, 1), "category"), "two");
    json_decref(out);
    json_decref(wrong);
    json_decref(right);
    run_free(run);

    struct buf both = {0}; /* and they are what they should be */
    buf_add_format(&both, "%s,%s", targets, controls);
    run = run_ok("eval", "nano", "--probes", both.data, "--json", NULL);
    out = run_json(run);
    json_t *totals = look(out, "totals", JSON_OBJECT);
    assert_int_equal(look_int(look(totals, "targets", JSON_OBJECT), "right_base"), 0);
    assert_int_equal(look_int(look(totals, "controls", JSON_OBJECT), "right_base"), 4);
    buf_free(&both);
    json_decref(out);
    run_free(run);
}

static void probes__from_task_without_failures__no_and_no_file(void **state)
{
    (void)state;
    const char *path = run_write_text("solved.jsonl", "{\"question\": \"3 + 4 =\", \"answer\": 7}");
    const char *targets = run_path("none.json"), *results = run_path("solved-results.jsonl");
    for (int again = 0; again < 2; again++) {
        struct run *run = run_bankai(NULL, "probes", "from-task", "nano", path, "--template",
                                     "{question}", "-o", targets, "--results", results, NULL);
        run_expect_status(run, 1);
        run_expect_out(run, "targets       0  not written\n");
        run_expect_out(run, "left out      1  right and wrong answer begin alike\n");
        run_free(run);
        assert_false(look_exists(targets));
        assert_true(look_exists(results));
    }
}

static void probes__list_and_show__sets(void **state)
{
    (void)state;
    struct run *run = run_ok("probes", "list", "--json", NULL);
    json_t *out = run_json(run);
    bool seen = false;
    for (size_t i = 0; i < json_array_size(out); i++) {
        const json_t *set = json_array_get(out, i);
        seen = seen || (strcmp(look_text(set, "name"), "calculus-train") == 0 &&
                        look_int(set, "probes") == 60);
    }
    assert_true(seen);
    json_decref(out);
    run_free(run);
    run = run_ok("probes", "list", NULL);
    run_expect_out(run, "calculus-heldout      30 probes\n");
    run_free(run);
    const char *own = run_write_text(
        "own.json", "[{\"prompt\": \"a\\n\", \"correct\": \"\\u001b[1m\", \"alternates\": [\"c\"],"
                    " \"wrong\": \"w\", \"category\": \"cat\", \"mode\": \"json_field:x\"}]");
    run = run_ok("probes", "show", own, NULL);
    t_buf_is(&run->out, "own-0  cat  json_field:x\n  prompt  \"a\\n\"\n"
                        "  correct \"\\x1B[1m\"\n  or      \"c\"\n  wrong   \"w\"\n");
    run_free(run);
    run = run_ok("probes", "show", "math", "--json", NULL);
    json_t *shown = run_json(run), *file = read_set("probes/sets/math.json");
    assert_int_equal(json_array_size(shown), json_array_size(file));
    for (size_t i = 0; i < json_array_size(file); i++)
        assert_true(json_equal(json_array_get(shown, i), json_array_get(file, i)));
    json_decref(shown);
    json_decref(file);
    run_free(run);
}

static void probes__families__have_an_example(void **state)
{
    (void)state;
    struct run *run = run_ok("probes", "families", "--json", NULL);
    json_t *out = run_json(run);
    assert_true(json_array_size(out) >= 7);
    for (size_t i = 0; i < json_array_size(out); i++) {
        const json_t *family = json_array_get(out, i);
        const json_t *example = look(family, "example", JSON_OBJECT);
        bool mixed = strcmp(look_text(family, "name"), "mixed") == 0;
        assert_string_equal(look_text(example, "category"),
                            mixed ? "poly_deriv" : look_text(family, "name"));
        assert_true(strlen(look_text(family, "what")) > 5);
    }
    json_decref(out);
    run_free(run);
    run = run_ok("probes", "families", NULL);
    run_expect_out(run, "\nsecond_deriv  second derivatives of polynomials");
    run_free(run);
}

/* What is written is what the spec names, as lines and as a set. */
static void probes__make__the_set_of_the_spec(void **state)
{
    (void)state;
    const char *paths[] = {run_path("gen.jsonl"), run_path("gen.json")};
    struct run *shown = run_ok("probes", "show", "gen:trig:30:4", "--json", NULL);
    json_t *spec = run_json(shown);
    assert_int_equal(json_array_size(spec), 30);
    for (size_t i = 0; i < 2; i++) {
        run_free(run_ok("probes", "make", "trig", "--count", "30", "--seed", "4", "-o", paths[i],
                        NULL));
        struct run *run = run_ok("probes", "show", paths[i], "--json", NULL);
        json_t *read = run_json(run);
        assert_true(json_equal(read, spec));
        json_decref(read);
        run_free(run);
    }
    struct run *run = run_ok("probes", "make", "trig", "--count", "30", "--seed", "4", NULL);
    json_t *lines = run_json_lines(run);
    assert_true(json_equal(lines, spec));
    json_decref(lines);
    json_decref(spec);
    run_free(run);
    run_free(shown);
}

static void probes__make_more_than_there_are__all_and_no(void **state)
{
    (void)state;
    const char *path = run_path("all.jsonl");
    struct run *run = run_bankai(NULL, "probes", "make", "trig", "--count", "5000", "-o", path,
                                 "--json", NULL);
    run_expect_status(run, 1);
    run_expect_err(run, "different prompts on this side");
    json_t *out = run_json(run);
    json_int_t made = look_int(out, "probes");
    assert_int_equal(look_int(out, "asked"), 5000);
    assert_true(made > 100 && made < 5000);
    json_decref(out);
    run_free(run);
    run = run_ok("probes", "show", path, "--json", NULL);
    out = run_json(run);
    assert_int_equal(json_array_size(out), made);
    json_decref(out);
    run_free(run);
}

static void probes__bad_calls__refused(void **state)
{
    (void)state;
    run_refused("usage", "unknown action 'x', expected list, show, families, make or from-task",
                "probes", "x", NULL);
    run_refused("usage", "found 1 arguments, expected: bankai probes show SET", "probes", "show",
                NULL);
    run_refused("usage", "found 2 arguments, expected: bankai probes list", "probes", "list", "a",
                NULL);
    run_refused("usage", "there is no built-in probe set 'nix'", "probes", "show", "nix", NULL);
    run_refused("usage", "gen:trig:0: the number of probes is '0', expected a whole number",
                "probes", "show", "math,gen:trig:0", NULL);
    run_refused("range", "gen:prime:9999:1:train: prime has only ", "eval", "nano", "--probes",
                "gen:prime:9999", NULL);
    run_refused("usage", "there is no family 'x', expected one of poly_deriv", "probes", "make",
                "x", NULL);
    run_refused("usage", "--split: 'both' is unknown, expected train or heldout", "probes", "make",
                "trig", "--split", "both", NULL);
    run_refused("usage", "no output given, expected -o SET.json", "probes", "from-task", "nano",
                run_write_text("task.jsonl", task), NULL);
    const char *path = run_write_text("task.jsonl", task), *both = run_path("both.json");
    run_refused("usage", "is also named as --controls, expected a file of its own", "probes",
                "from-task", "nano", path, "-o", both, "--controls", both, NULL);
    run_refused("usage", "is also named as the task, expected a file of its own", "probes",
                "from-task", "nano", path, "-o", path, NULL);
    run_refused("usage", "is also named as --results, expected a file of its own", "probes",
                "from-task", "nano", path, "-o", both, "--results", both, NULL);
    run_refused("usage", "is also named as the task, expected a file of its own", "probes",
                "from-task", "nano", path, "-o", both, "--controls", path, NULL);
    assert_false(look_exists(both));
    struct run *run = run_bankai(NULL, "probes", "from-task", "nano", path, "-o",
                                 "/no/such/x.json",
                                 NULL);
    run_expect_status(run, 3);
    run_expect_err(run, "/no/such/x.json: cannot write there: No such file or directory");
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes__from_task__targets_and_controls_by_hand),
        cmocka_unit_test(probes__from_task_without_failures__no_and_no_file),
        cmocka_unit_test(probes__list_and_show__sets),
        cmocka_unit_test(probes__families__have_an_example),
        cmocka_unit_test(probes__make__the_set_of_the_spec),
        cmocka_unit_test(probes__make_more_than_there_are__all_and_no),
        cmocka_unit_test(probes__bad_calls__refused),
    };
    return cmocka_run_group_tests_name("probes", tests, NULL, NULL);
}

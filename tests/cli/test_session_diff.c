/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Two states of a session compared on the command line: what it says of flips, gaps and
 * answers is what the search's patch and `eval` say of them.
 */
#include <math.h>

#include "tests/cli/look.h"
#include "tests/cli/run.h"
#include "tests/t.h"

#define SEARCH "search", "nano", GREEDY, "--target", "math", "--control", "code", "--seed", "6"

struct made {
    const char *session, *patch;
};

/* A search of 40 candidates, some of which it accepts. */
static struct made make(void)
{
    struct made made = {run_path("diff.bankai"), run_path("diff.json")};
    if (!look_exists(made.session))
        run_free(run_ok(SEARCH, "--iters", "40", "-s", made.session, "-o", made.patch, NULL));
    return made;
}

static json_t *diff_json(const char *session, const char *states)
{
    struct run *run = run_ok("session", "diff", session, states, "--json", NULL);
    json_t *diff = run_json(run);
    run_free(run);
    return diff;
}

static size_t count_of(const json_t *diff, const char *which)
{
    return json_array_size(look(look(diff, "flips", JSON_OBJECT), which, JSON_ARRAY));
}

static const json_t *named(const json_t *array, const char *name)
{
    size_t i;
    const json_t *one;
    json_array_foreach(array, i, one) if (strcmp(look_text(one, "name"), name) == 0) return one;
    fail_msg("no %s", name);
    return NULL;
}

static void session_diff__base_to_head__the_patch_as_eval_measures_it(void **state)
{
    (void)state;
    struct made made = make();
    json_t *diff = diff_json(made.session, "base..head");
    struct run *info = run_ok("patch", "info", made.patch, "--json", NULL);
    json_t *patch = run_json(info);
    struct run *eval = run_ok("eval", "nano", "--probes", "math,code", "--patch", made.patch,
                              "--json", NULL);
    json_t *evaluated = run_json(eval);
    assert_int_equal(count_of(diff, "only_a"), 0);
    assert_int_equal(count_of(diff, "both"), 0);
    assert_int_equal(count_of(diff, "only_b"), json_array_size(look(patch, "flips", JSON_ARRAY)));
    const json_t *signal = look(diff, "search_signal", JSON_ARRAY), *one;
    const json_t *probes = look(evaluated, "probes", JSON_ARRAY);
    assert_int_equal(json_array_size(signal), json_array_size(probes));
    double last = HUGE_VAL;
    size_t i;
    json_array_foreach(signal, i, one) {
        const json_t *same = look(named(probes, look_text(one, "name")), "gap", JSON_OBJECT);
        const json_t *gap = look(one, "gap", JSON_OBJECT);
        assert_true(look_real(gap, "a") == look_real(same, "base"));
        assert_true(look_real(gap, "b") == look_real(same, "now"));
        double change = look_real(one, "change");
        assert_true(change == look_real(gap, "b") - look_real(gap, "a"));
        assert_true(fabs(change) <= last);
        last = fabs(change);
    }
    json_decref(diff);
    json_decref(patch);
    json_decref(evaluated);
    run_free(info);
    run_free(eval);
}

/* What is on at both, and only at one, is turned round when the states are. */
static void session_diff__names_turned_round__flips_change_sides(void **state)
{
    (void)state;
    struct made made = make();
    run_free(run_ok("session", "name", made.session, "third", "3", NULL));
    json_t *diff = diff_json(made.session, "third..head~");
    json_t *back = diff_json(made.session, "head~..third");
    assert_int_equal(count_of(diff, "only_a"), 0);
    assert_int_equal(count_of(diff, "both"), 3);
    assert_int_equal(count_of(back, "only_a"), count_of(diff, "only_b"));
    assert_int_equal(count_of(back, "only_b"), 0);
    assert_string_equal(look_text(look(diff, "a", JSON_OBJECT), "name"), "third");
    json_decref(diff);
    json_decref(back);
    struct run *run = run_ok("session", "diff", made.session, "third..head~", NULL);
    run_expect_out(run, "A  step 3 (third), 3 flips, fitness +");
    run_expect_out(run, "flips in both: 3\n");
    run_expect_out(run, "gaps (search signal)\n");
    run_expect_out(run, "held-out  never measured\n");
    run_free(run);
}

/* The workbench answers at two states: the totals count what the answers say. */
static void session_diff__answered_states__generations_and_totals(void **state)
{
    (void)state;
    struct made made = make();
    const char *script = run_write_text("answers.txt", "wait idle\nanswers\nwait idle\n"
                                        "state 4\nanswers\nwait idle\n");
    run_free(run_ok("open", "-s", made.session, "-o", made.patch, "--script", script,
                    "--headless", "80x24", NULL));
    json_t *diff = diff_json(made.session, "base..4");
    const json_t *answers = look(diff, "generations", JSON_ARRAY), *one;
    size_t i, fixed = 0, broke = 0;
    assert_int_equal(json_array_size(answers), 14); /* math and code */
    json_array_foreach(answers, i, one) {
        const json_t *text = look(one, "text", JSON_OBJECT);
        bool same = strcmp(look_text(text, "a"), look_text(text, "b")) == 0;
        assert_int_equal(json_is_null(json_object_get(one, "differs_at")), same);
        fixed += strcmp(look_text(one, "verdict"), "fixed") == 0;
        broke += strcmp(look_text(one, "verdict"), "broke") == 0;
    }
    const json_t *totals = look(diff, "totals", JSON_OBJECT);
    const json_t *targets = look(totals, "target", JSON_OBJECT);
    const json_t *controls = look(totals, "control", JSON_OBJECT);
    assert_int_equal(look_int(targets, "n") + look_int(controls, "n"), 14);
    assert_int_equal(look_int(targets, "fixed") + look_int(controls, "fixed"), fixed);
    assert_int_equal(look_int(targets, "broke") + look_int(controls, "broke"), broke);
    json_decref(diff);
}

static void session_name__named_states__listed(void **state)
{
    (void)state;
    struct made made = make();
    run_free(run_ok("session", "name", made.session, "start", "base", NULL));
    run_free(run_ok("session", "name", made.session, "second", "1", NULL));
    run_free(run_ok("session", "name", made.session, "second", "2", NULL)); /* moved */
    struct run *run = run_ok("session", "name", made.session, "--json", NULL);
    json_t *names = run_json(run);
    assert_int_equal(look_int(named(names, "start"), "step"), 0);
    assert_int_equal(look_int(named(names, "start"), "flips"), 0);
    assert_int_equal(look_int(named(names, "second"), "step"), 2);
    assert_int_equal(look_int(named(names, "second"), "flips"), 2);
    json_decref(names);
    run_free(run);
    run = run_ok("session", "name", made.session, NULL);
    run_expect_out(run, "     2       2 flips  fitness +");
    run_expect_out(run, "  second\n");
    run_free(run);
    run = run_ok("session", "log", made.session, NULL);
    run_expect_out(run, " name       start = step 0\n");
    run_expect_out(run, " name       second = step 1\n");
    run_expect_out(run, " name       second = step 2\n");
    run_free(run);
    run_free(run_ok("session", "verify", made.session, NULL));
    run_free(run_ok("session", "replay", made.session, NULL));
}

/* Patches of several flips are steps like others: replayed to the bit, whole, and the
 * same after a restart. */
static void open__two_patches__replayed_verified_and_gone_on_with(void **state)
{
    (void)state;
    const char *session = run_path("two.bankai"), *output = run_path("two-now.json");
    const char *one = run_write_text(
        "one.json", "{\"format\": \"bankai_row_xor_v1\", \"flips\": ["
                    "{\"layer\": 1, \"proj\": \"gate_proj\", \"row\": 3},"
                    "{\"layer\": 4, \"proj\": \"up_proj\", \"row\": 30},"
                    "{\"layer\": 2, \"proj\": \"gate_proj\", \"row\": 9}]}");
    const char *two = run_write_text(
        "two.json", "{\"format\": \"bankai_row_xor_v1\", \"flips\": ["
                    "{\"layer\": 1, \"proj\": \"gate_proj\", \"row\": 3},"
                    "{\"layer\": 0, \"proj\": \"up_proj\", \"row\": 70}]}");
    char lines[1024];
    (void)snprintf(lines, sizeof lines,
                   "wait idle\ne %s\nwait idle\nstep 5\nwait idle\npatch open %s second\n"
                   "wait idle\npatch previous\nwait idle\nundo\nwait idle\nredo\nwait idle\n"
                   "state second\nwait idle\n", one, two);
    const char *script = run_write_text("two.script", lines);
    const char *then = run_write_text("then.script", "wait idle\nstate one\nwait idle\n"
                                                     "patch previous\nwait idle\n");
    run_free(run_ok("open", "nano", "-s", session, "-o", output, "--script", script,
                    "--headless", "80x24", NULL));
    run_free(run_ok("open", "-s", session, "-o", output, "--script", then, "--headless", "80x24",
                    NULL));
    struct run *run = run_ok("session", "replay", session, NULL);
    run_expect_out(run, "every number as it was");
    run_free(run);
    run = run_ok("session", "verify", session, NULL);
    run_expect_out(run, "the session is whole");
    run_free(run);
    json_t *diff = diff_json(session, "one..second");
    assert_int_equal(count_of(diff, "only_a"), 2);
    assert_int_equal(count_of(diff, "only_b"), 1);
    assert_int_equal(count_of(diff, "both"), 1);
    json_decref(diff);
    diff = diff_json(session, "second..head"); /* where the second run left it */
    assert_int_equal(count_of(diff, "only_a") + count_of(diff, "only_b"), 0);
    json_decref(diff);
    run = run_ok("patch", "info", output, "--json", NULL);
    json_t *info = run_json(run);
    assert_int_equal(json_array_size(look(info, "flips", JSON_ARRAY)), 2);
    json_decref(info);
    run_free(run);
}

static void session_diff_name__wrong_use__one_clear_line(void **state)
{
    (void)state;
    struct made made = make();
    const char *none = run_path("no-such.bankai");
    run_refused("usage", "expected: bankai session diff FILE A..B", "session", "diff",
                made.session, NULL);
    run_refused("usage", "expected: bankai session diff FILE A..B", "session", "diff", NULL);
    run_refused("usage", "found 2 arguments behind the file", "session", "diff", made.session,
                "1..2", "3", NULL);
    run_refused("usage", "'head' is no comparison, expected A..B as in base..head", "session",
                "diff", made.session, "head", NULL);
    run_refused("usage", "there is no state 'nobody', expected a step, a name", "session", "diff",
                made.session, "nobody..head", NULL);
    run_refused("range", "there is no step 9999, expected 0 to", "session", "diff", made.session,
                "0..9999", NULL);
    run_refused("usage", "'head' means a step already", "session", "name", made.session, "head",
                NULL);
    run_refused("usage", "no-such.bankai", "session", "name", none, "x", NULL);
    assert_false(look_exists(none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_diff__base_to_head__the_patch_as_eval_measures_it),
        cmocka_unit_test(session_diff__names_turned_round__flips_change_sides),
        cmocka_unit_test(session_diff__answered_states__generations_and_totals),
        cmocka_unit_test(session_name__named_states__listed),
        cmocka_unit_test(open__two_patches__replayed_verified_and_gone_on_with),
        cmocka_unit_test(session_diff_name__wrong_use__one_clear_line),
    };
    return cmocka_run_group_tests_name("session_diff", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bankai audit as a person and as a program see it.
 */
#include "tests/cli/look.h"
#include "tests/cli/run.h"
#include "tests/t.h"

/* One dead pair with token_gap, one probe in order; texts with control characters. */
static const char *own_probes(void)
{
    return run_write_text(
        "own.json",
        "[{\"prompt\": \"4 * 5 =\", \"correct\": \" 20\", \"wrong\": \" 0\", \"name\": \"dead\"},"
        " {\"prompt\": \"Is it so?\", \"correct\": \" Yes\", \"wrong\": \" No\","
        "  \"name\": \"fine\"},"
        " {\"prompt\": \"Is it so\\u001b?\", \"correct\": \" Yes\\t\", \"wrong\": \" No\","
        "  \"name\": \"bell\\u0007\"}]");
}

static void audit__nothing_fatal__status_0_and_a_summary(void **state)
{
    (void)state;
    struct run *run = run_ok("audit", "nano", "--probes", "math", "--control", "code", NULL);
    run_expect_out(run, "\n14 probes, metric seq_logprob: 0 fatal, ");
    assert_null(strstr(run->out.data, "note     "));
    run_free(run);
    run = run_ok("audit", "nano", "--probes", "math", "--list", NULL);
    run_expect_out(run, "note     already_right      math sum_small: ");
    run_free(run);
}

static void audit__dead_pair__status_1_text_and_json(void **state)
{
    (void)state;
    const char *const text[] = {"audit", "nano", "--probes", own_probes(), "--metric",
                                "token_gap", NULL};
    struct run *run = run_bankai_words(&(struct run_options){0}, text);
    run_expect_status(run, 1);
    run_expect_out(run, "fatal    dead_pair          own dead: both answers end "
                                     "with the token \"0\": their scores are always the same\n");
    run_expect_out(run, "metric token_gap (unsound: ");
    assert_null(strchr(run->out.data, 7)); /* not even of names */
    run_free(run);
    const char *const json[] = {"audit", "nano", "--probes", own_probes(), "--metric",
                                "token_gap", "--json", NULL};
    run = run_bankai_words(&(struct run_options){0}, json);
    run_expect_status(run, 1);
    json_t *out = run_json(run), *findings = look(out, "findings", JSON_ARRAY);
    json_t *first = json_array_get(findings, 0);
    assert_string_equal(look_text(out, "metric"), "token_gap");
    assert_int_equal(strncmp(look_text(out, "metric_note"), "unsound: ", 9), 0);
    assert_int_equal(look_int(out, "probes"), 3);
    assert_int_equal(look_int(out, "fatal"), 1);
    assert_int_equal(look_int(out, "fatal") + look_int(out, "warning") + look_int(out, "note"),
                     json_array_size(findings));
    assert_string_equal(look_text(first, "name"), "dead");
    assert_string_equal(look_text(first, "set"), "own");
    assert_string_equal(look_text(first, "role"), "target");
    assert_string_equal(look_text(first, "code"), "dead_pair");
    assert_string_equal(look_text(first, "severity"), "fatal");
    assert_int_equal(strncmp(look_text(first, "why"), "both answers end with ", 22), 0);
    json_decref(out);
    run_free(run);
}

/* What comes with the program measures something on the model that comes with it. */
static void audit__every_built_in_set__nothing_fatal(void **state)
{
    (void)state;
    struct run *run = run_ok("audit", "nano", "--probes", "math,code,knowledge,calculus-train,"
                             "calculus-heldout,nano-train,nano-heldout", "--json", NULL);
    json_t *out = run_json(run);
    assert_int_equal(look_int(out, "probes"), 8 + 6 + 8 + 60 + 30 + 340 + 500);
    assert_int_equal(look_int(out, "fatal"), 0);
    json_decref(out);
    run_free(run);
}

/* What the embedded sets say of each other. */
static void audit__controls_and_heldout__roles(void **state)
{
    (void)state;
    struct run *run = run_ok("audit", "nano", "--probes", "math", "--control", "code",
                             "--heldout", "knowledge", "--control-metric", "kl", "--json", NULL);
    json_t *out = run_json(run), *finding;
    size_t i;
    json_array_foreach(look(out, "findings", JSON_ARRAY), i, finding) {
        const char *set = look_text(finding, "set"), *role = look_text(finding, "role");
        assert_string_equal(role, strcmp(set, "math") == 0 ? "target"
                                  : strcmp(set, "code") == 0 ? "control" : "heldout");
        bool asked = strcmp(look_text(finding, "code"), "weak_distractor") == 0 ||
                     strcmp(look_text(finding, "code"), "already_right") == 0;
        assert_true(!asked || strcmp(role, "target") == 0); /* kl looks at prompts alone */
    }
    json_decref(out);
    run_free(run);
}

static void audit__bad_input__refused(void **state)
{
    (void)state;
    run_refused("usage", "no probes given, expected --probes SET,...", "audit", "nano", NULL);
    run_refused("usage", "--metric: 'x' is unknown, expected seq_logprob, margin, soft_margin, "
                         "logprob or token_gap",
                "audit", "nano", "--probes", "math", "--metric", "x", NULL);
    run_refused("usage", "--metric: kl has no right answer to measure", "audit", "nano",
                "--probes", "math", "--metric", "kl", NULL);
    run_refused("usage", "--control-metric: 'x' is unknown, expected seq_logprob, margin, "
                         "soft_margin, logprob, kl or token_gap",
                "audit", "nano", "--probes", "math", "--control-metric",
                "x", NULL);
    run_refused("usage", "--tokens: 0 is outside 1 .. ", "audit", "nano", "--probes", "math",
                "--tokens", "0", NULL);
    run_refused("usage", "there is no built-in probe set 'maths'", "audit", "nano", "--probes",
                "maths", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audit__nothing_fatal__status_0_and_a_summary),
        cmocka_unit_test(audit__every_built_in_set__nothing_fatal),
        cmocka_unit_test(audit__dead_pair__status_1_text_and_json),
        cmocka_unit_test(audit__controls_and_heldout__roles),
        cmocka_unit_test(audit__bad_input__refused),
    };
    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}

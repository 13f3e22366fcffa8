/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * search --method guided: better than greedy, stopped and resumed to the bit, refusals.
 */
#include <string.h>

#include "tests/cli/look.h"
#include "tests/t.h"

/* As many as it takes for flips of each kind to be accepted. */
#define FEW_TARGETS "gen:second_deriv:8"
#define FEW_CONTROLS "gen:prime:4"

static const char *kept_path(const char *name)
{
    static char paths[4][4096];
    static size_t next;
    char *path = paths[next++ % countof(paths)];
    (void)snprintf(path, sizeof paths[0], "%s", run_path(name));
    return path;
}

static void guided__stopped_and_resumed__as_never_stopped(void **state)
{
    (void)state;
    const char *session = kept_path("g.session"), *parts = kept_path("parts.json");
    const char *whole = kept_path("whole.json");
    struct run *first = run_ok("search", "nano", "--target", FEW_TARGETS, "--control",
                               FEW_CONTROLS, "--method", "guided", "--granularity", "group",
                               "--objective", "margin", "--iters", "7", "-s", session, "-o", parts,
                               "--json", NULL);
    struct run *rest = run_ok("search", "-s", session, "--iters", "15", "-o", parts, "--threads",
                              "1", "--json", NULL);
    struct run *all = run_ok("search", "nano", "--target", FEW_TARGETS, "--control", FEW_CONTROLS,
                             "--method", "guided", "--granularity", "group", "--objective",
                             "margin", "--iters", "15", "-o", whole, "--json", NULL);
    json_t *a = look_end(rest), *b = look_end(all);
    assert_true(json_equal(json_object_get(a, "flips"), json_object_get(b, "flips")));
    assert_true(json_equal(json_object_get(a, "fitness"), json_object_get(b, "fitness")));
    assert_true(json_array_size(json_object_get(b, "flips")) >= 3);
    assert_string_equal(look_text(b, "metric"), "soft_margin");
    assert_string_equal(look_text(b, "control_metric"), "soft_margin");
    json_decref(a);
    json_decref(b);
    run_free(first);
}

/* Groups of gate and up, by margin, with controls that are no targets and the model's own. */
static void search__nothing_said__guided_with_own_controls(void **state)
{
    (void)state;
    const char *path = kept_path("usual.json");
    struct run *run = run_ok("search", "nano", "--target", "math", "--heldout", "knowledge",
                             "--iters", "2", "-o", path, "--json", NULL);
    assert_string_equal(run->err.data, "");
    json_t *end = look_end(run), *flip, *patch = json_load_file(path, 0, NULL);
    json_t *totals = look(end, "totals", JSON_OBJECT);
    size_t i;
    assert_string_equal(look_text(end, "objective"), "margin");
    assert_int_equal(json_object_size(totals), 4);
    assert_int_equal(look_int(look(totals, "code", JSON_OBJECT), "n"), 6);
    assert_true(look_int(look(totals, "self:300", JSON_OBJECT), "n") > 250);
    json_t *metadata = look(patch, "metadata", JSON_OBJECT);
    assert_string_equal(look_text(metadata, "controls"), "code,self:300");
    assert_string_equal(look_text(metadata, "granularity"), "group");
    assert_int_equal(json_array_size(look(metadata, "search_projs", JSON_ARRAY)), 2);
    assert_true(json_array_size(look(end, "flips", JSON_ARRAY)) > 0);
    json_array_foreach(look(end, "flips", JSON_ARRAY), i, flip)
        assert_non_null(json_object_get(flip, "group"));
    json_decref(patch);
    json_decref(end);
}

/* Who has few controls and looks for what helps most is told what that costs. */
static void search__few_controls__warned(void **state)
{
    (void)state;
    static const struct {
        const char *method, *option, *value, *controls, *expected;
    } rows[] = {
        {"guided", "--iters", "1", "none", "0 controls: answers to what is not asked here are "
                                           "likely to break; fewer do with --control self:300\n"},
        {"group", "--iters", "1", "code", "6 controls: "},
        {"guided", "--objective", "gap", "code", "--control code,self:300 --control-metric margin"},
        {"greedy", "--order", "attribution", "code", "6 controls: "},
        {"greedy", "--iters", "1", "code", NULL},
        {"random", "--iters", "1", "code", NULL},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct run *run = run_bankai(NULL, "search", "nano", "--target", "math", "--method",
                                     rows[i].method, "--control", rows[i].controls, "--iters",
                                     "2", rows[i].option, rows[i].value, "-o",
                                     kept_path("few.json"), NULL);
        if (rows[i].expected)
            run_expect_err(run, rows[i].expected);
        else
            assert_null(strstr(run->err.data, "likely to break"));
        run_free(run);
    }
    struct run *run = run_bankai(NULL, "search", "nano", "--target", "math", "--control", "none",
                                 "--iters", "1", "--json", "-o", kept_path("few.json"), NULL);
    assert_string_equal(run->err.data, "");
    run_free(run);
}

/* Wrong answers are needed by gaps: the model's own have none beside them. */
static void search__by_gap_and_no_controls_named__labelled_ones(void **state)
{
    (void)state;
    const char *path = kept_path("gaps.json");
    run_free(run_ok("search", "nano", "--target", "math", "--objective", "gap", "--iters", "2",
                    "-o", path, NULL));
    json_t *patch = json_load_file(path, 0, NULL);
    assert_string_equal(look_text(look(patch, "metadata", JSON_OBJECT), "controls"),
                        "code,knowledge");
    json_decref(patch);
}

static void greedy__by_attribution__stopped_and_resumed(void **state)
{
    (void)state;
    const char *session = kept_path("o.session"), *parts = kept_path("o-parts.json");
    const char *whole = kept_path("o-whole.json");
    struct run *first = run_ok("search", "nano", GREEDY, "--target", FEW_TARGETS, "--control",
                               FEW_CONTROLS, "--order", "attribution", "--iters", "9", "-s",
                               session, "-o", parts, "--json", NULL);
    struct run *rest = run_ok("search", "-s", session, "--iters", "20", "-o", parts, "--json",
                              NULL);
    struct run *all = run_ok("search", "nano", GREEDY, "--target", FEW_TARGETS, "--control",
                             FEW_CONTROLS, "--order", "attribution", "--iters", "20", "-o", whole,
                             "--json", NULL);
    json_t *a = look_end(rest), *b = look_end(all);
    assert_true(json_equal(json_object_get(a, "flips"), json_object_get(b, "flips")));
    assert_true(json_array_size(json_object_get(b, "flips")) >= 5);
    json_decref(a);
    json_decref(b);
    run_free(first);
    run_refused("usage", "is decided by the session", "search", "-s", session, "--order", "scale",
                NULL);
    run_refused("usage", "method guided has no --order", "search", "nano", "--target", "math",
                "--method", "guided", "--order", "scale", NULL);
    run_refused("usage", "expected scale or attribution", "search", "nano", GREEDY, "--target",
                "math", "--order", "x", NULL);
}

/* Gaps of several metrics, controls by others, and a price: all of it is in the session. */
static void guided__a_mix_stopped_and_resumed__as_never_stopped(void **state)
{
    (void)state;
    static const char *const mix = "gap:0.1,margin:1,min:0.5", *const calm = "kl:2,soft_margin:1";
    const char *session = kept_path("m.session"), *parts = kept_path("m.json");
    const char *whole = kept_path("w.json");
    struct run *first = run_ok("search", "nano", "--target", FEW_TARGETS, "--control",
                               FEW_CONTROLS, "--method", "guided", "--objective", mix,
                               "--control-metric", calm, "--price", "0.001", "--iters", "5", "-s",
                               session, "-o", parts, NULL);
    assert_non_null(strstr(first->out.data, "gap:0.1,margin:1,min:0.5 of seq_logprob, of controls "
                                            "kl:2,soft_margin:1\n"));
    assert_non_null(strstr(first->out.data, "each flip that is on takes 0.001 off it\n"));
    struct run *rest = run_ok("search", "-s", session, "--iters", "11", "-o", parts, "--threads",
                              "1", "--json", NULL);
    struct run *all = run_ok("search", "nano", "--target", FEW_TARGETS, "--control", FEW_CONTROLS,
                             "--method", "guided", "--objective", mix, "--control-metric", calm,
                             "--price", "0.001", "--iters", "11", "-o", whole, "--json", NULL);
    json_t *a = look_end(rest), *b = look_end(all);
    assert_true(json_equal(json_object_get(a, "flips"), json_object_get(b, "flips")));
    assert_true(json_equal(json_object_get(a, "fitness"), json_object_get(b, "fitness")));
    assert_true(json_array_size(json_object_get(b, "flips")) >= 2);
    assert_string_equal(look_text(a, "objective"), mix);
    json_decref(a);
    json_decref(b);
    run_free(first);
}

/* Begun, gone on with, checked and run again; the same as in one piece. */
static void in_parts(const char *method, const char *option, const char *value, size_t several)
{
    char session[128], parts[128], whole[128];
    (void)snprintf(session, sizeof session, "%s", kept_path("p.session"));
    (void)snprintf(parts, sizeof parts, "%s", kept_path("p-parts.json"));
    (void)snprintf(whole, sizeof whole, "%s", kept_path("p-whole.json"));
    (void)remove(session);
    run_free(run_ok("search", "nano", "--target", FEW_TARGETS, "--control", FEW_CONTROLS,
                    "--method", method, option, value, "--iters", "11", "-s", session, "-o", parts,
                    NULL));
    run_free(run_ok("session", "verify", session, NULL));
    struct run *rest = run_ok("search", "-s", session, "--iters", "24", "-o", parts, "--json",
                              NULL);
    struct run *all = run_ok("search", "nano", "--target", FEW_TARGETS, "--control", FEW_CONTROLS,
                             "--method", method, option, value, "--iters", "24", "-o", whole,
                             "--json", NULL);
    json_t *a = look_end(rest), *b = look_end(all);
    assert_true(json_equal(json_object_get(a, "flips"), json_object_get(b, "flips")));
    assert_true(json_equal(json_object_get(a, "fitness"), json_object_get(b, "fitness")));
    struct run *log = run_ok("session", "log", session, "--json", NULL);
    size_t lists = 0;
    for (const char *at = log->out.data; (at = strstr(at, "\"flips\"")); at++)
        lists++;
    assert_true(lists >= several);
    run_free(log);
    run_free(run_ok("session", "replay", session, NULL));
    json_decref(a);
    json_decref(b);
}

static void methods__in_parts__as_in_one_piece(void **state)
{
    (void)state;
    in_parts("guided", "--together", "8", 2);
    in_parts("guided", "--proj", "head", 0);
    in_parts("bit", "--chunk", "16", 2);
    in_parts("group", "--objective", "margin", 0);
    in_parts("random", "--granularity", "bit", 0);
}

static void guided__few_candidates__more_than_greedy_of_many(void **state)
{
    (void)state;
    const char *path = kept_path("g.json");
    struct run *guided = run_ok("search", "nano", "--target", "calculus-heldout", "--control",
                                "math", "--method", "guided", "--objective", "gap", "--iters",
                                "10", "-o", path, "--json", NULL);
    struct run *greedy = run_ok("search", "nano", GREEDY, "--target", "calculus-heldout",
                                "--control", "math", "--seed", "6", "--iters", "60", "-o", path,
                                "--json", NULL);
    json_t *few = look_end(guided), *many = look_end(greedy);
    assert_true(look_real(few, "fitness") > look_real(many, "fitness"));
    json_decref(few);
    json_decref(many);
}

static void guided__bad_words__refused(void **state)
{
    (void)state;
    const char *path = kept_path("n.json");
    run_refused("usage", "expected one of greedy guided", "search", "nano", "--target", "math",
                "-o", path, "--method", "x", NULL);
    run_refused("usage", "expected row, group or bit", "search", "nano", "--target", "math", "-o",
                path,
                "--method", "guided", "--granularity", "x", NULL);
    run_refused("usage", "knows no flips of a group", "search", "nano", GREEDY, "--target",
                "math", "-o", path, "--granularity", "group", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guided__stopped_and_resumed__as_never_stopped),
        cmocka_unit_test(search__nothing_said__guided_with_own_controls),
        cmocka_unit_test(search__few_controls__warned),
        cmocka_unit_test(search__by_gap_and_no_controls_named__labelled_ones),
        cmocka_unit_test(greedy__by_attribution__stopped_and_resumed),
        cmocka_unit_test(guided__a_mix_stopped_and_resumed__as_never_stopped),
        cmocka_unit_test(methods__in_parts__as_in_one_piece),
        cmocka_unit_test(guided__few_candidates__more_than_greedy_of_many),
        cmocka_unit_test(guided__bad_words__refused),
    };
    return cmocka_run_group_tests_name("guided", tests, NULL, NULL);
}

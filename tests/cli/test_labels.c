/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Controls that the model labels itself: in a search, its session, a map, a training run
 * and the workbench.
 */
#include "tests/cli/look.h"
#include "tests/t.h"

#define TARGETS "--target", "gen:second_deriv:6:3"
#define MARGIN "--objective", "margin"

static int64_t count_of(const json_t *done, const char *set, const char *what)
{
    return look_int(look(look(done, "totals", JSON_OBJECT), set, JSON_OBJECT), what);
}

static void search__self_labelled__right_before_and_told(void **state)
{
    (void)state;
    const char *prompts = run_write_text("mine.txt", "3 + 4 =\nThe capital of Italy is\n");
    struct buf controls = {0};
    buf_add_format(&controls, "math,self:12,self:%s", prompts);
    json_t *done = look_end(run_ok("search", "nano", GREEDY, TARGETS, MARGIN, "--control",
                                  controls.data, "--iters", "3", "-o", run_path("a.json"),
                                  "--json", NULL));
    int64_t labelled = look_int(look(done, "labels", JSON_OBJECT), "labelled");
    int64_t own = count_of(done, "self:12", "n");
    assert_true(own >= 10 && own <= 12 && labelled == own + 2);
    assert_int_equal(count_of(done, "self:12", "right_base"), own);
    json_decref(done);
    struct run *run = run_ok("search", "nano", GREEDY, TARGETS, MARGIN, "--control", controls.data,
                             "--iters", "2", "-o", run_path("b.json"), NULL);
    buf_clear(&controls);
    buf_add_format(&controls, "\n%d controls labelled with the model's own answers", (int)labelled);
    run_expect_out(run, controls.data);
    buf_free(&controls);
    run_free(run);
}

/* [S1] with the labels of the session: stopped and gone on with, to the bit, and nothing is
 * labelled anew. */
static void search__session__keeps_the_labels(void **state)
{
    (void)state;
    const char *session = run_path("labels.bankai"), *parts = run_path("parts.json");
    const char *whole = run_path("whole.json");
    run_free(run_ok("search", "nano", TARGETS, MARGIN, "--method", "guided", "--control",
                    "self:9", "--iters", "2", "-s", session, "-o", parts, NULL));
    json_t *on = look_end(run_ok("search", "-s", session, "--iters", "5", "-o", parts, "--json",
                                NULL));
    json_t *once = look_end(run_ok("search", "nano", TARGETS, MARGIN, "--method", "guided",
                                  "--control", "self:9", "--iters", "5", "-o", whole, "--json",
                                  NULL));
    assert_null(json_object_get(on, "labels"));
    assert_non_null(json_object_get(once, "labels"));
    assert_true(json_equal(look(on, "flips", JSON_ARRAY), look(once, "flips", JSON_ARRAY)));
    assert_true(look_real(on, "fitness") == look_real(once, "fitness"));
    assert_true(json_equal(look(on, "totals", JSON_OBJECT), look(once, "totals", JSON_OBJECT)));
    json_decref(on);
    json_decref(once);
}

static void search__seeds__label_once(void **state)
{
    (void)state;
    struct run *run = run_ok("search", "nano", GREEDY, TARGETS, MARGIN, "--control", "self:8",
                             "--seeds", "2", "--iters", "2", "-o", run_path("seeds.json"), NULL);
    run_expect_out(run, "8 controls labelled with the model's own answers\n");
    run_free(run);
}

static void map__self_labelled__counts_them(void **state)
{
    (void)state;
    struct run *run = run_ok("map", "nano", "--probes", "gen:second_deriv:6:3", "--control",
                             "self:8", "--control-metric", "margin", "--top", "3", NULL);
    run_expect_out(run, "8 controls");
    run_free(run);
}

static void train__text_file__as_controls(void **state)
{
    (void)state;
    const char *prompts = run_write_text("plain.txt", "3 + 4 =\nThe capital of Italy is\n");
    struct buf controls = {0};
    buf_add_format(&controls, "gen:prime:6,self:%s", prompts);
    struct run *run = run_ok("train", "nano", "--targets", "gen:second_deriv:20", "--controls",
                             controls.data, "--batch", "8", "--batch-controls", "8", "--steps",
                             "1", "--flips", "4", "-o", run_path("train.json"), NULL);
    run_expect_out(run, " 8 controls (1 judged)"); /* 6 + 2; a fifth of them */
    buf_free(&controls);
    run_free(run);
}

static void open__self_labelled__on_the_screen(void **state)
{
    (void)state;
    const char *screen = run_path("controls.screen");
    struct buf script = {0};
    buf_add_format(&script, "wait idle\ntab controls\nscreen %s\n", screen);
    run_free(run_ok("open", "nano", TARGETS, MARGIN, "--control", "self:5", "--headless",
                    "120x40", "--script", run_write_text("script", script.data), NULL));
    buf_free(&script);
    assert_true(look_exists(screen));
}

static void labels__where_they_cannot_be__refused(void **state)
{
    (void)state;
    run_refused("mismatch", "'self:9': what the model itself says has no wrong answer beside it, "
                            "which a seq_logprob gap needs; expected --control-metric kl, margin",
                "search", "nano", GREEDY, TARGETS, "--control", "self:9", NULL);
    run_refused("mismatch", "which a token_gap gap needs", "map", "nano", "--probes", "math",
                "--control", "self:9", "--control-metric", "token_gap", NULL);
    run_refused("usage", "can be labelled by the model itself, not targets", "search", "nano",
                "--target", "self:9", NULL);
    static const char *const none[][2] = {
        {"self:0", "self:0: expected 1 to 1000000 prompts, a set or a file"},
        {"math,self:-3", "self:-3: expected 1 to 1000000 prompts, a set or a file"},
        {"self:1000001", "self:1000001: expected 1 to 1000000 prompts, a set or a file"},
        {"self:", "self: names no prompts, expected such as self:300, a set or a file"},
    };
    for (size_t i = 0; i < countof(none); i++)
        run_refused("usage", none[i][1], "search", "nano", TARGETS, MARGIN, "--control",
                    none[i][0], NULL);
    run_refused("usage", "not held-out probes", "search", "nano", TARGETS, "--heldout", "self:9",
                NULL);
    run_refused("usage", "not those of an audit", "audit", "nano", "--probes", "math",
                "--control", "self:9", NULL);
    run_refused("usage", "there is no built-in probe set 'maths'", "search", "nano", TARGETS,
                "--control", "self:maths", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search__self_labelled__right_before_and_told),
        cmocka_unit_test(search__session__keeps_the_labels),
        cmocka_unit_test(search__seeds__label_once),
        cmocka_unit_test(map__self_labelled__counts_them),
        cmocka_unit_test(train__text_file__as_controls),
        cmocka_unit_test(open__self_labelled__on_the_screen),
        cmocka_unit_test(labels__where_they_cannot_be__refused),
    };
    return cmocka_run_group_tests_name("labels", tests, NULL, NULL);
}

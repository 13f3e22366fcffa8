/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A search that is stopped, politely or not, keeps every flip it has shown [J1].
 */
#include <signal.h>
#include <stdlib.h>

#include "tests/cli/look.h"
#include "tests/document.h"
#include "tests/t.h"

#define LONG_SEARCH "search", "nano", GREEDY, "--target", "math", "--control", "code",         \
    "--iters", "100000"

/* Accepted flips of the whole lines that came out. */
static json_t *shown_flips(struct run *run)
{
    char *end = strrchr(run->out.data, '\n'); /* a line may have been cut */
    if (end)
        end[1] = '\0';
    run->out.len = end ? (size_t)(end + 1 - run->out.data) : 0;
    run->out.data[run->out.len] = '\0';
    json_t *events = run_json_lines(run), *flips = json_array(), *event;
    size_t i;
    json_array_foreach(events, i, event) {
        if (strcmp(look_text(event, "event"), "tried") == 0 && look_bool(event, "accepted"))
            (void)json_array_append(flips, look(event, "flip", JSON_OBJECT));
    }
    json_decref(events);
    return flips;
}

/* The patch on disk holds what was shown, in order, and at most one flip more:
 * the one that was about to be shown.  It verifies. */
static size_t kept(const char *path, const json_t *shown)
{
    if (!look_exists(path)) {
        assert_int_equal(json_array_size(shown), 0);
        return 0;
    }
    struct buf text = document_read(path);
    json_t *patch = json_loadb(text.data, text.len, 0, NULL);
    assert_non_null(patch);
    json_t *flips = look(patch, "flips", JSON_ARRAY);
    size_t count = json_array_size(flips);
    assert_in_range(count, json_array_size(shown), json_array_size(shown) + 1);
    for (size_t i = 0; i < json_array_size(shown); i++)
        assert_true(json_equal(json_array_get(flips, i), json_array_get(shown, i)));
    run_free(run_ok("patch", "verify", path, "nano", NULL));
    json_decref(patch);
    buf_free(&text);
    return count;
}

static void search__killed_at_any_moment__nothing_shown_is_lost(void **state)
{
    (void)state;
    static const char *const moments[] = {
        "", "\"number\": 1,", "\"number\": 2,", "\"number\": 7,", "\"accepted\": true",
        "\"number\": 19,", "\"number\": 40,", "\"number\": 71,",
    };
    size_t most = 0;
    for (size_t i = 0; i < countof(moments); i++) {
        char name[32], seed[32];
        (void)snprintf(name, sizeof name, "killed-%zu.json", i);
        (void)snprintf(seed, sizeof seed, "%zu", i);
        const char *path = run_path(name);
        struct run_options options = {
            .interrupt_after = moments[i], .interrupt_signal = SIGKILL, .timeout_s = 60};
        struct run *run = run_bankai(&options, LONG_SEARCH, "--seed", seed, "-o", path, "--json",
                                     NULL);
        assert_int_equal(run->killed_by, SIGKILL);
        assert_false(run->timed_out);
        json_t *shown = shown_flips(run);
        size_t count = kept(path, shown);
        most = count > most ? count : most;
        json_decref(shown);
        run_free(run);
    }
    assert_true(most > 3);
}

static void search__interrupted__patch_and_last_event(void **state)
{
    (void)state;
    const char *path = run_path("interrupted.json");
    struct run_options options = {.interrupt_after = "\"number\": 30,"};
    struct run *run = run_bankai(&options, LONG_SEARCH, "-o", path, "--json", NULL);
    run_expect_status(run, 130);
    run_expect_err(run, " on, in ");
    json_t *error = run_json_error(run);
    assert_string_equal(look_text(error, "code"), "cancelled");
    json_t *events = run_json_lines(run), *done = look_last(events);
    assert_string_equal(look_text(done, "event"), "done");
    assert_true(look_bool(done, "interrupted"));
    (void)look(done, "totals", JSON_NULL);
    assert_string_equal(look_text(done, "patch"), path);
    json_t *shown = shown_flips(run);
    assert_true(json_equal(look(done, "flips", JSON_ARRAY), shown));
    assert_true(json_array_size(shown) > 0);
    assert_int_equal(kept(path, shown), json_array_size(shown));
    json_decref(shown);
    json_decref(events);
    json_decref(error);
    run_free(run);
}

static void search__interrupted_text__says_where_the_patch_is(void **state)
{
    (void)state;
    const char *path = run_path("text.json");
    struct run_options options = {.interrupt_after = "  flip layer ", .interrupt_signal = SIGTERM};
    struct run *run = run_bankai(&options, LONG_SEARCH, "-o", path, NULL);
    run_expect_status(run, 130);
    run_expect_err(run, " on, in ");
    run_expect_err(run, path);
    run_expect_err(run, "bankai: interrupted\n");
    run_free(run);
    run_free(run_ok("patch", "verify", path, "nano", NULL));
}

/* What is pruned has all of its flips on and none accepted: the line counts those on. */
static void search__line_on_a_terminal__counts_flips_that_are_on(void **state)
{
    (void)state;
    const char *path = run_path("counted.json");
    run_free(run_ok("search", "nano", "--target", "math", "--method", "random", "--accept", "any",
                    "--iters", "60", "-o", path, NULL));
    struct run_options options = {.interrupt_after = " on, fitness", .err_terminal = true};
    struct run *run = run_bankai(&options, "search", "nano", "--target", "calculus-train",
                                 "--control", "code", "--method", "prune", "--from", path,
                                 "--plain-eval", "-o", run_path("left.json"), NULL);
    const char *at = strstr(run->err.data, " flips on, fitness");
    assert_non_null(at);
    while (at[-1] >= '0' && at[-1] <= '9')
        at--;
    assert_in_range(atoi(at), 1, 60); /* some may be off when the line is drawn first */
    run_free(run);
}

/* Answers come after the search: stopping them does not cost the patch either. */
static void search__interrupted_while_answering__patch_is_there(void **state)
{
    (void)state;
    const char *path = run_path("answering.json");
    struct run_options options = {.interrupt_after = "answering", .err_terminal = true};
    struct run *run = run_bankai(&options, "search", "nano", GREEDY, "--target", "math",
                                 "--control", "code", "--heldout", "nano-heldout", "--iters", "12",
                                 "-o", path, "--json", NULL);
    run_expect_status(run, 130);
    json_t *events = run_json_lines(run), *done = look_last(events);
    assert_true(look_bool(done, "interrupted"));
    assert_int_equal(look_int(done, "evaluations"), 12);
    json_t *shown = shown_flips(run);
    assert_int_equal(kept(path, shown), json_array_size(shown));
    json_decref(shown);
    json_decref(events);
    run_free(run);
}

/* A flip that could not be kept is not shown. */
static void search__disk_full__status_3_and_nothing_shown(void **state)
{
    (void)state;
    struct run *run = run_bankai(NULL, LONG_SEARCH, "-o", "/dev/full", "--json", NULL);
    run_expect_status(run, 3);
    json_t *error = run_json_error(run);
    assert_string_equal(look_text(error, "code"), "io");
    assert_string_equal(look_text(error, "file"), "/dev/full");
    json_t *shown = shown_flips(run);
    assert_int_equal(json_array_size(shown), 0);
    json_decref(shown);
    json_decref(error);
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search__killed_at_any_moment__nothing_shown_is_lost),
        cmocka_unit_test(search__interrupted__patch_and_last_event),
        cmocka_unit_test(search__interrupted_text__says_where_the_patch_is),
        cmocka_unit_test(search__line_on_a_terminal__counts_flips_that_are_on),
        cmocka_unit_test(search__interrupted_while_answering__patch_is_there),
        cmocka_unit_test(search__disk_full__status_3_and_nothing_shown),
    };
    return cmocka_run_group_tests_name("search_kept", tests, NULL, NULL);
}

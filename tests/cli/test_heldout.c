/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Held-out probes: kept from the search, and every look at their answers is counted.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/cli/look.h"
#include "tests/t.h"

/* Looks at each set that the last object of the output tells; -1: not told, 0: null. */
static int64_t seen(const struct run *run, const char *set)
{
    json_t *lines = run_json_lines(run), *looks = look(look_last(lines), "heldout_looks",
                                                       JSON_OBJECT);
    json_t *count = json_object_get(looks, set);
    int64_t result = !count ? -1 : json_integer_value(count);
    json_decref(lines);
    return result;
}

static json_t *whole(struct run *run)
{
    json_t *out = run_json(run);
    run_free(run);
    return out;
}

static int64_t seen_by_eval(const char *model, const char *heldout, const char *set)
{
    json_t *out = whole(run_ok("eval", model, "--heldout", heldout, "--json", NULL));
    int64_t count = look_int(look(out, "heldout_looks", JSON_OBJECT), set);
    json_decref(out);
    return count;
}

static const char *own_set(const char *name, const char *answer)
{
    struct buf text = {0};
    buf_add_format(&text, "[{\"prompt\": \"2 + 9 =\", \"correct\": \" %s\", \"wrong\": \" 5\"}]",
                   answer);
    const char *path = run_write_text(name, text.data);
    buf_free(&text);
    return path;
}

static void eval_heldout__each_look__one_more(void **state)
{
    (void)state;
    const char *one = own_set("first.json", "11");
    assert_int_equal(seen_by_eval("nano", one, "first"), 1);
    assert_int_equal(seen_by_eval("nano", one, "first"), 2);
    /* the same questions under another name */
    assert_int_equal(seen_by_eval("nano", own_set("renamed.json", "11"), "renamed"), 3);
    /* other questions under the same name */
    assert_int_equal(seen_by_eval("nano", own_set("first.json", "12"), "first"), 1);
    /* another model */
    const char *tiny = look_tiny_model("looks.gguf", &tiny_default);
    assert_int_equal(seen_by_eval(tiny, own_set("first.json", "11"), "first"), 1);
    assert_int_equal(seen_by_eval("nano", one, "first"), 4);
}

static void eval_heldout__two_sets__counted_apart(void **state)
{
    (void)state;
    const char *a = own_set("a.json", "a"), *b = own_set("b.json", "b");
    struct buf both = {0};
    buf_add_format(&both, "%s,%s", a, b);
    assert_int_equal(seen_by_eval("nano", a, "a"), 1);
    assert_int_equal(seen_by_eval("nano", both.data, "a"), 2);
    struct run *run = run_ok("eval", "nano", "--probes", "math", "--heldout", both.data, NULL);
    run_expect_out(run, "held-out a seen 3 times\nheld-out b seen 2 times\n");
    assert_null(strstr(run->out.data, "held-out math"));
    run_free(run);
    run = run_ok("eval", "nano", "--heldout", own_set("c.json", "c"), NULL);
    run_expect_out(run, "held-out c seen once\n");
    run_free(run);
    run = run_ok("eval", "nano", "--probes", "math", "--json", NULL);
    assert_null(strstr(run->out.data, "heldout_looks"));
    run_free(run);
    buf_free(&both);
}

static void eval_heldout__count_cannot_be_kept__warned_and_answered(void **state)
{
    (void)state;
    struct buf variable = {0};
    buf_add_format(&variable, "XDG_STATE_HOME=%s", run_write_text("no-folder", ""));
    const char *const environment[] = {variable.data, NULL};
    const struct run_options options = {.environment = environment};
    struct run *run = run_bankai(&options, "eval", "nano", "--heldout", "math", NULL);
    run_expect_status(run, 0);
    run_expect_err(run, "this look at held-out answers could not be counted: ");
    run_expect_out(run, "held-out math seen, not counted\n");
    run_expect_out(run, "math                       8      8 100.0 %");
    run_free(run);
    buf_free(&variable);
}

static void heldout__shown_to_the_search__refused(void **state)
{
    (void)state;
    const char *mine = own_set("mine.json", "11"), *twin = own_set("twin.json", "13");
    run_refused("usage", "probe set 'math' is given twice", "eval", "nano", "--probes", "math",
                "--heldout", "math", NULL);
    run_refused("mismatch", "held-out probe 'twin-0' of twin has the prompt of 'mine-0' of mine",
                "eval", "nano", "--probes", mine, "--heldout", twin, NULL);
    run_refused("mismatch", "held-out probe 'twin-0' of twin has the prompt of 'mine-0' of mine",
                "search", "nano", "--target", mine, "--heldout", twin, NULL);
}

#define SMALL_SEARCH "search", "nano", GREEDY, "--target", "math", "--iters", "12"

static void eval_heldout__patch_searched_with_it__warned(void **state)
{
    (void)state;
    const char *patch = run_path("shown.json");
    run_free(run_ok(SMALL_SEARCH, "-o", patch, NULL));
    struct run *run = run_ok("eval", "nano", "--heldout", "math", "--patch", patch, NULL);
    run_expect_err(run, "was searched with math among its targets: no held-out probes");
    run_free(run);
    run = run_ok("eval", "nano", "--heldout", "knowledge", "--patch", patch, NULL);
    assert_null(strstr(run->err.data, "was searched with"));
    run_free(run);
}

static void search_heldout__alone_and_in_a_session__counted(void **state)
{
    (void)state;
    const char *held = own_set("held.json", "19"), *session = run_path("looks.bankai");
    struct run *run = run_ok(SMALL_SEARCH, "--heldout", held, "-o", run_path("h.json"), NULL);
    run_expect_out(run, "held-out held seen once\n");
    run_free(run);
    run = run_ok(SMALL_SEARCH, "--heldout", held, "-o", run_path("h.json"), "--json", NULL);
    assert_int_equal(seen(run, "held"), 2);
    run_free(run);
    run = run_ok(SMALL_SEARCH, "--heldout", held, "-s", session, "-o", run_path("h.json"), "--json",
                 NULL);
    assert_int_equal(seen(run, "held"), 1);
    run_free(run);
    run = run_ok("search", "-s", session, "--iters", "14", "-o", run_path("h.json"), NULL);
    run_expect_out(run, "held-out held seen 2 times\n");
    run_free(run);
    run_free(run_ok("session", "verify", session, NULL));
    run_free(run_ok("session", "replay", session, NULL));
    run = run_ok(SMALL_SEARCH, "-o", run_path("h.json"), "--json", NULL);
    assert_int_equal(seen(run, "held"), -1);
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_heldout__each_look__one_more),
        cmocka_unit_test(eval_heldout__two_sets__counted_apart),
        cmocka_unit_test(eval_heldout__count_cannot_be_kept__warned_and_answered),
        cmocka_unit_test(heldout__shown_to_the_search__refused),
        cmocka_unit_test(eval_heldout__patch_searched_with_it__warned),
        cmocka_unit_test(search_heldout__alone_and_in_a_session__counted),
    };
    return cmocka_run_group_tests_name("heldout", tests, NULL, NULL);
}

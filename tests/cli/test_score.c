/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * score, as a person and as a script sees it; the rule itself has its own test.
 */
#include "tests/cli/look.h"
#include "tests/session_fixture.h"
#include "tests/t.h"

static const char stored[] =
    "[{\"name\": \"b\", \"generated\": \" 6x for all\\n7\", \"accepted\": [\" 6x\"]},"
    " {\"name\": \"a\", \"generated\": \" 6x^2\", \"accepted\": [\" 6x\", \" 6 * x\"]},"
    " {\"name\": \"a\", \"generated\": \"\", \"accepted\": [\" 6x\"], \"more\": 1},"
    " {\"name\": \"\\u001b[2J\", \"generated\": \" \\u221a3/2\","
    "  \"accepted\": [\"1\", \" sqrt(3)/2\"]}]";

static void check_json(struct run *run)
{
    static const struct {
        const char *name;
        bool correct;
    } expected[] = {{"b", true}, {"a", false}, {"a", false}, {"\x1B[2J", true}};
    json_t *found = run_json(run);
    assert_int_equal(json_array_size(found), countof(expected));
    for (size_t i = 0; i < countof(expected); i++) {
        const json_t *item = json_array_get(found, i);
        assert_int_equal(json_object_size(item), 2);
        assert_string_equal(json_string_value(json_object_get(item, "name")), expected[i].name);
        const json_t *correct = json_object_get(item, "correct");
        assert_true(json_is_boolean(correct) && json_is_true(correct) == expected[i].correct);
    }
    json_decref(found);
}

static void score__json__verdicts_in_input_order(void **state)
{
    (void)state;
    struct run *run = run_ok("score", run_write_text("s.json", stored), "--json", NULL);
    check_json(run);
    run_free(run);
    const struct run_options input = {.input = stored, .input_len = strlen(stored)};
    run = run_bankai(&input, "score", "-", "--mode", "math", "--json", NULL);
    run_expect_status(run, 0);
    check_json(run);
    run_free(run);
}

static void score__text__a_line_each_and_total(void **state)
{
    (void)state;
    struct run *run = run_ok("score", run_write_text("s.json", stored), NULL);
    t_buf_is(&run->out, "right  b  \" 6x for all\\n7\"\n"
                        "wrong  a  \" 6x^2\", expected \" 6x\" or \" 6 * x\"\n"
                        "wrong  a  \"\", expected \" 6x\"\n"
                        "right  \\x1B[2J  \" \xE2\x88\x9A" "3/2\"\n"
                        "2 of 4 right\n");
    run_free(run);
}

static void score__empty_array__nothing(void **state)
{
    (void)state;
    struct run *run = run_ok("score", run_write_text("e.json", "[]"), NULL);
    t_buf_is(&run->out, "0 of 0 right\n");
    run_free(run);
}

/* "name correct" of each, with a space between; the caller frees it. */
static struct buf verdicts(struct run *run)
{
    struct buf out = {0};
    json_t *array = run_json(run), *item;
    size_t i;
    json_array_foreach(array, i, item) {
        buf_add_format(&out, "%s%s %d", i ? ", " : "", look_text(item, "name"),
                       look_bool(item, "correct"));
    }
    json_decref(array);
    run_free(run);
    return out;
}

static void verdicts_are(struct run *run, const char *expected)
{
    struct buf found = verdicts(run);
    t_buf_is(&found, expected);
    buf_free(&found);
}

static void score__modes__of_the_item_and_given(void **state)
{
    (void)state;
    const char *path = run_write_text(
        "m.json",
        "[{\"name\": \"m\", \"generated\": \"5 is it\", \"accepted\": [\"5\"]},"
        " {\"name\": \"n\", \"generated\": \"it is 5\", \"accepted\": [\"5.0\"],"
        "  \"mode\": \"number\"},"
        " {\"name\": \"j\", \"generated\": \"{\\\"a\\\": 5}\", \"accepted\": [\"5\"],"
        "  \"mode\": \"json_field:a\"}]");
    verdicts_are(run_ok("score", path, "--json", NULL), "m 1, n 1, j 1");
    verdicts_are(run_ok("score", path, "--json", "--mode", "math", NULL), "m 1, n 0, j 0");
    verdicts_are(run_ok("score", path, "--json", "--mode", "exact", NULL), "m 0, n 0, j 0");
    verdicts_are(run_ok("score", path, "--json", "--mode", "contains", NULL), "m 1, n 0, j 1");
    verdicts_are(run_ok("score", path, "--json", "--mode", "regex", NULL), "m 1, n 0, j 1");
    verdicts_are(run_ok("score", path, "--json", "--mode", "json_field:a", NULL), "m 0, n 0, j 1");
}

static const char *asked(void)
{
    return run_write_text("asked.json",
                          "{\"mode\": \"number\", \"probes\": ["
                          "{\"prompt\": \"3 + 4 =\", \"correct\": \"7.0\", \"wrong\": \" 8\","
                          " \"name\": \"seven\"},"
                          "{\"prompt\": \"The derivative of x^2 is\", \"correct\": \"3\","
                          " \"alternates\": [\"2\"], \"wrong\": \" x\", \"name\": \"two\"}]}");
}

/* What eval has printed is enough to judge it again, before and after. */
static void score__evaluation__same_verdicts_without_a_model(void **state)
{
    (void)state;
    struct buf flips = {0};
    buf_add_text(&flips, "{\"flips\": [");
    for (int i = 0; i < 240; i++)
        buf_add_format(&flips, "%s{\"layer\": %d, \"proj\": \"down_proj\", \"row\": %d}",
                       i ? ", " : "", i % 6, i / 6);
    buf_add_text(&flips, "]}");
    const char *patch = run_write("many.json", flips.data, flips.len);
    struct run *run = run_ok("eval", "nano", "--probes", asked(), "--patch", patch, "--json", NULL);
    const char *path = run_write("eval.json", run->out.data, run->out.len);
    json_t *out = run_json(run);
    struct buf now = {0};
    json_t *probe;
    size_t i;
    json_array_foreach(look(out, "probes", JSON_ARRAY), i, probe) {
        json_t *right = look(probe, "right", JSON_OBJECT);
        assert_true(look_bool(right, "base")); /* " 7" and " 2x" */
        buf_add_format(&now, "%s%s %d", i ? ", " : "", look_text(probe, "name"),
                       look_bool(right, "now"));
    }
    verdicts_are(run_ok("score", path, "--json", NULL), now.data);
    verdicts_are(run_ok("score", path, "--json", "--before", NULL), "seven 1, two 1");
    verdicts_are(run_ok("score", path, "--json", "--before", "--mode", "exact", NULL),
                 "seven 0, two 0");
    buf_free(&now);
    buf_free(&flips);
    json_decref(out);
    run_free(run);
}

/* One that was begun and never asked. */
static const char *unasked_session(void)
{
    const char *path = run_path("unasked.bankai");
    session_close(fixture_new(path));
    return path;
}

/* A model may say any byte: what eval and task write of it can be read again. */
static void score__zero_byte_generated__judged_with_its_length(void **state)
{
    (void)state;
    const char *path = run_write_text(
        "zero.json", "[{\"name\": \"a\", \"generated\": \" 6x\\u0000\", \"accepted\": [\"6x\"]},"
                     " {\"name\": \"b\", \"generated\": \" 6x\\n\\u0000\", \"accepted\": [\"6x\"]},"
                     " {\"name\": \"c\", \"generated\": \"\\u0000 7\", \"accepted\": [\"7\"],"
                     "  \"mode\": \"number\"}]");
    verdicts_are(run_ok("score", path, "--json", NULL), "a 0, b 1, c 1");
    path = run_write_text("lines.jsonl", "{\"name\": \"a\", \"generated\": \"\\u0000 7\","
                                         " \"accepted\": [\"7\"], \"mode\": \"number\"}\n");
    verdicts_are(run_ok("score", path, "--json", NULL), "a 1");
}

static void score__session__answers_at_the_head(void **state)
{
    (void)state;
    const char *session = run_path("score.bankai");
    const char *script = run_write_text("script", "wait idle\n");
    const char *controls = run_write_text(
        "controls.json",
        "[{\"prompt\": \"20 - 8 =\", \"correct\": \"12\", \"wrong\": \" 5\", \"name\": \"sum\"}]");
    run_free(run_ok("open", "nano", "--target", asked(), "--control", controls, "--heldout", "code",
                    "--mode", "contains", "-s", session, "--headless", "80x24", "--script", script,
                    NULL));
    verdicts_are(run_ok("score", session, "--json", NULL), "seven 0, two 1, sum 1");
    verdicts_are(run_ok("score", session, "--json", "--before", "--mode", "number", NULL),
                 "seven 1, two 1, sum 1");
    /* the mode goes on with the session */
    struct run *run = run_bankai(NULL, "search", "-s", session, "-o", run_path("on.json"),
                                 "--iters", "1", "--json", NULL);
    json_t *events = run_json_lines(run);
    json_t *totals = look(look_last(events), "totals", JSON_OBJECT);
    assert_int_equal(look_int(look(totals, "asked", JSON_OBJECT), "right_base"), 1);
    json_decref(events);
    run_free(run);
    run_refused("usage", "--mode is decided by the session, expected it only for a new one",
                "search", "nano", "-s", session, "--mode", "math", NULL);
    run_refused("usage", "has no answers of step 0", "score",
                unasked_session(), NULL);
}

static void score__bad_files__refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"[", "bad.json: line 1, column 1: is not valid JSON: ']' expected near end of file"},
        {"7", "bad.json: is an integer (7), expected an array of stored generations"},
        {"{}", "bad.json: probes: is missing, expected an array"},
        {"{\"probes\": [7]}",
         "bad.json: probes[0]: is an integer (7), expected an object as eval prints it"},
        {"{\"probes\": [{\"name\": \"a\"}]}",
         "bad.json: probes[0].text: is missing, expected an object with base and now"},
        {"{\"probes\": [{\"name\": \"a\", \"text\": {\"base\": \"\"}}]}",
         "bad.json: probes[0].text.now: is missing, expected a string"},
        {"{\"probes\": [{\"name\": \"a\", \"text\": {\"now\": \"\"}}]}",
         "bad.json: probes[0].accepted: is missing, expected an array"},
        {"[{\"name\": \"a\", \"generated\": \"\", \"accepted\": [\"b\"], \"mode\": \"x\"}]",
         "bad.json: [0].mode: is 'x', expected math, exact, contains, number, regex or "
         "json_field:FIELD"},
        {"[{\"name\": \"a\", \"generated\": \"\", \"accepted\": [\"b(\"], \"mode\": \"regex\"}]",
         "bad.json: [0] a: pattern 'b(': missing closing parenthesis (at byte 2)"},
        {"[{\"name\": \"a\", \"generated\": \"\", \"accepted\": [\"b\"], \"mode\": \"number\"}]",
         "bad.json: [0] a: the answer 'b' has no number, expected one"},
        {"[7]", "bad.json: [0]: is an integer (7), expected an object with name, generated and "
                "accepted"},
        {"[{}]", "bad.json: [0].name: is missing, expected a string"},
        {"[{\"name\": \"a\"}]", "bad.json: [0].generated: is missing, expected a string"},
        {"[{\"name\": \"a\", \"generated\": \"\"}]",
         "bad.json: [0].accepted: is missing, expected an array"},
        {"[{\"name\": \"a\", \"generated\": \"\", \"accepted\": \"b\"}]",
         "bad.json: [0].accepted: is a string (\"b\"), expected an array"},
        {"[{\"name\": \"a\", \"generated\": \"\", \"accepted\": []}]",
         "bad.json: [0].accepted: is empty, expected at least one answer"},
        {"[{\"name\": \"a\", \"generated\": \"\", \"accepted\": [\"b\", null]}]",
         "bad.json: [0].accepted[1]: is null, expected a string"},
        {"[{\"name\": \"a\", \"generated\": \"\", \"accepted\": [\"b\\u0000\"]}]",
         "bad.json: [0].accepted[0]: is a string (\"b\\u0000\"), expected text without U+0000"},
        {"[{\"name\": \"a\\u0000\", \"generated\": \"\", \"accepted\": [\"b\"]}]",
         "bad.json: [0].name: is a string (\"a\\u0000\"), expected text without U+0000"},
        {"[{\"name\": \"a\", \"generated\": \"\", \"accepted\": [\"\"]}]",
         "bad.json: [0].accepted[0]: is empty, expected text"},
    };
    for (size_t i = 0; i < countof(rows); i++)
        run_refused("format", rows[i].message, "score", run_write_text("bad.json", rows[i].text),
                    NULL);
    run_refused("usage", "--mode: is 'exactly', expected math, exact, contains, number, regex or "
                "json_field:FIELD", "score",
                run_write_text("s.json", stored), "--mode", "exactly", NULL);
    run_refused("usage", "cannot open", "score", "no-such-file.json", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(score__json__verdicts_in_input_order),
        cmocka_unit_test(score__text__a_line_each_and_total),
        cmocka_unit_test(score__empty_array__nothing),
        cmocka_unit_test(score__modes__of_the_item_and_given),
        cmocka_unit_test(score__evaluation__same_verdicts_without_a_model),
        cmocka_unit_test(score__zero_byte_generated__judged_with_its_length),
        cmocka_unit_test(score__session__answers_at_the_head),
        cmocka_unit_test(score__bad_files__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

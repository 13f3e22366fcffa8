/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * score, as a person and as a script sees it; the rule itself has its own test.
 */
#include "tests/t.h"

#include "tests/cli/run.h"

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

static void score__bad_files__refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"[", "bad.json: line 1, column 1: is not valid JSON: ']' expected near end of file"},
        {"{}", "bad.json: is an object, expected an array of stored generations"},
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
        {"[{\"name\": \"a\", \"generated\": \"\", \"accepted\": [\"\"]}]",
         "bad.json: [0].accepted[0]: is empty, expected text"},
    };
    for (size_t i = 0; i < countof(rows); i++)
        run_refused("format", rows[i].message, "score", run_write_text("bad.json", rows[i].text),
                    NULL);
    run_refused("usage", "--mode is 'exactly', expected math", "score",
                run_write_text("s.json", stored), "--mode", "exactly", NULL);
    run_refused("usage", "cannot open", "score", "no-such-file.json", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(score__json__verdicts_in_input_order),
        cmocka_unit_test(score__text__a_line_each_and_total),
        cmocka_unit_test(score__empty_array__nothing),
        cmocka_unit_test(score__bad_files__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

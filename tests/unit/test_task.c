/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tasks: items of a file, templates, extraction and judging, by hand.
 */
#include <stdlib.h>

#include "probes/task.h"
#include "tests/t.h"

static struct task *parsed(const char *text, const struct task_options *options)
{
    struct err err = {0};
    struct task *task = task_parse(text, strlen(text), "dir/gsm.x.jsonl", options, &err);
    t_ok(task != NULL, &err);
    return task;
}

static void task_parse__gsm8k_lines__probes(void **state)
{
    (void)state;
    static const char text[] =
        "{\"question\": \"How many?\", \"answer\": \"3*4=12\\n#### 12\"}\r\n"
        "\n"
        " {\"question\": \"Who?\", \"answer\": [7, \" 8.50 \"], \"category\": \"who\"}  \n"
        "{\"question\": \"{x}\", \"answer\": \"#### 1 #### 1,234\", \"category\": 5}";
    const struct task_options options = {.template = "Q: {question}\nA:",
                                         .rule = {.mode = ANSWER_NUMBER}};
    struct task *task = parsed(text, &options);
    const struct probe *probes = task->set->probes;
    assert_string_equal(task->set->name, "gsm.x");
    assert_int_equal(task->set->count, 3);
    assert_string_equal(probes[0].prompt, "Q: How many?\nA:");
    assert_string_equal(probes[0].correct, " 12");
    assert_string_equal(probes[0].name, "gsm.x-0");
    assert_string_equal(probes[0].set, "gsm.x");
    assert_string_equal(probes[0].wrong, "");
    assert_string_equal(probes[1].correct, " 7");
    assert_int_equal(probes[1].alternate_count, 1);
    assert_string_equal(probes[1].alternates[0], " 8.50");
    assert_string_equal(probes[1].category, "who");
    assert_string_equal(probes[2].prompt, "Q: {x}\nA:"); /* a field is not read again */
    assert_string_equal(probes[2].correct, " 1,234");
    assert_string_equal(probes[2].category, "");
    assert_int_equal(probes[2].rule.mode, ANSWER_NUMBER);
    task_free(task);
}

static void task_parse__template_and_fields__as_named(void **state)
{
    (void)state;
    static const char text[] = "{\"q\": {\"text\": \"A or B?\"}, \"choices\": [\"yes\", 2],"
                               " \"key\": {\"is\": \"The answer is (B).\"}}\n";
    const struct task_options options = {
        .template = "{{{question}}} {choices.0}/{choices.1}\n",
        .question = "q.text",
        .answer = "key.is",
        .answer_extract = "\\((.)\\)",
        .limit = 1,
    };
    struct task *task = parsed(text, &options);
    assert_string_equal(task->set->probes[0].prompt, "{A or B?} yes/2\n");
    assert_string_equal(task->set->probes[0].correct, "B"); /* no space behind a line feed */
    task_free(task);
    const struct task_options plain = {.question = "choices.0", .answer = "choices.1"};
    task = parsed(text, &plain);
    assert_string_equal(task->set->probes[0].prompt, "yes");
    assert_string_equal(task->set->probes[0].correct, " 2");
    task_free(task);
}

static void task_parse__limit__first_items_only(void **state)
{
    (void)state;
    struct buf text = {0};
    for (int i = 0; i < 9; i++)
        buf_add_format(&text, "{\"question\": \"q%d\", \"answer\": %d}\n", i, i);
    buf_add_text(&text, "not JSON");
    const struct task_options options = {.limit = 9};
    struct task *task = parsed(text.data, &options);
    assert_int_equal(task->set->count, 9);
    for (size_t i = 0; i < 9; i++) {
        char expected[8];
        (void)snprintf(expected, sizeof expected, "q%zu", i);
        assert_string_equal(task->set->probes[i].prompt, expected);
    }
    task_free(task);
    buf_free(&text);
}

static void task_parse__bad_files__line_and_reason(void **state)
{
    (void)state;
    static const struct task_options plain = {0}, number = {.rule = {.mode = ANSWER_NUMBER}},
                                     open = {.template = "{question"}, close = {.template = "a}"},
                                     other = {.template = "{other}"},
                                     pattern = {.answer_extract = "x+"},
                                     bad = {.extract = "("};
    static const char good[] = "{\"question\": \"a\", \"answer\": \"b\"}";
    static const struct {
        const struct task_options *options;
        const char *text, *where, *message;
    } rows[] = {
        {&plain, "", "", "has no items, expected one JSON object a line"},
        {&plain, "\n \n", "", "has no items, expected one JSON object a line"},
        {&plain, "\n[1]", "line 2", "is an array, expected an object with question and answer"},
        {&plain, "{", "line 1", "is not valid JSON: string or '}' expected near end of file"},
        {&plain, "{\"answer\": 1}", "line 1, question",
         "is missing, expected text or a number, as the template names it"},
        {&plain, "{\"question\": [], \"answer\": 1}", "line 1, question",
         "is an array, expected text or a number, as the template names it"},
        {&plain, "{\"question\": \"\", \"answer\": 1}", "line 1",
         "the question is empty, expected text"},
        {&plain, "{\"question\": \"a\"}", "line 1, answer",
         "is missing, expected text, a number or an array of these"},
        {&plain, "{\"question\": \"a\", \"answer\": []}", "line 1, answer",
         "is an array, expected text, a number or an array of these"},
        {&plain, "{\"question\": \"a\", \"answer\": \"x #### \"}", "line 1",
         "there is no answer in 'x #### ', expected some text"},
        {&number, good, "line 1", "the answer ' b' has no number, expected one"},
        {&open, good, "line 1", "the template has a lone '{', expected {FIELD}, {{ or }}"},
        {&close, good, "line 1", "the template has a lone '}', expected {FIELD}, {{ or }}"},
        {&other, good, "line 1, other",
         "is missing, expected text or a number, as the template names it"},
        {&pattern, good, "line 1",
         "there is no answer in 'b', expected some text that the pattern finds"},
        {&bad, good, "", "pattern '(': missing closing parenthesis (at byte 1)"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct err err = {0};
        assert_null(task_parse(rows[i].text, strlen(rows[i].text), "t", rows[i].options, &err));
        assert_string_equal(err.message, rows[i].message);
        assert_string_equal(err.where, rows[i].where);
    }
    struct err err = {0};
    assert_null(task_read("/no/such/file", &plain, &err));
}

static void says(const struct task *task, const char *text, const char *said, bool right)
{
    struct task_said out;
    struct err err = {0};
    t_ok(task_judge(task, 0, text, strlen(text), &out, &err), &err);
    assert_int_equal(out.found, said != NULL);
    assert_int_equal(out.right, right);
    if (said) {
        assert_int_equal(out.len, strlen(said));
        assert_memory_equal(text + out.start, said, out.len);
    }
}

static void task_judge__stop_and_pattern__part_that_counts(void **state)
{
    (void)state;
    static const char text[] = "{\"question\": \"a\", \"answer\": 12}";
    struct task_options options = {.rule = {.mode = ANSWER_NUMBER}};
    struct task *task = parsed(text, &options);
    says(task, "3*4 is 12.", "3*4 is 12.", true);
    says(task, "12\nQuestion: 5", "12\nQuestion: 5", false);
    says(task, "", "", false);
    task_free(task);
    options.stop = "\nQuestion:";
    task = parsed(text, &options);
    says(task, "12\nQuestion: 5", "12", true);
    says(task, "\nQuestion:12", "", false);
    task_free(task);
    options.extract = "answer is ([0-9]+)";
    task = parsed(text, &options);
    says(task, "13, no, the answer is 12 or 14\nQuestion: the answer is 5", "12", true);
    says(task, "12\nQuestion: the answer is 12", NULL, false);
    says(task, "answer is 5, answer is 12", "5", false);
    task_free(task);
    options.extract = "(x)?12";
    task = parsed(text, &options);
    says(task, "12", "", false); /* a group that takes no part is empty */
    task_free(task);
    options.extract = "(a+)+$";
    task = parsed(text, &options);
    struct task_said out;
    struct err err = {0};
    static const char slow[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
    assert_false(task_judge(task, 0, slow, strlen(slow), &out, &err));
    assert_string_equal(err.where, "item gsm.x-0");
    assert_int_equal(err.code, ERR_RANGE);
    task_free(task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_parse__gsm8k_lines__probes),
        cmocka_unit_test(task_parse__template_and_fields__as_named),
        cmocka_unit_test(task_parse__limit__first_items_only),
        cmocka_unit_test(task_parse__bad_files__line_and_reason),
        cmocka_unit_test(task_judge__stop_and_pattern__part_that_counts),
    };
    return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}

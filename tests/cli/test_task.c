/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * task: a file of questions on nano, against greedy answers one at a time, and on
 * small models with chat templates; results that are gone on with.
 */
#include <stdlib.h>

#include "tests/cli/look.h"
#include "tests/simple.h"
#include "tests/t.h"

enum { FLIPS = 120, TOKENS = 8 };

static const struct {
    const char *question, *answer;
} items[] = {
    {"3 + 4 =", "7"},
    {"12 + 15 =", "It is so: #### 27"},
    {"20 - 8 =", "12"},
    {"6 * 9 =", "54"},
    {"3 + 4 =", "8"},
    {"d/dx [x^4] =", "3"}, /* the last number of 4x^3 */
};

static const char *questions(void)
{
    struct buf text = {0};
    for (size_t i = 0; i < countof(items); i++)
        buf_add_format(&text, "{\"question\": \"%s\", \"answer\": \"%s\", \"category\": \"%s\"}\n",
                       items[i].question, items[i].answer, i < 4 ? "sums" : "others");
    const char *path = run_write("sums.jsonl", text.data, text.len);
    buf_free(&text);
    return path;
}

static const char *patch_file(void)
{
    struct buf text = {0};
    buf_add_text(&text, "{\"flips\": [");
    for (int i = 0; i < FLIPS; i++)
        buf_add_format(&text, "%s{\"layer\": %d, \"proj\": \"down_proj\", \"row\": %d}",
                       i ? ", " : "", i % 6, i / 6);
    buf_add_text(&text, "]}");
    const char *path = run_write("patch.json", text.data, text.len);
    buf_free(&text);
    return path;
}

static void put_on(struct model *model)
{
    for (int i = 0; i < FLIPS; i++) {
        struct flip flip = {.layer = i % 6, .proj = PROJ_DOWN, .row = (uint32_t)(i / 6),
                            .group = FLIP_WHOLE_ROW};
        model_flip(model, &flip);
    }
}

/* What the model says, up to and with the token that ends a line. */
static void said(struct model *model, const char *prompt, struct buf *out)
{
    struct ids tokens = simple_encode(model, prompt), answer = {0};
    simple_answer(model, &tokens, TOKENS, true, &answer);
    token_decode_all(model_tokenizer(model), answer.data, answer.count, out);
    ids_free(&tokens);
    ids_free(&answer);
}

static struct run *task_on_nano(const char *file, const char *results)
{
    return run_ok("task", "nano", file, "--template", "{question}", "--tokens", "8", "--stop",
                  "\\n", "--patch", patch_file(), "--json", results ? "-o" : NULL, results, NULL);
}

static void check_texts(const json_t *out)
{
    json_t *probes = look(out, "probes", JSON_ARRAY);
    struct model *model = simple_nano();
    assert_int_equal(json_array_size(probes), countof(items));
    for (int now = 0; now < 2; now++) {
        const char *side = now ? "now" : "base";
        if (now)
            put_on(model);
        for (size_t i = 0; i < countof(items); i++) {
            const json_t *probe = json_array_get(probes, i);
            struct buf text = {0};
            said(model, items[i].question, &text);
            struct buf valid = {0};
            buf_add_text(&valid, look_text(look(probe, "text", JSON_OBJECT), side));
            t_buf_is(&valid, text.data);
            buf_free(&valid);
            buf_free(&text);
        }
    }
    model_free(model);
}

static void task__nano__texts_verdicts_and_totals(void **state)
{
    (void)state;
    struct run *run = task_on_nano(questions(), NULL);
    json_t *out = run_json(run), *probe;
    static const bool expected[] = {true, true, true, true, false, true};
    size_t i, right = 0;
    check_texts(out);
    json_array_foreach(look(out, "probes", JSON_ARRAY), i, probe) {
        assert_int_equal(look_bool(look(probe, "right", JSON_OBJECT), "base"), expected[i]);
        right += look_bool(look(probe, "right", JSON_OBJECT), "now");
    }
    json_t *total = look(look(out, "totals", JSON_OBJECT), "sums", JSON_OBJECT);
    assert_int_equal(look_int(total, "n"), 6);
    assert_int_equal(look_int(total, "right_base"), 5);
    assert_int_equal(look_int(total, "right_now"), right);
    json_t *chat = look(out, "chat", JSON_OBJECT), *settings = look(out, "settings", JSON_OBJECT);
    assert_string_equal(look_text(chat, "template"), "none");
    assert_false(look_bool(chat, "used"));
    assert_string_equal(look_text(settings, "chat"), "off");
    assert_string_equal(look_text(settings, "mode"), "number");
    assert_string_equal(look_text(settings, "stop"), "\n");
    assert_int_equal(look_int(settings, "tokens"), TOKENS);
    json_decref(out);
    run_free(run);
    run = run_ok("task", "nano", questions(), "--template", "{question}", "--tokens", "8",
                 "--extract", "([0-9]+)", "--limit", "3", "-l", NULL);
    run_expect_out(run, "3 items, greedy, at most 8 tokens, judged by number\n"
                        "chat: off, the model has no template\n");
    run_expect_out(run, "right         sums-1  \"12 + 15 =\"  expected \" 27\"");
    run_free(run);
}

static void task__usual_template__question_and_answer(void **state)
{
    (void)state;
    struct run *run = run_ok("task", "nano", questions(), "--limit", "1", "--tokens", "3", "--json",
                             NULL);
    json_t *out = run_json(run), *settings = look(out, "settings", JSON_OBJECT);
    assert_string_equal(look_text(settings, "template"), "Question: {question}\nAnswer:");
    assert_string_equal(look_text(settings, "stop"), "\nQuestion:");
    json_decref(out);
    run_free(run);
}

/* ---- results ------------------------------------------------------------------ */

static struct buf file_text(const char *path)
{
    struct buf text = {0};
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    for (int c = 0; (c = fgetc(file)) != EOF;) {
        char byte = (char)c;
        buf_add(&text, &byte, 1);
    }
    (void)fclose(file);
    return text;
}

static void expect_kept(struct run *run, int64_t kept)
{
    json_t *out = run_json(run);
    assert_int_equal(look_int(out, "kept"), kept);
    check_texts(out);
    json_decref(out);
    run_free(run);
}

/* Wherever a run was stopped, in the middle of a line too, the file comes out the same. */
static void task__results__gone_on_with_anywhere(void **state)
{
    (void)state;
    const char *file = questions(), *path = run_path("results.jsonl");
    expect_kept(task_on_nano(file, path), 0);
    struct buf whole = file_text(path);
    size_t lines = 0;
    for (size_t i = 0; i < whole.len; i++) {
        lines += whole.data[i] == '\n';
        if (i % 97 != 0 && whole.data[i] != '\n')
            continue;
        if (lines == 0)
            continue; /* without its first line it is no file of results */
        (void)run_write("results.jsonl", whole.data, i + 1);
        expect_kept(task_on_nano(file, path), (int64_t)lines - 1);
        struct buf again = file_text(path);
        t_buf_is(&again, whole.data);
        buf_free(&again);
    }
    assert_int_equal(lines, countof(items) + 1);
    json_t *first = json_loads(whole.data, JSON_DISABLE_EOF_CHECK, NULL);
    assert_string_equal(look_text(first, "format"), "bankai_task_v1");
    assert_string_equal(look_text(first, "task_sha256"), look_sha256(file));
    json_decref(first);
    buf_free(&whole);
}

/* A model may say any byte: its results are gone on with all the same. */
static void task__zero_byte_in_results__gone_on_with(void **state)
{
    (void)state;
    const char *path = run_path("zero.jsonl"), *file = questions();
    run_free(run_ok("task", "nano", file, "--tokens", "2", "-o", path, NULL));
    struct buf text = file_text(path);
    text.len = (size_t)(strchr(text.data, '\n') + 1 - text.data);
    text.data[text.len] = '\0';
    buf_add_text(&text, "{\"index\": 0, \"base\": {\"text\": \"\\u0000 7\"}}\n");
    path = run_write("zero.jsonl", text.data, text.len);
    struct run *run = run_ok("task", "nano", file, "--tokens", "2", "-o", path, "--json", NULL);
    run_expect_out(run, "\"kept\": 1,"); /* the test's own reader takes no such text */
    run_expect_out(run, "\"base\": \"\\u0000 7\"");
    run_expect_out(run, "\"base\": true"); /* 3 + 4 */
    run_free(run);
    buf_free(&text);
}

static void task__results_of_something_else__refused_and_kept(void **state)
{
    (void)state;
    const char *path = run_path("other.jsonl"), *file = questions();
    run_free(run_ok("task", "nano", file, "--tokens", "2", "-o", path, NULL));
    struct buf before = file_text(path);
    run_refused("mismatch", "other.jsonl: line 1: has results with tokens 2, expected 3 to go on "
                "with them", "task", "nano", file, "--tokens", "3", "-o", path, NULL);
    run_refused("mismatch", "has results with mode \"number\", expected \"contains\"", "task",
                "nano", file, "--tokens", "2", "--mode", "contains", "-o", path, NULL);
    run_refused("mismatch", "has results with patched_state null, expected", "task", "nano", file,
                "--tokens", "2", "--patch", patch_file(), "-o", path, NULL);
    struct buf after = file_text(path);
    t_buf_is(&after, before.data);
    buf_free(&after);
    const char *foreign = run_write_text("foreign.jsonl", "dear diary");
    run_refused("format", "foreign.jsonl: is no file of results", "task", "nano", file, "-o",
                foreign, NULL);
    static const char *const no_results[] = {
        "{\"question\": \"a\", \"answer\": \"1\"}\n", "[1]\n", "{\"format\": \"other\"}\n"};
    for (size_t i = 0; i < countof(no_results); i++)
        run_refused("format", "foreign.jsonl: is no file of results", "task", "nano", file, "-o",
                    run_write_text("foreign.jsonl", no_results[i]), NULL);
    run_refused("mismatch", "foreign.jsonl: line 1: has results with task not stated, expected \"",
                "task", "nano", file, "-o",
                run_write_text("foreign.jsonl", "{\"format\": \"bankai_task_v1\"}\n"), NULL);
    run_refused("usage", "cannot open", "task", "nano", file, "-o", "/no/such/folder/x", NULL);
    buf_add_text(&before, "{\"index\": 99}\n");
    const char *wrong = run_write("wrong.jsonl", before.data, before.len);
    /* of a longer run */
    run_free(run_ok("task", "nano", file, "--tokens", "2", "-o", wrong, NULL));
    char *second = strchr(before.data, '\n') + 1;
    *strchr(second, '0') = '1';
    wrong = run_write("wrong.jsonl", before.data, before.len);
    run_refused("range", "wrong.jsonl: line 2, index: is 1, expected an integer from 0 to 0",
                "task", "nano", file, "--tokens", "2", "-o", wrong, NULL);
    buf_free(&before);
}

static void task__interrupted__what_was_done_is_there(void **state)
{
    (void)state;
    struct buf text = {0};
    for (int i = 0; i < 4000; i++)
        buf_add_format(&text, "{\"question\": \"%d + 4 =\", \"answer\": %d}\n", i, i + 4);
    const char *file = run_write("long.jsonl", text.data, text.len);
    const char *path = run_path("long-results.jsonl");
    const struct run_options options = {.interrupt_after = ""};
    struct run *run = run_bankai(&options, "task", "nano", file, "-o", path, "--tokens", "200",
                                 NULL);
    run_expect_status(run, 130);
    struct buf found = file_text(path);
    assert_true(found.len == 0 || found.data[found.len - 1] == '\n');
    buf_free(&found);
    buf_free(&text);
    run_free(run);
}

/* ---- chat ---------------------------------------------------------------------- */

static const char *chatty(const char *name, const char *template)
{
    struct tiny tiny = tiny_default;
    tiny.chat_template = template;
    return look_tiny_model(name, &tiny);
}

static void used(const char *model, const char *chat, bool expected)
{
    struct run *run = run_ok("task", model, questions(), "--chat", chat, "--tokens", "2",
                             "--limit", "1", "--json", NULL);
    json_t *out = run_json(run);
    assert_int_equal(look_bool(look(out, "chat", JSON_OBJECT), "used"), expected);
    assert_string_equal(look_text(look(out, "settings", JSON_OBJECT), "template"),
                        expected ? "{question}" : "Question: {question}\nAnswer:");
    json_decref(out);
    run_free(run);
}

static void task__chat__as_chosen_and_recorded(void **state)
{
    (void)state;
    const char *marked = chatty("marked.gguf", "<|im_start|> <|im_end|> enable_thinking </think>");
    const char *foreign = chatty("foreign.gguf", "[INST]");
    used(marked, "auto", true);
    used(marked, "on", true);
    used(marked, "off", false);
    used(foreign, "auto", false);
    used("nano", "auto", false);
    struct run *run = run_ok("task", foreign, questions(), "--tokens", "2", NULL);
    run_expect_err(run, "chat template is not understood: questions are put without it");
    run_expect_out(run, "chat: off, the model's template is not understood");
    run_free(run);
    run = run_ok("task", marked, questions(), "--tokens", "2", NULL);
    run_expect_out(run, "chat: by the model's template (ChatML), thinking off");
    run_free(run);
    run = run_ok("task", marked, questions(), "--tokens", "2", "--think", "--system", "Be brief.",
                 NULL);
    run_expect_out(run, "thinking on");
    run_free(run);
    run_refused("unsupported", "--chat on: the model's chat template is not understood", "task",
                foreign, questions(), "--chat", "on", NULL);
    run_refused("unsupported", "--chat on: the model has no chat template", "task", "nano",
                questions(), "--chat", "on", NULL);
    run_refused("usage", "--chat: 'x' is unknown", "task", "nano", questions(), "--chat", "x",
                NULL);
    run_refused("usage", "--system needs a chat", "task", "nano", questions(), "--system", "x",
                NULL);
    run_refused("usage", "--think needs a chat", "task", marked, questions(), "--chat", "off",
                "--think", NULL);
}

static void task__bad_calls__refused(void **state)
{
    (void)state;
    run_refused("usage", "cannot open", "task", "nano", "/no/such.jsonl", NULL);
    run_refused("format", "bad.jsonl: line 1: is not valid JSON", "task", "nano",
                run_write_text("bad.jsonl", "{"), NULL);
    run_refused("format", "line 1: the answer ' x' has no number, expected one", "task", "nano",
                run_write_text("x.jsonl", "{\"question\": \"a\", \"answer\": \"x\"}"), NULL);
    run_refused("usage", "--mode: is 'x', expected math", "task", "nano", questions(), "--mode",
                "x", NULL);
    run_refused("format", "pattern '(': missing closing parenthesis", "task", "nano", questions(),
                "--extract", "(", NULL);
    run_refused("usage", "--tokens", "task", "nano", questions(), "--tokens", "0", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task__nano__texts_verdicts_and_totals),
        cmocka_unit_test(task__usual_template__question_and_answer),
        cmocka_unit_test(task__results__gone_on_with_anywhere),
        cmocka_unit_test(task__zero_byte_in_results__gone_on_with),
        cmocka_unit_test(task__results_of_something_else__refused_and_kept),
        cmocka_unit_test(task__interrupted__what_was_done_is_there),
        cmocka_unit_test(task__chat__as_chosen_and_recorded),
        cmocka_unit_test(task__bad_calls__refused),
    };
    return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}

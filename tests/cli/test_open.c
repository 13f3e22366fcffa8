/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The workbench from the command line: driven by scripts on a screen without a
 * terminal, and what it says where it cannot run.
 */
#include <stdlib.h>

#include "src/base/file.h"
#include "tests/cli/look.h"
#include "tests/t.h"
#include "ui/command.h"

enum { SCREEN_BYTES_MAX = 1 << 20 };

/* Two targets and a control: a candidate takes milliseconds. */
static const char targets[] =
    "[{\"name\": \"cubic\", \"prompt\": \"Differentiate 3x^4:\", \"correct\": \" 12x^3\", "
    "\"wrong\": \" 12x^4\"},\n"
    " {\"name\": \"square\", \"prompt\": \"d/dx [x^2] =\", \"correct\": \" 2x\", "
    "\"wrong\": \" 2x^2\"}]\n";
static const char controls[] =
    "[{\"name\": \"capital\", \"prompt\": \"The capital of France is\", "
    "\"correct\": \" Paris\", \"wrong\": \" Rome\"}]\n";

/* ---- running scripts ---------------------------------------------------------------- */

/* A format's arguments are paths of screens and patches. */
static const char *script(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static const char *script(const char *name, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_in_range(len, 0, sizeof text - 1);
    return run_write_text(name, text);
}

static struct run *open_with(const char *path, const char *size)
{
    const char *target = run_write_text("targets.json", targets);
    const char *control = run_write_text("controls.json", controls);
    return run_bankai(NULL, "open", "nano", "--target", target, "--control", control, "--script",
                      path, "--headless", size, NULL);
}

static struct buf read_screen(const char *path)
{
    struct buf text = {0};
    struct err err = {0};
    t_ok(file_read(path, SCREEN_BYTES_MAX, &text, &err), &err);
    return text;
}

/* The line of a screen in which a text occurs; owned by the caller. */
static char *line_with(const char *path, const char *text)
{
    struct buf screen = read_screen(path);
    const char *at = strstr(screen.data, text);
    if (!at)
        fail_msg("no '%s' in\n%s", text, screen.data);
    const char *begin = at;
    while (begin > screen.data && begin[-1] != '\n')
        begin--;
    char *line = x_copy(begin, strcspn(begin, "\n"));
    buf_free(&screen);
    return line;
}

/* The two lines are the same up to the column of the last try, which keeps what
 * was measured last. */
static bool same_numbers(const char *a, const char *b, const char *name)
{
    char *first = line_with(a, name), *second = line_with(b, name);
    const char *begin_a = strstr(first, name), *begin_b = strstr(second, name);
    const char *word = " same ";
    const char *end = strstr(begin_a, word), *other = strstr(begin_b, word);
    bool same = end && other && end - begin_a == other - begin_b &&
                memcmp(begin_a, begin_b, (size_t)(end - begin_a)) == 0;
    free(first);
    free(second);
    return same;
}

/* ---- from the start to a patch and back ----------------------------------------------- */

static void open__script__searches_saves_and_undoes(void **state)
{
    (void)state;
    const char *before = run_path("before.screen"), *after = run_path("after.screen");
    const char *undone = run_path("undone.screen"), *patch = run_path("saved.json");
    struct run *run = open_with(
        script("steps.txt",
               "# the whole screen for the probes\n"
               "wait idle\nview probes\nmaximise\nscreen %s\n"
               "step 40\nwait idle\nscreen %s\nw %s\nwait idle\n",
               before, after, patch),
        "80x24");
    run_expect_status(run, 0);
    run_expect_out(run, "last.json");
    run_free(run);
    assert_false(same_numbers(before, after, "cubic"));

    run = run_ok("patch", "info", patch, "--json", NULL);
    json_t *info = run_json(run);
    size_t count = json_array_size(look(info, "flips", JSON_ARRAY));
    assert_true(count > 0);
    json_decref(info);
    run_free(run);

    run = open_with(script("undo.txt",
                           "wait idle\nstep 40\nwait idle\nundo %zu\nwait idle\n"
                           "view probes\nmaximise\nscreen %s\n",
                           count, undone),
                    "80x24");
    run_expect_status(run, 0);
    run_expect_out(run, "no flip is accepted");
    run_free(run);
    assert_true(same_numbers(before, undone, "cubic"));
    assert_true(same_numbers(before, undone, "square"));
    assert_true(same_numbers(before, undone, "capital"));
}

static void open__same_script__same_screens(void **state)
{
    (void)state;
    const char *first = run_path("first.screen"), *second = run_path("second.screen");
    for (int i = 0; i < 2; i++) {
        const char *path = script("same.txt",
                                  "wait idle\nview probes\nmaximise\nstep 10\nwait idle\n"
                                  "answers\nwait idle\nscreen %s\n",
                                  i ? second : first);
        struct run *run = open_with(path, "120x40");
        run_expect_status(run, 0);
        run_free(run);
    }
    look_same_files(first, second);
}

static void open__typed_text__is_continued_twice(void **state)
{
    (void)state;
    const char *screen = run_path("text.screen");
    struct run *run = open_with(script("text.txt",
                                       "wait idle\nkey 4i\nkey Hello,<Space>you<Enter>\n"
                                       "wait idle\nscreen %s\n",
                                       screen),
                                "80x24");
    run_expect_status(run, 0);
    run_free(run);
    char *prompt = line_with(screen, "Hello, you"), *verdict = line_with(screen, "the same");
    free(prompt);
    free(verdict);
}

static void open__every_size__runs(void **state)
{
    (void)state;
    struct run *run = open_with(
        script("sizes.txt", "wait idle\nresize 1x1\nkey jkhl<Tab>\nresize 20x5\nkey ?\nkey <Esc>\n"
                            "resize 40x10\nkey 1234\nresize 200x60\nresize 80x24\nscreen %s\n",
               run_path("sizes.screen")),
        "300x100");
    run_expect_status(run, 0);
    run_free(run);
    free(line_with(run_path("sizes.screen"), "Compare"));
}

/* ---- texts that would drive a terminal -------------------------------------------------- */

static void open__control_characters__are_made_visible(void **state)
{
    (void)state;
    const char *target =
        run_write_text("hostile.json", "[{\"name\": \"a\\u001b[31mred\", \"prompt\": "
                                       "\"x\\u001b]0;title\\u0007 \\u202e =\", "
                                       "\"correct\": \" 1\\u009b2J\", \"wrong\": \" 2\"}]\n");
    const char *screen = run_path("hostile.screen");
    const char *path = script("hostile.txt",
                              "wait idle\nview probes\nanswers\nwait idle\nscreen %s\n", screen);
    struct run *run = run_bankai(NULL, "open", "nano", "--target", target, "--control",
                                 run_write_text("controls.json", controls), "--script", path, "--headless", "120x40", NULL);
    run_expect_status(run, 0);
    run_free(run);
    struct buf text = read_screen(screen);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        assert_true(c == '\n' || (c >= ' ' && c != 0x7F));
        assert_false(c == 0xC2 && (unsigned char)text.data[i + 1] < 0xA0); /* C1 */
    }
    assert_non_null(strstr(text.data, "\\x1B"));
    assert_null(strstr(text.data, "\u202e"));
    buf_free(&text);
}

/* ---- failures ------------------------------------------------------------------------------ */

static void open__bad_scripts__name_file_and_line(void **state)
{
    (void)state;
    const char *good = "wait idle\n";
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"flup", "no command 'flup'; ? lists them"},
        {"source /nonexistent/x", "/nonexistent/x: cannot open: No such file or directory"},
        {"goto 99.gate.1", "layer 99 is out of range: this model has layers 0 to 5"},
        {"theme mauve", "mauve"},
        {"screen /nonexistent/x", "/nonexistent/x: "},
        {"undo", "nothing to undo: no flip is accepted"},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        const char *path = script("bad.txt", "# first\n%s%s\nscreen /nonexistent/not-reached\n",
                                  good, cases[i].line);
        struct run *run = open_with(path, "80x24");
        run_expect_status(run, 2);
        run_expect_err(run, cases[i].message);
        run_expect_err(run, "bad.txt: line 3: ");
        run_free(run);
    }
}

static void open__line_that_may_fail__goes_on(void **state)
{
    (void)state;
    const char *screen = run_path("went-on.screen");
    struct run *run =
        open_with(script("dash.txt", "wait idle\n-flup\nscreen %s\n", screen), "80x24");
    run_expect_status(run, 0);
    run_free(run);
    assert_true(look_exists(screen));
}

static void open__bad_options__are_refused(void **state)
{
    (void)state;
    const char *path = run_write_text("empty.txt", "");
    run_refused("usage", "cannot open", "open", "nano", "--script", "/nonexistent/s", "--headless",
                "80x24", NULL);
    run_refused("usage", "'80' is no size, expected such as 80x24", "open", "nano", "--script",
                path, "--headless", "80", NULL);
    run_refused("usage", "--headless has no script", "open", "nano", "--headless", "80x24", NULL);
    run_refused("usage", "cannot open the model", "open", "/nonexistent/m.gguf", "--script", path,
                "--headless", "80x24", NULL);
    run_refused("usage", "/nonexistent/t", "open", "nano", "--theme", "/nonexistent/t", "--script",
                path, "--headless", "80x24", NULL);
}

static void open__no_terminal__says_what_to_use(void **state)
{
    (void)state;
    static const char *const dumb[] = {"TERM=dumb", NULL};
    const struct run_options options[] = {
        {.timeout_s = 20},
        {.timeout_s = 20, .out_terminal = true, .environment = dumb},
    };
    for (size_t i = 0; i < countof(options); i++) {
        struct run *run = run_bankai(&options[i], "open", "nano", NULL);
        run_expect_status(run, 2);
        run_expect_err(run, "use bankai search");
        assert_int_equal(run->out.len, 0);
        assert_ptr_equal(strchr(run->err.data, '\n'), run->err.data + run->err.len - 1);
        run_free(run);
    }
}

/* ---- manual ----------------------------------------------------------------------------- */

static void help__man__names_every_workbench_command(void **state)
{
    (void)state;
    struct run *run = run_ok("help", "--man", NULL);
    for (const struct ui_command *command = ui_commands; command->name; command++) {
        struct buf name = {0};
        buf_add_format(&name, ".B :%s", command->name);
        run_expect_out(run, name.data);
        buf_free(&name);
    }
    run_free(run);
    run = run_ok("open", "--help", NULL);
    run_expect_out(run, "? shows its keys");
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open__script__searches_saves_and_undoes),
        cmocka_unit_test(open__same_script__same_screens),
        cmocka_unit_test(open__typed_text__is_continued_twice),
        cmocka_unit_test(open__every_size__runs),
        cmocka_unit_test(open__control_characters__are_made_visible),
        cmocka_unit_test(open__bad_scripts__name_file_and_line),
        cmocka_unit_test(open__line_that_may_fail__goes_on),
        cmocka_unit_test(open__bad_options__are_refused),
        cmocka_unit_test(open__no_terminal__says_what_to_use),
        cmocka_unit_test(help__man__names_every_workbench_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

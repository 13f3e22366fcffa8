/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `bankai open` without a terminal: scripts, their errors, and what is refused.
 */
#include <unistd.h>

#include "tests/t.h"

#include "src/base/file.h"
#include "tests/cli/run.h"

static void open__no_terminal__names_commands(void **state)
{
    (void)state;
    static const char *const words[][3] = {{"open"}, {"nano"}, {"open", "nano"}, {"./no.gguf"}};
    for (size_t i = 0; i < countof(words); i++) {
        const char *const line[] = {words[i][0], words[i][1], NULL};
        struct run *run = run_bankai_words(NULL, line);
        run_expect_status(run, 2);
        run_expect_err(run, "bankai: no terminal to draw on: use bankai search, eval, gen");
        run_free(run);
    }
}

static void open__terminal_that_can_nothing__is_none(void **state)
{
    (void)state;
    static const char *const environment[] = {"TERM=dumb", NULL};
    const struct run_options options = {.environment = environment, .out_terminal = true};
    struct run *run = run_bankai(&options, "open", NULL);
    run_expect_status(run, 2);
    run_expect_err(run, "no terminal to draw on");
    run_free(run);
}

static void open__bad_options__are_refused(void **state)
{
    (void)state;
    run_refused("usage", "--headless has no script, expected --script FILE", "open", "--headless",
                "80x24", NULL);
    run_refused("usage", "--headless: '80' is no size, expected such as 80x24", "open",
                "--headless", "80", "--script", "x", NULL);
    run_refused("usage", "--headless: '0x5' is no size", "open", "--headless", "0x5", "--script",
                "x", NULL);
    run_refused("usage", "there is no theme 'nix', expected dark, light or a file", "open",
                "--headless", "80x24", "--script", "x", "--theme", "nix", NULL);
    run_refused("usage", "cannot open", "open", "--headless", "80x24", "--script", "/none", NULL);
    run_refused("usage", "--metric: 'x' is unknown", "open", "--metric", "x", NULL);
    const char *empty = run_write_text("empty", "wait idle\n");
    run_refused("usage", "cannot open", "open", "./none.gguf", "--headless", "80x24", "--script",
                empty, NULL);
}

/* Run a script on nano; the caller frees. */
static struct run *run_script(const char *text)
{
    const char *path = run_write_text("script", text);
    return run_bankai(NULL, "open", "nano", GREEDY, "--headless", "80x24", "--script", path, NULL);
}

static void script__bad_lines__say_where_and_what(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } all[] = {
        {"wait\n", "line 1: wait '', expected idle or such as 50 ms"},
        {"\n# x\nwait 5\n", "line 3: wait '5', expected idle or such as 50 ms"},
        {"wait 5 msec", "wait '5 msec', expected"},
        {"wait 9999999 ms", "wait '9999999 ms', expected"},
        {"resize 80", "line 1: size '80', expected such as 80x24"},
        {"resize 0x24", "size '0x24'"},
        {"key \xFF", "is not UTF-8"},
        {"wait idle\nnonsense\n", "line 2: "},
        {"source ~/script", "scripts are nested deeper than 8"},
    };
    for (size_t i = 0; i < countof(all); i++) {
        struct run *run = run_script(all[i].text);
        run_expect_status(run, 2);
        run_expect_err(run, all[i].message);
        run_free(run);
    }
}

static void script__lines_that_may_fail__go_on(void **state)
{
    (void)state;
    struct run *run = run_script("wait idle\n-nonsense\nscreen ~/failed.txt\n");
    run_expect_status(run, 0);
    struct buf text = {0};
    struct err err = {0};
    t_ok(file_read(run_path("failed.txt"), 1 << 20, &text, &err), &err);
    assert_non_null(strstr(text.data, "nonsense")); /* what was said is on the screen */
    buf_free(&text);
    run_free(run);
}

static void screen_has(const char *name, const char *text)
{
    struct buf screen = {0};
    struct err err = {0};
    t_ok(file_read(run_path(name), 1 << 20, &screen, &err), &err);
    if (!strstr(screen.data, text))
        fail_msg("%s has no '%s':\n%s", name, text, screen.data);
    buf_free(&screen);
}

static void script__keys_sizes_and_prompts__reach_the_screen(void **state)
{
    (void)state;
    (void)run_write_text("inner", "goto 2.up.7\nscreen ~/inner.txt\n");
    struct run *run = run_script("wait idle\n"
                                 "wait 10 ms\n"
                                 "key :go<BS><BS>theme li\n"
                                 "screen ~/prompt.txt\n"
                                 "key <Esc>\n"
                                 "resize 31x9\n"
                                 "screen ~/small.txt\n"
                                 "resize 120x40\n"
                                 "source ~/inner\n"
                                 "wait idle\n"
                                 "key s\n"
                                 "wait idle\n"
                                 "screen ~/stepped.txt\n"
                                 "quit\n"
                                 "nonsense behind the end\n");
    run_expect_status(run, 0);
    run_expect_out(run, "flip");
    screen_has("prompt.txt", "\n:themeli\n");
    screen_has("inner.txt", "row 7");
    screen_has("stepped.txt", "/1");
    struct buf small = {0};
    struct err err = {0};
    t_ok(file_read(run_path("small.txt"), 1 << 20, &small, &err), &err);
    const char *styles = strstr(small.data, "--- styles\n");
    assert_non_null(styles);
    assert_int_equal(strcspn(styles + strlen("--- styles\n"), "\n"), 31);
    buf_free(&small);
    run_free(run);
}

/* Nothing said: what `search` does, and its controls (22 with answers, 300 without). */
static void open__nothing_said__guided_with_own_controls(void **state)
{
    (void)state;
    const char *path = run_write_text("usual", "wait idle\nview search\nstep 1\nwait idle\n"
                                               "screen ~/usual.txt\nview probes\n"
                                               "screen ~/controls.txt\n");
    struct run *run = run_bankai(NULL, "nano", "--headless", "120x40", "--script", path, NULL);
    run_expect_status(run, 0);
    screen_has("usual.txt", "guided groups, margin");
    screen_has("usual.txt", " group ");
    screen_has("controls.txt", "controls 322");
    run_free(run);
}

/* ---- sessions --------------------------------------------------------------------- */

/* The words before the script's options; the caller frees. */
static struct run *run_with(const char *text, const char *a, const char *b, const char *c)
{
    const char *path = run_write_text("script", text);
    return c   ? run_bankai(NULL, a, b, c, "--headless", "80x24", "--script", path, NULL)
           : b ? run_bankai(NULL, a, b, "--headless", "80x24", "--script", path, NULL)
               : run_bankai(NULL, a, "--headless", "80x24", "--script", path, NULL);
}

static void open__session__without_the_subcommand(void **state)
{
    (void)state;
    const char *file = run_path("s.bankai");
    const char *script = run_write_text("first", "wait idle\nnote first\nwait idle\n"
                                                 "keep 3.gate.5\nwait idle\n"
                                                 "view search\nwait idle\nquit\n");
    struct run *run = run_bankai(NULL, "-s", file, GREEDY, "--headless", "80x24", "--script",
                                 script, NULL);
    run_expect_status(run, 0);
    run_free(run);
    run = run_with("wait idle\nscreen ~/again.txt\nnotes\nwait idle\nscreen ~/notes.txt\n", file,
                   NULL, NULL);
    run_expect_status(run, 0);
    screen_has("again.txt", "1 flip");
    screen_has("notes.txt", "step 0     first");
    run_free(run);
    run = run_with("wait idle\nresume ~/s.bankai\nwait idle\nwait idle\nscreen ~/resumed.txt\n",
                   "open", GREEDY);
    run_expect_status(run, 0);
    screen_has("resumed.txt", "1 flip");
    run_free(run);
}

/* Patches to begin with: opened, or where patches are crossed the first candidates; so are
 * the flips that are on when the method is changed. */
static void open__from__flips_are_there(void **state)
{
    (void)state;
    const char *patch = run_path("from.json");
    struct run *run = run_with("wait idle\nkeep 0.gate.3\nwait idle\nkeep 0.gate.695\n"
                               "wait idle\nw ~/from.json\nwait idle\nset method evolve\n"
                               "wait idle\nstep 1\nwait idle\nscreen ~/crossed.txt\n"
                               "set method prune\nwait idle\nscreen ~/pruned.txt\n",
                               "open", GREEDY);
    run_expect_status(run, 0);
    run_free(run);
    screen_has("crossed.txt", "L0 gate_proj row 3 + 1 more");
    screen_has("crossed.txt", "nano  2 flips");
    screen_has("pruned.txt", "left 3 "); /* 2 + 1 */
    const char *script = run_write_text("step", "wait idle\nscreen ~/there.txt\nstep 1\n"
                                                "wait idle\nscreen ~/stepped.txt\n");
    static const char *const methods[][3] = {
        {"greedy", "nano  2 flips", "accepted 2"},
        {"evolve", "nano  0 flips", "L0 gate_proj row 3 + 1 more"}};
    for (size_t i = 0; i < countof(methods); i++) {
        run = run_bankai(NULL, "open", "nano", "--from", patch, "--method", methods[i][0],
                         "--headless", "80x24", "--script", script, NULL);
        run_expect_status(run, 0);
        screen_has("there.txt", methods[i][1]);
        screen_has("stepped.txt", methods[i][2]);
        run_free(run);
    }
    run_refused("usage", "method guided begins with one patch, found 2", "open", "--from", "a,b",
                NULL);
}

static void file_has(const char *path, const char *text)
{
    struct buf file = {0};
    struct err err = {0};
    t_ok(file_read(path, 1 << 20, &file, &err), &err);
    if (!strstr(file.data, text))
        fail_msg("%s has no '%s':\n%s", path, text, file.data);
    buf_free(&file);
}

/* Two looks, other settings twice (nothing happens in between), one more look: three, also
 * when it is opened again, and in what is published of it. */
static void set__after_looks_at_heldout__they_are_still_counted(void **state)
{
    (void)state;
    struct run *run = run_with("wait idle\nheldout\nwait idle\nkeep 3.gate.5\nwait idle\n"
                               "heldout\nwait idle\n"
                               "set seed 7\nwait idle\nset seed 8\nwait idle\n"
                               "heldout\nwait idle\nview probes\ntab held-out\n"
                               "screen ~/third.txt\nsession name ~/l.bankai\nwait idle\n",
                               "open", NULL, NULL);
    run_expect_status(run, 0);
    run_free(run);
    screen_has("third.txt", "held-out seen 3 times");
    run = run_with("wait idle\nview probes\ntab held-out\nscreen ~/again.txt\n",
                   run_path("l.bankai"), NULL, NULL);
    run_expect_status(run, 0);
    run_free(run);
    screen_has("again.txt", "held-out seen 3 times");
    run_free(run_ok("session", "export", run_path("l.bankai"), "-o", run_path("l/"), NULL));
    file_has(run_path("l/report.md"), "were looked at 3 times so far");
}

static void open__read_only__shows_and_refuses(void **state)
{
    (void)state;
    const char *file = run_path("s.bankai");
    struct run *run = run_with("wait idle\n-keep 3.gate.6\nscreen ~/looked.txt\n-session name x\n"
                               "screen ~/named.txt\n", "-R", file, NULL);
    run_expect_status(run, 0);
    run_expect_out(run, "nothing was changed");
    screen_has("looked.txt", "read-only");
    screen_has("looked.txt", "keep is refused: the session is open for reading only (-R)");
    screen_has("named.txt", "session is refused");
    run_free(run);
    run_refused("usage", "--read-only has no session, expected -s FILE", "open", "-R", NULL);
    run_refused("usage", "cannot open", "open", "-R", "./none.bankai", "--headless", "80x24",
                "--script", run_write_text("empty", "wait idle\n"), NULL);
}

static void script__shell_command__is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {"!touch ~/ran", "key :!touch ~/ran<Enter>"};
    for (size_t i = 0; i < countof(lines); i++) {
        struct buf text = {0};
        buf_add_format(&text, "wait idle\n-%s\nscreen ~/refused.txt\n", lines[i]);
        struct run *run = run_script(text.data);
        run_expect_status(run, 0);
        screen_has("refused.txt", "shell commands run only when they are typed after :");
        assert_int_not_equal(access(run_path("ran"), F_OK), 0);
        run_free(run);
        buf_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open__no_terminal__names_commands),
        cmocka_unit_test(open__terminal_that_can_nothing__is_none),
        cmocka_unit_test(open__bad_options__are_refused),
        cmocka_unit_test(script__bad_lines__say_where_and_what),
        cmocka_unit_test(script__lines_that_may_fail__go_on),
        cmocka_unit_test(script__keys_sizes_and_prompts__reach_the_screen),
        cmocka_unit_test(open__nothing_said__guided_with_own_controls),
        cmocka_unit_test(open__session__without_the_subcommand),
        cmocka_unit_test(open__from__flips_are_there),
        cmocka_unit_test(set__after_looks_at_heldout__they_are_still_counted),
        cmocka_unit_test(open__read_only__shows_and_refuses),
        cmocka_unit_test(script__shell_command__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

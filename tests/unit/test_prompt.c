/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Prompts without a terminal: bytes in, a line and a drawn row out.
 */
#include "tests/t.h"

#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/file.h"
#include "ui/prompt_int.h"

static char folder[] = "/tmp/prompt_XXXXXX";
static char *taken; /* the last line, or NULL when it was cancelled */
static int calls;

static void take(void *user, const char *line)
{
    (void)user;
    free(taken);
    taken = line ? x_copy(line, strlen(line)) : NULL;
    calls++;
}

static char **complete(void *user, const char *text, size_t start)
{
    (void)user;
    static const char *const words[] = {"goto", "gold", "éa", "folder/", "zebra"};
    char **found = x_new(countof(words) + 1, sizeof *found);
    size_t count = 0;
    if (strncmp(text, "none", 4) == 0) {
        free(found);
        return NULL;
    }
    for (size_t i = 0; i < countof(words); i++)
        if (strncmp(words[i], text + start, strlen(text + start)) == 0)
            found[count++] = x_copy(words[i], strlen(words[i]));
    return found;
}

static void open_text(const char *initial)
{
    calls = 0;
    prompt_open(PROMPT_TEXT, ":", initial, complete, take, NULL);
    assert_true(prompt_is_open());
}

static void feed(const char *bytes)
{
    prompt_feed(bytes, strlen(bytes));
}

/* A prompt that gets these bytes in one read gives this line. */
static void gives(const char *bytes, const char *line)
{
    open_text(NULL);
    feed(bytes);
    assert_false(prompt_is_open());
    assert_int_equal(calls, 1);
    if (line)
        assert_string_equal(taken ? taken : "(cancelled)", line);
    else
        assert_null(taken);
}

/* The same, a byte per read but for ESC, which is a key of its own then. */
static void gives_bytewise(const char *bytes, const char *line)
{
    open_text(NULL);
    for (size_t size; *bytes && prompt_is_open(); bytes += size) {
        size = *bytes == 27 ? 2 : 1;
        prompt_feed(bytes, size);
    }
    assert_int_equal(calls, 1);
    assert_string_equal(taken ? taken : "(cancelled)", line);
}

static void edit__keys__as_in_readline(void **state)
{
    (void)state;
    gives("goto 3\r", "goto 3");
    gives("goto 3\n", "goto 3");
    gives("bc\001a\r", "abc");                /* Ctrl-A */
    gives("ac\033[Db\r", "abc");              /* Left */
    gives("ac\033ODb\r", "abc");              /* Left of a keypad in application mode */
    gives("bc\033[Ha\r", "abc");              /* Home */
    gives("one two\033b\013\r", "one ");      /* Alt-b, Ctrl-K */
    gives("abc\177\177\r", "a");              /* Backspace */
    gives("x\025\r", "");                     /* Ctrl-U */
}

static void edit__utf8__whole_or_in_pieces(void **state)
{
    (void)state;
    gives("caf\xC3\xA9\177e\r", "cafe");
    gives("日本\033[Dx\r", "日x本");
    gives_bytewise("caf\xC3\xA9 日\r", "café 日");
    gives("a\xFF" "b\r", "a\xFF" "b");
}

static void cancel__esc_and_control_keys__call_done_once(void **state)
{
    (void)state;
    gives("\004", NULL);   /* Ctrl-D on an empty line */
    gives("abc\003", NULL); /* Ctrl-C */
    open_text("text");
    feed("\033");
    assert_false(prompt_is_open());
    assert_int_equal(calls, 1);
    assert_null(taken);
    prompt_cancel();
    assert_int_equal(calls, 1);
    gives("\026\003x\r", " x"); /* quoted by Ctrl-V, then a blank in the line */
}

static void cancel__while_searching__next_prompt_is_fresh(void **state)
{
    (void)state;
    gives("something long\r", "something long");
    open_text(NULL);
    feed("\022some");
    feed("\003");
    assert_false(prompt_is_open());
    assert_null(taken);
    gives("ab\r", "ab");
    open_text(NULL);
    feed("\022some");
    feed("\033");
    assert_false(prompt_is_open());
    gives("cd\r", "cd");
}

static void paste__line_feeds_and_controls__are_blanks(void **state)
{
    (void)state;
    gives("a\033[200~x\ny\tz\003\033[201~b\r", "ax y z b");
    gives_bytewise("a\033[200~x\ny\rz\033[201~b\r", "ax y zb");
    open_text(NULL);
    feed("\033[200~first\rsecond");
    assert_true(prompt_is_open()); /* a line's end in a paste is no Enter */
    feed(" \xE6\x97");
    feed("\xA5\033[20");
    feed("1~\r");
    assert_string_equal(taken, "first second 日");
}

static void history__up_and_search__find_lines(void **state)
{
    (void)state;
    gives("pressé one\r", "pressé one");
    gives("two\r", "two");
    gives("two\r", "two");
    gives("  \r", "  "); /* blank: not kept */
    gives("\033[A\r", "two");
    gives("\033[A\033[A\r", "pressé one");
    gives("\022ss\xC3\xA9\r", "pressé one"); /* Ctrl-R, a character of two bytes */
    gives("\033[A\033[A\033[Bx\r", "pressé onex");
}

static void history__other_kind__has_its_own(void **state)
{
    (void)state;
    gives("text line\r", "text line");
    prompt_open(PROMPT_NUMBER, "steps: ", NULL, NULL, take, NULL);
    feed("\033[A7\r");
    assert_string_equal(taken, "7");
}

static void history__saved__is_there_again_and_merged(void **state)
{
    (void)state;
    gives("first of this\r", "first of this");
    prompt_history_save();
    struct buf path = {0}, text = {0};
    struct err err = {0};
    t_ok(file_state_path("history.text", &path, &err), &err);
    t_ok(file_write(path.data, "of another\nfirst of this\n", 25, &err), &err);
    gives("second of this\r", "second of this");
    prompt_history_save(); /* what another workbench wrote stays */
    t_ok(file_read(path.data, 1 << 20, &text, &err), &err);
    t_buf_is(&text, "of another\nfirst of this\nsecond of this\n");
    prompt_history_load();
    gives("\033[A\033[A\033[A\r", "of another");
    buf_free(&path);
    buf_free(&text);
}

static void tab__one_several_none__completes(void **state)
{
    (void)state;
    gives("z\t\r", "zebra ");
    gives("g\tx\r", "gox");
    gives("x fo\t1\r", "x folder/1");
    gives("\xC3\xA9\t\r", "éa ");
    gives("none\t\r", "none");
    gives("q\t\r", "q");
}

static void draw_into(struct grid *grid, struct buf *text, int columns)
{
    grid_resize(grid, 2, columns);
    prompt_draw(grid, (struct rect){1, 0, 1, columns});
    buf_clear(text);
    grid_dump(grid, text);
    *strstr(text->data, "--- styles") = '\0';
}

static void draw__line_and_list__with_cursor(void **state)
{
    (void)state;
    struct grid grid = {0};
    struct buf text = {0};
    open_text("日x");
    feed("\033[D");
    draw_into(&grid, &text, 20);
    assert_string_equal(text.data, "\n:日x\n");
    assert_int_equal(grid.cursor_column, 3);
    feed("\005 g\t"); /* several: listed above */
    draw_into(&grid, &text, 20);
    assert_string_equal(text.data, "gold  goto\n:日x go\n");
    feed("\x01");
    draw_into(&grid, &text, 20);
    assert_string_equal(text.data, "\n:日x go\n");
    assert_int_equal(grid.cursor_column, 1);
    prompt_cancel();
    draw_into(&grid, &text, 20);
    assert_string_equal(text.data, "\n\n");
    buf_free(&text);
    grid_free(&grid);
}

static void draw__search__shows_what_is_searched(void **state)
{
    (void)state;
    struct grid grid = {0};
    struct buf text = {0};
    gives("to be found\r", "to be found");
    open_text(NULL);
    feed("\022fou");
    draw_into(&grid, &text, 60);
    assert_string_equal(text.data, "\n(reverse-i-search)`fou': to be found\n");
    prompt_cancel();
    buf_free(&text);
    grid_free(&grid);
}

static void draw__long_line__scrolls_with_the_cursor(void **state)
{
    (void)state;
    struct grid grid = {0};
    struct buf text = {0};
    open_text("0123456789abcdefghij0123456789");
    draw_into(&grid, &text, 21);
    assert_string_equal(text.data, "\n:<ghij0123456789\n");
    assert_int_equal(grid.cursor_column, 16);
    for (int i = 0; i < 20; i++)
        feed("\033[D");
    draw_into(&grid, &text, 21);
    assert_string_equal(text.data, "\n:<789abcdefghij01234>\n");
    assert_int_equal(grid.cursor_column, 5);
    feed("\001");
    draw_into(&grid, &text, 21);
    assert_string_equal(text.data, "\n:0123456789abcdefghi>\n");
    assert_int_equal(grid.cursor_column, 1);
    feed("\005");
    for (int columns = 1; columns < 12; columns++) { /* any width */
        draw_into(&grid, &text, columns);
        assert_in_range(grid.cursor_column, 0, columns - 1);
    }
    prompt_cancel();
    buf_free(&text);
    grid_free(&grid);
}

/* done opens the next one, as `steps:` after `S` does. */
static void open_again(void *user, const char *line)
{
    take(user, line);
    prompt_open(PROMPT_NUMBER, "again: ", "5", NULL, take, NULL);
}

static void done__opens_another__which_gets_the_rest(void **state)
{
    (void)state;
    calls = 0;
    prompt_open(PROMPT_TEXT, ":", NULL, NULL, open_again, NULL);
    feed("one\r");
    assert_string_equal(taken, "one");
    assert_true(prompt_is_open());
    feed("1\r");
    assert_string_equal(taken, "51");
    assert_int_equal(calls, 2);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || setenv("XDG_STATE_HOME", folder, 1) != 0 ||
        setenv("INPUTRC", "/dev/null", 1) != 0 || setenv("TERM", "xterm-256color", 1) != 0 ||
        !setlocale(LC_CTYPE, "C.UTF-8"))
        return -1;
    prompt_history_load();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct buf command = {0};
    buf_add_format(&command, "rm -rf '%s'", folder);
    int status = system(command.data);
    buf_free(&command);
    free(taken);
    return status;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edit__keys__as_in_readline),
        cmocka_unit_test(edit__utf8__whole_or_in_pieces),
        cmocka_unit_test(cancel__esc_and_control_keys__call_done_once),
        cmocka_unit_test(cancel__while_searching__next_prompt_is_fresh),
        cmocka_unit_test(paste__line_feeds_and_controls__are_blanks),
        cmocka_unit_test(history__up_and_search__find_lines),
        cmocka_unit_test(history__other_kind__has_its_own),
        cmocka_unit_test(history__saved__is_there_again_and_merged),
        cmocka_unit_test(tab__one_several_none__completes),
        cmocka_unit_test(draw__line_and_list__with_cursor),
        cmocka_unit_test(draw__search__shows_what_is_searched),
        cmocka_unit_test(draw__long_line__scrolls_with_the_cursor),
        cmocka_unit_test(done__opens_another__which_gets_the_rest),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

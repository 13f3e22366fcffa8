/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Progress lines, warnings and texts, on terminals of several widths and
 * elsewhere.  The time is moved by setting back what struct progress remembers.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "src/cli/cli_int.h"
#include "tests/t.h"

/* ---- catching what is written to a descriptor -------------------------------- */

struct catch {
    int fd;    /* 1 or 2, which goes to theirs meanwhile */
    int saved;
    int ours;
    struct buf text;
};

/* columns 0: a pipe, else a terminal that wide */
static void catch_begin(struct catch *catch, int fd, unsigned short columns)
{
    int ends[2];
    if (columns > 0) {
        ends[0] = posix_openpt(O_RDWR | O_NOCTTY);
        BUG_ON(ends[0] < 0 || grantpt(ends[0]) != 0 || unlockpt(ends[0]) != 0);
        ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY);
        struct termios mode;
        BUG_ON(ends[1] < 0 || tcgetattr(ends[1], &mode) != 0);
        cfmakeraw(&mode);
        struct winsize size = {.ws_row = 24, .ws_col = columns};
        BUG_ON(tcsetattr(ends[1], TCSANOW, &mode) != 0);
        BUG_ON(ioctl(ends[1], TIOCSWINSZ, &size) != 0);
    } else {
        BUG_ON(pipe(ends) != 0);
    }
    (void)fflush(NULL);
    *catch = (struct catch){.fd = fd, .saved = dup(fd), .ours = ends[0]};
    BUG_ON(dup2(ends[1], fd) < 0);
    (void)close(ends[1]);
}

/* What was written since the last look; valid until the next. */
static const char *catch_look(struct catch *catch)
{
    (void)fflush(NULL);
    buf_clear(&catch->text);
    buf_add_text(&catch->text, "");
    struct pollfd ready = {.fd = catch->ours, .events = POLLIN};
    /* a terminal hands its bytes over a little later */
    while (poll(&ready, 1, catch->text.len ? 3 : 50) == 1 && (ready.revents & POLLIN)) {
        char chunk[1024];
        ssize_t got = read(catch->ours, chunk, sizeof chunk);
        if (got <= 0)
            break;
        buf_add(&catch->text, chunk, (size_t)got);
    }
    return catch->text.data;
}

/* The same, owned by the caller. */
static char *catch_copy(struct catch *catch)
{
    (void)catch_look(catch);
    return x_copy(catch->text.data, catch->text.len);
}

static void catch_end(struct catch *catch)
{
    (void)fflush(NULL);
    BUG_ON(dup2(catch->saved, catch->fd) < 0);
    (void)close(catch->saved);
    (void)close(catch->ours);
    buf_free(&catch->text);
}

/* As if the progress had begun and been shown that much earlier. */
static void set_back(struct progress *progress, double seconds)
{
    progress->started -= seconds;
    progress->shown -= seconds;
}

/* ---- progress elsewhere ------------------------------------------------------- */

static void progress__pipe__lines_with_pauses(void **state)
{
    (void)state;
    struct catch catch;
    catch_begin(&catch, STDERR_FILENO, 0);
    struct progress progress;
    progress_start(&progress, "search", 20000);
    progress_update(&progress, 1, NULL);
    char quick = catch_look(&catch)[0];
    set_back(&progress, 1000);
    progress_update(&progress, 5000, "fitness 0.5");
    char *first = catch_copy(&catch);
    set_back(&progress, 4.5);
    progress_update(&progress, 5100, NULL);
    char soon = catch_look(&catch)[0];
    set_back(&progress, 0.6);
    progress_update(&progress, 5200, NULL);
    char *second = catch_copy(&catch);
    progress_end(&progress);
    char after = catch_look(&catch)[0];
    catch_end(&catch);

    assert_int_equal(quick, '\0');
    assert_string_equal(first, "search   25%  5000/20000  5.0/s  50:00 left  fitness 0.5\n");
    assert_int_equal(soon, '\0');
    assert_non_null(strstr(second, "search   26%  5200/20000"));
    assert_int_equal(after, '\0');
    free(first);
    free(second);
}

static void progress__pipe_with_json__nothing(void **state)
{
    (void)state;
    struct catch catch;
    catch_begin(&catch, STDERR_FILENO, 0);
    output_set_json(true);
    struct progress progress;
    progress_start(&progress, "search", 200);
    set_back(&progress, 100);
    progress_update(&progress, 50, NULL);
    progress_end(&progress);
    output_set_json(false);
    char seen = catch_look(&catch)[0];
    catch_end(&catch);
    assert_int_equal(seen, '\0');
}

/* ---- progress on terminals ---------------------------------------------------- */

/* One line of half-done work on such a terminal; the caller frees it. */
static char *line_on_terminal(unsigned short columns, uint64_t total, const char *note)
{
    struct catch catch;
    catch_begin(&catch, STDERR_FILENO, columns);
    struct progress progress;
    progress_start(&progress, "eval", total);
    set_back(&progress, 1000);
    progress_update(&progress, 5000, note);
    char *line = catch_copy(&catch);
    progress_end(&progress);
    bool gone = strcmp(catch_look(&catch), "\r\033[K") == 0 && !progress_on_screen();
    catch_end(&catch);
    assert_true(gone);
    return line;
}

static void progress__terminal__one_line_in_place(void **state)
{
    (void)state;
    char *line = line_on_terminal(80, 10000, "x\033[2J");
    assert_string_equal(line, "\reval  [############............]   50%  5000/10000  5.0/s  "
                              "16:40 left  x\\x1B[2J\033[K");
    free(line);
    line = line_on_terminal(80, 0, NULL);
    assert_string_equal(line, "\reval  5000  5.0/s  16:40\033[K");
    free(line);
}

static void progress__every_width__fits(void **state)
{
    (void)state;
    for (unsigned short columns = 2; columns < 130; columns++) {
        char *line = line_on_terminal(columns, 10000, "\xC3\xA9\xC3\xA9 note");
        size_t shown = 0; /* code points between \r and ESC */
        for (const char *at = line + 1; *at != '\033'; at++)
            shown += ((unsigned char)*at & 0xC0) != 0x80;
        assert_true(shown < columns);
        free(line);
    }
}

static void progress__terminal__at_most_ten_a_second(void **state)
{
    (void)state;
    struct catch catch;
    catch_begin(&catch, STDERR_FILENO, 80);
    struct progress progress;
    progress_start(&progress, "eval", 1000);
    set_back(&progress, 1);
    for (uint64_t i = 1; i <= 500; i++)
        progress_update(&progress, i, NULL);
    size_t lines = 0;
    for (const char *at = catch_look(&catch); *at; at++)
        lines += *at == '\r';
    progress_end(&progress);
    catch_end(&catch);
    assert_in_range(lines, 1, 2);
}

static void progress__dumb_terminal__plain_lines(void **state)
{
    (void)state;
    (void)setenv("TERM", "dumb", 1);
    struct catch catch;
    catch_begin(&catch, STDERR_FILENO, 80);
    struct progress progress;
    progress_start(&progress, "eval", 10000);
    set_back(&progress, 1000);
    progress_update(&progress, 5000, NULL);
    progress_end(&progress);
    char *line = catch_copy(&catch);
    catch_end(&catch);
    (void)setenv("TERM", "xterm", 1);
    assert_string_equal(line, "eval   50%  5000/10000  5.0/s  16:40 left\n");
    free(line);
}

/* ---- warnings and texts --------------------------------------------------------- */

static void warn__progress_on_screen__makes_room(void **state)
{
    (void)state;
    struct catch catch;
    catch_begin(&catch, STDERR_FILENO, 80);
    struct progress progress;
    progress_start(&progress, "eval", 100);
    set_back(&progress, 10);
    progress_update(&progress, 50, NULL);
    (void)catch_look(&catch);
    cli_warn("no hash in '%s'", "a\nb");
    char *text = catch_copy(&catch);
    set_back(&progress, 1);
    progress_update(&progress, 51, NULL);
    bool back = catch_look(&catch)[0] == '\r';
    progress_end(&progress);
    catch_end(&catch);
    assert_string_equal(text, "\r\033[Kbankai: warning: no hash in 'a\\nb'\n");
    assert_true(back);
    free(text);
}

static void warn__json__object_on_a_line(void **state)
{
    (void)state;
    struct catch catch;
    catch_begin(&catch, STDERR_FILENO, 0);
    output_set_json(true);
    cli_warn("a \"b\"");
    output_set_json(false);
    char *text = catch_copy(&catch);
    catch_end(&catch);
    assert_string_equal(text, "{\"warning\": {\"message\": \"a \\\"b\\\"\"}}\n");
    free(text);
}

static void error__parts__joined_or_null(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_set(&err, ERR_FORMAT, "is -5");
    (void)err_where(&err, "flips[0].row");
    (void)err_file(&err, "p.json");
    struct catch catch;
    catch_begin(&catch, STDERR_FILENO, 0);
    output_print_error(&err, NULL);
    char *text = catch_copy(&catch);
    output_set_json(true);
    output_print_error(&err, "never shown");
    output_set_json(false);
    char *json = catch_copy(&catch);
    catch_end(&catch);
    assert_string_equal(text, "bankai: p.json: flips[0].row: is -5\n");
    assert_string_equal(json, "{\"error\": {\"code\": \"format\", \"message\": \"is -5\", "
                              "\"file\": \"p.json\", \"where\": \"flips[0].row\"}}\n");
    free(text);
    free(json);
}

static char *printed(unsigned short columns, const char *text, size_t len, size_t *out_len)
{
    struct catch catch;
    catch_begin(&catch, STDOUT_FILENO, columns);
    cli_print_text(text, len);
    (void)catch_look(&catch);
    *out_len = catch.text.len;
    char *copy = x_copy(catch.text.data, catch.text.len);
    catch_end(&catch);
    return copy;
}

static void text__terminal__cannot_drive_it(void **state)
{
    (void)state;
    static const char hostile[] = "a\nb\033[31m\r\xFF\0c\n";
    size_t len = 0;
    char *text = printed(80, hostile, sizeof hostile - 1, &len);
    assert_string_equal(text, "a\nb\\x1B[31m\\r\xEF\xBF\xBD\\x00c\n");
    free(text);
    text = printed(0, hostile, sizeof hostile - 1, &len);
    assert_int_equal(len, sizeof hostile - 1);
    assert_memory_equal(text, hostile, len);
    free(text);
}

int main(void)
{
    (void)setenv("TERM", "xterm", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress__pipe__lines_with_pauses),
        cmocka_unit_test(progress__pipe_with_json__nothing),
        cmocka_unit_test(progress__terminal__one_line_in_place),
        cmocka_unit_test(progress__every_width__fits),
        cmocka_unit_test(progress__terminal__at_most_ten_a_second),
        cmocka_unit_test(progress__dumb_terminal__plain_lines),
        cmocka_unit_test(warn__progress_on_screen__makes_room),
        cmocka_unit_test(warn__json__object_on_a_line),
        cmocka_unit_test(error__parts__joined_or_null),
        cmocka_unit_test(text__terminal__cannot_drive_it),
    };
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}

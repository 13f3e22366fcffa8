/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * At most one progress line is on the terminal; whoever prints something else
 * asks for room first (progress_make_room), and the next update draws it again.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/num.h"
#include "src/base/text.h"
#include "src/cli/cli_int.h"

static const double redraw_seconds = 0.1; /* on a terminal */
static const double line_seconds = 5;     /* elsewhere */
static const double quiet_seconds = 1;    /* shorter work says nothing elsewhere */

enum {
    COLUMNS_FALLBACK = 80,
    BAR_MIN = 8, /* a shorter bar tells nothing */
    BAR_MAX = 30,
};

static volatile sig_atomic_t line_on_screen;

bool progress_on_screen(void)
{
    return line_on_screen != 0;
}

void progress_make_room(void)
{
    if (!line_on_screen)
        return;
    (void)fputs("\r\033[K", stderr); /* to the start, erase to the end of the line */
    (void)fflush(stderr);
    line_on_screen = 0;
}

static bool is_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

static size_t terminal_columns(void)
{
    struct winsize size = {0};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    int64_t columns = 0;
    if (num_parse_int(getenv("COLUMNS"), &columns) && columns > 0 && columns < 10000)
        return (size_t)columns;
    return COLUMNS_FALLBACK;
}

/* "0:07", "12:30", "3:04:05" */
static void add_time(struct buf *out, double seconds)
{
    uint64_t whole = seconds < 1e9 ? (uint64_t)(seconds + 0.5) : (uint64_t)1e9;
    unsigned hours = (unsigned)(whole / 3600), minutes = (unsigned)(whole / 60 % 60);
    unsigned rest = (unsigned)(whole % 60);
    if (hours > 0)
        buf_add_format(out, "%u:%02u:%02u", hours, minutes, rest);
    else
        buf_add_format(out, "%u:%02u", minutes, rest);
}

/* "  45%  90/200  12.3/s  0:09 left" */
static void add_numbers(struct buf *out, const struct progress *progress, double elapsed)
{
    unsigned long long done = progress->done, total = progress->total;
    double rate = elapsed > 0 ? (double)(done - progress->before) / elapsed : 0;
    if (total > 0)
        buf_add_format(out, "  %3.0f%%  %llu/%llu", 100.0 * (double)done / (double)total, done,
                       total);
    else
        buf_add_format(out, "  %llu", done);
    if (done <= progress->before)
        return;
    buf_add_format(out, "  %.*f/s  ", rate < 100 ? 1 : 0, rate);
    if (total > 0 && done <= total)
        add_time(out, (double)(total - done) / rate);
    else
        add_time(out, elapsed);
    buf_add_text(out, total > 0 && done <= total ? " left" : "");
}

static void add_bar(struct buf *out, const struct progress *progress, size_t columns)
{
    double share = (double)progress->done / (double)progress->total;
    size_t full = share < 1 ? (size_t)(share * (double)columns) : columns;
    buf_add_text(out, "  [");
    for (size_t i = 0; i < columns; i++)
        buf_add(out, i < full ? "#" : ".", 1);
    buf_add_text(out, "]");
}

/* what, bar where there is room for one, numbers, note. */
static void compose_line(struct buf *line, const struct progress *progress, double elapsed,
                         const char *note, size_t columns)
{
    struct buf tail = {0};
    add_numbers(&tail, progress, elapsed);
    if (note) {
        buf_add_text(&tail, "  ");
        text_visible(&tail, note, strlen(note));
    }
    buf_add_text(line, progress->what);
    size_t used = text_columns(line->data, line->len) + strlen("  []") +
                  text_columns(tail.data, tail.len);
    size_t room = columns > used ? columns - used : 0;
    if (progress->terminal && progress->total > 0 && room >= BAR_MIN)
        add_bar(line, progress, room < BAR_MAX ? room : BAR_MAX);
    buf_add(line, tail.data, tail.len);
    buf_free(&tail);
}

/* Bytes of the first columns characters. */
static size_t cut_at_column(const char *text, size_t len, size_t columns)
{
    size_t i = 0;
    for (; i < len && columns > 0; columns--) {
        uint32_t point = 0;
        size_t size = text_decode(text + i, len - i, &point);
        i += size ? size : 1;
    }
    return i;
}

static void show(struct progress *progress, double now, const char *note)
{
    struct buf line = {0};
    size_t columns = progress->terminal ? terminal_columns() - 1 : SIZE_MAX;
    compose_line(&line, progress, now - progress->started, note, columns);
    if (progress->terminal)
        (void)fprintf(stderr, "\r%.*s\033[K", (int)cut_at_column(line.data, line.len, columns),
                      line.data);
    else
        (void)fprintf(stderr, "%s\n", line.data);
    (void)fflush(stderr);
    line_on_screen = progress->terminal;
    progress->shown = now;
    progress->visible = true;
    buf_free(&line);
}

void progress_start(struct progress *progress, const char *what, uint64_t total)
{
    double now = clock_seconds();
    *progress = (struct progress){
        .what = what,
        .total = total,
        .started = now,
        .shown = now,
        .terminal = is_terminal(),
    };
}

void progress_skip(struct progress *progress, uint64_t before)
{
    progress->before = progress->done = before;
}

void progress_update(struct progress *progress, uint64_t done, const char *note)
{
    progress->done = done;
    if (!progress->terminal && output_is_json())
        return; /* whoever reads JSON reads events, and standard error is JSON too */
    double now = clock_seconds();
    double pause = progress->terminal ? redraw_seconds : line_seconds;
    if (!progress->terminal && !progress->visible)
        pause = quiet_seconds;
    if (now - progress->shown >= pause)
        show(progress, now, note);
}

void progress_clear(struct progress *progress)
{
    if (progress->terminal)
        progress_make_room();
}

void progress_end(struct progress *progress)
{
    progress_clear(progress);
    progress->visible = false;
}

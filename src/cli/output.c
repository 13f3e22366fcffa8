/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * When standard output cannot be written (a full disk, a reader that went
 * away), long work is cancelled at the next flush and output_finish says why.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/base/text.h"
#include "src/cli/cli_int.h"

static bool as_json;
static int write_errno; /* of the first failed write to standard output */

void output_set_json(bool json)
{
    as_json = json;
}

bool output_is_json(void)
{
    return as_json;
}

/* What is printed goes out at once: somebody waits for events and tokens. */
static void flush_output(void)
{
    bool failed = fflush(stdout) != 0;
    if (failed && write_errno == 0)
        write_errno = errno;
    if (failed)
        atomic_store(&cli_cancel, true);
}

static void print_bytes(const char *bytes, size_t len)
{
    progress_make_room();
    (void)fwrite(bytes, 1, len, stdout);
    flush_output();
}

void output_print(struct buf *text)
{
    print_bytes(text->data ? text->data : "", text->len);
    buf_free(text);
}

void cli_print_json(json_t *value, bool indented)
{
    struct buf text = {0};
    json_print(&text, value, indented);
    json_decref(value);
    buf_add(&text, "\n", 1);
    output_print(&text);
}

/* Line feeds stay what they are: they are no danger, and texts have lines. */
static void print_visible(const char *text, size_t len)
{
    struct buf shown = {0};
    for (size_t i = 0; i < len;) {
        const char *end = memchr(text + i, '\n', len - i);
        size_t line_len = end ? (size_t)(end - (text + i)) : len - i;
        text_visible(&shown, text + i, line_len);
        i += line_len;
        if (end) {
            buf_add(&shown, "\n", 1);
            i++;
        }
    }
    output_print(&shown);
}

void cli_print_text(const char *text, size_t len)
{
    if (isatty(STDOUT_FILENO))
        print_visible(text, len);
    else
        print_bytes(text, len);
}

/* One JSON object and a newline on standard error; frees it. */
static void print_json_error(json_t *value)
{
    struct buf text = {0};
    json_print(&text, value, false);
    json_decref(value);
    (void)fprintf(stderr, "%s\n", text.data);
    buf_free(&text);
}

void cli_warn(const char *format, ...)
{
    struct buf text = {0};
    char message[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (len < 0)
        return;
    text_visible(&text, message, strlen(message));
    progress_make_room();
    if (as_json)
        print_json_error(json_pack("{s:{s:s}}", "warning", "message", text.data));
    else
        (void)fprintf(stderr, "bankai: warning: %s\n", text.data);
    buf_free(&text);
}

static json_t *text_or_null(const char *text)
{
    return *text ? json_text(text, strlen(text)) : json_null();
}

void output_print_error(const struct err *err, const char *hint)
{
    if (err->code == ERR_CANCELLED && write_errno != 0)
        return; /* by flush_output; output_finish tells why */
    progress_make_room();
    (void)fflush(stdout); /* what was said before the failure comes before it */
    if (as_json) {
        print_json_error(json_pack("{s:{s:s, s:o, s:o, s:o}}", "error", "code",
                                   err_code_name(err->code), "message",
                                   json_text(err->message, strlen(err->message)), "file",
                                   text_or_null(err->file), "where", text_or_null(err->where)));
        return;
    }
    (void)fprintf(stderr, "bankai: %s%s%s%s%s\n", err->file, *err->file ? ": " : "", err->where,
                  *err->where ? ": " : "", err->message);
    if (hint)
        (void)fprintf(stderr, "%s\n", hint);
}

/* Did the reader of standard output go away?  An earlier write may have failed
 * inside printf, where its errno was lost. */
static bool reader_gone(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return write_errno == EPIPE || (poll(&output, 1, 0) == 1 && (output.revents & POLLERR));
}

int output_finish(int status)
{
    bool failed = ferror(stdout) != 0;
    flush_output();
    if (!failed && write_errno == 0)
        return status;
    if (reader_gone())
        return EXIT_READER_GONE;
    struct err err = {0};
    (void)err_set(&err, ERR_IO, "cannot write: %s",
                  write_errno ? strerror(write_errno) : "an earlier write failed");
    (void)err_file(&err, "standard output");
    output_print_error(&err, NULL);
    return err_exit_status(err.code);
}

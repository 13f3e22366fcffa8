/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/text.h"

static void (*bug_hook)(void);
static void (*no_memory_hook)(void);
static const char no_memory[] = "bankai: out of memory\n";
static const char *no_memory_line = no_memory;

__attribute__((format(printf, 3, 0))) static void
format_visible(char *out, size_t out_size, const char *format, va_list args)
{
    char raw[512];
    int len = vsnprintf(raw, sizeof raw, format, args);
    if (len < 0)
        len = 0;
    size_t raw_len = (size_t)len < sizeof raw ? (size_t)len : sizeof raw - 1;
    text_visible_into(out, out_size, raw, raw_len); /* [E1] */
}

bool err_set(struct err *err, enum err_code code, const char *format, ...)
{
    if (!err)
        return false;
    /* The arguments may quote an older message of the same struct. */
    char message[sizeof err->message] = {0};
    va_list args;
    va_start(args, format);
    format_visible(message, sizeof message, format, args);
    va_end(args);
    *err = (struct err){.code = code};
    memcpy(err->message, message, sizeof message);
    return false;
}

bool err_where(struct err *err, const char *format, ...)
{
    if (!err)
        return false;
    char where[sizeof err->where] = {0}; /* the arguments may quote the old place */
    va_list args;
    va_start(args, format);
    format_visible(where, sizeof where, format, args);
    va_end(args);
    memcpy(err->where, where, sizeof where);
    return false;
}

bool err_file(struct err *err, const char *path)
{
    if (err && err->file[0] == '\0')
        text_visible_into(err->file, sizeof err->file, path, strlen(path));
    return false;
}

const char *err_code_name(enum err_code code)
{
    switch (code) {
    case ERR_NONE: return "none";
    case ERR_USAGE: return "usage";
    case ERR_FORMAT: return "format";
    case ERR_UNSUPPORTED: return "unsupported";
    case ERR_RANGE: return "range";
    case ERR_MISMATCH: return "mismatch";
    case ERR_NUMERIC: return "numeric";
    case ERR_IO: return "io";
    case ERR_MEMORY: return "memory";
    case ERR_CANCELLED: return "cancelled";
    }
    return "unknown";
}

int err_exit_status(enum err_code code)
{
    switch (code) {
    case ERR_NONE: return 0;
    case ERR_USAGE:
    case ERR_FORMAT:
    case ERR_UNSUPPORTED:
    case ERR_RANGE:
    case ERR_MISMATCH:
    case ERR_NUMERIC: return 2;
    case ERR_IO:
    case ERR_MEMORY: return 3;
    case ERR_CANCELLED: return 130;
    }
    return 3;
}

void err_set_no_memory_line(const char *line)
{
    no_memory_line = line ? line : no_memory;
}

void err_at_no_memory(void (*hook)(void))
{
    no_memory_hook = hook;
}

/* Without what libraries do at exit: other threads are still at work in them. */
void err_no_memory(void)
{
    if (bug_hook)
        bug_hook();
    if (no_memory_hook)
        no_memory_hook();
    (void)fflush(stdout); /* what was printed was printed */
    ssize_t put = write(STDERR_FILENO, no_memory_line, strlen(no_memory_line));
    (void)put; /* nothing is left to be done about it */
    _exit(err_exit_status(ERR_MEMORY));
}

void bug_set_hook(void (*hook)(void))
{
    bug_hook = hook;
}

void bug_fail(const char *file, int line, const char *condition)
{
    if (bug_hook)
        bug_hook();
    fprintf(stderr, "bankai: internal error at %s:%d: %s\n", file, line, condition);
    abort();
}

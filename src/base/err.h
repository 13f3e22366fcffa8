/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/err.h - what went wrong, in one clear line.
 *
 * What can fail because of the world returns false (or NULL) and takes a
 * `struct err *` last.  The message is lower case and names the thing, the
 * value found and the value expected.
 *
 * [E1] every text in a struct err is valid UTF-8 without control characters,
 *      whatever file or model it quotes: it may go to a terminal as it is.
 * [E2] err_set returns false, so that failures read `return err_set(err, ...)`.
 */
#ifndef SRC_BASE_ERR_H
#define SRC_BASE_ERR_H

#include <stdbool.h>

enum err_code {
    ERR_NONE,
    ERR_USAGE,       /* command line: unknown option, bad value */
    ERR_FORMAT,      /* a file is not what its format says */
    ERR_UNSUPPORTED, /* a good file of a kind that is not handled */
    ERR_RANGE,       /* a value is outside its range */
    ERR_MISMATCH,    /* two good things do not belong together */
    ERR_NUMERIC,     /* a number of the model is not finite */
    ERR_IO,          /* a file cannot be opened, read or written */
    ERR_MEMORY,      /* the machine has no memory for this */
    ERR_CANCELLED,   /* somebody asked to stop */
};

struct err {
    enum err_code code;
    char file[256];    /* file concerned, or "" */
    char where[128];   /* place in it: "byte 24", "line 3, column 7", "flips[4].row", or "" */
    char message[384]; /* without file and place */
};

/* Record a failure; always returns false [E2]. */
bool err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The place of the failure inside its file; returns false as err_set does. */
bool err_where(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The file concerned, unless one is named already; returns false. */
bool err_file(struct err *err, const char *path);

/* Name for programs: "format", "io", ... */
const char *err_code_name(enum err_code code);

/* Exit status of the program: 2 bad input, 3 the machine, 130 interrupted. */
int err_exit_status(enum err_code code);

/* The program ends, for want of memory that nobody can do without: the hook below is
 * called, the line printed, and the exit status is that of ERR_MEMORY.  Any thread may
 * call it; needs no memory. */
_Noreturn void err_no_memory(void);
/* One function that is called then, too, to clear away what is unfinished. */
void err_at_no_memory(void (*hook)(void));
/* That line, with its line feed; borrowed for good.  NULL: "bankai: out of memory". */
void err_set_no_memory_line(const char *line);

/* A failure that can only be our own fault.  The hook (set once by main) may
 * restore the terminal; then the program aborts. */
void bug_set_hook(void (*hook)(void));
_Noreturn void bug_fail(const char *file, int line, const char *condition);
#define BUG_ON(condition) ((condition) ? bug_fail(__FILE__, __LINE__, #condition) : (void)0)

#endif

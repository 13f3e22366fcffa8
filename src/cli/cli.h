/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/cli/cli.h - subcommands, their options and their output.
 *
 * One subcommand is one file src/cmd_NAME.c that defines one `struct command`;
 * src/commands.c lists them.  The option table feeds parsing, --help and the tests.
 *
 * [L1] standard output carries results only; progress, warnings and errors go
 *      to standard error.
 * [L2] with --json standard output is JSON and nothing else, and a failure is
 *      one {"error": {...}} object, the last line of standard error.
 * [L3] exit status: 0 done, 1 done but the answer is "no", 2 bad input, 3 the
 *      machine, 130 interrupted, 141 the reader of standard output went away
 *      (cli_cancel is set then, so that long work ends).
 */
#ifndef SRC_CLI_CLI_H
#define SRC_CLI_CLI_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "src/base/err.h"

enum { EXIT_DONE = 0, EXIT_NO = 1 };

struct option_spec {
    const char *name;     /* long name without dashes */
    char letter;          /* short name, or 0 */
    const char *argument; /* name of its argument in the help, or NULL for a switch */
    const char *help;
};

/* What was given on the command line, options in any order, "--" ends them. */
struct arguments;

struct command {
    const char *name;
    const char *synopsis; /* "MODEL -p PROMPT [-n N]": without program and name */
    const char *summary;  /* one line */
    const char *details;  /* more for --help, or NULL */
    const struct option_spec *options; /* ended by a NULL name; common ones are added */
    int positional_min;   /* MODEL counts here; -m MODEL stands in for the first */
    int positional_max;
    bool takes_model;     /* first positional is MODEL, so that -m may replace it */
    int (*run)(struct arguments *arguments, struct err *err);
};

/* run() returns an exit status; when it fails it fills err and returns
 * cli_fail(err), and main prints the error. */
int cli_fail(const struct err *err);

/* Common to all: --help, --json, --threads N; with takes_model also -m MODEL. */
bool arguments_json(const struct arguments *arguments);
int arguments_threads(const struct arguments *arguments); /* 0: not given */

const char *arguments_positional(const struct arguments *arguments, int index); /* or NULL */
int arguments_positional_count(const struct arguments *arguments);

/* Last value of an option, or fallback; has() for switches. */
bool arguments_has(const struct arguments *arguments, const char *name);
const char *arguments_text(const struct arguments *arguments, const char *name,
                           const char *fallback);
/* The index-th value of an option that may be repeated, or NULL. */
const char *arguments_each(const struct arguments *arguments, const char *name, int index);

/* Numbers with their range; a value outside is ERR_USAGE that names both. */
bool arguments_int(const struct arguments *arguments, const char *name, int64_t min, int64_t max,
                   int64_t fallback, int64_t *out, struct err *err);
bool arguments_double(const struct arguments *arguments, const char *name, double min, double max,
                      double fallback, double *out, struct err *err);

/* Set by SIGINT and SIGTERM; long work looks at it. */
extern cancel_flag cli_cancel;

/* Print one JSON value and a newline on standard output, and free it. */
void cli_print_json(json_t *value, bool indented);

/* Print text on standard output; control characters are made visible when it
 * is a terminal (line feeds stay line feeds), raw bytes go to a pipe or file. */
void cli_print_text(const char *text, size_t len);

/* A line on standard error: "bankai: warning: ...", with --json
 * {"warning": {"message": ...}}. */
void cli_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- progress: on standard error ----------------------------------------- */

/* On a terminal one line that is rewritten in place at most 10 times a second
 * (bar, count, rate, time left) and removed at the end; elsewhere plain lines,
 * at most one every 5 seconds, none at all for work under a second. */
struct progress {
    const char *what;
    uint64_t total; /* 0: not known */
    uint64_t done;
    uint64_t before; /* of done: what was there at the start, no work of this run */
    double started; /* clock_seconds */
    double shown;
    bool terminal;
    bool visible;
};

void progress_start(struct progress *progress, const char *what, uint64_t total);
/* So much of it was done before: rate and time left are those of what comes. */
void progress_skip(struct progress *progress, uint64_t before);
/* note is shown behind the numbers, may be NULL */
void progress_update(struct progress *progress, uint64_t done, const char *note);
/* Take the line away so that something can be printed. */
void progress_clear(struct progress *progress);
void progress_end(struct progress *progress);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/cli/run.h - run bankai as a person or a script does, and look at what
 * came out.
 *
 * The program is $BANKAI, or build/bankai.  It sees a small environment of its
 * own: HOME and the XDG folders lie in a temporary folder that this test
 * program made and removes at its end, LC_ALL is C.UTF-8, TERM is
 * xterm-256color.  Standard input is empty unless given.
 *
 *     static void info__nano__says_shape(void **state)
 *     {
 *         (void)state;
 *         struct run *run = run_ok("info", "nano", "--json", NULL);
 *         json_t *info = run_json(run);
 *         assert_int_equal(json_integer_value(json_object_get(info, "layers")), 6);
 *         json_decref(info);
 *         run_free(run);
 *     }
 *
 *     run_refused("usage", "unknown option --foo", "info", "nano", "--foo", NULL);
 *
 * Checks that fail end the test (cmocka) after printing command and output.
 */
#ifndef TESTS_CLI_RUN_H
#define TESTS_CLI_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "src/base/buf.h"

enum { RUN_WORDS_MAX = 64 }; /* of a command line */

/* Words of the published search, which is not what `search` does unasked. */
#define GREEDY "--method", "greedy"

struct run_options {
    const char *input; /* bytes for standard input, or NULL */
    size_t input_len;
    const char *const *environment; /* "NAME=value" to add or replace, ended by NULL; or NULL */
    double timeout_s;               /* 0: 120; then it is killed and timed_out is set */
    const char *interrupt_after;    /* send a signal once this text appeared; "": after 0.3 s */
    int interrupt_signal;           /* 0: SIGINT */
    bool out_terminal;              /* standard output is a terminal (raw: \n stays \n) */
    bool err_terminal;              /* standard error is one */
    unsigned short columns;         /* of the terminals; 0: 80 */
    const char *out_path;           /* standard output goes to this file ("/dev/full") */
    bool out_closed;                /* nobody reads standard output */
};

struct run {
    char *line;     /* the command line, for messages */
    struct buf out; /* standard output, always terminated */
    struct buf err; /* standard error, always terminated */
    int status;     /* exit status, or 128 + killed_by */
    int killed_by;  /* signal that ended it, or 0 */
    bool timed_out;
    double seconds;
};

/* ---- running; words end with NULL, the caller frees the run --------------- */

struct run *run_bankai(const struct run_options *options, ...) __attribute__((sentinel));
/* The same from an array that ends with NULL. */
struct run *run_bankai_words(const struct run_options *options, const char *const *words);

/* Run without options and require exit status 0. */
struct run *run_ok(const char *word, ...) __attribute__((sentinel));

/* Run with --json added and require a refusal: exit status 2, nothing on
 * standard output, an error object of this code whose message, with file and
 * where ("FILE: WHERE: message"), contains the text. */
void run_refused(const char *code, const char *text, ...) __attribute__((sentinel));

/* ---- looking -------------------------------------------------------------- */

/* It ended by itself with this status. */
void run_expect_status(const struct run *run, int status);
void run_expect_out(const struct run *run, const char *text); /* contains */
void run_expect_err(const struct run *run, const char *text); /* contains */

/* All of standard output as one JSON value; the caller owns it. */
json_t *run_json(const struct run *run);
/* The same of an output with one value on each line, as an array. */
json_t *run_json_lines(const struct run *run);
/* The "error" object on the last line of standard error. */
json_t *run_json_error(const struct run *run);

void run_free(struct run *run);

/* ---- files ---------------------------------------------------------------- */

/* Path of a file in the temporary folder (which is also where bankai runs are
 * at home); valid until the test program ends. */
const char *run_path(const char *name);
/* Write such a file and return its path. */
const char *run_write(const char *name, const void *bytes, size_t len);
const char *run_write_text(const char *name, const char *text);

#endif

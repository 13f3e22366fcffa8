/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/script.h - the workbench driven by a file: `:source FILE` and --script FILE.
 *
 * A line is a command line (ui/command.h), or one of
 *
 *     wait idle        until the worker has nothing to do and all it said is shown
 *     wait N ms        for a while
 *     key KEYS         as if typed: key jj<Enter> (blanks between keys mean nothing)
 *     resize COLSxROWS another size of the screen (only without a terminal)
 *
 * Empty lines and lines that begin with '#' do nothing.  The first line that
 * fails ends the script; one that begins with '-' may fail.
 */
#ifndef UI_SCRIPT_H
#define UI_SCRIPT_H

#include "ui/app.h"

/* Run a file's lines next; scripts may nest to a depth of 8.  This is what the
 * command `source` calls. */
bool script_push(const char *path, struct err *err);

/* Forget all scripts. */
void script_stop(void);

bool script_is_running(void);

/* What a script needs of the loop. */
struct script_host {
    struct app *app;
    bool idle;     /* the worker is, and all its events were taken */
    bool headless; /* resize is allowed */
    void (*paint)(void *user);                       /* app->grid shows the state */
    void (*key)(void *user, key_code key);
    void (*resize)(void *user, int rows, int columns);
    void *user;
};

/* Runs lines until one has to wait or the end.  False: a line failed, err has
 * file and line; the scripts are then stopped. */
bool script_run(const struct script_host *host, struct err *err);

/* Seconds (of clock_seconds) when a `wait N ms` ends, else 0. */
double script_deadline(void);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/ui.h - the workbench: one loop over terminal, worker, signals and script.
 *
 * [U1] nothing wakes up while nothing happens, but once a second while a job
 *      whose end is not known runs.
 * [U2] a key is handled and painted at once; what the worker reports is painted
 *      at most 30 times a second.
 * [U3] whatever ends it (also SIGTERM, SIGHUP or a crash), the terminal is as it
 *      was before.
 */
#ifndef UI_UI_H
#define UI_UI_H

#include "ui/worker.h"

struct ui_options {
    struct worker_options worker;
    const char *theme;  /* see theme_load; NULL: dark */
    const char *colour; /* see term_open; NULL: auto */
    const char *script; /* see ui/script.h; NULL: none */
};

/* Runs until the person quits.  Appends what is to be said afterwards (where the
 * patch is) to said, also when it fails. */
bool ui_run(const struct ui_options *options, struct buf *said, struct err *err);

/* The same without a terminal: runs the script on a screen of this size, and
 * ends where the script ends.  A line of it that fails is an error. */
bool ui_run_headless(const struct ui_options *options, int rows, int columns, struct buf *said,
                     struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/import_int.h - reading a session from lines of JSON.
 *
 *   import.c        the new file: made beside its place, verified, put there
 *   import_lines.c  lines in their order; each becomes a row
 *   import_check.c  does a line say what may stand at its place?
 */
#ifndef SRC_SESSION_IMPORT_INT_H
#define SRC_SESSION_IMPORT_INT_H

#include "src/session/lines_int.h"

struct import {
    struct session *session;
    const char *from;         /* for messages */
    uint64_t line;            /* at hand, from 1 */
    enum line_record newest;  /* in the order of enum line_record, flips as steps and events */
    bool has_header, has_origin, ended;
    size_t parts[3];          /* targets, controls, held-out probes */
    size_t gaps_before;       /* numbers in it, or SIZE_MAX: none */
    int64_t steps;            /* newest step, -1: none */
    int64_t steps_told;       /* that events have added */
    int64_t flips;            /* of the newest step */
    int64_t events;           /* newest */
    int64_t head;             /* where the events lead */
    int64_t head_told;        /* by the first line, -1: none */
    struct err *err;
};

/* Is this the line that may come now?  Takes note of what it says.  err->where is the
 * key, if any. */
bool import_check(struct import *import, enum line_record record, const json_t *line);

/* All lines of an open file as rows, inside a transaction. */
bool import_lines(struct import *import, int fd, const struct work_progress *progress,
                  cancel_flag *cancel);

#endif

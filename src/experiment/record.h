/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/experiment/record.h - results of an experiment as they come, so that one that was
 * interrupted goes on where it stopped.
 *
 * The file is JSON lines (FORMAT.md): what is run, then one line for each unit of work.
 * A line is written and synced before its unit counts as done; a line for a unit that
 * has one already takes its place.
 *
 * [X1] a record is gone on with only by a run of the same experiment, model and
 *      settings, and by one process at a time.
 * [X2] whatever ends the process, the next one finds every line that was written; a
 *      last line that was cut short is dropped.
 * [X3] numbers are written so that they are read as the same bits.
 */
#ifndef SRC_EXPERIMENT_RECORD_H
#define SRC_EXPERIMENT_RECORD_H

#include <jansson.h>

#include "src/base/err.h"

struct record;

/* header says what is run: an object, borrowed.  path NULL: in memory only.  fresh: what
 * an earlier run left is overwritten.  A file of something else is refused. */
struct record *record_open(const char *path, const json_t *header, bool fresh, struct err *err);

/* Results that were there when the record was opened. */
size_t record_found(const struct record *record);

/* NULL if there is none yet; borrowed, valid until the unit is written again. */
const json_t *record_get(const struct record *record, const char *unit);

/* Takes the result over, also on failure. */
bool record_put(struct record *record, const char *unit, json_t *result, struct err *err);

/* The finished record is no longer needed: delete its file, if it has one. */
void record_remove(struct record *record);

void record_close(struct record *record);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/session_fixture.h - small sessions in a temporary folder.
 *
 * The folder, which is the state folder too, is made by the first call and removed at
 * the end of the program.
 */
#ifndef TESTS_SESSION_FIXTURE_H
#define TESTS_SESSION_FIXTURE_H

#include "src/session/session.h"

enum { FIXTURE_TARGETS = 2, FIXTURE_CONTROLS = 1, FIXTURE_HELDOUT = 1, FIXTURE_GAPS = 3 };

/* A path in the folder, a new one for each call; the file is not there yet. */
const char *fixture_path(const char *ending);
/* The path of a file beside: "-wal", ".lock"; the last 64 such texts are kept. */
const char *fixture_with(const char *path, const char *ending);

/* Opened; the test ends if it cannot be. */
struct session *fixture_open(const char *path, enum session_mode mode);
/* A new one with an origin. */
struct session *fixture_new(const char *path);

/* An origin with two targets, a control and a held-out probe; true if it was set. */
bool fixture_set_origin(struct session *session, struct err *err);

/* A step with one flip (row: the number), or an event, whose numbers follow from a
 * number; true if it was added.  *id may be NULL. */
bool fixture_add_step(struct session *session, uint64_t number, int64_t *id, struct err *err);
bool fixture_add_event(struct session *session, uint64_t number, struct err *err);

/* The gap that these have at a place: any bits, NAN and infinities among them. */
double fixture_gap(uint64_t number, size_t place);

/* The file is whole, or the test ends with the reasons. */
void fixture_verify(struct session *session);

/* Run SQL on a file, as a stranger with another program would. */
void fixture_sql(const char *path, const char *sql);

/* Overwrite bytes at an offset, or cut a file to a size. */
void fixture_write_at(const char *path, long offset, const void *bytes, size_t len);
void fixture_cut(const char *path, long size);
/* -1: not there. */
long fixture_size(const char *path);

#endif

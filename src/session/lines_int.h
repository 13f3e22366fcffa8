/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/lines_int.h - a session as lines of JSON (FORMAT.md): what writing
 * (dump.c) and reading (import.c) share.
 *
 * A line is a row of a table: its keys are the columns, NULL is left out.  The tables
 * below say which columns there are, in the order of the database.
 */
#ifndef SRC_SESSION_LINES_INT_H
#define SRC_SESSION_LINES_INT_H

#include "src/session/session_int.h"

#define LINES_FORMAT "bankai_session_v1"

enum {
    LINES_VERSION = 1,
    LINE_COLUMNS_MAX = 17,
};

enum line_kind {
    LINE_INT,
    LINE_TEXT,    /* a string, or {"hex": "..."} where the bytes are no text */
    LINE_REAL,    /* a number, "Infinity" or "-Infinity" */
    LINE_NUMBERS, /* an array of these and of null (NaN) */
    LINE_OBJECT,
    LINE_TEXTS,   /* an array of strings */
};

struct line_column {
    const char *name;
    enum line_kind kind;
    bool required;
    int64_t min, max; /* of an integer */
};

/* In the order in which they come in a file; steps and their flips between events. */
enum line_record {
    LINE_SESSION,
    LINE_ORIGIN,
    LINE_PROBE,
    LINE_STEP,
    LINE_STEP_FLIP,
    LINE_EVENT,
    LINE_ANSWER,
    LINE_NAME,
    LINE_KEPT,
    LINE_RECORD_COUNT,
};

struct line_table {
    const char *name;  /* of the table, and the line's `record` */
    const char *order; /* of the rows */
    const struct line_column *columns;
    size_t column_count;
};

extern const struct line_table line_tables[LINE_RECORD_COUNT];

/* A number or a list of them as JSON that any reader takes, to the bit. */
void line_print_number(struct buf *out, double value);
/* The number that a value stands for, NAN for null; false for what is none. */
bool line_number(const json_t *value, double *out);

/* Lower-case hex digits of bytes, and back: false for other texts. */
void line_print_hex(struct buf *out, const char *bytes, size_t len);
bool line_parse_hex(const char *text, struct buf *out);

#endif

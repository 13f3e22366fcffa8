/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A session as lines of JSON, one for each row.  All rows are of one state of the file,
 * also beside a writer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file_writer.h"
#include "src/base/json.h"
#include "src/session/lines_int.h"

struct dump {
    struct session *session;
    struct file_writer *writer;
    struct buf line;
    struct numbers numbers;
    uint64_t lines; /* written so far */
    struct err *err;
};

/* Rows of a table, one after the other. */
struct rows {
    const struct line_table *table;
    struct query query;
};

/* ---- one line --------------------------------------------------------------- */

static void print_text(struct buf *out, struct query *query, int column)
{
    size_t len = 0;
    const char *text = row_text(query, column, &len);
    if (query_is_plain(text, len)) {
        json_t *value = json_stringn(text, len);
        json_print(out, value, false);
        json_decref(value);
        return;
    }
    buf_add_text(out, "{\"hex\": \"");
    line_print_hex(out, text, len);
    buf_add_text(out, "\"}");
}

static void print_numbers(struct dump *dump, struct query *query, int column)
{
    (void)row_numbers(query, column, &dump->numbers);
    buf_add_text(&dump->line, "[");
    for (size_t i = 0; i < dump->numbers.count; i++) {
        if (i > 0)
            buf_add_text(&dump->line, ", ");
        line_print_number(&dump->line, dump->numbers.data[i]);
    }
    buf_add_text(&dump->line, "]");
}

static void print_json(struct buf *out, struct query *query, int column, bool array)
{
    json_t *value = array ? row_array(query, column) : row_object(query, column);
    if (value)
        json_print(out, value, false);
    json_decref(value);
}

static void print_value(struct dump *dump, struct query *query, int column, enum line_kind kind)
{
    struct buf *out = &dump->line;
    switch (kind) {
    case LINE_INT:
        buf_add_format(out, "%lld", (long long)row_int(query, column, INT64_MIN, INT64_MAX));
        break;
    case LINE_TEXT:
        print_text(out, query, column);
        break;
    case LINE_REAL:
        line_print_number(out, row_real(query, column));
        break;
    case LINE_NUMBERS:
        print_numbers(dump, query, column);
        break;
    case LINE_OBJECT:
    case LINE_TEXTS:
        print_json(out, query, column, kind == LINE_TEXTS);
        break;
    }
}

static bool put_line(struct dump *dump)
{
    buf_add_text(&dump->line, "}\n");
    bool ok = file_writer_put(dump->writer, dump->line.data, dump->line.len, dump->err);
    buf_clear(&dump->line);
    dump->lines++;
    return ok;
}

/* The row at hand, behind what is in the line already. */
static bool put_row(struct dump *dump, struct rows *rows)
{
    const struct line_table *table = rows->table;
    (void)snprintf(rows->query.place, sizeof rows->query.place, "table %s", table->name);
    if (dump->line.len == 0)
        buf_add_format(&dump->line, "{\"record\": \"%s\"", table->name);
    for (size_t i = 0; i < table->column_count; i++) {
        if (row_is_null(&rows->query, (int)i))
            continue;
        buf_add_format(&dump->line, ", \"%s\": ", table->columns[i].name);
        print_value(dump, &rows->query, (int)i, table->columns[i].kind);
    }
    return rows->query.ok && put_line(dump);
}

/* ---- tables ----------------------------------------------------------------- */

/* At the first row, if there is one. */
static struct rows open_rows(struct dump *dump, enum line_record record)
{
    const struct line_table *table = &line_tables[record];
    struct rows rows = {.table = table};
    struct buf sql = {0};
    buf_add_text(&sql, "SELECT ");
    for (size_t i = 0; i < table->column_count; i++)
        buf_add_format(&sql, "%s%s", i ? ", " : "", table->columns[i].name);
    buf_add_format(&sql, " FROM %s ORDER BY %s", table->name, table->order);
    rows.query = query_new(dump->session, sql.data, dump->err);
    (void)query_next(&rows.query);
    buf_free(&sql);
    return rows;
}

static bool put_table(struct dump *dump, enum line_record record)
{
    struct rows rows = open_rows(dump, record);
    bool ok = true;
    while (ok && rows.query.has_row) {
        ok = put_row(dump, &rows);
        (void)query_next(&rows.query);
    }
    return query_end(&rows.query) && ok;
}

static bool put_header(struct dump *dump, const char *version)
{
    json_t *text = json_text(version, strlen(version));
    buf_add_format(&dump->line, "{\"record\": \"session\", \"format\": \"" LINES_FORMAT "\","
                   " \"version\": %d, \"program\": ", LINES_VERSION);
    json_print(&dump->line, text, false);
    json_decref(text);
    return put_table(dump, LINE_SESSION);
}

/* The next step with its flips. */
static bool put_step(struct dump *dump, struct rows *steps, struct rows *flips)
{
    int64_t id = row_int(&steps->query, 0, 0, INT64_MAX);
    bool ok = put_row(dump, steps);
    (void)query_next(&steps->query);
    while (ok && flips->query.has_row && row_int(&flips->query, 0, 0, INT64_MAX) == id) {
        ok = put_row(dump, flips);
        (void)query_next(&flips->query);
    }
    return ok;
}

static bool is_cancelled(cancel_flag *cancel, struct err *err)
{
    return cancel && atomic_load(cancel) && !err_set(err, ERR_CANCELLED, "interrupted");
}

enum { EVENT_KIND_COLUMN = 2 };

/* Each step stands before the event that adds it, the root before all. */
static bool put_journal(struct dump *dump, struct rows *steps, struct rows *flips,
                        const struct work_progress *progress, cancel_flag *cancel)
{
    struct rows events = open_rows(dump, LINE_EVENT);
    bool ok = !steps->query.has_row || put_step(dump, steps, flips);
    for (size_t done = 1; ok && events.query.has_row; done++) {
        const char *kind = row_text(&events.query, EVENT_KIND_COLUMN, NULL);
        if (strcmp(kind, session_kind_name(EVENT_KIND_STEP)) == 0 && steps->query.has_row)
            ok = put_step(dump, steps, flips);
        ok = ok && put_row(dump, &events) && !is_cancelled(cancel, dump->err);
        if (progress && done % 256 == 0)
            progress->report(progress->user, done, (size_t)dump->session->now.events);
        (void)query_next(&events.query);
    }
    return query_end(&events.query) && ok;
}

static bool put_steps(struct dump *dump, const struct work_progress *progress,
                      cancel_flag *cancel)
{
    struct rows steps = open_rows(dump, LINE_STEP), flips = open_rows(dump, LINE_STEP_FLIP);
    bool ok = put_journal(dump, &steps, &flips, progress, cancel);
    bool all = !steps.query.has_row && !flips.query.has_row;
    ok = query_end(&steps.query) && ok;
    ok = query_end(&flips.query) && ok;
    return ok && (all || err_set(dump->err, ERR_FORMAT, "has steps that no event adds; session "
                                 "verify says more"));
}

static bool put_all(struct dump *dump, const char *version, const struct work_progress *progress,
                    cancel_flag *cancel)
{
    bool ok = put_header(dump, version) && put_table(dump, LINE_ORIGIN) &&
              put_table(dump, LINE_PROBE) && put_steps(dump, progress, cancel) &&
              put_table(dump, LINE_ANSWER) && put_table(dump, LINE_NAME) &&
              put_table(dump, LINE_KEPT);
    buf_add_format(&dump->line, "{\"record\": \"end\", \"lines\": %llu",
                   (unsigned long long)dump->lines);
    return ok && put_line(dump);
}

bool session_dump(struct session *session, const char *path, const char *program_version,
                  const struct work_progress *progress, cancel_flag *cancel, struct err *err)
{
    struct dump dump = {.session = session, .err = err};
    dump.writer = file_writer_open(path, err);
    if (!dump.writer)
        return false;
    bool ok = session_hold(session, err) && session_load(session, err) &&
              put_all(&dump, program_version, progress, cancel);
    session_release(session);
    if (ok) {
        ok = file_writer_commit(dump.writer, err);
    } else {
        (void)err_file(err, session->path); /* unless it was the other file */
        file_writer_abandon(dump.writer);
    }
    buf_free(&dump.line);
    numbers_free(&dump.numbers);
    return ok;
}

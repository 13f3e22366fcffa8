/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Statements.  A session file may come from anybody: every value that is read is
 * proved to be of its kind and range, and every refusal names row and column.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/text.h"
#include "src/session/session_int.h"

static const char *const statements[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_STATE] = "SELECT id, coalesce(head, 0) AS head, (SELECT coalesce(max(id), 0) FROM step)"
                  " AS steps, (SELECT coalesce(max(seq), 0) FROM event) AS events,"
                  " (SELECT count(*) FROM origin) AS origins"
                  " FROM session",
    [SQL_TRIED] = "SELECT coalesce((SELECT number FROM event WHERE kind = 'tried'"
                  " ORDER BY seq DESC LIMIT 1), 0),"
                  " (SELECT count(*) FROM event WHERE kind = 'tried' AND screened = 1)",
    [SQL_SET_HEAD] = "UPDATE session SET head = ?",
    [SQL_ADD_EVENT] = "INSERT INTO event VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_ADD_STEP] = "INSERT INTO step VALUES(?, ?, NULL, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_ADD_FLIP] = "INSERT INTO step_flip VALUES(?, ?, ?, ?, ?, ?, ?)",
    [SQL_SET_REDO] = "UPDATE step SET redo = ? WHERE id = ?",
    [SQL_GET_STEP] = "SELECT parent, redo, made_by, tried, screened, time_ms, fitness, gaps, note"
                     " FROM step WHERE id = ?",
    [SQL_GET_FLIPS] = "SELECT n, layer, proj, row, grp, mask FROM step_flip WHERE step = ?"
                      " ORDER BY n",
    [SQL_GET_PARENT] = "SELECT parent, redo FROM step WHERE id = ?",
    [SQL_ADD_ANSWER] = "INSERT OR REPLACE INTO answer VALUES(?, ?, ?, ?)",
    [SQL_SET_NAME] = "INSERT OR REPLACE INTO name VALUES(?, ?)",
    [SQL_GET_NAME] = "SELECT step FROM name WHERE name = ?",
    [SQL_PUT] = "INSERT OR REPLACE INTO kept VALUES(?, ?)",
    [SQL_GET] = "SELECT value FROM kept WHERE key = ?",
};

/* ---- failures --------------------------------------------------------------- */

static bool is_full(const struct session *session, int code)
{
    int system = session->db ? sqlite3_system_errno(session->db) : 0;
    return (code & 0xFF) == SQLITE_FULL ||
           ((code & 0xFF) == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT));
}

static bool fail_to_open(const struct session *session, struct err *err)
{
    int system = session->db ? sqlite3_system_errno(session->db) : 0;
    enum err_code code = system == ENOENT ? ERR_USAGE : ERR_IO;
    return err_set(err, code, "cannot open: %s", system ? strerror(system) : "unknown reason");
}

bool session_fail(struct session *session, int code, struct err *err)
{
    session->last_code = code;
    const char *said = session->db ? sqlite3_errmsg(session->db) : sqlite3_errstr(code);
    int system = session->db ? sqlite3_system_errno(session->db) : 0;
    if (is_full(session, code))
        return err_set(err, ERR_IO, "cannot write: no space left on the disk");
    if (code == SQLITE_IOERR_NOMEM || (code & 0xFF) == SQLITE_NOMEM)
        return err_set(err, ERR_MEMORY, "not enough memory for the session");
    switch (code & 0xFF) {
    case SQLITE_NOTADB:
        return err_set(err, ERR_FORMAT, "is no SQLite file, expected a session");
    case SQLITE_CORRUPT:
        return err_set(err, ERR_FORMAT, "is damaged: %s", said);
    case SQLITE_CANTOPEN:
        return fail_to_open(session, err);
    case SQLITE_READONLY:
        return err_set(err, ERR_IO, "cannot be written to; use -R to look at it");
    case SQLITE_BUSY:
        return err_set(err, ERR_IO, "is being written to by another program");
    case SQLITE_CONSTRAINT:
        return err_set(err, ERR_MISMATCH, "does not fit what the session holds: %s", said);
    case SQLITE_IOERR:
        return err_set(err, ERR_IO, "cannot read or write: %s",
                       system ? strerror(system) : sqlite3_errstr(code));
    default:
        return err_set(err, ERR_IO, "cannot be used: %s", said);
    }
}

static void fail(struct query *query, int code)
{
    if (query->ok)
        (void)session_fail(query->session, code, query->err);
    query->ok = false;
}

bool session_exec(struct session *session, const char *sql, struct err *err)
{
    int code = sqlite3_exec(session->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || session_fail(session, code, err);
}

/* ---- statements ------------------------------------------------------------- */

struct query query_use(struct session *session, enum session_sql which, struct err *err)
{
    struct query query = {.session = session, .err = err, .ok = true};
    sqlite3_stmt **kept = &session->statements[which];
    int code = SQLITE_OK;
    if (!*kept)
        code = sqlite3_prepare_v3(session->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
                                  kept, NULL);
    query.stmt = *kept;
    if (code != SQLITE_OK)
        fail(&query, code);
    return query;
}

struct query query_new(struct session *session, const char *sql, struct err *err)
{
    struct query query = {.session = session, .err = err, .ok = true, .owned = true};
    int code = sqlite3_prepare_v2(session->db, sql, -1, &query.stmt, NULL);
    if (code != SQLITE_OK)
        fail(&query, code);
    return query;
}

static void bound(struct query *query, int code)
{
    if (code != SQLITE_OK)
        fail(query, code);
}

void query_int(struct query *query, int64_t value)
{
    if (query->ok)
        bound(query, sqlite3_bind_int64(query->stmt, ++query->bound, value));
}

void query_count(struct query *query, uint64_t value)
{
    BUG_ON(value > INT64_MAX);
    query_int(query, (int64_t)value);
}

void query_real(struct query *query, double value)
{
    if (query->ok)
        bound(query, sqlite3_bind_double(query->stmt, ++query->bound, value));
}

void query_null(struct query *query)
{
    if (query->ok)
        bound(query, sqlite3_bind_null(query->stmt, ++query->bound));
}

bool query_is_plain(const char *text, size_t len)
{
    uint32_t point;
    for (size_t at = 0; at < len;) {
        size_t step = text_decode(text + at, len - at, &point);
        if (step == 0 || point == 0)
            return false;
        at += step;
    }
    return true;
}

void query_bytes(struct query *query, const char *text, size_t len)
{
    if (!query->ok)
        return;
    query->bound++;
    if (query_is_plain(text, len))
        bound(query, sqlite3_bind_text64(query->stmt, query->bound, text, len, SQLITE_STATIC,
                                         SQLITE_UTF8));
    else
        bound(query, sqlite3_bind_blob64(query->stmt, query->bound, text, len, SQLITE_STATIC));
}

void query_text(struct query *query, const char *text)
{
    if (text)
        query_bytes(query, text, strlen(text));
    else
        query_null(query);
}

bool query_next(struct query *query)
{
    query->has_row = false;
    if (!query->ok)
        return false;
    int code = sqlite3_step(query->stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        fail(query, code);
    query->has_row = code == SQLITE_ROW;
    return query->has_row;
}

bool query_end(struct query *query)
{
    if (query->owned) {
        (void)sqlite3_finalize(query->stmt);
    } else if (query->stmt) {
        (void)sqlite3_reset(query->stmt);
        (void)sqlite3_clear_bindings(query->stmt);
    }
    query->stmt = NULL;
    query->has_row = false;
    return query->ok;
}

bool query_run(struct query *query)
{
    while (query_next(query))
        ;
    return query_end(query);
}

/* ---- rows ------------------------------------------------------------------- */

static const char *kind_in_words(int type)
{
    switch (type) {
    case SQLITE_INTEGER: return "an integer";
    case SQLITE_FLOAT: return "a fraction";
    case SQLITE_TEXT: return "a text";
    case SQLITE_BLOB: return "a blob";
    default: return "NULL";
    }
}

bool row_refuse(struct query *query, int column, const char *expected)
{
    if (!query->ok)
        return false;
    query->ok = false;
    int type = sqlite3_column_type(query->stmt, column);
    const char *name = sqlite3_column_name(query->stmt, column);
    const char *found = NULL;
    if (type != SQLITE_NULL)
        found = (const char *)sqlite3_column_text(query->stmt, column);
    if (found)
        (void)err_set(query->err, ERR_FORMAT, "is %s (%.60s), expected %s", kind_in_words(type),
                      found, expected);
    else
        (void)err_set(query->err, ERR_FORMAT, "is %s, expected %s", kind_in_words(type), expected);
    return err_where(query->err, "%s%s%s", query->place, query->place[0] ? ", " : "",
                     name ? name : "");
}

bool row_is_null(const struct query *query, int column)
{
    return !query->ok || sqlite3_column_type(query->stmt, column) == SQLITE_NULL;
}

int64_t row_int(struct query *query, int column, int64_t min, int64_t max)
{
    if (!query->ok)
        return min;
    int64_t value = sqlite3_column_int64(query->stmt, column);
    if (sqlite3_column_type(query->stmt, column) == SQLITE_INTEGER && value >= min && value <= max)
        return value;
    char expected[80];
    if (max == INT64_MAX)
        (void)snprintf(expected, sizeof expected, "an integer from %lld", (long long)min);
    else
        (void)snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)min,
                       (long long)max);
    (void)row_refuse(query, column, expected);
    return min;
}

bool row_bool(struct query *query, int column)
{
    return row_int(query, column, 0, 1) != 0;
}

double row_real(struct query *query, int column)
{
    if (row_is_null(query, column))
        return (double)NAN;
    int type = sqlite3_column_type(query->stmt, column);
    if (type == SQLITE_FLOAT || type == SQLITE_INTEGER)
        return sqlite3_column_double(query->stmt, column);
    (void)row_refuse(query, column, "a number or NULL");
    return (double)NAN;
}

const char *row_text(struct query *query, int column, size_t *len)
{
    if (len)
        *len = 0;
    if (!query->ok)
        return "";
    int type = sqlite3_column_type(query->stmt, column);
    if (type != SQLITE_TEXT && type != SQLITE_BLOB) {
        (void)row_refuse(query, column, "a text");
        return "";
    }
    /* SQLite puts a zero byte behind blobs too when they are asked for as text. */
    const char *text = (const char *)sqlite3_column_text(query->stmt, column);
    size_t bytes = (size_t)sqlite3_column_bytes(query->stmt, column);
    if (!text && sqlite3_errcode(query->session->db) == SQLITE_NOMEM)
        fail(query, SQLITE_NOMEM);
    if (len && text)
        *len = bytes;
    return text ? text : ""; /* an empty blob is no memory at all */
}

const char *row_text_or_null(struct query *query, int column)
{
    return row_is_null(query, column) ? NULL : row_text(query, column, NULL);
}

static json_t *row_json(struct query *query, int column, json_type type, const char *expected)
{
    if (row_is_null(query, column))
        return NULL;
    size_t len = 0;
    const char *text = row_text(query, column, &len);
    json_t *value = query->ok ? json_parse(text, len, NULL, NULL) : NULL;
    if (value && json_typeof(value) == type)
        return value;
    json_decref(value);
    (void)row_refuse(query, column, expected);
    return NULL;
}

json_t *row_object(struct query *query, int column)
{
    return row_json(query, column, JSON_OBJECT, "a JSON object");
}

json_t *row_array(struct query *query, int column)
{
    return row_json(query, column, JSON_ARRAY, "a JSON array");
}

/* ---- transactions ----------------------------------------------------------- */

static void roll_back(struct session *session)
{
    struct query query = query_use(session, SQL_ROLLBACK, NULL);
    (void)query_run(&query);
}

bool session_hold(struct session *session, struct err *err)
{
    if (!sqlite3_get_autocommit(session->db))
        roll_back(session); /* as in session_begin */
    struct query back = query_use(session, SQL_ROLLBACK, err);
    return (back.ok && session_exec(session, "BEGIN", err)) || err_file(err, session->path);
}

void session_release(struct session *session)
{
    if (!sqlite3_get_autocommit(session->db))
        roll_back(session); /* nothing was written */
}

bool session_begin(struct session *session, bool to_disk, struct err *err)
{
    if (session->mode != SESSION_WRITE)
        return err_set(err, ERR_USAGE, "is open for looking only (-R)");
    if (!session_in_place(session, err))
        return false;
    if (!sqlite3_get_autocommit(session->db))
        roll_back(session); /* an earlier one could not be, for want of memory */
    /* The level is set when the text is read, so that this is no prepared statement. */
    if (to_disk && !session_exec(session, "PRAGMA synchronous = FULL", err))
        return false;
    session->to_disk = to_disk;
    session->before = session->now;
    /* Its way back is prepared first: it must not fail for want of memory. */
    struct query back = query_use(session, SQL_ROLLBACK, err);
    struct query begin = query_use(session, SQL_BEGIN, err);
    if (back.ok && query_run(&begin))
        return true;
    (void)session_end(session, false, err);
    return false;
}

bool session_end(struct session *session, bool ok, struct err *err)
{
    if (ok) {
        struct query commit = query_use(session, SQL_COMMIT, err);
        ok = query_run(&commit);
    }
    if (!ok && !sqlite3_get_autocommit(session->db))
        roll_back(session);
    if (!ok)
        session->now = session->before;
    /* Should this fail, the next writes are slower and no less safe. */
    if (session->to_disk)
        (void)session_exec(session, "PRAGMA synchronous = NORMAL", NULL);
    session->to_disk = false;
    return ok || err_file(err, session->path);
}

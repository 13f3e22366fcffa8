/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Opening and closing.
 *
 * A reader opens the file for writing too, where it may, and then promises not to
 * (query_only): only so SQLite can clean up the -wal and -shm files when the reader is
 * the last to leave.  Where folder or file are read-only and no -wal file is left to be
 * read, it opens the file as one that nobody changes (immutable).
 *
 * The database file is never opened by ourselves: closing it would drop the locks that
 * SQLite holds on it (POSIX locks belong to the process).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/search/train_file.h"
#include "src/base/num.h"
#include "src/session/session_int.h"

enum { BUSY_MS = 2000, TEXT_BYTES_MAX = 1 << 28 };

static const int64_t count_max = (int64_t)1 << 53; /* of steps and of events */

int64_t session_clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- whose file is it? ------------------------------------------------------ */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool check_in_place(const char *path, const struct stat *was, const char *what,
                           struct err *err)
{
    struct stat is;
    if (stat(path, &is) != 0)
        (void)err_set(err, ERR_IO, "%s was deleted or moved while it was open; nothing more is "
                      "written, what is on the screen can be saved as a patch", what);
    else if (!same_file(&is, was))
        (void)err_set(err, ERR_IO, "%s was replaced by another file while it was open; nothing "
                      "more is written, what is on the screen can be saved as a patch", what);
    else
        return true;
    return err_file(err, path);
}

/* Both files: what is committed to a -wal file without a name is lost at the end. */
bool session_in_place(struct session *session, struct err *err)
{
    if (!check_in_place(session->real_path, &session->file, "the session", err))
        return false;
    if (session->wal.st_ino == 0)
        (void)stat(session->wal_path, &session->wal); /* it comes with the first write */
    return session->wal.st_ino == 0 ||
           check_in_place(session->wal_path, &session->wal, "the session's -wal file", err);
}

/* ---- opening the database --------------------------------------------------- */

/* "file:/a%20b?immutable=1" */
static void add_immutable_uri(struct buf *out, const char *path)
{
    buf_add_text(out, "file:");
    for (; *path; path++) {
        if (strchr("%?#", *path))
            buf_add_format(out, "%%%02x", (unsigned char)*path);
        else
            buf_add(out, path, 1);
    }
    buf_add_text(out, "?immutable=1");
}

/* Nothing in the file may do more than hold data. */
static bool make_safe(struct session *session, struct err *err)
{
    static const char text[] =
        "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON;"
        " PRAGMA mmap_size = 0; PRAGMA synchronous = NORMAL";
    sqlite3 *db = session->db;
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, BUSY_MS);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, TEXT_BYTES_MAX);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    return session_exec(session, text, err) &&
           (session->mode == SESSION_WRITE ||
            session_exec(session, "PRAGMA query_only = ON", err));
}

bool session_connect(struct session *session, bool immutable, struct err *err)
{
    struct buf name = {0};
    int flags = SQLITE_OPEN_NOMUTEX | (immutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                                                 : SQLITE_OPEN_READWRITE);
    if (session->mode == SESSION_WRITE)
        flags |= SQLITE_OPEN_CREATE;
    /* No name is anything but a file's: neither ":memory:" nor "file:". */
    struct buf path = {0};
    buf_add_format(&path, "%s%s", session->path[0] == '/' ? "" : "./", session->path);
    if (immutable)
        add_immutable_uri(&name, path.data);
    else
        buf_add_text(&name, path.data);
    int code = sqlite3_open_v2(name.data, &session->db, flags, NULL);
    buf_free(&name);
    buf_free(&path);
    if (code != SQLITE_OK)
        return session_fail(session, code, err);
    const char *real = sqlite3_db_filename(session->db, "main");
    free(session->real_path);
    free(session->wal_path);
    session->real_path = x_copy(real, strlen(real));
    session->wal_path = x_new(strlen(real) + 5, 1);
    (void)sprintf(session->wal_path, "%s-wal", real);
    if (stat(session->real_path, &session->file) != 0)
        return err_set(err, ERR_IO, "cannot open: %s", strerror(errno));
    if (session->mode == SESSION_WRITE && sqlite3_db_readonly(session->db, "main") == 1)
        return session_fail(session, SQLITE_READONLY, err);
    return make_safe(session, err);
}

void session_disconnect(struct session *session)
{
    for (size_t i = 0; i < countof(session->statements); i++) {
        (void)sqlite3_finalize(session->statements[i]);
        session->statements[i] = NULL;
    }
    (void)sqlite3_close_v2(session->db);
    session->db = NULL;
}

/* A reader that is refused files beside the session's may do without them. */
static bool can_be_immutable(const struct session *session)
{
    struct stat wal;
    int kind = session->last_code & 0xFF;
    return session->mode == SESSION_READ && session->wal_path &&
           (kind == SQLITE_CANTOPEN || kind == SQLITE_READONLY) &&
           (stat(session->wal_path, &wal) != 0 || wal.st_size == 0);
}

/* Why files of a session could not be opened, in more useful words; returns false. */
static bool explain(const struct session *session, struct err *err)
{
    int kind = session->last_code & 0xFF;
    if (!session->wal_path || (kind != SQLITE_CANTOPEN && kind != SQLITE_READONLY))
        return false;
    if (session->mode == SESSION_WRITE)
        return err_set(err, ERR_IO, "it or its folder cannot be written to; use -R to look at it");
    return err_set(err, ERR_IO, "was not closed cleanly, and its folder cannot be written to: copy "
                   "it together with its -wal file to look at it");
}

static bool open_and_check(struct session *session, bool *is_new, struct err *err)
{
    struct stat there;
    if (stat(session->path, &there) == 0 && !S_ISREG(there.st_mode))
        return err_set(err, ERR_USAGE, "is a folder or a device, expected a file");
    if (session_connect(session, false, err) && session_schema_check(session, is_new, err))
        return true;
    if (!can_be_immutable(session))
        return explain(session, err);
    session_disconnect(session);
    if (err)
        *err = (struct err){0};
    return session_connect(session, true, err) && session_schema_check(session, is_new, err);
}

void session_checkpoint(struct session *session)
{
    (void)sqlite3_wal_checkpoint_v2(session->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

bool session_use_wal(struct session *session, struct err *err)
{
    struct query query = query_new(session, "PRAGMA journal_mode = WAL", err);
    bool is_wal = query_next(&query) && strcmp(row_text(&query, 0, NULL), "wal") == 0;
    if (!query_end(&query))
        return false;
    return is_wal || err_set(err, ERR_IO, "cannot be kept here: the file system has no shared "
                             "memory for SQLite's write-ahead log");
}

/* ---- state ------------------------------------------------------------------ */

bool session_load(struct session *session, struct err *err)
{
    struct query query = query_use(session, SQL_STATE, err);
    (void)snprintf(query.place, sizeof query.place, "session");
    bool found = query_next(&query);
    const char *id = found ? row_text(&query, 0, NULL) : "";
    if (query.ok && (strlen(id) != SESSION_ID_LEN ||
                     strspn(id, "0123456789abcdef") != SESSION_ID_LEN)) {
        query.ok = err_set(err, ERR_FORMAT, "is \"%.60s\", expected 32 hex digits", id);
        (void)err_where(err, "session, id");
    }
    struct session_progress now = {0};
    if (query.ok) {
        memcpy(session->id, id, SESSION_ID_LEN);
        now.steps = (uint64_t)row_int(&query, 2, 0, count_max);
        now.head = row_int(&query, 1, 0, (int64_t)now.steps);
        now.events = (uint64_t)row_int(&query, 3, 0, count_max);
        session->has_origin = row_int(&query, 4, 0, 1) == 1;
    }
    if (!query_end(&query))
        return false;
    struct query tried = query_use(session, SQL_TRIED, err);
    if (query_next(&tried)) {
        now.tried = (uint64_t)row_int(&tried, 0, 0, INT64_MAX);
        now.screened = (uint64_t)row_int(&tried, 1, 0, INT64_MAX);
    }
    if (query_end(&tried))
        session->now = now;
    return tried.ok;
}

bool session_refresh(struct session *session, struct err *err)
{
    return session_load(session, err) || err_file(err, session->path);
}

/* ---- opening, closing ------------------------------------------------------- */

static bool open_all(struct session *session, struct err *err)
{
    bool is_new = false;
    if (!open_and_check(session, &is_new, err))
        return false;
    bool writes = session->mode == SESSION_WRITE;
    if (writes && (!session_lock(session, err) || !session_use_wal(session, err)))
        return false;
    if (!session_schema_migrate(session, err) || !session_load(session, err))
        return false;
    if (is_new)
        session_checkpoint(session); /* the id is there whatever happens to the -wal file */
    session_counter_open(session);
    return true;
}

struct session *session_open(const char *path, enum session_mode mode, struct err *err)
{
    struct session *session = x_new(1, sizeof *session);
    session->path = x_copy(path, strlen(path));
    session->mode = mode;
    session->lock_fd = session->counter_fd = -1;
    bool other = train_file_is(path);
    if (!other && open_all(session, err))
        return session;
    if (other)
        (void)err_set(err, ERR_FORMAT, "is the session of a training, not of a search; its patch: "
                                       "bankai train --resume FILE --point N -o PATCH");
    (void)err_file(err, path);
    session_close(session);
    return NULL;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

void session_close(struct session *session)
{
    if (!session)
        return;
    if (session->db && session->real_path) {
        /* The files of these names may be somebody else's by now: leave them alone. */
        if (!session_in_place(session, NULL))
            (void)sqlite3_db_config(session->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        else if (session->mode == SESSION_WRITE)
            session_checkpoint(session); /* closing does it only when nobody reads */
    }
    session_disconnect(session);
    close_fd(session->counter_fd);
    close_fd(session->lock_fd);
    session_free_origin(session);
    free(session->path);
    free(session->real_path);
    free(session->wal_path);
    buf_free(&session->step_text);
    numbers_free(&session->step_gaps);
    free(session->step_flips);
    free(session);
}

bool session_remove(struct session *session)
{
    static const char *const beside[] = {"-wal", "-shm", ".lock"};
    char id[sizeof session->id];
    char *path = x_copy(session->path, strlen(session->path));
    BUG_ON(session->mode != SESSION_WRITE);
    memcpy(id, session->id, sizeof id);
    session_close(session);
    bool gone = unlink(path) == 0;
    for (size_t i = 0; gone && i < countof(beside); i++) {
        struct buf file = {0};
        buf_add_format(&file, "%s%s", path, beside[i]);
        (void)unlink(file.data);
        buf_free(&file);
    }
    if (gone)
        session_counter_remove(id);
    free(path);
    return gone;
}

/* ---- looking ---------------------------------------------------------------- */

const char *session_path(const struct session *session)
{
    return session->path;
}

bool session_is_writable(const struct session *session)
{
    return session->mode == SESSION_WRITE;
}

bool session_is_new(const struct session *session)
{
    return !session->has_origin;
}

uint64_t session_missing_steps(const struct session *session)
{
    return session->missing;
}

int64_t session_head(const struct session *session)
{
    return session->now.head;
}

uint64_t session_tried(const struct session *session)
{
    return session->now.tried;
}

uint64_t session_screened(const struct session *session)
{
    return session->now.screened;
}

uint64_t session_step_count(const struct session *session)
{
    return session->has_origin ? session->now.steps + 1 : 0;
}

uint64_t session_event_count(const struct session *session)
{
    return session->now.events;
}

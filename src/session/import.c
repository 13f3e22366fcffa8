/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A session from lines of JSON.  It is made beside its place, in one transaction,
 * verified as any session, and only then given its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/unfinished.h"
#include "src/session/import_int.h"

/* "-", a file, or a folder that an export made. */
static int open_lines(const char *from, struct err *err)
{
    struct stat status;
    struct buf inside = {0};
    if (strcmp(from, "-") == 0)
        return dup(STDIN_FILENO);
    bool is_folder = stat(from, &status) == 0 && S_ISDIR(status.st_mode);
    buf_add_format(&inside, "%s%s", from, is_folder ? "/session.jsonl" : "");
    int fd = open(inside.data, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)err_set(err, errno == ENOENT ? ERR_USAGE : ERR_IO, "cannot open: %s",
                      strerror(errno));
        (void)err_file(err, inside.data);
    }
    buf_free(&inside);
    return fd;
}

static bool put_all(struct import *import, int fd, const struct work_progress *progress,
                    cancel_flag *cancel)
{
    struct session *session = import->session;
    if (!session_begin(session, true, import->err))
        return false;
    bool ok = session_exec(session, "PRAGMA defer_foreign_keys = ON", import->err) &&
              import_lines(import, fd, progress, cancel);
    return session_end(session, ok, import->err) && session_load(session, import->err);
}

/* The first reason is the message. */
static bool check_whole(struct import *import)
{
    struct buf reasons = {0};
    struct err ignored = {0};
    bool ok = session_verify(import->session, &reasons, &ignored);
    if (!ok && reasons.len > 0)
        (void)err_set(import->err, ERR_FORMAT, "is no whole session: %.*s",
                      (int)strcspn(reasons.data, "\n"), reasons.data);
    else if (!ok)
        *import->err = ignored;
    buf_free(&reasons);
    return ok || err_file(import->err, import->from);
}

/* Everything into the one file, and no -wal file beside it. */
static bool make_single(struct session *session, struct err *err)
{
    struct query query = query_new(session, "PRAGMA journal_mode = DELETE", err);
    bool single = query_next(&query) && strcmp(row_text(&query, 0, NULL), "delete") == 0;
    return query_end(&query) &&
           (single || err_set(err, ERR_IO, "cannot be made one file, somebody reads it"));
}

/* Only the session's own file stays. */
static void close_made(struct session *session, const char *beside)
{
    struct buf lock = {0};
    session_counter_set(session);
    session_close(session);
    buf_add_format(&lock, "%s.lock", beside);
    (void)unlink(lock.data);
    buf_free(&lock);
}

static bool make(const char *beside, const char *from, int fd,
                 const struct work_progress *progress, cancel_flag *cancel, struct err *err)
{
    struct import import = {
        .from = strcmp(from, "-") == 0 ? "standard input" : from,
        .steps = -1,
        .steps_told = -1,
        .head_told = -1,
        .err = err,
    };
    import.session = session_open(beside, SESSION_WRITE, err);
    if (!import.session)
        return false;
    if (put_all(&import, fd, progress, cancel) && check_whole(&import) &&
        make_single(import.session, err)) {
        close_made(import.session, beside);
        return true;
    }
    (void)session_remove(import.session);
    return false;
}

bool session_import(const char *from, const char *to, const struct work_progress *progress,
                    cancel_flag *cancel, struct err *err)
{
    if (access(to, F_OK) == 0) {
        (void)err_set(err, ERR_USAGE, "exists already, and may be a session: nothing is written");
        return err_file(err, to);
    }
    int fd = open_lines(from, err);
    if (fd < 0)
        return false;
    struct buf beside = {0};
    buf_add_format(&beside, "%s%s.%ld.tmp", to[0] == '/' ? "" : "./", to, (long)getpid());
    session_remove_rest(beside.data);
    struct unfinished unfinished = {.path = beside.data, .endings = session_endings};
    unfinished_begin(&unfinished);
    bool ok = make(beside.data, from, fd, progress, cancel, err) &&
              session_put_in_place(beside.data, to, err);
    if (!ok)
        session_remove_rest(beside.data);
    unfinished_end(&unfinished);
    if (!ok && strcmp(err->file, beside.data) == 0)
        err->file[0] = '\0'; /* nobody knows it by that name */
    buf_free(&beside);
    (void)close(fd);
    return ok || err_file(err, to);
}

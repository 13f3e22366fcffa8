/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A clean copy: all pages into a file beside the target, vacuumed, a new id for it (the
 * step counter outside goes by the id), then the name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/unfinished.h"
#include "src/session/session_int.h"

/* Nobody may see the copy under its name before it is on the disk. */
static bool sync_path(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        (void)err_set(err, ERR_IO, "cannot write: %s", strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

static void sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? x_copy(path, (size_t)(slash - path) + 1) : x_copy(".", 1);
    (void)sync_path(folder, NULL); /* not every folder can be synced */
    free(folder);
}

/* VACUUM INTO wants to write with the connection it is said to, which may be for
 * reading only: the pages are copied, and the copy is vacuumed. */
static bool copy_pages(struct session *session, const char *path, struct err *err)
{
    struct session copy = {.mode = SESSION_WRITE};
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(path, &copy.db, flags, NULL);
    sqlite3_backup *backup =
        code == SQLITE_OK ? sqlite3_backup_init(copy.db, "main", session->db, "main") : NULL;
    if (backup) {
        (void)sqlite3_backup_step(backup, -1);
        code = sqlite3_backup_finish(backup);
    } else if (copy.db) {
        code = sqlite3_errcode(copy.db);
    }
    bool ok = code == SQLITE_OK || session_fail(&copy, code, err);
    ok = ok && session_exec(&copy, "PRAGMA journal_mode = DELETE; VACUUM", err);
    (void)sqlite3_close(copy.db);
    return ok;
}

static bool give_new_id(const char *path, struct err *err)
{
    struct session copy = {.mode = SESSION_WRITE};
    int code = sqlite3_open_v2(path, &copy.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    bool ok = code == SQLITE_OK || session_fail(&copy, code, err);
    ok = ok && session_exec(&copy, "PRAGMA journal_mode = OFF;"
                            " UPDATE session SET id = lower(hex(randomblob(16)))", err);
    (void)sqlite3_close(copy.db);
    return ok;
}

bool session_put_in_place(const char *beside, const char *path, struct err *err)
{
    bool ok = sync_path(beside, err);
    if (ok && renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_NOREPLACE) != 0 &&
        (errno != EINVAL || rename(beside, path) != 0)) /* not every file system can tell */
        ok = err_set(err, errno == EEXIST ? ERR_USAGE : ERR_IO, "cannot write: %s",
                     strerror(errno));
    if (ok)
        sync_folder_of(path);
    else
        (void)unlink(beside);
    return ok;
}

const char *const session_endings[] = {"-wal", "-shm", "-journal", ".lock", NULL};

void session_remove_rest(const char *beside)
{
    (void)unlink(beside);
    for (const char *const *ending = session_endings; *ending; ending++) {
        struct buf path = {0};
        buf_add_format(&path, "%s%s", beside, *ending);
        (void)unlink(path.data);
        buf_free(&path);
    }
}

bool session_copy(struct session *session, const char *path, struct err *err)
{
    if (access(path, F_OK) == 0) {
        (void)err_set(err, ERR_USAGE, "exists already, and may be a session: nothing is written");
        return err_file(err, path);
    }
    struct buf beside = {0};
    buf_add_format(&beside, "%s%s.%ld.tmp", path[0] == '/' ? "" : "./", path, (long)getpid());
    session_remove_rest(beside.data);
    struct unfinished unfinished = {.path = beside.data, .endings = session_endings};
    unfinished_begin(&unfinished);
    bool ok = copy_pages(session, beside.data, err) && give_new_id(beside.data, err);
    if (ok)
        ok = session_put_in_place(beside.data, path, err);
    else
        session_remove_rest(beside.data);
    unfinished_end(&unfinished);
    buf_free(&beside);
    return ok || err_file(err, path);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A session goes on under another name.
 *
 * The file is closed, so that all of it is in one file, then moved, then opened again.
 * Nobody else may have it open meanwhile: a reader would go on with the old -wal file
 * while the new one is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/session/session_int.h"

static char *beside(const char *path, const char *ending)
{
    struct buf out = {0};
    buf_add_format(&out, "%s%s", path, ending);
    return out.data;
}

/* A name that is taken stays what it is.  Returns errno, or 0. */
static int move_file(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    /* Some file systems do not know that flag. */
    bool linked = errno == EINVAL && link(from, to) == 0;
    return linked && unlink(from) == 0 ? 0 : errno;
}

static void set_path(struct session *session, const char *path)
{
    char *copy = x_copy(path, strlen(path));
    free(session->path);
    session->path = copy;
    session->wal = (struct stat){0}; /* it comes with the first write */
}

static bool reconnect(struct session *session, const char *path, struct err *err)
{
    set_path(session, path);
    return session_connect(session, false, err) && session_use_wal(session, err) &&
           session_load(session, err);
}

/* Is all of it in the one file, and nobody else in it? */
static bool let_go(struct session *session, struct err *err)
{
    session_disconnect(session);
    if (access(session->wal_path, F_OK) != 0)
        return true;
    return err_set(err, ERR_IO, "somebody looks at the session (-R); it is moved when nobody does");
}

/* On another disk it is written anew and the old one is taken away. */
static bool copy_over(struct session *session, const char *path, struct err *err)
{
    const char *here = session->real_path;
    char *from = x_copy(here, strlen(here));
    bool ok = session_connect(session, false, err) && session_copy(session, path, err);
    session_disconnect(session);
    if (ok)
        (void)unlink(from);
    free(from);
    return ok;
}

/* Under the old name again where the new one cannot be had. */
static bool go_on_at(struct session *session, const char *from, const char *path, struct err *err)
{
    struct err ignored;
    bool moved = let_go(session, err);
    int problem = moved ? move_file(from, path) : 0;
    if (problem == EXDEV)
        moved = copy_over(session, path, err);
    else if (problem != 0)
        moved = err_set(err, ERR_IO, "cannot be moved here: %s", strerror(problem));
    if (moved && reconnect(session, path, err))
        return true;
    session_disconnect(session);
    if (moved && move_file(path, from) == 0)
        moved = false;
    (void)reconnect(session, moved ? path : from, &ignored);
    return false;
}

static void change_counter(struct session *session, const char *old_id)
{
    if (session->counter_fd >= 0)
        (void)close(session->counter_fd);
    session->counter_fd = -1;
    if (strcmp(old_id, session->id) != 0) /* a copy has one of its own */
        session_counter_remove(old_id);
    session_counter_open(session);
    session_counter_set(session);
}

static void change_lock(struct session *session, const char *from, int lock_fd)
{
    char *old = beside(from, ".lock");
    (void)unlink(old);
    free(old);
    (void)close(session->lock_fd);
    session->lock_fd = lock_fd;
}

static bool is_free(const char *path, struct err *err)
{
    if (access(path, F_OK) != 0)
        return true;
    return err_set(err, ERR_USAGE, "exists already: nothing is moved");
}

bool session_rename(struct session *session, const char *path, struct err *err)
{
    BUG_ON(session->mode != SESSION_WRITE);
    if (!session_in_place(session, err))
        return false;
    int lock_fd = is_free(path, err) ? session_lock_file(path, err) : -1;
    if (lock_fd < 0)
        return err_file(err, path);
    char *from = x_copy(session->real_path, strlen(session->real_path));
    char *name = x_copy(session->path, strlen(session->path));
    char id[sizeof session->id];
    memcpy(id, session->id, sizeof id);
    bool ok = go_on_at(session, from, path, err);
    if (ok) {
        change_lock(session, from, lock_fd);
        change_counter(session, id);
    } else {
        char *lock = beside(path, ".lock");
        (void)unlink(lock);
        free(lock);
        (void)close(lock_fd);
        (void)err_file(err, path);
        if (strcmp(session->path, from) == 0)
            set_path(session, name);
    }
    free(name);
    free(from);
    return ok;
}

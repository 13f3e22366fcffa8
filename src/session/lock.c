/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One writer at a time: flock on FILE.lock, which the kernel lets go of whatever ends
 * the process.  The file is never deleted, or two processes could each lock a file of
 * that name.  It holds the process id, for the message alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "src/base/num.h"
#include "src/session/session_int.h"

static bool refuse_second(int fd, struct err *err)
{
    char text[32] = {0};
    int64_t process = 0;
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    text[got > 0 ? strcspn(text, "\n") : 0] = '\0';
    if (!num_parse_int(text, &process))
        return err_set(err, ERR_IO, "the session is open in another bankai, use -R to look at it");
    return err_set(err, ERR_IO, "the session is open in another bankai (process %lld), use -R to "
                   "look at it", (long long)process);
}

static void write_process(int fd)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) != len)
        (void)ftruncate(fd, 0); /* half a number would be a wrong one */
}

int session_lock_file(const char *file, struct err *err)
{
    struct buf path = {0};
    buf_add_format(&path, "%s.lock", file);
    int fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int problem = errno;
    buf_free(&path);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        write_process(fd);
        return fd;
    }
    problem = fd >= 0 ? errno : problem;
    if (fd >= 0 && problem == EWOULDBLOCK)
        (void)refuse_second(fd, err);
    else
        (void)err_set(err, ERR_IO, "cannot be locked for writing (%s); use -R to look at it",
                      strerror(problem));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

bool session_lock(struct session *session, struct err *err)
{
    session->lock_fd = session_lock_file(session->real_path, err); /* closed with the session */
    return session->lock_fd >= 0;
}

bool session_is_locked(const struct session *session)
{
    struct buf path = {0};
    buf_add_format(&path, "%s.lock", session->real_path);
    int fd = open(path.data, O_RDONLY | O_CLOEXEC);
    buf_free(&path);
    bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        (void)close(fd);
    return locked;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How many steps were committed, in sessions/ID of the state folder: one line
 *
 *     STEPS DEVICE INODE
 *
 * so that steps that went with a lost or truncated -wal file are missed.  The file's
 * device and inode belong to it because a copy of a session has the same id.  The line
 * has a fixed length and is written in one call, after the commit: a process that dies
 * leaves an old or a new number.  It is not synced; after a power cut it may say less,
 * and then nothing is missed that is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/session/session_int.h"

enum { LINE_LEN = 63 };

static void print_line(const struct session *session, char line[LINE_LEN + 1])
{
    (void)snprintf(line, LINE_LEN + 1, "%020" PRIu64 " %020" PRIu64 " %020" PRIu64 "\n",
                   session->now.steps, (uint64_t)session->file.st_dev,
                   (uint64_t)session->file.st_ino);
}

static uint64_t read_steps(const struct session *session)
{
    char line[LINE_LEN + 1] = {0}, same[LINE_LEN + 1];
    uint64_t steps = 0;
    print_line(session, same);
    bool ok = pread(session->counter_fd, line, LINE_LEN, 0) == LINE_LEN &&
              sscanf(line, "%20" SCNu64, &steps) == 1;
    return ok && strcmp(strchr(line, ' '), strchr(same, ' ')) == 0 ? steps : 0;
}

static bool counter_path(const char *id, struct buf *path)
{
    struct buf name = {0};
    struct err ignored = {0};
    buf_add_format(&name, "sessions/%s", id); /* 32 hex digits: no path */
    bool ok = file_state_path(name.data, path, &ignored);
    buf_free(&name);
    return ok;
}

void session_counter_remove(const char *id)
{
    struct buf path = {0};
    if (counter_path(id, &path))
        (void)unlink(path.data);
    buf_free(&path);
}

void session_counter_open(struct session *session)
{
    struct buf path = {0};
    bool writes = session->mode == SESSION_WRITE;
    if (counter_path(session->id, &path))
        session->counter_fd = open(path.data, (writes ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC,
                                   0600);
    buf_free(&path);
    if (session->counter_fd < 0)
        return;
    uint64_t steps = read_steps(session);
    /* A writer beside a reader may have added some since the reader looked. */
    if (steps > session->now.steps && !writes && !session_load(session, NULL))
        return;
    session->missing = steps > session->now.steps ? steps - session->now.steps : 0;
}

void session_counter_set(struct session *session)
{
    char line[LINE_LEN + 1];
    if (session->counter_fd < 0)
        return;
    print_line(session, line);
    while (pwrite(session->counter_fd, line, LINE_LEN, 0) < 0 && errno == EINTR)
        ;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/file_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/buf.h"
#include "src/base/unfinished.h"

struct file_writer {
    char *path;      /* as given, for messages */
    char *target;    /* where links lead */
    struct buf name; /* of the temporary file; empty: the target is written to as it is */
    int fd;
    struct unfinished unfinished; /* the temporary file */
};

static bool write_err(const char *path, int problem, struct err *err)
{
    (void)err_set(err, ERR_IO, "cannot write: %s", strerror(problem));
    return err_file(err, path);
}

/* Make the rename itself durable; folders that cannot be synced are left. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? x_copy(path, (size_t)(slash - path) + 1) : x_copy(".", 1);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
    free(folder);
}

/* A new file with a name of its own beside the target. */
static int open_beside(struct file_writer *writer, mode_t mode)
{
    struct buf *name = &writer->name;
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        buf_clear(name);
        buf_add_format(name, "%s.%ld-%u.tmp", writer->target, (long)getpid(), attempt);
        writer->unfinished.path = name->data;
        int fd = unfinished_create(&writer->unfinished, mode);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static void release(struct file_writer *writer)
{
    unfinished_end(&writer->unfinished);
    free(writer->path);
    free(writer->target);
    buf_free(&writer->name);
    free(writer);
}

/* old: the file that is there already, or NULL.  An old file's mode is put on
 * before there is anything to read in the new one. */
static bool open_new(struct file_writer *writer, const struct stat *old, struct err *err)
{
    writer->fd = open_beside(writer, old ? 0600 : 0666);
    if (writer->fd < 0)
        return write_err(writer->path, errno, err);
    if (!old || fchmod(writer->fd, old->st_mode & 0777) == 0)
        return true;
    (void)write_err(writer->path, errno, err);
    (void)close(writer->fd);
    (void)unlink(writer->name.data);
    return false;
}

struct file_writer *file_writer_open(const char *path, struct err *err)
{
    struct stat old;
    bool exists = stat(path, &old) == 0;
    if (exists && S_ISDIR(old.st_mode)) {
        (void)err_set(err, ERR_USAGE, "is a folder, expected a file");
        (void)err_file(err, path);
        return NULL;
    }
    struct file_writer *writer = x_new(1, sizeof *writer);
    char *real = realpath(path, NULL); /* NULL: not there yet */
    writer->path = x_copy(path, strlen(path));
    writer->target = real ? real : x_copy(path, strlen(path));
    bool ok = false;
    if (exists && !S_ISREG(old.st_mode)) { /* nothing to keep, and renaming would take its place */
        writer->fd = open(path, O_WRONLY | O_CLOEXEC);
        ok = writer->fd >= 0 || write_err(path, errno, err);
    } else {
        ok = open_new(writer, exists ? &old : NULL, err);
    }
    if (ok)
        return writer;
    release(writer);
    return NULL;
}

bool file_writer_put(struct file_writer *writer, const void *bytes, size_t len, struct err *err)
{
    for (const char *at = bytes; len > 0;) {
        ssize_t put = write(writer->fd, at, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return write_err(writer->path, errno, err);
        at += put;
        len -= (size_t)put;
    }
    return true;
}

bool file_writer_commit(struct file_writer *writer, struct err *err)
{
    int problem = 0;
    bool beside = writer->name.len > 0;
    if (beside && fsync(writer->fd) != 0)
        problem = errno;
    if (close(writer->fd) != 0 && errno != EINTR && problem == 0)
        problem = errno; /* interrupted: it is closed nevertheless, and synced */
    if (beside && problem == 0 && rename(writer->name.data, writer->target) != 0)
        problem = errno;
    if (beside && problem == 0)
        sync_folder(writer->target);
    else if (beside)
        (void)unlink(writer->name.data);
    if (problem != 0)
        (void)write_err(writer->path, problem, err);
    release(writer);
    return problem == 0;
}

void file_writer_abandon(struct file_writer *writer)
{
    if (!writer)
        return;
    (void)close(writer->fd);
    if (writer->name.len > 0)
        (void)unlink(writer->name.data);
    release(writer);
}

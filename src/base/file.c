/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file_writer.h"

static bool read_all(int fd, size_t max_bytes, struct buf *out, struct err *err)
{
    char chunk[1 << 16];
    size_t start = out->len;
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_IO, "cannot read: %s", strerror(errno));
        if (got == 0)
            return true;
        if (out->len - start + (size_t)got > max_bytes)
            return err_set(err, ERR_FORMAT, "is larger than the %zu bytes expected at most",
                           max_bytes);
        buf_add(out, chunk, (size_t)got);
    }
}

bool file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
    bool from_stdin = strcmp(path, "-") == 0;
    int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)err_set(err, errno == ENOENT ? ERR_USAGE : ERR_IO, "cannot open: %s",
                      strerror(errno));
        return err_file(err, path);
    }
    struct stat status;
    bool ok = fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode);
    if (!ok)
        (void)err_set(err, ERR_USAGE, "is a folder, expected a file");
    ok = ok && read_all(fd, max_bytes, out, err);
    if (!from_stdin)
        (void)close(fd);
    return ok ? true : err_file(err, from_stdin ? "standard input" : path);
}

bool file_write(const char *path, const void *bytes, size_t len, struct err *err)
{
    struct file_writer *writer = file_writer_open(path, err);
    if (!writer)
        return false;
    if (file_writer_put(writer, bytes, len, err))
        return file_writer_commit(writer, err);
    file_writer_abandon(writer);
    return false;
}

static bool make_folders(char *path, struct err *err)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
        if (!made) {
            (void)err_set(err, ERR_IO, "cannot make the folder: %s", strerror(errno));
            return err_file(err, path);
        }
        *slash = '/';
    }
    return true;
}

static bool own_path(const char *variable, const char *fallback, const char *name, struct buf *out,
                     struct err *err)
{
    const char *base = getenv(variable);
    const char *home = getenv("HOME");
    struct buf path = {0};
    if (base && base[0] == '/')
        buf_add_format(&path, "%s/bankai/%s", base, name);
    else if (home && home[0] == '/')
        buf_add_format(&path, "%s/%s/bankai/%s", home, fallback, name);
    else
        return err_set(err, ERR_IO, "neither %s nor HOME names a folder", variable);
    bool ok = make_folders(path.data, err);
    if (ok)
        buf_add(out, path.data, path.len);
    buf_free(&path);
    return ok;
}

bool file_state_path(const char *name, struct buf *out, struct err *err)
{
    return own_path("XDG_STATE_HOME", ".local/state", name, out, err);
}

bool file_cache_path(const char *name, struct buf *out, struct err *err)
{
    return own_path("XDG_CACHE_HOME", ".cache", name, out, err);
}

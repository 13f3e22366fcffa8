/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes += put;
        len -= (size_t)put;
    }
    return true;
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

/* A new file with a name of its own beside path; its name goes into name. */
static int open_beside(const char *path, mode_t mode, struct buf *name)
{
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        buf_clear(name);
        buf_add_format(name, "%s.%ld-%u.tmp", path, (long)getpid(), attempt);
        int fd = open(name->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* [F1]; old is the file that is there already, or NULL.  Returns 0 or an errno. */
static int replace(const char *path, const struct stat *old, const void *bytes, size_t len)
{
    struct buf name = {0};
    int problem = 0;
    /* An old file's mode is put on before there is anything to read in it. */
    int fd = open_beside(path, old ? 0600 : 0666, &name);
    if (fd < 0)
        problem = errno;
    else if ((old && fchmod(fd, old->st_mode & 0777) != 0) || !write_all(fd, bytes, len) ||
             fsync(fd) != 0)
        problem = errno;
    if (fd >= 0 && close(fd) != 0 && problem == 0)
        problem = errno;
    if (problem == 0 && rename(name.data, path) != 0)
        problem = errno;
    if (problem == 0)
        sync_folder(path);
    else if (fd >= 0)
        (void)unlink(name.data);
    buf_free(&name);
    return problem;
}

/* Devices and pipes: nothing to keep, and renaming would take their place. */
static int write_through(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int problem = write_all(fd, bytes, len) ? 0 : errno;
    if (close(fd) != 0 && problem == 0)
        problem = errno;
    return problem;
}

bool file_write(const char *path, const void *bytes, size_t len, struct err *err)
{
    struct stat old;
    bool exists = stat(path, &old) == 0;
    if (exists && S_ISDIR(old.st_mode)) {
        (void)err_set(err, ERR_USAGE, "is a folder, expected a file");
        return err_file(err, path);
    }
    int problem = 0;
    if (exists && !S_ISREG(old.st_mode)) {
        problem = write_through(path, bytes, len);
    } else {
        char *real = realpath(path, NULL); /* where a link leads; NULL: not there yet */
        problem = replace(real ? real : path, exists ? &old : NULL, bytes, len);
        free(real);
    }
    if (problem == 0)
        return true;
    (void)err_set(err, ERR_IO, "cannot write: %s", strerror(problem));
    return err_file(err, path);
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

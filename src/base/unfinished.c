/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/unfinished.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/err.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* nothing is allocated below it */
static struct unfinished *first;

/* Everything in the folder; where it cannot even be looked into, it stays. */
static void empty(int fd, int depth)
{
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.' && strspn(entry->d_name, ".") == strlen(entry->d_name))
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0 || depth == 0)
            continue;
        empty(openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
              depth - 1);
        (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    }
    if (dir)
        (void)closedir(dir);
    else if (fd >= 0)
        (void)close(fd);
}

static void remove_folder(const char *path)
{
    empty(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), 1);
    (void)rmdir(path);
}

static void remove_with_endings(const struct unfinished *file)
{
    char path[4352]; /* PATH_MAX and an ending */
    if (file->folder) {
        remove_folder(file->path);
        return;
    }
    (void)unlink(file->path);
    for (const char *const *ending = file->endings; ending && *ending; ending++) {
        (void)snprintf(path, sizeof path, "%s%s", file->path, *ending);
        (void)unlink(path);
    }
}

/* The lock is kept: what ends now makes no further file. */
static void remove_all(void)
{
    (void)pthread_mutex_lock(&lock);
    for (const struct unfinished *file = first; file; file = file->next)
        remove_with_endings(file);
}

static void add(struct unfinished *file)
{
    file->next = first;
    first = file;
    err_at_no_memory(remove_all);
}

int unfinished_create(struct unfinished *file, mode_t mode)
{
    (void)pthread_mutex_lock(&lock);
    int fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    int problem = errno;
    if (fd >= 0)
        add(file);
    (void)pthread_mutex_unlock(&lock);
    errno = problem;
    return fd;
}

void unfinished_begin(struct unfinished *file)
{
    (void)pthread_mutex_lock(&lock);
    add(file);
    (void)pthread_mutex_unlock(&lock);
}

void unfinished_end(struct unfinished *file)
{
    (void)pthread_mutex_lock(&lock);
    struct unfinished **at = &first;
    while (*at && *at != file)
        at = &(*at)->next;
    if (*at)
        *at = file->next;
    (void)pthread_mutex_unlock(&lock);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/unfinished.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "src/base/err.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* nothing is allocated below it */
static struct unfinished *first;

static void remove_with_endings(const struct unfinished *file)
{
    char path[4352]; /* PATH_MAX and an ending */
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

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A library to preload (LD_PRELOAD) that lets one call of the program fail: its n-th
 * allocation, or its n-th call for a file.  BANKAI_FAULTY is "KIND N FILE":
 *
 *   memory     the n-th malloc, calloc, realloc, aligned_alloc or posix_memalign gives
 *              NULL, also where a library makes it
 *   error      the n-th call for a file fails: EIO where something is read, ENOSPC
 *              where something is written, ENOMEM for mmap
 *   full       the n-th call that needs room on the disk fails, and all after it
 *   short      the n-th read or write does half of what it was asked for
 *   interrupt  the n-th read, write or close was interrupted by a signal (EINTR; a
 *              closed file is closed nevertheless, as Linux does it)
 *
 * Calls count from the beginning of main: what the loader and libraries do before it is
 * not the program's.  Calls that libc makes inside itself (stdio) do not come by here,
 * standard output and error are left alone.  FILE is two 64-bit numbers: how many calls
 * of that kind there were, and how many failed.  N of 0 only counts.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum kind { KIND_NONE, KIND_MEMORY, KIND_ERROR, KIND_FULL, KIND_SHORT, KIND_INTERRUPT };

struct counts {
    _Atomic uint64_t calls, failed;
};

static enum kind kind;
static uint64_t n;
static struct counts *counts; /* in the shared file; NULL before main */

/* libc's own, under names that nobody replaces. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

/* Is it this call's turn to fail? */
static bool turn(void)
{
    uint64_t call = atomic_fetch_add(&counts->calls, 1) + 1;
    bool fails = n > 0 && (kind == KIND_FULL ? call >= n : call == n);
    if (fails)
        (void)atomic_fetch_add(&counts->failed, 1);
    return fails;
}

static bool fails(enum kind which)
{
    return counts && kind == which && turn();
}

/* ---- memory ------------------------------------------------------------------------- */

static bool no_memory(void)
{
    if (!fails(KIND_MEMORY))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t bytes)
{
    return no_memory() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return no_memory() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    return no_memory() ? NULL : __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return no_memory() ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    if (no_memory())
        return ENOMEM;
    *out = __libc_memalign(alignment, bytes);
    return *out ? 0 : ENOMEM;
}

/* ---- files -------------------------------------------------------------------------- */

/* The function of this name behind ours, into the pointer at `out`. */
static void find_next(const char *name, void *out)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    memcpy(out, &found, sizeof found); /* ISO C has no cast from one to the other */
}

/* needs_room: on a disk that is full it cannot be done. */
static bool file_fails(bool needs_room)
{
    if (!fails(KIND_ERROR) && !(needs_room && fails(KIND_FULL)))
        return false;
    errno = needs_room ? ENOSPC : EIO;
    return true;
}

static int open_next(const char *name, const char *path, int flags, va_list args)
{
    int (*real)(const char *, int, ...);
    find_next(name, &real);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
    return file_fails((flags & O_CREAT) != 0) ? -1 : real(path, flags, mode);
}

#define OPEN(name)                                                                           \
    int name(const char *path, int flags, ...)                                               \
    {                                                                                        \
        va_list args;                                                                        \
        va_start(args, flags);                                                               \
        int fd = open_next(#name, path, flags, args);                                        \
        va_end(args);                                                                        \
        return fd;                                                                           \
    }
OPEN(open)
OPEN(open64)

/* Reads and writes: how much is to be done, or -1.  Fewer than two bytes are not cut. */
static ssize_t moved(int fd, size_t len, bool writes)
{
    if (fd >= 0 && fd <= STDERR_FILENO)
        return (ssize_t)len;
    if (file_fails(writes))
        return -1;
    if (fails(KIND_INTERRUPT)) {
        errno = EINTR;
        return -1;
    }
    return (ssize_t)(len > 1 && fails(KIND_SHORT) ? len / 2 : len);
}

#define MOVE(name, writes, constant)                                                         \
    ssize_t name(int fd, constant void *bytes, size_t len)                                   \
    {                                                                                        \
        ssize_t (*real)(int, constant void *, size_t);                                       \
        find_next(#name, &real);                                                             \
        ssize_t wanted = moved(fd, len, writes);                                             \
        return wanted < 0 ? -1 : real(fd, bytes, (size_t)wanted);                            \
    }
MOVE(read, false, )
MOVE(write, true, const)

#define MOVE_AT(name, writes, constant)                                                      \
    ssize_t name(int fd, constant void *bytes, size_t len, off_t at)                         \
    {                                                                                        \
        ssize_t (*real)(int, constant void *, size_t, off_t);                                \
        find_next(#name, &real);                                                             \
        ssize_t wanted = moved(fd, len, writes);                                             \
        return wanted < 0 ? -1 : real(fd, bytes, (size_t)wanted, at);                        \
    }
MOVE_AT(pread, false, )
MOVE_AT(pread64, false, )
MOVE_AT(pwrite, true, const)
MOVE_AT(pwrite64, true, const)

#define SYNC(name)                                                                           \
    int name(int fd)                                                                         \
    {                                                                                        \
        int (*real)(int);                                                                    \
        find_next(#name, &real);                                                             \
        return file_fails(true) ? -1 : real(fd);                                             \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name)                                                                       \
    int name(int fd, off_t len)                                                              \
    {                                                                                        \
        int (*real)(int, off_t);                                                             \
        find_next(#name, &real);                                                             \
        return file_fails(true) ? -1 : real(fd, len);                                        \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int rename(const char *from, const char *to)
{
    int (*real)(const char *, const char *);
    find_next("rename", &real);
    return file_fails(true) ? -1 : real(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    int (*real)(int, const char *, int, const char *, unsigned);
    find_next("renameat2", &real);
    return file_fails(true) ? -1 : real(from_folder, from, to_folder, to, flags);
}

int close(int fd)
{
    int (*real)(int);
    find_next("close", &real);
    bool is_bad = fd > STDERR_FILENO && file_fails(false);
    bool is_cut = fd > STDERR_FILENO && fails(KIND_INTERRUPT);
    int done = real(fd); /* it is closed whatever is said of it */
    if (is_bad || is_cut)
        errno = is_bad ? EIO : EINTR;
    return is_bad || is_cut ? -1 : done;
}

#define MAP(name)                                                                            \
    void *name(void *at, size_t len, int protection, int flags, int fd, off_t from)          \
    {                                                                                        \
        void *(*real)(void *, size_t, int, int, int, off_t);                                 \
        find_next(#name, &real);                                                             \
        if (fails(KIND_ERROR)) {                                                             \
            errno = ENOMEM;                                                                  \
            return MAP_FAILED;                                                               \
        }                                                                                    \
        return real(at, len, protection, flags, fd, from);                                   \
    }
MAP(mmap)
MAP(mmap64)

/* ---- the beginning ------------------------------------------------------------------- */

static enum kind kind_of(const char *word)
{
    static const char *const words[] = {"", "memory", "error", "full", "short", "interrupt"};
    for (size_t i = 1; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0)
            return (enum kind)i;
    return KIND_NONE;
}

static void begin(void)
{
    const char *wish = getenv("BANKAI_FAULTY");
    char word[16], path[4096];
    int fd = -1;
    if (wish && sscanf(wish, "%15s %" SCNu64 " %4095s", word, &n, path) == 3)
        fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    kind = kind_of(word);
    counts = map == MAP_FAILED ? NULL : map; /* from here on calls count */
}

static int (*program)(int, char **, char **);

static int begin_and_run(int argc, char **argv, char **environment)
{
    begin();
    return program(argc, argv, environment);
}

typedef int start(int (*)(int, char **, char **), int, char **, int (*)(int, char **, char **),
                  void (*)(void), void (*)(void), void *);
start __libc_start_main; /* what the loader's first code calls */

int __libc_start_main(int (*entry)(int, char **, char **), int argc, char **argv,
                      int (*before)(int, char **, char **), void (*after)(void),
                      void (*last)(void), void *stack_end)
{
    start *real;
    find_next("__libc_start_main", &real);
    program = entry;
    return real(begin_and_run, argc, argv, before, after, last, stack_end);
}

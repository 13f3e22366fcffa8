/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fault.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>


static struct {
    enum fault_kind kind;
    uint64_t calls, first, last;
    bool happened;
} plan;
static uint64_t syncs;

static bool is_due(void)
{
    plan.calls++;
    bool due = plan.calls >= plan.first && plan.calls <= plan.last;
    plan.happened = plan.happened || due;
    return due;
}

/* Counts a call on a file; SQLITE_OK, or what it fails with. */
static int trip(int io_code)
{
    if (plan.kind == FAULT_NONE || plan.kind == FAULT_MEMORY || !is_due())
        return SQLITE_OK;
    return plan.kind == FAULT_IO ? io_code : SQLITE_FULL;
}

void fault_arm(enum fault_kind kind, uint64_t n, uint64_t more)
{
    plan.kind = kind;
    plan.calls = 0;
    plan.first = n;
    plan.last = more > UINT64_MAX - n ? UINT64_MAX : n + more;
    plan.happened = false;
}

uint64_t fault_disarm(void)
{
    plan.kind = FAULT_NONE;
    return plan.calls;
}

int fault_happened(void)
{
    return plan.happened;
}

uint64_t fault_syncs(void)
{
    return syncs;
}

/* ---- files ------------------------------------------------------------------------------ */

struct shim_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
};

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct shim_file *)file)->real;
}

#define CALL(file, method, ...) real_of(file)->pMethods->method(real_of(file), __VA_ARGS__)

static int shim_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int shim_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset)
{
    int code = trip(SQLITE_IOERR_READ);
    return code == SQLITE_FULL ? SQLITE_IOERR_READ
           : code              ? code
                               : CALL(file, xRead, out, len, offset);
}

static int shim_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
    int code = trip(SQLITE_IOERR_WRITE);
    if (code != SQLITE_OK && plan.kind == FAULT_SHORT)
        (void)CALL(file, xWrite, data, len / 2, offset);
    return code ? code : CALL(file, xWrite, data, len, offset);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = trip(SQLITE_IOERR_TRUNCATE);
    return code ? code : CALL(file, xTruncate, size);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    syncs++;
    return trip(SQLITE_IOERR_FSYNC);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return CALL(file, xFileSize, size);
}

static int shim_lock(sqlite3_file *file, int level)
{
    return CALL(file, xLock, level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
    return CALL(file, xUnlock, level);
}

static int shim_reserved(sqlite3_file *file, int *out)
{
    return CALL(file, xCheckReservedLock, out);
}

static int shim_control(sqlite3_file *file, int op, void *arg)
{
    return CALL(file, xFileControl, op, arg);
}

static int shim_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shim_map(sqlite3_file *file, int page, int page_size, int extend, void volatile **out)
{
    int code = trip(SQLITE_IOERR_SHMMAP);
    *out = NULL;
    return code ? code : CALL(file, xShmMap, page, page_size, extend, out);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return CALL(file, xShmLock, offset, n, flags);
}

static void shim_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shim_unmap(sqlite3_file *file, int delete)
{
    return CALL(file, xShmUnmap, delete);
}

static const sqlite3_io_methods methods = {
    2, shim_close, shim_read, shim_write, shim_truncate, shim_sync, shim_size, shim_lock,
    shim_unlock, shim_reserved, shim_control, shim_sector, shim_device, shim_map, shim_shm_lock,
    shim_barrier, shim_unmap, NULL, NULL,
};

/* ---- the file system -------------------------------------------------------------------- */

static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim_vfs;

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    (void)vfs;
    struct shim_file *shim = (struct shim_file *)file;
    shim->base.pMethods = NULL;
    shim->real = (sqlite3_file *)(void *)(shim + 1);
    int code = trip(SQLITE_CANTOPEN);
    if (code == SQLITE_OK)
        code = real_vfs->xOpen(real_vfs, name, shim->real, flags, out_flags);
    if (code == SQLITE_OK)
        shim->base.pMethods = &methods;
    return code;
}

static int shim_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    int code = trip(SQLITE_IOERR_DELETE);
    return code ? code : real_vfs->xDelete(real_vfs, name, sync);
}

/* ---- memory ----------------------------------------------------------------------------- */

static sqlite3_mem_methods real_memory;

static bool no_memory(void)
{
    return plan.kind == FAULT_MEMORY && is_due();
}

static void *shim_malloc(int size)
{
    return no_memory() ? NULL : real_memory.xMalloc(size);
}

static void *shim_realloc(void *old, int size)
{
    return no_memory() ? NULL : real_memory.xRealloc(old, size);
}

void fault_install(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* every allocation is one */
    (void)sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
    sqlite3_mem_methods memory = real_memory;
    memory.xMalloc = shim_malloc;
    memory.xRealloc = shim_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) != SQLITE_OK ||
        sqlite3_initialize() != SQLITE_OK)
        abort();
    real_vfs = sqlite3_vfs_find(NULL);
    shim_vfs = *real_vfs;
    shim_vfs.zName = "fault";
    shim_vfs.pNext = NULL;
    shim_vfs.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    shim_vfs.xOpen = shim_open;
    shim_vfs.xDelete = shim_delete;
    if (sqlite3_vfs_register(&shim_vfs, 1) != SQLITE_OK)
        abort();
}

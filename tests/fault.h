/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/fault.h - a file system and a memory that fail when they are told to.
 *
 * A VFS shim between SQLite and the real one counts what is done with files, and an
 * allocator counts what is asked of it; both fail from a chosen call on.  Syncs are not
 * passed on: nothing here looks at what survives a power cut, and they take long.
 */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include <stdint.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_FULL,   /* SQLITE_FULL */
    FAULT_IO,     /* SQLITE_IOERR_... of the call */
    FAULT_SHORT,  /* half of what is to be written is, then SQLITE_FULL */
    FAULT_MEMORY, /* allocations fail, files do not */
};

/* Before anything else of SQLite; makes the shim its default VFS. */
void fault_install(void);

/* The n-th call from now on (1, 2, ...) and `more` calls after it fail. */
void fault_arm(enum fault_kind kind, uint64_t n, uint64_t more);
/* No more failures.  Returns how many calls were counted since arming. */
uint64_t fault_disarm(void);
/* Has a call failed since arming? */
int fault_happened(void);

/* Syncs asked for since the program began. */
uint64_t fault_syncs(void);

#endif

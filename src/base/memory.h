/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/memory.h - what the machine has to give, and what this process took.
 */
#ifndef SRC_BASE_MEMORY_H
#define SRC_BASE_MEMORY_H

#include <stdint.h>

/* Bytes that can be allocated without swapping, as the kernel estimates them
 * (MemAvailable, and the limit of the control group where there is one);
 * UINT64_MAX if nobody says. */
uint64_t memory_available(void);

/* Bytes of this process that are in memory now, and at most so far; 0 if nobody
 * says.  The kernel counts by CPU and may be some hundred kilobytes off. */
uint64_t memory_resident(void);
uint64_t memory_resident_max(void);

#endif

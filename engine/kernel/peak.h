/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/peak.h - what a CPU can do at best, for benchmarks: instructions
 * that find everything in registers, and plain reading of memory.
 *
 * Beside it the speed of a kernel says how much is left to gain.  Nothing of use is
 * computed.
 */
#ifndef ENGINE_KERNEL_PEAK_H
#define ENGINE_KERNEL_PEAK_H

#include <stddef.h>
#include <stdint.h>

enum { KERNEL_PEAKS_MAX = 8 };

struct kernel_peak {
    const char *level; /* weakest level whose CPUs have the instructions */
    const char *name;  /* "float multiply-adds", ... */

    /* Operations of one round, a multiply-add counts two; and of a product with 15-bit
     * activations, or a transposed one, what a round does at best, 0 where such a
     * product does not use these instructions. */
    double operations;
    double product;
    double transposed;

    void (*run)(size_t rounds); /* at least 1 */
};

/* All that this CPU has, weakest level first; returns how many. */
size_t kernel_peaks(const struct kernel_peak *out[KERNEL_PEAKS_MAX]);

/* Reads memory in several streams; of len bytes those up to the last multiple of 1024.
 * bytes is aligned to 64.  What is returned depends on all of them, so that no reading
 * is left out. */
typedef uint64_t kernel_reader(const uint8_t *bytes, size_t len);

/* The one with the widest loads this CPU has. */
kernel_reader *kernel_pick_reader(void);

/* The same by level; engine/kernel/LEVEL_peak.c.  Arrays end with a NULL name. */
#if defined(__x86_64__)
extern const struct kernel_peak avx2_peaks[];
extern const struct kernel_peak avx512_peaks[];
extern const struct kernel_peak amx_peaks[];
kernel_reader avx2_read;
kernel_reader avx512_read;

/* What their loops change. */
#define PEAK_CLOBBERED                                                                       \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc"
#endif

enum { READ_STREAMS = 4, READ_STEP = 256 }; /* bytes of each stream at a time */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Does it pay to keep outputs of matrices, rather than to compute them again?  Each costs as
 * many multiply-adds as its matrix has columns; keeping costs memory that is new.  That is
 * quick to come by, but for guests whose host hands it out page by page: 9 microseconds each
 * were seen, as long as 4,096 columns take.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "engine/backward/backward_int.h"
#include "src/base/clock.h"

enum {
    TRIED_BYTES = 64 << 20,
    PAGE_BYTES = 4096,
    HUGE_BYTES = 2 << 20,
    COLUMNS_LEAST = 1024, /* below, writing and reading cost as much as computing */
};

static const double multiply_adds_a_second = 4e11; /* of one thread with AVX-512 */

/* Half of what computing takes, because it has to be copied, too. */
bool worth_keeping(uint32_t columns, double seconds_a_page)
{
    double computing = (double)columns * PAGE_BYTES / sizeof(float) / multiply_adds_a_second;
    return columns >= COLUMNS_LEAST && seconds_a_page < computing / 2;
}

/* As carve_allocate would get it. */
double memory_seconds_a_page(void)
{
    volatile char *memory = aligned_alloc(HUGE_BYTES, TRIED_BYTES);
    if (!memory)
        return 1;
    (void)madvise((void *)memory, TRIED_BYTES, MADV_HUGEPAGE);
    double start = clock_seconds();
    for (size_t i = 0; i < TRIED_BYTES; i += PAGE_BYTES)
        memory[i] = 1;
    double seconds = clock_seconds() - start;
    free((void *)memory);
    return seconds * PAGE_BYTES / TRIED_BYTES;
}

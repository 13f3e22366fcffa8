/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernel/peak.h"

#include <string.h>

#include "engine/kernel/kernel.h"
#include "src/base/num.h"

static const struct {
    const char *level;
    const struct kernel_peak *peaks; /* NULL: none */
    kernel_reader *read;             /* NULL: no better way */
} level_peaks[] = {
#if defined(__x86_64__)
    {"avx2", avx2_peaks, avx2_read},
    {"avx512", avx512_peaks, avx512_read},
    {"amx", amx_peaks, NULL},
#endif
    {"", NULL, NULL},
};

static bool cpu_has(const char *level)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    for (size_t i = kernel_levels(levels); i-- > 0;)
        if (strcmp(levels[i]->name, level) == 0)
            return true;
    return false;
}

size_t kernel_peaks(const struct kernel_peak *out[KERNEL_PEAKS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < countof(level_peaks); i++)
        if (level_peaks[i].peaks && cpu_has(level_peaks[i].level))
            for (const struct kernel_peak *peak = level_peaks[i].peaks; peak->name; peak++)
                out[count++] = peak;
    return count;
}

static uint64_t plain_read(const uint8_t *bytes, size_t len)
{
    const size_t part = len / READ_STREAMS / READ_STEP * READ_STEP;
    uint64_t sums[4] = {0};
    for (size_t at = 0; at < part; at += READ_STEP)
        for (size_t s = 0; s < READ_STREAMS; s++)
            for (size_t k = 0; k < READ_STEP / 8; k++) {
                uint64_t word = 0;
                memcpy(&word, bytes + s * part + at + 8 * k, sizeof word);
                sums[k % 4] ^= word;
            }
    return sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
}

kernel_reader *kernel_pick_reader(void)
{
    kernel_reader *best = plain_read;
    for (size_t i = 0; i < countof(level_peaks); i++)
        if (level_peaks[i].read && cpu_has(level_peaks[i].level))
            best = level_peaks[i].read;
    return best;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The number behind `key` in lines of "Key:   123 kB", in bytes; fallback if it is
 * not there. */
static uint64_t kilobytes_of(const char *path, const char *key, uint64_t fallback)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fallback;
    char line[256];
    uint64_t value = 0;
    bool found = false;
    while (!found && fgets(line, sizeof line, file)) {
        size_t len = strlen(key);
        found = strncmp(line, key, len) == 0 && sscanf(line + len, ": %" SCNu64, &value) == 1;
    }
    (void)fclose(file);
    return found ? value * 1024 : fallback;
}

/* The first number in a file. */
static uint64_t number_in(const char *path, uint64_t fallback)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fallback;
    uint64_t value = 0;
    bool found = fscanf(file, "%" SCNu64, &value) == 1; /* "max" is none */
    (void)fclose(file);
    return found ? value : fallback;
}

uint64_t memory_available(void)
{
    uint64_t available = kilobytes_of("/proc/meminfo", "MemAvailable", UINT64_MAX);
    uint64_t limit = number_in("/sys/fs/cgroup/memory.max", UINT64_MAX);
    uint64_t used = number_in("/sys/fs/cgroup/memory.current", 0);
    uint64_t left = limit == UINT64_MAX ? UINT64_MAX : limit > used ? limit - used : 0;
    return available < left ? available : left;
}

uint64_t memory_resident(void)
{
    return kilobytes_of("/proc/self/status", "VmRSS", 0);
}

uint64_t memory_resident_max(void)
{
    return kilobytes_of("/proc/self/status", "VmHWM", 0);
}

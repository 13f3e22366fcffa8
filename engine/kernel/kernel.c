/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernel/kernel.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "engine/engine.h"
#include "src/base/num.h"

#if defined(__x86_64__)

static bool has_avx2(void)
{
    /* clang 14 knows no name for F16C: CPUID leaf 1, ECX bit 29 */
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    bool f16c = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx >> 29 & 1);
    return f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* What the files of the level are compiled with.  The compilers' own check reads
 * CPUID and, by XGETBV, whether the system saves these registers. */
static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

/* The tiles are in the CPU (leaf 7, EDX: bit 24 AMX-TILE, 25 AMX-INT8), the system
 * saves them (XCR0: bits 17 and 18), and this process may use their 8 KB of state,
 * for which Linux wants to be asked.  Asking again changes nothing. */
static bool has_amx(void)
{
#if defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* asm/prctl.h of Linux 5.16 */
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0, xcr0 = 0;
    if (!has_avx512() || !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || (edx >> 24 & 3) != 3)
        return false;
    __asm__("xgetbv" : "=a"(xcr0), "=d"(edx) : "c"(0)); /* AVX-512 there: this is, too */
    return (xcr0 >> 17 & 3) == 3 && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}

#endif

static size_t find_levels(const struct kernel *out[KERNEL_LEVELS_MAX])
{
    size_t count = 0;
    out[count++] = &kernel_ref;
#if defined(__x86_64__)
    if (has_avx2())
        out[count++] = &kernel_avx2;
    if (has_avx512())
        out[count++] = &kernel_avx512;
    if (has_amx())
        out[count++] = &kernel_amx;
#elif defined(__aarch64__)
    out[count++] = &kernel_neon; /* every 64-bit Arm has it */
#endif
    return count;
}

static pthread_once_t levels_once = PTHREAD_ONCE_INIT;
static const struct kernel *levels_here[KERNEL_LEVELS_MAX];
static size_t levels_count;

static void note_levels(void)
{
    levels_count = find_levels(levels_here);
}

/* Found once: in a virtual machine each CPUID costs some 50 microseconds. */
size_t kernel_levels(const struct kernel *out[KERNEL_LEVELS_MAX])
{
    (void)pthread_once(&levels_once, note_levels);
    memcpy(out, levels_here, sizeof levels_here);
    return levels_count;
}

static const char *const level_names[] = {"ref", "avx2", "avx512", "amx", "neon"};

const struct kernel *kernel_pick(struct err *err)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t count = kernel_levels(levels);
    const char *wanted = getenv("BANKAI_CPU");
    if (!wanted || *wanted == '\0')
        return levels[count - 1];
    for (size_t i = 0; i < count; i++)
        if (strcmp(wanted, levels[i]->name) == 0)
            return levels[i];
    bool known = false;
    for (size_t i = 0; i < countof(level_names); i++)
        known |= strcmp(wanted, level_names[i]) == 0;
    (void)err_set(err, ERR_USAGE,
                  known ? "BANKAI_CPU is \"%s\", which this CPU does not have"
                        : "BANKAI_CPU is \"%s\", expected ref, avx2, avx512, amx or neon",
                  wanted);
    return NULL;
}

const char *engine_cpu_level(void)
{
    struct err ignored;
    const struct kernel *kernel = kernel_pick(&ignored);
    return kernel ? kernel->name : "none";
}

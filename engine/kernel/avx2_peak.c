/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Loops of 12 independent chains of each instruction, more than it takes to hide
 * its latency; in assembly, because compilers move such chains through memory.
 * Registers begin at zero: no number is slow.
 */
#include <immintrin.h>

#include "engine/kernel/peak.h"

enum { CHAINS = 12 };

static void multiply_adds(size_t rounds)
{
    __asm__ volatile("vzeroall\n"
                     "1:\n"
                     ".irp k, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
                     "vfmadd231ps %%ymm12, %%ymm13, %%ymm\\k\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     : "+r"(rounds)
                     :
                     : PEAK_CLOBBERED);
}

/* What avx2_product.c does for 32 lookups: the shuffle, a sum modulo 256, and a step
 * of a tree of averages. */
static void lookups(size_t rounds)
{
    __asm__ volatile("vzeroall\n"
                     "1:\n"
                     ".irp k, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
                     "vpshufb %%ymm12, %%ymm13, %%ymm14\n"
                     "vpaddb %%ymm14, %%ymm\\k, %%ymm\\k\n"
                     "vpavgb %%ymm14, %%ymm\\k, %%ymm\\k\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     : "+r"(rounds)
                     :
                     : PEAK_CLOBBERED);
}

/* What avx2_transposed.c does for 32 columns of four rows: lookups in both planes, words of
 * what they give, and those added to the sums before. */
static void word_lookups(size_t rounds)
{
    __asm__ volatile("vzeroall\n"
                     "1:\n"
                     ".irp k, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n"
                     "vpshufb %%ymm12, %%ymm13, %%ymm14\n"
                     "vpshufb %%ymm12, %%ymm13, %%ymm15\n"
                     "vpunpcklbw %%ymm14, %%ymm15, %%ymm11\n"
                     "vpunpckhbw %%ymm14, %%ymm15, %%ymm14\n"
                     "vpaddw %%ymm11, %%ymm\\k, %%ymm\\k\n"
                     "vpaddw %%ymm14, %%ymm\\k, %%ymm\\k\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     : "+r"(rounds)
                     :
                     : PEAK_CLOBBERED);
}

enum {
    MULTIPLY_ADDS = 2 * 8 * CHAINS,
    LOOKUPS = 2 * 4 * 32 / 2 * CHAINS, /* four columns of a row, in one of two planes */
    WORD_LOOKUPS = 2 * 4 * 32 * 10,
};

const struct kernel_peak avx2_peaks[] = {
    {"avx2", "float multiply-adds", MULTIPLY_ADDS, 0, 0, multiply_adds},
    {"avx2", "lookups, vpshufb", LOOKUPS, LOOKUPS, 0, lookups},
    {"avx2", "lookups, vpshufb to words", WORD_LOOKUPS, 0, WORD_LOOKUPS, word_lookups},
    {0},
};

uint64_t avx2_read(const uint8_t *bytes, size_t len)
{
    const size_t part = len / READ_STREAMS / READ_STEP * READ_STEP;
    __m256i sums[8] = {0};
    for (size_t at = 0; at < part; at += READ_STEP)
#pragma GCC unroll 4
        for (size_t s = 0; s < READ_STREAMS; s++)
#pragma GCC unroll 8
            for (size_t k = 0; k < 8; k++)
                sums[k] = _mm256_xor_si256(
                    sums[k], _mm256_load_si256((const __m256i *)(bytes + s * part + at + 32 * k)));
    for (size_t k = 1; k < 8; k++)
        sums[0] = _mm256_xor_si256(sums[0], sums[k]);
    return (uint64_t)_mm256_extract_epi64(sums[0], 0) ^ (uint64_t)_mm256_extract_epi64(sums[0], 2);
}

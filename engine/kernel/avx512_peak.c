/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * As avx2_peak.c, with wider registers and more instructions.
 */
#include <immintrin.h>

#include "engine/kernel/peak.h"

enum { CHAINS = 12 };

static void multiply_adds(size_t rounds)
{
    __asm__ volatile("vzeroall\n"
                     "1:\n"
                     ".irp k, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
                     "vfmadd231ps %%zmm12, %%zmm13, %%zmm\\k\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     : "+r"(rounds)
                     :
                     : PEAK_CLOBBERED);
}

static void byte_products(size_t rounds)
{
    __asm__ volatile("vzeroall\n"
                     "1:\n"
                     ".irp k, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
                     "vpdpbusd %%zmm12, %%zmm13, %%zmm\\k\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     : "+r"(rounds)
                     :
                     : PEAK_CLOBBERED);
}

/* What avx512_product.c does for 64 lookups: the permutation, and adding what was
 * found to 16 sums. */
static void lookups(size_t rounds)
{
    __asm__ volatile("vzeroall\n"
                     "1:\n"
                     ".irp k, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
                     "vpermb %%zmm12, %%zmm13, %%zmm14\n"
                     "vpdpbusd %%zmm14, %%zmm15, %%zmm\\k\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     : "+r"(rounds)
                     :
                     : PEAK_CLOBBERED);
}

/* What avx512_transposed.c does for 32 columns of five rows. */
static void word_lookups(size_t rounds)
{
    __asm__ volatile("vzeroall\n"
                     "1:\n"
                     ".irp k, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
                     "vpermw %%zmm12, %%zmm13, %%zmm14\n"
                     "vpaddw %%zmm14, %%zmm\\k, %%zmm\\k\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     : "+r"(rounds)
                     :
                     : PEAK_CLOBBERED);
}

enum {
    MULTIPLY_ADDS = 2 * 16 * CHAINS,
    BYTE_PRODUCTS = 2 * 64 * CHAINS,
    LOOKUPS = 2 * 4 * 64 / 2 * CHAINS, /* four columns of a row, in one of two planes */
    WORD_LOOKUPS = 2 * 5 * 32 * CHAINS,
};

const struct kernel_peak avx512_peaks[] = {
    {"avx512", "float multiply-adds", MULTIPLY_ADDS, 0, 0, multiply_adds},
    {"avx512", "byte products, vpdpbusd", BYTE_PRODUCTS, 0, 0, byte_products},
    {"avx512", "lookups, vpermb", LOOKUPS, LOOKUPS, 0, lookups},
    {"avx512", "lookups, vpermw", WORD_LOOKUPS, 0, WORD_LOOKUPS, word_lookups},
    {0},
};

uint64_t avx512_read(const uint8_t *bytes, size_t len)
{
    const size_t part = len / READ_STREAMS / READ_STEP * READ_STEP;
    __m512i sums[8] = {0};
    for (size_t at = 0; at < part; at += READ_STEP)
#pragma GCC unroll 4
        for (size_t s = 0; s < READ_STREAMS; s++)
#pragma GCC unroll 4
            for (size_t k = 0; k < 4; k++)
                sums[s % 2 * 4 + k] = _mm512_xor_si512(
                    sums[s % 2 * 4 + k], _mm512_load_si512(bytes + s * part + at + 64 * k));
    for (size_t k = 1; k < 8; k++)
        sums[0] = _mm512_xor_si512(sums[0], sums[k]);
    return (uint64_t)_mm512_reduce_add_epi64(sums[0]);
}

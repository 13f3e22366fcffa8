/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/avx512_table.h - where the tables of a token and a group lie.
 *
 * Four columns of a row are four sign bits, which select one of 16 sums.  A
 * table holds, for each selection, the sum of q where the bit is 1 minus
 * floor(sum of all four / 2); |entry| <= 32766 fits 16 bits, stored as a plane of
 * low bytes (unsigned) and a plane of high bytes (signed).  With e the sum of
 * the 32 entries of a row, the group's sum is 2 * e + correction, where the
 * correction is minus the number of tables whose sum of four is odd.
 *
 *   offset  size
 *   0       1024  [dword][nibble][plane][byte][16]: the four columns from
 *                 32 * dword + 8 * byte + 4 * nibble on; plane 0 low, 1 high
 *   1024    64    int32 correction, 16 times
 */
#ifndef ENGINE_KERNEL_AVX512_TABLE_H
#define ENGINE_KERNEL_AVX512_TABLE_H

#include "engine/kernel/level.h"

enum {
    DWORDS = KERNEL_GROUP / 32,
    NIBBLE_BYTES = 2 * 64,
    PLANES_BYTES = DWORDS * 2 * NIBBLE_BYTES,
};
_Static_assert(AVX512_TABLE_BYTES == PLANES_BYTES + 64, "planes, then the correction");

static inline uint8_t *tables_at(const struct activations *x, size_t token, size_t group)
{
    return x->tables + activations_place(x, token, group) * AVX512_TABLE_BYTES;
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * patches/patch_int.h - what the files of this folder share.
 */
#ifndef PATCHES_PATCH_INT_H
#define PATCHES_PATCH_INT_H

#include "patches/patch.h"

#define PATCH_FORMAT "bankai_row_xor_v1"
#define PATCH_FORMAT_2 "bankai_xor_v2"
#define PATCH_FORMAT_PACKED "bankai_xor_packed_v1"

enum { PATCH_FLIPS_MAX = 1000000 };

/* Does it flip single bits, which version 1 cannot say? */
bool patch_flips_bits(const struct patch *patch);

/* Ascending by matrix and row; then whole rows before groups, groups ascending. */
int patch_compare_rows(const struct flip *a, const struct flip *b);
int patch_compare_flips(const struct flip *a, const struct flip *b);

/* [P3]: false where two flips name the same weights; the pair whose second flip
 * comes first in the patch is told.  With tied, a row of the head is the same
 * row of the embedding. */
bool patch_refuse_repeats(const struct patch *patch, bool tied, struct err *err);

#endif

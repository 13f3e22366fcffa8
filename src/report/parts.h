/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/report/parts.h - how much of the rows that a patch touches it flips: what is left of
 * them where a method looked for the parts that carry the gain.
 */
#ifndef SRC_REPORT_PARTS_H
#define SRC_REPORT_PARTS_H

#include <jansson.h>

#include "patches/patch.h"

struct parts {
    uint64_t bits;     /* weights that are flipped */
    uint64_t row_bits; /* weights of the rows with any such */
    uint64_t rows;
};

struct parts parts_of(const struct patch *patch, const struct model *model);
/* A line; nothing where the rows are whole. */
void parts_text(struct buf *out, const struct parts *parts);
/* Keys bits_flipped and row_bits. */
void parts_json(json_t *object, const struct parts *parts);

#endif

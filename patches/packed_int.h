/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * patches/packed_int.h - the numbers of the binary form (FORMAT.md, "The binary form"),
 * for its writer and its reader.
 *
 * A section lists units of one size.  They are numbered through: matrices in the order of
 * patch_compare_flips, rows in a matrix, units in a row, a matrix being as large as the
 * flips of the section need, the same in every layer.  A patch may name layers, rows and
 * groups up to 2^31, so that a number has up to 104 bits.
 */
#ifndef PATCHES_PACKED_INT_H
#define PATCHES_PACKED_INT_H

#include "patches/patch_int.h"
#include "src/base/buf.h"

__extension__ typedef unsigned __int128 packed_index;

enum {
    PACKED_VERSION = 1,
    PACKED_MAGIC_BYTES = 4,
    PACKED_CHECK_BYTES = 8,
    PACKED_HASH_BYTES = 32,
    PACKED_ESCAPE = 24,    /* so many ones instead of a quotient: the gap follows as it is */
    PACKED_INDEX_BITS = 104,
    PACKED_UNIT_ROW = 0,
    PACKED_UNIT_GROUP = 1, /* 128 weights; 2: 64, ... 8: 1 */
    PACKED_UNIT_COUNT = 9,
};

extern const unsigned char packed_magic[PACKED_MAGIC_BYTES];

/* Fill in unit, layers, projs, rows and groups; packed_measure computes the rest. */
struct packed_section {
    unsigned unit;
    uint64_t layers;             /* one more than the highest layer, 0 without layers */
    unsigned projs;              /* bit 1 << enum proj of those it has flips in */
    uint64_t rows[PROJ_COUNT];   /* one more than the highest row in any layer */
    uint64_t groups[PROJ_COUNT]; /* of a row, the same way; 1 for rows */
    uint64_t count;              /* of units flipped */
    packed_index begin[PROJ_COUNT]; /* of a matrix in its layer; of embed and head from 0 */
    packed_index outside;        /* units of embed and head, which stand first */
    packed_index layer_units;
    packed_index space;          /* all units */
};

void packed_measure(struct packed_section *section);

/* Weights of a unit that is not a row; units in a group, 1 for rows. */
unsigned packed_unit_weights(unsigned unit);
unsigned packed_group_units(unsigned unit);

/* Number of the first unit of a group (of the row, for rows). */
packed_index packed_number(const struct packed_section *section, const struct flip *flip);
/* The row, group or chunk with that number, below section->space. */
struct flip packed_flip(const struct packed_section *section, packed_index number);

/* Bits that a gap has where it is written as it is. */
unsigned packed_index_bits(const struct packed_section *section);

/* Bits 0, weights, 2 * weights, ... */
uint64_t packed_every(unsigned weights);

/* ---- writing (pack_section.c) ---------------------------------------------------- */

/* The flips of a patch, made ready. */
struct packing {
    struct flip *flips; /* sorted, no two of one group */
    size_t count;
    uint8_t *units; /* [count] what each is written as */
};

/* The section of all flips written in this unit; false where there are none. */
bool packed_section_of(const struct packing *packing, unsigned unit, struct packed_section *out);
void packed_put_section(struct buf *out, const struct packing *packing,
                        const struct packed_section *section);
void packed_put_byte(struct buf *out, unsigned value);
/* Seven bits a byte, the lowest first; the highest bit says that more follow. */
void packed_put_number(struct buf *out, uint64_t value);

/* ---- both ------------------------------------------------------------------------ */

/* First bytes of the SHA-256. */
bool packed_check(const void *bytes, size_t len, unsigned char out[PACKED_CHECK_BYTES],
                  struct err *err);
/* bytes 2 * count hex digits, upper or lower case */
void packed_from_hex(const char *hex, unsigned char *bytes, size_t count);

bool patch_is_packed(const void *bytes, size_t len);
/* name goes into err->file. */
struct patch *patch_unpack(const void *bytes, size_t len, const char *name, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One section of the binary form: the units of one size, as gaps in Golomb-Rice codes.
 *
 * The gaps between random units are geometrically distributed.  There these codes are
 * within 5 % of the entropy wherever fewer than about half of the units are flipped.
 */
#include "patches/packed_int.h"

/* ---- the units of a section, one after the other --------------------------------- */

struct walk {
    const struct packing *packing;
    const struct packed_section *section;
    size_t next;         /* flip */
    uint64_t left[2];    /* first weights of the chunks of this flip that are to come */
    packed_index number; /* of this flip's group */
    packed_index after;  /* the lowest number that can come */
};

static struct walk walk_begin(const struct packing *packing, const struct packed_section *section)
{
    return (struct walk){.packing = packing, .section = section};
}

static bool next_flip(struct walk *walk)
{
    const struct packing *packing = walk->packing;
    unsigned unit = walk->section->unit;
    while (walk->next < packing->count && packing->units[walk->next] != unit)
        walk->next++;
    if (walk->next == packing->count)
        return false;
    const struct flip *flip = &packing->flips[walk->next++];
    walk->number = packed_number(walk->section, flip);
    bool chunks = unit > PACKED_UNIT_GROUP;
    uint64_t firsts = chunks ? packed_every(packed_unit_weights(unit)) : 0;
    walk->left[0] = chunks ? flip->mask[0] & firsts : 1;
    walk->left[1] = chunks ? flip->mask[1] & firsts : 0;
    return true;
}

/* Units that stay as they are between the last one and this one. */
static bool next_gap(struct walk *walk, packed_index *gap)
{
    if (walk->left[0] == 0 && walk->left[1] == 0 && !next_flip(walk))
        return false;
    unsigned word = walk->left[0] == 0, bit = (unsigned)__builtin_ctzll(walk->left[word]);
    walk->left[word] &= walk->left[word] - 1;
    packed_index number = walk->number;
    if (walk->section->unit > PACKED_UNIT_GROUP)
        number += (64 * word + bit) / packed_unit_weights(walk->section->unit);
    *gap = number - walk->after;
    walk->after = number + 1;
    return true;
}

/* ---- bits and numbers ------------------------------------------------------------ */

struct bits {
    struct buf *out;
    unsigned byte;
    unsigned held; /* bits in it, from the lowest */
};

static void put_bits(struct bits *bits, packed_index value, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        bits->byte |= (unsigned)(value >> i & 1) << bits->held;
        if (++bits->held < 8)
            continue;
        buf_add(bits->out, &(unsigned char){(unsigned char)bits->byte}, 1);
        bits->byte = bits->held = 0;
    }
}

static void put_rest(struct bits *bits)
{
    if (bits->held > 0)
        put_bits(bits, 0, 8 - bits->held);
}

void packed_put_byte(struct buf *out, unsigned value)
{
    buf_add(out, &(unsigned char){(unsigned char)value}, 1);
}

void packed_put_number(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        packed_put_byte(out, (unsigned)(value & 0x7F) | 0x80);
    packed_put_byte(out, (unsigned)value);
}

/* ---- a section ------------------------------------------------------------------- */

bool packed_section_of(const struct packing *packing, unsigned unit, struct packed_section *out)
{
    *out = (struct packed_section){.unit = unit};
    for (size_t i = 0; i < packing->count; i++) {
        const struct flip *flip = &packing->flips[i];
        uint64_t groups = unit == PACKED_UNIT_ROW ? 1 : (uint64_t)flip->group + 1;
        if (packing->units[i] != unit)
            continue;
        out->projs |= 1U << flip->proj;
        if (flip->layer != NO_LAYER && (uint64_t)flip->layer + 1 > out->layers)
            out->layers = (uint64_t)flip->layer + 1;
        if ((uint64_t)flip->row + 1 > out->rows[flip->proj])
            out->rows[flip->proj] = (uint64_t)flip->row + 1;
        if (groups > out->groups[flip->proj])
            out->groups[flip->proj] = groups;
    }
    packed_measure(out);
    struct walk walk = walk_begin(packing, out);
    for (packed_index gap = 0; next_gap(&walk, &gap);)
        out->count++;
    return out->count > 0;
}

static uint64_t bits_with(const struct packing *packing, const struct packed_section *section,
                          unsigned rice)
{
    uint64_t bits = 0;
    unsigned escaped = PACKED_ESCAPE + packed_index_bits(section);
    struct walk walk = walk_begin(packing, section);
    for (packed_index gap = 0; next_gap(&walk, &gap);) {
        packed_index quotient = gap >> rice;
        bits += quotient < PACKED_ESCAPE ? (unsigned)quotient + 1 + rice : escaped;
    }
    return bits;
}

/* The lowest of those that give the fewest bits; a unit takes more bits than it. */
static unsigned choose_rice(const struct packing *packing, const struct packed_section *section)
{
    unsigned best = 0;
    uint64_t best_bits = bits_with(packing, section, 0);
    for (unsigned rice = 1; section->count * (rice + 1) < best_bits; rice++) {
        uint64_t bits = bits_with(packing, section, rice);
        if (bits >= best_bits)
            continue;
        best = rice;
        best_bits = bits;
    }
    return best;
}

static void put_units(struct buf *out, const struct packing *packing,
                      const struct packed_section *section, unsigned rice)
{
    struct bits bits = {.out = out};
    struct walk walk = walk_begin(packing, section);
    for (packed_index gap = 0; next_gap(&walk, &gap);) {
        packed_index quotient = gap >> rice;
        if (quotient < PACKED_ESCAPE) {
            put_bits(&bits, ((packed_index)1 << quotient) - 1, (unsigned)quotient + 1);
            put_bits(&bits, gap, rice);
        } else {
            put_bits(&bits, ((packed_index)1 << PACKED_ESCAPE) - 1, PACKED_ESCAPE);
            put_bits(&bits, gap, packed_index_bits(section));
        }
    }
    put_rest(&bits);
}

void packed_put_section(struct buf *out, const struct packing *packing,
                        const struct packed_section *section)
{
    packed_put_byte(out, section->unit);
    packed_put_number(out, section->layers);
    packed_put_number(out, section->projs);
    for (int proj = 0; proj < PROJ_COUNT; proj++) {
        if (!(section->projs >> proj & 1))
            continue;
        packed_put_number(out, section->rows[proj]);
        if (section->unit != PACKED_UNIT_ROW)
            packed_put_number(out, section->groups[proj]);
    }
    unsigned rice = choose_rice(packing, section);
    packed_put_number(out, section->count);
    packed_put_byte(out, rice);
    put_units(out, packing, section, rice);
}

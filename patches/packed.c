/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How the units of a section are numbered, and what else writer and reader of the binary
 * form share.
 */
#include "patches/packed_int.h"

#include <string.h>

#include "src/base/sha256.h"

/* The first byte begins no text in UTF-8 that is followed by an x. */
const unsigned char packed_magic[PACKED_MAGIC_BYTES] = {0xF1, 'x', 'o', 'r'};

unsigned packed_unit_weights(unsigned unit)
{
    return (unsigned)GROUP_WEIGHTS >> (unit - PACKED_UNIT_GROUP);
}

unsigned packed_group_units(unsigned unit)
{
    return unit == PACKED_UNIT_ROW ? 1 : 1U << (unit - PACKED_UNIT_GROUP);
}

/* Each factor is at most 2^31, 2^31 and 2^7; with layers and matrices below 2^104. */
static packed_index matrix_units(const struct packed_section *section, int proj)
{
    if (!(section->projs >> proj & 1))
        return 0;
    return (packed_index)section->rows[proj] * section->groups[proj] *
           packed_group_units(section->unit);
}

void packed_measure(struct packed_section *section)
{
    section->outside = section->layer_units = 0;
    for (int proj = 0; proj < PROJ_COUNT; proj++) {
        packed_index *sum = proj < PROJ_LAYER_COUNT ? &section->layer_units : &section->outside;
        section->begin[proj] = *sum;
        *sum += matrix_units(section, proj);
    }
    section->space = section->outside + section->layers * section->layer_units;
}

packed_index packed_number(const struct packed_section *section, const struct flip *flip)
{
    packed_index number = section->begin[flip->proj];
    if (flip->layer != NO_LAYER)
        number += section->outside + (uint32_t)flip->layer * section->layer_units;
    packed_index group = (packed_index)flip->row * section->groups[flip->proj];
    if (flip->group != FLIP_WHOLE_ROW)
        group += (uint32_t)flip->group;
    return number + group * packed_group_units(section->unit);
}

static void set_mask(struct flip *flip, unsigned unit, unsigned chunk)
{
    if (unit == PACKED_UNIT_GROUP) {
        memcpy(flip->mask, flip_mask_all, sizeof flip->mask);
        return;
    }
    unsigned weights = packed_unit_weights(unit), bit = chunk * weights;
    uint64_t ones = weights == 64 ? UINT64_MAX : (UINT64_C(1) << weights) - 1;
    flip->mask[bit / 64] = ones << bit % 64;
}

struct flip packed_flip(const struct packed_section *section, packed_index number)
{
    struct flip flip = {.layer = NO_LAYER, .group = FLIP_WHOLE_ROW};
    int proj = PROJ_LAYER_COUNT, end = PROJ_COUNT;
    if (number >= section->outside) {
        number -= section->outside;
        flip.layer = (int32_t)(number / section->layer_units);
        number %= section->layer_units;
        proj = 0;
        end = PROJ_LAYER_COUNT;
    }
    while (proj + 1 < end && number >= section->begin[proj] + matrix_units(section, proj))
        proj++;
    number -= section->begin[proj];
    flip.proj = (enum proj)proj;
    unsigned chunk = (unsigned)(number % packed_group_units(section->unit));
    number /= packed_group_units(section->unit);
    flip.row = (uint32_t)(number / section->groups[proj]);
    if (section->unit != PACKED_UNIT_ROW) {
        flip.group = (int32_t)(number % section->groups[proj]);
        set_mask(&flip, section->unit, chunk);
    }
    return flip;
}

unsigned packed_index_bits(const struct packed_section *section)
{
    unsigned bits = 0;
    for (packed_index highest = section->space - 1; highest > 0; highest >>= 1)
        bits++;
    return bits;
}

uint64_t packed_every(unsigned weights)
{
    return weights == 64 ? 1 : UINT64_MAX / ((UINT64_C(1) << weights) - 1);
}

static unsigned hex_value(char digit)
{
    if (digit <= '9')
        return (unsigned)(digit - '0');
    return (unsigned)((digit | 0x20) - 'a') + 10;
}

void packed_from_hex(const char *hex, unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (unsigned char)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
}

bool packed_check(const void *bytes, size_t len, unsigned char out[PACKED_CHECK_BYTES],
                  struct err *err)
{
    char hex[SHA256_TEXT_SIZE];
    if (!sha256_text(bytes, len, hex, err))
        return false;
    packed_from_hex(hex, out, PACKED_CHECK_BYTES);
    return true;
}

bool patch_is_packed(const void *bytes, size_t len)
{
    return len >= PACKED_MAGIC_BYTES && memcmp(bytes, packed_magic, PACKED_MAGIC_BYTES) == 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The byte alphabet of GPT-2: a vocabulary file spells every byte as one visible
 * character, so that tokens are texts without white space and controls.
 *
 *   bytes 21-7E, A1-AC, AE-FF    stand for themselves (188 of them)
 *   bytes 00-20, 7F-A0, AD       are U+0100 ... U+0143, in this order
 *
 * A space is therefore U+0120, a newline U+010A.
 */
#include <string.h>

#include "engine/token/token_int.h"
#include "src/base/text.h"

enum {
    FIRST_STAND_IN = 0x100,
    AFTER_LOW = FIRST_STAND_IN + 0x21,        /* stands for 7F */
    AFTER_MIDDLE = AFTER_LOW + 0xA0 - 0x7F + 1, /* stands for AD, the last one */
};

uint32_t alphabet_point(unsigned char byte)
{
    if (byte <= 0x20)
        return FIRST_STAND_IN + (uint32_t)byte;
    if (byte >= 0x7F && byte <= 0xA0)
        return AFTER_LOW + (uint32_t)byte - 0x7F;
    if (byte == 0xAD)
        return AFTER_MIDDLE;
    return byte;
}

size_t alphabet_spell(unsigned char byte, char out[2])
{
    uint32_t point = alphabet_point(byte);
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    out[0] = (char)(0xC0 | point >> 6); /* point < 0x800 */
    out[1] = (char)(0x80 | (point & 0x3F));
    return 2;
}

/* The byte that a code point stands for, or -1. */
static int byte_of(uint32_t point)
{
    if (point > AFTER_MIDDLE)
        return -1;
    if (point == AFTER_MIDDLE)
        return 0xAD;
    if (point >= AFTER_LOW)
        return (int)(point - AFTER_LOW + 0x7F);
    if (point >= FIRST_STAND_IN)
        return (int)(point - FIRST_STAND_IN);
    return alphabet_point((unsigned char)point) == point ? (int)point : -1;
}

void alphabet_read(const char *spelling, size_t len, struct buf *out)
{
    for (size_t i = 0; i < len;) {
        uint32_t point = 0;
        size_t size = text_decode(spelling + i, len - i, &point);
        int byte = size > 0 ? byte_of(point) : -1;
        if (size == 0)
            size = 1;
        if (byte >= 0)
            buf_add(out, &(unsigned char){(unsigned char)byte}, 1);
        else
            buf_add(out, spelling + i, size);
        i += size;
    }
}

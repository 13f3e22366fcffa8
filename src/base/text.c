/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/text.h"

#include <stdio.h>
#include <string.h>

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Length announced by a first byte, or 0; *low is the smallest point of that length. */
static size_t sequence_length(unsigned char first, uint32_t *low)
{
    if (first < 0x80) {
        *low = 0;
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        *low = 0x80;
        return 2;
    }
    if ((first & 0xF0) == 0xE0) {
        *low = 0x800;
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        *low = 0x10000;
        return 4;
    }
    return 0;
}

size_t text_decode(const char *text, size_t len, uint32_t *point)
{
    if (len == 0)
        return 0;
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t low = 0;
    size_t size = sequence_length(bytes[0], &low);
    if (size == 0 || size > len)
        return 0;
    uint32_t value = size == 1 ? bytes[0] : bytes[0] & (0xFFu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if (!is_continuation(bytes[i]))
            return 0;
        value = value << 6 | (bytes[i] & 0x3Fu);
    }
    if (value < low || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *point = value;
    return size;
}

void text_add_point(struct buf *out, uint32_t point)
{
    char bytes[4];
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    bytes[0] = (char)(leads[size] | point);
    buf_add(out, bytes, size);
}

/* C0, DEL, C1, line separators, and what reorders or hides text. */
static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0x061C ||
           (point >= 0x200B && point <= 0x200F) || (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2060 && point <= 0x206F) || point == 0xFEFF ||
           (point >= 0xFFF9 && point <= 0xFFFB) || point >= 0xE0000;
}

static size_t escape(char out[16], uint32_t point)
{
    int len = 0;
    if (point == '\n' || point == '\r' || point == '\t')
        len = snprintf(out, 16, "\\%c", point == '\n' ? 'n' : point == '\r' ? 'r' : 't');
    else if (point < 0x100)
        len = snprintf(out, 16, "\\x%02X", (unsigned)point);
    else
        len = snprintf(out, 16, "\\u{%X}", (unsigned)point);
    return (size_t)len;
}

/* The shown form of the character at text[0]; returns the bytes consumed. */
static size_t show_one(const char *text, size_t len, char shown[16], size_t *shown_len)
{
    uint32_t point = 0;
    size_t size = text_decode(text, len, &point);
    if (size == 0) {
        memcpy(shown, "\xEF\xBF\xBD", 3);
        *shown_len = 3;
        return 1;
    }
    if (is_control(point)) {
        *shown_len = escape(shown, point);
        return size;
    }
    memcpy(shown, text, size);
    *shown_len = size;
    return size;
}

void text_visible(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        char shown[16];
        size_t shown_len = 0;
        i += show_one(text + i, len - i, shown, &shown_len);
        buf_add(out, shown, shown_len);
    }
}

void text_visible_into(char *out, size_t out_size, const char *text, size_t len)
{
    size_t used = 0;
    for (size_t i = 0; i < len;) {
        char shown[16];
        size_t shown_len = 0;
        i += show_one(text + i, len - i, shown, &shown_len);
        if (used + shown_len + 1 > out_size)
            break;
        memcpy(out + used, shown, shown_len);
        used += shown_len;
    }
    if (out_size > 0)
        out[used] = '\0';
}

void text_valid(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t point = 0;
        size_t size = text_decode(text + i, len - i, &point);
        if (size == 0)
            buf_add(out, "\xEF\xBF\xBD", 3);
        else
            buf_add(out, text + i, size);
        i += size ? size : 1;
    }
}

size_t text_columns(const char *text, size_t len)
{
    size_t columns = 0;
    for (size_t i = 0; i < len; columns++) {
        uint32_t point = 0;
        size_t size = text_decode(text + i, len - i, &point);
        i += size ? size : 1;
    }
    return columns;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How numbers and flips are written (FORMAT.md).
 *
 * 17 significant digits name every double (IEEE 754-2008, 5.12.2), so that text
 * that any JSON reader understands is exact both ways.  Numbers are written and
 * read with a decimal point: the program sets no locale but LC_CTYPE.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/session/session_int.h"

void numbers_free(struct numbers *numbers)
{
    free(numbers->data);
    *numbers = (struct numbers){0};
}

/* ---- numbers ---------------------------------------------------------------- */

void number_print(struct buf *out, double value)
{
    char text[32];
    if (isnan(value))
        buf_add_text(out, "null");
    else if (isinf(value)) /* beyond every double, and still JSON */
        buf_add_text(out, value > 0 ? "1e999" : "-1e999");
    else if (value == 0)   /* an integer 0 has no sign */
        buf_add_text(out, signbit(value) ? "-0.0" : "0");
    else
        buf_add(out, text, (size_t)snprintf(text, sizeof text, "%.17g", value));
}

void numbers_print(struct buf *out, const double *data, size_t count)
{
    buf_add_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add(out, ",", 1);
        number_print(out, data[i]);
    }
    buf_add_text(out, "]");
}

/* Room for one more; an empty list has some memory too: NULL is no list. */
static void make_room(struct numbers *out)
{
    if (out->count < out->capacity)
        return;
    out->capacity = out->capacity ? out->capacity * 2 : 128;
    out->data = x_grow(out->data, out->capacity, sizeof *out->data);
}

/* One number at text, which a zero byte ends; returns its end, or NULL. */
static const char *parse_number(const char *text, double *out)
{
    if (strncmp(text, "null", 4) == 0) {
        *out = (double)NAN;
        return text + 4;
    }
    size_t len = strspn(text, "+-.0123456789eE"); /* no names, no hexadecimal digits */
    char *end = NULL;
    *out = strtod(text, &end);
    return len > 0 && end == text + len ? end : NULL;
}

bool numbers_parse(const char *text, size_t len, struct numbers *out)
{
    out->count = 0;
    make_room(out);
    const char *end = text + len;
    if (len < 2 || text[0] != '[' || end[-1] != ']')
        return false;
    const char *at = text + 1;
    if (at == end - 1)
        return true;
    for (;; at++) {
        double value = 0;
        at = parse_number(at, &value);
        if (!at || at >= end)
            return false;
        make_room(out);
        out->data[out->count++] = value;
        if (*at != ',')
            return at == end - 1;
    }
}

bool row_numbers(struct query *query, int column, struct numbers *out)
{
    out->count = 0;
    if (row_is_null(query, column))
        return false;
    size_t len = 0;
    const char *text = row_text(query, column, &len);
    if (query->ok && !numbers_parse(text, len, out))
        (void)row_refuse(query, column, "a JSON array of numbers and nulls");
    return query->ok;
}

/* ---- flips ------------------------------------------------------------------ */

void mask_print(const struct flip *flip, char out[MASK_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++) {
        unsigned byte = (unsigned)(flip->mask[i / 8] >> 8 * (i % 8) & 0xFF);
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
    out[MASK_TEXT_SIZE - 1] = '\0';
}

bool mask_parse(const char *text, size_t len, uint64_t mask[2])
{
    if (len != MASK_TEXT_SIZE - 1 || strspn(text, "0123456789abcdef") != len)
        return false;
    mask[0] = mask[1] = 0;
    for (size_t i = 0; i < 32; i++) {
        uint64_t digit = (uint64_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
        mask[i / 16] |= digit << (8 * (i / 2 % 8) + (i % 2 ? 0 : 4));
    }
    return true;
}

void query_flip(struct query *query, const struct flip *flip, char mask[MASK_TEXT_SIZE])
{
    if (flip->layer == NO_LAYER)
        query_null(query);
    else
        query_int(query, flip->layer);
    query_text(query, proj_name(flip->proj));
    query_int(query, flip->row);
    if (flip->group == FLIP_WHOLE_ROW) {
        query_null(query);
        query_null(query);
        return;
    }
    mask_print(flip, mask);
    query_int(query, flip->group);
    query_text(query, mask);
}

void row_flip(struct query *query, int column, struct flip *flip)
{
    *flip = (struct flip){.layer = NO_LAYER, .group = FLIP_WHOLE_ROW};
    const char *name = row_text(query, column + 1, NULL);
    if (query->ok && (!proj_parse(name, &flip->proj) || strcmp(name, proj_name(flip->proj)) != 0))
        (void)row_refuse(query, column + 1, "the name of a projection");
    bool in_layer = flip->proj < PROJ_LAYER_COUNT;
    if (query->ok && in_layer == row_is_null(query, column))
        (void)row_refuse(query, column, in_layer ? "a layer" : "NULL for embed and head");
    if (in_layer)
        flip->layer = (int32_t)row_int(query, column, 0, INT32_MAX);
    flip->row = (uint32_t)row_int(query, column + 2, 0, UINT32_MAX);
    bool whole_row = row_is_null(query, column + 3);
    if (query->ok && whole_row != row_is_null(query, column + 4))
        (void)row_refuse(query, column + 4, "a mask for a group, NULL for a row");
    if (whole_row)
        return;
    flip->group = (int32_t)row_int(query, column + 3, 0, INT32_MAX);
    size_t len = 0;
    const char *mask = row_text(query, column + 4, &len);
    if (query->ok && !mask_parse(mask, len, flip->mask))
        (void)row_refuse(query, column + 4, "32 hex digits in lower case");
}

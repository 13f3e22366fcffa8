/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/text.h - UTF-8 and text that is safe to show.
 *
 * Models and files contain any bytes.  Nothing of them may drive a terminal:
 * control characters (C0, DEL, C1, and the bidirectional overrides) are shown
 * as \n, \t, \r, \xHH or \u{HHHH}; bytes that are not UTF-8 as U+FFFD.
 */
#ifndef SRC_BASE_TEXT_H
#define SRC_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"

/* Decode one code point at text[0..len).  Returns its length in bytes and
 * sets *point, or returns 0 where the bytes are not valid UTF-8 (RFC 3629:
 * no surrogates, no overlong forms) or len is 0. */
size_t text_decode(const char *text, size_t len, uint32_t *point);

/* Append one code point as UTF-8. */
void text_add_point(struct buf *out, uint32_t point);

/* Append text with control characters made visible. */
void text_visible(struct buf *out, const char *text, size_t len);

/* The same into a fixed array, always terminated, cut at a character. */
void text_visible_into(char *out, size_t out_size, const char *text, size_t len);

/* Append text with each invalid byte as U+FFFD, nothing else changed (for JSON). */
void text_valid(struct buf *out, const char *text, size_t len);

/* Number of terminal columns if every code point took one: for tables. */
size_t text_columns(const char *text, size_t len);

#endif

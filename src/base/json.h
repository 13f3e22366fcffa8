/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/json.h - JSON documents of people, read with good messages.
 *
 * A thin layer over jansson.  Syntax errors carry line and column; duplicate
 * keys are refused; errors of meaning name the JSON path ("flips[3].row"),
 * the value found and what was expected.
 */
#ifndef SRC_BASE_JSON_H
#define SRC_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"

/* From now on no value is missing for want of memory: the program ends instead
 * (err_no_memory).  Otherwise parsing calls it a syntax error, and printing leaves out
 * what was not built.  Before anything else of JSON; main does it. */
void json_need_memory(void);

/* Parse text[0..len); NULL and err on failure.  name goes into err->file.
 * The caller owns the result (json_decref). */
json_t *json_parse(const char *text, size_t len, const char *name, struct err *err);

/* One document on each line that is not blank, as an array; JSON lines. */
json_t *json_parse_lines(const char *text, size_t len, const char *name, struct err *err);

/* Read and parse a file of at most 256 MiB; one whose name ends in ".jsonl" as lines. */
json_t *json_read(const char *path, struct err *err);

/* The same for documents with what a model said: it may say U+0000, which elsewhere is
 * refused.  Take strings of these by json_field_text and json_field_said. */
json_t *json_parse_said(const char *text, size_t len, const char *name, struct err *err);
json_t *json_read_said(const char *path, struct err *err);

/* Append the document as text: one line, or indented by two. */
void json_print(struct buf *out, const json_t *value, bool indented);

/* A JSON string of any bytes: invalid UTF-8 becomes U+FFFD.  New reference. */
json_t *json_text(const char *text, size_t len);

/* What a value is, in words: "a string", "null", "an array", ... */
const char *json_kind(const json_t *value);

#endif

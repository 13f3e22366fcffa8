/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/json_field.h - values of a JSON document, taken out with a proof of
 * their kind.
 *
 * Each function names a value by the JSON path of its object ("flips[3]", ""
 * for the document itself) and its key.  A wrong one is refused with its full
 * path in err->where, what was found and what was expected.  Texts are borrowed
 * from the document.
 */
#ifndef SRC_BASE_JSON_FIELD_H
#define SRC_BASE_JSON_FIELD_H

#include "src/base/json.h"

/* "is a string (\"12\"), expected ..." or "is missing, expected ..." (value
 * NULL); always returns false.  key may be NULL: the path alone. */
bool json_refuse(const json_t *value, const char *path, const char *key, const char *expected,
                 struct err *err);

/* *out is NULL where the key is absent and not required.  Text with U+0000 is refused. */
bool json_field_text(const json_t *object, const char *path, const char *key, bool required,
                     const char **out, struct err *err);

/* What a model said: required, and with its length, as U+0000 may be in it. */
bool json_field_said(const json_t *object, const char *path, const char *key, const char **out,
                     size_t *len, struct err *err);

/* An integer from min to max; a fraction, even 3.0, is none. */
bool json_field_int(const json_t *object, const char *path, const char *key, int64_t min,
                    int64_t max, int64_t *out, struct err *err);

/* *out is NULL where the key is absent and not required. */
bool json_field_array(const json_t *object, const char *path, const char *key, bool required,
                      json_t **out, struct err *err);

/* A value further down: keys and, in arrays, indexes from 0, with '.' between; borrowed,
 * NULL if there is none. */
json_t *json_field_at(json_t *value, const char *path);

#endif

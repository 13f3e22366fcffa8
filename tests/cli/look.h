/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/cli/look.h - fields of JSON output, and what other programs say of files.
 */
#ifndef TESTS_CLI_LOOK_H
#define TESTS_CLI_LOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/cli/run.h"
#include "tests/tiny.h"

/* The field is there and of this type; borrowed.  Booleans: JSON_TRUE for both. */
json_t *look(const json_t *object, const char *key, json_type type);
int64_t look_int(const json_t *object, const char *key);
double look_real(const json_t *object, const char *key);
const char *look_text(const json_t *object, const char *key);
bool look_bool(const json_t *object, const char *key);

/* Standard output as one JSON value with texts of any characters, U+0000 too;
 * the caller owns it. */
json_t *look_any(const struct run *run);

/* The last of an array of objects. */
json_t *look_last(const json_t *array);
/* The last line of an output of JSON lines; the caller owns it, and the run is freed. */
json_t *look_end(struct run *run);

/* First word that sha256sum prints of the file; valid until the next call. */
const char *look_sha256(const char *path);
uint64_t look_file_bytes(const char *path);
bool look_exists(const char *path);

/* Write targets for training, JSON lines: the second derivatives of a x^n, a from first to
 * last, n from 3 to 8; returns the path. */
const char *look_targets(const char *name, unsigned first, unsigned last);
/* Options of trainings that take no time. */
#define LOOK_SMALL "--batch", "12", "--batch-controls", "6", "--flips", "8", "--flips-max", "20"

/* Write such a model into the temporary folder and return its path. */
const char *look_tiny_model(const char *name, const struct tiny *tiny);

/* Both files hold the same bytes. */
void look_same_files(const char *a, const char *b);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/sha256.h - SHA-256 (FIPS 180-4) of memory, as 64 hex digits.
 */
#ifndef SRC_BASE_SHA256_H
#define SRC_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

enum { SHA256_TEXT_SIZE = 65 };

bool sha256_text(const void *bytes, size_t len, char out[SHA256_TEXT_SIZE], struct err *err);

/* Is text 64 lower-case or upper-case hex digits and nothing else? */
bool sha256_is_text(const char *text);

#endif

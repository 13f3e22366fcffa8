/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/sha256.h - SHA-256 (FIPS 180-4) of memory or of a stream, as 64 hex
 * digits.
 */
#ifndef SRC_BASE_SHA256_H
#define SRC_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

enum { SHA256_TEXT_SIZE = 65 };

/* From now on libcrypto is never refused memory: the program ends instead
 * (err_no_memory).  Its own beginnings, when they fail, leave NULL pointers that it then
 * reads from.  Before anything else of it; main does it. */
void sha256_need_memory(void);

bool sha256_text(const void *bytes, size_t len, char out[SHA256_TEXT_SIZE], struct err *err);

/* Of bytes that come piece by piece; after the end it is of no use any more. */
struct sha256;

struct sha256 *sha256_new(struct err *err);
bool sha256_add(struct sha256 *hash, const void *bytes, size_t len, struct err *err);
bool sha256_end(struct sha256 *hash, char out[SHA256_TEXT_SIZE], struct err *err);
void sha256_free(struct sha256 *hash);

/* Is text 64 lower-case or upper-case hex digits and nothing else? */
bool sha256_is_text(const char *text);

#endif

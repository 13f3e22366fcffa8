/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/train_pass.h - one description of a format for both directions: each call
 * writes the value, or reads it.
 *
 * Numbers are little-endian.  After the first thing that is wrong nothing more is read:
 * values are zero, and pass->ok is false.
 */
#ifndef ENGINE_SEARCH_TRAIN_PASS_H
#define ENGINE_SEARCH_TRAIN_PASS_H

#include "src/base/buf.h"
#include "src/base/err.h"

struct pass {
    bool reading;
    struct buf *out;          /* writing: appended to */
    const unsigned char *bytes; /* reading */
    size_t len, at;
    bool ok;
    struct err *err; /* filled in where ok becomes false: what and at which byte */
};

/* False, always; the first complaint counts. */
bool pass_refuse(struct pass *pass, const char *what);

/* Bytes that are left to read. */
size_t pass_left(const struct pass *pass);

void pass_bytes(struct pass *pass, void *bytes, size_t len);
void pass_u64(struct pass *pass, uint64_t *value);
void pass_double(struct pass *pass, double *value); /* any but NaN */
/* As u64; reading refuses more than most. */
void pass_size(struct pass *pass, size_t *value, size_t most, const char *what);
void pass_bool(struct pass *pass, bool *value);
/* A list of sizes below `below`, 4 bytes each; reading allocates it (count 0: NULL). */
void pass_sizes(struct pass *pass, size_t **values, size_t *count, size_t below,
                const char *what);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/num.h - sizes from files, computed without overflow, and numbers
 * from people.
 */
#ifndef SRC_BASE_NUM_H
#define SRC_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define countof(array) (sizeof(array) / sizeof((array)[0]))

/* False when the result does not fit; *out is then unspecified. */
static inline bool num_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool num_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* The whole text is one decimal number; nothing before or after it. */
bool num_parse_int(const char *text, int64_t *out);
bool num_parse_double(const char *text, double *out);

#endif

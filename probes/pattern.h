/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/pattern.h - regular expressions of people, run on texts of models.
 *
 * Syntax: PCRE2 (pcre2pattern), with Unicode properties.  Texts are any bytes: a
 * match never crosses a byte that is no UTF-8.  A pattern that would take too long or
 * too much memory is stopped and told.
 */
#ifndef PROBES_PATTERN_H
#define PROBES_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

enum {
    PATTERN_BYTES_MAX = 4096,
    PATTERN_MATCH_LIMIT = 1000000, /* steps of the matcher */
    PATTERN_DEPTH_LIMIT = 100000,  /* of backtracking */
    PATTERN_HEAP_KIB = 32 << 10,
};

struct pattern;

/* NULL and err, with the place in the pattern, where it does not compile. */
struct pattern *pattern_new(const char *text, struct err *err);

struct pattern_match {
    bool found;
    size_t start; /* of the first group if the pattern has one, else of the whole match */
    size_t len;
};

/* The first match; a first group that took no part in it is empty. */
bool pattern_find(const struct pattern *pattern, const char *text, size_t len,
                  struct pattern_match *match, struct err *err);

void pattern_free(struct pattern *pattern);

#endif

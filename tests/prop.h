/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/prop.h - property tests: many generated cases, one rule, a small
 * counterexample.
 *
 * A case is a byte string.  The generator draws it from a struct rng alone, so
 * a seed and a case number name it for good; checks that need something else
 * (numbers, operations) read it out of the bytes, which makes every case
 * shrinkable.  BANKAI_PROP_SEED runs other cases, BANKAI_PROP_CASES more.
 */
#ifndef TESTS_PROP_H
#define TESTS_PROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/rng.h"

struct prop {
    const char *name;
    uint64_t seed;
    size_t cases;
    /* Appends one case to out. */
    void (*generate)(struct rng *rng, void *user, struct buf *out);
    /* Does the rule hold?  May append to why what was found. */
    bool (*holds)(void *user, const char *bytes, size_t len, struct buf *why);
    void *user; /* borrowed, for both */
};

/* True when the rule holds for all cases.  Otherwise report says the seed, the
 * case, and the shortest counterexample that shrinking reached. */
bool prop_run(const struct prop *prop, struct buf *report);

/* ---- generators --------------------------------------------------------- */

struct prop_text {
    size_t parts_max;         /* pieces strung together, at least 1 */
    size_t run_max;           /* longest run of one character */
    const char *const *words; /* spellings worth meeting, or NULL */
    size_t word_count;
};

/* Append a text as models and people should not write it: words, digits, runs
 * of white space, any code points, broken UTF-8, any bytes, and the words. */
void prop_add_text(struct rng *rng, const struct prop_text *shape, struct buf *out);

/* Append a code point below 0x110000 as UTF-8 (a surrogate gives invalid bytes). */
void prop_add_utf8(struct buf *out, uint32_t point);

/* Append one random code point, no surrogates, all lengths equally likely. */
void prop_add_point(struct rng *rng, struct buf *out);

#endif

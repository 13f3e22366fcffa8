/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/refine.h - from a row that was accepted to the parts of it that carry the gain.
 *
 *   units   parts of the row that are on: groups of 128 weights, or chunks of a group
 *   order   by what one backward pass promises of taking each off again, the best first;
 *           those of which it promises nothing stay
 *   batch   all of them are taken off together, and stay off unless the fitness falls;
 *           else the better half is tried, then the other, and so on, with REFINE_TRIES
 *           candidates at most
 *
 * All of it follows from the flips that were on when it began and from what became of the
 * candidates since.
 */
#ifndef ENGINE_SEARCH_REFINE_H
#define ENGINE_SEARCH_REFINE_H

#include "engine/search/search_int.h"

enum { REFINE_TRIES = 8, REFINE_PARTS = 2 * REFINE_TRIES };

struct refine_unit {
    struct flip flip;
    double change; /* of the fitness when it is taken off, predicted */
};

/* How far it is. */
struct refine_place {
    size_t at;                  /* units before it are done with */
    size_t parts[REFINE_PARTS]; /* [part_count] how many are to be tried, the next last */
    size_t part_count, tries;
};

struct refine {
    int32_t layer; /* of the row; what the predictions look at */
    struct predict *predict[GRANULARITY_COUNT];
    struct refine_unit *units; /* [unit_count] best first */
    size_t unit_count;
    struct refine_place place;
};

/* The model at hand: what is on, and its gaps. */
struct refine_model {
    const struct flip *flips; /* [count] */
    size_t count;
    const double *gaps;
};

/* Choose the units of a row; chunk: weights of each, GROUP_WEIGHTS or a power of two below. */
bool refine_begin(struct search *search, struct refine *refine, const struct flip *row,
                  unsigned chunk, const struct refine_model *model, cancel_flag *cancel,
                  struct err *err);
/* Flips of the next candidate: units[at .. at + count); 0: nothing is left to try. */
size_t refine_count(const struct refine *refine);
/* What became of it; false: that cannot have been it. */
bool refine_tried(struct refine *refine, size_t count, bool accepted);
void refine_free(struct refine *refine);

/* Which weights of a group of a row are on, of all flips: mask. */
void refine_on(const struct flip *flips, size_t count, const struct flip *row, uint32_t group,
               uint64_t mask[2]);

#endif

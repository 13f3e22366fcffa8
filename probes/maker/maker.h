/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/maker/maker.h - any number of further probes: questions from templates, with
 * exact answers and plausible wrong ones.
 *
 * A family is a kind of question (poly_deriv, prime, ...) of the embedded model's
 * training text (engine/nano/README.md); the two sides of a family are what that model
 * was or could have been trained on, and what it never met.
 *
 * [M1] same family, side, seed and number: same probes, on every machine; fewer are the
 *      first of more.
 * [M2] prompts are distinct; none is one of nano-heldout, calculus-heldout or the
 *      reserved half of calculus-train: a search on them can still be judged by these.
 * [M3] a probe is on the side that was asked for, by the rule that decided what the
 *      embedded model was trained on (engine/nano/split.py).
 */
#ifndef PROBES_MAKER_MAKER_H
#define PROBES_MAKER_MAKER_H

#include "probes/probe.h"

enum maker_side { MAKER_TRAIN, MAKER_HELDOUT };

enum {
    MAKER_USUAL_COUNT = 100,
    MAKER_USUAL_SEED = 1,
    MAKER_COUNT_MAX = 1000000,
};

struct maker_request {
    size_t family; /* index of maker_families */
    size_t count;
    uint64_t seed;
    enum maker_side side;
};

/* Name and what is asked, by index; name NULL ends them. */
struct maker_family {
    const char *name;
    const char *help;
};
const struct maker_family *maker_families(void);
bool maker_family_parse(const char *name, size_t *family, struct err *err);
bool maker_side_parse(const char *name, enum maker_side *side);

/* Is this a spec of a generated set, "gen:..."? */
bool maker_is_spec(const char *spec);
/* gen:FAMILY[:N[:SEED[:train|heldout]]] */
bool maker_parse(const char *spec, struct maker_request *request, struct err *err);

/* The first request->count probes of the family, or all that were found where it has not
 * so many (there is none: an empty set).  The set's name is the whole spec.  NULL and err
 * where the machine fails. */
struct probe_set *maker_make(const struct maker_request *request, struct err *err);

/* The same of a spec; refused where there are not so many. */
struct probe_set *maker_load(const char *spec, struct err *err);

#endif

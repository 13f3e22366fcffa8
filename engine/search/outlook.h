/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/outlook.h - what one backward pass says of any state of a search: the best
 * units to put on, and what certain flips would do.  For methods (method.h).
 */
#ifndef ENGINE_SEARCH_OUTLOOK_H
#define ENGINE_SEARCH_OUTLOOK_H

#include "engine/search/flip_bag.h"
#include "engine/search/method.h"
#include "engine/search/pool.h"

struct outlook {
    /* of the last pass */
    bool made;
    struct best list;    /* the best units that are not on, the first of them first */
    struct promise *asked; /* [asked_count] in the order of the question; a change that cannot
                            * be predicted is -HUGE_VAL */
    size_t asked_count;

    /* kept from pass to pass */
    struct pool pool; /* the units, of the layers and projections chosen */
    uint32_t projs;   /* what is predicted: those of layers, and of embed and head the chosen */
    int32_t *layers;  /* [layer_count] all */
    size_t layer_count;
    struct predict *predict[GRANULARITY_COUNT];
};

struct outlook_question {
    const struct flip_bag *on;    /* the flips that are on in the state asked about */
    const struct flip_bag *about; /* flips to put on or take off; NULL: none */
    const double *weights;        /* of the judge */
    size_t most;                  /* units of the list */
    bool by_size;                 /* by |change| instead of change */
};

/* Of a method's begin; options->layers are borrowed for the call.  Flips of embed and head
 * are predicted where one may choose from these. */
bool outlook_init(struct outlook *outlook, const struct model *model,
                  const struct search_options *options, struct err *err);
/* Units that could be put on: of the chosen layers and projections. */
uint64_t outlook_units(const struct outlook *outlook);
/* The same for a method's table, where the plan begins with an outlook. */
uint64_t outlook_candidates(const struct search *search);
/* The model is as it was when it returns; what was made before is gone on failure. */
bool outlook_make(struct outlook *outlook, struct search *search,
                  const struct outlook_question *question, cancel_flag *cancel,
                  struct err *err);
void outlook_free(struct outlook *outlook);

/* The flips that are on now, or were when an earlier run chose candidate `number`; *out is
 * replaced. */
void search_on(const struct search *search, struct flip_bag *out);
bool past_on(const struct search_past *past, uint64_t number, struct flip_bag *out,
             struct err *err);
/* The candidate that makes these flips, and no others, be on. */
void search_aim(struct search *search, const struct flip_bag *at);
/* Gaps [targets + controls] with just these flips on, measured unless they are known. */
bool search_gaps_at(struct search *search, const struct flip_bag *on, double *gaps,
                    cancel_flag *cancel, struct err *err);

#endif

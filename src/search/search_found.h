/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/search_found.h - what a method found besides the flips that are on: the Pareto
 * front of `joint`, beside patches for one domain that are stacked, and how far the order of
 * `bfs` is to be believed.
 */
#ifndef SRC_SEARCH_SEARCH_FOUND_H
#define SRC_SEARCH_SEARCH_FOUND_H

#include <jansson.h>

#include "engine/search/record.h"

struct search_found_request {
    const char *stack; /* patches, comma-separated, to stack beside the front; or NULL */
    bool search_alone; /* search for each domain alone, and stack what comes of it */
};

/* Is that for this method? */
bool search_found_check(const struct search_found_request *request, enum search_method method,
                        struct err *err);

/* At the end of a search, with its flips on: an object, empty with most methods; the caller
 * owns it.  `domains`, `front`: [{candidate, fitness, flips, on}], `stacking`: [{name, fitness,
 * flips}] (the last is the stack), `above_stack`: candidates of the front that are better for
 * every domain or as good; `check`: {units, spearman}.  NULL: err. */
json_t *search_found(struct search *search, struct model *model,
                     const struct search_inputs *probes, const struct search_options *options,
                     const struct search_found_request *request, struct err *err);
/* Tables of it, "" if there is nothing to tell. */
void search_found_text(struct buf *out, const json_t *found);

#endif

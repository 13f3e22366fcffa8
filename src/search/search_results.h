/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/search_results.h - what a patch did to the answers, in its metadata
 * (patches/FORMAT.md, `results`).
 */
#ifndef SRC_SEARCH_SEARCH_RESULTS_H
#define SRC_SEARCH_SEARCH_RESULTS_H

#include <jansson.h>

#include "engine/search/record.h"
#include "probes/evaluate.h"

/* {SET: {n, right_base, right_now, fixed, broke}}; base and now are of the set. */
json_t *search_results_json(const struct probe_set *set, const struct evaluation *base,
                            const struct evaluation *now);

/* Of targets, controls and held-out probes, as far as there are some; base and now are of
 * all of them. */
void search_results_set(struct patch *patch, const struct search_inputs *probes,
                        const struct evaluation *base, const struct evaluation *now);

#endif

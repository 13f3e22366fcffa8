/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/search_seeds.h - the same search under several seeds: what is luck in it?
 *
 * Seeds are that of the request, the next one, and so on; each search begins on the
 * model without flips.  The patch file gets the flips of the seed with the highest
 * fitness, of equal ones the first: what targets and controls say, never the held-out
 * probes, which would be a way of searching on them.
 *
 * [V1] each search is, to the bit, the one that search_job_run does with that seed.
 * [V2] the patch file is written when a seed is done and the best so far: what was
 *      shown of finished seeds survives a crash.
 */
#ifndef SRC_SEARCH_SEARCH_SEEDS_H
#define SRC_SEARCH_SEARCH_SEEDS_H

#include "src/search/search_job.h"

enum { SEARCH_SEEDS_MAX = 10000 };

/* For a command's table of options. */
#define SEARCH_SEEDS_OPTIONS                                                              \
    {"seeds", 0, "N", "search under N seeds, --seed and those after it: the spread"},     \
    {"repeats", 0, "N", "the same as --seeds"}

/* What was given of these options; 0: none of them. */
bool search_seeds_option(const struct arguments *arguments, size_t *seeds, struct err *err);

/* The request has no session.  Returns an exit status as search_job_run: "no" where
 * nothing was accepted under any seed. */
int search_seeds_run(const struct search_request *request, size_t seeds, struct err *err);

#endif

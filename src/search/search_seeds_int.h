/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/search_seeds_int.h - what search_seeds.c runs and search_seeds_report.c prints.
 */
#ifndef SRC_SEARCH_SEARCH_SEEDS_INT_H
#define SRC_SEARCH_SEARCH_SEEDS_INT_H

#include "engine/search/record.h"
#include "probes/compare.h"
#include "src/report/drift.h"
#include "src/report/heldout_looks.h"
#include "src/report/null_run.h"
#include "src/search/search_job.h"

/* What a search under one seed came to. */
struct seed_run {
    uint64_t seed;
    size_t flips;
    uint64_t tried;
    uint64_t screened;
    double fitness;
    double seconds;
    struct comparison *sets; /* [set_count] */
    size_t set_count;
};

struct seeds_job {
    const struct search_request *request;
    size_t seeds;
    struct model *model;
    struct search_inputs probes;
    struct buf output; /* path of the patch file */
    struct buf starts; /* what each begins with */
    struct evaluation *base;
    struct seed_run *runs; /* [run_count] finished ones */
    size_t run_count;
    struct patch *patch;      /* of the best so far, or NULL: nothing was accepted */
    struct evaluation *now;   /* with it */
    uint64_t best_seed;
    double best_fitness;
    struct heldout_looks looks;
    struct drift drift;    /* of the patch */
    struct null_run *null; /* or NULL */
    bool interrupted;
    struct progress line;
};

void seeds_print_start(const struct seeds_job *job);
void seeds_print_tried(uint64_t seed, const struct search_try *tried);
/* A seed is done. */
void seeds_print_run(const struct seeds_job *job, const struct seed_run *run);
void seeds_print_end(const struct seeds_job *job);
void seeds_print_end_json(const struct seeds_job *job);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/search_compare_int.h - what the files of search --compare share.
 *
 *   search_compare.c          options, runs
 *   search_compare_sets.c     the probes by what they are for
 *   search_compare_summary.c  numbers of a method over its seeds
 *   search_compare_report.c   text and JSON
 */
#ifndef SRC_SEARCH_SEARCH_COMPARE_INT_H
#define SRC_SEARCH_SEARCH_COMPARE_INT_H

#include "engine/search/record.h"
#include "probes/compare.h"
#include "src/report/heldout_looks.h"
#include "src/search/search_compare.h"
#include "src/search/search_options.h"

enum compare_role { ROLE_TRAIN, ROLE_CONTROLS, ROLE_VALIDATION, ROLE_HELDOUT, ROLE_COUNT };

const char *compare_role_name(enum compare_role role); /* "train", ..., "heldout" */

/* ---- probes ---------------------------------------------------------------------------- */

struct compare_sets {
    struct search_inputs inputs;
    struct probe_set *validation; /* its own set, or NULL */
    struct probe_set roles[ROLE_COUNT];
    struct probe_set all; /* of all roles, in their order; probes are those of the sets above */
};

/* validation: a set, a number of targets, drawn by the seed, or NULL.  Refused are prompts of
 * validation probes that a search or the held-out set has, too.  compare_sets_free is due in
 * any case. */
bool compare_sets_load(struct compare_sets *sets, const struct search_request *request,
                       const char *validation, struct err *err);
void compare_sets_free(struct compare_sets *sets);

/* ---- numbers ----------------------------------------------------------------------------- */

struct compare_run {
    enum search_method method;
    uint64_t seed;
    double fitness;
    size_t flips;
    uint64_t tried, passes;
    double cost; /* in evaluations */
    double seconds;
    struct comparison roles[ROLE_COUNT];
};

/* Over the seeds of one method. */
struct compare_summary {
    struct spread fitness, flips, tried, passes, cost, seconds;
    struct compare_answers {
        size_t n, right_base;
        struct spread right, fixed, broke, change; /* change: right now - before */
        double p_most; /* the largest of McNemar's p of the runs */
    } roles[ROLE_COUNT];
};

/* Of the runs of this method, at least one. */
struct compare_summary compare_summarize(const struct compare_run *runs, size_t count,
                                         enum search_method method);

/* ---- the job ------------------------------------------------------------------------------- */

struct compare_job {
    const struct search_request *request;
    struct search_options options[SEARCH_METHOD_COUNT]; /* [method_count] */
    int32_t layers[SEARCH_LAYERS_MAX];
    size_t method_count, seeds;
    uint64_t evaluations; /* the budget, or 0 */
    double seconds;       /* the budget, or 0 */
    struct compare_sets sets;
    struct model *model;
    struct buf starts;
    struct evaluation *base;
    struct compare_run *runs; /* [run_count] finished ones */
    size_t run_count;
    struct heldout_looks looks;
    bool interrupted;
    struct progress line;
};

void compare_print_start(const struct compare_job *job);
void compare_print_run(const struct compare_job *job, const struct compare_run *run);
void compare_print_end(const struct compare_job *job);
void compare_print_end_json(const struct compare_job *job);

#endif

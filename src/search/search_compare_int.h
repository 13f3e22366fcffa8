/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/search_compare_int.h - what the files of search --compare share.
 *
 *   search_compare.c          options, all runs
 *   search_compare_run.c      one run: a search, or training
 *   search_compare_sets.c     the probes by what they are for
 *   search_compare_summary.c  numbers of a method over its seeds
 *   search_compare_report.c   text and JSON
 */
#ifndef SRC_SEARCH_SEARCH_COMPARE_INT_H
#define SRC_SEARCH_SEARCH_COMPARE_INT_H

#include "engine/search/record.h"
#include "engine/search/train.h"
#include "probes/compare.h"
#include "src/report/heldout_looks.h"
#include "src/search/search_compare.h"
#include "src/search/search_options.h"

enum compare_role { ROLE_TRAIN, ROLE_CONTROLS, ROLE_VALIDATION, ROLE_HELDOUT, ROLE_COUNT };

const char *compare_role_name(enum compare_role role); /* "train", ..., "heldout" */

/* Beside the roles are told apart, as if they were more of them: the sets that are held out,
 * where there are several, and no more than COMPARE_PARTS. */
enum { COMPARE_PARTS = 16, COMPARE_GROUPS = ROLE_COUNT + COMPARE_PARTS };

/* An enum search_method, or this. */
enum { COMPARE_TRAIN = SEARCH_METHOD_COUNT, COMPARE_METHODS };

const char *compare_method_name(int method);
bool compare_method_parse(const char *name, int *method);

/* ---- probes ---------------------------------------------------------------------------- */

struct compare_sets {
    struct search_inputs inputs;
    struct probe_set *validation; /* its own set, or NULL */
    struct probe_set roles[ROLE_COUNT];
    struct probe_set all; /* of all roles, in their order; probes are those of the sets above */
    struct compare_part {
        const char *name;    /* a probe's */
        size_t first, count; /* of the held-out probes */
    } parts[COMPARE_PARTS];
    size_t part_count;
};

/* validation: a set, a number of targets, drawn by the seed, or NULL.  Refused are prompts of
 * validation probes that a search or the held-out set has, too.  compare_sets_free is due in
 * any case. */
bool compare_sets_load(struct compare_sets *sets, const struct search_request *request,
                       const char *validation, struct err *err);
/* Controls that wait for a label get one, or are left out. */
bool compare_sets_label(struct compare_sets *sets, struct model *model, const struct goal *goal,
                        int threads, struct err *err);
void compare_sets_free(struct compare_sets *sets);

/* ---- numbers ----------------------------------------------------------------------------- */

struct compare_run {
    int method;
    bool draws; /* the seed has a say */
    uint64_t seed;
    double fitness;
    size_t flips;
    uint64_t tried, passes; /* train: steps, gradients */
    double cost; /* in evaluations */
    double seconds;
    struct comparison groups[COMPARE_GROUPS];
};

/* Over the seeds of one method. */
struct compare_summary {
    struct spread fitness, flips, tried, passes, cost, seconds;
    struct compare_answers {
        size_t n, right_base;
        struct spread right, fixed, broke, change; /* change: right now - before */
        double p_most; /* the largest of McNemar's p of the runs */
    } groups[COMPARE_GROUPS];
};

/* Of the runs of this method, at least one. */
struct compare_summary compare_summarize(const struct compare_run *runs, size_t count,
                                         int method, size_t groups);

/* ---- the job ------------------------------------------------------------------------------- */

struct compare_job {
    const struct search_request *request;
    int methods[COMPARE_METHODS];                   /* [method_count] */
    struct search_options options[COMPARE_METHODS]; /* [method_count]; train: of its judge */
    struct train_options train;
    struct items *targets, *controls; /* of train */
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

/* ---- one run ------------------------------------------------------------------------------ */

/* Does the seed have a say in this method, as its options are?  And the runs of all. */
bool compare_draws(const struct compare_job *job, size_t method);
size_t compare_runs(const struct compare_job *job);

/* What train learns from; nothing where it is not compared. */
bool compare_items(struct compare_job *job, struct err *err);

/* Until the budget is used up: fills all of run but the answers.  What it found is on the
 * model then, and in *flips, which the caller frees. */
bool compare_run_one(struct compare_job *job, size_t method, struct compare_run *run,
                     struct flip **flips, size_t *count, struct err *err);

/* ---- printing -------------------------------------------------------------------------------- */

void compare_print_start(const struct compare_job *job);
void compare_print_run(const struct compare_job *job, const struct compare_run *run);
void compare_print_end(const struct compare_job *job);
void compare_print_end_json(const struct compare_job *job);

#endif

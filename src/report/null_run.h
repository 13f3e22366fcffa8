/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/report/null_run.h - where a patch stands among null models: as many random flips of the
 * same layers and projections, scored on the same probes.
 *
 *     struct null_request request = {.model = model, .set = set, .base = base,
 *         .flips = patch->flips, .flip_count = patch->flip_count, .draws = 20, .seed = 1,
 *         .options = options};
 *     struct null_run *run = null_run_new(&request, &progress, &cli_cancel, err);
 *     null_run_text(&out, run, set, base, now);
 *     null_run_free(run);
 *
 * [Z1] afterwards, however it ends, the model is in the state it was in before.
 * [Z2] draw i of a kind is the same whatever the number of draws.
 */
#ifndef SRC_REPORT_NULL_RUN_H
#define SRC_REPORT_NULL_RUN_H

#include <jansson.h>

#include "engine/search/null.h"
#include "probes/evaluate.h"
#include "src/cli/cli.h"

enum { NULL_DRAWS_MAX = 100000 };

/* For a command's table of options. */
#define NULL_OPTION                                                                         \
    {"null", 0, "N", "compare with N patches of as many random flips, uniform and by scale"}

/* --null N; 0 where it was not given. */
bool null_run_option(const struct arguments *arguments, size_t *draws, struct err *err);

struct null_request {
    struct model *model;           /* in the state that base was measured in */
    const struct probe_set *set;   /* borrowed, as all of this */
    const struct evaluation *base;
    const struct flip *flips;      /* of the patch */
    size_t flip_count;
    size_t draws;                  /* of each kind */
    uint64_t seed;
    struct evaluate_options options;
};

/* What the null models came to on one set; arrays are [draws]. */
struct null_scores {
    const char *set;
    double *right[NULL_KIND_COUNT];      /* right answers */
    double *gap_change[NULL_KIND_COUNT]; /* mean over probes that have a gap, or NAN */
};

struct null_run {
    size_t draws;
    size_t flip_count;
    uint64_t seed;
    struct null_scores *sets; /* in order of first appearance */
    size_t set_count;
};

/* NULL on failure [Z1].  progress may be NULL. */
struct null_run *null_run_new(const struct null_request *request,
                              const struct work_progress *progress, cancel_flag *cancel,
                              struct err *err);
/* The same with a progress line of the command line, and cli_cancel. */
struct null_run *null_run_shown(const struct null_request *request, struct err *err);

/* Where the patch, with which `now` was measured, stands: rank 1 is best, and p is
 * (1 + null models at least as good) / (1 + draws). */
void null_run_text(struct buf *out, const struct null_run *run, const struct probe_set *set,
                   const struct evaluation *base, const struct evaluation *now);

/* {draws, flips, seed, sets: {SET: {uniform: {right: {patch, mean, min, max, rank, of, p,
 * values: [..]}, gap_change: {...}}, scale: {...}}}} */
json_t *null_run_json(const struct null_run *run, const struct probe_set *set,
                      const struct evaluation *base, const struct evaluation *now);

void null_run_free(struct null_run *run);

#endif

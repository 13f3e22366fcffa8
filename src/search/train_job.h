/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/train_job.h - training flips from the command line, from targets to the table of
 * what it did to the answers.
 *
 * [J1] the patch file is replaced after every step that kept flips, before the step is
 *      printed: whatever was shown survives a crash.
 */
#ifndef SRC_SEARCH_TRAIN_JOB_H
#define SRC_SEARCH_TRAIN_JOB_H

#include "engine/search/train.h"
#include "src/cli/cli.h"

struct train_request {
    const char *model;
    const char *targets;  /* probe set specs */
    const char *controls; /* prompts the model answers itself, or NULL */
    const char *heldout;  /* or NULL */
    const char *output;   /* patch file */
    const char *name;     /* of the patch, or NULL */
    double seconds;       /* stop after the step in which they are over; 0: no limit */
    size_t null_draws;    /* of each kind of null model on the held-out probes; 0: none */
    struct train_options options;
    bool json;
};

/* Returns an exit status: done, "no" (nothing kept), or that of err. */
int train_job_run(const struct train_request *request, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/train_job.h - training flips from the command line, from targets to the table of
 * what it did to the answers; going on with a training that was saved; patches of its steps;
 * trimming a patch.
 *
 * [J1] the patch file is replaced after every step that kept flips, before the step is
 *      printed: whatever was shown survives a crash.
 * [J2] with a session the training is saved after every step, or, where saving takes long,
 *      when a tenth of the time went into it; what is not saved is done again, to the bit.
 */
#ifndef SRC_SEARCH_TRAIN_JOB_H
#define SRC_SEARCH_TRAIN_JOB_H

#include "engine/search/train.h"
#include "src/cli/cli.h"

#define TRAIN_NO_POINT UINT64_MAX

enum { SELF_TOKENS = 48 }; /* of the model's own answers to controls */

struct train_request {
    const char *model;      /* going on: NULL is the model it was begun with */
    const char *targets;    /* probe set specs */
    const char *neighbours; /* skills beside the targets, or NULL */
    const char *controls;   /* prompts the model answers itself, or NULL */
    const char *heldout;    /* or NULL */
    const char *output;     /* patch file */
    const char *name;       /* of the patch, or NULL */
    const char *session;    /* file of the training, or NULL */
    bool going_on;          /* it is there: of the options only the limit of steps counts */
    bool steps_given;
    const char *front;      /* folder for the patches of the Pareto front, or NULL */
    uint64_t point;         /* write the patch after this step and do no more */
    const char *trim;       /* patch to make smaller instead of training, or NULL */
    size_t places;          /* of that */
    double seconds;         /* stop after the step in which they are over; 0: no limit */
    size_t null_draws;      /* of each kind of null model on the held-out probes; 0: none */
    struct train_options options;
    bool json;
};

/* Each returns an exit status: done, "no" (nothing kept), or that of err. */
int train_job_run(const struct train_request *request, struct err *err);
int train_point_run(const struct train_request *request, struct err *err);
int trim_job_run(const struct train_request *request, struct err *err);

#endif

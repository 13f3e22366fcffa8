/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/train_job_int.h - what the files of a training job share.
 *
 *   train_job.c     loading, steps, judging
 *   train_saved.c   the session: what is written into it, and read back
 *   train_patch.c   patches and what they say of where they come from
 *   train_report.c  what is printed
 *   trim_job.c      trimming
 */
#ifndef SRC_SEARCH_TRAIN_JOB_INT_H
#define SRC_SEARCH_TRAIN_JOB_INT_H

#include <jansson.h>

#include "engine/search/record.h"
#include "engine/search/train_file.h"
#include "engine/search/train_front.h"
#include "src/report/drift.h"
#include "src/report/heldout_looks.h"
#include "src/report/null_run.h"
#include "src/search/train_job.h"

struct train_job {
    const struct train_request *request;
    struct train_request now; /* the request, with what a session says instead */
    json_t *settings;         /* of the session that is gone on with: owns texts of now */
    struct train_file *file;  /* the same */
    struct model *model;
    struct search_inputs probes;
    struct items *targets, *controls;
    struct train *train;
    struct patch *patch;
    struct buf output;
    struct evaluation *base, *answers; /* to the held-out probes, answers: with the patch */
    struct heldout_looks looks;
    struct drift drift;    /* of the patch */
    struct null_run *null; /* or NULL */
    uint64_t done;         /* steps that there were before */
    uint64_t saved_steps;     /* steps in the session, plus 1 */
    double seconds, saved_at, saving;
    bool interrupted;
    struct progress line;
};

/* ---- train_job.c: also for trimming ---- */

/* Model, probes, targets and controls as items. */
bool train_job_load(struct train_job *job, struct err *err);
bool train_job_items(struct train_job *job, struct err *err);
/* Held-out probes with and without the patch of the job, and neutral text; the model has the
 * patch on it and is left without it. */
bool train_job_judge(struct train_job *job, struct err *err);
void train_job_free(struct train_job *job);

/* ---- train_saved.c ---- */

/* Read the session into job->now, where it is there. */
bool train_saved_open(struct train_job *job, struct err *err);
/* Make or remake it; forced: however long it takes. */
bool train_saved_write(struct train_job *job, bool forced, struct err *err);

/* ---- train_patch.c ---- */

/* Of these probes, or where they are not loaded what the session has under the key; "" where
 * nobody knows. */
bool train_probes_sha256(const struct train_job *job, const char *key,
                         const struct probe_set *probes, char out[SHA256_TEXT_SIZE],
                         struct err *err);
/* The flips of a patch are added; it says where they come from. */
struct patch *train_patch_new(struct train_job *job, const struct flip *flips, size_t count,
                              struct err *err);
bool train_patch_write(struct train_job *job, struct err *err);
/* The patch after the step that is asked for, of a session that is not gone on with. */
bool train_patch_of_file(struct train_job *job, struct err *err);
/* With the answers to the held-out probes. */
bool train_patch_write_results(struct train_job *job, struct err *err);
/* The patches of the front, in the folder of the request. */
bool train_patch_write_front(struct train_job *job, struct err *err);

/* ---- train_report.c ---- */

/* Steps done and which of them are of the front; the caller frees both. */
size_t train_steps_of(const struct train_job *job, struct train_step **steps, bool **front);
/* "8 bits", "a row" */
void train_add_unit(struct buf *out, uint32_t chunk);
/* A table of them, and all of them. */
void train_add_front(const struct train_job *job, struct buf *out);
json_t *train_front_json(const struct train_job *job);
json_t *train_step_json(const struct train_job *job, const struct train_step *step);
void train_print_start(const struct train_job *job);
void train_print_step(const struct train_job *job, const struct train_step *step);
void train_print_end(const struct train_job *job);
void train_print_end_json(const struct train_job *job);
/* What judging came to: text, and fields of an object. */
void train_add_judged(const struct train_job *job, struct buf *out);
void train_set_judged(const struct train_job *job, json_t *object);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/search_job_int.h - what search_job.c runs and search_job_report.c prints.
 */
#ifndef SRC_SEARCH_SEARCH_JOB_INT_H
#define SRC_SEARCH_SEARCH_JOB_INT_H

#include "engine/search/record.h"
#include "src/report/drift.h"
#include "src/report/heldout_looks.h"
#include "src/report/null_run.h"
#include "src/search/search_job.h"
#include "src/session/journal.h"

struct search_job {
    const struct search_request *request;
    struct model *model;
    struct search_inputs probes;
    struct search_options options; /* of the request, or of its session */
    int32_t layers[SESSION_LAYERS_MAX]; /* of the session */
    struct buf starts;       /* what it begins with, of a new search */
    struct session *session; /* or NULL */
    struct journal *journal; /* of the session */
    struct search *search;
    struct patch *patch;
    struct buf output; /* path of the patch file */
    struct evaluation *base;
    struct evaluation *now;
    struct heldout_looks looks;
    struct drift drift; /* of the patch */
    struct null_run *null; /* or NULL */
    json_t *found;         /* search_found, or NULL */
    bool interrupted;
    double seconds; /* of the search alone */
    uint64_t tried_before; /* by earlier runs of the session */
    struct progress line;
};

void search_job_print_start(const struct search_job *job);
/* A candidate: a line if it was accepted (text), an event (JSON), and the progress. */
void search_job_show_try(struct search_job *job, const struct search_try *tried,
                         const double *before, double fitness_before);
void search_job_print_end(const struct search_job *job);
void search_job_print_end_json(const struct search_job *job);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/search_job.h - a search from the command line, from probes to the table of
 * what it did to the answers.
 *
 * [J1] an accepted flip is in the patch file (written, synced, renamed) before
 *      it is printed: whatever was shown survives a crash.
 *      With a session it is committed there before that.  What the patch did to the
 *      answers is added in the same way at the end, before it is printed.
 * [J2] the patch file is not touched before there is an accepted flip: that of an
 *      earlier run of the session is in it before anything is tried.
 */
#ifndef SRC_SEARCH_SEARCH_JOB_H
#define SRC_SEARCH_SEARCH_JOB_H

#include "engine/search/search.h"
#include "src/cli/cli.h"
#include "src/search/search_found.h"

struct search_request {
    const char *model;
    const char *targets;  /* probe set specs, see probe_set_load */
    const char *controls; /* or NULL */
    const char *heldout;  /* or NULL */
    const char *from;     /* patches to begin with, comma-separated, or NULL */
    const char *mode;     /* of all answers, or NULL: as the probe sets say */
    const char *output;   /* patch file, or NULL: state_name in the state folder */
    const char *state_name; /* NULL: last.json; a session that is gone on with has its own */
    const char *name;     /* of the patch, or NULL */
    const char *session;  /* file to begin or to go on with, or NULL; going on, the model
                             and the probes may be NULL and iterations 0: as they were */
    struct search_options options;
    struct search_found_request found; /* what is to be told besides */
    size_t null_draws;    /* null models of each kind to compare the patch with; 0: none */
    bool json;
};

/* Returns an exit status: done, "no" (nothing accepted), or that of err. */
int search_job_run(const struct search_request *request, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session_cli/session_actions.h - what `bankai session` does, one function for each action.
 */
#ifndef SRC_SESSION_CLI_SESSION_ACTIONS_H
#define SRC_SESSION_CLI_SESSION_ACTIONS_H

#include "src/cli/cli.h"

struct session_request {
    const char *path;   /* of the session, or NULL */
    const char *words[2]; /* behind it, or NULL */
    const char *output; /* or NULL */
    const char *as;     /* export: "copy", "lines", "dir", or NULL: as the output's name says */
    const char *step;   /* export: of a patch, or NULL: the head */
    bool patch;         /* export: the patch of a step */
    const char *model;  /* or NULL: where the session had it */
    uint64_t days;
    int threads;
    bool json;
};

/* Each returns an exit status; a failure fills err and goes through cli_fail. */
int session_list(const struct session_request *request, struct err *err);
int session_prune(const struct session_request *request, struct err *err);
int session_show(const struct session_request *request, struct err *err);
int session_log(const struct session_request *request, struct err *err);
int session_check(const struct session_request *request, struct err *err);
int session_export(const struct session_request *request, struct err *err);
int session_take_in(const struct session_request *request, struct err *err); /* import */
int session_compare(const struct session_request *request, struct err *err);
int session_name(const struct session_request *request, struct err *err);
int session_replay(const struct session_request *request, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/task/task_run.h - a task's questions put to a model, with and without patches.
 *
 * Items are answered in small groups, each without and then with the patches.  With a
 * results file every group is in it (written and synced) before the next begins, and a
 * file that is there already is gone on with:
 *
 *   line 1     {"format": "bankai_task_v1", ...}: everything the answers depend on
 *   further    {"index", "name", "expected", "base": {"text", "said", "right"},
 *              "now": {...}, "verdict"}, in the order of the items; "now" and "verdict"
 *              only with patches; said is null where the pattern found nothing
 *
 * [K1] a file is gone on with only if its first line is what would be written now.
 * [K2] a last line without its end is taken for lost and made again.
 */
#ifndef SRC_TASK_TASK_RUN_H
#define SRC_TASK_TASK_RUN_H

#include "probes/chat.h"
#include "probes/evaluate.h"
#include "src/report/patch_list.h"
#include "src/task/task_options.h"

struct task_run {
    struct model *model;
    const struct patch_list *patches;
    struct task *task;
    const struct task_request *request;
    struct chat chat;   /* CHAT_CHATML: questions are put by it */
    const char *system; /* for the chat, or NULL */
    bool think;
    const char *results; /* path, or NULL */
    /* what comes out: */
    struct evaluation *base;
    struct evaluation *now; /* the same as base without a patch */
    size_t kept;            /* items that the results file had already */
};

/* All that the answers depend on, as in the results file; new reference. */
json_t *task_run_settings(struct task_run *run, struct err *err);

bool task_run(struct task_run *run, struct err *err);
void task_run_free(struct task_run *run); /* base and now */

/* ---- the results file (src/task/task_results.c) ---------------------------------- */

struct task_results;

/* Opens or begins it and takes what is there into base and now; run->kept is filled in.
 * NULL and err where it belongs to something else. */
struct task_results *task_results_open(struct task_run *run, const json_t *settings,
                                       struct err *err);
/* Append items first to first + count - 1. */
bool task_results_add(struct task_results *results, const struct task_run *run, size_t first,
                      size_t count, struct err *err);
void task_results_close(struct task_results *results);

#endif

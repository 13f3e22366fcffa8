/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/task/probes_from_task.h - probes from what a model got wrong and right in a task.
 */
#ifndef SRC_TASK_PROBES_FROM_TASK_H
#define SRC_TASK_PROBES_FROM_TASK_H

#include "src/task/task_run.h"

/* Why items became no probes. */
struct left_out {
    size_t nothing_said;  /* wrong, and what the model said has no answer in it */
    size_t not_apart;     /* one of right and wrong answer begins the other */
    size_t other_verdict; /* asked as a probe the model says something else */
};

struct made_probes {
    struct probe_set *targets;  /* asked and wrong: correct is right, wrong what was said */
    struct probe_set *controls; /* asked and right: wrong is another item's right answer */
    struct left_out left_out;
};

/* From a task that was run without patches.  Every probe was asked again as a probe
 * (probes/evaluate.h): targets start wrong, controls start right.
 * made_probes_free is due in any case. */
bool probes_from_task(const struct task_run *run, struct made_probes *made, struct err *err);
void made_probes_free(struct made_probes *made);

#endif

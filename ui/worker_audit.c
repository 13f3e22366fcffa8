/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is wrong with the probes.  It is asked of the model as its file has it: the accepted
 * flips are taken off for it and put on again whatever happens [W3].
 */
#include "ui/worker_int.h"

static void report(void *user, size_t done, size_t total)
{
    worker_emit_progress(user, done, total, "auditing the probes");
}

bool worker_audit(struct worker *worker, struct err *err)
{
    const struct search_options *search = &worker->options.search;
    const struct audit_options options = {
        .target_count = worker->probes.targets->count,
        .control_count = worker->probes.controls->count,
        .metric = search->metric,
        .control_metric = search->control_metric,
        .threads = search->threads,
    };
    const struct work_progress progress = {report, worker};
    worker_toggle_accepted(worker);
    struct audit *audit = audit_run(worker->model, &worker->probes.all, &options, &progress,
                                    &worker->cancel, err);
    worker_toggle_accepted(worker);
    if (!audit)
        return false;
    struct event *event = event_new(EVENT_AUDIT, worker->job);
    event->audit = audit; /* moved */
    worker->audited = true;
    worker_emit(worker, event);
    return true;
}

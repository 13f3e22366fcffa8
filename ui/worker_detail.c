/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One probe token by token, without the accepted flips and with them.
 *
 * What it is without them never changes, so it is kept for every probe that was asked for.
 */
#include <stdlib.h>

#include "ui/worker_int.h"

static struct probe_detail *measure(struct worker *worker, size_t probe, struct err *err)
{
    return probe_detail_measure(worker->model, &worker->probes.all.probes[probe],
                                worker->options.search.threads, &worker->cancel, err);
}

/* The flips are off for it, and on again whatever happens [W3]. */
static const struct probe_detail *base_of(struct worker *worker, size_t probe, struct err *err)
{
    if (!worker->details)
        worker->details = x_new(worker->probes.all.count, sizeof(*worker->details));
    if (!worker->details[probe]) {
        worker_toggle_accepted(worker);
        worker->details[probe] = measure(worker, probe, err);
        worker_toggle_accepted(worker);
    }
    return worker->details[probe];
}

static bool tell(struct worker *worker, size_t probe, struct err *err)
{
    const struct probe_detail *base = base_of(worker, probe, err);
    if (!base)
        return false;
    size_t flips = worker_flips_on(worker);
    struct probe_detail *now = flips > 0 ? measure(worker, probe, err) : probe_detail_copy(base);
    if (!now)
        return false;
    struct event *event = event_new(EVENT_PROBE, worker->job);
    event->probe = (struct event_probe){
        .probe = probe,
        .base = probe_detail_copy(base),
        .now = now,
        .flip_count = flips,
    };
    worker->detail_told = probe;
    worker->detail_state = model_state(worker->model);
    worker_emit(worker, event);
    return true;
}

bool worker_detail(struct worker *worker, uint64_t probe, struct err *err)
{
    bool heldout = probe >= worker_searched(worker);
    if (probe >= worker->probes.all.count)
        return err_set(err, ERR_USAGE, "there is no probe %llu", (unsigned long long)probe);
    if (heldout && worker->options.read_only)
        return err_set(err, ERR_USAGE, "a look at a held-out probe is counted in the session, "
                       "which is open for reading only (-R)");
    if (heldout && !worker_answer(worker, true, err))
        return false;
    return tell(worker, (size_t)probe, err);
}

void worker_details_free(struct worker *worker)
{
    for (size_t i = 0; worker->details && i < worker->probes.all.count; i++)
        probe_detail_free(worker->details[i]);
    free(worker->details);
    worker->details = NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/experiment/loss.h - how badly a model foresees the right answers of probes: minus
 * the log-probability of the answer's tokens behind its prompt, mean over all of them.
 *
 * A search signal, like gaps; wrong answers are not looked at.
 */
#ifndef SRC_EXPERIMENT_LOSS_H
#define SRC_EXPERIMENT_LOSS_H

#include "probes/probe.h"

struct loss;

/* The set is borrowed for the call only, the model as long as the loss lives. */
struct loss *loss_new(struct model *model, const struct probe_set *set, int threads,
                      struct err *err);

/* Of the model as it is. */
bool loss_run(struct loss *loss, double *value, cancel_flag *cancel, struct err *err);

/* Of flips each of which is on the model alone, without touching it; at most
 * loss_at_once.  values: [count] */
bool loss_try(struct loss *loss, const struct flip *flips, size_t count, double *values,
              cancel_flag *cancel, struct err *err);
size_t loss_at_once(const struct loss *loss);

void loss_free(struct loss *loss);

#endif

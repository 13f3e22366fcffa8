/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/cli/metric_option.h - metrics on the command line: an option that names one, and
 * what is said of those that were used.
 */
#ifndef SRC_CLI_METRIC_OPTION_H
#define SRC_CLI_METRIC_OPTION_H

#include "engine/search/goal.h"
#include "src/base/json.h"
#include "src/cli/cli.h"

/* The metric that option `name` gives, or fallback; kl is one only for controls. */
bool metric_option_read(const struct arguments *arguments, const char *name,
                        enum metric fallback, bool for_controls, enum metric *metric,
                        struct err *err);

/* "seq_logprob, of controls kl", and in a line of its own what has to be said of them
 * (metric_note). */
void metrics_text(struct buf *out, enum metric metric, enum metric control);
/* metric, control_metric, and metric_note where there is one. */
void metrics_json(json_t *object, enum metric metric, enum metric control);

/* The same of an objective: "margin:1,gap:0.2 of seq_logprob, of controls kl". */
void goals_text(struct buf *out, const struct goal *goal);
/* And `objective`; control_metric is a mix where it is one. */
void goals_json(json_t *object, const struct goal *goal);

#endif

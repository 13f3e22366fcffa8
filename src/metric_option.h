/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/metric_option.h - an option that names a metric.
 */
#ifndef SRC_METRIC_OPTION_H
#define SRC_METRIC_OPTION_H

#include "probes/measure.h"
#include "src/cli.h"

/* The metric that option `name` gives, or fallback; kl is one only for controls. */
bool metric_option_read(const struct arguments *arguments, const char *name,
                        enum metric fallback, bool for_controls, enum metric *metric,
                        struct err *err);

#endif

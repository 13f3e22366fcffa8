/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/report/null_score.h - what null_run.c keeps of an evaluation and null_report.c compares.
 */
#ifndef SRC_REPORT_NULL_SCORE_H
#define SRC_REPORT_NULL_SCORE_H

#include "probes/evaluate.h"

/* Right answers of the set of that name. */
double null_score_right(const struct probe_set *set, const char *name,
                        const struct evaluation *now);

/* Mean of its gaps' changes, NAN where it has none. */
double null_score_gap_change(const struct probe_set *set, const char *name,
                             const struct evaluation *base, const struct evaluation *now);

#endif

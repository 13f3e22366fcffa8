/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/report.h - evaluations and flips as tables and as JSON.
 *
 * Used by eval, search and demo, so that all of them say the same in the same
 * words.  base and now may be the same evaluation: then there was no patch.
 */
#ifndef SRC_REPORT_H
#define SRC_REPORT_H

#include "probes/evaluate.h"
#include "src/cli.h"

/* {layer, proj, row[, group[, bit | mask]]} as in design of the patch formats. */
json_t *report_flip_json(const struct flip *flip);

/* "layer 3 gate_proj row 514", "head row 7 group 1", "... bit 5", "... 3 bits" */
void report_flip_text(struct buf *out, const struct flip *flip);

/* Table by set and category: n, right before and after, fixed, broke. */
void report_table(struct buf *out, const struct probe_set *set, const struct evaluation *base,
                  const struct evaluation *now);

/* Answers that changed from wrong to right or back, or (all) every answer. */
void report_answers(struct buf *out, const struct probe_set *set, const struct evaluation *base,
                    const struct evaluation *now, bool all);

json_t *report_probes_json(const struct probe_set *set, const struct evaluation *base,
                           const struct evaluation *now);
json_t *report_totals_json(const struct probe_set *set, const struct evaluation *base,
                           const struct evaluation *now);

/* A progress line for work_progress. */
void report_work(void *progress, size_t done, size_t total);

/* On a terminal show the line now, before the first of a slow work is done. */
void report_at_once(struct progress *progress);

/* One warning if prompts with their answers are longer than what the model was
 * made for: it computes them, but they mean little. */
void report_long_prompts(const struct model *model, const struct probe_set *set);
void report_long_text(const struct model *model, size_t tokens);

#endif

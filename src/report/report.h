/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/report/report.h - evaluations and flips as tables and as JSON.
 *
 * Used by eval, search and demo, so that all of them say the same in the same
 * words.  base and now may be the same evaluation: then there was no patch.
 */
#ifndef SRC_REPORT_REPORT_H
#define SRC_REPORT_REPORT_H

#include "engine/search/search.h"
#include "probes/compare.h"
#include "src/cli/cli.h"

/* {layer, proj, row[, group[, bit | mask]]} as in design of the patch formats. */
json_t *report_flip_json(const struct flip *flip);

/* The event `tried` of a search. */
/* object.flip, the first; and where there are several, object.flips: all of them. */
void report_flips_json(json_t *object, const struct flip *first, const struct flip *flips,
                       size_t count);
/* "L3 up_proj row 685", and where there are several "+ 7 more" behind it. */
void report_flips_text(struct buf *out, const struct flip *first, size_t count);
json_t *report_tried_json(const struct search_try *tried);

/* "layer 3 gate_proj row 514", "head row 7 group 1", "... bit 5", "... 3 bits" */
void report_flip_text(struct buf *out, const struct flip *flip);

/* Tables by set and category (report_table.c): n, right before and after, fixed, broke,
 * McNemar's p; then intervals, what stayed, and how the gaps changed, as search signal. */
void report_table(struct buf *out, const struct probe_set *set, const struct evaluation *base,
                  const struct evaluation *now);

/* A text padded to so many columns, control characters made visible. */
void report_cell(struct buf *out, const char *indent, const char *text, size_t columns);
/* A p in six columns: " 0.063", "<0.001" */
void report_p(struct buf *out, double p);

/* Answers that changed from wrong to right or back, or (all) every answer. */
void report_answers(struct buf *out, const struct probe_set *set, const struct evaluation *base,
                    const struct evaluation *now, bool all);

json_t *report_probes_json(const struct probe_set *set, const struct evaluation *base,
                           const struct evaluation *now);
/* {SET: {n, right_base, right_now, fixed, broke, stayed_right, stayed_wrong, mcnemar_p,
 * wilson_base: {low, high}, wilson_now, gap_change: {mean, low, high, n, skipped,
 * resamples}}}, and the same as {SET: {CATEGORY: {...}}} */
json_t *report_totals_json(const struct probe_set *set, const struct evaluation *base,
                           const struct evaluation *now);
json_t *report_categories_json(const struct probe_set *set, const struct evaluation *base,
                               const struct evaluation *now);
json_t *report_comparison_json(const struct comparison *comparison);
/* null where the value is not finite */
json_t *report_real_json(double value);
/* {n, mean, sd, low, high, min, max} */
json_t *report_spread_json(const struct spread *spread);

/* A progress line for work_progress. */
void report_work(void *progress, size_t done, size_t total);

/* On a terminal show the line now, before the first of a slow work is done. */
void report_at_once(struct progress *progress);

/* One warning if prompts with their answers are longer than what the model was
 * made for: it computes them, but they mean little. */
void report_long_prompts(const struct model *model, const struct probe_set *set);
void report_long_text(const struct model *model, size_t tokens);

#endif

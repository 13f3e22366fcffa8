/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/report/labelling.h - controls labelled by the model itself, with progress.
 */
#ifndef SRC_REPORT_LABELLING_H
#define SRC_REPORT_LABELLING_H

#include "engine/search/record.h"
#include "src/cli/cli.h"

/* search_inputs_label. */
bool labelling_shown(struct search_inputs *probes, struct model *model, const struct goal *goal,
                     int threads, struct err *err);

/* The same of one set alone (labels_make). */
bool labelling_set_shown(struct probe_set *set, struct model *model, const struct goal *goal,
                         int threads, struct labels_told *told, struct err *err);

/* {labelled, without_answer, without_end, seen_elsewhere} */
json_t *labelling_json(const struct labels_told *told);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/report/map_report.h - a map in words, as JSON and as CSV.
 */
#ifndef SRC_REPORT_MAP_REPORT_H
#define SRC_REPORT_MAP_REPORT_H

#include "engine/search/flip_map.h"
#include "src/cli/cli.h"

struct map_report {
    const struct flip_map *map;
    const struct flip_map_options *options;
    size_t targets, controls; /* probes */
};

void map_report_text(struct buf *out, const struct map_report *report);
json_t *map_report_json(const struct map_report *report);
/* The best, a line each. */
void map_report_csv(struct buf *out, const struct map_report *report);

/* For the file of a whole map: its first line, and one line for each unit of a matrix. */
void map_csv_head(struct buf *out);
void map_csv_matrix(struct buf *out, const struct predicted *values, enum flip_map_what what);

#endif

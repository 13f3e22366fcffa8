/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/report/map_output.h - the file of a whole map, written as matrices come: CSV, JSON or
 * binary (engine/search/FORMAT.md).  Of single bits it holds the best, not all.
 */
#ifndef SRC_REPORT_MAP_OUTPUT_H
#define SRC_REPORT_MAP_OUTPUT_H

#include "engine/search/map_file.h"
#include "src/report/map_report.h"

enum map_format { MAP_CSV, MAP_JSON, MAP_BINARY };

bool map_format_parse(const char *name, enum map_format *format); /* "csv", "json", "binary" */
/* By what the path ends in: .json, .map; CSV with anything else. */
enum map_format map_format_of(const char *path);

struct map_output;

/* NULL and err where it cannot be written. */
struct map_output *map_output_open(const char *path, enum map_format format,
                                   const struct map_file_head *head, struct err *err);
/* A failure is kept for the end. */
void map_output_matrix(struct map_output *output, const struct predicted *values);
/* Frees the output whatever comes out. */
bool map_output_close(struct map_output *output, const struct map_report *report,
                      struct err *err);
/* Takes away what was written; NULL is fine. */
void map_output_abandon(struct map_output *output);

#endif

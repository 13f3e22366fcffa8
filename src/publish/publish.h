/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/publish/publish.h - a session as something to hand to others: the patch of a
 * state, or a folder with all of it in files that anybody can read.
 *
 *     patch.json       the flips of the head (absent where the format cannot say them)
 *     session.jsonl    everything, lossless (src/session/FORMAT.md)
 *     probes/SET.json  the probe sets as they were
 *     steps.csv flips.csv tried.csv gaps.csv generations.csv
 *     fitness.svg heatmap.svg
 *     report.md        what it is, what came out, how to do it again
 *
 * CSV is RFC 4180: quoted texts, CR LF.  A text that a spreadsheet would take for a
 * formula gets a ' before it; control characters are made visible.
 */
#ifndef SRC_PUBLISH_PUBLISH_H
#define SRC_PUBLISH_PUBLISH_H

#include "patches/patch.h"
#include "src/session/session.h"

/* The flips that are on at a step, as a patch that says where they come from; NULL and
 * err on failure.  program_version: of who writes it. */
struct patch *publish_patch(struct session *session, int64_t step, const char *program_version,
                            struct err *err);

/* The folder appears whole or not at all; one that is there already must be empty.  All
 * files are of one state of the session, also beside a writer.  progress (files) and
 * cancel may be NULL. */
bool publish_folder(struct session *session, const char *path, const char *program_version,
                    const struct work_progress *progress, cancel_flag *cancel, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/journal.h - a search and its session file, kept in step.
 *
 * Whatever changes the accepted flips goes through here: it is committed before the
 * function returns, or taken back in memory and reported.  The way from the session's
 * root to its head is the stack of accepted flips of the search, step by step.
 *
 * [N1] when a function returns true, file and search agree; when it returns false, both
 *      are as they were before the call.
 * [N2] stopped at any moment and opened again, the search goes on to the bit as if it
 *      had never stopped.
 */
#ifndef SRC_SESSION_JOURNAL_H
#define SRC_SESSION_JOURNAL_H

#include "engine/search/record.h"
#include "engine/search/search.h"
#include "src/session/session.h"

struct journal;

/* The settings of a search as JSON for an origin, and back; layers (room for
 * SESSION_LAYERS_MAX) is what options->layers will point to, options->starts points into
 * the settings. */
enum { SESSION_LAYERS_MAX = 1024 };
json_t *journal_settings(const struct search_options *options);
bool journal_options(const json_t *settings, struct search_options *options,
                     int32_t layers[SESSION_LAYERS_MAX], struct err *err);

/* Are the step's flips, one or more, some that the model has, with as many gaps as there
 * are targets and controls? */
bool journal_step_fits(const struct session_step *step, const struct model *model, size_t probes,
                       struct err *err);

/* Begin a new session: measures the probes.  model, inputs and session are borrowed. */
struct journal *journal_begin(struct session *session, struct model *model,
                              const struct search_inputs *inputs,
                              const struct search_options *options, const char *version,
                              cancel_flag *cancel, struct err *err);

/* Go on with a session: the model must be the one it was made with (both hashes are
 * named if not), inputs and options those of its origin; threads and memory, and
 * iterations where they are not 0, are taken from `options`, the rest from the session. */
struct journal *journal_resume(struct session *session, struct model *model,
                               const struct search_inputs *inputs,
                               const struct search_options *options, const char *version,
                               cancel_flag *cancel, struct err *err);

struct search *journal_search(struct journal *journal);
struct session *journal_session(struct journal *journal);

/* As the functions of the same name in engine/search/search.h. */
enum search_status journal_step(struct journal *journal, struct search_try *out,
                                cancel_flag *cancel, struct err *err);
bool journal_measure(struct journal *journal, const struct flip *flip, double *gaps,
                     double *fitness, cancel_flag *cancel, struct err *err);
bool journal_keep(struct journal *journal, const struct flip *flip, struct search_try *out,
                  cancel_flag *cancel, struct err *err);
bool journal_keep_all(struct journal *journal, const struct flip *flips, size_t count,
                      cancel_flag *cancel, struct err *err);
bool journal_accept(struct journal *journal, struct search_try *out, cancel_flag *cancel,
                    struct err *err);
bool journal_reject(struct journal *journal, struct search_try *out, struct err *err);
/* ERR_USAGE if there is nothing to undo or redo. */
bool journal_undo(struct journal *journal, struct err *err);
bool journal_redo(struct journal *journal, struct err *err);
bool journal_can_redo(struct journal *journal);
/* Any step of the tree. */
bool journal_goto(struct journal *journal, int64_t step, struct err *err);

/* Bring a patch in beside what is there: a named step below the root, with all of its
 * flips, measured once, which becomes the head.  Several are open at once; journal_goto
 * changes between them and measures nothing.  Refused are a patch for another model, a
 * name that is taken, and one that session_state_name_fits refuses.  The same patch
 * under the same name is gone to (known). */
struct journal_imported {
    int64_t step;
    bool unstated; /* the patch does not say which model it is for */
    bool known;
};
bool journal_import(struct journal *journal, const struct patch *patch, const char *name,
                    struct journal_imported *out, cancel_flag *cancel, struct err *err);

/* The session stays open, the search stays. */
void journal_free(struct journal *journal);

#endif

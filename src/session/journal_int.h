/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/journal_int.h - the inside of a journal: journal.c (steps of the search
 * and of a person), journal_past.c (what going on needs), journal_patch.c (patches that are
 * brought in), journal_model.c (whose model).
 */
#ifndef SRC_SESSION_JOURNAL_INT_H
#define SRC_SESSION_JOURNAL_INT_H

#include "src/session/journal.h"

struct journal {
    struct session *session;
    struct model *model;
    struct search *search;
    size_t probes; /* targets and controls */
    bool unproven; /* of the model only the touched weights were compared so far */
};

/* journal_model.c: is it the session's model?  *unproven: by the weights that the steps
 * on the way to the head touch; the hash of the file is being computed. */
bool journal_same_model(struct session *session, struct model *model, bool *unproven,
                        cancel_flag *cancel, struct err *err);
/* Waits for that hash, where it is still wanted; before anything is measured. */
bool journal_prove_model(struct journal *journal, cancel_flag *cancel, struct err *err);
/* Where the model is now, for the next time. */
void journal_note_model_path(struct journal *journal);

/* What search_resume wants, in memory of ours. */
struct journal_past {
    struct search_past past;
    struct flip *flips;
    size_t *counts; /* of flips, by step */
    size_t flip_count;
    double *fitness;
    double *gaps;
    struct session *session; /* of methods that replay: */
    struct search_tried *tries; /* [try_count], with copies of flips and gaps */
    int64_t *heads;             /* [try_count] step that was on */
    uint64_t try_count;
    size_t probes;
};

void journal_past_free(struct journal_past *past);
/* The steps ids[0 .. count). */
bool journal_load_steps(struct session *session, const struct model *model, const int64_t *ids,
                        size_t count, size_t probes, struct journal_past *out, struct err *err);
/* Those that are on, and how far the search is. */
bool journal_load_past(struct session *session, const struct model *model, size_t probes,
                       struct journal_past *out, struct err *err);
/* Then, for methods that replay: all that was tried, and on what. */
bool journal_load_tries(struct session *session, const struct model *model, size_t probes,
                        struct journal_past *past, struct err *err);

#endif

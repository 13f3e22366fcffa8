/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/journal_int.h - the inside of a journal: journal.c (steps of the search
 * and of a person), journal_patch.c (patches that are brought in), journal_model.c (whose model).
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

#endif

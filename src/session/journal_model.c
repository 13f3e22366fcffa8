/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Is it the session's model?  The weights that its steps touch tell at once; the hash of
 * the whole file may follow, but comes before anything is written.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/session/journal_int.h"

/* ---- the whole file --------------------------------------------------------------------- */

static bool same_file(const struct session_origin *origin, struct model *model,
                      cancel_flag *cancel, struct err *err)
{
    const char *sha256 = model_sha256_unless(model, cancel, err);
    if (!sha256)
        return false;
    if (strcmp(sha256, origin->model_sha256) == 0)
        return true;
    (void)err_set(err, ERR_MISMATCH, "the model's SHA-256 is %s, the session was made with %s",
                  sha256, origin->model_sha256);
    return err_file(err, model_path(model));
}

/* For the next time only: it can be found again. */
void journal_note_model_path(struct journal *journal)
{
    struct err ignored;
    struct session *session = journal->session;
    const char *path = model_path(journal->model);
    const struct session_origin *origin = session_origin(session, &ignored);
    bool is_file = origin && session_is_writable(session) && strcmp(path, "nano") != 0;
    char *real = is_file ? realpath(path, NULL) : NULL;
    if (real && strcmp(real, origin->model_path) != 0)
        (void)session_set_model_path(session, real, &ignored);
    free(real);
}

bool journal_prove_model(struct journal *journal, cancel_flag *cancel, struct err *err)
{
    const struct session_origin *origin =
        journal->unproven ? session_origin(journal->session, err) : NULL;
    if (journal->unproven && (!origin || !same_file(origin, journal->model, cancel, err)))
        return false;
    if (journal->unproven)
        journal_note_model_path(journal);
    journal->unproven = false;
    return true;
}

/* ---- what the steps touch ----------------------------------------------------------------- */

enum rows_verdict { ROWS_AGREE, ROWS_DIFFER, ROWS_UNKNOWN };

static enum rows_verdict compare_step(struct session *session, int64_t id, struct model *model,
                                      struct err *err)
{
    struct session_step step;
    struct err ignored;
    char rows[SHA256_TEXT_SIZE];
    char *kept = session_step_rows(session, id);
    enum rows_verdict verdict = ROWS_UNKNOWN;
    if (kept && session_step(session, id, &step, &ignored) &&
        model_rows_sha256(model, step.flips, step.flip_count, rows, &ignored))
        verdict = strcmp(kept, rows) == 0 ? ROWS_AGREE : ROWS_DIFFER;
    if (verdict == ROWS_DIFFER)
        (void)err_set(err, ERR_MISMATCH, "the weights of step %" PRId64 " have the SHA-256 %s in "
                      "the model, the session says %s", id, rows, kept);
    free(kept);
    return verdict;
}

/* Of all steps that are on. */
static enum rows_verdict compare_rows(struct session *session, struct model *model,
                                      struct err *err)
{
    int64_t *ids = NULL;
    size_t count = 0;
    struct err ignored;
    enum rows_verdict verdict = ROWS_UNKNOWN; /* without any step */
    if (session_way(session, session_head(session), &ids, &count, &ignored))
        for (size_t i = 0; i < count && (i == 0 || verdict == ROWS_AGREE); i++)
            verdict = compare_step(session, ids[i], model, err);
    free(ids);
    return verdict;
}

bool journal_same_model(struct session *session, struct model *model, bool *unproven,
                        cancel_flag *cancel, struct err *err)
{
    const struct session_origin *origin = session_origin(session, err);
    *unproven = false;
    if (!origin)
        return false;
    if (model_hash_ready(model))
        return same_file(origin, model, cancel, err); /* names both hashes */
    struct err rows;
    enum rows_verdict verdict = compare_rows(session, model, &rows);
    if (verdict != ROWS_AGREE && !same_file(origin, model, cancel, err))
        return false; /* with both hashes */
    if (verdict == ROWS_DIFFER) { /* the session says of its model what is not true */
        if (err)
            *err = rows;
        return err_file(err, session_path(session));
    }
    if (verdict == ROWS_UNKNOWN)
        return true;
    *unproven = true;
    model_hash_start(model);
    return true;
}

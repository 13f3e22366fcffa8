/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A patch becomes a named state of the session: one step below the root.  What it does
 * is measured before anything is changed; then it is committed, and only then put on.
 */
#include <stdlib.h>
#include <string.h>

#include "src/session/journal_int.h"
#include "src/session/state.h"

static bool patch_suits(struct journal *journal, const struct patch *patch, bool *unstated,
                        struct err *err)
{
    if (!patch_matches_rows(patch, journal->model, unstated, err) ||
        !patch_fits(patch, journal->model, err))
        return false;
    return patch->flip_count > 0 ||
           err_set(err, ERR_FORMAT, "the patch has no flips, expected one or more");
}

static bool has_flips(const struct session_step *step, const struct patch *patch)
{
    bool same = step->parent == SESSION_ROOT && step->flip_count == patch->flip_count;
    for (size_t i = 0; same && i < patch->flip_count; i++)
        same = flip_equal(&step->flips[i], &patch->flips[i]);
    return same;
}

enum name_use { NAME_FREE, NAME_OF_PATCH, NAME_TAKEN };

static enum name_use use_of_name(struct journal *journal, const struct patch *patch,
                                 const char *name, int64_t *step, struct err *err)
{
    struct session_step named;
    struct err none;
    if (!session_state_name_fits(name, err))
        return NAME_TAKEN;
    if (!session_named(journal->session, name, step, &none))
        return NAME_FREE;
    if (session_step(journal->session, *step, &named, err) && has_flips(&named, patch))
        return NAME_OF_PATCH;
    (void)err_set(err, ERR_USAGE, "'%.64s' is the name of step %lld already, expected another",
                  name, (long long)*step);
    return NAME_TAKEN;
}

/* [N1]: nothing after the commit can fail. */
static bool add_branch(struct journal *journal, const struct patch *patch, const char *name,
                       const double *gaps, double fitness, int64_t *made, struct err *err)
{
    struct search *search = journal->search;
    char rows[SHA256_TEXT_SIZE];
    struct session_step step = {
        .by = "import",
        .tried = search_tried(search),
        .screened = search_screened(search),
        .flips = patch->flips,
        .flip_count = patch->flip_count,
        .fitness = fitness,
        .gaps = gaps,
        .gap_count = journal->probes,
        .rows_sha256 = rows,
    };
    struct flip undone;
    if (!model_rows_sha256(journal->model, patch->flips, patch->flip_count, rows, err) ||
        !session_add_branch(journal->session, SESSION_ROOT, &step, name, err))
        return false;
    while (search_undo(search, &undone))
        continue;
    search_redo(search, patch->flips, patch->flip_count, gaps, fitness);
    *made = step.id;
    return true;
}

bool journal_import(struct journal *journal, const struct patch *patch, const char *name,
                    struct journal_imported *out, cancel_flag *cancel, struct err *err)
{
    *out = (struct journal_imported){0};
    if (!journal_prove_model(journal, cancel, err) ||
        !patch_suits(journal, patch, &out->unstated, err))
        return false;
    enum name_use use = use_of_name(journal, patch, name, &out->step, err);
    if (use == NAME_OF_PATCH) {
        out->known = true;
        return journal_goto(journal, out->step, err);
    }
    if (use == NAME_TAKEN)
        return false;
    double *gaps = x_new(journal->probes, sizeof *gaps), fitness = 0;
    bool ok = search_measure_alone(journal->search, patch->flips, patch->flip_count, gaps,
                                   &fitness, cancel, err) &&
              add_branch(journal, patch, name, gaps, fitness, &out->step, err);
    free(gaps);
    return ok;
}

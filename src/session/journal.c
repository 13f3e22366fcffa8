/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Search and session in step: memory first, then the file, and back if that fails.
 */
#include "src/session/journal_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct search *journal_search(struct journal *journal)
{
    return journal->search;
}

struct session *journal_session(struct journal *journal)
{
    return journal->session;
}

void journal_free(struct journal *journal)
{
    free(journal);
}

/* ---- opening ------------------------------------------------------------------------ */

static struct journal *journal_new(struct session *session, struct model *model,
                                   struct search *search, const struct search_inputs *inputs)
{
    if (!search)
        return NULL;
    struct journal *journal = x_new(1, sizeof *journal);
    journal->session = session;
    journal->model = model;
    journal->search = search;
    journal->probes = inputs->targets->count + inputs->controls->count;
    return journal;
}

static bool note_opening(struct session *session, const char *version, struct err *err)
{
    struct session_event event = {
        .kind = EVENT_KIND_OPEN,
        .step = session_head(session),
        .fitness = (double)NAN,
        .text = version,
    };
    return session_add_event(session, &event, err);
}

static json_t *shape_json(const struct model_shape *shape)
{
    return json_pack("{sI sI sI sI sI sI sI sb}", "layers", (json_int_t)shape->layers, "width",
                     (json_int_t)shape->width, "ffn", (json_int_t)shape->ffn, "heads",
                     (json_int_t)shape->heads, "kv_heads", (json_int_t)shape->kv_heads, "head_dim",
                     (json_int_t)shape->head_dim, "vocab", (json_int_t)shape->vocab, "tied",
                     (int)shape->tied);
}

static bool set_origin(struct session *session, struct model *model, const char *sha256,
                       const struct search_inputs *inputs, const struct search_options *options,
                       const struct search *search, const char *version, struct err *err)
{
    bool is_file = strcmp(model_path(model), "nano") != 0; /* whatever is in this folder */
    char *real = is_file ? realpath(model_path(model), NULL) : NULL;
    struct session_origin origin = {
        .program_version = version,
        .model_path = real ? real : model_path(model),
        .model_sha256 = sha256,
        .model_bytes = model_file_bytes(model),
        .shape = shape_json(model_shape(model)),
        .settings = journal_settings(options),
        .probes = &inputs->all,
        .target_count = inputs->targets->count,
        .control_count = inputs->controls->count,
        .heldout_count = inputs->heldout->count,
        .gaps_before = search_gaps_before(search),
    };
    bool ok = session_set_origin(session, &origin, err);
    json_decref(origin.shape);
    json_decref(origin.settings);
    free(real);
    return ok;
}

/* ---- steps of the search -------------------------------------------------------------- */

/* The newest accepted flips of the search become a step. */
static bool add_step(struct journal *journal, const char *by, struct session_event *tried,
                     struct err *err)
{
    struct search *search = journal->search;
    struct flip undone;
    size_t count = 0, newest = search_newest(search);
    const struct flip *flips = search_accepted(search, &count);
    char rows[SHA256_TEXT_SIZE];
    struct session_step step = {
        .by = by,
        .tried = search_tried(search),
        .screened = search_screened(search),
        .flips = flips + count - newest,
        .flip_count = newest,
        .fitness = search_fitness(search),
        .gaps = search_gaps_now(search),
        .gap_count = journal->probes,
        .rows_sha256 = rows,
    };
    if (model_rows_sha256(journal->model, step.flips, newest, rows, err) &&
        session_add_step(journal->session, &step, tried, err))
        return true;
    (void)search_undo(search, &undone); /* [N1] */
    return false;
}

/* ---- beginning ------------------------------------------------------------------------ */

/* A patch that the search began with. */
static bool add_start(struct journal *journal, struct err *err)
{
    return search_levels(journal->search) == 0 || add_step(journal, "import", NULL, err);
}

struct journal *journal_begin(struct session *session, struct model *model,
                              const struct search_inputs *inputs,
                              const struct search_options *options, const char *version,
                              cancel_flag *cancel, struct err *err)
{
    model_hash_start(model); /* beside the measuring */
    struct search *search = search_new(model, inputs->targets, inputs->controls, options, cancel,
                                       err);
    const char *sha256 = search ? model_sha256_unless(model, cancel, err) : NULL;
    struct journal *journal = NULL;
    if (sha256 && set_origin(session, model, sha256, inputs, options, search, version, err) &&
        note_opening(session, version, err))
        journal = journal_new(session, model, search, inputs);
    if (journal && add_start(journal, err))
        return journal;
    journal_free(journal);
    search_free(search);
    return NULL;
}

/* ---- going on ------------------------------------------------------------------------ */

/* The session's search with this run's threads and memory. */
static bool resume_options(const struct session_origin *origin,
                           const struct search_options *given, int32_t *layers,
                           struct search_options *out, struct err *err)
{
    *out = *given;
    if (!journal_options(origin->settings, out, layers, err))
        return false;
    if (given->iterations > 0)
        out->iterations = given->iterations;
    return true;
}

struct journal *journal_resume(struct session *session, struct model *model,
                               const struct search_inputs *inputs,
                               const struct search_options *options, const char *version,
                               cancel_flag *cancel, struct err *err)
{
    const struct session_origin *origin = session_origin(session, err);
    struct search_options merged;
    int32_t layers[SESSION_LAYERS_MAX];
    struct journal_past past = {0};
    size_t probes = inputs->targets->count + inputs->controls->count;
    bool unproven = false;
    bool ok = origin && journal_same_model(session, model, &unproven, cancel, err) &&
              resume_options(origin, options, layers, &merged, err) &&
              journal_load_past(session, model, probes, &past, err) &&
              (!search_method_replays(merged.method) ||
               journal_load_tries(session, model, probes, &past, err));
    struct search *search = NULL;
    if (ok) {
        past.past.gaps_before = origin->gaps_before;
        search = search_resume(model, inputs->targets, inputs->controls, &merged, &past.past,
                               cancel, err);
    }
    journal_past_free(&past);
    if (search && (!session_is_writable(session) || note_opening(session, version, err))) {
        struct journal *journal = journal_new(session, model, search, inputs);
        journal->unproven = unproven;
        if (!unproven)
            journal_note_model_path(journal);
        return journal;
    }
    search_free(search);
    return NULL;
}

/* ---- the search's own steps --------------------------------------------------------------- */

static struct session_event tried_event(struct journal *journal, const struct search_try *tried,
                                        const double *gaps)
{
    return (struct session_event){
        .kind = EVENT_KIND_TRIED,
        .step = session_head(journal->session),
        .number = tried->number,
        .has_flip = true,
        .flip = tried->flip,
        .flips = tried->flips,
        .flip_count = tried->count,
        .accepted = tried->accepted,
        .screened = tried->screened,
        .stopped = tried->stopped,
        .fitness = tried->fitness,
        .promised = tried->promised,
        .gaps = gaps,
        .gap_count = gaps ? journal->probes : 0,
    };
}

enum search_status journal_step(struct journal *journal, struct search_try *out,
                                cancel_flag *cancel, struct err *err)
{
    if (!journal_prove_model(journal, cancel, err))
        return SEARCH_FAILED;
    enum search_status status = search_step(journal->search, out, cancel, err);
    if (status != SEARCH_TRIED)
        return status;
    struct session_event event = tried_event(journal, out, search_gaps_last(journal->search));
    bool ok = out->accepted ? add_step(journal, "search", &event, err)
                            : session_add_event(journal->session, &event, err);
    if (ok)
        return SEARCH_TRIED;
    search_untry(journal->search); /* it will be drawn again */
    return SEARCH_FAILED;
}

/* ---- a person's hand ---- */

bool journal_measure(struct journal *journal, const struct flip *flip, double *gaps,
                     double *fitness, cancel_flag *cancel, struct err *err)
{
    if (!journal_prove_model(journal, cancel, err) ||
        !search_measure(journal->search, flip, gaps, fitness, cancel, err))
        return false;
    struct search_try tried = {.flip = *flip, .fitness = *fitness};
    struct session_event event = tried_event(journal, &tried, gaps);
    event.kind = EVENT_KIND_MEASURED;
    return session_add_event(journal->session, &event, err);
}

bool journal_keep(struct journal *journal, const struct flip *flip, struct search_try *out,
                  cancel_flag *cancel, struct err *err)
{
    return journal_prove_model(journal, cancel, err) &&
           search_keep(journal->search, flip, out, cancel, err) &&
           add_step(journal, "hand", NULL, err);
}

bool journal_keep_all(struct journal *journal, const struct flip *flips, size_t count,
                      cancel_flag *cancel, struct err *err)
{
    return journal_prove_model(journal, cancel, err) &&
           search_keep_all(journal->search, flips, count, cancel, err) &&
           add_step(journal, "hand", NULL, err);
}

bool journal_accept(struct journal *journal, struct search_try *out, cancel_flag *cancel,
                    struct err *err)
{
    return journal_prove_model(journal, cancel, err) &&
           search_accept(journal->search, out, cancel, err) &&
           add_step(journal, "hand", NULL, err);
}

static bool head_step(struct journal *journal, struct session_step *out, struct err *err)
{
    return session_step(journal->session, session_head(journal->session), out, err);
}

bool journal_reject(struct journal *journal, struct search_try *out, struct err *err)
{
    struct session_step step;
    return search_can_reject(journal->search, err) && head_step(journal, &step, err) &&
           session_move_head(journal->session, step.parent, "undo", err) &&
           search_reject(journal->search, out, err);
}

bool journal_undo(struct journal *journal, struct err *err)
{
    struct session_step step;
    struct flip undone;
    if (session_head(journal->session) == SESSION_ROOT)
        return err_set(err, ERR_USAGE, "nothing to undo: no flip is accepted");
    if (!head_step(journal, &step, err) ||
        !session_move_head(journal->session, step.parent, "undo", err))
        return false;
    BUG_ON(!search_undo(journal->search, &undone));
    return true;
}

/* Put a step whose parent is the head on the search. */
static bool put_step(struct journal *journal, int64_t id, struct err *err)
{
    struct session_step step;
    if (!session_step(journal->session, id, &step, err) ||
        !journal_step_fits(&step, journal->model, journal->probes, err))
        return false;
    search_redo(journal->search, step.flips, step.flip_count, step.gaps, step.fitness);
    return true;
}

bool journal_redo(struct journal *journal, struct err *err)
{
    struct session_step step;
    if (!head_step(journal, &step, err))
        return false;
    if (step.redo < 0)
        return err_set(err, ERR_USAGE, "nothing to redo");
    int64_t child = step.redo;
    struct flip undone;
    if (!put_step(journal, child, err))
        return false;
    if (session_move_head(journal->session, child, "redo", err))
        return true;
    (void)search_undo(journal->search, &undone);
    return false;
}

bool journal_can_redo(struct journal *journal)
{
    struct session_step step;
    struct err ignored;
    return head_step(journal, &step, &ignored) && step.redo >= 0;
}

/* Steps that two ways have in common. */
static size_t common(const int64_t *a, size_t a_count, const int64_t *b, size_t b_count)
{
    size_t i = 0;
    while (i < a_count && i < b_count && a[i] == b[i])
        i++;
    return i;
}

bool journal_goto(struct journal *journal, int64_t step, struct err *err)
{
    int64_t *from = NULL, *to = NULL;
    size_t from_count = 0, to_count = 0;
    struct journal_past ahead = {0};
    struct session *session = journal->session;
    bool ok = session_way(session, session_head(session), &from, &from_count, err) &&
              session_way(session, step, &to, &to_count, err);
    size_t shared = ok ? common(from, from_count, to, to_count) : 0;
    ok = ok && journal_load_steps(session, journal->model, to + shared, to_count - shared,
                          journal->probes, &ahead, err) &&
         session_move_head(session, step, "goto", err);
    for (size_t i = from_count; ok && i > shared; i--) {
        struct flip undone;
        BUG_ON(!search_undo(journal->search, &undone));
    }
    for (size_t i = 0, first = 0; ok && i < to_count - shared; first += ahead.counts[i++])
        search_redo(journal->search, ahead.flips + first, ahead.counts[i],
                    ahead.gaps + i * journal->probes, ahead.fitness[i]);
    journal_past_free(&ahead);
    free(from);
    free(to);
    return ok;
}

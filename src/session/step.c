/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The tree.  Ids count 0, 1, 2, ... and a parent is older than its children: whoever
 * climbs arrives at the root, whatever the file says.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/session/session_int.h"

static void name_step(struct query *query, int64_t id)
{
    (void)snprintf(query->place, sizeof query->place, "step %" PRId64, id);
}

static bool has_step(const struct session *session, int64_t id, struct err *err)
{
    if (id >= 0 && (uint64_t)id <= session->now.steps)
        return true;
    (void)err_set(err, ERR_RANGE, "there is no step %" PRId64 ", expected 0 to %" PRIu64, id,
                  session->now.steps);
    return err_file(err, session->path);
}

/* ---- writing ---------------------------------------------------------------- */

static bool insert_flips(struct session *session, const struct session_step *step, struct err *err)
{
    char mask[MASK_TEXT_SIZE];
    for (size_t i = 0; i < step->flip_count; i++) {
        struct query query = query_use(session, SQL_ADD_FLIP, err);
        query_int(&query, step->id);
        query_count(&query, i);
        query_flip(&query, &step->flips[i], mask);
        if (!query_run(&query))
            return false;
    }
    return true;
}

bool session_insert_step(struct session *session, const struct session_step *step,
                         struct err *err)
{
    struct buf gaps = {0};
    if (step->gaps)
        numbers_print(&gaps, step->gaps, step->gap_count);
    struct query query = query_use(session, SQL_ADD_STEP, err);
    query_int(&query, step->id);
    if (step->parent < 0)
        query_null(&query);
    else
        query_int(&query, step->parent);
    query_text(&query, step->by);
    query_count(&query, step->tried);
    query_count(&query, step->screened);
    query_int(&query, step->time_ms);
    query_real(&query, step->fitness);
    query_text(&query, gaps.data);
    query_text(&query, step->note);
    bool ok = query_run(&query);
    buf_free(&gaps);
    return ok && insert_flips(session, step, err);
}

bool session_set_head(struct session *session, int64_t step, struct err *err)
{
    struct query query = query_use(session, SQL_SET_HEAD, err);
    query_int(&query, step);
    session->now.head = step;
    return query_run(&query);
}

static bool set_redo(struct session *session, int64_t parent, int64_t child, struct err *err)
{
    struct query query = query_use(session, SQL_SET_REDO, err);
    query_int(&query, child);
    query_int(&query, parent);
    return query_run(&query);
}

/* ---- the head --------------------------------------------------------------- */

/* -1 for the root; redo may be NULL. */
static bool get_parent(struct session *session, int64_t id, int64_t *parent, int64_t *redo,
                       struct err *err)
{
    struct query query = query_use(session, SQL_GET_PARENT, err);
    query_int(&query, id);
    name_step(&query, id);
    bool found = query_next(&query);
    if (query.ok && !found) {
        query.ok = err_set(err, ERR_FORMAT, "is missing, expected one row for each step");
        (void)err_where(err, "%s", query.place);
    }
    if (found && id == SESSION_ROOT && !row_is_null(&query, 0))
        (void)row_refuse(&query, 0, "NULL for the root");
    *parent = !found || id == SESSION_ROOT ? -1 : row_int(&query, 0, 0, id - 1);
    if (redo)
        *redo = !found || row_is_null(&query, 1) ? -1 : row_int(&query, 1, id + 1, INT64_MAX);
    return query_end(&query);
}

/* Every step that the head leaves upwards is what redo comes back to.  The younger of
 * two steps is never an ancestor of the other, so it is the one that climbs. */
static bool mark_way(struct session *session, int64_t from, int64_t to, struct err *err)
{
    while (from != to) {
        int64_t parent = -1, redo = -1;
        bool up = from > to;
        if (!get_parent(session, up ? from : to, &parent, NULL, err))
            return false;
        if (!up) {
            to = parent;
            continue;
        }
        int64_t above = -1;
        if (!get_parent(session, parent, &above, &redo, err) ||
            (redo != from && !set_redo(session, parent, from, err)))
            return false;
        from = parent;
    }
    return true;
}

static bool move_head(struct session *session, int64_t step, const char *text, struct err *err)
{
    struct session_event moved = {
        .kind = EVENT_KIND_HEAD,
        .fitness = (double)NAN,
        .text = text,
    };
    return mark_way(session, session->now.head, step, err) &&
           session_set_head(session, step, err) && session_insert_event(session, &moved, err);
}

bool session_move_head(struct session *session, int64_t step, const char *text, struct err *err)
{
    if (!session_needs_origin(session, err) || !has_step(session, step, err) ||
        !session_begin(session, false, err))
        return false;
    return session_end(session, move_head(session, step, text, err), err);
}

/* ---- new steps -------------------------------------------------------------- */

static void rows_key(int64_t id, char out[32])
{
    (void)snprintf(out, 32, "rows %" PRId64, id);
}

static bool insert_rows(struct session *session, const struct session_step *step, struct err *err)
{
    char key[32];
    rows_key(step->id, key);
    return !step->rows_sha256 || session_insert_kept(session, key, step->rows_sha256, err);
}

char *session_step_rows(struct session *session, int64_t id)
{
    char key[32];
    rows_key(id, key);
    return session_get(session, key);
}

/* Everything of a new step inside the transaction; the head is its parent. */
static bool insert_all(struct session *session, const struct session_step *step,
                       struct session_event *tried, struct err *err)
{
    struct session_event added = {
        .kind = EVENT_KIND_STEP,
        .time_ms = step->time_ms,
        .fitness = step->fitness,
        .text = step->by,
    };
    if (tried && !session_insert_event(session, tried, err))
        return false;
    if (!session_insert_step(session, step, err) || !insert_rows(session, step, err) ||
        !set_redo(session, step->parent, step->id, err) ||
        !session_set_head(session, step->id, err))
        return false;
    session->now.steps++;
    return session_insert_event(session, &added, err);
}

static struct session_step step_below(const struct session *session,
                                      const struct session_step *step, int64_t parent)
{
    struct session_step made = *step;
    made.id = (int64_t)session->now.steps + 1;
    made.parent = parent;
    made.redo = -1;
    if (made.time_ms == 0)
        made.time_ms = session_clock_ms();
    return made;
}

static bool end_step(struct session *session, bool ok, const struct session_step *made,
                     struct session_step *step, struct err *err)
{
    if (!session_end(session, ok, err))
        return false;
    *step = *made;
    session_counter_set(session);
    return true;
}

bool session_add_step(struct session *session, struct session_step *step,
                      struct session_event *tried, struct err *err)
{
    BUG_ON(!step->by || (tried && tried->kind != EVENT_KIND_TRIED));
    if (!session_needs_origin(session, err) || !session_begin(session, true, err))
        return false;
    struct session_step made = step_below(session, step, session->now.head);
    return end_step(session, insert_all(session, &made, tried, err), &made, step, err);
}

bool session_add_branch(struct session *session, int64_t parent, struct session_step *step,
                        const char *name, struct err *err)
{
    BUG_ON(!step->by);
    if (!session_needs_origin(session, err) || !has_step(session, parent, err) ||
        !session_begin(session, true, err))
        return false;
    struct session_step made = step_below(session, step, parent);
    bool ok = (parent == session->now.head || move_head(session, parent, "goto", err)) &&
              insert_all(session, &made, NULL, err) &&
              (!name || session_insert_name(session, name, made.id, err));
    return end_step(session, ok, &made, step, err);
}

/* ---- reading ---------------------------------------------------------------- */

static bool get_flips(struct session *session, struct session_step *out, struct err *err)
{
    size_t capacity = 0;
    struct query query = query_use(session, SQL_GET_FLIPS, err);
    query_int(&query, out->id);
    while (query_next(&query)) {
        if (out->flip_count == capacity) {
            capacity = capacity ? capacity * 2 : 4;
            session->step_flips = x_grow(session->step_flips, capacity, sizeof(struct flip));
        }
        (void)snprintf(query.place, sizeof query.place, "step %" PRId64 ", flip %zu", out->id,
                       out->flip_count);
        (void)row_int(&query, 0, (int64_t)out->flip_count, (int64_t)out->flip_count);
        row_flip(&query, 1, &session->step_flips[out->flip_count]);
        out->flip_count++;
    }
    out->flips = session->step_flips;
    return query_end(&query);
}

/* Texts are copied behind each other; by and note point to them. */
static void keep_texts(struct session *session, struct query *query, struct session_step *out)
{
    struct buf *kept = &session->step_text;
    const char *note = row_text_or_null(query, 8);
    buf_clear(kept);
    buf_add_text(kept, row_text(query, 2, NULL));
    buf_add(kept, "", 1);
    size_t note_at = kept->len;
    if (note)
        buf_add(kept, note, strlen(note) + 1);
    out->by = kept->data;
    out->note = note ? kept->data + note_at : NULL;
}

static void row_step(struct query *query, struct session_step *out)
{
    struct session *session = query->session;
    int64_t id = out->id;
    bool is_root = id == SESSION_ROOT;
    if (query->ok && is_root != row_is_null(query, 0))
        (void)row_refuse(query, 0, is_root ? "NULL for the root" : "an older step");
    out->parent = is_root ? -1 : row_int(query, 0, 0, id - 1);
    out->redo = row_is_null(query, 1) ? -1 : row_int(query, 1, id + 1, INT64_MAX);
    keep_texts(session, query, out);
    out->tried = (uint64_t)row_int(query, 3, 0, INT64_MAX);
    out->screened = (uint64_t)row_int(query, 4, 0, INT64_MAX);
    out->time_ms = row_int(query, 5, INT64_MIN, INT64_MAX);
    out->fitness = row_real(query, 6);
    bool has_gaps = row_numbers(query, 7, &session->step_gaps);
    out->gaps = has_gaps ? session->step_gaps.data : NULL;
    out->gap_count = session->step_gaps.count;
}

bool session_step(struct session *session, int64_t id, struct session_step *out,
                  struct err *err)
{
    *out = (struct session_step){.id = id};
    if (!session_needs_origin(session, err) || !has_step(session, id, err))
        return false;
    struct query query = query_use(session, SQL_GET_STEP, err);
    query_int(&query, id);
    name_step(&query, id);
    bool found = query_next(&query);
    if (found)
        row_step(&query, out);
    if (query_end(&query) && found)
        return get_flips(session, out, err) || err_file(err, session->path);
    if (query.ok) {
        (void)err_set(err, ERR_FORMAT, "is missing, expected one row for each step");
        (void)err_where(err, "step %" PRId64, id);
    }
    return err_file(err, session->path);
}

bool session_way(struct session *session, int64_t step, int64_t **ids, size_t *count,
                 struct err *err)
{
    size_t capacity = 0;
    *ids = NULL;
    *count = 0;
    bool ok = session_needs_origin(session, err) && has_step(session, step, err);
    for (int64_t at = step; ok && at != SESSION_ROOT;) {
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            *ids = x_grow(*ids, capacity, sizeof **ids);
        }
        (*ids)[(*count)++] = at;
        ok = get_parent(session, at, &at, NULL, err);
    }
    for (size_t i = 0; ok && i < *count / 2; i++) {
        int64_t other = (*ids)[*count - 1 - i];
        (*ids)[*count - 1 - i] = (*ids)[i];
        (*ids)[i] = other;
    }
    if (ok)
        return true;
    free(*ids);
    *ids = NULL;
    *count = 0;
    return err_file(err, session->path);
}

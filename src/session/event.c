/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The journal.  seq counts 1, 2, ... without holes; it alone decides the order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/num.h"
#include "src/session/session_int.h"

static const char *const kind_names[EVENT_KIND_COUNT] = {
    [EVENT_KIND_OPEN] = "open",       [EVENT_KIND_TRIED] = "tried",
    [EVENT_KIND_MEASURED] = "measured", [EVENT_KIND_STEP] = "step",
    [EVENT_KIND_HEAD] = "head",       [EVENT_KIND_ANSWERS] = "answers",
    [EVENT_KIND_TEXT] = "text",       [EVENT_KIND_HELDOUT] = "heldout",
    [EVENT_KIND_SHELL] = "shell",     [EVENT_KIND_NOTE] = "note",
    [EVENT_KIND_NAME] = "name",
};

const char *session_kind_name(enum session_kind kind)
{
    BUG_ON((int)kind < 0 || kind >= EVENT_KIND_COUNT);
    return kind_names[kind];
}

bool session_needs_origin(const struct session *session, struct err *err)
{
    if (session->has_origin)
        return true;
    (void)err_set(err, ERR_USAGE, "the session has no origin yet: no model, no probes");
    return err_file(err, session->path);
}

/* ---- writing ---------------------------------------------------------------- */

static void bind_flip(struct query *query, const struct session_event *event,
                      char mask[MASK_TEXT_SIZE])
{
    if (event->has_flip) {
        query_flip(query, &event->flip, mask);
        return;
    }
    for (int i = 0; i < 5; i++)
        query_null(query);
}

bool session_insert_event(struct session *session, struct session_event *event, struct err *err)
{
    char mask[MASK_TEXT_SIZE];
    struct buf gaps = {0}, data = {0};
    if (event->gaps)
        numbers_print(&gaps, event->gaps, event->gap_count);
    json_t *object = event_try_data(event);
    if (object)
        json_print(&data, object, false);
    json_decref(object);
    event->seq = session->now.events + 1;
    event->step = session->now.head;
    if (event->time_ms == 0)
        event->time_ms = session_clock_ms();

    struct query query = query_use(session, SQL_ADD_EVENT, err);
    query_count(&query, event->seq);
    query_int(&query, event->time_ms);
    query_text(&query, session_kind_name(event->kind));
    query_int(&query, event->step);
    query_count(&query, event->number);
    bind_flip(&query, event, mask);
    query_int(&query, event->accepted);
    query_int(&query, event->screened);
    query_int(&query, event->stopped);
    query_real(&query, event->fitness);
    query_text(&query, gaps.data);
    query_text(&query, event->text);
    query_text(&query, data.data);
    bool ok = query_run(&query);
    buf_free(&gaps);
    buf_free(&data);

    session->now.events = event->seq; /* taken back with the transaction */
    if (event->kind == EVENT_KIND_TRIED) {
        session->now.tried = event->number;
        session->now.screened += event->screened ? 1 : 0;
    }
    return ok;
}

bool session_add_event(struct session *session, struct session_event *event, struct err *err)
{
    BUG_ON(event->kind == EVENT_KIND_STEP || event->kind == EVENT_KIND_HEAD ||
           event->kind == EVENT_KIND_NAME);
    if (!session_needs_origin(session, err) || !session_begin(session, false, err))
        return false;
    return session_end(session, session_insert_event(session, event, err), err);
}

/* ---- reading ---------------------------------------------------------------- */

static enum session_kind row_kind(struct query *query, int column)
{
    const char *name = row_text(query, column, NULL);
    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++)
        if (strcmp(name, kind_names[kind]) == 0)
            return (enum session_kind)kind;
    (void)row_refuse(query, column, "the kind of an event");
    return EVENT_KIND_NOTE;
}

/* What rows are read into. */
struct rows_read {
    struct numbers gaps;
    struct flip *flips;
};

static void row_try(struct query *query, struct session_event *event, struct rows_read *rows)
{
    if (query->ok && event->has_flip && event->data && !event_try_read(event, &rows->flips))
        (void)row_refuse(query, 16, "two flips or more, the first as in its columns, and a "
                                    "number promised");
}

/* The row at hand; data is the caller's to free. */
static struct session_event row_event(struct query *query, uint64_t expected,
                                      struct rows_read *rows)
{
    struct session_event event = {.seq = expected};
    (void)snprintf(query->place, sizeof query->place, "event %llu", (unsigned long long)expected);
    if (row_int(query, 0, 1, INT64_MAX) != (int64_t)expected)
        (void)row_refuse(query, 0, "the number after the one before");
    event.time_ms = row_int(query, 1, INT64_MIN, INT64_MAX);
    event.kind = row_kind(query, 2);
    event.step = row_int(query, 3, 0, INT64_MAX);
    event.number = (uint64_t)row_int(query, 4, 0, INT64_MAX);
    event.has_flip = !row_is_null(query, 6);
    if (event.has_flip)
        row_flip(query, 5, &event.flip);
    event.accepted = row_bool(query, 10);
    event.screened = row_bool(query, 11);
    event.stopped = row_bool(query, 12);
    event.fitness = row_real(query, 13);
    bool has_gaps = row_numbers(query, 14, &rows->gaps);
    event.gaps = has_gaps ? rows->gaps.data : NULL;
    event.gap_count = rows->gaps.count;
    event.text = row_text_or_null(query, 15);
    event.data = row_object(query, 16);
    row_try(query, &event, rows);
    return event;
}

#define EVENT_COLUMNS                                                                          \
    "SELECT seq, time_ms, kind, step, number, layer, proj, row, grp, mask, accepted, screened," \
    " stopped, fitness,"

typedef bool each_event(void *user, const struct session_event *event);

/* Ends the query.  first 0: the numbers need not follow each other. */
static bool give_events(struct query *query, uint64_t first, each_event *each, void *user)
{
    struct rows_read rows = {0};
    struct session *session = query->session;
    struct err *err = query->err;
    for (uint64_t seq = first; query_next(query); seq++) {
        if (first == 0)
            seq = (uint64_t)row_int(query, 0, 1, INT64_MAX);
        struct session_event event = row_event(query, seq, &rows);
        bool more = query->ok && each(user, &event);
        json_decref(event.data);
        if (!more)
            break;
    }
    numbers_free(&rows.gaps);
    free(rows.flips);
    return query_end(query) || err_file(err, session->path);
}

bool session_each_event(struct session *session, uint64_t first, each_event *each, void *user,
                        struct err *err)
{
    struct query query = query_new(session, EVENT_COLUMNS " gaps, text, data FROM event"
                                   " WHERE seq >= ? ORDER BY seq", err);
    first = first > 0 ? first : 1;
    query_count(&query, first);
    return give_events(&query, first, each, user);
}

bool session_each_briefly(struct session *session, uint64_t first, each_event *each, void *user,
                      struct err *err)
{
    struct query query = query_new(session, EVENT_COLUMNS " NULL, iif(proj IS NULL, text, NULL),"
                                   " iif(proj IS NULL OR kind = 'tried', data, NULL) FROM event"
                                   " WHERE seq >= ? ORDER BY seq", err);
    first = first > 0 ? first : 1;
    query_count(&query, first);
    return give_events(&query, first, each, user);
}

bool session_each_of(struct session *session, enum session_kind kind, each_event *each,
                     void *user, struct err *err)
{
    struct query query = query_new(session, EVENT_COLUMNS " gaps, text, data FROM event"
                                   " WHERE kind = ? ORDER BY seq", err);
    query_text(&query, session_kind_name(kind));
    return give_events(&query, 0, each, user);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Is the file whole?  First what SQLite knows, then everything is read once through the
 * functions that others read with, and what they must agree on is compared.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"
#include "src/session/session_int.h"

enum { REASONS_MAX = 100 };

struct verify {
    struct session *session;
    struct buf *reasons;
    size_t reason_count;
    size_t gap_count;   /* what every list of gaps has */
    uint64_t events;    /* seen so far */
    int64_t head;       /* after these */
    int64_t steps;      /* that these added */
    struct err machine; /* it failed, not the file: nothing can be said */
};

static void add_reason(struct verify *verify, const char *text)
{
    if (verify->reason_count++ >= REASONS_MAX)
        return;
    text_visible(verify->reasons, text, strlen(text));
    buf_add_text(verify->reasons, "\n");
}

__attribute__((format(printf, 2, 3)))
static void add_format(struct verify *verify, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_reason(verify, text);
}

static void add_err(struct verify *verify, const struct err *err)
{
    if (err->code == ERR_MEMORY || err->code == ERR_IO) {
        verify->machine = *err;
        return;
    }
    add_format(verify, "%s%s%.380s", err->where, err->where[0] ? ": " : "", err->message);
}

/* Is there more to find out? */
static bool goes_on(const struct verify *verify)
{
    return verify->machine.code == ERR_NONE && verify->reason_count < REASONS_MAX;
}

/* ---- SQLite ----------------------------------------------------------------- */

/* A line for every row, but for the one that says that all is well. */
static bool check_pragma(struct verify *verify, const char *sql, const char *what,
                         struct err *err)
{
    struct query query = query_new(verify->session, sql, err);
    while (query_next(&query)) {
        const char *text = row_text(&query, 0, NULL);
        if (strcmp(text, "ok") != 0)
            add_format(verify, "%s: %.150s", what, text);
    }
    if (query_end(&query))
        return true;
    add_err(verify, err);
    return false;
}

/* ---- steps ------------------------------------------------------------------ */

static void check_redo(struct verify *verify, const struct session_step *step)
{
    struct session_step child;
    struct err err = {0};
    int64_t id = step->id, redo = step->redo; /* the next call ends the step's texts only */
    if (redo < 0)
        return;
    if (!session_step(verify->session, redo, &child, &err)) {
        (void)err_where(&err, "step %" PRId64 ", redo", id);
        add_err(verify, &err);
    } else if (child.parent != id) {
        add_format(verify, "step %" PRId64 ", redo: is %" PRId64 ", which is no child of it", id,
                   redo);
    }
}

static void check_steps(struct verify *verify)
{
    uint64_t last = verify->session->now.steps; /* the file says so; it may not be true */
    for (uint64_t id = 0; id <= last && goes_on(verify); id++) {
        struct session_step step;
        struct err err = {0};
        if (!session_step(verify->session, (int64_t)id, &step, &err)) {
            add_err(verify, &err);
            continue;
        }
        if (step.gaps && step.gap_count != verify->gap_count)
            add_format(verify, "step %" PRIu64 ", gaps: has %zu numbers, expected %zu", id,
                       step.gap_count, verify->gap_count);
        check_redo(verify, &step);
    }
}

/* ---- events ----------------------------------------------------------------- */

static void check_head(struct verify *verify, const struct session_event *event)
{
    if (event->kind == EVENT_KIND_STEP) {
        verify->head = ++verify->steps;
    } else if (event->kind == EVENT_KIND_HEAD) {
        verify->head = event->step;
        if (event->step > verify->steps)
            add_format(verify, "event %" PRIu64 ", step: is %" PRId64 ", which was made later",
                       event->seq, event->step);
    }
    if (event->step != verify->head)
        add_format(verify, "event %" PRIu64 ", step: is %" PRId64 ", expected the head, %" PRId64,
                   event->seq, event->step, verify->head);
}

static bool check_event(void *user, const struct session_event *event)
{
    struct verify *verify = user;
    verify->events = event->seq;
    if (event->gaps && event->gap_count != verify->gap_count)
        add_format(verify, "event %" PRIu64 ", gaps: has %zu numbers, expected %zu", event->seq,
                   event->gap_count, verify->gap_count);
    check_head(verify, event);
    return true;
}

/* One that cannot be read is told and passed over. */
static void check_events(struct verify *verify)
{
    while (verify->events < verify->session->now.events && goes_on(verify)) {
        struct err err = {0};
        if (session_each_event(verify->session, verify->events + 1, check_event, verify, &err))
            break;
        add_err(verify, &err);
        verify->events++;
    }
    if (verify->reason_count > 0 || verify->machine.code != ERR_NONE)
        return; /* what was passed over may have moved the head */
    if (verify->head != verify->session->now.head)
        add_format(verify, "session, head: is %" PRId64 ", but the events lead to %" PRId64,
                   verify->session->now.head, verify->head);
    if ((uint64_t)verify->steps != verify->session->now.steps)
        add_format(verify, "there are %" PRIu64 " steps, but %" PRId64 " events that add one",
                   verify->session->now.steps, verify->steps);
}

/* ---- names ------------------------------------------------------------------ */

/* Where the journal tells of a name, the newest that it tells must be so.  Of older names
 * it tells nothing. */
static void check_names(struct verify *verify)
{
    static const char others[] =
        "WITH told AS (SELECT text, json_extract(data, '$.step') AS step, max(seq) FROM event"
        " WHERE kind = 'name' GROUP BY text) SELECT 'name ' || coalesce(told.text, '') FROM told"
        " LEFT JOIN name ON name.name = told.text WHERE name.step IS NOT told.step";
    struct err err = {0};
    if (verify->reason_count == 0 && goes_on(verify)) /* every event could be read */
        (void)check_pragma(verify, others, "is not where the last event says", &err);
}

/* ---- answers ---------------------------------------------------------------- */

static bool pass(void *user, const struct session_answer *answer)
{
    (void)user;
    (void)answer;
    return true;
}

static void check_answers(struct verify *verify)
{
    for (uint64_t id = 0; id <= verify->session->now.steps && goes_on(verify); id++) {
        struct err err = {0};
        if (!session_each_answer(verify->session, (int64_t)id, pass, NULL, &err))
            add_err(verify, &err);
    }
}

static void check_meaning(struct verify *verify)
{
    struct err err = {0};
    const struct session_origin *origin = session_origin(verify->session, &err);
    if (!origin) {
        add_err(verify, &err);
        return;
    }
    verify->gap_count = origin->target_count + origin->control_count;
    check_steps(verify);
    if (verify->reason_count == 0 && goes_on(verify)) /* every step is there */
        check_answers(verify);
    check_events(verify);
    check_names(verify);
}

/* What was found so far may come of the same failure. */
static bool refuse_to_say(struct verify *verify, struct err *err)
{
    buf_clear(verify->reasons);
    if (err)
        *err = verify->machine;
    return err_file(err, verify->session->path);
}

bool session_verify(struct session *session, struct buf *reasons, struct err *err)
{
    static const char strangers[] =
        "SELECT \"table\" || coalesce(' ' || rowid, '') FROM pragma_foreign_key_check";
    struct verify verify = {.session = session, .reasons = reasons};
    struct err first = {0};
    /* One state of the file, even beside a writer. */
    if (!session_hold(session, err))
        return false;
    bool ok = session_load(session, &first);
    if (!ok)
        add_err(&verify, &first);
    ok = ok && check_pragma(&verify, "PRAGMA integrity_check", "integrity", &first) &&
         check_pragma(&verify, strangers, "names something that is not there", &first);
    if (ok && session->has_origin)
        check_meaning(&verify);
    session_release(session);
    if (verify.machine.code != ERR_NONE)
        return refuse_to_say(&verify, err);
    if (verify.reason_count == 0)
        return true;
    if (verify.reason_count > REASONS_MAX)
        buf_add_format(reasons, "and %zu more\n", verify.reason_count - REASONS_MAX);
    (void)err_set(err, ERR_FORMAT, "is not whole: %zu reasons", verify.reason_count);
    return err_file(err, session->path);
}

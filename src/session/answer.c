/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Generations, names of steps, and what a front end wants back.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/session/session_int.h"

/* ---- generations ------------------------------------------------------------ */

bool session_add_answers(struct session *session, const struct session_answer *answers,
                         size_t count, struct err *err)
{
    if (!session_needs_origin(session, err) || !session_begin(session, false, err))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        struct query query = query_use(session, SQL_ADD_ANSWER, err);
        query_int(&query, answers[i].step);
        query_count(&query, answers[i].probe);
        query_bytes(&query, answers[i].text, answers[i].text_len);
        query_int(&query, answers[i].right);
        ok = query_run(&query);
    }
    return session_end(session, ok, err);
}

bool session_each_answer(struct session *session, int64_t step,
                         bool (*each)(void *user, const struct session_answer *answer),
                         void *user, struct err *err)
{
    struct query query = query_new(session, "SELECT probe, text, is_right FROM answer"
                                   " WHERE step = ? ORDER BY probe", err);
    query_int(&query, step);
    (void)snprintf(query.place, sizeof query.place, "answers of step %" PRId64, step);
    while (query_next(&query)) {
        struct session_answer answer = {.step = step};
        answer.probe = (size_t)row_int(&query, 0, 0, INT32_MAX);
        answer.text = row_text(&query, 1, &answer.text_len);
        answer.right = row_bool(&query, 2);
        if (!query.ok || !each(user, &answer))
            break;
    }
    return query_end(&query) || err_file(err, session->path);
}

/* ---- names, view state ------------------------------------------------------ */

static bool insert_naming(struct session *session, const char *name, int64_t step,
                          struct err *err)
{
    struct session_event named = {
        .kind = EVENT_KIND_NAME,
        .fitness = (double)NAN,
        .text = name,
        .data = json_pack("{s:I}", "step", (json_int_t)step),
    };
    bool ok = session_insert_event(session, &named, err);
    json_decref(named.data);
    return ok;
}

bool session_insert_name(struct session *session, const char *name, int64_t step,
                         struct err *err)
{
    struct query query = query_use(session, SQL_SET_NAME, err);
    query_text(&query, name);
    query_int(&query, step);
    return query_run(&query) && insert_naming(session, name, step, err);
}

bool session_name_step(struct session *session, const char *name, int64_t step, struct err *err)
{
    if (!session_needs_origin(session, err) || !session_begin(session, false, err))
        return false;
    bool ok = step >= 0 && (uint64_t)step <= session->now.steps;
    if (!ok)
        (void)err_set(err, ERR_RANGE, "there is no step %" PRId64 ", expected 0 to %" PRIu64,
                      step, session->now.steps);
    return session_end(session, ok && session_insert_name(session, name, step, err), err);
}

bool session_each_name(struct session *session,
                       bool (*each)(void *user, const char *name, int64_t step), void *user,
                       struct err *err)
{
    struct query query =
        query_new(session, "SELECT name, step FROM name ORDER BY step, name", err);
    (void)snprintf(query.place, sizeof query.place, "names");
    while (query_next(&query)) {
        int64_t step = row_int(&query, 1, 0, (int64_t)session->now.steps);
        const char *name = row_text(&query, 0, NULL);
        if (!query.ok || !each(user, name, step))
            break;
    }
    return query_end(&query) || err_file(err, session->path);
}

bool session_named(struct session *session, const char *name, int64_t *step, struct err *err)
{
    struct query query = query_use(session, SQL_GET_NAME, err);
    query_text(&query, name);
    (void)snprintf(query.place, sizeof query.place, "name");
    bool found = query_next(&query);
    if (found)
        *step = row_int(&query, 0, 0, (int64_t)session->now.steps);
    if (query_end(&query) && found)
        return true;
    if (query.ok)
        (void)err_set(err, ERR_USAGE, "no step is named '%.100s'", name);
    return err_file(err, session->path);
}

bool session_insert_kept(struct session *session, const char *key, const char *value,
                         struct err *err)
{
    struct query query = query_use(session, SQL_PUT, err);
    query_text(&query, key);
    query_text(&query, value);
    return query_run(&query);
}

bool session_put(struct session *session, const char *key, const char *value, struct err *err)
{
    return session_begin(session, false, err) &&
           session_end(session, session_insert_kept(session, key, value, err), err);
}

char *session_get(struct session *session, const char *key)
{
    char *value = NULL;
    struct query query = query_use(session, SQL_GET, NULL);
    query_text(&query, key);
    if (query_next(&query)) {
        size_t len = 0;
        const char *text = row_text(&query, 0, &len);
        value = query.ok ? x_copy(text, len) : NULL;
    }
    (void)query_end(&query);
    return value;
}

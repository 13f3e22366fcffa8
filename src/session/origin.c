/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where the session came from: one row, its probes, and step 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/sha256.h"
#include "src/session/session_int.h"

static const char *const part_names[] = {"target", "control", "heldout"};

struct origin {
    struct session_origin view;
    struct probe_set *set;
    struct numbers gaps;
};

static char *copy_text(const char *text)
{
    return x_copy(text, strlen(text));
}

void session_free_origin(struct session *session)
{
    struct origin *origin = session->origin;
    session->origin = NULL;
    if (!origin)
        return;
    /* The view's texts are ours; they are const for those who look. */
    free((void *)(uintptr_t)origin->view.program_version);
    free((void *)(uintptr_t)origin->view.model_path);
    free((void *)(uintptr_t)origin->view.model_sha256);
    json_decref(origin->view.shape);
    json_decref(origin->view.settings);
    probe_set_free(origin->set);
    numbers_free(&origin->gaps);
    free(origin);
}

/* ---- writing ---------------------------------------------------------------- */

static bool insert_origin(struct session *session, const struct session_origin *origin,
                          const char *gaps, struct err *err)
{
    struct buf shape = {0}, settings = {0};
    json_print(&shape, origin->shape, false);
    json_t *with_modes = modes_add(origin->settings, origin->probes);
    json_print(&settings, with_modes, false);
    json_decref(with_modes);
    struct query query = query_new(session, "INSERT INTO origin VALUES(1, ?, ?, ?, ?, ?, ?, ?, ?)",
                                   err);
    query_text(&query, origin->program_version);
    query_text(&query, origin->model_path);
    query_text(&query, origin->model_sha256);
    query_count(&query, origin->model_bytes);
    query_text(&query, shape.data);
    query_text(&query, settings.data);
    query_text(&query, origin->probes && origin->probes->name ? origin->probes->name : "");
    query_text(&query, gaps);
    bool ok = query_run(&query);
    buf_free(&shape);
    buf_free(&settings);
    return ok;
}

static const char *part_of(const struct session_origin *origin, size_t probe)
{
    if (probe < origin->target_count)
        return part_names[0];
    return part_names[probe < origin->target_count + origin->control_count ? 1 : 2];
}

static bool insert_probe(struct session *session, const struct session_origin *origin, size_t i,
                         struct err *err)
{
    const struct probe *probe = &origin->probes->probes[i];
    struct buf alternates = {0};
    json_t *texts = json_array();
    for (size_t j = 0; j < probe->alternate_count; j++)
        (void)json_array_append_new(texts, json_text(probe->alternates[j],
                                                     strlen(probe->alternates[j])));
    json_print(&alternates, texts, false);
    json_decref(texts);
    struct query query = query_new(session, "INSERT INTO probe VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                   err);
    query_count(&query, i);
    query_text(&query, part_of(origin, i));
    query_text(&query, probe->set);
    query_text(&query, probe->name);
    query_text(&query, probe->category);
    query_text(&query, probe->prompt);
    query_text(&query, probe->correct);
    query_text(&query, probe->wrong);
    query_text(&query, alternates.data);
    bool ok = query_run(&query);
    buf_free(&alternates);
    return ok;
}

static bool insert_all(struct session *session, const struct session_origin *origin,
                       struct err *err)
{
    struct session_step root = {
        .parent = -1,
        .by = "origin",
        .time_ms = session_clock_ms(),
        .gaps = origin->gaps_before,
        .gap_count = origin->target_count + origin->control_count,
    };
    struct buf gaps = {0};
    if (origin->gaps_before)
        numbers_print(&gaps, root.gaps, root.gap_count);
    bool ok = insert_origin(session, origin, gaps.data, err);
    buf_free(&gaps);
    size_t count = root.gap_count + origin->heldout_count;
    for (size_t i = 0; ok && i < count; i++)
        ok = insert_probe(session, origin, i, err);
    return ok && session_insert_step(session, &root, err) &&
           session_set_head(session, SESSION_ROOT, err);
}

bool session_set_origin(struct session *session, const struct session_origin *origin,
                        struct err *err)
{
    size_t count = origin->target_count + origin->control_count + origin->heldout_count;
    BUG_ON(count != (origin->probes ? origin->probes->count : 0));
    BUG_ON(!origin->gaps_before && origin->target_count + origin->control_count > 0);
    BUG_ON(!json_is_object(origin->shape) || !json_is_object(origin->settings));
    if (session->has_origin) {
        (void)err_set(err, ERR_USAGE, "the session has an origin already");
        return err_file(err, session->path);
    }
    if (!session_begin(session, true, err))
        return false;
    if (!session_end(session, insert_all(session, origin, err), err))
        return false;
    session->has_origin = true;
    session_checkpoint(session);
    return true;
}

bool session_set_model_path(struct session *session, const char *path, struct err *err)
{
    if (!session_needs_origin(session, err) || !session_begin(session, false, err))
        return false;
    struct query query = query_new(session, "UPDATE origin SET model_path = ?", err);
    query_text(&query, path);
    if (!session_end(session, query_run(&query), err))
        return false;
    if (session->origin) {
        free((void *)(uintptr_t)session->origin->view.model_path);
        session->origin->view.model_path = copy_text(path);
    }
    return true;
}

/* ---- reading ---------------------------------------------------------------- */

static json_t *required_object(struct query *query, int column)
{
    if (query->ok && row_is_null(query, column))
        (void)row_refuse(query, column, "a JSON object");
    return row_object(query, column);
}

static bool read_row(struct session *session, struct origin *origin, struct err *err)
{
    struct query query = query_new(session, "SELECT program_version, model_path, model_sha256,"
                                   " model_bytes, shape, settings, gaps_before, probes_name"
                                   " FROM origin", err);
    (void)snprintf(query.place, sizeof query.place, "origin");
    if (query_next(&query)) {
        struct session_origin *view = &origin->view;
        view->program_version = copy_text(row_text(&query, 0, NULL));
        view->model_path = copy_text(row_text(&query, 1, NULL));
        view->model_sha256 = copy_text(row_text(&query, 2, NULL));
        if (query.ok && !sha256_is_text(view->model_sha256))
            (void)row_refuse(&query, 2, "64 hex digits");
        view->model_bytes = (uint64_t)row_int(&query, 3, 0, INT64_MAX);
        view->shape = required_object(&query, 4);
        view->settings = required_object(&query, 5);
        if (row_numbers(&query, 6, &origin->gaps))
            view->gaps_before = origin->gaps.data;
        origin->set->name = copy_text(row_text(&query, 7, NULL));
    }
    return query_end(&query);
}

static void row_alternates(struct query *query, int column, struct probe *probe)
{
    size_t len = 0;
    const char *text = row_text(query, column, &len);
    json_t *array = query->ok ? json_parse(text, len, NULL, NULL) : NULL, *value;
    size_t i;
    bool ok = json_is_array(array);
    probe->alternates = x_new(json_array_size(array), sizeof *probe->alternates);
    json_array_foreach(array, i, value) {
        ok = ok && json_is_string(value);
        if (ok)
            probe->alternates[probe->alternate_count++] = copy_text(json_string_value(value));
    }
    json_decref(array);
    if (query->ok && !ok)
        (void)row_refuse(query, column, "a JSON array of texts");
}

/* Which of the parts; they follow each other in order. */
static void count_part(struct query *query, int column, struct session_origin *view)
{
    const char *name = row_text(query, column, NULL);
    size_t *counts[] = {&view->target_count, &view->control_count, &view->heldout_count};
    for (size_t part = 0; part < countof(part_names); part++) {
        bool in_order = (part > 0 || !view->control_count) && (part > 1 || !view->heldout_count);
        if (in_order && strcmp(name, part_names[part]) == 0) {
            (*counts[part])++;
            return;
        }
    }
    (void)row_refuse(query, column, "targets, then controls, then heldout");
}

static void row_probe(struct query *query, struct probe *probe)
{
    char **texts[] = {&probe->set,    &probe->name,    &probe->category,
                      &probe->prompt, &probe->correct, &probe->wrong};
    for (size_t i = 0; i < countof(texts); i++)
        *texts[i] = copy_text(row_text(query, 2 + (int)i, NULL));
    for (int column = 5; column <= 6; column++) /* prompt and right answer, as in any probe */
        if (query->ok && row_text(query, column, NULL)[0] == '\0')
            (void)row_refuse(query, column, "text");
    row_alternates(query, 8, probe);
}

static bool read_probes(struct session *session, struct origin *origin, struct err *err)
{
    size_t capacity = 0;
    struct probe_set *set = origin->set;
    struct query query = query_new(session, "SELECT idx, part, set_name, name, category, prompt,"
                                   " correct, wrong, alternates FROM probe ORDER BY idx", err);
    while (query.ok && query_next(&query)) {
        (void)snprintf(query.place, sizeof query.place, "probe %zu", set->count);
        if (set->count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            set->probes = x_grow(set->probes, capacity, sizeof *set->probes);
        }
        (void)row_int(&query, 0, (int64_t)set->count, (int64_t)set->count);
        count_part(&query, 1, &origin->view);
        set->probes[set->count] = (struct probe){0};
        row_probe(&query, &set->probes[set->count++]); /* freed with the set */
    }
    return query_end(&query);
}

static bool check_gaps(const struct origin *origin, struct err *err)
{
    const struct session_origin *view = &origin->view;
    size_t expected = view->target_count + view->control_count;
    if (origin->gaps.count == expected)
        return true;
    (void)err_set(err, ERR_FORMAT, "has %zu numbers, expected %zu: one for each target and control",
                  origin->gaps.count, expected);
    return err_where(err, "origin, gaps_before");
}

const struct session_origin *session_origin(struct session *session, struct err *err)
{
    if (!session_needs_origin(session, err))
        return NULL;
    if (session->origin)
        return &session->origin->view;
    struct origin *origin = x_new(1, sizeof *origin);
    origin->set = x_new(1, sizeof *origin->set);
    origin->view.probes = origin->set;
    session->origin = origin;
    if (read_row(session, origin, err) && read_probes(session, origin, err) &&
        modes_take(origin->view.settings, origin->set, err) && check_gaps(origin, err))
        return &origin->view;
    session_free_origin(session);
    (void)err_file(err, session->path);
    return NULL;
}

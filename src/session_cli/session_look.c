/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One session: where it came from, its events, whether it is whole.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/train_file.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/report/report.h"
#include "src/search/train_look.h"
#include "src/session/session.h"
#include "src/session_cli/session_actions.h"

static struct session *open_to_look(const struct session_request *request, struct err *err)
{
    return session_open(request->path, SESSION_READ, err);
}

/* ---- show ------------------------------------------------------------------------------- */

static void show_json(struct session *session, const struct session_origin *origin)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "kind", json_string("search"));
    (void)json_object_set_new(object, "program_version", json_string(origin->program_version));
    (void)json_object_set_new(object, "model",
                              json_text(origin->model_path, strlen(origin->model_path)));
    (void)json_object_set_new(object, "model_sha256", json_string(origin->model_sha256));
    (void)json_object_set(object, "shape", origin->shape);
    (void)json_object_set(object, "settings", origin->settings);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"targets", origin->target_count},
        {"controls", origin->control_count},
        {"heldout", origin->heldout_count},
        {"steps", session_step_count(session) - 1},
        {"head", (uint64_t)session_head(session)},
        {"tried", session_tried(session)},
        {"screened", session_screened(session)},
        {"events", session_event_count(session)},
        {"missing_steps", session_missing_steps(session)},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)json_object_set_new(object, numbers[i].name,
                                  json_integer((json_int_t)numbers[i].value));
    cli_print_json(object, true);
}

static void show_text(struct session *session, const struct session_origin *origin)
{
    struct buf out = {0};
    char *settings = json_dumps(origin->settings, JSON_COMPACT);
    buf_add_text(&out, "model       ");
    text_visible(&out, origin->model_path, strlen(origin->model_path));
    buf_add_format(&out, "\nsha256      %s\nmade by     bankai ", origin->model_sha256);
    text_visible(&out, origin->program_version, strlen(origin->program_version));
    buf_add_text(&out, "\nsettings    ");
    text_visible(&out, settings ? settings : "", settings ? strlen(settings) : 0);
    buf_add_format(&out,
                   "\nprobes      %zu targets, %zu controls, %zu held-out\n"
                   "tried       %" PRIu64 ", %" PRIu64 " screened out\n"
                   "steps       %" PRIu64 ", the head is step %" PRId64 "\n"
                   "events      %" PRIu64 "\n",
                   origin->target_count, origin->control_count, origin->heldout_count,
                   session_tried(session), session_screened(session),
                   session_step_count(session) - 1, session_head(session),
                   session_event_count(session));
    if (session_missing_steps(session) > 0)
        buf_add_format(&out, "missing     %" PRIu64 " steps, lost with the -wal file\n",
                       session_missing_steps(session));
    cli_print_text(out.data, out.len);
    buf_free(&out);
    free(settings);
}

int session_show(const struct session_request *request, struct err *err)
{
    if (train_file_is(request->path))
        return train_look_show(request->path, request->json, err);
    struct session *session = open_to_look(request, err);
    const struct session_origin *origin = session ? session_origin(session, err) : NULL;
    if (origin && request->json)
        show_json(session, origin);
    else if (origin)
        show_text(session, origin);
    session_close(session);
    return origin ? EXIT_DONE : cli_fail(err);
}

/* ---- log ---------------------------------------------------------------------------------- */

static void log_json(const struct session_event *event)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "event", json_string(session_kind_name(event->kind)));
    (void)json_object_set_new(object, "seq", json_integer((json_int_t)event->seq));
    (void)json_object_set_new(object, "time_ms", json_integer((json_int_t)event->time_ms));
    (void)json_object_set_new(object, "step", json_integer((json_int_t)event->step));
    if (event->number > 0)
        (void)json_object_set_new(object, "number", json_integer((json_int_t)event->number));
    if (event->has_flip)
        report_flips_json(object, &event->flip, event->flips, event->flip_count);
    if (event->kind == EVENT_KIND_TRIED) {
        (void)json_object_set_new(object, "accepted", json_boolean(event->accepted));
        (void)json_object_set_new(object, "screened", json_boolean(event->screened));
        (void)json_object_set_new(object, "stopped", json_boolean(event->stopped));
    }
    if (isfinite(event->fitness))
        (void)json_object_set_new(object, "fitness", json_real(event->fitness));
    if (event->text)
        (void)json_object_set_new(object, "text", json_text(event->text, strlen(event->text)));
    if (event->promised != 0)
        (void)json_object_set_new(object, "promised", json_real(event->promised));
    if (event->data && event->kind != EVENT_KIND_TRIED)
        (void)json_object_set(object, "data", event->data);
    cli_print_json(object, false);
}

static const char *log_word(const struct session_event *event)
{
    if (event->kind != EVENT_KIND_TRIED)
        return "";
    return event->accepted   ? "accepted"
           : event->screened ? "screened out"
           : event->stopped  ? "stopped"
                             : "rejected";
}

static void log_text(const struct session_event *event)
{
    struct buf out = {0};
    buf_add_format(&out, "%6" PRIu64 "  step %-5" PRId64 " %-9s", event->seq, event->step,
                   session_kind_name(event->kind));
    if (event->has_flip) {
        buf_add_text(&out, " ");
        report_flips_text(&out, &event->flip, event->flips ? event->flip_count : 1);
    }
    if (isfinite(event->fitness))
        buf_add_format(&out, "  fitness %+.4f", event->fitness);
    if (event->kind == EVENT_KIND_TRIED)
        buf_add_format(&out, "  %s", log_word(event));
    if (event->text) {
        buf_add_text(&out, "  ");
        text_visible(&out, event->text, strlen(event->text));
    }
    if (event->kind == EVENT_KIND_NAME)
        buf_add_format(&out, " = step %" JSON_INTEGER_FORMAT,
                       json_integer_value(json_object_get(event->data, "step")));
    buf_add_text(&out, "\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static bool log_event(void *user, const struct session_event *event)
{
    const struct session_request *request = user;
    if (request->json)
        log_json(event);
    else
        log_text(event);
    return !atomic_load(&cli_cancel);
}

int session_log(const struct session_request *request, struct err *err)
{
    if (train_file_is(request->path))
        return train_look_log(request->path, request->json, err);
    struct session *session = open_to_look(request, err);
    struct session_request copy = *request;
    bool ok = session && session_each_event(session, 1, log_event, &copy, err);
    session_close(session);
    return ok ? EXIT_DONE : cli_fail(err);
}

/* ---- verify ---- */

int session_check(const struct session_request *request, struct err *err)
{
    if (train_file_is(request->path))
        return train_look_check(request->path, request->json, err);
    struct buf reasons = {0};
    struct session *session = open_to_look(request, err);
    bool whole = session && session_verify(session, &reasons, err);
    bool looked = session && (whole || reasons.len > 0);
    if (looked && request->json)
        cli_print_json(json_pack("{s:b, s:o}", "ok", (int)whole, "reasons",
                                 json_text(reasons.data ? reasons.data : "", reasons.len)),
                       true);
    else if (looked && whole)
        cli_print_text("the session is whole\n", 21);
    else if (looked)
        cli_print_text(reasons.data, reasons.len);
    buf_free(&reasons);
    session_close(session);
    return !looked ? cli_fail(err) : whole ? EXIT_DONE : EXIT_NO;
}

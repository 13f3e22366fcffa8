/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The state as a whole: made, changed by events, asked, freed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/base/text.h"
#include "ui/state_int.h"
#include "ui/view_int.h"

struct app *app_new(void)
{
    struct app *app = x_new(1, sizeof(*app));
    app->grid = x_new(1, sizeof(*app->grid));
    app->help_filter = x_copy("", 0);
    app->screen = VIEW_MAP;
    app->focus = VIEW_MAP;
    return app;
}

void app_forget(struct app *app)
{
    char **texts[] = {&app->compare.prompt, &app->compare.base, &app->compare.now,
                      &app->model_name,     &app->output,       &app->session,
                      &app->offer,          &app->offer_path,   &app->reopen,
                      &app->page,           &app->shell};
    map_free(&app->map);
    search_free_state(&app->search);
    probes_free(app);
    states_free(app);
    for (size_t i = 0; i < countof(texts); i++)
        state_set_text(texts[i], NULL, 0);
    app->compare = (struct compare_state){0};
    app->job = (struct job_state){0};
    app->model = NULL;
    app->shape = NULL;
    app->opened = app->heldout_asked = false;
    app->target_count = app->control_count = app->heldout_count = app->probe_cursor = 0;
    app->heldout_looks = 0;
    app->detail = (struct detail_state){0};
    app->paused[0] = '\0';
}

void app_free(struct app *app)
{
    if (!app)
        return;
    app_forget(app);
    free(app->help_filter);
    free(app->said_at_exit);
    grid_free(app->grid);
    free(app->grid);
    theme_free(app->theme);
    free(app);
}

void state_set_text(char **slot, const char *text, size_t len)
{
    free(*slot);
    *slot = text ? x_copy(text, len) : NULL;
}

/* ---- the message line --------------------------------------------------------- */

__attribute__((format(printf, 3, 0))) static void set_message(struct app *app, bool is_error,
                                                              const char *format, va_list args)
{
    char text[512];
    (void)vsnprintf(text, sizeof(text), format, args);
    text_visible_into(app->message, sizeof(app->message), text, strlen(text));
    app->message_is_error = is_error;
}

void app_say(struct app *app, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_message(app, false, format, args);
    va_end(args);
}

void app_complain(struct app *app, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_message(app, true, format, args);
    va_end(args);
}

/* ---- events --------------------------------------------------------------------- */

static void take_opened(struct app *app, const struct event_opened *opened)
{
    const char *path = model_path(opened->model);
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    app->model = opened->model;
    app->shape = model_shape(opened->model);
    app->metric = opened->metric;
    app->control_metric = opened->control_metric;
    state_set_text(&app->model_name, name, strlen(name));
    state_set_text(&app->output, opened->output, opened->output ? strlen(opened->output) : 0);
    state_set_text(&app->session, opened->session,
                   opened->session ? strlen(opened->session) : 0);
    app->heldout_looks = opened->heldout_looks;
    if (opened->missing_steps > 0)
        app_complain(app, "the session's last %llu steps are lost with its -wal file",
                     (unsigned long long)opened->missing_steps);
    struct search_options usual = search_default_options();
    settings_take(&app->settings.now, opened->search ? opened->search : &usual);
    app->settings.now.options.starts = NULL; /* borrowed from a session */
    map_open(app, opened->model);
    probes_open(app, opened);
    app->opened = true;
    app->read_only = opened->read_only;
    if (opened->view)
        app_take_view(app, opened->view);
}

static const char *text_of(const struct generation *generation)
{
    return generation->text.data ? generation->text.data : "";
}

/* An answer to a prompt that is no longer asked is dropped. */
static void take_text(struct app *app, const struct event_text *text)
{
    struct compare_state *compare = &app->compare;
    if (text->kept)
        state_set_text(&compare->prompt, text->prompt, strlen(text->prompt));
    if (!compare->prompt || !text->prompt || strcmp(compare->prompt, text->prompt) != 0)
        return;
    state_set_text(&compare->base, text_of(&text->base), text->base.text.len);
    state_set_text(&compare->now, text_of(&text->now), text->now.text.len);
    compare->known = true;
    compare->flip_count = text->flip_count;
}

void state_forget_prompt(struct app *app)
{
    struct compare_state *compare = &app->compare;
    state_set_text(&compare->prompt, NULL, 0);
    state_set_text(&compare->base, NULL, 0);
    state_set_text(&compare->now, NULL, 0);
    compare->known = false;
    compare->scroll = 0;
}

static void take_progress(struct app *app, const struct event *event)
{
    struct job_state *job = &app->job;
    const char *what = event->message ? event->message : "";
    if (strcmp(job->what, what) != 0) { /* its rate is another one */
        job->phase_started = job->what[0] ? app->now : job->started;
        job->phase_done = job->what[0] ? event->done : 0;
    }
    job->done = event->done;
    job->total = event->total;
    text_visible_into(job->what, sizeof(job->what), what, strlen(what));
}

static void take_finished(struct app *app, const struct event *event)
{
    app->job.running = false;
    said_finished(app, event->message ? event->message : "");
}

static void take_error(struct app *app, const struct event *event)
{
    const struct err *err = &event->err;
    app_complain(app, "%s%s%s%s%s", err->file, err->file[0] ? ": " : "", err->where,
                 err->where[0] ? ": " : "", err->message);
    if (event->fatal)
        app->quit = true;
}

/* The session speaks of itself. */
static void take_session_event(struct app *app, const struct event *event)
{
    const char *text = event->message ? event->message : "";
    if (event->type == EVENT_SAID) {
        app_say(app, "%s", text);
    } else if (event->type == EVENT_SESSION) {
        state_set_text(&app->session, text, strlen(text));
        app_say(app, "the session is %s now", text);
    } else if (event->type == EVENT_NOTES) {
        if (*text)
            page_open(app, "Notes", text);
        else
            app_say(app, "no notes yet; :note TEXT writes one");
    } else if (event->type == EVENT_OFFER) {
        state_set_text(&app->offer, text, strlen(text));
        state_set_text(&app->offer_path, event->offer, strlen(event->offer));
    } else if (event->type == EVENT_PAUSED) {
        text_visible_into(app->paused, sizeof app->paused, text, strlen(text));
    }
}

static void take_job_event(struct app *app, const struct event *event)
{
    if (event->type == EVENT_STARTED)
        app->job = (struct job_state){.running = true,
                                      .type = event->job,
                                      .total = event->total,
                                      .started = app->now,
                                      .tried_before = app->search.tried,
                                      .accepted_before = app->search.accepted_count};
    else if (event->type == EVENT_PROGRESS)
        take_progress(app, event);
    else if (event->type == EVENT_FINISHED)
        take_finished(app, event);
    else if (event->type == EVENT_WRITTEN)
        said_written(app, event->message);
    else if (event->type == EVENT_ERROR)
        take_error(app, event);
}

/* What the model says of probes and texts. */
static void take_said(struct app *app, struct event *event)
{
    if (event->type == EVENT_GAPS) {
        probes_take_gaps(app, event->gaps);
    } else if (event->type == EVENT_ANSWERS) {
        probes_take_answers(app, &event->answers);
        if (!event->unasked && !event->answers.kept)
            said_answers(app, event->answers.heldout);
    } else if (event->type == EVENT_PROBE) {
        probes_take_detail(app, &event->probe);
    } else if (event->type == EVENT_AUDIT) {
        probes_take_audit(app, event->audit);
        if (!event->unasked)
            said_audit(app, event->audit);
    } else if (event->type == EVENT_TEXT) {
        take_text(app, &event->text);
    } else if (event->type == EVENT_PREDICTED) {
        map_take_predictions(app, event);
        said_predictions(app);
    }
}

void app_event(struct app *app, struct event *event)
{
    switch (event->type) {
    case EVENT_OPENED:
        take_opened(app, &event->opened);
        break;
    case EVENT_SCALES:
        map_take_scales(app, &event->scales);
        break;
    case EVENT_GAPS: case EVENT_ANSWERS: case EVENT_AUDIT: case EVENT_PROBE:
    case EVENT_TEXT: case EVENT_PREDICTED:
        take_said(app, event);
        break;
    case EVENT_TRIED:
        search_take_tried(app, &event->tried, event->job);
        said_tried(app, &event->tried, event->job);
        break;
    case EVENT_FLIPS:
        states_leave(app, event->flips.step, event->job);
        said_flips(app, &event->flips, event->job);
        search_take_flips(app, &event->flips, event->job);
        break;
    case EVENT_NEXT:
        search_take_next(app, &event->next);
        break;
    case EVENT_STATES:
        states_take(app, &event->states);
        break;
    case EVENT_DIFF:
        states_take_diff(app, &event->diff);
        break;
    case EVENT_PAST:
        search_take_past(app, &event->past);
        break;
    case EVENT_SAID: case EVENT_SESSION: case EVENT_NOTES: case EVENT_PAUSED: case EVENT_OFFER:
    case EVENT_WRITTEN: case EVENT_PROGRESS: case EVENT_STARTED: case EVENT_FINISHED:
    case EVENT_ERROR:
        take_job_event(app, event);
        take_session_event(app, event);
        break;
    }
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a command asked for and the loop alone can do: shell commands, stopping, another
 * session, another search.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/num.h"
#include "ui/loop_int.h"
#include "ui/shell.h"
#include "ui/term.h"

/* ---- what a command asked for and the loop alone can do --------------------------- */

static void run_shell(struct loop *loop)
{
    struct app *app = loop->app;
    struct job job = {.type = JOB_SHELL, .text = app->shell};
    if (loop->headless) {
        app_complain(app, "there is no terminal to run a shell command in");
    } else {
        term_suspend();
        int status = shell_run(app->shell);
        term_resume();
        loop_fit_terminal(loop);
        job.count = (uint64_t)status;
        if (app->opened)
            app->post(app, &job);
        app_say(app, "exit status %d", status);
    }
    free(app->shell);
    app->shell = NULL;
    loop->dirty = true;
}

static void set_text(char **slot, const char *text)
{
    char *copy = text ? x_copy(text, strlen(text)) : NULL;
    free(*slot);
    *slot = copy;
}

static void set_from(struct loop *loop, const char *path)
{
    set_text(&loop->from, path);
    loop->options.from = loop->from;
}

/* The old session is closed first: it may be the one that is opened. */
static bool reopen(struct loop *loop)
{
    loop->options.offer = false;
    worker_stop(loop->worker);
    app_forget(loop->app);
    loop->worker = loop->app->worker = worker_start(&loop->options, &loop->err);
    loop->failed = !loop->worker;
    loop->idle = false;
    loop->dirty = true;
    return !loop->failed;
}

static bool open_session(struct loop *loop, const char *path)
{
    set_text(&loop->session, path);
    set_from(loop, NULL);
    loop->options.session = loop->session;
    loop->options.model = NULL; /* that of the session */
    loop->options.heldout_looks = 0;
    return reopen(loop);
}

/* ---- another search of the same model and probes ------------------------------------ */

/* A session that was named keeps its probes; else they come from where they came from. */
static void take_places(struct loop *loop)
{
    const struct app *app = loop->app;
    if (loop->options.session) {
        set_text(&loop->probes_of, app->session);
        loop->options.probes_of = loop->probes_of;
    }
    set_text(&loop->retreat, app->session);
    set_text(&loop->session, NULL);
    loop->options.session = NULL; /* a new one */
    set_text(&loop->model, model_path(app->model));
    loop->options.model = loop->model;
    free(loop->view);
    loop->view = app_view_text(app);
}

static void use_settings(struct loop *loop, const struct settings *settings)
{
    settings_copy(&loop->settings, settings);
    loop->options.search = loop->settings.options;
}

/* Flips that are on come along as one step with a name, unless the method makes more of
 * them (begin_anew); the session says where from. */
static void post_first_jobs(struct app *app, const char *patch, const char *note)
{
    struct buf text = {0};
    buf_add_format(&text, "carried\n%s", patch ? patch : "");
    if (note)
        app->post(app, &(struct job){.type = JOB_NOTE, .text = note});
    if (patch)
        app->post(app, &(struct job){.type = JOB_PATCH, .text = text.data});
    buf_free(&text);
}

static char *note_of(const struct app *app)
{
    struct buf note = {0};
    if (app->search.tried == 0 && app->search.accepted_count == 0)
        return NULL;
    buf_add_format(&note, "other settings; before: %s", app->session ? app->session : "");
    return note.data;
}

static bool begin_anew(struct loop *loop)
{
    struct app *app = loop->app;
    bool carries = app->search.accepted_count > 0 && app->output;
    char *patch = carries ? x_copy(app->output, strlen(app->output)) : NULL;
    char *note = note_of(app);
    settings_copy(&loop->settings_before, &app->settings.now);
    bool crosses = search_method_starts_max(app->settings.pending.options.method) > 1;
    use_settings(loop, &app->settings.pending);
    take_places(loop);
    loop->options.heldout_looks = app->heldout_looks;
    set_from(loop, crosses && patch && !strchr(patch, ',') ? patch : NULL);
    app->settings.asked = false;
    bool ok = reopen(loop);
    if (ok)
        post_first_jobs(app, loop->from ? NULL : patch, note);
    free(patch);
    free(note);
    return ok;
}

bool loop_take_failure(struct loop *loop, const struct err *err)
{
    if (!loop->retreat)
        return false;
    loop->failed_to_open = true;
    loop->err = *err;
    return true;
}

/* The session before, if it was not dropped because nothing had happened in it. */
static bool go_back(struct loop *loop)
{
    bool there = access(loop->retreat, F_OK) == 0;
    struct err err = loop->err;
    loop->failed_to_open = false;
    loop->app->quit = false;
    use_settings(loop, &loop->settings_before);
    set_text(&loop->session, there ? loop->retreat : NULL);
    loop->options.session = loop->session;
    set_text(&loop->retreat, NULL);
    set_from(loop, NULL);
    bool ok = reopen(loop);
    app_complain(loop->app, "%s; the settings are as they were", err.message);
    return ok;
}

void loop_take_opened(struct loop *loop, enum event_type type)
{
    if (type == EVENT_OPENED && loop->view) {
        app_take_view(loop->app, loop->view);
        set_text(&loop->view, NULL);
    }
    if (type == EVENT_FLIPS && loop->retreat)
        set_text(&loop->retreat, NULL);
}

void loop_free_asked(struct loop *loop)
{
    char **texts[] = {&loop->session, &loop->model, &loop->probes_of, &loop->retreat,
                      &loop->view, &loop->from};
    for (size_t i = 0; i < countof(texts); i++)
        set_text(texts[i], NULL);
}

/* False where there is nothing to go on with. */
bool loop_do_what_was_asked(struct loop *loop)
{
    struct app *app = loop->app;
    if (app->shell)
        run_shell(loop);
    if (app->suspend && !loop->headless)
        loop_stop_here();
    app->suspend = false;
    if (loop->failed_to_open)
        return go_back(loop);
    if (app->settings.asked)
        return begin_anew(loop);
    return !app->reopen || open_session(loop, app->reopen);
}

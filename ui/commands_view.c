/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands that look: cursors, views, help, colours, and the way out.
 */
#include <stdlib.h>
#include <string.h>

#include "ui/command_int.h"
#include "ui/prompt.h"
#include "ui/term.h"

/* ---- cursors ----------------------------------------------------------------- */

void command_move(struct app *app, const struct command_call *call)
{
    int motion = command_word(app, call, call->argument[0], command_motions);
    if (motion >= 0)
        view_of(app->focus)->move(app, (enum motion)motion);
}

void command_enter(struct app *app, const struct command_call *call)
{
    (void)call;
    if (!view_of(app->focus)->enter(app) && app->message[0] == '\0')
        app_say(app, "there is nothing to open here");
}

void command_back(struct app *app, const struct command_call *call)
{
    (void)call;
    if (!view_of(app->focus)->back(app) && app->message[0] == '\0')
        app_say(app, "nothing to go back from; q quits");
}

/* ---- views ------------------------------------------------------------------- */

void command_view(struct app *app, const struct command_call *call)
{
    const char *names[VIEW_COUNT + 1] = {NULL};
    for (int view = 0; view < VIEW_COUNT; view++)
        names[view] = view_of((enum view_id)view)->name;
    int view = command_word(app, call, call->argument[0], names);
    if (view >= 0)
        app->screen = app->focus = (enum view_id)view;
}

void command_focus(struct app *app, const struct command_call *call)
{
    int direction = command_word(app, call, call->argument[0], command_directions);
    if (direction < 0)
        return;
    int by = direction == 0 ? 1 : VIEW_COUNT - 1;
    for (int i = 1; i < VIEW_COUNT; i++) {
        enum view_id view = (enum view_id)(((int)app->focus + i * by) % VIEW_COUNT);
        if (command_view_has_room(app, view)) {
            app->focus = view;
            return;
        }
    }
    /* One view at a time fits. */
    app->screen = app->focus = (enum view_id)(((int)app->focus + by) % VIEW_COUNT);
}

void command_maximise(struct app *app, const struct command_call *call)
{
    (void)call;
    app->maximised = !app->maximised;
}

void command_show_help(struct app *app, const struct command_call *call)
{
    (void)call;
    app->help_open = !app->help_open;
    app->help_scroll = 0;
    free(app->help_filter);
    app->help_filter = x_copy("", 0);
}

void command_probe(struct app *app, const struct command_call *call)
{
    if (!command_needs_model(app, call))
        return;
    for (size_t i = 0; i < app->probe_count; i++) {
        struct probe_state *state = &app->probes[i];
        if (strcmp(state->probe->name, call->argument[0]) != 0)
            continue;
        if (state->role == ROLE_HELDOUT && !app->heldout_asked) {
            app_complain(app, "probe '%s' is held out; H asks for its answers",
                         call->argument[0]);
            return;
        }
        app->probe_cursor = i;
        command_show(app, VIEW_PROBES);
        return;
    }
    app_complain(app, "no probe '%s'; Tab completes names", call->argument[0]);
}

/* ---- prompts ----------------------------------------------------------------- */

static void on_line(void *user, const char *line)
{
    struct app *app = user;
    if (!line)
        return;
    app->typed = !app->by_script;
    app_command(app, line);
    app->typed = false;
}

/* Runs "NAME line", unless nothing was typed. */
static void run_with(struct app *app, const char *name, const char *line)
{
    if (!line || line[strspn(line, " ")] == '\0')
        return;
    struct buf command = {0};
    buf_add_format(&command, "%s %s", name, line);
    app_command(app, command.data);
    buf_free(&command);
}

static void on_steps(void *user, const char *line)
{
    run_with(user, "step", line);
}

static void on_measure(void *user, const char *line)
{
    run_with(user, "measure", line);
}

static void on_text(void *user, const char *line)
{
    run_with(user, "gen", line);
}

void command_prompt_with(struct app *app, const char *initial)
{
    prompt_open(PROMPT_COMMAND, ":", initial, command_complete, on_line, app);
}

void command_prompt(struct app *app, const struct command_call *call)
{
    const char *name = call->count > 0 ? call->argument[0] : "";
    if (prompt_is_open())
        return;
    if (*name && !command_named(name)) {
        app_complain(app, "no command '%s' to type for; ? lists them", name);
        return;
    }
    bool asks_model = strcmp(name, "step") == 0 || strcmp(name, "gen") == 0 ||
                      strcmp(name, "measure") == 0;
    if (asks_model && !command_needs_model(app, &(struct command_call){.name = name}))
        return;
    if (strcmp(name, "step") == 0) {
        prompt_open(PROMPT_NUMBER, "steps: ", "", NULL, on_steps, app);
    } else if (strcmp(name, "measure") == 0) {
        prompt_open(PROMPT_NUMBER, "measure the best: ", "", NULL, on_measure, app);
    } else if (strcmp(name, "gen") == 0) {
        prompt_open(PROMPT_TEXT, "text: ", "", NULL, on_text, app);
    } else {
        struct buf initial = {0};
        buf_add_format(&initial, "%s%s", name, *name ? " " : "");
        command_prompt_with(app, initial.data);
        buf_free(&initial);
    }
}

/* ---- colours, terminal ---------------------------------------------------------- */

void command_theme(struct app *app, const struct command_call *call)
{
    const char *name = call->argument[0];
    if (!name) {
        bool dark = app->theme && strcmp(theme_name(app->theme), command_themes[0]) == 0;
        name = command_themes[dark ? 1 : 0];
    }
    struct err err = {0};
    struct theme *theme = theme_load(name, &err);
    if (!theme) {
        app_complain(app, "%s%s%s%s%s", err.file, *err.file ? ": " : "", err.where,
                     *err.where ? ": " : "", err.message);
        return;
    }
    theme_free(app->theme);
    app->theme = theme;
    app_say(app, "theme %s", name);
}

void command_redraw(struct app *app, const struct command_call *call)
{
    (void)app;
    (void)call;
    term_redraw_all();
}

void command_suspend(struct app *app, const struct command_call *call)
{
    (void)call;
    app->suspend = true;
}

/* ---- the way out ------------------------------------------------------------------ */

void command_quit(struct app *app, const struct command_call *call)
{
    (void)call;
    struct buf said = {0};
    size_t count = app->search.accepted_count;
    if (app->read_only)
        buf_add_text(&said, "nothing was changed");
    else if (count > 0 && app->output)
        buf_add_format(&said, "%zu accepted flip%s: %s", count, count == 1 ? "" : "s",
                       app->output);
    else
        buf_add_text(&said, "no flip is accepted");
    if (app->search.tried > 0 && app->session && !app->read_only)
        buf_add_format(&said, "\ngo on with: bankai open -s %s", app->session);
    free(app->said_at_exit);
    app->said_at_exit = said.data; /* moved */
    app->quit = true;
}

/* A zoomed map is closed from wherever the focus is, as long as it is seen. */
enum closing command_closing(const struct app *app)
{
    const struct view_ops *view = view_of(app->focus);
    if (app->help_open)
        return CLOSING_HELP;
    if (app->overlay != OVERLAY_NONE)
        return CLOSING_OVERLAY;
    if (view->has_back && view->has_back(app))
        return CLOSING_VIEW;
    if (app->map.zoomed && layout_of(app).view[VIEW_MAP].rows > 0)
        return CLOSING_ZOOM;
    return app->maximised ? CLOSING_MAXIMISED : CLOSING_PROGRAM;
}

void command_close(struct app *app, const struct command_call *call)
{
    switch (command_closing(app)) {
    case CLOSING_HELP: app->help_open = false; break;
    case CLOSING_OVERLAY: app->overlay = OVERLAY_NONE; break;
    case CLOSING_VIEW: (void)view_of(app->focus)->back(app); break;
    case CLOSING_ZOOM: app->map.zoomed = false; break;
    case CLOSING_MAXIMISED: app->maximised = false; break;
    case CLOSING_PROGRAM: command_quit(app, call); break;
    }
}

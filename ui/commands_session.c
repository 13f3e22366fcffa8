/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands of the session: where it is, notes, another one instead, and the shell.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/search/train_file.h"
#include "src/base/file.h"
#include "src/session/session.h"
#include "ui/command_int.h"

bool command_changes(const struct command_call *call)
{
    static const char *const names[] = {
        "!",    "accept", "answers", "e",      "gen",  "heldout", "keep", "measure", "name", "note",
        "patch", "redo",  "reject",  "run",    "set",  "state",   "step", "try",     "undo", NULL,
    };
    if (strcmp(call->name, "session") == 0)
        return call->count > 0;
    size_t i = 0;
    while (names[i] && strcmp(names[i], call->name) != 0)
        i++;
    return names[i] != NULL;
}

bool command_sessions_folder(struct buf *path)
{
    struct err ignored;
    if (!file_state_path("sessions/x", path, &ignored))
        return false;
    path->data[--path->len] = '\0'; /* without the x */
    return true;
}

/* "arithmetic" lies in the sessions' folder, what has a slash is a path; NULL after
 * complaining. */
static char *session_file(struct app *app, const struct command_call *call, const char *name)
{
    struct buf path = {0};
    size_t len = strlen(name);
    bool ends = len > 7 && strcmp(name + len - 7, ".bankai") == 0;
    if (strchr(name, '/'))
        return command_expand_home(name);
    if (!command_sessions_folder(&path)) {
        app_complain(app, "%s: there is no folder for sessions", call->name);
        buf_free(&path);
        return NULL;
    }
    buf_add_format(&path, "%s%s", name, ends ? "" : ".bankai");
    return path.data;
}

/* ---- where it is ------------------------------------------------------------------ */

void command_of_session(struct app *app, const struct command_call *call)
{
    if (!command_needs_model(app, call))
        return;
    if (call->count == 0) {
        app->post(app, &(struct job){.type = JOB_ABOUT});
        return;
    }
    if (strcmp(call->argument[0], "name") != 0 || call->count != 2) {
        app_complain(app, "session takes nothing or a name: session name NAME");
        return;
    }
    char *path = session_file(app, call, call->argument[1]);
    if (path && access(path, F_OK) == 0)
        app_complain(app, "%s exists already: choose another name", path);
    else if (path)
        app->post(app, &(struct job){.type = JOB_RENAME, .text = path});
    free(path);
}

/* ---- notes ------------------------------------------------------------------------- */

void command_note(struct app *app, const struct command_call *call)
{
    if (command_needs_model(app, call))
        app->post(app, &(struct job){.type = JOB_NOTE, .text = call->argument[0]});
}

void command_notes(struct app *app, const struct command_call *call)
{
    if (command_needs_model(app, call))
        app->post(app, &(struct job){.type = JOB_NOTES});
}

/* ---- another session ------------------------------------------------------------------ */

/* Is it one, and nobody else's?  What is wrong with it is better said before this one is
 * closed. */
static bool may_resume(struct app *app, const char *path)
{
    struct err err = {0};
    struct session *session = session_open(path, SESSION_READ, &err);
    if (!session && train_file_is(path)) /* short enough for 80 columns */
        app_complain(app, "a training's session; its patch: bankai train --resume FILE --point N "
                          "-o PATCH");
    else if (!session)
        app_complain(app, "%s: %s", path, err.message);
    else if (session_is_new(session))
        app_complain(app, "%s: nothing is in the session yet", path);
    else if (!app->read_only && session_is_locked(session))
        app_complain(app, "%s: it is open in another bankai", path);
    bool may = session && !app->message_is_error;
    session_close(session);
    return may;
}

void command_resume(struct app *app, const struct command_call *call)
{
    char *path = NULL;
    if (call->count > 0)
        path = session_file(app, call, call->argument[0]);
    else if (app->offer_path)
        path = x_copy(app->offer_path, strlen(app->offer_path));
    else
        app_complain(app, "there is no last session to go on with: resume NAME, Tab lists them");
    if (path && app->session && strcmp(path, app->session) == 0)
        app_say(app, "this session is open already");
    else if (path && may_resume(app, path)) {
        free(app->reopen);
        app->reopen = path; /* moved */
        return;
    }
    free(path);
}

/* ---- the shell --------------------------------------------------------------------------- */

/* Only what a person types: no key, no theme, no script can have it run. */
void command_run_shell(struct app *app, const struct command_call *call)
{
    if (!app->typed) {
        app_complain(app, "shell commands run only when they are typed after :");
        return;
    }
    free(app->shell);
    app->shell = x_copy(call->argument[0], strlen(call->argument[0]));
}

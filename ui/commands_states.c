/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands on states of the session: patches that are open at once, names, comparisons.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/session/state.h"
#include "ui/command_int.h"
#include "ui/view_int.h"

/* ---- opening --------------------------------------------------------------------------- */

static void open_patch(struct app *app, const char *name, const char *file)
{
    char *path = command_expand_home(file);
    struct buf text = {0};
    buf_add_format(&text, "%s\n%s", name, path);
    command_post_before_run(app, (struct job){.type = JOB_PATCH, .text = text.data});
    buf_free(&text);
    free(path);
}

void command_edit(struct app *app, const struct command_call *call)
{
    if (command_needs_model(app, call))
        open_patch(app, "", call->argument[0]);
}

static void go_to_previous(struct app *app)
{
    if (!app->states.has_previous)
        app_complain(app, "there is no previous patch; patch open FILE opens one");
    else
        command_post_before_run(
            app, (struct job){.type = JOB_GOTO, .count = (uint64_t)app->states.previous});
}

void command_patch_word(struct app *app, const struct command_call *call)
{
    int word = command_needs_model(app, call)
                   ? command_word(app, call, call->argument[0], command_patch_words)
                   : -1;
    if (word == 0 && call->count < 2)
        app_complain(app, "patch open needs a file: patch open FILE [NAME]");
    else if (word == 0)
        open_patch(app, call->count > 2 ? call->argument[2] : "", call->argument[1]);
    else if (word == 1 && call->count > 1)
        app_complain(app, "patch previous takes no argument, found %d", call->count - 1);
    else if (word == 1)
        go_to_previous(app);
}

/* The cursor begins on the state that is on. */
void command_patches(struct app *app, const struct command_call *call)
{
    if (!command_needs_model(app, call))
        return;
    app->overlay = OVERLAY_PATCHES;
    app->states.cursor = 0;
    while (app->states.cursor + 1 < patches_count(app) &&
           patches_step(app, app->states.cursor) != app->search.step)
        app->states.cursor++;
}

/* ---- names, comparisons ---------------------------------------------------------------- */

void command_name(struct app *app, const struct command_call *call)
{
    struct err err = {0};
    if (!command_needs_model(app, call))
        return;
    if (!session_state_name_fits(call->argument[0], &err))
        app_complain(app, "%s", err.message);
    else
        command_post_before_run(app,
                                (struct job){.type = JOB_NAME, .text = call->argument[0]});
}

void command_diff(struct app *app, const struct command_call *call)
{
    if (!command_needs_model(app, call))
        return;
    if (!strstr(call->argument[0], ".."))
        app_complain(app, "diff cannot take '%s': expected A..B as in base..head",
                     call->argument[0]);
    else
        command_post_before_run(app,
                                (struct job){.type = JOB_DIFF, .text = call->argument[0]});
}

/* The number of a step is not looked up. */
void command_go_to_step(struct app *app, const struct command_call *call)
{
    struct job job = {.type = JOB_GOTO, .text = call->argument[0]};
    int64_t step = -1;
    if (!command_needs_model(app, call))
        return;
    if (num_parse_int(call->argument[0], &step) && step >= 0)
        job = (struct job){.type = JOB_GOTO, .count = (uint64_t)step};
    command_post_before_run(app, job);
}

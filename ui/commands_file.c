/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands that read and write files.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "ui/command_int.h"
#include "ui/script.h"

char *command_expand_home(const char *path)
{
    const char *home = getenv("HOME");
    struct buf out = {0};
    if (strncmp(path, "~/", 2) == 0 && home && *home)
        buf_add_format(&out, "%s%s", home, path + 1);
    else
        buf_add_text(&out, path);
    return out.data ? out.data : x_copy("", 0);
}

static void complain_file(struct app *app, const struct err *err, const char *path)
{
    app_complain(app, "%s: %s%s%s", *err->file ? err->file : path, err->where,
                 *err->where ? ": " : "", err->message);
}

/* ---- the patch --------------------------------------------------------------------- */

static void write_patch(struct app *app, const struct command_call *call, bool over)
{
    if (!command_needs_model(app, call))
        return;
    size_t count = app->search.accepted_count;
    if (call->count == 0) {
        if (count > 0 && app->output)
            app_say(app, "the accepted flips are in %s already; w PATCH copies them",
                    app->output);
        else
            app_complain(app, "%s has nothing to write: no flip is accepted", call->name);
        return;
    }
    char *path = command_expand_home(call->argument[0]);
    if (count == 0 && !app->job.running)
        app_complain(app, "%s has nothing to write: no flip is accepted", call->name);
    else if (!over && access(path, F_OK) == 0)
        app_complain(app, "%s exists; w! %s replaces it", call->argument[0], call->argument[0]);
    else
        app->post(app, &(struct job){.type = JOB_WRITE, .text = path});
    free(path);
}

void command_write(struct app *app, const struct command_call *call)
{
    write_patch(app, call, false);
}

void command_write_over(struct app *app, const struct command_call *call)
{
    write_patch(app, call, true);
}

/* ---- screens ------------------------------------------------------------------------ */

void command_screen(struct app *app, const struct command_call *call)
{
    struct buf text = {0};
    struct err err = {0};
    char *path = command_expand_home(call->argument[0]);
    app_draw(app);
    grid_dump(app->grid, &text);
    if (file_write(path, text.data ? text.data : "", text.len, &err))
        app_say(app, "this screen is in %s", call->argument[0]);
    else
        complain_file(app, &err, path);
    buf_free(&text);
    free(path);
}

/* ---- command files ------------------------------------------------------------------ */

void command_source(struct app *app, const struct command_call *call)
{
    struct err err = {0};
    char *path = command_expand_home(call->argument[0]);
    if (!script_push(path, &err))
        complain_file(app, &err, path);
    free(path);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The hint bar: the keys that do something where the focus is and as things
 * stand, in the order of the table of keys, as many as there is room for.
 */
#include <string.h>

#include "src/base/num.h"
#include "ui/command_int.h"
#include "ui/view_int.h"

/* A job that is done before a person has read "pause" is not worth the change. */
static const double pause_after_s = 1;

static bool can_pause(const struct app *app)
{
    const struct job_state *job = &app->job;
    bool steps = job->type == JOB_STEP && job->total != 1;
    return job->running && (steps || app->now - job->started >= pause_after_s);
}

static bool can_search(const struct app *app)
{
    return !app->search.finished && !can_pause(app);
}

/* Rows are tried where one is pointed at: in a matrix, or in the list. */
static bool can_try(const struct app *app)
{
    return app->focus == VIEW_MAP ? app->map.zoomed : app->search.next_count > 0;
}

/* Against the verdict on the last candidate, whoever gave it. */
static bool can_judge(const struct app *app, bool accept)
{
    return app->search.has_last && app->search.last.accepted != accept;
}

static bool is_worth_it(const struct app *app, const char *line)
{
    bool zoomed = app->focus == VIEW_MAP && app->map.zoomed;
    if (!app->opened)
        return strcmp(line, "help") == 0 || strcmp(line, "close") == 0;
    const char *name = strncmp(line, "prompt ", 7) == 0 ? line + 7 : line;
    if (app->read_only && command_changes(&(struct command_call){.name = name}))
        return false;
    if (strcmp(line, "enter") == 0)
        return !zoomed;
    if (strcmp(line, "back") == 0)
        return zoomed; /* elsewhere q says it */
    if (strcmp(line, "step") == 0 || strcmp(line, "run") == 0)
        return can_search(app);
    if (strcmp(line, "pause") == 0)
        return can_pause(app);
    if (strcmp(line, "try") == 0 || strcmp(line, "keep") == 0)
        return can_try(app);
    if (strcmp(line, "accept") == 0 || strcmp(line, "reject") == 0)
        return can_judge(app, strcmp(line, "accept") == 0);
    return strcmp(line, "undo") != 0 || app->search.accepted_count > 0;
}

/* What the table says, but for a key that does different things at different times. */
static const char *hint_of(const struct app *app, const struct key_binding *binding)
{
    if (!binding->hint || !(binding->where & 1u << app->focus) || !is_worth_it(app, binding->line))
        return NULL;
    if (strcmp(binding->line, "close") == 0 && command_closing(app) != CLOSING_PROGRAM)
        return "close";
    if (app->focus == VIEW_PROBES && app->detail.open && strcmp(binding->line, "enter") == 0)
        return "its answers";
    return binding->hint;
}

/* One item, or nothing if it does not fit in whole; returns the column behind. */
static int draw_hint(struct app *app, struct rect line, int column, const char *key_name,
                     const char *hint)
{
    struct buf key = {0};
    view_key_shown(key_name, &key);
    int used = grid_text_columns(key.data, key.len) + 1 + grid_text_columns(hint, strlen(hint));
    if (column + used <= line.columns) {
        int at = grid_text(app->grid, line, 0, column, key.data, key.len, STYLE_HINT_KEY);
        (void)grid_format(app->grid, line, 0, at + 1, STYLE_HINT, "%s", hint);
        column += used + 2;
    }
    buf_free(&key);
    return column;
}

/* Those of a list over the views, which has keys of its own. */
static void draw_overlay_hints(struct app *app, struct rect line)
{
    static const struct {
        enum overlay overlay;
        const char *key, *hint;
    } hints[] = {
        {OVERLAY_PATCHES, "<Enter>", "switch"}, {OVERLAY_PATCHES, "<C-^>", "previous"},
        {OVERLAY_DIFF, "j", "down"},            {OVERLAY_DIFF, "k", "up"},
        {OVERLAY_SETTINGS, "<Enter>", "use"},   {OVERLAY_SETTINGS, "l", "next value"},
        {OVERLAY_SETTINGS, "h", "before"},      {OVERLAY_SETTINGS, "e", "type"},
        {OVERLAY_SETTINGS, "q", "close"},
        {OVERLAY_BEST, "<Enter>", "to the map"}, {OVERLAY_BEST, "f", "try"},
        {OVERLAY_BEST, "F", "keep"},            {OVERLAY_BEST, "E", "measure best"},
        {OVERLAY_BEST, "R", "rank flips"},      {OVERLAY_BEST, "q", "close"},
        {OVERLAY_PATCHES, "q", "close"},        {OVERLAY_DIFF, "q", "close"},
    };
    int column = 1;
    for (size_t i = 0; i < countof(hints); i++)
        if (hints[i].overlay == app->overlay)
            column = draw_hint(app, line, column, hints[i].key, hints[i].hint);
}

void hints_draw(struct app *app, struct rect line)
{
    if (line.rows < 1)
        return;
    grid_fill(app->grid, line, (struct rect){0, 0, 1, line.columns}, ' ', STYLE_HINT);
    if (app->overlay != OVERLAY_NONE) {
        draw_overlay_hints(app, line);
        return;
    }
    int column = 1;
    for (const struct key_binding *binding = ui_bindings; binding->key; binding++) {
        const char *hint = hint_of(app, binding);
        if (hint)
            column = draw_hint(app, line, column, binding->key, hint);
    }
}

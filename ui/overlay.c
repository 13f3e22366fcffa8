/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A list over the views: the patches that are open, two states compared, the flips that
 * promise most, the settings.  It has the keys that move, Enter and those that close, and
 * some of its own; all others do what they always do.
 */
#include "ui/command_int.h"
#include "ui/view_int.h"

enum { FRAME_ROWS = 2, EVERYTHING = 1000000 };

static int page_rows(const struct app *app)
{
    int rows = (app->grid ? app->grid->rows : 24) - 4 - FRAME_ROWS;
    return rows > 1 ? rows : 1;
}

void overlay_draw(struct app *app, struct rect area)
{
    static const char *const titles[] = {[OVERLAY_PATCHES] = "Patches",
                                         [OVERLAY_DIFF] = "Two states compared",
                                         [OVERLAY_BEST] = "Best",
                                         [OVERLAY_SETTINGS] = "Settings of the search"};
    grid_fill(app->grid, area, (struct rect){0, 0, area.rows, area.columns}, ' ', STYLE_TEXT);
    app->grid->cursor_shown = false;
    struct rect inside = grid_frame(app->grid, area, titles[app->overlay], true);
    if (app->overlay == OVERLAY_PATCHES)
        patches_draw(app, inside);
    else if (app->overlay == OVERLAY_BEST)
        best_draw(app, inside);
    else if (app->overlay == OVERLAY_SETTINGS)
        settings_draw(app, inside);
    else
        diff_draw(app, inside);
}

/* ---- keys ---------------------------------------------------------------------------- */

static int clamp(int at, int last)
{
    return at < 0 || last < 0 ? 0 : at > last ? last : at;
}

static void move_by(struct app *app, int by)
{
    if (app->overlay == OVERLAY_PATCHES) {
        int last = (int)patches_count(app) - 1;
        app->states.cursor = (size_t)clamp((int)app->states.cursor + by, last);
    } else if (app->overlay == OVERLAY_SETTINGS) {
        app->settings.cursor =
            (size_t)clamp((int)app->settings.cursor + by, (int)settings_lines(app) - 1);
    } else if (app->overlay == OVERLAY_BEST) {
        app->map.best = (size_t)clamp((int)app->map.best + by, (int)best_count(app) - 1);
    } else {
        int last = (int)diff_count(app) - page_rows(app);
        app->diff.scroll = clamp(clamp(app->diff.scroll, last) + by, last);
    }
}

static bool motion_of(const struct app *app, key_code key, int *by)
{
    int page = page_rows(app);
    const struct {
        key_code key;
        int by;
    } motions[] = {
        {'j', 1},
        {KEY_CODE_DOWN, 1},
        {'k', -1},
        {KEY_CODE_UP, -1},
        {KEY_CODE_PAGE_DOWN, page},
        {KEY_CODE_PAGE_UP, -page},
        {'f' & 31, page},
        {'b' & 31, -page},
        {'d' & 31, (page + 1) / 2},
        {'u' & 31, -(page + 1) / 2},
        {'g', -EVERYTHING},
        {KEY_CODE_HOME, -EVERYTHING},
        {'G', EVERYTHING},
        {KEY_CODE_END, EVERYTHING},
    };
    for (size_t i = 0; i < sizeof motions / sizeof *motions; i++)
        if (motions[i].key == key) {
            *by = motions[i].by;
            return true;
        }
    return false;
}

/* The row on the map, coloured by what is known of it. */
static void go_to_best(struct app *app)
{
    struct flip flip;
    if (!best_at_cursor(app, &flip) || !map_go(app, &flip))
        return;
    app->overlay = OVERLAY_NONE;
    if (app->map.colour == MAP_SCALE)
        app->map.colour = MAP_PREDICTED;
    app->screen = app->focus = VIEW_MAP;
}

static void go_to_line(struct app *app)
{
    if (app->overlay == OVERLAY_BEST)
        go_to_best(app);
    if (app->overlay == OVERLAY_SETTINGS)
        settings_use(app);
    if (app->overlay != OVERLAY_PATCHES || app->states.cursor >= patches_count(app))
        return;
    int64_t step = patches_step(app, app->states.cursor);
    app->overlay = OVERLAY_NONE;
    if (step != app->search.step && app->read_only)
        app_complain(app, "the session is open for reading only (-R): its state stays");
    else if (step != app->search.step)
        app->post(app, &(struct job){.type = JOB_GOTO, .count = (uint64_t)step});
}

/* Another value of the setting at the cursor. */
static bool turn_setting(struct app *app, key_code key)
{
    bool more = key == 'l' || key == KEY_CODE_RIGHT || key == ' ';
    bool less = key == 'h' || key == KEY_CODE_LEFT;
    struct settings_item item;
    struct err err = {0};
    if (app->overlay != OVERLAY_SETTINGS || !(more || less) || !settings_at_cursor(app, &item))
        return false;
    if (!settings_turn(&item, &app->settings.pending, more ? 1 : -1, &err))
        app_complain(app, "%s %s", settings_name(&item),
                     err.message[0] ? err.message : "is typed: e");
    return true;
}

/* Type a value of it. */
static bool type_setting(struct app *app, key_code key)
{
    struct settings_item item;
    struct buf line = {0};
    if (app->overlay != OVERLAY_SETTINGS || key != 'e' || !settings_at_cursor(app, &item))
        return false;
    buf_add_format(&line, "set %s ", settings_name(&item));
    command_prompt_with(app, line.data);
    buf_free(&line);
    return true;
}

/* Keys of the list that are of no view, or of another one. */
static const char *line_of(const struct app *app, key_code key)
{
    static const struct {
        key_code key;
        const char *line;
    } lines[] = {{'f', "try"}, {'F', "keep"}, {'E', "prompt measure"}, {'R', "map"}};
    for (size_t i = 0; app->overlay == OVERLAY_BEST && i < sizeof lines / sizeof *lines; i++)
        if (lines[i].key == key)
            return lines[i].line;
    return NULL;
}

bool overlay_key(struct app *app, key_code key)
{
    int by = 0;
    const char *line = line_of(app, key);
    if (motion_of(app, key, &by))
        move_by(app, by);
    else if (line)
        command_run(app, line);
    else if (turn_setting(app, key) || type_setting(app, key))
        return true;
    else if (key == KEY_CODE_ENTER)
        go_to_line(app);
    else if (key == KEY_CODE_ESC || key == 'q' || key == KEY_CODE_BACKSPACE)
        app->overlay = OVERLAY_NONE;
    else
        return false;
    return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The list of settings: their values, which are changed there and used together.
 */
#include <string.h>

#include "ui/view_int.h"

enum { NAME_COLUMNS = 14, VALUE_COLUMNS = 22, HELP_ROWS = 4 };

size_t settings_lines(const struct app *app)
{
    struct settings_item items[SETTINGS_MAX];
    return settings_list(&app->settings.pending.options, items);
}

bool settings_at_cursor(const struct app *app, struct settings_item *item)
{
    struct settings_item items[SETTINGS_MAX];
    size_t count = settings_list(&app->settings.pending.options, items);
    if (app->settings.cursor >= count)
        return false;
    *item = items[app->settings.cursor];
    return true;
}

/* "greedy, guided, random": what else it can be. */
static void choices_text(const struct settings_item *item, struct buf *out)
{
    for (int i = 0; settings_choice(item, i); i++)
        buf_add_format(out, "%s%s", i ? ", " : "", settings_choice(item, i));
    if (settings_is_free(item))
        buf_add_format(out, "%s... (e)", out->len > 0 ? ", " : "");
}

/* Those that are not in use yet have a sign. */
static void draw_line(struct app *app, struct rect area, int row,
                      const struct settings_item *item, bool here)
{
    const struct search_options *pending = &app->settings.pending.options;
    bool changed = !settings_same(item, &app->settings.now.options, pending);
    style_id style = here ? STYLE_SELECTED : changed ? STYLE_PENDING : STYLE_TEXT;
    struct buf text = {0};
    if (here)
        grid_fill(app->grid, area, (struct rect){row, 0, 1, area.columns}, ' ', style);
    (void)view_cell(app, area, row, 0, 2, style, here ? ">" : "");
    int column = view_cell(app, area, row, 2, NAME_COLUMNS, style, settings_name(item));
    buf_add_text(&text, changed ? "*" : " ");
    settings_get(item, pending, &text);
    column = view_cell(app, area, row, column, VALUE_COLUMNS, style, text.data);
    buf_clear(&text);
    choices_text(item, &text);
    if (column + 1 < area.columns)
        (void)view_cell(app, area, row, column + 1, area.columns - column - 1,
                        here ? style : STYLE_DIM, text.data ? text.data : "");
    if (here)
        grid_cursor(app->grid, area, row, 0);
    buf_free(&text);
}

/* What the setting at the cursor is, below the list. */
static void draw_help(struct app *app, struct rect area, const struct settings_item *item)
{
    const char *help = settings_value_help(item, &app->settings.pending.options);
    bool flips = app->search.accepted_count > 0;
    struct buf choices = {0};
    choices_text(item, &choices);
    (void)view_cell(app, area, area.rows - 3, 2, area.columns - 2, STYLE_TEXT, help);
    (void)view_cell(app, area, area.rows - 2, 2, area.columns - 2, STYLE_DIM,
                    choices.data ? choices.data : "");
    buf_free(&choices);
    (void)view_cell(app, area, area.rows - 1, 2, area.columns - 2, STYLE_DIM,
                    flips ? "Enter begins a new search; flips that are on come along"
                          : "Enter begins a new search");
}

void settings_draw(struct app *app, struct rect inside)
{
    struct settings_item items[SETTINGS_MAX];
    int count = (int)settings_list(&app->settings.pending.options, items);
    int cursor = (int)app->settings.cursor < count ? (int)app->settings.cursor : count - 1;
    struct rect list = inside;
    if (inside.rows > count + HELP_ROWS)
        list.rows = inside.rows - HELP_ROWS;
    int first = view_first_line(count, list.rows, cursor);
    for (int line = first; line < count && line - first < list.rows; line++)
        draw_line(app, list, line - first, &items[line], line == cursor);
    if (list.rows < inside.rows)
        draw_help(app, inside, &items[cursor]);
}

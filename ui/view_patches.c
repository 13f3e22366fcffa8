/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The patches that are open: the model without flips, the named states, and, where it
 * has no name, the state that is on.
 */
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"
#include "ui/view_int.h"

enum { NUMBER_COLUMNS = 8, NAME_COLUMNS_MIN = 12 };

/* ---- lines --------------------------------------------------------------------------- */

static bool has_base_name(const struct app *app)
{
    return app_state_name(app, SESSION_ROOT) != NULL;
}

static bool lists_head(const struct app *app)
{
    return app->search.step != SESSION_ROOT && !app_state_name(app, app->search.step);
}

size_t patches_count(const struct app *app)
{
    return app->states.named.count + !has_base_name(app) + lists_head(app);
}

/* What is said of a line; the name is borrowed. */
static struct named_state line_of(const struct app *app, size_t line)
{
    static char base[] = "(no flips)", head[] = "(no name)";
    size_t unnamed = !has_base_name(app);
    if (line < unnamed)
        return (struct named_state){.name = base};
    if (line - unnamed < app->states.named.count)
        return app->states.named.items[line - unnamed];
    return (struct named_state){
        .name = head,
        .step = app->search.step,
        .flips = app->search.accepted_count,
        .fitness = app->search.fitness,
    };
}

int64_t patches_step(const struct app *app, size_t line)
{
    return line_of(app, line).step;
}

/* ---- drawing ------------------------------------------------------------------------- */

enum { COLUMN_FLIPS, COLUMN_BYTES, COLUMN_FITNESS, COLUMN_STEP, COLUMN_RIGHT, COLUMN_COUNT };

static void cell_text(const struct named_state *state, int column, char *out, size_t size)
{
    (void)snprintf(out, size, "-");
    if (column == COLUMN_FLIPS)
        (void)snprintf(out, size, "%zu", state->flips);
    else if (column == COLUMN_BYTES && state->bytes > 0)
        (void)snprintf(out, size, "%zu", state->bytes);
    else if (column == COLUMN_FITNESS)
        (void)snprintf(out, size, "%+.4f", state->fitness);
    else if (column == COLUMN_STEP)
        (void)snprintf(out, size, "%lld", (long long)state->step);
    else if (column == COLUMN_RIGHT && state->answered > 0)
        (void)snprintf(out, size, "%zu/%zu", state->right, state->answered);
}

/* Columns of numbers that there is room for behind a name. */
static int columns_shown(struct rect area)
{
    int shown = (area.columns - 2 - NAME_COLUMNS_MIN) / (NUMBER_COLUMNS + 1);
    return shown < 0 ? 0 : shown > COLUMN_COUNT ? COLUMN_COUNT : shown;
}

static void draw_heading(struct app *app, struct rect area)
{
    static const char *const titles[] = {"flips", "bytes", "fitness", "step", "right"};
    int shown = columns_shown(area), at = area.columns - shown * (NUMBER_COLUMNS + 1);
    (void)view_cell(app, area, 0, 2, at - 2, STYLE_DIM, "name");
    for (int i = 0; i < shown; i++)
        (void)view_cell_right(app, area, 0, at + i * (NUMBER_COLUMNS + 1) + 1, NUMBER_COLUMNS,
                              STYLE_DIM, titles[i]);
}

static void draw_line(struct app *app, struct rect area, int row, size_t line, bool here)
{
    struct named_state state = line_of(app, line);
    bool on = state.step == app->search.step;
    style_id style = here ? STYLE_SELECTED : on ? STYLE_GOOD : STYLE_TEXT;
    int shown = columns_shown(area), at = area.columns - shown * (NUMBER_COLUMNS + 1);
    char text[32];
    if (here)
        grid_fill(app->grid, area, (struct rect){row, 0, 1, area.columns}, ' ', style);
    grid_put(app->grid, area, row, 0, on ? MARK_ACCEPTED : ' ', style);
    (void)view_cell(app, area, row, 2, at - 2, style, state.name);
    for (int i = 0; i < shown; i++) {
        cell_text(&state, i, text, sizeof text);
        (void)view_cell_right(app, area, row, at + i * (NUMBER_COLUMNS + 1) + 1, NUMBER_COLUMNS,
                              style, text);
    }
    if (here)
        grid_cursor(app->grid, area, row, 0);
}

void patches_draw(struct app *app, struct rect inside)
{
    int count = (int)patches_count(app), cursor = (int)app->states.cursor;
    cursor = cursor < count ? cursor : count - 1;
    struct rect list = inside;
    if (inside.rows > 1) {
        draw_heading(app, inside);
        list.row++;
        list.rows--;
    }
    int first = view_first_line(count, list.rows, cursor);
    for (int line = first; line < count && line - first < list.rows; line++)
        draw_line(app, list, line - first, (size_t)line, line == cursor);
}

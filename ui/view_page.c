/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A page of text over everything: what a command lists.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/text.h"
#include "ui/view_int.h"

void page_open(struct app *app, const char *title, const char *text)
{
    free(app->page);
    app->page = x_copy(text, strlen(text));
    app->page_title = title;
    app->page_scroll = 0;
}

static int count_lines(const char *text)
{
    int count = 0;
    for (; *text; text += *text == '\n')
        text += strcspn(text, "\n"), count++;
    return count;
}

static int page_rows(const struct app *app)
{
    int rows = app->grid->rows - 2;
    return rows > 1 ? rows : 1;
}

static int clamped(const struct app *app, int scroll)
{
    int last = count_lines(app->page) - page_rows(app);
    scroll = scroll > last ? last : scroll;
    return scroll < 0 ? 0 : scroll;
}

void page_draw(struct app *app, struct rect area)
{
    grid_fill(app->grid, area, (struct rect){0, 0, area.rows, area.columns}, ' ', STYLE_TEXT);
    struct rect inside = grid_frame(app->grid, area, app->page_title, true);
    int row = -clamped(app, app->page_scroll);
    for (const char *line = app->page; *line && row < inside.rows; row++) {
        size_t len = strcspn(line, "\n");
        if (row >= 0)
            (void)grid_text(app->grid, inside, row, 1, line, len, STYLE_TEXT);
        line += len + (line[len] == '\n');
    }
}

void page_key(struct app *app, key_code key)
{
    int rows = page_rows(app), by = 0;
    if (key == KEY_CODE_DOWN || key == 'j')
        by = 1;
    else if (key == KEY_CODE_UP || key == 'k')
        by = -1;
    else if (key == KEY_CODE_PAGE_DOWN || key == ' ')
        by = rows;
    else if (key == KEY_CODE_PAGE_UP)
        by = -rows;
    if (by != 0) {
        app->page_scroll = clamped(app, clamped(app, app->page_scroll) + by);
        return;
    }
    free(app->page);
    app->page = NULL;
}

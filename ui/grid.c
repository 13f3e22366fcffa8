/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Widths of characters come from the C library's table for C.UTF-8, whatever the
 * locale of the program is: a grid is the same everywhere, and what a terminal
 * cannot show is the terminal's matter.
 */
#include "ui/grid.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "src/base/err.h"
#include "src/base/text.h"

enum { POINT_REPLACEMENT = 0xFFFD };

/* ---- cells ------------------------------------------------------------------- */

static const struct cell blank = {' ', STYLE_TEXT};

void grid_resize(struct grid *grid, int rows, int columns)
{
    BUG_ON(rows < 1 || columns < 1);
    free(grid->cells);
    grid->rows = rows;
    grid->columns = columns;
    grid->cells = x_new((size_t)rows * (size_t)columns, sizeof *grid->cells);
    grid_clear(grid);
}

void grid_clear(struct grid *grid)
{
    size_t count = (size_t)grid->rows * (size_t)grid->columns;
    for (size_t i = 0; i < count; i++)
        grid->cells[i] = blank;
    grid->cursor_shown = false;
    grid->cursor_row = grid->cursor_column = 0;
}

void grid_free(struct grid *grid)
{
    free(grid->cells);
    *grid = (struct grid){0};
}

/* 0 for what joins the character before it, else 1 or 2. */
static int point_columns(uint32_t point)
{
    if (point >= ' ' && point < 0x7F)
        return 1;
    static locale_t utf8;
    if (!utf8)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8)
        return 1;
    locale_t before = uselocale(utf8);
    int columns = wcwidth((wchar_t)point);
    (void)uselocale(before);
    return columns < 0 ? 1 : columns;
}

static struct cell *cell_at(const struct grid *grid, int row, int column)
{
    return &grid->cells[(size_t)row * (size_t)grid->columns + (size_t)column];
}

/* The part of the clip rectangle that is on the grid; may be empty. */
static struct rect visible_part(const struct grid *grid, struct rect clip)
{
    int bottom = clip.row + clip.rows, right = clip.column + clip.columns;
    struct rect part = {clip.row < 0 ? 0 : clip.row, clip.column < 0 ? 0 : clip.column, 0, 0};
    part.rows = (bottom > grid->rows ? grid->rows : bottom) - part.row;
    part.columns = (right > grid->columns ? grid->columns : right) - part.column;
    return part;
}

static bool rect_has(struct rect rect, int row, int column)
{
    return row >= rect.row && row < rect.row + rect.rows && column >= rect.column &&
           column < rect.column + rect.columns;
}

/* A wide character that loses one of its cells becomes '?' in the other [D2]. */
static void set_cell(struct grid *grid, int row, int column, struct cell value)
{
    struct cell *cell = cell_at(grid, row, column);
    if (cell->point == 0 && column > 0)
        cell[-1].point = '?';
    if (cell->point != 0 && column + 1 < grid->columns && cell[1].point == 0)
        cell[1].point = '?';
    *cell = value;
}

/* ---- drawing ------------------------------------------------------------------- */

void grid_put(struct grid *grid, struct rect clip, int row, int column, uint32_t point,
              style_id style)
{
    struct rect part = visible_part(grid, clip);
    if (point < ' ' || (point >= 0x7F && point < 0xA0))
        point = POINT_REPLACEMENT; /* no control character reaches a terminal */
    int width = point_columns(point);
    row += clip.row;
    column += clip.column;
    bool first = rect_has(part, row, column);
    bool second = width < 2 || rect_has(part, row, column + 1);
    if (width == 2 && first && second) {
        set_cell(grid, row, column, (struct cell){' ', style});
        set_cell(grid, row, column + 1, (struct cell){0, style});
        cell_at(grid, row, column)->point = point;
    } else if (width > 0 && first) {
        set_cell(grid, row, column, (struct cell){width == 2 ? '?' : point, style});
    } else if (width == 2 && rect_has(part, row, column + 1)) {
        set_cell(grid, row, column + 1, (struct cell){'?', style});
    }
}

/* The next character of text as it is shown: itself, or some that stand for it.
 * Returns the bytes consumed. */
static size_t next_shown(const char *text, size_t len, struct buf *shown)
{
    uint32_t point = 0;
    size_t size = text_decode(text, len, &point);
    if (size == 0)
        size = 1;
    buf_clear(shown);
    text_visible(shown, text, size);
    return size;
}

/* Draws the points of a shown character from column on; false: one is cut. */
static bool put_shown(struct grid *grid, struct rect clip, int row, int *column,
                      const struct buf *shown, style_id style)
{
    for (size_t i = 0; i < shown->len;) {
        uint32_t point = POINT_REPLACEMENT;
        size_t size = text_decode(shown->data + i, shown->len - i, &point);
        i += size ? size : 1;
        int width = point_columns(point);
        if (width > 0 && *column + width > clip.columns)
            return false;
        if (width > 0)
            grid_put(grid, clip, row, *column, point, style);
        *column += width;
    }
    return true;
}

int grid_text(struct grid *grid, struct rect clip, int row, int column, const char *text,
              size_t len, style_id style)
{
    struct buf shown = {0};
    bool fits = true;
    for (size_t i = 0; fits && i < len;) {
        i += next_shown(text + i, len - i, &shown);
        fits = put_shown(grid, clip, row, &column, &shown, style);
    }
    buf_free(&shown);
    if (fits)
        return column;
    if (column < clip.columns) /* half of a wide character's room is left */
        grid_put(grid, clip, row, column, ' ', style);
    grid_put(grid, clip, row, clip.columns - 1, '>', style);
    return clip.columns;
}

int grid_format(struct grid *grid, struct rect clip, int row, int column, style_id style,
                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        return column;
    column = grid_text(grid, clip, row, column, text, (size_t)len, style);
    free(text);
    return column;
}

void grid_fill(struct grid *grid, struct rect clip, struct rect part, uint32_t point,
               style_id style)
{
    struct rect room = visible_part(grid, clip);
    part.row += clip.row;
    part.column += clip.column;
    for (int row = room.row; row < room.row + room.rows; row++)
        for (int column = room.column; column < room.column + room.columns; column++)
            if (rect_has(part, row, column))
                set_cell(grid, row, column, (struct cell){point, style});
}

int grid_text_columns(const char *text, size_t len)
{
    struct buf shown = {0};
    int columns = 0;
    for (size_t i = 0; i < len;) {
        i += next_shown(text + i, len - i, &shown);
        for (size_t at = 0; at < shown.len;) {
            uint32_t point = POINT_REPLACEMENT;
            size_t size = text_decode(shown.data + at, shown.len - at, &point);
            at += size ? size : 1;
            columns += point_columns(point);
        }
    }
    buf_free(&shown);
    return columns;
}

static void draw_border(struct grid *grid, struct rect area, style_id style)
{
    int bottom = area.rows - 1, right = area.columns - 1;
    struct rect across = {0, 1, 1, right - 1}, down = {1, 0, bottom - 1, 1};
    grid_fill(grid, area, across, 0x2500, style);
    grid_fill(grid, area, down, 0x2502, style);
    across.row = bottom;
    down.column = right;
    grid_fill(grid, area, across, 0x2500, style);
    grid_fill(grid, area, down, 0x2502, style);
    grid_put(grid, area, 0, 0, 0x250C, style);
    grid_put(grid, area, 0, right, 0x2510, style);
    grid_put(grid, area, bottom, 0, 0x2514, style);
    grid_put(grid, area, bottom, right, 0x2518, style);
}

struct rect grid_frame(struct grid *grid, struct rect area, const char *title, bool focused)
{
    if (area.rows < 3 || area.columns < 8)
        return area;
    style_id style = focused ? STYLE_BORDER_FOCUS : STYLE_BORDER;
    draw_border(grid, area, style);
    struct rect top = {area.row, area.column + 1, 1, area.columns - 2};
    if (title && *title) {
        struct rect room = {top.row, top.column + 1, 1, top.columns - 2};
        int end = grid_text(grid, room, 0, 0, title, strlen(title), STYLE_TITLE);
        grid_put(grid, top, 0, 0, ' ', style);
        grid_put(grid, top, 0, end + 1, ' ', style);
    }
    return (struct rect){area.row + 1, area.column + 1, area.rows - 2, area.columns - 2};
}

void grid_cursor(struct grid *grid, struct rect clip, int row, int column)
{
    row += clip.row;
    column += clip.column;
    grid->cursor_shown = rect_has(visible_part(grid, clip), row, column);
    grid->cursor_row = grid->cursor_shown ? row : 0;
    grid->cursor_column = grid->cursor_shown ? column : 0;
}

/* ---- as text ----------------------------------------------------------------------- */

static void dump_text(const struct grid *grid, int row, struct buf *out)
{
    size_t start = out->len;
    for (int column = 0; column < grid->columns; column++)
        if (cell_at(grid, row, column)->point != 0)
            text_add_point(out, cell_at(grid, row, column)->point);
    while (out->len > start && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
    buf_add_text(out, "\n");
}

static void dump_styles(const struct grid *grid, int row, struct buf *out)
{
    for (int column = 0; column < grid->columns; column++) {
        char letter = style_letter(cell_at(grid, row, column)->style);
        buf_add(out, &letter, 1);
    }
    buf_add_text(out, "\n");
}

void grid_dump(const struct grid *grid, struct buf *out)
{
    for (int row = 0; row < grid->rows; row++)
        dump_text(grid, row, out);
    buf_add_text(out, "--- styles\n");
    for (int row = 0; row < grid->rows; row++)
        dump_styles(grid, row, out);
    if (grid->cursor_shown)
        buf_add_format(out, "--- cursor %d %d\n", grid->cursor_row, grid->cursor_column);
    else
        buf_add_text(out, "--- cursor hidden\n");
}

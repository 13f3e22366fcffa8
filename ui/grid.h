/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/grid.h - what is on the screen: cells of character, width and style.
 *
 * Views draw into a grid and know no terminal.  One back end shows it with
 * ncurses (term_ncurses.c); tests, `:screen` and scripts read it as text.
 * Whatever text is drawn, control characters are made visible, so that nothing
 * of a model or a file can drive the terminal.
 *
 * [D1] drawing outside the grid or outside the clip rectangle changes nothing.
 * [D2] a wide character takes two cells; one that would be cut is drawn as '?'.
 */
#ifndef UI_GRID_H
#define UI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "ui/style.h"

struct cell {
    uint32_t point; /* code point; 0 in the second cell of a wide character */
    style_id style;
};

struct rect {
    int row, column, rows, columns;
};

struct grid {
    int rows, columns;
    struct cell *cells; /* [rows][columns] */
    bool cursor_shown;
    int cursor_row, cursor_column;
};

void grid_resize(struct grid *grid, int rows, int columns); /* clears */
void grid_clear(struct grid *grid);                         /* spaces in STYLE_TEXT */
void grid_free(struct grid *grid);

void grid_put(struct grid *grid, struct rect clip, int row, int column, uint32_t point,
              style_id style);

/* Draw text from (row, column) of the clip rectangle (its corner is 0, 0) to its
 * right edge; returns the column behind it.  Cut text ends in '>'. */
int grid_text(struct grid *grid, struct rect clip, int row, int column, const char *text,
              size_t len, style_id style);
int grid_format(struct grid *grid, struct rect clip, int row, int column, style_id style,
                const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Fill a part of the clip rectangle with one character. */
void grid_fill(struct grid *grid, struct rect clip, struct rect part, uint32_t point,
               style_id style);

/* Columns that the text takes when drawn. */
int grid_text_columns(const char *text, size_t len);

/* A frame with a title, drawn on the border cells; returns the inside.  Areas
 * with fewer than 3 rows or 8 columns get no frame. */
struct rect grid_frame(struct grid *grid, struct rect area, const char *title, bool focused);

/* Put the hardware cursor at a place of the clip rectangle. */
void grid_cursor(struct grid *grid, struct rect clip, int row, int column);

/* The grid as text: one line per row without trailing spaces, then "--- styles"
 * and one letter per cell (style_letter), then "--- cursor ROW COLUMN" or
 * "--- cursor hidden".  This is what `:screen FILE` writes and what golden tests
 * compare. */
void grid_dump(const struct grid *grid, struct buf *out);

#endif

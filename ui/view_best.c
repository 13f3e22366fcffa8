/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The flips that promise most, as the last map found them, with what measuring them said.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "ui/view_int.h"

enum { RANK_COLUMNS = 5, FLIP_COLUMNS = 29, NUMBER_COLUMNS = 10, MARK_COLUMNS = 12 };

size_t best_count(const struct app *app)
{
    return app->map.predictions ? app->map.predictions->best_count : 0;
}

bool best_at_cursor(const struct app *app, struct flip *flip)
{
    if (app->map.best >= best_count(app))
        return false;
    *flip = app->map.predictions->best[app->map.best].flip;
    return true;
}

/* ---- columns ----------------------------------------------------------------------- */

enum { COLUMN_PREDICTED, COLUMN_MEASURED, COLUMN_DIFFERENCE, COLUMN_SCALE, COLUMN_COUNT };

/* Columns of numbers that there is room for between the flip and what became of it. */
static int columns_shown(struct rect area)
{
    int shown = (area.columns - 2 - RANK_COLUMNS - FLIP_COLUMNS - MARK_COLUMNS) / NUMBER_COLUMNS;
    return shown < 1 ? 1 : shown > COLUMN_COUNT ? COLUMN_COUNT : shown;
}

/* Where the numbers begin: right behind the flip, which gives way. */
static int numbers_at(struct rect area)
{
    int left = area.columns - columns_shown(area) * NUMBER_COLUMNS;
    int at = 2 + RANK_COLUMNS + FLIP_COLUMNS;
    return at < left ? at : left > 0 ? left : 0;
}

static void cell_text(const struct flip_known *known, const struct map_matrix *matrix,
                      uint32_t row, int column, char *out, size_t size)
{
    (void)snprintf(out, size, "-");
    if (column == COLUMN_PREDICTED)
        (void)snprintf(out, size, "%+.4f", known->predicted);
    else if (column == COLUMN_MEASURED && !isnan(known->measured))
        (void)snprintf(out, size, "%+.4f%s", known->measured, known->measured_before ? "~" : "");
    else if (column == COLUMN_DIFFERENCE && !isnan(known->difference))
        (void)snprintf(out, size, "%+.4f", known->difference);
    else if (column == COLUMN_SCALE && matrix && matrix->mean)
        (void)snprintf(out, size, "%.4f", (double)matrix->mean[row]);
}

static void draw_heading(struct app *app, struct rect area, int row)
{
    static const char *const titles[] = {"predicted", "measured", "diff", "scale"};
    int shown = columns_shown(area), at = numbers_at(area);
    (void)view_cell_right(app, area, row, 1, RANK_COLUMNS, STYLE_DIM, "rank");
    (void)view_cell(app, area, row, 2 + RANK_COLUMNS, at - 2 - RANK_COLUMNS, STYLE_DIM, "flip");
    for (int i = 0; i < shown; i++)
        (void)view_cell_right(app, area, row, at + i * NUMBER_COLUMNS, NUMBER_COLUMNS, STYLE_DIM,
                              titles[i]);
}

/* ---- lines --------------------------------------------------------------------------- */

static const char *mark_word(const struct map_matrix *matrix, uint32_t row)
{
    uint8_t marks = matrix ? matrix->marks[row] : 0;
    return marks & ROW_ACCEPTED   ? "\u25C6 on"
           : marks & ROW_REJECTED ? "\u00D7 rejected"
           : marks & ROW_TRIED    ? "\u00B7 tried"
                                  : "";
}

static void draw_line(struct app *app, struct rect area, int row, size_t line, bool here)
{
    const struct promise *promise = &app->map.predictions->best[line];
    const struct flip *flip = &promise->flip;
    const struct map_matrix *matrix = app_matrix(app, flip->layer, flip->proj);
    struct flip_known known = app_known(app, flip);
    style_id style = here ? STYLE_SELECTED : STYLE_TEXT;
    int shown = columns_shown(area), at = numbers_at(area);
    struct buf name = {0};
    char text[32];
    known.predicted = promise->change; /* of every group, not only the best of its row */
    if (here)
        grid_fill(app->grid, area, (struct rect){row, 0, 1, area.columns}, ' ', style);
    (void)view_cell(app, area, row, 0, 1, style, here ? ">" : " ");
    (void)snprintf(text, sizeof text, "%zu", line + 1);
    (void)view_cell_right(app, area, row, 1, RANK_COLUMNS, here ? style : STYLE_DIM, text);
    view_flip_fit(&name, flip, at - 3 - RANK_COLUMNS);
    (void)view_cell(app, area, row, 2 + RANK_COLUMNS, at - 2 - RANK_COLUMNS, style, name.data);
    for (int i = 0; i < shown; i++) {
        cell_text(&known, matrix, flip->row, i, text, sizeof text);
        (void)view_cell_right(app, area, row, at + i * NUMBER_COLUMNS, NUMBER_COLUMNS, style,
                              text);
    }
    at += shown * NUMBER_COLUMNS + 2;
    if (matrix)
        (void)view_piece(app, area, row, at, style, mark_word(matrix, flip->row));
    if (here)
        grid_cursor(app->grid, area, row, 0);
    buf_free(&name);
}

/* "15 360 rows, 2 143 promise a gain; of 3 flips ago: R ranks them again" */
static void draw_summary(struct app *app, struct rect area)
{
    const struct predictions *made = app->map.predictions;
    size_t age = app_predictions_age(app);
    struct buf text = {0};
    view_count_text(&text, made->rows);
    buf_add_text(&text, " rows, ");
    view_count_text(&text, made->promising);
    buf_add_text(&text, " promise a gain");
    if (age > 0)
        buf_add_format(&text, "; of %zu flip%s ago: R ranks them again", age,
                       age == 1 ? "" : "s");
    (void)view_cell(app, area, 0, 1, area.columns - 1, age > 0 ? STYLE_STALE : STYLE_DIM,
                    text.data);
    buf_free(&text);
}

void best_draw(struct app *app, struct rect inside)
{
    int count = (int)best_count(app), cursor = (int)app->map.best;
    if (!app->map.predictions) {
        (void)view_cell(app, inside, 0, 1, inside.columns - 1, STYLE_DIM,
                        app->job.running ? "ranking all flips ..." : "R ranks all flips");
        return;
    }
    struct rect list = inside;
    if (inside.rows > 3) {
        draw_summary(app, inside);
        draw_heading(app, inside, 1);
        list.row += 2;
        list.rows -= 2;
    }
    int first = view_first_line(count, list.rows, cursor);
    for (int line = first; line < count && line - first < list.rows; line++)
        draw_line(app, list, line - first, (size_t)line, line == cursor);
}

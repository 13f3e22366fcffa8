/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The map: layers x projections, coloured by mean row scale or by what flips promise or
 * did (map_values.c), and below them the embedding and the head.  Enter zooms into the
 * matrix under the cursor (view_matrix.c).
 *
 * A cell is as wide and as high as there is room for; from 6 columns it prints
 * its value, from 3 how many rows promise a gain, and the number of accepted flips.  More
 * layers than rows: two layers share a text row by half blocks; more than that scrolls.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/view_int.h"

enum { LABEL_COLUMNS = 4, CELL_COLUMNS_MAX = 12, CELL_ROWS_MAX = 4, NUMBER_COLUMNS = 6 };

/* How the layers lie in an area.  Line 0 are the names of the projections, then
 * come `rows` rows of layers, embed and head, and the legend. */
struct plan {
    int slot;     /* columns of a cell with the gap before it */
    int height;   /* text rows of a cell */
    int together; /* layers in one text row: 1, or 2 with half blocks */
    int rows;     /* text rows for layers */
    int first;    /* first layer shown */
    int extra;    /* text row of embed and head, -1 if there is no room */
    int legend;   /* text row of the legend, -1 if there is no room */
    struct map_range range; /* of what the colours say */
};

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

static struct plan plan_of(const struct app *app, struct rect inside)
{
    int layers = map_layers(app);
    struct plan plan = {.height = 1, .together = 1, .extra = -1, .legend = -1};
    plan.slot = clamp((inside.columns - LABEL_COLUMNS - 1) / PROJ_LAYER_COUNT, 2,
                      CELL_COLUMNS_MAX + 1);
    int others = inside.rows >= 6 ? 3 : inside.rows >= 4 ? 2 : 1;
    int room = inside.rows - others;
    if (layers > 0 && room >= layers)
        plan.height = clamp((inside.rows - others + 1) / (layers + 1), 1, CELL_ROWS_MAX);
    else if (app->colours != COLOUR_MONO)
        plan.together = 2;
    plan.rows = (layers + plan.together - 1) / plan.together * plan.height;
    if (plan.rows > room)
        plan.rows = room > 0 ? room : 0;
    int texts = (layers + plan.together - 1) / plan.together;
    int cursor = clamp(app->map.layer, 0, layers > 0 ? layers - 1 : 0) / plan.together;
    plan.first = view_first_line(texts, plan.rows / plan.height, cursor) * plan.together;
    if (others >= 2)
        plan.extra = 1 + plan.rows;
    if (others >= 3)
        plan.legend = inside.rows - 1;
    plan.range = map_range_of_cells(app);
    return plan;
}

static struct rect cell_rect(const struct plan *plan, int row, int column)
{
    return (struct rect){.row = row,
                         .column = LABEL_COLUMNS + 1 + column * plan->slot,
                         .rows = plan->height,
                         .columns = plan->slot - 1};
}

static int level_of(const struct app *app, const struct plan *plan,
                    const struct map_matrix *matrix)
{
    return matrix ? map_level(map_cell_value(app, matrix), &plan->range) : HEAT_NONE;
}

/* ---- one cell ---------------------------------------------------------------------- */

/* Columns of "\u25C63" behind the number, or of the mark alone. */
static int marks_text(const struct map_matrix *matrix, int room, char *out, size_t size)
{
    int len = snprintf(out, size, "\u25C6%" PRIu32, matrix->accepted);
    int used = grid_text_columns(out, (size_t)len);
    if (used <= room)
        return used;
    (void)snprintf(out, size, "\u25C6");
    return 1;
}

/* Accepted flips, in the last row of the cell: a second layer that never hides.
 * In a cell of one row the mean scale gives way to them. */
static void draw_marks(struct app *app, struct rect inside, struct rect cell,
                       const struct map_matrix *matrix)
{
    char text[32];
    if (matrix->accepted == 0)
        return;
    int used = marks_text(matrix, cell.columns, text, sizeof(text));
    (void)view_cell(app, inside, cell.row + cell.rows - 1, cell.column + cell.columns - used, used,
                    STYLE_MARK_ACCEPTED, text);
}

static void draw_number(struct app *app, struct rect inside, struct rect cell,
                        const struct map_matrix *matrix, int level)
{
    char text[32];
    int room = cell.columns;
    if (cell.rows == 1 && matrix->accepted > 0)
        room -= 1 + marks_text(matrix, room, text, sizeof(text));
    if (room < NUMBER_COLUMNS)
        return;
    bool sign = map_diverges(app->map.colour);
    (void)snprintf(text, sizeof(text), sign ? "%+.3f" : "%.4f",
                   (double)map_cell_value(app, matrix));
    (void)view_cell(app, inside, cell.row, cell.column + (room > NUMBER_COLUMNS + 1 ? 1 : 0),
                    NUMBER_COLUMNS, view_heat_text(level), text);
}

/* How many rows: in the last row of a cell that is high, or instead of a value that is too
 * wide. */
static void draw_count(struct app *app, struct rect inside, struct rect cell,
                       const struct map_matrix *matrix, int level)
{
    char text[32], marks[32];
    bool has_number = cell.columns >= NUMBER_COLUMNS;
    int row = has_number ? cell.rows - 1 : 0, room = cell.columns;
    if (app->map.colour == MAP_SCALE || (has_number && cell.rows == 1))
        return;
    if (row == cell.rows - 1 && matrix->accepted > 0)
        room -= 1 + marks_text(matrix, room, marks, sizeof(marks));
    int used = snprintf(text, sizeof(text), "%" PRIu64, map_cell_count(app, matrix));
    if (used <= room)
        (void)view_cell(app, inside, cell.row + row,
                        cell.column + (room > NUMBER_COLUMNS + 1 ? 1 : 0), used,
                        view_heat_text(level), text);
}

/* The cursor is told by brackets, not by colour. */
static void draw_brackets(struct app *app, struct rect inside, struct rect cell, bool focused)
{
    style_id style = focused ? STYLE_CURSOR : STYLE_DIM;
    for (int i = 0; i < cell.rows; i++) {
        grid_put(app->grid, inside, cell.row + i, cell.column - 1, '[', style);
        grid_put(app->grid, inside, cell.row + i, cell.column + cell.columns, ']', style);
    }
    if (focused)
        grid_cursor(app->grid, inside, cell.row, cell.column);
}

static void draw_cell(struct app *app, struct rect inside, struct rect cell,
                      const struct plan *plan, const struct map_matrix *matrix)
{
    if (!matrix)
        return;
    int level = level_of(app, plan, matrix);
    if (level == HEAT_NONE) {
        grid_fill(app->grid, inside, cell, '.', STYLE_DIM);
    } else {
        view_heat_fill(app, inside, cell, level);
        draw_number(app, inside, cell, matrix, level);
        draw_count(app, inside, cell, matrix, level);
    }
    draw_marks(app, inside, cell, matrix);
}

/* Two layers in one text row: the upper half is the first of them. */
static void draw_halves(struct app *app, struct rect inside, struct rect cell,
                        const struct plan *plan, const struct map_matrix *upper,
                        const struct map_matrix *lower)
{
    int top = level_of(app, plan, upper), bottom = level_of(app, plan, lower);
    grid_fill(app->grid, inside, cell, 0x2580, style_heat(top, bottom));
    if ((upper && upper->accepted) || (lower && lower->accepted))
        grid_put(app->grid, inside, cell.row, cell.column + cell.columns - 1, MARK_ACCEPTED,
                 STYLE_MARK_ACCEPTED);
}

/* ---- rows --------------------------------------------------------------------------- */

static void draw_header(struct app *app, struct rect inside, const struct plan *plan)
{
    static const char *const full[] = {"q", "k", "v", "o", "gate", "up", "down"};
    static const char *const tight[] = {"q", "k", "v", "o", "g", "u", "d"};
    for (int i = 0; i < PROJ_LAYER_COUNT; i++) {
        struct rect cell = cell_rect(plan, 0, i);
        bool at = i == app->map.column && app->map.layer < map_layers(app);
        (void)view_cell(app, inside, 0, cell.column, cell.columns, at ? STYLE_TITLE : STYLE_DIM,
                        cell.columns >= 4 ? full[i] : tight[i]);
    }
}

static void draw_layers(struct app *app, struct rect inside, const struct plan *plan)
{
    int layers = map_layers(app);
    for (int row = 0; row < plan->rows; row += plan->height) {
        int layer = plan->first + row / plan->height * plan->together;
        if (layer >= layers || row + plan->height > plan->rows)
            break;
        int cursor = app->map.layer;
        bool here = cursor >= layer && cursor < layer + plan->together;
        (void)grid_format(app->grid, inside, 1 + row, 0, here ? STYLE_TITLE : STYLE_DIM, "L%-2d",
                          here ? cursor : layer);
        for (int i = 0; i < PROJ_LAYER_COUNT; i++) {
            struct rect cell = cell_rect(plan, 1 + row, i);
            const struct map_matrix *matrix = app_matrix(app, layer, (enum proj)i);
            if (plan->together == 2)
                draw_halves(app, inside, cell, plan, matrix,
                            app_matrix(app, layer + 1, (enum proj)i));
            else
                draw_cell(app, inside, cell, plan, matrix);
        }
    }
}

/* "embed", with the sign of a value beyond the ladder's end; one letter where
 * there is no room. */
static void extra_name(const struct app *app, const struct map_matrix *matrix, int room,
                       char out[16])
{
    const char *name = proj_name(matrix->proj);
    bool scale = app->map.colour == MAP_SCALE;
    const char *sign = !matrix->mean || !scale             ? ""
                       : matrix->average > app->map.high ? " \u25B2"
                       : matrix->average < app->map.low  ? " \u25BC"
                                                         : "";
    if (room < 5)
        (void)snprintf(out, 16, "%.1s", name);
    else
        (void)snprintf(out, 16, "%s%s", name, room < 7 ? "" : sign);
}

/* Embed and head, each with its name behind it; one line high. */
static void draw_extra(struct app *app, struct rect inside, const struct plan *plan)
{
    for (int i = 0; plan->extra >= 0 && i < map_extra_columns(app); i++) {
        struct rect cell = cell_rect(plan, plan->extra, 3 * i);
        const struct map_matrix *matrix =
            app_matrix(app, NO_LAYER, (enum proj)((int)PROJ_EMBED + i));
        bool at = app->map.layer == map_layers(app) && app->map.column == i;
        char name[16];
        cell.rows = 1;
        draw_cell(app, inside, cell, plan, matrix);
        extra_name(app, matrix, 2 * plan->slot - 1, name);
        (void)view_cell(app, inside, cell.row, cell.column + cell.columns + 1,
                        2 * plan->slot - 1, at ? STYLE_TITLE : STYLE_DIM, name);
    }
}

static void draw_cursor(struct app *app, struct rect inside, const struct plan *plan, bool focused)
{
    const struct map_state *map = &app->map;
    bool extra = map->layer >= map_layers(app);
    int row = extra ? plan->extra
                    : 1 + (map->layer - plan->first) / plan->together * plan->height;
    struct rect cell = cell_rect(plan, row, extra ? 3 * map->column : map->column);
    if (extra)
        cell.rows = 1;
    if (row >= 1 && (extra || row < 1 + plan->rows))
        draw_brackets(app, inside, cell, focused);
}

static void map_draw(struct app *app, struct rect area, bool focused)
{
    if (app->map.zoomed) {
        matrix_draw(app, area, focused);
        return;
    }
    struct buf title = {0};
    buf_add_text(&title, "Map: ");
    map_colour_text(app, &title);
    struct rect inside = view_frame(app, area, title.data, focused);
    buf_free(&title);
    struct plan plan = plan_of(app, inside);
    draw_header(app, inside, &plan);
    draw_layers(app, inside, &plan);
    draw_extra(app, inside, &plan);
    draw_cursor(app, inside, &plan, focused);
    if (plan.legend >= 0)
        map_legend(app, inside, plan.legend, &plan.range, "\u25C6 accepted flips");
}

/* ---- keys ----------------------------------------------------------------------------- */

static void map_move(struct app *app, enum motion motion)
{
    static const int down[] = {
        [MOVE_UP] = -1,        [MOVE_DOWN] = 1,      [MOVE_PAGE_UP] = -8, [MOVE_PAGE_DOWN] = 8,
        [MOVE_HALF_UP] = -4,   [MOVE_HALF_DOWN] = 4, [MOVE_FIRST] = -1000000,
        [MOVE_LAST] = 1000000, [MOVE_LINE_END] = 0,
    };
    static const int right[] = {
        [MOVE_LEFT] = -1,
        [MOVE_RIGHT] = 1,
        [MOVE_LINE_START] = -PROJ_LAYER_COUNT,
        [MOVE_LINE_END] = PROJ_LAYER_COUNT,
    };
    struct map_state *map = &app->map;
    if (map->zoomed) {
        matrix_move(app, motion);
        return;
    }
    map->layer = clamp(map->layer + down[motion], 0, map_layers(app));
    int columns = map->layer < map_layers(app) ? (int)PROJ_LAYER_COUNT : map_extra_columns(app);
    map->column = clamp(map->column + right[motion], 0, columns > 0 ? columns - 1 : 0);
}

static bool map_enter(struct app *app)
{
    const struct map_matrix *matrix = app_matrix_at_cursor(app);
    if (app->map.zoomed || !matrix || matrix->rows == 0)
        return false;
    app->map.zoomed = true;
    if (app->map.row >= matrix->rows)
        app->map.row = matrix->rows - 1;
    return true;
}

static bool map_back(struct app *app)
{
    bool was = app->map.zoomed;
    app->map.zoomed = false;
    return was;
}

static bool map_has_back(const struct app *app)
{
    return app->map.zoomed;
}

/* "  best +0.1722, 31 promise a gain", "  4 measured, best +0.1234" */
static void add_values(const struct app *app, const struct map_matrix *matrix, struct buf *out)
{
    float value = map_cell_value(app, matrix);
    uint64_t count = map_cell_count(app, matrix);
    if (app->map.colour == MAP_SCALE || isnan(value))
        return;
    if (app->map.colour == MAP_PREDICTED)
        buf_add_format(out, "  best %+.4f, %" PRIu64 " promise a gain", (double)value, count);
    else if (app->map.colour == MAP_IMPACT)
        buf_add_format(out, "  most impact %.4f, %" PRIu64 " promise a gain", (double)value, count);
    else if (app->map.colour == MAP_MEASURED)
        buf_add_format(out, "  %" PRIu64 " measured, best %+.4f", count, (double)value);
    else
        buf_add_format(out, "  difference %+.4f, mean of %" PRIu64, (double)value, count);
}

/* Behind other values only as far as there is room. */
static void add_piece(const struct app *app, const char *piece, struct buf *out)
{
    if (app->map.colour == MAP_SCALE)
        buf_add_text(out, piece);
    else
        (void)view_readout_add(app, out, piece);
}

/* "L12 gate_proj  768 rows  scale 0.0213 (0.0101-0.0340)  9 tried  2 accepted  ..." */
static void map_readout(struct app *app, struct buf *out)
{
    const struct map_matrix *matrix = app_matrix_at_cursor(app);
    char piece[64];
    if (app->map.zoomed) {
        matrix_readout(app, out);
        return;
    }
    if (!matrix)
        return;
    if (matrix->layer != NO_LAYER)
        buf_add_format(out, "L%d ", (int)matrix->layer);
    buf_add_format(out, "%s  %" PRIu32 " rows", proj_name(matrix->proj), matrix->rows);
    add_values(app, matrix, out);
    if (matrix->mean)
        (void)snprintf(piece, sizeof(piece), "  scale %.4f (%.4f-%.4f)", (double)matrix->average,
                       (double)matrix->low, (double)matrix->high);
    else
        (void)snprintf(piece, sizeof(piece), "  scales not read yet");
    add_piece(app, piece, out);
    (void)snprintf(piece, sizeof(piece), "  %" PRIu32 " tried  %" PRIu32 " accepted",
                   matrix->tried, matrix->accepted);
    add_piece(app, piece, out);
    (void)snprintf(piece, sizeof(piece), "  %" PRIu32 " rejected", matrix->rejected);
    (void)view_readout_add(app, out, piece);
}

const struct view_ops view_map = {
    .name = "map",
    .title = "Map",
    .draw = map_draw,
    .move = map_move,
    .enter = map_enter,
    .back = map_back,
    .has_back = map_has_back,
    .readout = map_readout,
};

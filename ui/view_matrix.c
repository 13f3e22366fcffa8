/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One matrix of the map: its rows in a fixed raster, row = base + y * stride + x.
 *
 * The stride is a power of two that depends on the room alone, so that a row
 * keeps its place.  A text row holds one line of the raster where the whole matrix
 * fits like that, and without colours; else two (half blocks: each row its own
 * exact colour).  Marks of tried, rejected and accepted rows lie above the heat and
 * are drawn whatever is below.
 */
#include <inttypes.h>
#include <stdio.h>

#include "ui/view_int.h"

enum { AXIS_COLUMNS = 7, CELL_WIDTH_MAX = 4, STRIDE_MIN = 8 };

/* ---- where rows lie --------------------------------------------------------------- */

static uint32_t lines_of(uint32_t rows, uint32_t stride)
{
    return (rows + stride - 1) / stride;
}

/* The smallest stride that shows all rows, or the largest that fits. */
static uint32_t choose_stride(uint32_t rows, uint32_t lines, uint32_t columns)
{
    uint32_t stride = 1;
    while (stride * 2 <= columns && (stride < STRIDE_MIN || lines_of(rows, stride) > lines))
        stride *= 2;
    return stride;
}

/* Cells of one line are worth it only if they are no narrower than half of their
 * height. */
static bool fits_singly(uint32_t rows, uint32_t lines, uint32_t columns)
{
    return lines_of(rows, choose_stride(rows, lines, columns)) <= lines &&
           choose_stride(rows, lines, columns) * 2 <= columns;
}

static void place_lines(struct raster *raster, uint32_t rows, bool mono)
{
    uint32_t texts = (uint32_t)(raster->cells.rows > 0 ? raster->cells.rows : 0);
    uint32_t columns = (uint32_t)(raster->cells.columns > 1 ? raster->cells.columns : 1);
    bool single = mono || fits_singly(rows, texts, columns);
    uint32_t lines = texts * (single ? 1 : 2);
    raster->lines_per_text_row = single ? 1 : 2;
    raster->stride = choose_stride(rows, lines, columns);
    raster->width = (int)(columns / raster->stride);
    if (raster->width > CELL_WIDTH_MAX)
        raster->width = CELL_WIDTH_MAX;
    raster->lines = lines_of(rows, raster->stride);
    raster->lines_shown = (int)lines;
}

struct raster raster_of(const struct app *app, const struct map_matrix *matrix,
                        struct rect inside)
{
    bool has_axis = inside.columns >= AXIS_COLUMNS + 16;
    bool has_legend = inside.rows >= 4;
    struct raster raster = {.cells = inside};
    raster.cells.column += has_axis ? AXIS_COLUMNS : 0;
    raster.cells.columns -= has_axis ? AXIS_COLUMNS : 0;
    raster.cells.rows -= has_legend ? 1 : 0;
    place_lines(&raster, matrix->rows, app->colours == COLOUR_MONO);
    int texts = ((int)raster.lines + raster.lines_per_text_row - 1) / raster.lines_per_text_row;
    int cursor = (int)(app->map.row / raster.stride) / raster.lines_per_text_row;
    int first = view_first_line(texts, raster.cells.rows, cursor);
    raster.base = (uint32_t)(first * raster.lines_per_text_row) * raster.stride;
    return raster;
}

/* ---- drawing ------------------------------------------------------------------------- */

/* What all rows have in common. */
struct picture {
    struct app *app;
    const struct map_matrix *matrix;
    struct raster raster;
    struct map_range range;
    bool focused;
};

/* A column of one text row: up to two rows of the matrix. */
struct pixel {
    bool has[2];
    uint32_t row[2];
    int level[2];
    uint8_t marks;
    int marked; /* which of the two has the strongest mark */
};

static uint8_t strongest(uint8_t marks)
{
    return marks & ROW_ACCEPTED ? ROW_ACCEPTED : marks & ROW_REJECTED ? ROW_REJECTED : marks;
}

static struct pixel pixel_at(const struct picture *picture, int y, uint32_t x)
{
    const struct map_matrix *matrix = picture->matrix;
    const struct raster *raster = &picture->raster;
    struct pixel pixel = {0};
    for (int half = 0; half < raster->lines_per_text_row; half++) {
        uint32_t line = (uint32_t)(y * raster->lines_per_text_row + half);
        uint32_t row = raster->base + line * raster->stride + x;
        if (row >= matrix->rows)
            break;
        pixel.has[half] = true;
        pixel.row[half] = row;
        pixel.level[half] = map_level(map_row_value(picture->app, matrix, row), &picture->range);
        if (strongest(matrix->marks[row]) > pixel.marks) {
            pixel.marks = strongest(matrix->marks[row]);
            pixel.marked = half;
        }
    }
    return pixel;
}

static void draw_heat(struct app *app, struct rect cells, struct rect place,
                      const struct pixel *pixel)
{
    if (app->colours == COLOUR_MONO)
        grid_fill(app->grid, cells, place, theme_heat_glyph(pixel->level[0]), STYLE_TEXT);
    else if (pixel->has[1])
        grid_fill(app->grid, cells, place, 0x2580, style_heat(pixel->level[0], pixel->level[1]));
    else
        grid_fill(app->grid, cells, place, ' ', style_heat(pixel->level[0], pixel->level[0]));
}

static void draw_mark(struct app *app, struct rect cells, struct rect place,
                      const struct pixel *pixel)
{
    uint32_t glyph = pixel->marks == ROW_ACCEPTED   ? MARK_ACCEPTED
                     : pixel->marks == ROW_REJECTED ? MARK_REJECTED
                                                    : MARK_TRIED;
    style_id style = pixel->marks == ROW_ACCEPTED ? STYLE_MARK_ACCEPTED
                     : app->colours == COLOUR_MONO
                         ? STYLE_MARK_TRIED
                         : view_heat_text(pixel->level[pixel->marked]);
    grid_put(app->grid, cells, place.row, place.column + (place.columns - 1) / 2, glyph, style);
}

/* Brackets where the cell is wide enough; else the half that the cursor is on. */
static void draw_cursor(struct app *app, struct rect cells, struct rect place,
                        const struct pixel *pixel, bool focused)
{
    style_id style = focused ? STYLE_CURSOR : STYLE_SELECTED;
    bool lower = pixel->has[1] && pixel->row[1] == app->map.row;
    if (place.columns >= 3) {
        grid_put(app->grid, cells, place.row, place.column, '[', style);
        grid_put(app->grid, cells, place.row, place.column + place.columns - 1, ']', style);
    } else if (app->colours == COLOUR_MONO) {
        grid_fill(app->grid, cells, place, '#', style);
    } else {
        grid_fill(app->grid, cells, place, lower ? 0x2584 : 0x2580, style);
    }
    if (focused)
        grid_cursor(app->grid, cells, place.row, place.column);
}

/* Where the colours say what was measured, marks of what was tried would say it again and
 * hide it. */
static bool shows_mark(const struct app *app, uint8_t marks)
{
    bool measured = app->map.colour == MAP_MEASURED || app->map.colour == MAP_DIFFERENCE;
    return marks == ROW_ACCEPTED || (marks != 0 && !measured);
}

static bool is_known(const struct pixel *pixel)
{
    return pixel->level[0] != HEAT_NONE || (pixel->has[1] && pixel->level[1] != HEAT_NONE);
}

static void draw_pixel(const struct picture *picture, int y, uint32_t x)
{
    struct app *app = picture->app;
    const struct raster *raster = &picture->raster;
    struct pixel pixel = pixel_at(picture, y, x);
    struct rect place = {.row = y,
                         .column = (int)x * raster->width,
                         .rows = 1,
                         .columns = raster->width};
    if (!pixel.has[0])
        return;
    if (is_known(&pixel))
        draw_heat(app, raster->cells, place, &pixel);
    else
        grid_fill(app->grid, raster->cells, place, '.', STYLE_DIM);
    bool here = pixel.row[0] == app->map.row || (pixel.has[1] && pixel.row[1] == app->map.row);
    if (here)
        draw_cursor(app, raster->cells, place, &pixel, picture->focused);
    if (shows_mark(app, pixel.marks) && (!here || raster->width >= 3))
        draw_mark(app, raster->cells, place, &pixel);
}

/* The first row of each text row, left of it. */
static void draw_axis(struct app *app, struct rect inside, const struct map_matrix *matrix,
                      const struct raster *raster, int y)
{
    uint32_t step = raster->stride * (uint32_t)raster->lines_per_text_row;
    uint32_t row = raster->base + (uint32_t)y * step;
    bool here = app->map.row >= row && app->map.row - row < step;
    if (raster->cells.column > inside.column && row < matrix->rows)
        (void)grid_format(app->grid, inside, y, 0, here ? STYLE_TITLE : STYLE_DIM, "%6" PRIu32,
                          row);
}

/* "L12 gate_proj: rows 0-4095 of 12288, 64 a line", shorter in narrow frames; with what the
 * colours say where that is not the scale. */
static void format_title(const struct app *app, const struct map_matrix *matrix,
                         const struct raster *raster, int room, struct buf *title)
{
    uint32_t first = raster->base;
    uint32_t last = first + raster->stride * (uint32_t)raster->lines_shown;
    if (last > matrix->rows)
        last = matrix->rows;
    if (matrix->layer != NO_LAYER)
        buf_add_format(title, "L%d ", (int)matrix->layer);
    buf_add_text(title, proj_name(matrix->proj));
    if (app->map.colour != MAP_SCALE) {
        buf_add_text(title, ": ");
        map_colour_text(app, title);
        return;
    }
    size_t len = title->len;
    buf_add_format(title, ": rows %" PRIu32 "-%" PRIu32 " of %" PRIu32 ", %" PRIu32 " a line",
                   first, last ? last - 1 : 0, matrix->rows, raster->stride);
    if ((int)title->len <= room)
        return;
    title->len = len;
    buf_add_format(title, ": %" PRIu32 " rows a line", raster->stride);
}

void matrix_draw(struct app *app, struct rect area, bool focused)
{
    const struct map_matrix *matrix = app_matrix_at_cursor(app);
    if (!matrix)
        return;
    struct picture picture = {app, matrix, raster_of(app, matrix, view_inside(app, area)),
                              map_range_of_rows(app, matrix), focused};
    const struct raster *raster = &picture.raster;
    struct buf title = {0};
    format_title(app, matrix, raster, area.columns - 4, &title);
    struct rect inside = view_frame(app, area, title.data, focused);
    buf_free(&title);
    for (int y = 0; y < raster->cells.rows; y++) {
        draw_axis(app, inside, matrix, raster, y);
        for (uint32_t x = 0; x < raster->stride; x++)
            draw_pixel(&picture, y, x);
    }
    if (raster->cells.rows < inside.rows)
        map_legend(app, inside, inside.rows - 1, &picture.range,
                   "\u00B7tried \u00D7rejected \u25C6accepted");
}

/* ---- keys ------------------------------------------------------------------------------- */

static struct raster raster_now(const struct app *app, const struct map_matrix *matrix)
{
    struct layout layout = layout_of(app);
    struct rect area = layout.view[VIEW_MAP];
    if (area.rows < 1)
        area = (struct rect){.rows = 16, .columns = 64};
    return raster_of(app, matrix, view_inside(app, area));
}

/* Rows to go for a motion up or down, given the raster. */
static int64_t rows_down(const struct raster *raster, enum motion motion)
{
    int64_t stride = raster->stride, page = stride * (raster->lines_shown - 1);
    static const int signs[] = {
        [MOVE_UP] = -1,   [MOVE_DOWN] = 1,  [MOVE_PAGE_UP] = -1, [MOVE_PAGE_DOWN] = 1,
        [MOVE_LEFT] = -1, [MOVE_RIGHT] = 1, [MOVE_HALF_UP] = -1, [MOVE_HALF_DOWN] = 1,
    };
    if (motion == MOVE_UP || motion == MOVE_DOWN)
        return signs[motion] * stride;
    if (motion == MOVE_LEFT || motion == MOVE_RIGHT)
        return signs[motion];
    if (page < stride)
        page = stride;
    bool half = motion == MOVE_HALF_UP || motion == MOVE_HALF_DOWN;
    return signs[motion] * (half && page >= 2 * stride ? page / stride / 2 * stride : page);
}

void matrix_move(struct app *app, enum motion motion)
{
    const struct map_matrix *matrix = app_matrix_at_cursor(app);
    if (!matrix || matrix->rows == 0)
        return;
    struct raster raster = raster_now(app, matrix);
    int64_t row = app->map.row, last = (int64_t)matrix->rows - 1;
    int64_t x = row % raster.stride;
    if (motion == MOVE_FIRST)
        row = 0;
    else if (motion == MOVE_LAST)
        row = last;
    else if (motion == MOVE_LINE_START)
        row -= x;
    else if (motion == MOVE_LINE_END)
        row += (int64_t)raster.stride - 1 - x;
    else
        row += rows_down(&raster, motion);
    app->map.row = (uint32_t)(row < 0 ? 0 : row > last ? last : row);
}

/* ---- readout ------------------------------------------------------------------------------ */

/* In the patch or not, and how that came; the latter alone in narrow lines. */
static void add_marks(const struct app *app, struct buf *out, uint8_t marks)
{
    const char *how = marks & ROW_ACCEPTED   ? "accepted"
                      : marks & ROW_REJECTED ? "rejected"
                      : marks & ROW_TRIED    ? "tried"
                                             : "not tried";
    char text[48];
    (void)snprintf(text, sizeof(text), "  %s, %s",
                   marks & ROW_ACCEPTED ? "in patch" : "not in patch", how);
    if (view_readout_add(app, out, text))
        return;
    (void)snprintf(text, sizeof(text), "  %s", how);
    if (app->map.colour == MAP_SCALE)
        buf_add_text(out, text);
    else
        (void)view_readout_add(app, out, text);
}

static void add_scale(const struct app *app, const struct map_matrix *matrix, uint32_t row,
                      struct buf *out)
{
    char value[32], place[64];
    if (!matrix->mean)
        return;
    uint32_t rank = app_row_rank(matrix, row);
    double share = 1 - ((double)rank + 0.5) / (double)matrix->rows;
    (void)snprintf(value, sizeof(value), "  scale %.4f", (double)matrix->mean[row]);
    (void)snprintf(place, sizeof(place), " p%.1f rank %" PRIu32 "/%" PRIu32, 100 * share,
                   rank + 1, matrix->rows);
    if (app->map.colour == MAP_SCALE)
        buf_add_format(out, "%s%s", value, place);
    else if (view_readout_add(app, out, value))
        (void)view_readout_add(app, out, place);
}

/* In short words where the others do not fit. */
static void add_known(struct app *app, const struct flip *flip, struct buf *out)
{
    const struct predictions *made = app->map.predictions;
    struct flip_known known = app_known(app, flip);
    for (int shorter = 0; shorter < 2; shorter++) {
        struct buf text = {0};
        buf_add_text(&text, "  ");
        map_known_text(&known, made ? made->rows : 0, shorter, &text);
        bool done = text.len == 2 || view_readout_add(app, out, text.data);
        buf_free(&text);
        if (done)
            return;
    }
}

/* "L12 gate_proj row 5414  scale 0.0213 p98.7 rank 41/12288  not in patch, tried"; what is
 * known of the flip comes first where the colours say that. */
void matrix_readout(struct app *app, struct buf *out)
{
    const struct map_matrix *matrix = app_matrix_at_cursor(app);
    struct flip flip;
    if (!matrix || !app_unit_at_cursor(app, &flip))
        return;
    view_flip_text(out, &flip);
    if (app->map.colour != MAP_SCALE)
        add_known(app, &flip, out);
    add_scale(app, matrix, flip.row, out);
    add_marks(app, out, matrix->marks[flip.row]);
    if (app->map.colour == MAP_SCALE)
        add_known(app, &flip, out);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Parts of screens that several views need.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/command.h"
#include "ui/view_int.h"

/* ---- frames ------------------------------------------------------------------- */

/* Smaller screens have no room for frames (layout.c), nor small areas. */
static bool has_frame(const struct app *app, struct rect area)
{
    return app->grid->rows >= 16 && app->grid->columns >= 60 && area.rows >= 3 &&
           area.columns >= 8;
}

struct rect view_inside(const struct app *app, struct rect area)
{
    if (!has_frame(app, area))
        return area;
    return (struct rect){.row = area.row + 1,
                         .column = area.column + 1,
                         .rows = area.rows - 2,
                         .columns = area.columns - 2};
}

struct rect view_frame(struct app *app, struct rect area, const char *title, bool focused)
{
    if (has_frame(app, area))
        (void)grid_frame(app->grid, area, title, focused);
    return view_inside(app, area);
}

/* ---- tables --------------------------------------------------------------------- */

int view_cell(struct app *app, struct rect area, int row, int column, int width, style_id style,
              const char *text)
{
    struct rect part = {.row = area.row + row,
                        .column = area.column + column,
                        .rows = 1,
                        .columns = width};
    if (column + width > area.columns)
        part.columns = area.columns - column;
    if (row >= 0 && row < area.rows && column >= 0 && part.columns > 0)
        (void)grid_text(app->grid, part, 0, 0, text, strlen(text), style);
    return column + width;
}

int view_cell_right(struct app *app, struct rect area, int row, int column, int width,
                    style_id style, const char *text)
{
    int used = grid_text_columns(text, strlen(text));
    int shift = used < width ? width - used : 0;
    (void)view_cell(app, area, row, column + shift, width - shift, style, text);
    return column + width;
}

int view_piece(struct app *app, struct rect area, int row, int column, style_id style,
               const char *text)
{
    int used = grid_text_columns(text, strlen(text));
    if (column + used > area.columns)
        return area.columns + 1; /* nothing behind it either */
    return view_cell(app, area, row, column, used, style, text);
}

bool view_readout_add(const struct app *app, struct buf *out, const char *piece)
{
    int used = grid_text_columns(out->data ? out->data : "", out->len);
    bool fits = used + grid_text_columns(piece, strlen(piece)) + 1 <= app->grid->columns;
    if (fits)
        buf_add_text(out, piece);
    return fits;
}

int view_first_line(int count, int rows, int cursor)
{
    int first = cursor - rows / 2;
    if (first > count - rows)
        first = count - rows;
    return first < 0 ? 0 : first;
}

/* ---- words ------------------------------------------------------------------------ */

void view_key_shown(const char *key, struct buf *out)
{
    size_t len = strlen(key);
    if (len > 2 && key[0] == '<')
        buf_add(out, key + 1, len - 2);
    else
        buf_add_text(out, key);
}

void view_key_of(const char *line, struct buf *out)
{
    for (const struct key_binding *binding = ui_bindings; binding->key; binding++)
        if (strcmp(binding->line, line) == 0) {
            view_key_shown(binding->key, out);
            return;
        }
    buf_add_format(out, ":%s", line);
}

/* Of a flip of some bits of a group: the bit's column, or how many they are. */
static void add_bits(struct buf *out, const struct flip *flip, bool dotted)
{
    int count = __builtin_popcountll(flip->mask[0]) + __builtin_popcountll(flip->mask[1]);
    int first = flip->mask[0] ? __builtin_ctzll(flip->mask[0])
                              : 64 + (flip->mask[1] ? __builtin_ctzll(flip->mask[1]) : 0);
    if (count == 1) {
        buf_add_format(out, dotted ? ".b%d" : " bit %d",
                       (int)flip->group * GROUP_WEIGHTS + first);
        return;
    }
    buf_add_format(out, dotted ? ".g%d" : " group %d", (int)flip->group);
    if (count < GROUP_WEIGHTS)
        buf_add_format(out, dotted ? "/%d" : ", %d bits", count);
}

void view_flip_text(struct buf *out, const struct flip *flip)
{
    if (flip->layer != NO_LAYER)
        buf_add_format(out, "L%d ", (int)flip->layer);
    buf_add_format(out, "%s row %" PRIu32, proj_name(flip->proj), flip->row);
    if (flip->group != FLIP_WHOLE_ROW)
        add_bits(out, flip, false);
}

/* "L12.gate.5414", as commands take it, or "L12 gate row 5414". */
static void add_short(struct buf *out, const struct flip *flip, bool dotted)
{
    const char *name = proj_name(flip->proj);
    if (flip->layer != NO_LAYER)
        buf_add_format(out, dotted ? "L%d." : "L%d ", (int)flip->layer);
    buf_add(out, name, strcspn(name, "_"));
    buf_add_format(out, dotted ? ".%" PRIu32 : " row %" PRIu32, flip->row);
    if (flip->group != FLIP_WHOLE_ROW)
        add_bits(out, flip, dotted);
}

void view_flip_fit(struct buf *out, const struct flip *flip, int columns)
{
    size_t start = out->len;
    view_flip_text(out, flip);
    for (int dotted = 0; dotted < 2 && out->len - start > (size_t)(columns > 0 ? columns : 0);
         dotted++) {
        out->len = start;
        add_short(out, flip, dotted);
    }
}

void view_count_text(struct buf *out, uint64_t count)
{
    if (count >= 1000000)
        buf_add_format(out, "%.1f M", (double)count / 1e6);
    else if (count >= 10000)
        buf_add_format(out, "%" PRIu64 " %03" PRIu64, count / 1000, count % 1000);
    else
        buf_add_format(out, "%" PRIu64, count);
}

void view_time_text(struct buf *out, double seconds)
{
    if (!(seconds >= 0))
        seconds = 0;
    if (seconds > 359999)
        seconds = 359999;
    int all = (int)lround(seconds);
    if (all >= 3600)
        buf_add_format(out, "%d:%02d:%02d", all / 3600, all / 60 % 60, all % 60);
    else
        buf_add_format(out, "%d:%02d", all / 60, all % 60);
}

void view_accepted_text(const struct app *app, const char *of, struct buf *out)
{
    const struct search_state *search = &app->search;
    buf_add_format(out, "%zu", search->accepted_count);
    if (search->accepted_count > search->tried)
        return;
    buf_add_text(out, of);
    view_count_text(out, search->tried);
}

double view_accept_percent(const struct app *app)
{
    double tried = (double)app->search.tried;
    return tried > 0 ? 100 * (double)app->search.accepted_count / tried : 0;
}

/* ---- heat --------------------------------------------------------------------------- */

int view_heat_level(float value, float low, float high)
{
    if (!(high > low) || !(value >= low))
        return high > low ? 0 : HEAT_LEVELS / 2;
    float share = (value - low) / (high - low);
    int level = (int)(share * (float)HEAT_LEVELS);
    return level >= HEAT_LEVELS ? HEAT_LEVELS - 1 : level;
}

style_id view_heat_text(int level)
{
    return style_heat(level < HEAT_LEVELS / 2 ? HEAT_LEVELS - 1 : 0, level);
}

void view_heat_fill(struct app *app, struct rect clip, struct rect part, int level)
{
    if (app->colours == COLOUR_MONO)
        grid_fill(app->grid, clip, part, theme_heat_glyph(level), STYLE_TEXT);
    else
        grid_fill(app->grid, clip, part, ' ', style_heat(level, level));
}

static int heat_steps(const struct app *app)
{
    return app->theme ? theme_heat_steps(app->theme, app->colours) : HEAT_LEVELS;
}

/* All levels: one to a column, or two to a column by left half blocks. */
static void draw_ladder(struct app *app, struct rect area, int row, int column, int width)
{
    int each = HEAT_LEVELS / width;
    for (int i = 0; i < width; i++) {
        int level = i * each;
        if (each == 2 && app->colours != COLOUR_MONO)
            grid_put(app->grid, area, row, column + i, 0x258C, style_heat(level, level + 1));
        else
            view_heat_fill(app, area, (struct rect){row, column + i, 1, 1}, level);
    }
}

void view_legend(struct app *app, struct rect area, int row, float low, float high,
                 const char *what)
{
    struct buf text = {0};
    int all = 26 + HEAT_LEVELS + grid_text_columns(what, strlen(what));
    int width = area.columns >= all ? HEAT_LEVELS : HEAT_LEVELS / 2;
    if (row < 0 || row >= area.rows || area.columns < width + 14)
        return;
    if (!(high > 0)) {
        (void)view_piece(app, area, row, 0, STYLE_DIM, "scales not read yet");
        return;
    }
    int column = grid_format(app->grid, area, row, 0, STYLE_DIM, "%.4f ", (double)low);
    draw_ladder(app, area, row, column, width);
    column += width;
    column = grid_format(app->grid, area, row, column, STYLE_DIM, " %.4f", (double)high);
    buf_add_format(&text, "  %d steps", heat_steps(app));
    column = view_piece(app, area, row, column, STYLE_DIM, text.data);
    (void)view_piece(app, area, row, column + 2, STYLE_DIM, what);
    buf_free(&text);
}

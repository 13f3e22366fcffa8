/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The search: how it goes in numbers, fitness over the accepted flips, the last
 * candidate with its verdict, and the candidates that come next.
 *
 * Parts are drawn from the top; the curve takes what the others leave, and is
 * left out where that is less than three rows.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/view_int.h"

enum { CARD_ROWS = 3, CURVE_ROWS_MIN = 3, CURVE_ROWS_MAX = 9, LIST_ROWS_MIN = 4, EIGHTHS = 8,
       NAME_COLUMNS = 22, VALUE_COLUMN = 29, WIDE_COLUMNS = 60 };

/* ---- numbers ----------------------------------------------------------------------- */

/* A label and its value, if there is room for both; *column goes behind them. */
static void draw_pair(struct app *app, struct rect area, int row, int *column, const char *label,
                      const char *value, style_id style)
{
    int used = grid_text_columns(label, strlen(label)) + 1 +
               grid_text_columns(value, strlen(value));
    if (*column + used > area.columns)
        return;
    int at = grid_format(app->grid, area, row, *column, STYLE_DIM, "%s ", label);
    *column = view_piece(app, area, row, at, style, value) + 3;
}

static void draw_result(struct app *app, struct rect area)
{
    const struct search_state *search = &app->search;
    struct buf text = {0};
    int column = 0;
    buf_add_format(&text, "%+.4f", search->fitness);
    draw_pair(app, area, 0, &column, "fitness", text.data,
              search->fitness > 0 ? STYLE_GOOD : STYLE_TEXT);
    buf_clear(&text);
    view_accepted_text(app, " of ", &text);
    draw_pair(app, area, 0, &column, "accepted", text.data, STYLE_TEXT);
    buf_clear(&text);
    buf_add_format(&text, "(%.1f %%)", view_accept_percent(app));
    if (search->tried > 0 && search->accepted_count <= search->tried)
        (void)view_piece(app, area, 0, column - 2, STYLE_TEXT, text.data);
    buf_free(&text);
}

static int draw_header(struct app *app, struct rect area)
{
    const struct search_state *search = &app->search;
    struct buf text = {0};
    int column = 0;
    draw_result(app, area);
    if (search->left > UINT64_MAX / 2) /* as many as are asked for */
        buf_add_text(&text, "no end");
    else
        view_count_text(&text, search->left);
    draw_pair(app, area, 1, &column, "left", text.data, STYLE_TEXT);
    buf_clear(&text);
    view_count_text(&text, search->screened);
    draw_pair(app, area, 1, &column, "screened out", text.data, STYLE_TEXT);
    buf_clear(&text);
    buf_add_format(&text, "%.2f s each", search->seconds_each);
    if (search->seconds_each > 0)
        (void)view_piece(app, area, 1, column, STYLE_TEXT, text.data);
    buf_free(&text);
    return 2;
}

/* ---- fitness curve -------------------------------------------------------------------- */

struct curve {
    double low, high;
    int width;    /* columns of one flip */
    size_t first; /* flip at the left edge */
};

static struct curve curve_of(const struct search_state *search, int columns)
{
    struct curve curve = {.width = 1};
    size_t count = search->history_count;
    if (count > (size_t)columns)
        curve.first = count - (size_t)columns;
    else if (count > 0)
        curve.width = columns / (int)count > 4 ? 4 : columns / (int)count;
    for (size_t i = curve.first; i < count; i++) {
        curve.low = fmin(curve.low, search->history[i]);
        curve.high = fmax(curve.high, search->history[i]);
    }
    if (!(curve.high > curve.low))
        curve.high = curve.low + 1;
    return curve;
}

/* One bar of eighths, from the bottom of the area. */
static void draw_bar(struct app *app, struct rect area, const struct curve *curve, int column,
                     double value)
{
    int full = area.rows * EIGHTHS;
    int height = (int)lround((value - curve->low) / (curve->high - curve->low) * full);
    if (height < 1)
        height = 1;
    for (int row = area.rows - 1; row >= 0 && height > 0; row--, height -= EIGHTHS) {
        uint32_t point = 0x2580u + (uint32_t)(height < EIGHTHS ? height : EIGHTHS);
        style_id style = value < 0 ? STYLE_BAD : STYLE_GOOD;
        int width = curve->width > 1 ? curve->width - 1 : 1;
        grid_fill(app->grid, area, (struct rect){row, column, 1, width}, point, style);
    }
}

static void draw_curve(struct app *app, struct rect area)
{
    enum { AXIS = 8 };
    const struct search_state *search = &app->search;
    struct rect bars = {area.row, area.column + AXIS, area.rows, area.columns - AXIS};
    if (bars.columns < 8)
        return;
    if (search->history_count == 0) {
        (void)grid_format(app->grid, area, area.rows / 2, 0, STYLE_DIM,
                          "no flip is accepted yet");
        return;
    }
    struct curve curve = curve_of(search, bars.columns);
    (void)grid_format(app->grid, area, 0, 0, STYLE_DIM, "%+.4f", curve.high);
    (void)grid_format(app->grid, area, area.rows - 1, 0, STYLE_DIM, "%+.4f", curve.low);
    for (size_t i = curve.first; i < search->history_count; i++)
        if (isfinite(search->history[i]))
            draw_bar(app, bars, &curve, (int)(i - curve.first) * curve.width,
                     search->history[i]);
}

/* ---- last candidate ------------------------------------------------------------------- */

static style_id verdict_text(const struct search_state *search, struct buf *out)
{
    const struct event_tried *last = &search->last;
    double gain = last->fitness - last->fitness_before;
    if (last->accepted) {
        buf_add_format(out, "\u2713 accepted %+.4f", gain);
        return STYLE_GOOD;
    }
    if (last->screened) {
        buf_add_text(out, "\u00D7 screened out");
        return STYLE_BAD;
    }
    if (last->by_hand) {
        buf_add_format(out, "\u00B7 by hand %+.4f, not kept", gain);
        return STYLE_PENDING;
    }
    if (search->taken_back) {
        buf_add_format(out, "\u00D7 taken back %+.4f", gain);
        return STYLE_PENDING;
    }
    buf_add_format(out, "\u00D7 rejected %+.4f", gain);
    return STYLE_BAD;
}

/* What a person may do against the verdict. */
static void override_text(const struct event_tried *last, struct buf *out)
{
    view_key_of(last->accepted ? "reject" : "accept", out);
    buf_add_text(out, last->accepted   ? " takes it back"
                      : last->by_hand ? " keeps it"
                                      : " accepts it all the same");
}

static float scale_of(struct app *app, const struct flip *flip)
{
    const struct map_matrix *matrix = app_matrix(app, flip->layer, flip->proj);
    if (!matrix || !matrix->mean || flip->row >= matrix->rows)
        return NAN;
    return matrix->mean[flip->row];
}

/* What was predicted, beside what was measured. */
static void draw_promise(struct app *app, struct rect area, int row, int column,
                         const struct event_tried *last)
{
    char text[40];
    for (int shorter = 0; last->has_promise && shorter < 2; shorter++) {
        (void)snprintf(text, sizeof(text), "%s %+.4f", shorter ? "pred" : "predicted",
                       last->promised);
        if (view_piece(app, area, row, column, STYLE_DIM, text) <= area.columns)
            return;
    }
}

static int draw_card(struct app *app, struct rect area, int row, int rows)
{
    const struct event_tried *last = &app->search.last;
    struct buf text = {0};
    if (!app->search.has_last) {
        view_key_of("step", &text);
        buf_add_text(&text, " tries one, ");
        view_key_of("run", &text);
        buf_add_text(&text, " runs the search");
        (void)view_cell(app, area, row, 0, area.columns, STYLE_DIM, text.data);
        buf_free(&text);
        return row + 1;
    }
    buf_add_text(&text, "last  ");
    char more[32] = "";
    if (last->flip_count > 1)
        (void)snprintf(more, sizeof more, " + %zu more", last->flip_count - 1);
    view_flip_fit(&text, &last->flip, area.columns - 6 - (int)strlen(more));
    buf_add_text(&text, more);
    (void)view_cell(app, area, row, 0, area.columns, STYLE_TEXT, text.data);
    int used = grid_text_columns(text.data, text.len);
    float scale = scale_of(app, &last->flip);
    buf_clear(&text);
    buf_add_format(&text, "scale %.4f", (double)scale);
    if (isfinite(scale))
        (void)view_piece(app, area, row, used + 2, STYLE_DIM, text.data);
    buf_clear(&text);
    style_id style = verdict_text(&app->search, &text);
    if (rows > 1) {
        (void)view_cell(app, area, row + 1, 6, area.columns - 6, style, text.data);
        draw_promise(app, area, row + 1, 8 + grid_text_columns(text.data, text.len), last);
    }
    buf_clear(&text);
    override_text(last, &text);
    if (rows > 2)
        (void)view_cell(app, area, row + 2, 6, area.columns - 6, STYLE_DIM, text.data);
    buf_free(&text);
    return row + rows;
}

/* ---- next candidates ---------------------------------------------------------------------- */

static const char *mark_word(struct app *app, const struct flip *flip)
{
    const struct map_matrix *matrix = app_matrix(app, flip->layer, flip->proj);
    uint8_t marks = matrix && flip->row < matrix->rows ? matrix->marks[flip->row] : 0;
    return marks & ROW_ACCEPTED   ? "\u25C6 accepted"
           : marks & ROW_REJECTED ? "\u00D7 rejected"
           : marks & ROW_TRIED    ? "\u00B7 tried"
                                  : "";
}

/* By the pass that chose it, or by the map. */
static double promised_of(struct app *app, size_t i)
{
    double promised = app->search.next_promised ? app->search.next_promised[i] : (double)NAN;
    return isnan(promised) ? app_known(app, &app->search.next[i]).predicted : promised;
}

/* Are candidates chosen by what they promise? */
static bool by_promise(const struct app *app)
{
    return app->search.next_count > 0 && app->search.next_promised &&
           !isnan(app->search.next_promised[0]);
}

/* Where it is in the columns: its scale, what is promised (first where it was chosen by
 * that), and how it was found. */
static void draw_values(struct app *app, struct rect area, int row, size_t i, style_id style)
{
    char scale[16], promise[16] = "-";
    double promised = promised_of(app, i);
    bool first = by_promise(app), wide = area.columns >= WIDE_COLUMNS;
    (void)snprintf(scale, sizeof(scale), "%.4f", (double)app->search.next_scales[i]);
    if (!isnan(promised))
        (void)snprintf(promise, sizeof(promise), "%+.4f", promised);
    int column = view_cell(app, area, row, VALUE_COLUMN, 8, style, first ? promise : scale);
    if (wide)
        column = view_cell(app, area, row, column + 2, 8, style, first ? scale : promise);
    (void)view_cell(app, area, row, column + 1, 10, style, mark_word(app, &app->search.next[i]));
}

static void draw_next(struct app *app, struct rect area, int row, size_t i, bool focused)
{
    const struct search_state *search = &app->search;
    bool here = i == search->cursor;
    style_id style = here && focused ? STYLE_SELECTED : STYLE_TEXT;
    char text[48];
    struct buf name = {0};
    if (here)
        grid_fill(app->grid, area, (struct rect){row, 0, 1, area.columns}, ' ', style);
    (void)view_cell(app, area, row, 0, 1, style, here ? ">" : " ");
    (void)snprintf(text, sizeof(text), "%zu", i + 1);
    (void)view_cell_right(app, area, row, 1, 3, here ? style : STYLE_DIM, text);
    view_flip_fit(&name, &search->next[i], NAME_COLUMNS);
    (void)view_cell(app, area, row, 6, NAME_COLUMNS, style, name.data);
    draw_values(app, area, row, i, style);
    if (here && focused)
        grid_cursor(app->grid, area, row, 0);
    buf_free(&name);
}

static void draw_list(struct app *app, struct rect area, int row, bool focused)
{
    const struct search_state *search = &app->search;
    int rows = area.rows - row;
    if (rows < 1)
        return;
    if (search->next_count == 0) {
        (void)view_cell(app, area, row, 0, area.columns, STYLE_DIM,
                        search->finished    ? "the search is finished"
                        : search->tried > 0 ? "the next step looks for candidates"
                                            : "the first step looks for candidates");
        return;
    }
    if (rows >= 3) {
        (void)view_cell(app, area, row, 0, 28, STYLE_DIM, "next candidates");
        bool first = by_promise(app);
        (void)view_cell(app, area, row, VALUE_COLUMN, 9, STYLE_DIM, first ? "predicted" : "scale");
        if (area.columns >= WIDE_COLUMNS)
            (void)view_cell(app, area, row, VALUE_COLUMN + 10, 9, STYLE_DIM,
                            first ? "scale" : "predicted");
        row++, rows--;
    }
    size_t first = (size_t)view_first_line((int)search->next_count, rows, (int)search->cursor);
    for (int i = 0; i < rows && first + (size_t)i < search->next_count; i++)
        draw_next(app, area, row + i, first + (size_t)i, focused);
}

/* ---- all ------------------------------------------------------------------------------------- */

static void search_draw(struct app *app, struct rect area, bool focused)
{
    struct buf title = {0};
    buf_add_text(&title, "Search: ");
    settings_title(&app->settings.now.options, &title);
    struct rect inside = view_frame(app, area, title.data, focused);
    buf_free(&title);
    int row = inside.rows >= 5 ? draw_header(app, inside) : 0;
    int card = inside.rows >= 16 ? CARD_ROWS : inside.rows >= 5 ? 2 : 0;
    int curve = inside.rows - row - card - LIST_ROWS_MIN - 4;
    if (curve > CURVE_ROWS_MAX)
        curve = CURVE_ROWS_MAX;
    int gap = curve >= CURVE_ROWS_MIN ? 1 : 0;
    if (gap) {
        draw_curve(app, (struct rect){inside.row + row + 1, inside.column, curve, inside.columns});
        row += curve + 2;
    }
    if (card > 0)
        row = draw_card(app, inside, row, card) + gap;
    draw_list(app, inside, row, focused);
}

static void search_move(struct app *app, enum motion motion)
{
    static const int by[] = {
        [MOVE_UP] = -1,     [MOVE_DOWN] = 1,      [MOVE_PAGE_UP] = -8,       [MOVE_PAGE_DOWN] = 8,
        [MOVE_HALF_UP] = -4, [MOVE_HALF_DOWN] = 4, [MOVE_FIRST] = -1000000, [MOVE_LAST] = 1000000,
        [MOVE_LINE_END] = 0,
    };
    struct search_state *search = &app->search;
    int64_t at = (int64_t)search->cursor + by[motion], last = (int64_t)search->next_count - 1;
    at = at > last ? last : at;
    search->cursor = at < 0 ? 0 : (size_t)at;
}

/* Show the candidate on the map. */
static bool search_enter(struct app *app)
{
    const struct search_state *search = &app->search;
    if (search->cursor >= search->next_count || !map_go(app, &search->next[search->cursor]))
        return false;
    app->screen = app->focus = VIEW_MAP;
    return true;
}

static bool search_back(struct app *app)
{
    (void)app;
    return false;
}

static void search_readout(struct app *app, struct buf *out)
{
    const struct search_state *search = &app->search;
    if (search->cursor >= search->next_count) {
        buf_add_format(out, "fitness %+.4f", search->fitness);
        return;
    }
    const struct flip *flip = &search->next[search->cursor];
    const char *mark = mark_word(app, flip);
    char behind[40];
    int used = snprintf(behind, sizeof behind, "  scale %.4f  %s",
                        (double)search->next_scales[search->cursor], mark[0] ? mark : "not tried");
    buf_add_format(out, "candidate %zu of %zu shown  ", search->cursor + 1, search->next_count);
    view_flip_fit(out, flip, app->grid->columns - 1 - (int)out->len - used);
    buf_add_text(out, behind);
}

const struct view_ops view_search = {
    .name = "search",
    .title = "Search",
    .draw = search_draw,
    .move = search_move,
    .enter = search_enter,
    .back = search_back,
    .readout = search_readout,
};

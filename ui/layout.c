/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where everything goes, from the size of the screen, the screen that was
 * chosen, the focus and whether it is maximised:
 *
 *     from 160 x 45   four views: the big one shares its column
 *     from 120 x 24   three views: a big one, two in a column beside it
 *     from  80 x 24   two or three, smaller
 *     from  60 x 16   one view in a frame, and the tabs
 *     from  40 x 10   one view without a frame
 *     from  20 x  5   one view and the readout line
 *     below           the readout line
 *
 * A view that has the focus always has room.
 */
#include "ui/view.h"

enum shape { SHAPE_COLUMN, SHAPE_PAIR, SHAPE_STACK };

/* The views of a screen: the big one, then those beside or below it. */
struct arrangement {
    enum shape shape;
    int big_percent; /* of the columns, or of the rows if stacked */
    enum view_id big, second, third;
    enum view_id below; /* the big one */
};

static const struct arrangement large[VIEW_COUNT] = {
    [VIEW_MAP] = {SHAPE_COLUMN, 54, VIEW_MAP, VIEW_PROBES, VIEW_SEARCH, VIEW_COMPARE},
    [VIEW_SEARCH] = {SHAPE_COLUMN, 54, VIEW_SEARCH, VIEW_PROBES, VIEW_MAP, VIEW_COMPARE},
    [VIEW_PROBES] = {SHAPE_COLUMN, 58, VIEW_PROBES, VIEW_COMPARE, VIEW_SEARCH, VIEW_COUNT},
    [VIEW_COMPARE] = {SHAPE_COLUMN, 58, VIEW_COMPARE, VIEW_PROBES, VIEW_SEARCH, VIEW_MAP},
};

static const struct arrangement wide[VIEW_COUNT] = {
    [VIEW_MAP] = {SHAPE_COLUMN, 54, VIEW_MAP, VIEW_PROBES, VIEW_SEARCH, VIEW_COUNT},
    [VIEW_SEARCH] = {SHAPE_COLUMN, 54, VIEW_SEARCH, VIEW_PROBES, VIEW_MAP, VIEW_COUNT},
    [VIEW_PROBES] = {SHAPE_COLUMN, 58, VIEW_PROBES, VIEW_COMPARE, VIEW_SEARCH, VIEW_COUNT},
    [VIEW_COMPARE] = {SHAPE_COLUMN, 58, VIEW_COMPARE, VIEW_PROBES, VIEW_SEARCH, VIEW_COUNT},
};

static const struct arrangement medium[VIEW_COUNT] = {
    [VIEW_MAP] = {SHAPE_COLUMN, 53, VIEW_MAP, VIEW_PROBES, VIEW_SEARCH, VIEW_COUNT},
    [VIEW_SEARCH] = {SHAPE_PAIR, 53, VIEW_SEARCH, VIEW_PROBES, VIEW_COUNT, VIEW_COUNT},
    [VIEW_PROBES] = {SHAPE_STACK, 60, VIEW_PROBES, VIEW_COMPARE, VIEW_COUNT, VIEW_COUNT},
    [VIEW_COMPARE] = {SHAPE_STACK, 60, VIEW_COMPARE, VIEW_PROBES, VIEW_COUNT, VIEW_COUNT},
};

/* The focused view takes the last place if it has none. */
static struct arrangement with_focus(struct arrangement arrangement, enum view_id focus)
{
    if (focus == arrangement.big || focus == arrangement.second || focus == arrangement.third ||
        focus == arrangement.below)
        return arrangement;
    if (arrangement.third != VIEW_COUNT)
        arrangement.third = focus;
    else
        arrangement.second = focus;
    return arrangement;
}

/* The upper part of an area stays, the lower one is another's. */
static void divide(struct rect *upper, struct rect *lower, int upper_percent)
{
    int rows = upper->rows * upper_percent / 100;
    *lower = *upper;
    lower->row += rows;
    lower->rows -= rows;
    upper->rows = rows;
}

static void split(struct rect body, const struct arrangement *a, struct rect view[VIEW_COUNT])
{
    struct rect big = body, rest = body;
    if (a->shape == SHAPE_STACK) {
        big.rows = body.rows * a->big_percent / 100;
        rest.row += big.rows;
        rest.rows -= big.rows;
    } else {
        big.columns = body.columns * a->big_percent / 100;
        rest.column += big.columns;
        rest.columns -= big.columns;
    }
    view[a->big] = big;
    if (a->below != VIEW_COUNT)
        divide(&view[a->big], &view[a->below], 62);
    view[a->second] = rest;
    if (a->third == VIEW_COUNT)
        return;
    divide(&view[a->second], &view[a->third], 55);
}

static struct rect line(int row, int columns)
{
    return (struct rect){.row = row, .column = 0, .rows = 1, .columns = columns};
}

/* Lines around the body; returns the body. */
static struct rect place_lines(struct layout *layout, int rows, int columns)
{
    struct rect body = {.row = 0, .column = 0, .rows = rows - 1, .columns = columns};
    if (rows < 10 || columns < 40) {
        layout->readout = line(rows - 1, columns);
        if (rows < 5 || columns < 20)
            body.rows = 0;
        return body;
    }
    layout->tabs = line(0, columns);
    layout->readout = line(rows - 3, columns);
    layout->status = line(rows - 2, columns);
    layout->hints = line(rows - 1, columns);
    body.row = 1;
    body.rows = rows - 4;
    return body;
}

struct layout layout_of(const struct app *app)
{
    struct layout layout = {0};
    int rows = app->grid->rows, columns = app->grid->columns;
    if (rows < 1 || columns < 1)
        return layout;
    struct rect body = place_lines(&layout, rows, columns);
    if (body.rows < 1)
        return layout;
    bool detail = app->detail.open && app->focus == VIEW_PROBES;
    if (detail || app->maximised || rows < 24 || columns < 80) {
        layout.view[app->focus] = body;
        return layout;
    }
    const struct arrangement *table = columns >= 160 && rows >= 45 ? large
                                      : columns >= 120             ? wide
                                                                   : medium;
    struct arrangement arrangement = with_focus(table[app->screen], app->focus);
    split(body, &arrangement, layout.view);
    return layout;
}

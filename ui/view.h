/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/view.h - a view: one file ui/view_NAME.c that defines one table of
 * functions.
 *
 * [V1] draw changes nothing but the grid, stays inside its area, and works for
 *      every area from 1 x 1.
 */
#ifndef UI_VIEW_H
#define UI_VIEW_H

#include "ui/app.h"

enum motion {
    MOVE_UP,
    MOVE_DOWN,
    MOVE_LEFT,
    MOVE_RIGHT,
    MOVE_PAGE_UP,
    MOVE_PAGE_DOWN,
    MOVE_HALF_UP,
    MOVE_HALF_DOWN,
    MOVE_FIRST,
    MOVE_LAST,
    MOVE_LINE_START,
    MOVE_LINE_END,
};

struct view_ops {
    const char *name;  /* in command lines and help: "map" */
    const char *title; /* of its frame and tab: "Map" */
    /* Draw inside the area; focused: the cursor is here. */
    void (*draw)(struct app *app, struct rect area, bool focused);
    void (*move)(struct app *app, enum motion motion);
    /* Enter: deeper; false if there is nothing deeper. */
    bool (*enter)(struct app *app);
    /* Backspace, Esc, q: back; false if this is the top. */
    bool (*back)(struct app *app);
    /* Would back do something?  NULL: never. */
    bool (*has_back)(const struct app *app);
    /* One line about what is under the cursor, or nothing. */
    void (*readout)(struct app *app, struct buf *out);
};

extern const struct view_ops view_map;
extern const struct view_ops view_search;
extern const struct view_ops view_probes;
extern const struct view_ops view_compare;

/* By enum view_id. */
const struct view_ops *view_of(enum view_id id);

/* Where the views of the current screen go (layout.c): a pure function of size,
 * screen, focus and maximised.  Views that have no room get 0 rows. */
struct layout {
    struct rect tabs, readout, status, hints;
    struct rect view[VIEW_COUNT];
};
struct layout layout_of(const struct app *app);

/* ui/overlay.c: a list over the views; draws nothing where none is open. */
void overlay_draw(struct app *app, struct rect area);
/* Is the key one of the open list? */
bool overlay_key(struct app *app, key_code key);

/* ui/view_help.c: drawn over everything. */
void help_draw(struct app *app, struct rect area);
/* Lines over everything, until a key closes them; title is static. */
void page_open(struct app *app, const char *title, const char *text);
void page_draw(struct app *app, struct rect area);
void page_key(struct app *app, key_code key);

void help_key(struct app *app, key_code key);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The probes: the sets as tabs, a line of what became of the one that is shown, its
 * probes, and a line for each of its categories as far as there is room.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ui/view_int.h"

enum {
    SUMMARY_ROWS_MIN = 4, /* less room has the list only, and from two rows on the tabs */
    TITLES_ROWS_MIN = 6,
    CATEGORY_ROWS_MIN = 9,
    ROWS_PER_CATEGORY_LINE = 6,
};

/* ---- the list -------------------------------------------------------------------------- */

/* The place of the cursor's probe in the order. */
static int place_of(const size_t *order, size_t count, size_t probe)
{
    for (size_t i = 0; i < count; i++)
        if (order[i] == probe)
            return (int)i;
    return 0;
}

static void draw_list(struct app *app, struct rect list, const struct probe_widths *widths,
                      bool focused)
{
    size_t count = 0, *order = probes_order(app, app_probe_tab(app), &count);
    int first = view_first_line((int)count, list.rows, place_of(order, count, app->probe_cursor));
    for (int i = 0; i < list.rows && first + i < (int)count; i++)
        probes_draw_row(app, list, i, widths, order[first + i], focused);
    free(order);
}

/* Lines of categories at the end of the area, which is shortened by them. */
static void draw_categories(struct app *app, struct rect *area)
{
    enum role role = app_probe_tab(app);
    int count = (int)app->category_count[role];
    bool hidden = role == ROLE_HELDOUT && !app->heldout_asked;
    if (count < 2 || hidden || area->rows < CATEGORY_ROWS_MIN)
        return;
    int rows = area->rows / ROWS_PER_CATEGORY_LINE;
    rows = rows < 1 ? 1 : rows < count ? rows : count;
    area->rows -= rows;
    struct rect lines = {area->row + area->rows, area->column, rows, area->columns};
    probes_draw_categories(app, lines);
}

static void take_row(struct rect *area)
{
    area->row++;
    area->rows--;
}

/* Whatever the gaps say, what counts are the answers. */
static const char *frame_title(const struct app *app)
{
    if (!app->opened)
        return "Probes";
    return metric_note(app->metric) || metric_note(app->control_metric)
               ? "Probes: unsound signal, token_gap" : "Probes: gaps are a search signal";
}

static void probes_draw(struct app *app, struct rect area, bool focused)
{
    struct rect list = view_frame(app, area, frame_title(app), focused);
    struct rect detail = detail_split(app, &list);
    if (detail.rows > 0)
        detail_draw(app, detail, focused && app->detail.open);
    if (list.rows < 1)
        return;
    struct probe_widths widths = probes_widths(app, list.columns);
    int rows = list.rows;
    draw_categories(app, &list);
    if (rows >= 2) {
        probes_draw_tabs(app, list, 0);
        take_row(&list);
    }
    if (rows >= SUMMARY_ROWS_MIN) {
        probes_draw_summary(app, list, 0);
        take_row(&list);
    }
    if (rows >= TITLES_ROWS_MIN) {
        probes_draw_titles(app, list, 0, &widths);
        take_row(&list);
    }
    draw_list(app, list, &widths, focused && !app->detail.open);
}

/* ---- keys ------------------------------------------------------------------------------ */

static void move_by(struct app *app, int64_t by)
{
    size_t count = 0, *order = probes_order(app, app_probe_tab(app), &count);
    if (count > 0) {
        int64_t at = place_of(order, count, app->probe_cursor) + by, last = (int64_t)count - 1;
        at = at > last ? last : at;
        app->probe_cursor = order[at < 0 ? 0 : at];
        app->detail.scroll = 0;
    }
    free(order);
}

static void probes_move(struct app *app, enum motion motion)
{
    static const int by[] = {
        [MOVE_UP] = -1,       [MOVE_DOWN] = 1,       [MOVE_PAGE_UP] = -16,
        [MOVE_PAGE_DOWN] = 16, [MOVE_HALF_UP] = -8,  [MOVE_HALF_DOWN] = 8,
        [MOVE_FIRST] = -1000000, [MOVE_LAST] = 1000000, [MOVE_LINE_END] = 0,
    };
    bool sideways = motion == MOVE_LEFT || motion == MOVE_RIGHT;
    if (app->detail.open && sideways)
        move_by(app, motion == MOVE_LEFT ? -1 : 1);
    else if (app->detail.open)
        detail_scroll(app, by[motion]);
    else if (sideways)
        app_command(app, motion == MOVE_LEFT ? "tab previous" : "tab next");
    else
        move_by(app, by[motion]);
}

/* What is not known of it is measured, unless a search would be stopped for it, or it is
 * held out: then it has to be asked for. */
static void open_detail(struct app *app)
{
    const struct probe_state *probe = app_selected_probe(app);
    bool searching = app->job.running && app->job.type == JOB_STEP;
    app->detail.open = true;
    app->detail.scroll = 0;
    app->screen = VIEW_PROBES;
    if (probe->role != ROLE_HELDOUT && !searching && !detail_is_fresh(app, probe))
        app->post(app, &(struct job){.type = JOB_PROBE, .count = app->probe_cursor});
}

static bool probes_enter(struct app *app)
{
    if (!app_selected_probe(app))
        return false;
    if (!app->detail.open) {
        open_detail(app);
        return true;
    }
    app->detail.open = false;
    state_forget_prompt(app);
    app->screen = app->focus = VIEW_COMPARE;
    return true;
}

static bool probes_back(struct app *app)
{
    bool was_open = app->detail.open;
    app->detail.open = false;
    return was_open;
}

static bool probes_has_back(const struct app *app)
{
    return app->detail.open;
}

/* ---- the line below --------------------------------------------------------------------- */

/* "answer - BROKE", with what "~" in the table means. */
static void add_answer(const struct app *app, const struct answer *answer, struct buf *out)
{
    char text[64];
    if (!answer->known) {
        buf_add_text(out, "  not answered yet");
        return;
    }
    (void)probes_verdict_text(app, answer, text, sizeof(text));
    buf_add_format(out, "  answer %s", text);
    if (view_is_stale(app, answer->flip_count))
        buf_add_text(out, " of older flips");
}

static void add_gap(const struct probe_state *probe, struct buf *out)
{
    char text[64];
    if (!isfinite(probe->now))
        return;
    double change = probe->now - probe->before;
    (void)probes_change_text(probe, text, sizeof(text));
    buf_add_format(out, "  gap %+.2f \u2192 %+.2f  ", probe->before, probe->now);
    if (!probes_is_no_change(change))
        buf_add_text(out, text);
    else if (change > 0 || change < 0)
        buf_add_format(out, "%+.0e", change);
    else
        buf_add_text(out, "unchanged to the bit");
}

static void probes_readout(struct app *app, struct buf *out)
{
    static const char *const roles[] = {"target", "control", "held-out"};
    const struct probe_state *probe = app_selected_probe(app);
    if (!probe)
        return;
    buf_add_format(out, "%s %s", roles[probe->role], probe->probe->name);
    add_gap(probe, out);
    add_answer(app, &probe->answer, out);
    if (probe->note_count > 0)
        buf_add_format(out, "  audit %s", audit_code_name(probe->notes[0].code));
    buf_add_text(out, "  prompt ");
    buf_add_text(out, probe->probe->prompt);
}

const struct view_ops view_probes = {
    .name = "probes",
    .title = "Probes",
    .draw = probes_draw,
    .move = probes_move,
    .enter = probes_enter,
    .back = probes_back,
    .has_back = probes_has_back,
    .readout = probes_readout,
};

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The whole screen: tabs, views, and the three lines below them.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "src/base/text.h"
#include "ui/command.h"
#include "ui/prompt.h"
#include "ui/view_int.h"

const struct view_ops *view_of(enum view_id id)
{
    static const struct view_ops *const views[VIEW_COUNT] = {
        [VIEW_MAP] = &view_map,
        [VIEW_SEARCH] = &view_search,
        [VIEW_PROBES] = &view_probes,
        [VIEW_COMPARE] = &view_compare,
    };
    BUG_ON((size_t)id >= VIEW_COUNT);
    return views[id];
}

static const char *file_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "";
}

/* ---- tab bar -------------------------------------------------------------------- */

static int draw_tabs_left(struct app *app, struct rect line)
{
    int column = 0;
    for (int id = 0; id < VIEW_COUNT; id++) {
        bool active = id == (int)(app->maximised ? app->focus : app->screen);
        column = grid_format(app->grid, line, 0, column, active ? STYLE_TAB_ACTIVE : STYLE_TAB,
                             " %d %s ", id + 1, view_of((enum view_id)id)->title);
    }
    return column;
}

/* Model, flips and patch file, as much of it as there is room for. */
static void draw_tabs_right(struct app *app, struct rect line, int left)
{
    size_t flips = app->search.accepted_count;
    const char *name = app->model_name ? app->model_name : "opening";
    struct buf longer = {0}, shorter = {0};
    buf_add_format(&shorter, "%s  %zu flip%s ", name, flips, flips == 1 ? "" : "s");
    buf_add_format(&longer, "%s  %zu flip%s  %s ", name, flips, flips == 1 ? "" : "s",
                   app->read_only ? "read-only" : file_name(app->output));
    if (app->read_only) /* that is worth more room than the model's name */
        buf_clear(&shorter), buf_add_text(&shorter, "read-only ");
    const struct buf *text = &longer;
    if (left + 2 + grid_text_columns(text->data, text->len) > line.columns)
        text = &shorter;
    int used = grid_text_columns(text->data, text->len);
    if (left + 2 + used <= line.columns)
        (void)grid_text(app->grid, line, 0, line.columns - used, text->data, text->len, STYLE_TAB);
    buf_free(&longer);
    buf_free(&shorter);
}

static void draw_tabs(struct app *app, struct rect line)
{
    if (line.rows < 1)
        return;
    grid_fill(app->grid, line, (struct rect){0, 0, 1, line.columns}, ' ', STYLE_TAB);
    draw_tabs_right(app, line, draw_tabs_left(app, line));
}

/* ---- status line ------------------------------------------------------------------ */

static const char *job_word(enum job_type type)
{
    static const char *const words[] = {
        [JOB_STEP] = "search",     [JOB_TRY] = "try",         [JOB_KEEP] = "keep",
        [JOB_ACCEPT] = "accept",   [JOB_REJECT] = "reject",   [JOB_UNDO] = "undo",
        [JOB_REDO] = "redo",       [JOB_GOTO] = "go to step",
        [JOB_PATCH] = "open patch", [JOB_NAME] = "name",       [JOB_DIFF] = "compare",
        [JOB_ANSWERS] = "answers", [JOB_HELDOUT] = "held-out", [JOB_AUDIT] = "audit",
        [JOB_MAP] = "ranking all flips", [JOB_MEASURE] = "measuring the best",
        [JOB_PROBE] = "probe",     [JOB_TEXT] = "text",       [JOB_WRITE] = "write",
        [JOB_NOTE] = "note",       [JOB_NOTES] = "notes",
        [JOB_SHELL] = "shell",     [JOB_ABOUT] = "session",    [JOB_RENAME] = "session name",
    };
    return words[type];
}

/* "search 143/300  1.9 a second  1:22 left" */
static void job_text(const struct app *app, struct buf *out)
{
    const struct job_state *job = &app->job;
    buf_add_text(out, job->what[0] ? job->what : job_word(job->type));
    double begun = job->phase_started > 0 ? job->phase_started : job->started;
    double seconds = app->now - begun;
    double rate = seconds > 0 && job->done > job->phase_done
                      ? (double)(job->done - job->phase_done) / seconds
                      : 0;
    if (job->total > 0)
        buf_add_format(out, " %" PRIu64 "/%" PRIu64, job->done, job->total);
    else if (job->done > 0)
        buf_add_format(out, " %" PRIu64, job->done);
    if (rate > 0 && seconds >= 1)
        buf_add_format(out, "  %.*f/s", rate < 10 ? 1 : 0, rate);
    if (rate > 0 && seconds >= 1 && job->total > job->done) {
        buf_add_text(out, "  ");
        view_time_text(out, (double)(job->total - job->done) / rate);
        buf_add_text(out, " left");
    }
}

/* "[calculus] ", if the state that is on has a name. */
static void state_text(const struct app *app, struct buf *out)
{
    const char *name = app_state_name(app, app->search.step);
    if (!name)
        return;
    buf_add_text(out, "[");
    text_visible(out, name, strlen(name));
    buf_add_text(out, "] ");
}

/* The search in numbers; shorter ones for narrower screens, -1: the state's name alone. */
static void search_text(const struct app *app, int detail, struct buf *out)
{
    const struct search_state *search = &app->search;
    state_text(app, out);
    if (detail < 0)
        return;
    buf_add_format(out, "fitness %+.4f", search->fitness);
    if (detail >= 1) {
        buf_add_text(out, "  accepted ");
        view_accepted_text(app, "/", out);
    }
    if (detail >= 2 && search->tried > 0 && search->accepted_count <= search->tried)
        buf_add_format(out, " (%.1f %%)", view_accept_percent(app));
    if (detail >= 3 && !app->read_only)
        buf_add_format(out, "  patch: %s", file_name(app->output));
    buf_add_text(out, " ");
}

/* What goes on while no job runs; opening is not a job. */
static const char *idle_text(const struct app *app)
{
    if (!app->opened)
        return "opening the model ...";
    if (app->probe_count > app->heldout_count && isnan(app->probes[0].before) &&
        app->search.next_count == 0)
        return "measuring the probes before the search ...";
    bool fresh = app->search.tried == 0 && app->search.accepted_count == 0;
    return app->offer && fresh ? app->offer : "ready";
}

static int draw_status_left(struct app *app, struct rect line)
{
    struct buf text = {0};
    style_id style = STYLE_STATUS;
    if (app->message_is_error && app->message[0]) {
        style = STYLE_ERROR;
        buf_add_format(&text, " ! %s", app->message);
    } else if (app->job.running) {
        style = STYLE_PENDING;
        buf_add_text(&text, " \u25B6 ");
        job_text(app, &text);
    } else {
        style = app->message[0] ? STYLE_MESSAGE : STYLE_STATUS;
        buf_add_format(&text, " %s", app->message[0] ? app->message : idle_text(app));
    }
    int used = grid_text(app->grid, line, 0, 0, text.data, text.len, style);
    if (style == STYLE_PENDING && app->message[0])
        used = grid_format(app->grid, line, 0, used + 2, STYLE_MESSAGE, "%s", app->message);
    buf_free(&text);
    return used;
}

static void draw_status(struct app *app, struct rect line)
{
    if (line.rows < 1)
        return;
    grid_fill(app->grid, line, (struct rect){0, 0, 1, line.columns}, ' ', STYLE_STATUS);
    int left = draw_status_left(app, line);
    struct buf text = {0};
    for (int detail = app->opened ? 3 : -2; detail >= -1; detail--) {
        buf_clear(&text);
        search_text(app, detail, &text);
        int used = grid_text_columns(text.data, text.len);
        if (left + 2 + used <= line.columns) {
            (void)grid_text(app->grid, line, 0, line.columns - used, text.data, text.len,
                            STYLE_STATUS);
            break;
        }
    }
    buf_free(&text);
}

/* ---- all -------------------------------------------------------------------------------- */

static void draw_readout(struct app *app, struct rect line)
{
    if (line.rows < 1)
        return;
    struct buf text = {0};
    if (app->paused[0]) {
        buf_add_format(&text, "paused: %s; :w FILE saves the flips", app->paused);
        (void)grid_text(app->grid, line, 0, 0, text.data, text.len, STYLE_ERROR);
        buf_free(&text);
        return;
    }
    view_of(app->focus)->readout(app, &text);
    if (text.len > 0)
        (void)grid_text(app->grid, line, 0, line.columns > 20 ? 1 : 0, text.data, text.len,
                        STYLE_TEXT);
    buf_free(&text);
}

static void draw_opening(struct app *app)
{
    static const char text[] = "opening the model ...";
    struct rect all = {.rows = app->grid->rows, .columns = app->grid->columns};
    int column = (all.columns - (int)sizeof(text)) / 2;
    (void)grid_text(app->grid, all, all.rows / 2, column > 0 ? column : 0, text, sizeof(text) - 1,
                    STYLE_DIM);
}

static void draw_views(struct app *app, const struct layout *layout)
{
    for (int id = 0; id < VIEW_COUNT; id++) {
        struct rect area = layout->view[id];
        if (area.rows > 0 && area.columns > 0)
            view_of((enum view_id)id)->draw(app, area, id == (int)app->focus);
    }
}

static struct rect last_line(const struct grid *grid)
{
    return (struct rect){.row = grid->rows - 1, .rows = 1, .columns = grid->columns};
}

/* All above the status line, or all there is. */
static struct rect over_views(const struct app *app, const struct layout *layout)
{
    struct rect area = {.rows = app->grid->rows, .columns = app->grid->columns};
    if (layout->status.rows > 0 && layout->status.row > 2)
        area.rows = layout->status.row;
    return area;
}

void app_draw(struct app *app)
{
    struct grid *grid = app->grid;
    grid_clear(grid);
    grid->cursor_shown = false;
    if (grid->rows < 1 || grid->columns < 1)
        return;
    struct layout layout = layout_of(app);
    draw_tabs(app, layout.tabs);
    if (app->opened)
        draw_views(app, &layout);
    else
        draw_opening(app);
    if (app->opened)
        draw_readout(app, layout.readout);
    if (app->overlay != OVERLAY_NONE)
        overlay_draw(app, over_views(app, &layout));
    draw_status(app, layout.status);
    hints_draw(app, layout.hints);
    if (app->help_open)
        help_draw(app, (struct rect){.rows = grid->rows, .columns = grid->columns});
    if (app->page)
        page_draw(app, (struct rect){.rows = grid->rows, .columns = grid->columns});
    if (prompt_is_open())
        prompt_draw(grid, last_line(grid));
}

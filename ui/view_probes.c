/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The probes: targets, controls and held-out ones apart, each with its gap
 * before and now, the change in sign and word, what the last candidate did to
 * it, and what the greedy answer is worth.
 *
 * A list of lines: a heading per section, then its probes.  Narrow areas drop
 * columns: first the last try, then the baseline, then the gap now.  Held-out
 * probes have no gaps: their answers stand in those columns.  Where there is room
 * for it, the headings of all sections are seen whatever the list scrolls to.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"
#include "ui/view_int.h"

enum {
    ROLE_COUNT = 3,
    NAME_COLUMNS_MIN = 10,
    NAME_COLUMNS_GOOD = 18, /* comes before the columns of gaps as such */
    NAME_COLUMNS_MAX = 32,
    HELDOUT_ANSWER_COLUMNS = 7,
    PINNED_ROWS_MIN = 6, /* less room has only the heading of what is on top */
};

enum column { COLUMN_BEFORE, COLUMN_NOW, COLUMN_CHANGE, COLUMN_TRY, COLUMN_ANSWER, COLUMN_COUNT };

static const struct {
    const char *title;
    int width;
    int importance; /* the lowest is dropped first; names come before those up to 3 */
} columns[COLUMN_COUNT] = {
    [COLUMN_BEFORE] = {"before", 7, 2},       [COLUMN_NOW] = {"now", 7, 3},
    [COLUMN_CHANGE] = {"gap change", 12, 5}, [COLUMN_TRY] = {"last try", 8, 1},
    [COLUMN_ANSWER] = {"answer", 6, 4},
};

struct widths {
    int name;
    bool has[COLUMN_COUNT];
};

static int longest_name(const struct app *app)
{
    int longest = NAME_COLUMNS_MIN;
    for (size_t i = 0; i < probes_listed(app); i++) {
        const char *name = app->probes[i].probe->name;
        int used = grid_text_columns(name, strlen(name));
        longest = used > longest ? used : longest;
    }
    return longest > NAME_COLUMNS_MAX ? NAME_COLUMNS_MAX : longest;
}

/* By `wanted` columns, or as many as there is room for; returns how many. */
static int widen_name(struct widths *widths, int wanted, int room)
{
    int more = wanted < room ? wanted : room;
    more = more > 0 ? more : 0;
    widths->name += more;
    return more;
}

static struct widths widths_of(const struct app *app, int room)
{
    struct widths widths = {0};
    int more = longest_name(app) - NAME_COLUMNS_MIN, good = NAME_COLUMNS_GOOD - NAME_COLUMNS_MIN;
    widths.name = NAME_COLUMNS_MIN;
    room -= 2 + NAME_COLUMNS_MIN; /* mark of the cursor */
    for (int importance = COLUMN_COUNT; importance > 0; importance--) {
        if (importance == columns[COLUMN_NOW].importance)
            room -= widen_name(&widths, more < good ? more : good, room);
        for (int i = 0; i < COLUMN_COUNT; i++)
            if (columns[i].importance == importance && columns[i].width + 1 <= room) {
                widths.has[i] = true;
                room -= columns[i].width + 1;
            }
    }
    (void)widen_name(&widths, longest_name(app) - widths.name, room);
    return widths;
}

/* ---- lines: sections and their probes ----------------------------------------------------- */

struct line {
    bool is_section;
    enum role role;
    size_t probe;
};

static int line_count(const struct app *app)
{
    int count = (int)probes_listed(app);
    for (int role = 0; role < ROLE_COUNT; role++)
        count += probes_section_count(app, (enum role)role) > 0;
    return count;
}

static int line_of_probe(const struct app *app, size_t probe)
{
    int line = (int)probe;
    for (int role = 0; role < ROLE_COUNT; role++)
        line += probes_section_count(app, (enum role)role) > 0 &&
                probes_section_first(app, (enum role)role) <= probe;
    return line;
}

static struct line line_at(const struct app *app, int index)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        size_t count = probes_section_count(app, (enum role)role);
        bool shown = role != ROLE_HELDOUT || app->heldout_asked;
        if (count > 0 && index == 0)
            return (struct line){.is_section = true, .role = (enum role)role};
        if (count > 0)
            index--;
        size_t first = probes_section_first(app, (enum role)role);
        if (shown && (size_t)index < count)
            return (struct line){.role = (enum role)role, .probe = first + (size_t)index};
        index -= shown ? (int)count : 0;
    }
    return (struct line){.is_section = true, .role = ROLE_TARGET};
}

/* ---- one probe ------------------------------------------------------------------------------ */

static style_id change_style(const char *word)
{
    if (strcmp(word, "up") == 0 || strcmp(word, "won") == 0)
        return STYLE_GOOD;
    return strcmp(word, "down") == 0 || strcmp(word, "lost") == 0 ? STYLE_BAD : STYLE_DIM;
}

static const char *change_sign(double change, const char *word)
{
    return strcmp(word, "same") == 0 ? "=" : change > 0 ? "\u25B2" : "\u25BC";
}

static style_id change_text(const struct probe_state *probe, char *out, size_t size)
{
    const char *word = app_gap_word(probe);
    double change = probes_no_minus_zero(probe->now - probe->before);
    if (!isfinite(change)) {
        (void)snprintf(out, size, "-");
        return STYLE_DIM;
    }
    (void)snprintf(out, size, "%s %+5.2f %s", change_sign(change, word), change, word);
    return change_style(word);
}

static void gap_text(double gap, char *out, size_t size)
{
    if (isfinite(gap))
        (void)snprintf(out, size, "%+.2f", gap);
    else
        (void)snprintf(out, size, "-");
}

/* What the last candidate did, against the flips it was tried with. */
static double try_change(const struct app *app, const struct probe_state *probe)
{
    bool on = app->search.has_last && app->search.last.accepted;
    return probes_no_minus_zero(probe->candidate - (on ? probe->previous : probe->now));
}

static style_id answer_text(const struct app *app, const struct answer *answer, char *out,
                            size_t size)
{
    static const char *const words[] = {
        [VERDICT_FIXED] = "fixed",
        [VERDICT_BROKE] = "BROKE",
        [VERDICT_STAYED_RIGHT] = "right",
        [VERDICT_STAYED_WRONG] = "wrong",
    };
    static const style_id styles[] = {
        [VERDICT_FIXED] = STYLE_GOOD,
        [VERDICT_BROKE] = STYLE_BAD,
        [VERDICT_STAYED_RIGHT] = STYLE_TEXT,
        [VERDICT_STAYED_WRONG] = STYLE_DIM,
    };
    if (!answer->known) {
        (void)snprintf(out, size, "-");
        return STYLE_DIM;
    }
    enum verdict verdict = verdict_of(answer->right_base, answer->right_now);
    bool stale = view_is_stale(app, answer->flip_count);
    (void)snprintf(out, size, "%s%s", words[verdict], stale ? "~" : "");
    return stale ? STYLE_STALE : styles[verdict];
}

static style_id cell_text(const struct app *app, const struct probe_state *probe, int column,
                          char *out, size_t size)
{
    switch ((enum column)column) {
    case COLUMN_BEFORE:
        gap_text(probe->before, out, size);
        return STYLE_DIM;
    case COLUMN_NOW:
        gap_text(probe->now, out, size);
        return STYLE_TEXT;
    case COLUMN_CHANGE:
        return change_text(probe, out, size);
    case COLUMN_TRY:
        gap_text(try_change(app, probe), out, size);
        return STYLE_DIM;
    case COLUMN_ANSWER:
        return answer_text(app, &probe->answer, out, size);
    case COLUMN_COUNT:
        break;
    }
    out[0] = '\0';
    return STYLE_TEXT;
}

/* Of an answer; newlines would be shown as signs. */
static void add_first_line(const char *text, struct buf *out)
{
    text += strspn(text, " \n");
    buf_add(out, text, strcspn(text, "\n"));
}

/* Names that do not fit lose their middle: their ends tell them apart. */
static void name_text(const char *name, int width, struct buf *out)
{
    size_t len = strlen(name), points = text_columns(name, len);
    size_t keep = width > 4 ? (size_t)width - 1 : points, index = 0;
    if (points <= (size_t)width || keep >= points) {
        buf_add(out, name, len);
        return;
    }
    size_t cut_from = keep / 2, cut_to = points - (keep - keep / 2);
    for (size_t at = 0; at < len; index++) {
        uint32_t point = 0;
        size_t size = text_decode(name + at, len - at, &point);
        size = size ? size : 1;
        if (index < cut_from || index >= cut_to)
            buf_add(out, name + at, size);
        else if (index == cut_from)
            buf_add_text(out, "\u2026");
        at += size;
    }
}

/* What it is worth, and what was said: "fixed   51. -> 50." */
static void draw_heldout_cells(struct app *app, struct rect area, int row, int at,
                               const struct answer *answer, bool lit)
{
    char text[64];
    style_id style = answer_text(app, answer, text, sizeof(text));
    at = view_cell(app, area, row, at + 1, HELDOUT_ANSWER_COLUMNS, lit ? STYLE_SELECTED : style,
                   text);
    if (!answer->known || !answer->base || !answer->now)
        return;
    struct buf said = {0};
    bool same = strcmp(answer->base, answer->now) == 0;
    add_first_line(answer->base, &said);
    if (!same) {
        buf_add_text(&said, " \u2192 ");
        add_first_line(answer->now, &said);
    }
    (void)view_cell(app, area, row, at + 1, area.columns - at - 1,
                    lit ? STYLE_SELECTED : same ? STYLE_DIM : STYLE_TEXT,
                    said.data ? said.data : "");
    buf_free(&said);
}

static void draw_cells(struct app *app, struct rect area, int row, const struct widths *widths,
                       int at, const struct probe_state *probe, bool lit)
{
    for (int i = 0; i < COLUMN_COUNT; i++) {
        char text[64];
        style_id style = cell_text(app, probe, i, text, sizeof(text));
        if (!widths->has[i])
            continue;
        bool words = i == COLUMN_CHANGE || i == COLUMN_ANSWER;
        at = (words ? view_cell : view_cell_right)(app, area, row, at + 1, columns[i].width,
                                                   lit ? STYLE_SELECTED : style, text);
    }
}

static void draw_probe(struct app *app, struct rect area, int row, const struct widths *widths,
                       size_t index, bool focused)
{
    const struct probe_state *probe = &app->probes[index];
    bool here = index == app->probe_cursor;
    bool lit = here && focused;
    if (lit)
        grid_fill(app->grid, area, (struct rect){row, 0, 1, area.columns}, ' ', STYLE_SELECTED);
    (void)view_cell(app, area, row, 0, 1, lit ? STYLE_SELECTED : STYLE_TEXT, here ? ">" : " ");
    struct buf name = {0};
    name_text(probe->probe->name, widths->name, &name);
    int at = view_cell(app, area, row, 2, widths->name, lit ? STYLE_SELECTED : STYLE_TEXT,
                       name.len > 0 ? name.data : "");
    buf_free(&name);
    if (probe->role == ROLE_HELDOUT)
        draw_heldout_cells(app, area, row, at, &probe->answer, lit);
    else
        draw_cells(app, area, row, widths, at, probe, lit);
    if (lit)
        grid_cursor(app->grid, area, row, 0);
}

static void draw_titles(struct app *app, struct rect area, const struct widths *widths,
                        bool of_heldout)
{
    int at = view_cell(app, area, 0, 2, widths->name, STYLE_DIM, "probe");
    if (of_heldout) {
        at = view_cell(app, area, 0, at + 1, HELDOUT_ANSWER_COLUMNS, STYLE_DIM, "answer");
        (void)view_cell(app, area, 0, at + 1, area.columns - at - 1, STYLE_DIM,
                        area.columns - at > 14 ? "before \u2192 after" : "said");
        return;
    }
    for (int i = 0; i < COLUMN_COUNT; i++) {
        bool words = i == COLUMN_CHANGE || i == COLUMN_ANSWER;
        if (widths->has[i])
            at = (words ? view_cell : view_cell_right)(app, area, 0, at + 1, columns[i].width,
                                                       STYLE_DIM, columns[i].title);
    }
}

/* ---- the view ---------------------------------------------------------------------------- */

/* The lines that scroll, and headings pinned above and below them. */
struct window {
    int first, rows;
    int above, below; /* headings */
};

static int line_of_heading(const struct app *app, int role)
{
    return line_of_probe(app, probes_section_first(app, (enum role)role)) - 1;
}

/* Headings outside the lines from first on are pinned. */
static void count_pinned(const struct app *app, struct window *window)
{
    window->above = window->below = 0;
    for (int role = 0; role < ROLE_COUNT; role++) {
        int line = line_of_heading(app, role);
        bool some = probes_section_count(app, (enum role)role) > 0;
        window->above += some && line < window->first;
        window->below += some && line >= window->first + window->rows;
    }
}

/* Pinned headings take rows from the lines, which may pin more headings. */
static struct window window_of(const struct app *app, int rows)
{
    struct window window = {.rows = rows};
    int count = line_count(app), cursor = line_of_probe(app, app->probe_cursor);
    window.first = view_first_line(count, rows, cursor);
    for (int i = 0; rows >= PINNED_ROWS_MIN && i < ROLE_COUNT; i++) {
        count_pinned(app, &window);
        int pinned = window.above + window.below;
        if (window.rows + pinned <= rows)
            break;
        window.rows = rows - pinned;
        window.first = view_first_line(count, window.rows, cursor);
    }
    if (rows >= PINNED_ROWS_MIN)
        count_pinned(app, &window);
    return window;
}

/* Those above are the first sections, those below the last. */
static void draw_pinned(struct app *app, struct rect list, const struct window *window)
{
    int above = 0, below = window->below;
    for (int role = 0; role < ROLE_COUNT; role++)
        if (probes_section_count(app, (enum role)role) > 0 && above < window->above)
            probes_draw_heading(app, list, above++, (enum role)role);
    for (int role = ROLE_COUNT - 1; role >= 0; role--)
        if (probes_section_count(app, (enum role)role) > 0 && below > 0)
            probes_draw_heading(app, list, list.rows - 1 - (window->below - below--),
                                (enum role)role);
}

static void draw_list(struct app *app, struct rect list, const struct widths *widths,
                      bool focused)
{
    struct window window = window_of(app, list.rows);
    int count = line_count(app);
    for (int i = 0; i < window.rows && window.first + i < count; i++) {
        struct line line = line_at(app, window.first + i);
        if (i == 0 && list.rows >= 4 && list.rows < PINNED_ROWS_MIN)
            line.is_section = true; /* the heading stays when its probes scroll */
        if (line.is_section)
            probes_draw_heading(app, list, window.above + i, line.role);
        else
            draw_probe(app, list, window.above + i, widths, line.probe, focused);
    }
    draw_pinned(app, list, &window);
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
    struct rect inside = view_frame(app, area, frame_title(app), focused);
    struct widths widths = widths_of(app, inside.columns);
    struct rect list = inside;
    if (inside.rows >= 5) {
        const struct probe_state *probe = app_selected_probe(app);
        draw_titles(app, inside, &widths, probe && probe->role == ROLE_HELDOUT);
        list.row++;
        list.rows--;
    }
    draw_list(app, list, &widths, focused);
}

static void probes_move(struct app *app, enum motion motion)
{
    static const int by[] = {
        [MOVE_UP] = -1,       [MOVE_DOWN] = 1,       [MOVE_PAGE_UP] = -16,
        [MOVE_PAGE_DOWN] = 16, [MOVE_HALF_UP] = -8,  [MOVE_HALF_DOWN] = 8,
        [MOVE_FIRST] = -1000000, [MOVE_LAST] = 1000000, [MOVE_LINE_END] = 0,
    };
    int64_t at = (int64_t)app->probe_cursor + by[motion], last = (int64_t)probes_listed(app) - 1;
    at = at > last ? last : at;
    app->probe_cursor = at < 0 ? 0 : (size_t)at;
}

static bool probes_enter(struct app *app)
{
    if (!app_selected_probe(app))
        return false;
    state_forget_prompt(app);
    app->screen = app->focus = VIEW_COMPARE;
    return true;
}

static bool probes_back(struct app *app)
{
    (void)app;
    return false;
}

/* "answer BROKE", with what "~" in the table means. */
static void add_answer(const struct app *app, const struct answer *answer, struct buf *out)
{
    char text[64];
    if (!answer->known) {
        buf_add_text(out, "  not answered yet");
        return;
    }
    (void)answer_text(app, answer, text, sizeof(text));
    buf_add_format(out, "  answer %s", text);
    if (view_is_stale(app, answer->flip_count))
        buf_add_text(out, " of older flips");
}

static void probes_readout(struct app *app, struct buf *out)
{
    const struct probe_state *probe = app_selected_probe(app);
    char text[64];
    if (!probe)
        return;
    buf_add_format(out, "%s %s", probe->role == ROLE_TARGET    ? "target"
                                 : probe->role == ROLE_CONTROL ? "control"
                                                               : "held-out",
                   probe->probe->name);
    if (isfinite(probe->now)) {
        (void)change_text(probe, text, sizeof(text));
        buf_add_format(out, "  gap %+.2f \u2192 %+.2f  %s", probe->before, probe->now, text);
    }
    add_answer(app, &probe->answer, out);
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
    .readout = probes_readout,
};

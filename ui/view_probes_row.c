/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One probe in columns: name, what the audit found (a letter each), its gap before and
 * now, the change in sign and word, what the last candidate did to it, and what became of
 * the greedy answer.
 *
 * Narrow areas drop columns: first the last try, then the baseline, then the gap now.
 * Held-out probes have no gaps: their answers stand in those columns.  What was measured
 * with other flips than are on has a "~" behind it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"
#include "ui/view_int.h"

enum {
    NAME_COLUMNS_MIN = 10,
    NAME_COLUMNS_GOOD = 18, /* comes before the columns of gaps as such */
    NAME_COLUMNS_MAX = 32,
    HELDOUT_ANSWER_COLUMNS = 8,
    BADGE_COLUMNS = 4,
};

static const struct {
    const char *title;
    int width;
    int importance; /* the lowest is dropped first; names come before those up to 3 */
} columns[PROBE_COUNT] = {
    [PROBE_BADGE] = {"", BADGE_COLUMNS, 4},    [PROBE_BEFORE] = {"base", 7, 2},
    [PROBE_NOW] = {"now", 7, 3},               [PROBE_CHANGE] = {"gap signal", 12, 5},
    [PROBE_TRY] = {"last try", 8, 1},          [PROBE_ANSWER] = {"answer", 8, 6},
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
static int widen_name(struct probe_widths *widths, int wanted, int room)
{
    int more = wanted < room ? wanted : room;
    more = more > 0 ? more : 0;
    widths->name += more;
    return more;
}

/* Badges take no room before there are any. */
static bool is_wanted(const struct app *app, int column, int importance)
{
    return columns[column].importance == importance && (column != PROBE_BADGE || app->audited);
}

struct probe_widths probes_widths(const struct app *app, int room)
{
    struct probe_widths widths = {0};
    int more = longest_name(app) - NAME_COLUMNS_MIN, good = NAME_COLUMNS_GOOD - NAME_COLUMNS_MIN;
    widths.name = NAME_COLUMNS_MIN;
    room -= 2 + NAME_COLUMNS_MIN; /* mark of the cursor */
    for (int importance = PROBE_COUNT; importance > 0; importance--) {
        if (importance == columns[PROBE_NOW].importance)
            room -= widen_name(&widths, more < good ? more : good, room);
        for (int i = 0; i < PROBE_COUNT; i++)
            if (is_wanted(app, i, importance) && columns[i].width + 1 <= room) {
                widths.has[i] = true;
                room -= columns[i].width + 1;
            }
    }
    (void)widen_name(&widths, longest_name(app) - widths.name, room);
    return widths;
}

/* ---- what the audit found ----------------------------------------------------------- */

char probes_badge(const struct probe_note *note)
{
    static const char letters[AUDIT_CODE_COUNT] = {
        [AUDIT_DEAD_PAIR] = 'D',      [AUDIT_NO_DISTRACTOR] = 'O',
        [AUDIT_UNANSWERABLE] = 'U',   [AUDIT_WRONG_COUNTS_RIGHT] = 'A',
        [AUDIT_LONG_ANSWER] = 'L',    [AUDIT_SEVERAL_TOKENS] = 'M',
        [AUDIT_BARE_SPACE] = 'S',     [AUDIT_MERGED] = 'G',
        [AUDIT_WEAK_DISTRACTOR] = 'C', [AUDIT_ALREADY_RIGHT] = 'R',
        [AUDIT_CONTROL_WRONG] = 'W',  [AUDIT_DUPLICATE] = 'P',
        [AUDIT_NEAR_DUPLICATE] = 'N', [AUDIT_SAME_CONTRAST] = 'T',
        [AUDIT_TRAILING_SPACE] = 'B',
    };
    char letter = letters[note->code];
    return note->severity == AUDIT_NOTE ? (char)(letter - 'A' + 'a') : letter;
}

style_id probes_badge_style(enum audit_severity severity)
{
    return severity == AUDIT_FATAL     ? STYLE_BAD
           : severity == AUDIT_WARNING ? STYLE_PENDING
                                       : STYLE_DIM;
}

/* "!D" of a fatal one; the last place says that there are more. */
static style_id badge_text(const struct probe_state *probe, char *out)
{
    size_t at = 0;
    bool fatal = probe->note_count > 0 && probe->notes[0].severity == AUDIT_FATAL;
    if (fatal)
        out[at++] = '!';
    for (size_t i = 0; i < probe->note_count && at < BADGE_COLUMNS; i++) {
        bool more = at + 1 == BADGE_COLUMNS && i + 1 < probe->note_count;
        out[at++] = more ? '+' : probes_badge(&probe->notes[i]);
    }
    out[at] = '\0';
    return probe->note_count > 0 ? probes_badge_style(probe->notes[0].severity) : STYLE_DIM;
}

/* ---- one probe ---------------------------------------------------------------------- */

static style_id change_style(const char *word)
{
    if (strcmp(word, "up") == 0 || strcmp(word, "won") == 0)
        return STYLE_GOOD;
    return strcmp(word, "down") == 0 || strcmp(word, "lost") == 0 ? STYLE_BAD : STYLE_DIM;
}

style_id probes_change_text(const struct probe_state *probe, char *out, size_t size)
{
    const char *word = app_gap_word(probe);
    double change = probe->now - probe->before;
    if (!isfinite(change))
        (void)snprintf(out, size, "-");
    else if (probes_is_no_change(change) && strcmp(word, "same") == 0)
        (void)snprintf(out, size, "\u00B7");
    else
        (void)snprintf(out, size, "%s %+5.2f %s", change > 0 ? "\u25B2" : "\u25BC", change, word);
    return isfinite(change) ? change_style(word) : STYLE_DIM;
}

static void gap_text(double gap, char *out, size_t size)
{
    if (isfinite(gap))
        (void)snprintf(out, size, "%+.2f", gap);
    else
        (void)snprintf(out, size, "-");
}

/* What the last candidate did, against the flips it was tried with. */
static style_id try_text(const struct app *app, const struct probe_state *probe, char *out,
                         size_t size)
{
    const struct search_state *search = &app->search;
    bool on = search->has_last && search->last.accepted;
    double change = probe->candidate - (on ? probe->previous : probe->now);
    bool stale = search->last_flips != search->accepted_count - (on ? 1 : 0);
    if (!isfinite(change) || stale)
        (void)snprintf(out, size, "%s", stale && isfinite(change) ? "~" : "-");
    else if (probes_is_no_change(change))
        (void)snprintf(out, size, "\u00B7");
    else
        (void)snprintf(out, size, "%+.2f", change);
    return stale ? STYLE_STALE : STYLE_DIM;
}

style_id probes_verdict_text(const struct app *app, const struct answer *answer, char *out,
                             size_t size)
{
    static const char *const words[] = {
        [VERDICT_FIXED] = "+ fixed",
        [VERDICT_BROKE] = "- BROKE",
        [VERDICT_STAYED_RIGHT] = "= right",
        [VERDICT_STAYED_WRONG] = "\u00D7 wrong",
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
    switch ((enum probe_column)column) {
    case PROBE_BADGE:
        return badge_text(probe, out);
    case PROBE_BEFORE:
        gap_text(probe->before, out, size);
        return STYLE_DIM;
    case PROBE_NOW:
        gap_text(probe->now, out, size);
        return STYLE_TEXT;
    case PROBE_CHANGE:
        return probes_change_text(probe, out, size);
    case PROBE_TRY:
        return try_text(app, probe, out, size);
    case PROBE_ANSWER:
        return probes_verdict_text(app, &probe->answer, out, size);
    case PROBE_COUNT:
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
                               const struct probe_state *probe, bool lit)
{
    char text[64];
    const struct answer *answer = &probe->answer;
    if (app->audited) {
        style_id badge = badge_text(probe, text);
        at = view_cell(app, area, row, at + 1, BADGE_COLUMNS, lit ? STYLE_SELECTED : badge, text);
    }
    style_id style = probes_verdict_text(app, answer, text, sizeof(text));
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

static bool is_words(int column)
{
    return column == PROBE_CHANGE || column == PROBE_ANSWER || column == PROBE_BADGE;
}

static void draw_cells(struct app *app, struct rect area, int row,
                       const struct probe_widths *widths, int at,
                       const struct probe_state *probe, bool lit)
{
    for (int i = 0; i < PROBE_COUNT; i++) {
        char text[64];
        style_id style = cell_text(app, probe, i, text, sizeof(text));
        if (!widths->has[i])
            continue;
        bool words = is_words(i);
        at = (words ? view_cell : view_cell_right)(app, area, row, at + 1, columns[i].width,
                                                   lit ? STYLE_SELECTED : style, text);
    }
}

void probes_draw_row(struct app *app, struct rect area, int row,
                     const struct probe_widths *widths, size_t index, bool focused)
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
        draw_heldout_cells(app, area, row, at, probe, lit);
    else
        draw_cells(app, area, row, widths, at, probe, lit);
    if (lit)
        grid_cursor(app->grid, area, row, 0);
}

static void draw_heldout_titles(struct app *app, struct rect area, int row, int at)
{
    at += app->audited ? 1 + BADGE_COLUMNS : 0;
    at = view_cell(app, area, row, at + 1, HELDOUT_ANSWER_COLUMNS, STYLE_DIM, "answer");
    (void)view_cell(app, area, row, at + 1, area.columns - at - 1, STYLE_DIM,
                    area.columns - at > 14 ? "before \u2192 after" : "said");
}

void probes_draw_titles(struct app *app, struct rect area, int row,
                        const struct probe_widths *widths)
{
    int at = view_cell(app, area, row, 2, widths->name, STYLE_DIM, "probe");
    if (app_probe_tab(app) == ROLE_HELDOUT) {
        draw_heldout_titles(app, area, row, at);
        return;
    }
    for (int i = 0; i < PROBE_COUNT; i++)
        if (widths->has[i])
            at = (is_words(i) ? view_cell : view_cell_right)(
                app, area, row, at + 1, columns[i].width, STYLE_DIM, columns[i].title);
}

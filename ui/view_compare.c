/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Before and after: a prompt, and what the model says to it without and with the
 * accepted flips, side by side (from 60 columns; else one below the other).
 *
 * From the first character that differs on, both texts are in STYLE_DIFF; the
 * line below them says in words where that is.  Control characters are shown as
 * escapes, a line of the text ends where its newline is shown.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/text.h"
#include "ui/view_int.h"

enum { SIDE_BY_SIDE_MIN = 60, LABEL_COLUMNS = 10 };

/* What is compared: a probe's answers or the text that a person typed. */
struct subject {
    const char *prompt;
    const struct probe_state *probe; /* NULL: typed */
    const char *base, *now;
    bool known, stale;
};

static struct subject subject_of(struct app *app)
{
    const struct compare_state *compare = &app->compare;
    if (compare->prompt)
        return (struct subject){.prompt = compare->prompt,
                                .base = compare->base,
                                .now = compare->now,
                                .known = compare->known && compare->base && compare->now,
                                .stale = view_is_stale(app, compare->flip_count)};
    const struct probe_state *probe = app_selected_probe(app);
    if (!probe)
        return (struct subject){0};
    const struct answer *answer = &probe->answer;
    return (struct subject){.prompt = probe->probe->prompt,
                            .probe = probe,
                            .base = answer->base,
                            .now = answer->now,
                            .known = answer->known && answer->base && answer->now,
                            .stale = view_is_stale(app, answer->flip_count)};
}

/* ---- wrapped text ------------------------------------------------------------------- */

static size_t char_bytes(const char *text, size_t len)
{
    uint32_t point = 0;
    size_t size = text_decode(text, len, &point);
    return size ? size : 1;
}

/* Bytes before the first character that differs. */
static size_t first_difference(const char *a, const char *b, size_t *characters)
{
    size_t at = 0;
    *characters = 0;
    while (a[at] && b[at]) {
        size_t size = char_bytes(a + at, strlen(a + at));
        if (strncmp(a + at, b + at, size) != 0)
            break;
        at += size;
        ++*characters;
    }
    return at;
}

/* Draw text into the area, wrapped, without its first `skip` lines; bytes from
 * `differs` on are STYLE_DIFF.  Returns how many lines it has in all. */
static int draw_wrapped(struct app *app, struct rect area, const char *text, int skip,
                        size_t differs)
{
    size_t len = strlen(text);
    int row = 0, column = 0;
    for (size_t at = 0; at < len;) {
        size_t size = char_bytes(text + at, len - at);
        int used = grid_text_columns(text + at, size);
        if (column > 0 && column + used > area.columns) {
            row++;
            column = 0;
        }
        if (row >= skip && row - skip < area.rows)
            (void)grid_text(app->grid, area, row - skip, column, text + at, size,
                            at >= differs ? STYLE_DIFF : STYLE_TEXT);
        column += used;
        if (text[at] == '\n' && at + size < len) {
            row++;
            column = 0;
        }
        at += size;
    }
    return row + 1;
}

/* ---- one side -------------------------------------------------------------------------- */

static void draw_side_title(struct app *app, struct rect area, const struct subject *subject,
                            bool is_now)
{
    int column = grid_format(app->grid, area, 0, 0, STYLE_TITLE, "%s", is_now ? "after" : "before");
    if (subject->probe) {
        bool right = is_now ? subject->probe->answer.right_now : subject->probe->answer.right_base;
        column = grid_format(app->grid, area, 0, column + 2, right ? STYLE_GOOD : STYLE_BAD, "%s",
                             right ? "\u2713 right" : "\u00D7 wrong");
    }
    if (is_now && subject->stale)
        column = view_piece(app, area, 0, column + 2, STYLE_STALE, "~ stale");
    if (is_now && subject->stale)
        (void)view_piece(app, area, 0, column, STYLE_STALE, ": flips changed");
}

static void draw_side(struct app *app, struct rect area, const struct subject *subject,
                      bool is_now, size_t differs)
{
    const char *text = is_now ? subject->now : subject->base;
    struct rect body = {area.row + 1, area.column, area.rows - 1, area.columns};
    if (area.rows < 1 || area.columns < 1)
        return;
    draw_side_title(app, area, subject, is_now);
    if (body.rows < 1)
        return;
    if (text[0])
        (void)draw_wrapped(app, body, text, app->compare.scroll, differs);
    else
        (void)grid_format(app->grid, body, 0, 0, STYLE_DIM, "(nothing)");
}

/* ---- around the sides -------------------------------------------------------------------- */

/* The prompt, the expected answer; returns the rows used. */
static int draw_question(struct app *app, struct rect area, const struct subject *subject)
{
    struct rect text = {area.row, area.column + LABEL_COLUMNS, area.rows,
                        area.columns - LABEL_COLUMNS};
    if (text.columns < 8)
        text = area;
    else
        (void)grid_format(app->grid, area, 0, 0, STYLE_DIM, "prompt");
    int most = area.rows / 4 > 0 ? area.rows / 4 : 1;
    text.rows = most < text.rows ? most : text.rows;
    int rows = draw_wrapped(app, text, subject->prompt, 0, SIZE_MAX);
    if (rows > most)
        rows = most;
    if (!subject->probe || area.rows < 6)
        return rows;
    (void)grid_format(app->grid, area, rows, 0, STYLE_DIM, "expected");
    (void)view_cell(app, area, rows, LABEL_COLUMNS, area.columns - LABEL_COLUMNS, STYLE_TEXT,
                    subject->probe->probe->correct);
    return rows + 1;
}

static void draw_unknown(struct app *app, struct rect area, int row, const struct subject *subject)
{
    struct buf text = {0};
    if (subject->probe) {
        bool heldout = subject->probe->role == ROLE_HELDOUT;
        buf_add_text(&text, "not answered yet: ");
        view_key_of(heldout ? "heldout" : "answers", &text);
        buf_add_text(&text, " asks the model");
    } else {
        buf_add_text(&text, "the model is being asked ...");
    }
    (void)view_cell(app, area, row, 0, area.columns, STYLE_DIM, text.data);
    buf_free(&text);
}

static void draw_verdict(struct app *app, struct rect area, const struct subject *subject,
                         size_t character)
{
    if (strcmp(subject->base, subject->now) == 0)
        (void)grid_format(app->grid, area, area.rows - 1, 0, STYLE_DIM,
                          "= both texts are the same");
    else
        (void)grid_format(app->grid, area, area.rows - 1, 0, STYLE_DIFF,
                          "\u2260 different from character %zu on", character + 1);
}

static void draw_sides(struct app *app, struct rect area, const struct subject *subject)
{
    size_t character = 0;
    size_t differs = first_difference(subject->base, subject->now, &character);
    struct rect base = area, now = area;
    if (area.rows >= (area.columns >= SIDE_BY_SIDE_MIN ? 4 : 6)) {
        draw_verdict(app, area, subject, character);
        base.rows = now.rows = area.rows - 1;
    }
    if (area.columns >= SIDE_BY_SIDE_MIN) {
        base.columns = area.columns / 2 - 1;
        now.column += base.columns + 2;
        now.columns = area.columns - base.columns - 2;
    } else {
        struct rect none = {.columns = area.columns};
        int needed = 2 + draw_wrapped(app, none, subject->base, 0, SIZE_MAX);
        base.rows = base.rows / 2 < needed ? base.rows / 2 : needed;
        now.row += base.rows;
        now.rows -= base.rows;
    }
    draw_side(app, base, subject, false, differs);
    draw_side(app, now, subject, true, differs);
}

static void compare_draw(struct app *app, struct rect area, bool focused)
{
    struct rect inside = view_frame(app, area, "Compare: before and after the flips", focused);
    struct subject subject = subject_of(app);
    if (!subject.prompt) {
        (void)view_cell(app, inside, 0, 0, inside.columns, STYLE_DIM, "no probe is selected");
        return;
    }
    int row = draw_question(app, inside, &subject);
    if (focused)
        grid_cursor(app->grid, inside, 0, 0);
    row += inside.rows - row >= 5 ? 1 : 0;
    struct rect rest = {inside.row + row, inside.column, inside.rows - row, inside.columns};
    if (!subject.known)
        draw_unknown(app, inside, row, &subject);
    else if (rest.rows > 0)
        draw_sides(app, rest, &subject);
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* Lines that the longer text can have at most: one per character. */
static int scroll_max(struct app *app)
{
    struct subject subject = subject_of(app);
    if (!subject.known)
        return 0;
    size_t lines = 0;
    for (const char *text = subject.now; *text; text++)
        lines += *text == '\n';
    size_t wrapped = strlen(subject.now) / 24;
    return (int)(lines + wrapped < 10000 ? lines + wrapped : 10000);
}

static void compare_move(struct app *app, enum motion motion)
{
    static const int by[] = {
        [MOVE_UP] = -1,      [MOVE_DOWN] = 1,      [MOVE_PAGE_UP] = -8,     [MOVE_PAGE_DOWN] = 8,
        [MOVE_HALF_UP] = -4, [MOVE_HALF_DOWN] = 4, [MOVE_FIRST] = -1000000, [MOVE_LAST] = 1000000,
        [MOVE_LINE_END] = 0,
    };
    int at = app->compare.scroll + by[motion], last = scroll_max(app);
    at = at > last ? last : at;
    app->compare.scroll = at < 0 ? 0 : at;
}

static bool compare_enter(struct app *app)
{
    (void)app;
    return false;
}

/* From a typed text to the selected probe, from there to the list of probes. */
static bool compare_back(struct app *app)
{
    if (app->compare.prompt) {
        state_forget_prompt(app);
        return true;
    }
    if (app->screen != VIEW_COMPARE)
        return false;
    app->screen = app->focus = VIEW_PROBES;
    return true;
}

static bool compare_has_back(const struct app *app)
{
    return app->compare.prompt || app->screen == VIEW_COMPARE;
}

/* How the answers to a typed text relate, and whether they are of these flips. */
static void typed_readout(const struct subject *subject, struct buf *out)
{
    size_t character = 0;
    buf_add_text(out, "typed text: ");
    if (!subject->known) {
        buf_add_text(out, "not answered yet");
        return;
    }
    (void)first_difference(subject->base, subject->now, &character);
    if (strcmp(subject->base, subject->now) == 0)
        buf_add_text(out, "the same before and after");
    else
        buf_add_format(out, "differs from character %zu on", character + 1);
    if (subject->stale)
        buf_add_text(out, "  ~ stale: the flips have changed since");
}

static void compare_readout(struct app *app, struct buf *out)
{
    struct subject subject = subject_of(app);
    if (!subject.prompt)
        return;
    if (subject.probe)
        view_probes.readout(app, out);
    else
        typed_readout(&subject, out);
}

const struct view_ops view_compare = {
    .name = "compare",
    .title = "Compare",
    .draw = compare_draw,
    .move = compare_move,
    .enter = compare_enter,
    .back = compare_back,
    .has_back = compare_has_back,
    .readout = compare_readout,
};

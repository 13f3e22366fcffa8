/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The selected probe token by token: how prompt and answers are tokenized, how likely each
 * token of the answers is without and with the flips, what competes with it, both greedy
 * texts, and what the audit found.
 *
 * All of it is a list of lines, longer than the area, that scrolls.  It opens over the list
 * of probes, beside it where the screen is wide, and below it by itself where it is high.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"
#include "ui/view_int.h"

enum {
    BESIDE_COLUMNS_MIN = 110,
    BELOW_ROWS_MIN = 30,
    LABEL_COLUMNS = 8,
    TOKEN_COLUMNS = 14,
    NUMBER_COLUMNS = 8,
};

/* ---- lines that scroll -------------------------------------------------------------- */

/* What is drawn lands at (row - skip, column); pieces that do not fit begin a new line. */
struct page {
    struct app *app;
    struct rect area;
    int skip, row, column;
    int indent; /* of lines that a piece began */
};

static void end_line(struct page *page)
{
    page->row++;
    page->column = 0;
}

static void put(struct page *page, style_id style, const char *text, size_t len)
{
    int row = page->row - page->skip;
    int used = grid_text_columns(text, len);
    if (row >= 0 && row < page->area.rows && page->column < page->area.columns)
        (void)grid_text(page->app->grid, page->area, row, page->column, text, len, style);
    page->column += used;
}

static void add(struct page *page, style_id style, const char *text, size_t len)
{
    int used = grid_text_columns(text, len);
    if (page->column > page->indent && page->column + used > page->area.columns) {
        page->row++;
        page->column = page->indent;
    }
    put(page, style, text, len);
}

__attribute__((format(printf, 3, 4))) static void say(struct page *page, style_id style,
                                                      const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(page, style, text, strlen(text));
}

/* A number at the right edge of a column; columns that do not fit are left out. */
__attribute__((format(printf, 4, 5))) static void number(struct page *page, int width,
                                                         style_id style, const char *format, ...)
{
    char text[64];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int used = grid_text_columns(text, strlen(text)), end = page->column + width;
    if (end <= page->area.columns && used <= width) {
        page->column = end - used;
        put(page, style, text, strlen(text));
    }
    page->column = end;
}

static void label(struct page *page, const char *text)
{
    if (page->column > 0)
        end_line(page);
    put(page, STYLE_DIM, text, strlen(text));
    page->column = page->indent = LABEL_COLUMNS;
}

/* ---- tokens ------------------------------------------------------------------------- */

static void token_text(const struct page *page, int32_t id, struct buf *out)
{
    if (id == DETAIL_END)
        buf_add_text(out, "(end)");
    else
        token_decode(model_tokenizer(page->app->model), id, out);
    buf_add_text(out, "");
}

/* "│text│", with its number behind it where they are asked for. */
static void add_token(struct page *page, int32_t id)
{
    struct buf text = {0};
    token_text(page, id, &text);
    add(page, STYLE_TEXT, text.data, text.len);
    if (page->app->detail.ids)
        say(page, STYLE_DIM, "{%d}", (int)id);
    put(page, STYLE_BORDER, "\u2502", strlen("\u2502"));
    buf_free(&text);
}

static void add_prompt(struct page *page, const struct probe_detail *detail)
{
    label(page, "prompt");
    put(page, STYLE_BORDER, "\u2502", strlen("\u2502"));
    for (size_t i = 0; i < detail->prompt.count; i++)
        add_token(page, detail->prompt.data[i]);
    say(page, STYLE_DIM, " %zu tokens", detail->prompt.count);
    end_line(page);
}

/* In a column of a table: cut at its width. */
static void token_column(struct page *page, int32_t id)
{
    struct buf text = {0}, name = {0};
    int at = page->column, row = page->row - page->skip;
    token_text(page, id, &text);
    buf_add_text(&name, "\u2502");
    buf_add(&name, text.data, text.len);
    buf_add_text(&name, "\u2502");
    if (page->app->detail.ids && id != DETAIL_END)
        buf_add_format(&name, "{%d}", (int)id);
    if (row >= 0 && row < page->area.rows)
        (void)view_cell(page->app, page->area, row, at, TOKEN_COLUMNS,
                        id == DETAIL_END ? STYLE_DIM : STYLE_TEXT, name.data);
    page->column = at + TOKEN_COLUMNS;
    buf_free(&text);
    buf_free(&name);
}

/* ---- log-probabilities -------------------------------------------------------------- */

/* Without the minus of -0.00. */
static double shown(double logprob)
{
    return logprob > -0.005 ? 0 : logprob;
}

static void change_column(struct page *page, double change, bool stale)
{
    style_id style = stale ? STYLE_STALE : change > 0 ? STYLE_GOOD : STYLE_BAD;
    if (probes_is_no_change(change))
        number(page, NUMBER_COLUMNS + 2, STYLE_DIM, "\u00B7");
    else
        number(page, NUMBER_COLUMNS + 2, style, "%s %+.2f", change > 0 ? "\u25B2" : "\u25BC",
               change);
}

static void add_place(struct page *page, const struct detail_place *base,
                      const struct detail_place *now, style_id style)
{
    page->column = LABEL_COLUMNS;
    token_column(page, now->id);
    number(page, NUMBER_COLUMNS, STYLE_DIM, "%.2f", shown(base->logprob));
    number(page, NUMBER_COLUMNS, style, "%.2f", shown(now->logprob));
    change_column(page, now->logprob - base->logprob, style == STYLE_STALE);
    if (base->rank == now->rank)
        number(page, NUMBER_COLUMNS, STYLE_DIM, "%zu", now->rank);
    else
        number(page, NUMBER_COLUMNS, style, "%zu\u2192%zu", base->rank, now->rank);
    style_id bad = style == STYLE_STALE ? STYLE_STALE : STYLE_BAD;
    number(page, NUMBER_COLUMNS + 2, now->margin > 0 ? STYLE_DIM : bad, "%+.2f", now->margin);
    end_line(page);
}

static void add_heads(struct page *page, const char *name)
{
    label(page, name);
    say(page, STYLE_DIM, "%-*s", TOKEN_COLUMNS, "log p");
    number(page, NUMBER_COLUMNS, STYLE_DIM, "base");
    number(page, NUMBER_COLUMNS, STYLE_DIM, "now");
    number(page, NUMBER_COLUMNS + 2, STYLE_DIM, "change");
    number(page, NUMBER_COLUMNS, STYLE_DIM, "rank");
    number(page, NUMBER_COLUMNS + 2, STYLE_DIM, "margin");
    end_line(page);
}

static void add_side(struct page *page, const struct probe_state *probe, int side,
                     style_id style)
{
    const struct detail_side *base = &probe->detail[0]->side[side];
    const struct detail_side *now = &probe->detail[1]->side[side];
    if (now->count == 0 || base->count != now->count)
        return;
    add_heads(page, side ? "wrong" : "right");
    for (size_t i = 0; i < now->count; i++)
        add_place(page, &base->places[i], &now->places[i], style);
    page->column = LABEL_COLUMNS;
    say(page, STYLE_DIM, "%-*s", TOKEN_COLUMNS, now->merged ? "sum (apart)" : "sum");
    number(page, NUMBER_COLUMNS, STYLE_DIM, "%.2f", shown(detail_sum(base)));
    number(page, NUMBER_COLUMNS, style, "%.2f", shown(detail_sum(now)));
    change_column(page, detail_sum(now) - detail_sum(base), style == STYLE_STALE);
    end_line(page);
}

/* ---- competitors -------------------------------------------------------------------- */

/* "+" the right token, "x" the wrong answer's one there. */
static char rival_sign(const struct probe_state *probe, size_t place, int32_t id)
{
    const struct detail_side *right = &probe->detail[1]->side[0], *wrong = right + 1;
    if (right->places[place].id == id)
        return '+';
    return place < wrong->count && wrong->places[place].id == id ? 'x' : ' ';
}

static void add_rival(struct page *page, const struct probe_state *probe, int state,
                      size_t place, size_t i, style_id style)
{
    const struct detail_place *at = &probe->detail[state]->side[0].places[place];
    int begin = page->column;
    if (i < at->top_count) {
        say(page, STYLE_DIM, "%c ", rival_sign(probe, place, at->top[i].id));
        token_column(page, at->top[i].id);
        number(page, NUMBER_COLUMNS, style, "%.2f", shown(at->top[i].logprob));
    }
    page->column = begin + 2 + TOKEN_COLUMNS + NUMBER_COLUMNS;
}

/* Before and after beside each other, or after alone where that is too wide. */
static void add_rivals(struct page *page, const struct probe_state *probe, size_t place,
                       const char *what, style_id style)
{
    int each = 2 + TOKEN_COLUMNS + NUMBER_COLUMNS;
    bool both = LABEL_COLUMNS + 2 * each + 2 <= page->area.columns;
    label(page, "rivals");
    say(page, STYLE_DIM, "at %s (%zu): %s", what, place + 1, both ? "base, now" : "now");
    end_line(page);
    for (size_t i = 0; i < DETAIL_TOP; i++) {
        page->column = LABEL_COLUMNS;
        if (both)
            add_rival(page, probe, 0, place, i, STYLE_DIM);
        page->column += both ? 2 : 0;
        add_rival(page, probe, 1, place, i, style);
        end_line(page);
    }
}

static void add_measured(struct page *page, const struct probe_state *probe)
{
    bool fresh = detail_is_fresh(page->app, probe);
    style_id style = fresh ? STYLE_TEXT : STYLE_STALE;
    const struct detail_side *right = &probe->detail[1]->side[0];
    if (!fresh) {
        say(page, STYLE_STALE, "~ stale: measured with other flips than are on now");
        end_line(page);
    }
    add_prompt(page, probe->detail[1]);
    add_side(page, probe, 0, style);
    add_side(page, probe, 1, style);
    if (right->count == 0)
        return;
    size_t least = detail_least(right);
    add_rivals(page, probe, 0, least == 0 ? "the first token, least margin" : "the first token",
               style);
    if (least > 0)
        add_rivals(page, probe, least, "the least margin", style);
}

/* ---- texts, audit ------------------------------------------------------------------- */

/* A '>' stands where the texts part. */
static void add_text(struct page *page, const char *name, const char *text, size_t differs,
                     style_id style)
{
    size_t len = strlen(text);
    label(page, name);
    for (size_t at = 0; at < len;) {
        uint32_t point = 0;
        size_t size = text_decode(text + at, len - at, &point);
        size = size ? size : 1;
        if (at == differs)
            add(page, STYLE_DIFF, "\u25B8", strlen("\u25B8"));
        add(page, at >= differs ? STYLE_DIFF : style, text + at, size);
        at += size;
    }
    if (len == 0)
        say(page, STYLE_DIM, "(nothing)");
    end_line(page);
}

static size_t first_difference(const char *a, const char *b)
{
    size_t at = 0;
    while (a[at] && a[at] == b[at])
        at++;
    if (!a[at] && !b[at])
        return SIZE_MAX;
    while (at > 0 && ((unsigned char)a[at] & 0xC0) == 0x80) /* back to its first byte */
        at--;
    return at;
}

static void add_answer(struct page *page, const struct probe_state *probe)
{
    char verdict[64];
    const struct answer *answer = &probe->answer;
    style_id style = probes_verdict_text(page->app, answer, verdict, sizeof verdict);
    label(page, "answer");
    say(page, style, "%s", answer->known ? verdict : "not answered yet");
    say(page, STYLE_DIM, "  expected ");
    add(page, STYLE_TEXT, probe->probe->correct, strlen(probe->probe->correct));
    end_line(page);
    if (!answer->known || !answer->base || !answer->now)
        return;
    size_t differs = first_difference(answer->base, answer->now);
    bool stale = view_is_stale(page->app, answer->flip_count);
    add_text(page, "before", answer->base, differs, STYLE_TEXT);
    add_text(page, stale ? "after~" : "after", answer->now, differs,
             stale ? STYLE_STALE : STYLE_TEXT);
}

static void add_audit(struct page *page, const struct probe_state *probe)
{
    label(page, "audit");
    if (probe->note_count == 0)
        say(page, STYLE_DIM, page->app->audited ? "nothing found" : "not audited yet; :audit");
    for (size_t i = 0; i < probe->note_count; i++) {
        const struct probe_note *note = &probe->notes[i];
        page->column = LABEL_COLUMNS;
        say(page, probes_badge_style(note->severity), "%c %s, %s: ", probes_badge(note),
            audit_code_name(note->code), audit_severity_name(note->severity));
        for (const char *word = note->why; *word;) {
            size_t len = strcspn(word, " ");
            len += word[len] == ' ';
            add(page, STYLE_TEXT, word, len);
            word += len;
        }
        if (i + 1 < probe->note_count)
            end_line(page);
    }
    end_line(page);
}

/* ---- all of it ---------------------------------------------------------------------- */

static void add_unknown(struct page *page, const struct probe_state *probe)
{
    struct buf text = {0};
    view_key_of("detail", &text);
    buf_add_text(&text, " measures tokens and competitors");
    if (probe->role == ROLE_HELDOUT)
        buf_add_text(&text, "; a look that is counted");
    if (page->app->job.running && page->app->job.type == JOB_PROBE)
        say(page, STYLE_PENDING, "being measured ...");
    else
        add(page, STYLE_DIM, text.data, text.len);
    buf_free(&text);
    end_line(page);
}

static void add_all(struct page *page, const struct probe_state *probe)
{
    const struct probe *of = probe->probe;
    add(page, STYLE_TITLE, of->name, strlen(of->name));
    if (of->category[0]) {
        say(page, STYLE_DIM, "  #");
        add(page, STYLE_DIM, of->category, strlen(of->category));
    }
    if (isfinite(probe->now))
        say(page, STYLE_DIM, "  gap %+.2f \u2192 %+.2f", probe->before, probe->now);
    end_line(page);
    add_answer(page, probe);
    if (probe->detail[0] && probe->detail[1])
        add_measured(page, probe);
    else
        add_unknown(page, probe);
    add_audit(page, probe);
}

static int draw_from(struct app *app, struct rect area, int skip)
{
    const struct probe_state *probe = app_selected_probe(app);
    struct page page = {.app = app, .area = area, .skip = skip};
    if (!probe) {
        say(&page, STYLE_DIM, "no probe is selected");
        return 1;
    }
    add_all(&page, probe);
    return page.row;
}

void detail_draw(struct app *app, struct rect area, bool focused)
{
    int skip = app->detail.open ? app->detail.scroll : 0;
    struct rect shown = area, nowhere = {0, 0, 0, area.columns};
    int below = draw_from(app, nowhere, 0) - skip - area.rows;
    if (below > 0 && area.rows > 3) {
        shown.rows--;
        (void)grid_format(app->grid, area, area.rows - 1, 0, STYLE_DIM, "%d more below",
                          below + 1);
    }
    (void)draw_from(app, shown, skip);
    if (focused)
        grid_cursor(app->grid, area, 0, 0);
}

/* ---- where -------------------------------------------------------------------------- */

struct rect detail_split(const struct app *app, struct rect *list)
{
    struct rect detail = *list;
    if (app->detail.open && app->probe_cursor >= probes_listed(app)) {
        detail.rows = 0;
    } else if (app->detail.open && list->columns >= BESIDE_COLUMNS_MIN) {
        list->columns = list->columns * 45 / 100;
        detail.column += list->columns + 2;
        detail.columns -= list->columns + 2;
    } else if (app->detail.open) {
        list->rows = 0;
    } else if (app->screen == VIEW_PROBES && list->rows >= BELOW_ROWS_MIN) {
        list->rows = list->rows / 2;
        detail.row += list->rows + 1;
        detail.rows -= list->rows + 1;
    } else {
        detail.rows = 0;
    }
    return detail;
}

static struct rect area_of(const struct app *app)
{
    struct rect view = layout_of(app).view[VIEW_PROBES];
    struct rect list = view_inside(app, view);
    return view.rows > 0 ? detail_split(app, &list) : (struct rect){0};
}

bool detail_is_fresh(const struct app *app, const struct probe_state *probe)
{
    return probe->detail[0] && probe->detail[1] && !view_is_stale(app, probe->detail_flips);
}

size_t app_wished_probe(const struct app *app)
{
    size_t i = app->probe_cursor;
    bool there = app->opened && i < app->probe_count && app->probes[i].role != ROLE_HELDOUT;
    if (!there || area_of(app).rows < 1 || detail_is_fresh(app, &app->probes[i]))
        return SIZE_MAX;
    return i;
}

void detail_scroll(struct app *app, int by)
{
    struct rect area = area_of(app), nowhere = {0, 0, 0, area.columns};
    int most = draw_from(app, nowhere, 0) - area.rows;
    int at = app->detail.scroll + by;
    at = at > most ? most : at;
    app->detail.scroll = at < 0 ? 0 : at;
}

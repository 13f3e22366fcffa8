/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Two states compared: in figures, then the answers that differ (from the first
 * character that does in STYLE_DIFF), the probes whose gap does, and the flips.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/text.h"
#include "ui/view_int.h"

struct line {
    struct buf text;
    size_t differs; /* bytes before the part in STYLE_DIFF; SIZE_MAX: none */
    style_id style;
};

struct lines {
    struct line *items;
    size_t count;
};

static struct line *add_line(struct lines *lines, style_id style)
{
    lines->items = x_grow(lines->items, lines->count + 1, sizeof *lines->items);
    struct line *line = &lines->items[lines->count++];
    *line = (struct line){.differs = SIZE_MAX, .style = style};
    return line;
}

static void lines_free(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        buf_free(&lines->items[i].text);
    free(lines->items);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- the two ------------------------------------------------------------------------- */

static void add_states(struct lines *lines, const struct event_diff *found)
{
    const struct session_diff *diff = &found->diff;
    for (int is_b = 0; is_b < 2; is_b++) {
        size_t flips = diff->both.count + (is_b ? diff->only_b.count : diff->only_a.count);
        buf_add_format(&add_line(lines, STYLE_TITLE)->text,
                       "%s  %s, step %lld: %zu flip%s, fitness %+.4f", is_b ? "B" : "A",
                       is_b ? found->b : found->a, (long long)(is_b ? diff->b : diff->a), flips,
                       plural(flips), is_b ? diff->fitness_b : diff->fitness_a);
    }
    buf_add_format(&add_line(lines, STYLE_TEXT)->text,
                   "flips: %zu only in A, %zu only in B, %zu in both", diff->only_a.count,
                   diff->only_b.count, diff->both.count);
}

/* ---- answers ------------------------------------------------------------------------- */

static const char *name_of(const struct app *app, size_t probe)
{
    return probe < app->probe_count ? app->probes[probe].probe->name : "";
}

static size_t part_of(const struct app *app, size_t probe)
{
    return probe < app->probe_count ? (size_t)app->probes[probe].role : 0;
}

static void add_text(struct lines *lines, const char *side, const char *text, size_t len,
                     size_t differs)
{
    struct line *line = add_line(lines, STYLE_TEXT);
    buf_add_format(&line->text, "    %s ", side);
    text_visible(&line->text, text, differs < len ? differs : len);
    line->differs = line->text.len;
    if (differs < len)
        text_visible(&line->text, text + differs, len - differs);
}

/* Characters before the byte from which on they differ. */
static size_t characters_before(const struct diff_answer *answer)
{
    size_t count = 0;
    for (size_t i = 0; i < answer->differs; i++)
        count += ((unsigned char)answer->a[i] & 0xC0) != 0x80;
    return count;
}

static void add_answer(struct lines *lines, const struct app *app,
                       const struct diff_answer *answer)
{
    bool fixed = !answer->right_a && answer->right_b, broke = answer->right_a && !answer->right_b;
    struct line *line = add_line(lines, fixed ? STYLE_GOOD : broke ? STYLE_BAD : STYLE_TEXT);
    buf_add_format(&line->text, "  %s  %s  ", fixed   ? "FIXED"
                                              : broke ? "BROKE"
                                              : answer->right_a ? "right" : "wrong",
                   session_part_name(part_of(app, answer->probe)));
    text_visible(&line->text, name_of(app, answer->probe), strlen(name_of(app, answer->probe)));
    buf_add_format(&line->text, ": different from character %zu on",
                   characters_before(answer) + 1);
    add_text(lines, "A", answer->a, answer->a_len, answer->differs);
    add_text(lines, "B", answer->b, answer->b_len, answer->differs);
}

static void add_answers(struct lines *lines, const struct app *app,
                        const struct session_diff *diff)
{
    for (size_t part = 0; part < DIFF_PARTS; part++) {
        const struct diff_totals *totals = &diff->totals[part];
        if (totals->n > 0)
            buf_add_format(&add_line(lines, STYLE_TITLE)->text,
                           "answers, %s %zu: right %zu \u2192 %zu, fixed %zu, broke %zu",
                           session_part_name(part), totals->n, totals->right_a, totals->right_b,
                           totals->fixed, totals->broke);
    }
    if (diff->answer_count == 0)
        buf_add_text(&add_line(lines, STYLE_DIM)->text, "answers: not known of both");
    for (size_t i = 0; i < diff->answer_count; i++)
        if (diff->answers[i].differs != SIZE_MAX)
            add_answer(lines, app, &diff->answers[i]);
}

/* ---- gaps ---------------------------------------------------------------------------- */

static void add_gaps(struct lines *lines, const struct app *app, const struct session_diff *diff)
{
    size_t *order = session_diff_order(diff);
    buf_add_text(&add_line(lines, STYLE_TITLE)->text,
                 "gaps that differ (search signal), the largest change first");
    for (size_t i = 0; i < diff->gap_count; i++) {
        double a = diff->gaps_a[order[i]], b = diff->gaps_b[order[i]];
        if (!isfinite(b - a) || b - a == 0)
            continue;
        struct line *line = add_line(lines, b > a ? STYLE_GOOD : STYLE_BAD);
        buf_add_format(&line->text, "  %s %+9.4f  %+9.4f \u2192 %+9.4f  %-8s  ",
                       b > a ? "\u25B2" : "\u25BC", b - a, a, b,
                       session_part_name(part_of(app, order[i])));
        text_visible(&line->text, name_of(app, order[i]), strlen(name_of(app, order[i])));
    }
    free(order);
}

/* ---- flips --------------------------------------------------------------------------- */

static void add_flips(struct lines *lines, const char *title, const struct flip_set *flips)
{
    if (flips->count == 0)
        return;
    buf_add_text(&add_line(lines, STYLE_TITLE)->text, title);
    for (size_t i = 0; i < flips->count; i++) {
        struct line *line = add_line(lines, STYLE_TEXT);
        buf_add_text(&line->text, "  ");
        view_flip_text(&line->text, &flips->flips[i]);
    }
}

static struct lines lines_of(const struct app *app)
{
    const struct session_diff *diff = &app->diff.found.diff;
    struct lines lines = {0};
    if (!app->diff.found.a)
        return lines;
    add_states(&lines, &app->diff.found);
    add_answers(&lines, app, diff);
    add_gaps(&lines, app, diff);
    add_flips(&lines, "flips only in A", &diff->only_a);
    add_flips(&lines, "flips only in B", &diff->only_b);
    return lines;
}

size_t diff_count(const struct app *app)
{
    struct lines lines = lines_of(app);
    size_t count = lines.count;
    lines_free(&lines);
    return count;
}

/* ---- drawing ------------------------------------------------------------------------- */

static void draw_line(struct app *app, struct rect area, int row, const struct line *line)
{
    size_t plain = line->differs < line->text.len ? line->differs : line->text.len;
    int at = grid_text(app->grid, area, row, 0, line->text.data, plain, line->style);
    if (plain < line->text.len)
        (void)grid_text(app->grid, area, row, at, line->text.data + plain, line->text.len - plain,
                        STYLE_DIFF);
}

void diff_draw(struct app *app, struct rect inside)
{
    struct lines lines = lines_of(app);
    int count = (int)lines.count, most = count - inside.rows, scroll = app->diff.scroll;
    scroll = scroll > most ? most : scroll;
    scroll = scroll < 0 ? 0 : scroll;
    for (int row = 0; row < inside.rows && scroll + row < count; row++)
        draw_line(app, inside, row, &lines.items[scroll + row]);
    lines_free(&lines);
}

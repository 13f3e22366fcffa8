/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Around the list of probes: the sets as tabs, what became of the set that is shown, and
 * of each of its categories: how many were right before and now, what was fixed and
 * broken, and how likely that is by luck alone (McNemar's exact p).
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "probes/statistics.h"
#include "ui/view_int.h"

enum { ROLE_COUNT = 3, CATEGORY_COLUMNS_MAX = 18 };

const char *const probes_role_names[] = {"targets", "controls", "held-out"};
static const style_id role_styles[] = {STYLE_TARGET, STYLE_CONTROL, STYLE_HELDOUT};

size_t probes_section_first(const struct app *app, enum role role)
{
    return role == ROLE_TARGET    ? 0
           : role == ROLE_CONTROL ? app->target_count
                                  : app->target_count + app->control_count;
}

size_t probes_section_count(const struct app *app, enum role role)
{
    return role == ROLE_TARGET    ? app->target_count
           : role == ROLE_CONTROL ? app->control_count
                                  : app->heldout_count;
}

/* ---- numbers of a set or category --------------------------------------------------- */

struct section {
    size_t count, known, right_base, right_now, fixed, broke;
    double change; /* mean change of the gaps, NAN where there are none */
    bool stale;
};

static void add_answer(const struct app *app, struct section *section,
                       const struct answer *answer)
{
    enum verdict verdict = verdict_of(answer->right_base, answer->right_now);
    section->known++;
    section->right_base += answer->right_base;
    section->right_now += answer->right_now;
    section->fixed += verdict == VERDICT_FIXED;
    section->broke += verdict == VERDICT_BROKE;
    section->stale |= view_is_stale(app, answer->flip_count);
}

/* category NULL: the whole set. */
static struct section section_of(const struct app *app, enum role role, const char *category)
{
    struct section section = {0};
    size_t first = probes_section_first(app, role), gaps = 0;
    for (size_t i = first; i < first + probes_section_count(app, role); i++) {
        const struct probe_state *probe = &app->probes[i];
        if (category && strcmp(probe->probe->category, category) != 0)
            continue;
        section.count++;
        if (isfinite(probe->now) && isfinite(probe->before)) {
            section.change += probe->now - probe->before;
            gaps++;
        }
        if (probe->answer.known)
            add_answer(app, &section, &probe->answer);
    }
    section.change = gaps > 0 ? section.change / (double)gaps : (double)NAN;
    return section;
}

static bool is_hidden(const struct app *app, enum role role)
{
    return role == ROLE_HELDOUT && !app->heldout_asked;
}

/* ---- tabs --------------------------------------------------------------------------- */

enum detail { TAB_NAME, TAB_SHORT, TAB_FULL };

static void add_tab(const struct app *app, enum role role, enum detail detail, struct buf *out)
{
    static const char *const short_names[] = {"tgt", "ctl", "held"};
    bool here = app_probe_tab(app) == role;
    struct section section = section_of(app, role, NULL);
    bool told = detail != TAB_NAME && section.known > 0 && !is_hidden(app, role);
    buf_add_text(out, here ? "[" : " ");
    buf_add_text(out, detail == TAB_FULL ? probes_role_names[role] : short_names[role]);
    if (detail == TAB_FULL || (detail == TAB_SHORT && !told))
        buf_add_format(out, " %zu", section.count);
    if (told)
        buf_add_format(out, " +%zu -%zu%s", section.fixed, section.broke,
                       section.stale ? "~" : "");
    buf_add_text(out, here ? "]" : " ");
}

static int tabs_columns(const struct app *app, enum detail detail)
{
    struct buf text = {0};
    for (int role = 0; role < ROLE_COUNT; role++)
        if (probes_section_count(app, (enum role)role) > 0)
            add_tab(app, (enum role)role, detail, &text);
    int columns = grid_text_columns(text.data ? text.data : "", text.len);
    buf_free(&text);
    return columns;
}

void probes_draw_tabs(struct app *app, struct rect area, int row)
{
    enum detail detail = TAB_FULL;
    int column = 0;
    while (detail > TAB_NAME && tabs_columns(app, detail) > area.columns)
        detail--;
    for (int role = 0; role < ROLE_COUNT; role++) {
        struct buf text = {0};
        if (probes_section_count(app, (enum role)role) == 0)
            continue;
        add_tab(app, (enum role)role, detail, &text);
        bool here = app_probe_tab(app) == (enum role)role;
        int width = grid_text_columns(text.data, text.len);
        if (width > area.columns - column)
            width = area.columns - column;
        column = view_cell(app, area, row, column, width,
                           here ? STYLE_TAB_ACTIVE : role_styles[role], text.data);
        buf_free(&text);
    }
}

/* ---- the line of a set or category -------------------------------------------------- */

/* Pieces that fit, the first of them most important. */
struct pieces {
    struct app *app;
    struct rect area;
    int row, column;
    style_id style;
};

__attribute__((format(printf, 3, 4))) static void add_piece(struct pieces *pieces, style_id style,
                                                            const char *format, ...)
{
    char text[96];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pieces->column = view_piece(pieces->app, pieces->area, pieces->row, pieces->column, style,
                                text);
}

static void add_verdicts(struct pieces *pieces, const struct section *section)
{
    style_id style = section->stale ? STYLE_STALE : pieces->style;
    if (section->known == 0) {
        add_piece(pieces, STYLE_DIM, "not answered");
        return;
    }
    add_piece(pieces, style, "right %zu \u2192 %zu%s", section->right_base, section->right_now,
              section->stale ? "~" : "");
    add_piece(pieces, style, "  fixed %zu  broke %zu", section->fixed, section->broke);
    double p = statistics_mcnemar(section->fixed, section->broke);
    if (p < 0.001)
        add_piece(pieces, style, "  p <0.001");
    else if (section->fixed + section->broke > 0)
        add_piece(pieces, style, "  p %.3f", p);
}

/* The mean; by which metric only where controls have one of their own. */
static void add_change(struct pieces *pieces, double change)
{
    const struct app *app = pieces->app;
    bool own = app_probe_tab(app) == ROLE_CONTROL && app->control_metric != app->metric;
    const char *metric = own ? metric_name(app->control_metric) : "";
    if (!isfinite(change))
        return;
    if (probes_is_no_change(change))
        add_piece(pieces, STYLE_DIM, "  gaps%s%s \u00B7", own ? " by " : "", metric);
    else
        add_piece(pieces, STYLE_DIM, "  gaps%s%s %+.2f", own ? " by " : "", metric, change);
}

static void draw_hidden(struct pieces *pieces)
{
    struct buf text = {0};
    buf_add_text(&text, "hidden: ");
    view_key_of("heldout", &text);
    add_piece(pieces, pieces->style, "%s answers them", text.data);
    add_piece(pieces, pieces->style, ", each look is counted");
    buf_free(&text);
}

void probes_draw_summary(struct app *app, struct rect area, int row)
{
    enum role role = app_probe_tab(app);
    struct section section = section_of(app, role, NULL);
    struct pieces pieces = {app, area, row, 0, role_styles[role]};
    if (is_hidden(app, role))
        draw_hidden(&pieces);
    else
        add_verdicts(&pieces, &section);
    if (role == ROLE_HELDOUT)
        add_piece(&pieces, pieces.style, "  held-out seen %llu time%s",
                  (unsigned long long)app->heldout_looks, app->heldout_looks == 1 ? "" : "s");
    add_change(&pieces, section.change);
    if (app->order != ORDER_SET)
        add_piece(&pieces, STYLE_DIM, "  by %s%s", probes_order_name(app->order),
                  app->order_reversed ? ", reversed" : "");
}

/* ---- categories --------------------------------------------------------------------- */

static int category_columns(const struct app *app, enum role role)
{
    size_t first = probes_section_first(app, role);
    int longest = 6;
    for (size_t i = first; i < first + probes_section_count(app, role); i++) {
        const char *name = app->probes[i].probe->category;
        int used = grid_text_columns(name, strlen(name));
        longest = used > longest ? used : longest;
    }
    return longest < CATEGORY_COLUMNS_MAX ? longest : CATEGORY_COLUMNS_MAX;
}

static void draw_category(struct app *app, struct rect area, int row, const char *name,
                          bool here)
{
    enum role role = app_probe_tab(app);
    struct section section = section_of(app, role, name);
    struct pieces pieces = {app, area, row, 0, STYLE_TEXT};
    int width = category_columns(app, role);
    (void)view_cell(app, area, row, 0, 2, STYLE_DIM, here ? ">#" : " #");
    pieces.column = view_cell(app, area, row, 2, width, here ? STYLE_TITLE : STYLE_TEXT,
                              name[0] ? name : "(none)");
    add_piece(&pieces, STYLE_DIM, " %3zu  ", section.count);
    add_verdicts(&pieces, &section);
    add_change(&pieces, section.change);
}

void probes_draw_categories(struct app *app, struct rect area)
{
    enum role role = app_probe_tab(app);
    const struct probe_state *selected = app_selected_probe(app);
    size_t first = probes_section_first(app, role), next = 0;
    size_t here = selected ? selected->category : 0;
    int top = view_first_line((int)app->category_count[role], area.rows, (int)here);
    for (size_t i = first; i < first + probes_section_count(app, role); i++) {
        const struct probe_state *probe = &app->probes[i];
        if (probe->category != next) /* not the first of it */
            continue;
        int row = (int)next++ - top;
        if (row >= 0 && row < area.rows)
            draw_category(app, area, row, probe->probe->category, probe->category == here);
    }
}

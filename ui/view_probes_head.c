/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The headings of the probes' sections: how many were right before and now, what
 * was fixed and broken, how the gaps changed; and p of fixed against broke.
 */
#include <math.h>

#include "probes/statistics.h"
#include "ui/view_int.h"

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

struct section {
    size_t known, right_base, right_now, fixed, broke;
    double change; /* mean change of the gaps */
    bool stale;
};

/* What prints as 0.00 prints without a minus. */
double probes_no_minus_zero(double change)
{
    return fabs(change) < 0.005 ? 0 : change;
}

static struct section section_of(const struct app *app, enum role role)
{
    struct section section = {0};
    size_t first = probes_section_first(app, role), gaps = 0;
    size_t count = probes_section_count(app, role);
    for (size_t i = first; i < first + count; i++) {
        const struct probe_state *probe = &app->probes[i];
        const struct answer *answer = &probe->answer;
        if (isfinite(probe->now) && isfinite(probe->before)) {
            section.change += probe->now - probe->before;
            gaps++;
        }
        if (!answer->known)
            continue;
        enum verdict verdict = verdict_of(answer->right_base, answer->right_now);
        section.known++;
        section.right_base += answer->right_base;
        section.right_now += answer->right_now;
        section.fixed += verdict == VERDICT_FIXED;
        section.broke += verdict == VERDICT_BROKE;
        section.stale |= view_is_stale(app, answer->flip_count);
    }
    section.change = gaps > 0 ? probes_no_minus_zero(section.change / (double)gaps) : (double)NAN;
    return section;
}

static const char *const role_names[] = {"targets", "controls", "held-out"};
static const style_id role_styles[] = {STYLE_TARGET, STYLE_CONTROL, STYLE_HELDOUT};

static void draw_hidden(struct app *app, struct rect area, int row)
{
    struct buf text = {0};
    buf_add_format(&text, "held-out %zu  hidden: ", app->heldout_count);
    view_key_of("heldout", &text);
    buf_add_text(&text, " answers");
    int column = view_piece(app, area, row, 0, STYLE_HELDOUT, text.data);
    (void)view_piece(app, area, row, column, STYLE_HELDOUT,
                     " them, each look is counted");
    buf_free(&text);
}

static void draw_looks(struct app *app, struct rect area, int row, int column)
{
    struct buf text = {0};
    buf_add_format(&text, "  looked at %llu time%s", (unsigned long long)app->heldout_looks,
                   app->heldout_looks == 1 ? "" : "s");
    (void)view_piece(app, area, row, column, STYLE_HELDOUT, text.data);
    buf_free(&text);
}

/* How likely so lopsided a change is by chance: exact McNemar p, as every report has it. */
static int draw_p(struct app *app, struct rect area, int row, int column,
                  const struct section *section, style_id style)
{
    struct buf text = {0};
    double p = statistics_mcnemar(section->fixed, section->broke);
    if (p < 0.001)
        buf_add_text(&text, "  p <0.001");
    else
        buf_add_format(&text, "  p %.3f", p);
    int behind = view_piece(app, area, row, column, style, text.data);
    buf_free(&text);
    return behind <= area.columns ? behind : column;
}

/* Pieces that fit: how many, how many right before and now, what was fixed and
 * broken and its p, how the gaps changed. */
static void draw_section(struct app *app, struct rect area, int row, enum role role)
{
    struct section section = section_of(app, role);
    style_id style = role_styles[role];
    struct buf text = {0};
    buf_add_format(&text, "%s %zu", role_names[role], probes_section_count(app, role));
    if (role == ROLE_CONTROL && app->control_metric != app->metric)
        buf_add_format(&text, " by %s", metric_name(app->control_metric));
    if (section.known > 0)
        buf_add_format(&text, "  right %zu \u2192 %zu%s", section.right_base, section.right_now,
                       section.stale ? "~" : "");
    int column = view_cell(app, area, row, 0, grid_text_columns(text.data, text.len), style,
                           text.data);
    buf_clear(&text);
    buf_add_format(&text, "  fixed %zu  broke %zu", section.fixed, section.broke);
    int behind = section.known > 0 ? view_piece(app, area, row, column, style, text.data) : column;
    bool told = behind <= area.columns;
    column = told ? behind : column;
    if (told && section.fixed + section.broke > 0)
        column = draw_p(app, area, row, column, &section, style);
    buf_clear(&text);
    bool roomy = column + 20 <= area.columns;
    buf_add_format(&text, "  mean %s%+.2f", roomy ? "change " : "", section.change);
    if (isfinite(section.change))
        column = view_piece(app, area, row, column, style, text.data);
    if (role == ROLE_HELDOUT)
        draw_looks(app, area, row, column);
    buf_free(&text);
}

void probes_draw_heading(struct app *app, struct rect list, int row, enum role role)
{
    if (role == ROLE_HELDOUT && !app->heldout_asked)
        draw_hidden(app, list, row);
    else
        draw_section(app, list, row, role);
}

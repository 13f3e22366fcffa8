/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fitness.svg: the head's fitness over the candidates tried.  Whatever a session holds,
 * the drawing has at most so many parts as it has columns: what falls into one column is
 * drawn as a range.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/publish/publish_int.h"

enum {
    WIDTH = 800, HEIGHT = 380, LEFT = 78, RIGHT = 20, TOP = 64, BOTTOM = 48,
    COLUMNS = WIDTH - LEFT - RIGHT,
    PLOT_HEIGHT = HEIGHT - TOP - BOTTOM,
};

struct column {
    double low, high;       /* of candidates; NAN: none */
    double head;            /* fitness after it; NAN: as before */
    double search, hand;    /* of a step made there; NAN: none */
};

struct curve {
    struct column columns[COLUMNS + 1];
    double low, high; /* of the scale */
    uint64_t tried;
    size_t below;     /* candidates below the scale */
    struct buf *out;
};

/* ---- scales -------------------------------------------------------------------------- */

static size_t column_of(const struct curve *curve, uint64_t tried)
{
    double share = curve->tried ? (double)tried / (double)curve->tried : 0;
    return (size_t)(share < 1 ? share * COLUMNS : COLUMNS);
}

static double y_of(const struct curve *curve, double fitness)
{
    double share = (fitness - curve->low) / (curve->high - curve->low);
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    return TOP + PLOT_HEIGHT * (1 - share);
}

static void widen(double *low, double *high, double value)
{
    if (!isfinite(value))
        return;
    *low = isnan(*low) || value < *low ? value : *low;
    *high = isnan(*high) || value > *high ? value : *high;
}

/* The head's way is the subject; candidates may double the scale downwards, no more. */
static void set_scale(struct curve *curve, const struct story *story)
{
    double low = 0, high = 0, worst = (double)NAN, best = (double)NAN;
    for (size_t i = 0; i < story->change_count; i++)
        widen(&low, &high, story->changes[i].fitness);
    for (size_t i = 0; i < story->candidate_count; i++)
        widen(&worst, &best, story->candidates[i].fitness);
    if (low == high && !isnan(worst)) {
        low = worst < low ? worst : low;
        high = best > high ? best : high;
    }
    double room = high - low;
    if (!isnan(worst) && worst < low)
        low = worst < low - room ? low - room : worst;
    if (!isnan(best) && best > high)
        high = best > high + room ? high + room : best;
    bool usable = high > low && isfinite(high - low);
    curve->low = usable ? low : -1;
    curve->high = usable ? high : 1;
}

/* ---- what is drawn ------------------------------------------------------------------- */

static void fill_candidates(struct curve *curve, const struct story *story)
{
    for (size_t i = 0; i < story->candidate_count; i++) {
        const struct candidate *candidate = &story->candidates[i];
        if (candidate->by_hand || !isfinite(candidate->fitness))
            continue;
        struct column *column = &curve->columns[column_of(curve, candidate->number)];
        widen(&column->low, &column->high, candidate->fitness);
        curve->below += candidate->fitness < curve->low;
    }
}

static void fill_changes(struct curve *curve, const struct story *story)
{
    for (size_t i = 0; i < story->change_count; i++) {
        const struct change *change = &story->changes[i];
        struct column *column = &curve->columns[column_of(curve, change->tried)];
        if (!isfinite(change->fitness))
            continue;
        column->head = change->fitness;
        if (change->made && change->by_search)
            column->search = change->fitness;
        else if (change->made)
            column->hand = change->fitness;
    }
}

static void draw_candidates(const struct curve *curve)
{
    buf_add_text(curve->out, "<g stroke=\"#888\" stroke-width=\"3\" stroke-linecap=\"round\">\n");
    for (size_t i = 0; i <= COLUMNS; i++) {
        const struct column *column = &curve->columns[i];
        if (isnan(column->low))
            continue;
        double x = LEFT + (double)i;
        buf_add_format(curve->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x,
                       y_of(curve, column->low) + 0.5, x, y_of(curve, column->high));
    }
    buf_add_text(curve->out, "</g>\n");
}

static void draw_head(const struct curve *curve)
{
    buf_add_format(curve->out, "<path fill=\"none\" stroke=\"#0072B2\" stroke-width=\"2\""
                   " d=\"M%d %.1f", LEFT, y_of(curve, 0));
    for (size_t i = 0; i <= COLUMNS; i++)
        if (!isnan(curve->columns[i].head))
            buf_add_format(curve->out, " H%zu V%.1f", LEFT + i,
                           y_of(curve, curve->columns[i].head));
    buf_add_format(curve->out, " H%d\"/>\n", WIDTH - RIGHT);
}

static void draw_mark(struct buf *out, double x, double y, bool by_search)
{
    if (by_search)
        buf_add_format(out, "<path d=\"M%.1f %.1fl5 5l-5 5l-5 -5z\"/>\n", x, y - 5);
    else
        buf_add_format(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"8\" height=\"8\"/>\n", x - 4,
                       y - 4);
}

static void draw_steps(const struct curve *curve)
{
    buf_add_text(curve->out, "<g fill=\"#E69F00\" stroke=\"#222\">\n");
    for (size_t i = 0; i <= COLUMNS; i++) {
        const struct column *column = &curve->columns[i];
        if (!isnan(column->search))
            draw_mark(curve->out, LEFT + (double)i, y_of(curve, column->search), true);
        if (!isnan(column->hand))
            draw_mark(curve->out, LEFT + (double)i, y_of(curve, column->hand), false);
    }
    buf_add_text(curve->out, "</g>\n");
}

/* ---- axes ---------------------------------------------------------------------------- */

/* 1, 2 or 5 times a power of ten, so that at most eight fit. */
static double tick(double range)
{
    double power = pow(10, floor(log10(range / 8)));
    double share = range / 8 / power;
    return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

static void draw_fitness_axis(const struct curve *curve)
{
    double step = tick(curve->high - curve->low), first = ceil(curve->low / step);
    for (int i = 0; i <= 10 && (first + i) * step <= curve->high; i++) {
        char text[32];
        double value = (first + i) * step, y = y_of(curve, value);
        (void)snprintf(text, sizeof text, value == 0 ? "0" : "%+.4g", value);
        buf_add_format(curve->out, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\""
                       " stroke=\"#ddd\"/>\n", LEFT, y, WIDTH - RIGHT, y);
        svg_text(curve->out, LEFT - 8, y + 4, "end", "", text);
    }
}

static void draw_tried_axis(const struct curve *curve)
{
    for (int i = 0; i <= 4; i++) {
        char text[32];
        uint64_t tried = curve->tried / 4 * (uint64_t)i + curve->tried % 4 * (uint64_t)i / 4;
        (void)snprintf(text, sizeof text, "%" PRIu64, tried);
        if (i == 0 || curve->tried >= 4)
            svg_text(curve->out, LEFT + (double)column_of(curve, tried), HEIGHT - BOTTOM + 18,
                     "middle", "", text);
    }
    buf_add_format(curve->out, "<path fill=\"none\" stroke=\"#222\" d=\"M%d %dV%dH%d\"/>\n", LEFT,
                   TOP, HEIGHT - BOTTOM, WIDTH - RIGHT);
    svg_text(curve->out, LEFT + COLUMNS / 2.0, HEIGHT - 10, "middle", "", "candidates tried");
}

static void draw_legend(const struct curve *curve)
{
    char below[64] = "grey: the candidates";
    if (curve->below > 0)
        (void)snprintf(below, sizeof below, "grey: the candidates (%zu below the scale)",
                       curve->below);
    buf_add_format(curve->out, "<line x1=\"%d\" y1=\"42\" x2=\"%d\" y2=\"42\" stroke=\"#0072B2\""
                   " stroke-width=\"2\"/>\n<g fill=\"#E69F00\" stroke=\"#222\">\n", LEFT,
                   LEFT + 24);
    draw_mark(curve->out, LEFT + 130, 42, true);
    draw_mark(curve->out, LEFT + 300, 42, false);
    buf_add_text(curve->out, "</g>\n");
    svg_text(curve->out, LEFT + 30, 46, "start", "", "of the head");
    svg_text(curve->out, LEFT + 142, 46, "start", "", "accepted by the search");
    svg_text(curve->out, LEFT + 312, 46, "start", "", "by hand or import");
    svg_text(curve->out, LEFT + 450, 46, "start", "", below);
}

static void draw(const struct curve *curve, const struct story *story)
{
    char about[200];
    (void)snprintf(about, sizeof about, "%" PRIu64 " candidates tried, %" PRIu64 " accepted; the "
                   "head, step %lld, has fitness %+.6g.", story->tried, story->accepted,
                   (long long)story->head, story->fitness[story->head]);
    svg_begin(curve->out, WIDTH, HEIGHT, "Fitness (a search signal, not a result)", about);
    svg_text(curve->out, LEFT, 22, "start", "font-size=\"15\"",
             "Fitness (a search signal, not a result)");
    draw_fitness_axis(curve);
    draw_candidates(curve);
    draw_tried_axis(curve);
    draw_head(curve);
    draw_steps(curve);
    draw_legend(curve);
    svg_end(curve->out);
}

bool write_curve(const struct story *story, const char *folder, struct err *err)
{
    struct buf out = {0};
    struct curve *curve = x_new(1, sizeof *curve);
    curve->out = &out;
    curve->tried = story->tried;
    for (size_t i = 0; i <= COLUMNS; i++)
        curve->columns[i] = (struct column){(double)NAN, (double)NAN, (double)NAN, (double)NAN,
                                            (double)NAN};
    set_scale(curve, story);
    fill_candidates(curve, story);
    fill_changes(curve, story);
    draw(curve, story);
    bool ok = write_text(folder, "fitness.svg", &out, err);
    buf_free(&out);
    free(curve);
    return ok;
}

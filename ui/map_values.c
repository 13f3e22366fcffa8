/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the colours of the map say: the value of a cell or a row, the range of those that
 * are seen together, and the level of a value in it.
 *
 * Values with a sign go by the square root on either side of zero, each side as far as
 * its own largest: gains are small beside what most flips break.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/view_int.h"

const char *const map_colour_names[] = {"scale", "predicted", "impact", "measured", "difference",
                                        NULL};

/* ---- values ---------------------------------------------------------------------------- */

float map_cell_value(const struct app *app, const struct map_matrix *matrix)
{
    const struct predicted_matrix *predicted = matrix->predicted;
    switch (app->map.colour) {
    case MAP_PREDICTED: return predicted ? predicted->most : NAN;
    case MAP_IMPACT: return predicted ? predicted->strongest : NAN;
    case MAP_MEASURED: return matrix->measured_count > 0 ? matrix->measured_most : NAN;
    case MAP_DIFFERENCE: return matrix->compared > 0 ? matrix->difference : NAN;
    case MAP_SCALE: case MAP_COLOUR_COUNT: break;
    }
    return matrix->mean ? matrix->average : NAN;
}

float map_row_value(const struct app *app, const struct map_matrix *matrix, uint32_t row)
{
    const struct predicted_matrix *predicted = matrix->predicted;
    switch (app->map.colour) {
    case MAP_PREDICTED: return predicted ? predicted->change[row] : NAN;
    case MAP_IMPACT: return predicted ? predicted->impact[row] : NAN;
    case MAP_MEASURED: return matrix->measured ? matrix->measured[row].effect : NAN;
    case MAP_DIFFERENCE: return map_difference(&app->map, matrix, row);
    case MAP_SCALE: case MAP_COLOUR_COUNT: break;
    }
    return matrix->mean ? matrix->mean[row] : NAN;
}

uint64_t map_cell_count(const struct app *app, const struct map_matrix *matrix)
{
    switch (app->map.colour) {
    case MAP_PREDICTED: case MAP_IMPACT:
        return matrix->predicted ? matrix->predicted->promising : 0;
    case MAP_MEASURED: return matrix->measured_count;
    case MAP_DIFFERENCE: return matrix->compared;
    case MAP_SCALE: case MAP_COLOUR_COUNT: break;
    }
    return 0;
}

/* ---- ranges ------------------------------------------------------------------------------ */

bool map_diverges(enum map_colour colour)
{
    return colour == MAP_PREDICTED || colour == MAP_MEASURED || colour == MAP_DIFFERENCE;
}

static void widen(struct map_range *range, float value)
{
    if (isnan(value))
        return;
    range->low = range->any ? fminf(range->low, value) : value;
    range->high = range->any ? fmaxf(range->high, value) : value;
    range->any = true;
}

struct map_range map_range_of_cells(const struct app *app)
{
    struct map_range range = {.diverges = map_diverges(app->map.colour)};
    if (app->map.colour == MAP_SCALE)
        return (struct map_range){app->map.low, app->map.high, false, app->map.high > 0};
    for (size_t i = 0; i < app->map.matrix_count; i++)
        widen(&range, map_cell_value(app, &app->map.matrices[i]));
    return range;
}

struct map_range map_range_of_rows(const struct app *app, const struct map_matrix *matrix)
{
    struct map_range range = {.diverges = map_diverges(app->map.colour)};
    if (app->map.colour == MAP_SCALE)
        return (struct map_range){matrix->low, matrix->high, false, matrix->mean != NULL};
    for (uint32_t row = 0; row < matrix->rows; row++)
        widen(&range, map_row_value(app, matrix, row));
    return range;
}

/* 0 to 7 steps from the middle. */
static int steps_off(float value, float end)
{
    int most = DIVERGE_LEVELS / 2;
    float share = end > 0 ? sqrtf(value / end) : 0;
    int steps = (int)ceilf(share * (float)most - 0.5f);
    return steps > most ? most : steps;
}

int map_level(float value, const struct map_range *range)
{
    int middle = DIVERGE_FIRST + DIVERGE_LEVELS / 2;
    if (isnan(value))
        return HEAT_NONE;
    if (!range->diverges)
        return view_heat_level(value, range->low, range->high);
    return value < 0 ? middle - steps_off(-value, -range->low)
                     : middle + steps_off(value, range->high);
}

/* ---- words --------------------------------------------------------------------------------- */

/* "predicted gain of groups, ~3 flips ago"; of predictions that there are none of, how to
 * get them. */
void map_colour_text(const struct app *app, struct buf *out)
{
    static const char *const words[] = {"mean row scale", "predicted gain", "predicted impact",
                                        "measured gain", "measured - predicted"};
    const struct predictions *made = app->map.predictions;
    enum map_colour colour = app->map.colour;
    size_t age = app_predictions_age(app);
    buf_add_text(out, words[colour]);
    if (colour == MAP_SCALE || colour == MAP_MEASURED)
        return;
    if (!made) {
        buf_add_text(out, app->job.running && app->job.type == JOB_MAP ? ", being made ..."
                                                                       : ", R makes it");
        return;
    }
    if (made->granularity != GRANULARITY_ROW)
        buf_add_format(out, " of %ss", granularity_name(made->granularity));
    if (age > 0)
        buf_add_format(out, ", ~%zu flip%s ago", age, age == 1 ? "" : "s");
}

/* "-0.3120 [ladder] 0 [ladder] +0.1720  15 steps, root  WHAT" */
void map_legend(struct app *app, struct rect area, int row, const struct map_range *range,
                const char *what)
{
    char text[48];
    if (!range->diverges || !range->any) {
        if (app->map.colour == MAP_SCALE || range->any)
            view_legend(app, area, row, range->low, range->high, what);
        else
            (void)view_piece(app, area, row, 0, STYLE_DIM,
                             app->map.colour == MAP_MEASURED     ? "nothing measured yet"
                             : app->map.colour == MAP_DIFFERENCE ? "nothing to compare yet"
                                                                 : "no predictions yet");
        return;
    }
    if (row < 0 || row >= area.rows || area.columns < DIVERGE_LEVELS + 16)
        return;
    int column = grid_format(app->grid, area, row, 0, STYLE_DIM, "%+.4f ",
                             (double)fminf(range->low, 0));
    for (int i = 0; i < DIVERGE_LEVELS; i++)
        view_heat_fill(app, area, (struct rect){row, column + i, 1, 1}, DIVERGE_FIRST + i);
    column = grid_format(app->grid, area, row, column + DIVERGE_LEVELS, STYLE_DIM, " %+.4f",
                         (double)fmaxf(range->high, 0));
    int steps = app->theme ? theme_diverge_steps(app->theme, app->colours) : DIVERGE_LEVELS;
    (void)snprintf(text, sizeof text, "  %d steps, root", steps);
    column = view_piece(app, area, row, column, STYLE_DIM, text);
    (void)view_piece(app, area, row, column + 2, STYLE_DIM, what);
}

void map_known_text(const struct flip_known *known, uint64_t rows, bool shorter, struct buf *out)
{
    const char *gap = "";
    if (!isnan(known->predicted)) {
        buf_add_format(out, "%s%s %+.4f #%" PRIu64 "/%" PRIu64, gap,
                       shorter ? "pred" : "predicted", known->predicted, known->rank, rows);
        gap = "  ";
    }
    if (!isnan(known->measured))
        buf_add_format(out, "%s%s %+.4f%s", gap, shorter ? "meas" : "measured", known->measured,
                       known->measured_before ? "~" : "");
    if (!isnan(known->difference))
        buf_add_format(out, " (%+.4f)", known->difference);
}

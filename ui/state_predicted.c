/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What flips promise and what measuring them found, row by row.
 *
 * Both are true of the flips that were on then.  Predictions are compared with what was
 * measured with the same ones only: a row that is on promises what taking it off does.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ui/state_int.h"
#include "ui/view_int.h"

/* ---- predictions ---------------------------------------------------------------------- */

static bool is_predicted(const struct map_matrix *matrix, const struct flip *flip)
{
    const struct predicted_matrix *predicted = matrix->predicted;
    if (!predicted || flip->row >= predicted->rows)
        return false;
    struct flip best = predicted_best(predicted, flip->row);
    best.proj = flip->proj; /* of tied models the head is the embedding */
    return flip_equal(&best, flip);
}

float map_difference(const struct map_state *map, const struct map_matrix *matrix, uint32_t row)
{
    const struct row_measured *measured = matrix->measured ? &matrix->measured[row] : NULL;
    bool same = measured && map->predictions && measured->step == map->predictions->step &&
                is_predicted(matrix, &measured->flip);
    return same ? measured->effect - matrix->predicted->change[row] : NAN;
}

/* What cells of the map show of all rows that were measured. */
static void sum_up(const struct map_state *map, struct map_matrix *matrix)
{
    double differences = 0;
    matrix->measured_count = matrix->compared = 0;
    matrix->measured_most = matrix->difference = NAN;
    for (uint32_t row = 0; matrix->measured && row < matrix->rows; row++) {
        float effect = matrix->measured[row].effect;
        if (isnan(effect))
            continue;
        matrix->measured_count++;
        matrix->measured_most = fmaxf(matrix->measured_most, effect); /* NAN loses */
        float difference = map_difference(map, matrix, row);
        if (isnan(difference))
            continue;
        matrix->compared++;
        differences += (double)difference;
    }
    if (matrix->compared > 0)
        matrix->difference = (float)(differences / matrix->compared);
}

void map_free_predictions(struct map_state *map)
{
    predictions_free(map->predictions);
    free(map->flips);
    map->predictions = NULL;
    map->flips = NULL;
}

/* The flips that are on are those of the predictions: events come in their order. */
void map_take_predictions(struct app *app, struct event *event)
{
    struct map_state *map = &app->map;
    const struct search_state *search = &app->search;
    map_free_predictions(map);
    map->predictions = event->predictions; /* moved */
    event->predictions = NULL;
    map->flip_count = search->accepted_count;
    map->flips = x_new(map->flip_count + 1, sizeof *map->flips);
    if (map->flip_count > 0)
        memcpy(map->flips, search->accepted, map->flip_count * sizeof *map->flips);
    map->best = 0;
    for (size_t i = 0; i < map->matrix_count; i++) {
        struct map_matrix *matrix = &map->matrices[i];
        matrix->predicted = predictions_of(map->predictions, matrix->layer, matrix->proj);
        if (matrix->predicted && matrix->predicted->rows != matrix->rows)
            matrix->predicted = NULL;
        sum_up(map, matrix);
    }
}

static size_t count_missing(const struct flip *flips, size_t count, const struct flip *others,
                            size_t other_count)
{
    size_t missing = 0;
    for (size_t i = 0; i < count; i++)
        missing += !search_holds(others, other_count, &flips[i]);
    return missing;
}

size_t app_predictions_age(const struct app *app)
{
    const struct map_state *map = &app->map;
    const struct search_state *search = &app->search;
    if (!map->predictions || map->predictions->step == search->step)
        return 0;
    return count_missing(search->accepted, search->accepted_count, map->flips, map->flip_count) +
           count_missing(map->flips, map->flip_count, search->accepted, search->accepted_count);
}

/* ---- measurements ------------------------------------------------------------------------ */

static struct row_measured *new_measured(uint32_t rows)
{
    struct row_measured *measured = x_new(rows, sizeof *measured);
    for (uint32_t row = 0; row < rows; row++)
        measured[row].effect = NAN;
    return measured;
}

void map_take_measured(struct app *app, const struct flip *flip, double effect, int64_t step)
{
    struct map_matrix *matrix = app_matrix(app, flip->layer, flip->proj);
    if (!matrix || flip->row >= matrix->rows || isnan(effect))
        return;
    if (!matrix->measured)
        matrix->measured = new_measured(matrix->rows);
    matrix->measured[flip->row] = (struct row_measured){(float)effect, *flip, step};
    sum_up(&app->map, matrix);
}

/* ---- questions ------------------------------------------------------------------------------ */

bool app_unit_at_cursor(struct app *app, struct flip *flip)
{
    const struct map_matrix *matrix = app_matrix_at_cursor(app);
    if (!app_row_at_cursor(app, flip))
        return false;
    if (app->map.colour != MAP_SCALE && matrix->predicted)
        *flip = predicted_best(matrix->predicted, flip->row);
    return true;
}

struct flip_known app_known(struct app *app, const struct flip *flip)
{
    const struct map_matrix *matrix = app_matrix(app, flip->layer, flip->proj);
    double unknown = (double)NAN;
    struct flip_known known = {.predicted = unknown, .measured = unknown, .difference = unknown};
    if (!matrix || flip->row >= matrix->rows)
        return known;
    if (is_predicted(matrix, flip)) {
        float change = matrix->predicted->change[flip->row];
        known.predicted = (double)change;
        known.rank = predictions_above(app->map.predictions, change) + 1;
    }
    const struct row_measured *measured = matrix->measured ? &matrix->measured[flip->row] : NULL;
    if (measured && !isnan(measured->effect) && flip_equal(&measured->flip, flip)) {
        known.measured = (double)measured->effect;
        known.measured_before = measured->step != app->search.step;
        known.difference = (double)map_difference(&app->map, matrix, flip->row);
    }
    return known;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The state of the map: one entry per matrix, layer by layer, then embed and
 * head (of tied models embed alone: the same bits).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ui/state_int.h"
#include "ui/view_int.h"

int map_layers(const struct app *app)
{
    return app->shape ? (int)app->shape->layers : 0;
}

int map_extra_columns(const struct app *app)
{
    if (!app->shape)
        return 0;
    return app->shape->tied ? 1 : 2;
}

static struct map_matrix new_matrix(const struct model *model, int32_t layer, enum proj proj)
{
    struct map_matrix matrix = {.layer = layer, .proj = proj};
    uint32_t columns = 0;
    if (!model_matrix_size(model, layer, proj, &matrix.rows, &columns))
        matrix.rows = 0;
    matrix.marks = x_new(matrix.rows, sizeof(*matrix.marks));
    return matrix;
}

void map_open(struct app *app, const struct model *model)
{
    struct map_state *map = &app->map;
    map_free(map);
    size_t layers = (size_t)map_layers(app);
    size_t count = layers * PROJ_LAYER_COUNT + (size_t)map_extra_columns(app);
    map->matrices = x_new(count, sizeof(*map->matrices));
    map->matrix_count = count;
    for (size_t i = 0; i < count; i++) {
        size_t extra = i - layers * PROJ_LAYER_COUNT;
        bool in_layer = i < layers * PROJ_LAYER_COUNT;
        map->matrices[i] = new_matrix(model, in_layer ? (int32_t)(i / PROJ_LAYER_COUNT) : NO_LAYER,
                                      (enum proj)(in_layer ? i % PROJ_LAYER_COUNT
                                                           : PROJ_EMBED + extra));
    }
}

void map_free(struct map_state *map)
{
    for (size_t i = 0; i < map->matrix_count; i++) {
        free(map->matrices[i].mean);
        free(map->matrices[i].marks);
        free(map->matrices[i].measured);
    }
    map_free_predictions(map);
    free(map->matrices);
    *map = (struct map_state){0};
}

struct map_matrix *app_matrix(struct app *app, int32_t layer, enum proj proj)
{
    struct map_state *map = &app->map;
    if (proj == PROJ_HEAD && app->shape && app->shape->tied)
        proj = PROJ_EMBED;
    for (size_t i = 0; i < map->matrix_count; i++)
        if (map->matrices[i].layer == layer && map->matrices[i].proj == proj)
            return &map->matrices[i];
    return NULL;
}

struct map_matrix *app_matrix_at_cursor(struct app *app)
{
    const struct map_state *map = &app->map;
    if (map->layer >= map_layers(app))
        return app_matrix(app, NO_LAYER, (enum proj)(PROJ_EMBED + map->column));
    return app_matrix(app, map->layer, (enum proj)map->column);
}

bool app_row_at_cursor(struct app *app, struct flip *flip)
{
    const struct map_matrix *matrix = app->map.zoomed ? app_matrix_at_cursor(app) : NULL;
    if (!matrix || app->map.row >= matrix->rows)
        return false;
    *flip = (struct flip){.layer = matrix->layer,
                          .proj = matrix->proj,
                          .row = app->map.row,
                          .group = FLIP_WHOLE_ROW};
    return true;
}

uint32_t app_row_rank(const struct map_matrix *matrix, uint32_t row)
{
    uint32_t larger = 0;
    if (!matrix->mean || row >= matrix->rows)
        return 0;
    for (uint32_t i = 0; i < matrix->rows; i++)
        larger += matrix->mean[i] > matrix->mean[row];
    return larger;
}

bool map_go(struct app *app, const struct flip *flip)
{
    const struct map_matrix *matrix = app_matrix(app, flip->layer, flip->proj);
    if (!matrix || flip->row >= matrix->rows)
        return false;
    bool in_layer = matrix->layer != NO_LAYER;
    app->map.layer = in_layer ? matrix->layer : map_layers(app);
    app->map.column = (int)matrix->proj - (in_layer ? 0 : (int)PROJ_EMBED);
    app->map.row = flip->row;
    app->map.zoomed = true;
    return true;
}

/* ---- scales ----------------------------------------------------------------------- */

static void summarize(struct map_matrix *matrix)
{
    double sum = 0;
    matrix->low = matrix->high = matrix->rows ? matrix->mean[0] : 0;
    for (uint32_t i = 0; i < matrix->rows; i++) {
        matrix->low = fminf(matrix->low, matrix->mean[i]);
        matrix->high = fmaxf(matrix->high, matrix->mean[i]);
        sum += (double)matrix->mean[i];
    }
    matrix->average = matrix->rows ? (float)(sum / matrix->rows) : 0;
}

/* The range of all layers' averages known so far: for the colours.  Embedding and
 * head are left out: with scales of another size they would make all layers one
 * colour.  Where they lie outside, they get the end of the ladder. */
static void find_range(struct map_state *map)
{
    bool any = false;
    for (size_t i = 0; i < map->matrix_count; i++) {
        const struct map_matrix *matrix = &map->matrices[i];
        if (!matrix->mean || matrix->layer == NO_LAYER)
            continue;
        map->low = any ? fminf(map->low, matrix->average) : matrix->average;
        map->high = any ? fmaxf(map->high, matrix->average) : matrix->average;
        any = true;
    }
}

void map_take_scales(struct app *app, const struct event_scales *scales)
{
    struct map_matrix *matrix = app_matrix(app, scales->layer, scales->proj);
    if (!matrix || !scales->mean || matrix->rows != scales->rows)
        return;
    free(matrix->mean);
    matrix->mean = x_new(matrix->rows, sizeof(*matrix->mean));
    memcpy(matrix->mean, scales->mean, matrix->rows * sizeof(*matrix->mean));
    summarize(matrix);
    find_range(&app->map);
}

/* ---- marks of rows ------------------------------------------------------------------ */

static uint32_t *counter_of(struct map_matrix *matrix, enum row_mark mark)
{
    return mark == ROW_TRIED      ? &matrix->tried
           : mark == ROW_REJECTED ? &matrix->rejected
                                  : &matrix->accepted;
}

void map_mark(struct app *app, const struct flip *flip, enum row_mark mark, bool on)
{
    struct map_matrix *matrix = app_matrix(app, flip->layer, flip->proj);
    if (!matrix || flip->row >= matrix->rows)
        return;
    uint8_t *marks = &matrix->marks[flip->row];
    if (on == ((*marks & mark) != 0))
        return;
    *marks = (uint8_t)(*marks ^ mark);
    *counter_of(matrix, mark) += on ? 1u : -1u;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where a person was looking, as a JSON object that a session keeps.  It may come from a
 * file of anybody's: whatever does not fit is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "ui/state_int.h"
#include "ui/view_int.h"

char *app_view_text(const struct app *app)
{
    const struct map_state *map = &app->map;
    json_t *view = json_pack("{s:s, s:s, s:b, s:i, s:i, s:I, s:b, s:I, s:I, s:s}", "screen",
                             view_of(app->screen)->name, "focus", view_of(app->focus)->name,
                             "maximised", (int)app->maximised, "layer", map->layer, "column",
                             map->column, "row", (json_int_t)map->row, "zoomed", (int)map->zoomed,
                             "probe", (json_int_t)app->probe_cursor, "next",
                             (json_int_t)app->search.cursor, "colour",
                             map_colour_names[map->colour]);
    char *text = json_dumps(view, JSON_COMPACT | JSON_SORT_KEYS);
    char *copy = x_copy(text ? text : "", text ? strlen(text) : 0);
    json_decref(view);
    free(text);
    return copy;
}

static void take_view(const json_t *view, const char *key, enum view_id *out)
{
    const char *name = json_string_value(json_object_get(view, key));
    for (int id = 0; name && id < VIEW_COUNT; id++)
        if (strcmp(view_of((enum view_id)id)->name, name) == 0)
            *out = (enum view_id)id;
}

/* A whole number from 0 to below end, or else 0. */
static int64_t take_number(const json_t *view, const char *key, int64_t end)
{
    json_int_t number = json_integer_value(json_object_get(view, key));
    return number >= 0 && number < end ? number : 0;
}

static void take_map(struct app *app, const json_t *view)
{
    struct map_state *map = &app->map;
    map->layer = (int)take_number(view, "layer", map_layers(app) + 1);
    int columns = map->layer < map_layers(app) ? (int)PROJ_LAYER_COUNT : map_extra_columns(app);
    map->column = (int)take_number(view, "column", columns);
    const struct map_matrix *matrix = app_matrix_at_cursor(app);
    map->row = (uint32_t)take_number(view, "row", matrix ? matrix->rows : 0);
    const char *colour = json_string_value(json_object_get(view, "colour"));
    for (int i = 0; colour && map_colour_names[i]; i++)
        if (strcmp(map_colour_names[i], colour) == 0)
            map->colour = (enum map_colour)i;
    map->zoomed = matrix && json_is_true(json_object_get(view, "zoomed"));
}

void app_take_view(struct app *app, const char *text)
{
    json_t *view = json_loads(text, 0, NULL);
    if (json_is_object(view)) {
        take_view(view, "screen", &app->screen);
        take_view(view, "focus", &app->focus);
        app->maximised = json_is_true(json_object_get(view, "maximised"));
        take_map(app, view);
        app->probe_cursor = (size_t)take_number(view, "probe", (int64_t)app->probe_count);
        app->search.cursor = (size_t)take_number(view, "next", 64);
    }
    json_decref(view);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands that go to places of the map, and those of what it shows.
 */
#include <string.h>

#include "engine/search/flip_map.h"
#include "ui/command_int.h"
#include "ui/view_int.h"

void command_goto(struct app *app, const struct command_call *call)
{
    struct place place;
    if (!command_needs_model(app, call) || !command_place(app, call->argument[0], &place))
        return;
    (void)map_go(app, &place.flip); /* its row exists */
    command_show(app, VIEW_MAP);
}

/* +1, -1, or 0 after complaining. */
static int direction_of(struct app *app, const struct command_call *call)
{
    if (!command_needs_model(app, call))
        return 0;
    int direction = command_word(app, call, call->argument[0], command_directions);
    return direction < 0 ? 0 : direction == 0 ? 1 : -1;
}

void command_layer(struct app *app, const struct command_call *call)
{
    int by = direction_of(app, call);
    int layers = (int)(by ? app->shape->layers : 0);
    int layer = app->map.layer + by; /* from embed and head, back into the last layer */
    if (by == 0)
        return;
    if (layer < 0 || layer >= layers)
        app_say(app, "this is the %s layer", by < 0 ? "first" : "last");
    else
        command_map_at(app, layer, (enum proj)app->map.column);
}

void command_proj(struct app *app, const struct command_call *call)
{
    int by = direction_of(app, call);
    if (by == 0)
        return;
    bool in_layer = app->map.layer < (int)app->shape->layers;
    int first = in_layer ? 0 : (int)PROJ_EMBED;
    int last = in_layer ? (int)PROJ_LAYER_COUNT - 1 : (int)PROJ_HEAD;
    int proj = first + app->map.column + by;
    int32_t layer = in_layer ? app->map.layer : NO_LAYER;
    if (proj < first || proj > last || !app_matrix(app, layer, (enum proj)proj))
        app_say(app, "this is the %s matrix of the %s", by < 0 ? "first" : "last",
                in_layer ? "layer" : "model");
    else
        command_map_at(app, layer, (enum proj)proj);
}

/* ---- what it shows ------------------------------------------------------------------- */

static bool needs_predictions(enum map_colour colour)
{
    return colour == MAP_PREDICTED || colour == MAP_IMPACT || colour == MAP_DIFFERENCE;
}

static void post_map(struct app *app)
{
    command_post_before_run(
        app, (struct job){.type = JOB_MAP, .count = (uint64_t)app->map.granularity});
}

/* What costs little is made at once. */
static void show_colour(struct app *app, enum map_colour colour)
{
    app->map.colour = colour;
    command_show(app, VIEW_MAP);
    bool lacks = needs_predictions(colour) && !app->map.predictions;
    if (lacks && app->search.small && !app->job.running)
        post_map(app);
}

static void next_colour(struct app *app)
{
    static const enum map_colour next[] = {
        [MAP_SCALE] = MAP_PREDICTED,    [MAP_PREDICTED] = MAP_MEASURED,
        [MAP_IMPACT] = MAP_MEASURED,    [MAP_MEASURED] = MAP_DIFFERENCE,
        [MAP_DIFFERENCE] = MAP_SCALE,
    };
    show_colour(app, next[app->map.colour]);
}

static void colour_named(struct app *app, const struct command_call *call)
{
    if (call->count < 2 || strcmp(call->argument[1], "next") == 0) {
        next_colour(app);
        return;
    }
    int colour = command_word(app, call, call->argument[1], map_colour_names);
    if (colour >= 0)
        show_colour(app, (enum map_colour)colour);
}

/* One word of `map`: what to show, or of what. */
static bool map_word(struct app *app, const char *word, enum map_colour *colour,
                     enum granularity *granularity)
{
    static const enum map_colour colours[] = {[FLIP_MAP_ATTRIBUTION] = MAP_PREDICTED,
                                              [FLIP_MAP_IMPACT] = MAP_IMPACT,
                                              [FLIP_MAP_SCALE] = MAP_SCALE};
    enum flip_map_what what;
    if (flip_map_what_parse(word, &what))
        *colour = colours[what];
    else if (!granularity_parse(word, granularity)) {
        app_complain(app, "map cannot be '%s': expected attribution, impact, scale, row, group, "
                          "bit or colour", word);
        return false;
    }
    return true;
}

void command_of_map(struct app *app, const struct command_call *call)
{
    struct map_state *map = &app->map;
    enum map_colour colour = map->colour == MAP_SCALE ? MAP_PREDICTED : map->colour;
    if (!command_needs_model(app, call))
        return;
    if (call->count > 0 && strcmp(call->argument[0], "colour") == 0) {
        colour_named(app, call);
        return;
    }
    for (int i = 0; i < call->count; i++)
        if (!map_word(app, call->argument[i], &colour, &map->granularity))
            return;
    map->colour = colour;
    command_show(app, VIEW_MAP);
    if (colour != MAP_SCALE)
        post_map(app);
}

/* The list of the best; it is made where there is none. */
void command_best(struct app *app, const struct command_call *call)
{
    if (!command_needs_model(app, call))
        return;
    app->overlay = OVERLAY_BEST;
    if (!app->map.predictions && !app->job.running)
        post_map(app);
}

void command_measure(struct app *app, const struct command_call *call)
{
    int64_t count;
    if (command_needs_model(app, call) &&
        command_number(app, call, PREDICTIONS_BEST_MAX, 20, &count))
        command_post_before_run(app, (struct job){.type = JOB_MEASURE, .count = (uint64_t)count});
}

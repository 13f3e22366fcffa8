/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands that go to places of the map.
 */
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

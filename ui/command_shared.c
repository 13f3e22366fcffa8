/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What commands of several topics ask: arguments, places on the map, and where
 * views are.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "ui/command_int.h"

const char *const command_motions[] = {
    [MOVE_UP] = "up",
    [MOVE_DOWN] = "down",
    [MOVE_LEFT] = "left",
    [MOVE_RIGHT] = "right",
    [MOVE_PAGE_UP] = "page-up",
    [MOVE_PAGE_DOWN] = "page-down",
    [MOVE_HALF_UP] = "half-up",
    [MOVE_HALF_DOWN] = "half-down",
    [MOVE_FIRST] = "first",
    [MOVE_LAST] = "last",
    [MOVE_LINE_START] = "line-start",
    [MOVE_LINE_END] = "line-end",
    NULL,
};

const char *const command_directions[] = {"next", "previous", NULL};
const char *const command_patch_words[] = {"open", "previous", NULL};
const char *const command_map_words[] = {"attribution", "impact", "scale",  "row",
                                         "group",       "bit",    "colour", NULL};
const char *const command_orders[] = {"set",      "name",  "gap",     "delta", "verdict",
                                      "category", "badge", "reverse", NULL};
const char *const command_tabs[] = {"targets", "controls", "held-out", "next", "previous", NULL};
const char *const command_themes[] = {"dark", "light", NULL};

const char *const command_projections[] = {
    [PROJ_Q] = "q",       [PROJ_K] = "k",   [PROJ_V] = "v",       [PROJ_O] = "o",
    [PROJ_GATE] = "gate", [PROJ_UP] = "up", [PROJ_DOWN] = "down", [PROJ_EMBED] = "embed",
    [PROJ_HEAD] = "head", NULL,
};

/* ---- arguments --------------------------------------------------------------- */

bool command_needs_model(struct app *app, const struct command_call *call)
{
    if (!app->opened)
        app_complain(app, "%s needs a model, and none is open yet", call->name);
    return app->opened;
}

int command_word(struct app *app, const struct command_call *call, const char *word,
                 const char *const *words)
{
    struct buf expected = {0};
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], word) == 0) {
            buf_free(&expected);
            return i;
        }
        buf_add_format(&expected, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
    }
    app_complain(app, "%s cannot be '%s': expected %s", call->name, word,
                 expected.data ? expected.data : "nothing");
    buf_free(&expected);
    return -1;
}

bool command_number(struct app *app, const struct command_call *call, int64_t max,
                    int64_t fallback, int64_t *out)
{
    *out = fallback;
    if (call->count == 0)
        return true;
    if (num_parse_int(call->argument[0], out) && *out >= 1 && *out <= max)
        return true;
    app_complain(app, "%s cannot take '%s': expected a whole number from 1 to %lld", call->name,
                 call->argument[0], (long long)max);
    return false;
}

/* ---- places ------------------------------------------------------------------ */

static bool complain_place(struct app *app, const char *text)
{
    app_complain(app, "'%s' is no row: expected LAYER.PROJ.ROW as in 3.gate.514, or embed.17",
                 text);
    return false;
}

/* The layer before a dot, or none; returns what follows. */
static const char *parse_layer(const char *text, int64_t *layer)
{
    *layer = NO_LAYER;
    const char *digits = *text == 'L' || *text == 'l' ? text + 1 : text;
    size_t len = strspn(digits, "0123456789");
    if (len == 0 || len > 9 || digits[len] != '.')
        return text;
    *layer = 0;
    for (size_t i = 0; i < len; i++)
        *layer = *layer * 10 + (digits[i] - '0');
    return digits + len + 1;
}

/* "gate" of "gate.514"; returns what follows the dot or NULL. */
static const char *parse_proj(const char *text, char *name, size_t name_size)
{
    size_t len = strcspn(text, ".");
    size_t kept = len < name_size ? len : name_size - 1;
    memcpy(name, text, kept);
    name[kept] = '\0';
    return text[len] == '.' ? text + len + 1 : NULL;
}

static bool check_matrix(struct app *app, int64_t layer, enum proj proj)
{
    int64_t layers = app->shape ? (int64_t)app->shape->layers : 0;
    if (layer >= layers)
        app_complain(app, "layer %lld is out of range: this model has layers 0 to %lld",
                     (long long)layer, (long long)layers - 1);
    else if (!app_matrix(app, (int32_t)layer, proj))
        app_complain(app, "this model has no %s to flip", proj_name(proj));
    else
        return true;
    return false;
}

static bool check_row(struct app *app, const char *text, int64_t row, const struct flip *flip)
{
    const struct map_matrix *matrix = app_matrix(app, flip->layer, flip->proj);
    if (matrix && row < (int64_t)matrix->rows)
        return true;
    app_complain(app, "row %lld of %s is out of range: its matrix has rows 0 to %lld",
                 (long long)row, text, matrix ? (long long)matrix->rows - 1 : -1);
    return false;
}

/* On tied models the head is the embedding. */
static enum proj untie(const struct app *app, enum proj proj)
{
    return proj == PROJ_HEAD && app->shape && app->shape->tied ? PROJ_EMBED : proj;
}

bool command_place(struct app *app, const char *text, struct place *place)
{
    int64_t layer, row = 0;
    char name[32];
    enum proj proj;
    const char *row_text = parse_proj(parse_layer(text, &layer), name, sizeof name);
    if (!proj_parse(name, &proj) || (row_text && !num_parse_int(row_text, &row)) || row < 0)
        return complain_place(app, text);
    if ((layer == NO_LAYER) != (proj >= PROJ_LAYER_COUNT))
        return complain_place(app, text);
    proj = untie(app, proj);
    if (!check_matrix(app, layer, proj))
        return false;
    place->flip = (struct flip){.layer = (int32_t)layer, .proj = proj, .group = FLIP_WHOLE_ROW};
    place->has_row = row_text != NULL;
    if (!check_row(app, text, row, &place->flip))
        return false;
    place->flip.row = (uint32_t)row;
    return true;
}

void command_map_at(struct app *app, int32_t layer, enum proj proj)
{
    bool in_layer = proj < PROJ_LAYER_COUNT;
    app->map.layer = in_layer ? layer : (int)app->shape->layers;
    app->map.column = (int)proj - (in_layer ? 0 : (int)PROJ_EMBED);
    const struct map_matrix *matrix = app_matrix_at_cursor(app);
    if (matrix && matrix->rows > 0 && app->map.row >= matrix->rows)
        app->map.row = matrix->rows - 1;
}

/* ---- views ------------------------------------------------------------------- */

bool command_view_has_room(const struct app *app, enum view_id view)
{
    struct app small = *app; /* layout_of looks at it only */
    small.maximised = false;
    struct layout layout = layout_of(&small);
    return layout.view[view].rows > 0 && layout.view[view].columns > 0;
}

void command_show(struct app *app, enum view_id view)
{
    if (!command_view_has_room(app, view))
        app->screen = view;
    app->focus = view;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the columns of an event have no room for is in its data: all flips of a candidate of
 * several, as objects like the rows of step_flip, and what was promised of it.
 */
#include <math.h>
#include <string.h>

#include "src/base/json_field.h"
#include "src/session/session_int.h"

static json_t *flip_json(const struct flip *flip)
{
    char mask[MASK_TEXT_SIZE];
    json_t *object = json_object();
    if (flip->layer != NO_LAYER)
        (void)json_object_set_new(object, "layer", json_integer(flip->layer));
    (void)json_object_set_new(object, "proj", json_string(proj_name(flip->proj)));
    (void)json_object_set_new(object, "row", json_integer(flip->row));
    if (flip->group == FLIP_WHOLE_ROW)
        return object;
    mask_print(flip, mask);
    (void)json_object_set_new(object, "grp", json_integer(flip->group));
    (void)json_object_set_new(object, "mask", json_string(mask));
    return object;
}

static json_t *flips_json(const struct session_event *event)
{
    json_t *flips = json_array();
    for (size_t i = 0; i < event->flip_count; i++)
        (void)json_array_append_new(flips, flip_json(&event->flips[i]));
    return flips;
}

json_t *event_try_data(const struct session_event *event)
{
    json_t *data = event->data ? json_copy(event->data) : NULL;
    bool promised = event->promised != 0 && isfinite(event->promised);
    if (!data && (event->flip_count > 1 || promised))
        data = json_object();
    if (event->flip_count > 1)
        (void)json_object_set_new(data, "flips", flips_json(event));
    if (promised)
        (void)json_object_set_new(data, "promised", json_real(event->promised));
    return data;
}

/* Keys that say nothing of a flip are refused, too. */
static bool read_flip(const json_t *object, struct flip *out)
{
    struct err ignored;
    int64_t layer = NO_LAYER, row = 0, group = FLIP_WHOLE_ROW;
    const char *proj = NULL, *mask = NULL;
    *out = (struct flip){.layer = NO_LAYER, .group = FLIP_WHOLE_ROW};
    bool has_layer = json_object_get(object, "layer");
    bool has_group = json_object_get(object, "grp");
    if (!json_field_text(object, "", "proj", true, &proj, &ignored) ||
        !proj_parse(proj, &out->proj) || strcmp(proj, proj_name(out->proj)) != 0 ||
        has_layer != (out->proj < PROJ_LAYER_COUNT) ||
        (has_layer && !json_field_int(object, "", "layer", 0, INT32_MAX, &layer, &ignored)) ||
        !json_field_int(object, "", "row", 0, UINT32_MAX, &row, &ignored) ||
        (has_group && !json_field_int(object, "", "grp", 0, INT32_MAX, &group, &ignored)) ||
        !json_field_text(object, "", "mask", has_group, &mask, &ignored) ||
        has_group != (mask != NULL) || (mask && !mask_parse(mask, strlen(mask), out->mask)))
        return false;
    out->layer = (int32_t)layer;
    out->row = (uint32_t)row;
    out->group = (int32_t)group;
    return json_object_size(object) == (size_t)2 + has_layer + (size_t)2 * has_group;
}

static bool read_flips(const json_t *data, const struct flip *first, struct flip **room,
                      size_t *count)
{
    const json_t *array = json_object_get(data, "flips");
    *count = json_array_size(array);
    if (*count < 2)
        return false;
    *room = x_grow(*room, *count, sizeof **room);
    for (size_t i = 0; i < *count; i++)
        if (!read_flip(json_array_get(array, i), &(*room)[i]))
            return false;
    return flip_equal(*room, first);
}

bool event_try_read(struct session_event *event, struct flip **room)
{
    const json_t *promised = json_object_get(event->data, "promised");
    bool several = json_object_get(event->data, "flips");
    if (several && !read_flips(event->data, &event->flip, room, &event->flip_count))
        return false;
    event->flips = several ? *room : NULL;
    event->promised = json_real_value(promised);
    return !promised || json_is_real(promised);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/base/json_field.h"
#include "src/experiment/lab.h"
#include "src/report/report.h"

void flips_add(struct flips *flips, struct flip flip)
{
    if ((flips->count & (flips->count - 1)) == 0) /* full at powers of two */
        flips->data = x_grow(flips->data, flips->count ? 2 * flips->count : 1,
                             sizeof *flips->data);
    flips->data[flips->count++] = flip;
}

void flips_add_matrix(struct flips *flips, const struct model *model, int32_t layer,
                      enum proj proj)
{
    uint32_t rows = 0, columns = 0;
    (void)model_matrix_size(model, layer, proj, &rows, &columns);
    for (uint32_t row = 0; row < rows; row++)
        flips_add(flips, (struct flip){layer, proj, row, FLIP_WHOLE_ROW, {0, 0}});
}

void flips_toggle(const struct flips *flips, struct model *model)
{
    for (size_t i = 0; i < flips->count; i++)
        model_flip(model, &flips->data[i]);
}

uint64_t flips_bits(const struct flips *flips, const struct model *model)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < flips->count; i++) {
        const struct flip *flip = &flips->data[i];
        uint32_t rows = 0, columns = 0;
        (void)model_matrix_size(model, flip->layer, flip->proj, &rows, &columns);
        bits += flip->group == FLIP_WHOLE_ROW
                    ? columns
                    : (uint64_t)(__builtin_popcountll(flip->mask[0]) +
                                 __builtin_popcountll(flip->mask[1]));
    }
    return bits;
}

void flips_free(struct flips *flips)
{
    free(flips->data);
    *flips = (struct flips){0};
}

/* ---- JSON -------------------------------------------------------------------------- */

json_t *flips_json(const struct flips *flips)
{
    json_t *array = json_array();
    for (size_t i = 0; i < flips->count; i++)
        (void)json_array_append_new(array, report_flip_json(&flips->data[i]));
    return array;
}

static int hex_value(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *at = digit ? strchr(digits, digit) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* 32 hex digits: the bytes of the group in order. */
static bool read_mask(const char *text, uint64_t mask[2])
{
    mask[0] = mask[1] = 0;
    if (strlen(text) != 32)
        return false;
    for (size_t i = 0; i < 16; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        mask[i / 8] |= (uint64_t)(high * 16 + low) << 8 * (i % 8);
    }
    return (mask[0] | mask[1]) != 0;
}

/* Of a flip of a group: all its bits, one, or those of a mask. */
static bool read_bits(const json_t *object, struct flip *flip, struct err *err)
{
    const char *mask = NULL;
    int64_t bit = 0;
    memcpy(flip->mask, flip_mask_all, sizeof flip->mask);
    if (json_object_get(object, "bit")) {
        if (!json_field_int(object, "", "bit", 0, GROUP_WEIGHTS - 1, &bit, err))
            return false;
        flip->mask[0] = bit < 64 ? UINT64_C(1) << bit : 0;
        flip->mask[1] = bit < 64 ? 0 : UINT64_C(1) << (bit - 64);
        return true;
    }
    if (!json_field_text(object, "", "mask", false, &mask, err))
        return false;
    return !mask || read_mask(mask, flip->mask) ||
           json_refuse(json_object_get(object, "mask"), "", "mask", "32 hex digits", err);
}

static bool read_flip(const json_t *object, struct flip *flip, struct err *err)
{
    const char *proj = NULL;
    int64_t layer = NO_LAYER, row = 0, group = FLIP_WHOLE_ROW;
    *flip = (struct flip){0};
    if (json_object_get(object, "layer") &&
        !json_field_int(object, "", "layer", 0, INT32_MAX, &layer, err))
        return false;
    if (!json_field_text(object, "", "proj", true, &proj, err) ||
        !json_field_int(object, "", "row", 0, UINT32_MAX, &row, err))
        return false;
    if (!proj_parse(proj, &flip->proj))
        return json_refuse(json_object_get(object, "proj"), "", "proj", "a projection", err);
    flip->layer = (int32_t)layer;
    flip->row = (uint32_t)row;
    if (json_object_get(object, "group") &&
        !(json_field_int(object, "", "group", 0, INT32_MAX, &group, err) &&
          read_bits(object, flip, err)))
        return false;
    flip->group = (int32_t)group;
    return true;
}

bool flips_read(const json_t *array, const struct model *model, struct flips *out,
                struct err *err)
{
    json_t *object;
    size_t i;
    *out = (struct flips){0};
    if (!json_is_array(array))
        return json_refuse(array, "flips", NULL, "an array", err);
    json_array_foreach(array, i, object) {
        struct flip flip;
        if (!read_flip(object, &flip, err) || !model_flip_fits(model, &flip, err)) {
            flips_free(out);
            return false;
        }
        flips_add(out, flip);
    }
    return true;
}

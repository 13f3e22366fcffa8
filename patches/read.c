/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading what others and we write.  The published files come in three
 * variants (FORMAT.md); they differ only in how they name themselves, so the
 * variant is settled first and the flips are read by one function.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "patches/packed_int.h"
#include "src/base/file.h"
#include "src/base/json_field.h"
#include "src/base/num.h"
#include "src/base/sha256.h"

enum { PATH_SIZE = 32 };

static const size_t file_bytes_max = (size_t)256 << 20;

/* ---- which variant ------------------------------------------------------- */

/* Formats we know of and cannot apply, and why. */
static const struct {
    const char *format;
    const char *reason;
} refused_formats[] = {
    {"bankai_group_xor_v2", "its group index runs over the whole tensor and its flips may change "
                            "scales, which no XOR of sign bits can say"},
    {"neagari_xor_v2", "its group index runs over the whole tensor and its flips may change "
                       "scales, which no XOR of sign bits can say"},
};

static bool refuse_format(const char *format, struct err *err)
{
    const char *reason = NULL;
    for (size_t i = 0; i < countof(refused_formats); i++)
        if (strcmp(format, refused_formats[i].format) == 0)
            reason = refused_formats[i].reason;
    (void)err_set(err, ERR_UNSUPPORTED, "is \"%.60s\", supported are \"" PATCH_FORMAT
                  "\" and \"" PATCH_FORMAT_2 "\"%s%s", format,
                  reason ? "; " : "", reason ? reason : "");
    return err_where(err, "format");
}

/* Of version 1 many files do not state it. */
static bool read_version(const json_t *root, int expected, struct err *err)
{
    const json_t *version = json_object_get(root, "version");
    if ((!version && expected == 1) ||
        (json_is_integer(version) && json_integer_value(version) == expected))
        return true;
    (void)json_refuse(version, "", "version", expected == 1 ? "1" : "2", err);
    if (json_is_integer(version))
        err->code = ERR_UNSUPPORTED;
    return false;
}

/* The published variants: format; no format but type; neither. */
static bool read_variant(struct patch *patch, const json_t *root, struct err *err)
{
    const char *format = NULL, *type = NULL;
    if (!json_field_text(root, "", "format", false, &format, err))
        return false;
    if (format && strcmp(format, PATCH_FORMAT_2) == 0) {
        patch_set_text(&patch->format, PATCH_FORMAT_2);
        return read_version(root, 2, err);
    }
    if (format && strcmp(format, PATCH_FORMAT) != 0)
        return refuse_format(format, err);
    if (!read_version(root, 1, err))
        return false;
    if (format)
        return true;
    if (!json_field_text(root, "", "type", false, &type, err))
        return false;
    if (type && strcmp(type, "row_flip") != 0) {
        (void)err_set(err, ERR_UNSUPPORTED, "is \"%.60s\", supported is \"row_flip\"", type);
        return err_where(err, "type");
    }
    patch_set_text(&patch->format,
                   type ? PATCH_FORMAT " (legacy row_flip)" : PATCH_FORMAT " (not stated)");
    return true;
}

/* ---- flips --------------------------------------------------------------- */

/* Keys that other formats give a flip and that would change its meaning. */
static bool refuse_foreign_keys(const json_t *value, const char *path, int version,
                                struct err *err)
{
    static const char *const foreign[] = {"bit", "scale_bit", "type", "mask"};
    for (size_t i = 0; i < countof(foreign) - (version == 2); i++) {
        if (!json_object_get(value, foreign[i]))
            continue;
        (void)err_set(err, ERR_UNSUPPORTED, "is no key of a flip in %s: it flips %s only",
                      version == 1 ? PATCH_FORMAT : PATCH_FORMAT_2,
                      version == 1 ? "rows and groups" : "rows, groups and masks of groups");
        return err_where(err, "%s.%s", path, foreign[i]);
    }
    return true;
}

static bool read_proj(const json_t *value, const char *path, enum proj *proj, struct err *err)
{
    const char *name = NULL;
    if (!json_field_text(value, path, "proj", true, &name, err))
        return false;
    for (int i = 0; i < PROJ_COUNT; i++)
        if (strcmp(name, proj_name((enum proj)i)) == 0) {
            *proj = (enum proj)i;
            return true;
        }
    struct buf known = {0};
    for (int i = 0; i < PROJ_COUNT; i++)
        buf_add_format(&known, "%s%s", i ? ", " : "", proj_name((enum proj)i));
    (void)err_set(err, ERR_RANGE, "is \"%.60s\", expected one of %s", name, known.data);
    buf_free(&known);
    return err_where(err, "%s.proj", path);
}

static bool read_layer(const json_t *value, const char *path, enum proj proj, int32_t *layer,
                       struct err *err)
{
    if (proj >= PROJ_LAYER_COUNT) {
        *layer = NO_LAYER;
        if (!json_object_get(value, "layer"))
            return true;
        (void)err_set(err, ERR_FORMAT, "is given, but %s belongs to no layer", proj_name(proj));
        return err_where(err, "%s.layer", path);
    }
    int64_t number = 0;
    if (!json_field_int(value, path, "layer", 0, INT32_MAX, &number, err))
        return false;
    *layer = (int32_t)number;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 hex digits, two for each byte of the group's signs, not all 0. */
static bool read_mask(const json_t *value, const char *path, uint64_t mask[2], struct err *err)
{
    const char *text = NULL;
    if (!json_field_text(value, path, "mask", true, &text, err))
        return false;
    bool ok = strlen(text) == GROUP_WEIGHTS / 4;
    mask[0] = mask[1] = 0;
    for (size_t i = 0; ok && i < GROUP_WEIGHTS / 4; i++) {
        int digit = hex_digit(text[i]);
        ok = digit >= 0;
        mask[i / 16] |= (uint64_t)(digit & 15) << (8 * (i / 2 % 8) + (i % 2 ? 0 : 4));
    }
    if (ok && (mask[0] | mask[1]) != 0)
        return true;
    return json_refuse(json_object_get(value, "mask"), path, "mask",
                       "32 hex digits in lower case, not all 0", err);
}

/* The weights of a row that are meant. */
static bool read_part(const json_t *value, const char *path, struct flip *flip, struct err *err)
{
    int64_t group = FLIP_WHOLE_ROW;
    bool has_group = json_object_get(value, "group") != NULL;
    bool has_mask = json_object_get(value, "mask") != NULL;
    if ((has_group || has_mask) &&
        !json_field_int(value, path, "group", 0, INT32_MAX, &group, err))
        return false;
    flip->group = (int32_t)group;
    if (has_group)
        memcpy(flip->mask, flip_mask_all, sizeof flip->mask);
    return !has_mask || read_mask(value, path, flip->mask, err);
}

/* *flip is zero. */
static bool read_flip(const json_t *value, size_t index, int version, struct flip *flip,
                      struct err *err)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "flips[%zu]", index);
    if (!json_is_object(value))
        return json_refuse(value, path, NULL, "an object with layer, proj and row", err);

    int64_t row = 0;
    if (!refuse_foreign_keys(value, path, version, err) ||
        !read_proj(value, path, &flip->proj, err) ||
        !read_layer(value, path, flip->proj, &flip->layer, err) ||
        !json_field_int(value, path, "row", 0, INT32_MAX, &row, err))
        return false;
    flip->row = (uint32_t)row;
    return read_part(value, path, flip, err);
}

static bool read_flips(struct patch *patch, const json_t *root, struct err *err)
{
    json_t *flips = NULL;
    if (!json_field_array(root, "", "flips", true, &flips, err))
        return false;
    size_t count = json_array_size(flips);
    int version = strcmp(patch->format, PATCH_FORMAT_2) == 0 ? 2 : 1;
    if (count > PATCH_FLIPS_MAX) {
        (void)err_set(err, ERR_RANGE, "has %zu flips, expected at most %d", count,
                      PATCH_FLIPS_MAX);
        return err_where(err, "flips");
    }
    for (size_t i = 0; i < count; i++) {
        struct flip flip = {0};
        if (!read_flip(json_array_get(flips, i), i, version, &flip, err))
            return false;
        patch_add(patch, flip);
    }
    return patch_refuse_repeats(patch, false, err); /* [P3] */
}

/* ---- the rest ------------------------------------------------------------ */

static bool read_text(const json_t *root, const char *key, char **field, struct err *err)
{
    const char *text = NULL;
    if (!json_field_text(root, "", key, false, &text, err))
        return false;
    if (text)
        patch_set_text(field, text);
    return true;
}

static bool read_sha256(const json_t *metadata, const char *key, char **field, struct err *err)
{
    const char *text = NULL;
    if (!json_field_text(metadata, "metadata", key, false, &text, err))
        return false;
    if (!text || *text == '\0')
        return true;
    if (!sha256_is_text(text))
        return json_refuse(json_object_get(metadata, key), "metadata", key, "64 hex digits", err);
    patch_set_text(field, text);
    for (char *digit = *field; *digit; digit++)
        *digit = (char)tolower((unsigned char)*digit);
    return true;
}

static bool read_metadata(struct patch *patch, const json_t *root, struct err *err)
{
    json_t *metadata = json_object_get(root, "metadata");
    if (!metadata)
        return true;
    if (!json_is_object(metadata))
        return json_refuse(metadata, "", "metadata", "an object", err);
    if (!read_sha256(metadata, "base_sha256", &patch->base_sha256, err) ||
        !read_sha256(metadata, "rows_sha256", &patch->rows_sha256, err))
        return false;
    json_decref(patch->metadata);
    patch->metadata = json_incref(metadata); /* the document goes, this stays */
    (void)json_object_del(patch->metadata, "base_sha256");
    (void)json_object_del(patch->metadata, "rows_sha256");
    return true;
}

/* Of the stats only the number of bits is taken over: the other two follow
 * from the flips.  Old writers assumed 4096 columns; patch_totals counts. */
static void read_stats(struct patch *patch, const json_t *root)
{
    const json_t *bits = json_object_get(json_object_get(root, "stats"), "bits_flipped");
    if (json_is_integer(bits) && json_integer_value(bits) > 0)
        patch->bits_flipped = (uint64_t)json_integer_value(bits);
}

static bool read_root(struct patch *patch, const json_t *root, struct err *err)
{
    if (!json_is_object(root))
        return json_refuse(root, "", NULL, "an object with flips", err);
    if (!read_variant(patch, root, err) ||
        !read_text(root, "name", &patch->name, err) ||
        !read_text(root, "description", &patch->description, err) ||
        !read_text(root, "base_model", &patch->base_model, err) ||
        !read_flips(patch, root, err) ||
        !read_metadata(patch, root, err))
        return false;
    read_stats(patch, root);
    return true;
}

/* Takes over root. */
static struct patch *patch_of_root(json_t *root, const char *name, struct err *err)
{
    if (!root)
        return NULL;
    struct patch *patch = patch_new();
    bool ok = read_root(patch, root, err);
    json_decref(root);
    if (ok)
        return patch;
    patch_free(patch);
    (void)err_file(err, name);
    return NULL;
}

struct patch *patch_parse(const char *text, size_t len, const char *name, struct err *err)
{
    if (patch_is_packed(text, len))
        return patch_unpack(text, len, name, err);
    return patch_of_root(json_parse(text, len, name, err), name, err);
}

struct patch *patch_read(const char *path, struct err *err)
{
    struct buf text = {0};
    struct patch *patch = NULL;
    if (file_read(path, file_bytes_max, &text, err))
        patch = patch_parse(text.data, text.len, path, err);
    buf_free(&text);
    return patch;
}

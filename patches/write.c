/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Writing bankai_row_xor_v1 or bankai_xor_v2.  The text is laid out by hand, one flip per line,
 * so that two patches can be compared with diff; strings and metadata are
 * jansson's.  The same patch gives the same text, always.
 */
#include <inttypes.h>
#include <string.h>

#include "patches/patch_int.h"
#include "src/base/file.h"
#include "src/base/json.h"

enum { FLIP_SIZE_BYTES = 12 }; /* the published notional size of a flip of version 1 */

static void add_string(struct buf *out, const char *key, const char *text)
{
    json_t *value = json_text(text, strlen(text));
    buf_add_format(out, "  \"%s\": ", key);
    json_print(out, value, false);
    buf_add_text(out, ",\n");
    json_decref(value);
}

/* 32 hex digits, two for each byte of the group's signs. */
static void add_mask(struct buf *out, const struct flip *flip)
{
    buf_add_text(out, ", \"mask\": \"");
    for (size_t i = 0; i < GROUP_WEIGHTS / 8; i++)
        buf_add_format(out, "%02x", (unsigned)(flip->mask[i / 8] >> 8 * (i % 8) & 0xFF));
    buf_add_text(out, "\"");
}

static void add_flip(struct buf *out, const struct flip *flip, size_t index)
{
    buf_add_text(out, index ? ",\n    {" : "\n    {");
    if (flip->layer != NO_LAYER)
        buf_add_format(out, "\"layer\": %" PRId32 ", ", flip->layer);
    buf_add_format(out, "\"proj\": \"%s\", \"row\": %" PRIu32, proj_name(flip->proj), flip->row);
    if (flip->group != FLIP_WHOLE_ROW) {
        buf_add_format(out, ", \"group\": %" PRId32, flip->group);
        if (memcmp(flip->mask, flip_mask_all, sizeof flip->mask) != 0)
            add_mask(out, flip);
    }
    buf_add_text(out, "}");
}

static void add_flips(struct buf *out, const struct patch *patch)
{
    buf_add_text(out, "  \"flips\": [");
    for (size_t i = 0; i < patch->flip_count; i++)
        add_flip(out, &patch->flips[i], i);
    buf_add_text(out, patch->flip_count ? "\n  ],\n" : "],\n");
}

/* Without whole rows the bits can be counted without a model. */
static uint64_t known_bits(const struct patch *patch)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < patch->flip_count; i++) {
        const struct flip *flip = &patch->flips[i];
        if (flip->group == FLIP_WHOLE_ROW)
            return patch->bits_flipped;
        bits += (uint64_t)__builtin_popcountll(flip->mask[0]) +
                (uint64_t)__builtin_popcountll(flip->mask[1]);
    }
    return bits;
}

static void add_stats(struct buf *out, const struct patch *patch)
{
    uint64_t bits = known_bits(patch);
    buf_add_format(out, "  \"stats\": {\"n_flips\": %zu, ", patch->flip_count);
    if (bits > 0 || patch->flip_count == 0)
        buf_add_format(out, "\"bits_flipped\": %" PRIu64 ", ", bits);
    size_t size = patch_flips_bits(patch) ? patch_packed_bytes(patch).flips
                                          : FLIP_SIZE_BYTES * patch->flip_count;
    buf_add_format(out, "\"size_bytes\": %zu},\n", size);
}

/* The indented text of metadata, moved in by two columns.  Line feeds inside
 * strings are escaped, so each one found is a line's end. */
static void add_metadata(struct buf *out, const struct patch *patch)
{
    json_t *metadata = json_object();
    if (patch->base_sha256[0])
        (void)json_object_set_new(metadata, "base_sha256", json_string(patch->base_sha256));
    if (patch->rows_sha256[0])
        (void)json_object_set_new(metadata, "rows_sha256", json_string(patch->rows_sha256));
    (void)json_object_update_missing(metadata, patch->metadata);

    struct buf text = {0};
    json_print(&text, metadata, true);
    buf_add_text(out, "  \"metadata\": ");
    for (size_t i = 0; i < text.len; i++) {
        buf_add(out, &text.data[i], 1);
        if (text.data[i] == '\n')
            buf_add_text(out, "  ");
    }
    buf_add_text(out, "\n");
    buf_free(&text);
    json_decref(metadata);
}

void patch_print(const struct patch *patch, struct buf *out)
{
    bool bits = patch_flips_bits(patch);
    buf_add_format(out, "{\n  \"version\": %d,\n", bits ? 2 : 1);
    add_string(out, "format", bits ? PATCH_FORMAT_2 : PATCH_FORMAT);
    add_string(out, "name", patch->name);
    add_string(out, "description", patch->description);
    add_string(out, "base_model", patch->base_model);
    add_flips(out, patch);
    add_stats(out, patch);
    add_metadata(out, patch);
    buf_add_text(out, "}\n");
}

static bool is_packed_name(const char *path)
{
    static const char end[] = ".xor";
    size_t len = strlen(path), end_len = sizeof end - 1;
    return len > end_len && strcmp(path + len - end_len, end) == 0;
}

bool patch_write(const struct patch *patch, const char *path, struct err *err)
{
    struct buf text = {0};
    bool ok = true;
    if (is_packed_name(path))
        ok = patch_pack(patch, &text, err);
    else
        patch_print(patch, &text);
    ok = ok && file_write(path, text.data, text.len, err);
    buf_free(&text);
    return ok || err_file(err, path);
}

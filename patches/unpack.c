/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading the binary form (FORMAT.md).
 *
 * Whatever is wrong is told with its byte.  What was read is packed again in the end and
 * has to give the same bytes: so there is exactly one file of a patch, and nothing can
 * hide in one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "patches/packed_int.h"
#include "src/base/json.h"
#include "src/base/text.h"

struct cursor {
    const unsigned char *bytes;
    size_t len; /* without the checksum */
    size_t at;
    struct err *err;
};

/* ---- numbers and texts ----------------------------------------------------------- */

static bool refuse_end(const struct cursor *cursor, const char *what)
{
    (void)err_set(cursor->err, ERR_FORMAT, "ends in %s", what);
    return err_where(cursor->err, "byte %zu", cursor->len);
}

static bool read_byte(struct cursor *cursor, const char *what, unsigned *out)
{
    if (cursor->at == cursor->len)
        return refuse_end(cursor, what);
    *out = cursor->bytes[cursor->at++];
    return true;
}

/* Seven bits a byte, the lowest first, no byte more than needed. */
static bool read_number(struct cursor *cursor, const char *what, uint64_t min, uint64_t max,
                        uint64_t *out)
{
    size_t begin = cursor->at;
    unsigned byte = 0x80;
    *out = 0;
    for (unsigned shift = 0; byte & 0x80; shift += 7) {
        if (!read_byte(cursor, what, &byte))
            return false;
        bool fits = shift < 63 || (shift == 63 && byte <= 1);
        if (!fits || (shift > 0 && byte == 0)) {
            (void)err_set(cursor->err, ERR_FORMAT, "%s is longer than a number needs to be", what);
            return err_where(cursor->err, "byte %zu", begin);
        }
        *out |= (uint64_t)(byte & 0x7F) << shift;
    }
    if (*out >= min && *out <= max)
        return true;
    (void)err_set(cursor->err, ERR_RANGE, "%s is %" PRIu64 ", expected %" PRIu64 " to %" PRIu64,
                  what, *out, min, max);
    return err_where(cursor->err, "byte %zu", begin);
}

/* *text points into the file. */
static bool read_piece(struct cursor *cursor, const char *what, const char **text, size_t *len)
{
    uint64_t count = 0;
    if (!read_number(cursor, what, 0, UINT64_MAX, &count))
        return false;
    if (count > cursor->len - cursor->at)
        return refuse_end(cursor, what);
    *text = (const char *)cursor->bytes + cursor->at;
    *len = (size_t)count;
    cursor->at += *len;
    return true;
}

static bool read_text(struct cursor *cursor, const char *what, char **field)
{
    const char *text = NULL;
    size_t len = 0;
    if (!read_piece(cursor, what, &text, &len))
        return false;
    for (size_t at = 0, step = 0; at < len; at += step) {
        uint32_t point = 0;
        step = text_decode(text + at, len - at, &point);
        if (step > 0 && point > 0)
            continue;
        (void)err_set(cursor->err, ERR_FORMAT, "%s is not UTF-8, or has a zero byte", what);
        return err_where(cursor->err, "byte %zu", cursor->at - len + at);
    }
    free(*field);
    *field = x_copy(text, len);
    return true;
}

static bool read_hash(struct cursor *cursor, const char *what, struct buf *hex)
{
    const char *bytes = NULL;
    size_t begin = cursor->at, len = 0;
    if (!read_piece(cursor, what, &bytes, &len))
        return false;
    if (len != 0 && len != PACKED_HASH_BYTES) {
        (void)err_set(cursor->err, ERR_RANGE, "%s has %zu bytes, expected 0 or %d", what, len,
                      PACKED_HASH_BYTES);
        return err_where(cursor->err, "byte %zu", begin);
    }
    buf_add_text(hex, "");
    for (size_t i = 0; i < len; i++)
        buf_add_format(hex, "%02x", (unsigned)(unsigned char)bytes[i]);
    return true;
}

static bool read_metadata(struct cursor *cursor, json_t **metadata)
{
    const char *text = NULL;
    size_t len = 0;
    if (!read_piece(cursor, "metadata", &text, &len))
        return false;
    if (len == 0)
        return true;
    json_t *value = json_parse(text, len, "", cursor->err);
    if (!value)
        return err_where(cursor->err, "byte %zu", cursor->at - len);
    if (!json_is_object(value) || json_object_get(value, "base_sha256") ||
        json_object_get(value, "rows_sha256")) {
        json_decref(value);
        (void)err_set(cursor->err, ERR_FORMAT, "metadata is no object, or has one of the hashes "
                      "that stand before it");
        return err_where(cursor->err, "byte %zu", cursor->at - len);
    }
    json_decref(*metadata);
    *metadata = value;
    return true;
}

/* ---- a section ------------------------------------------------------------------- */

struct bit_cursor {
    struct cursor *cursor;
    unsigned byte;
    unsigned left; /* bits of it, the next is the lowest */
};

static bool read_bits(struct bit_cursor *bits, unsigned count, packed_index *out)
{
    *out = 0;
    for (unsigned i = 0; i < count; i++) {
        if (bits->left == 0) {
            if (!read_byte(bits->cursor, "the flips of a section", &bits->byte))
                return false;
            bits->left = 8;
        }
        *out |= (packed_index)(bits->byte & 1) << i;
        bits->byte >>= 1;
        bits->left--;
    }
    return true;
}

/* At most 24 + 104 bits: no number overflows. */
static bool read_gap(struct bit_cursor *bits, unsigned rice, unsigned plain, packed_index *gap)
{
    packed_index quotient = 0, bit = 1, low = 0;
    while (quotient < PACKED_ESCAPE) {
        if (!read_bits(bits, 1, &bit))
            return false;
        if (bit == 0)
            break;
        quotient++;
    }
    if (quotient == PACKED_ESCAPE)
        return read_bits(bits, plain, gap);
    if (!read_bits(bits, rice, &low))
        return false;
    *gap = quotient << rice | low;
    return true;
}

static bool add_flip(struct cursor *cursor, struct patch *patch, size_t section_begins,
                     struct flip flip)
{
    struct flip *last =
        patch->flip_count > section_begins ? &patch->flips[patch->flip_count - 1] : NULL;
    if (last && patch_compare_flips(last, &flip) == 0) { /* the next chunk of its group */
        last->mask[0] |= flip.mask[0];
        last->mask[1] |= flip.mask[1];
        return true;
    }
    if (patch->flip_count == PATCH_FLIPS_MAX) {
        (void)err_set(cursor->err, ERR_RANGE, "has more than the %d flips expected at most",
                      PATCH_FLIPS_MAX);
        return err_where(cursor->err, "byte %zu", cursor->at);
    }
    patch_add(patch, flip);
    return true;
}

/* rice is at most PACKED_INDEX_BITS. */
static bool read_units(struct cursor *cursor, const struct packed_section *section, unsigned rice,
                       struct patch *patch)
{
    struct bit_cursor bits = {.cursor = cursor};
    size_t section_begins = patch->flip_count;
    packed_index number = 0, gap = 0;
    unsigned plain = packed_index_bits(section);
    for (uint64_t i = 0; i < section->count; i++, number++) {
        if (!read_gap(&bits, rice, plain, &gap))
            return false;
        if (number >= section->space || gap >= section->space - number) {
            (void)err_set(cursor->err, ERR_RANGE, "flip %" PRIu64 " of a section is outside its "
                          "matrices", i);
            return err_where(cursor->err, "byte %zu", cursor->at - 1);
        }
        number += gap;
        if (!add_flip(cursor, patch, section_begins, packed_flip(section, number)))
            return false;
    }
    return true;
}

static bool read_extents(struct cursor *cursor, struct packed_section *section)
{
    const uint64_t max = UINT64_C(1) << 31;
    uint64_t projs = 0;
    if (!read_number(cursor, "the number of layers", 0, max, &section->layers) ||
        !read_number(cursor, "the set of projections", 1, (1U << PROJ_COUNT) - 1, &projs))
        return false;
    section->projs = (unsigned)projs;
    for (int proj = 0; proj < PROJ_COUNT; proj++) {
        section->groups[proj] = 1;
        if (!(projs >> proj & 1))
            continue;
        if (!read_number(cursor, "the number of rows", 1, max, &section->rows[proj]))
            return false;
        if (section->unit != PACKED_UNIT_ROW &&
            !read_number(cursor, "the number of groups", 1, max, &section->groups[proj]))
            return false;
    }
    packed_measure(section);
    return true;
}

/* A unit takes a bit at least: no count is believed that the file cannot hold. */
static bool read_section(struct cursor *cursor, struct packed_section *section,
                         struct patch *patch)
{
    uint64_t rice = 0;
    return read_extents(cursor, section) &&
           read_number(cursor, "the number of units", 1, 8 * (uint64_t)cursor->len,
                       &section->count) &&
           read_number(cursor, "the parameter", 0, PACKED_INDEX_BITS, &rice) &&
           read_units(cursor, section, (unsigned)rice, patch);
}

/* [P3]  Units of one section are different ones by construction. */
static bool refuse_repeats(const struct cursor *cursor, size_t begin, const struct patch *patch)
{
    if (patch_refuse_repeats(patch, false, cursor->err))
        return true;
    return err_where(cursor->err, "byte %zu", begin);
}

static bool read_sections(struct cursor *cursor, struct patch *patch)
{
    uint64_t count = 0, unit = 0;
    if (!read_number(cursor, "the number of sections", 0, PACKED_UNIT_COUNT, &count))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        size_t begin = cursor->at;
        struct packed_section section = {0};
        if (!read_number(cursor, "the size of units", i ? unit + 1 : 0, PACKED_UNIT_COUNT - 1,
                         &unit))
            return false;
        section.unit = (unsigned)unit;
        if (!read_section(cursor, &section, patch) ||
            (i > 0 && !refuse_repeats(cursor, begin, patch)))
            return false;
    }
    if (cursor->at == cursor->len)
        return true;
    (void)err_set(cursor->err, ERR_FORMAT, "has %zu bytes too many", cursor->len - cursor->at);
    return err_where(cursor->err, "byte %zu", cursor->at);
}

/* ---- the file -------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    return patch_compare_flips(left, right);
}

/* The rows' hash and the number of bits go with the flips, so they are put in after them. */
static bool read_body(struct cursor *cursor, struct patch *patch)
{
    struct buf base = {0}, rows = {0};
    uint64_t bits = 0;
    bool ok = read_text(cursor, "the name", &patch->name) &&
              read_text(cursor, "the description", &patch->description) &&
              read_text(cursor, "the base model", &patch->base_model) &&
              read_hash(cursor, "the hash of the base model", &base) &&
              read_hash(cursor, "the hash of the rows", &rows) &&
              read_metadata(cursor, &patch->metadata) &&
              read_number(cursor, "the number of bits", 0, INT64_MAX, &bits) &&
              read_sections(cursor, patch);
    if (ok) {
        if (patch->flip_count > 0)
            qsort(patch->flips, patch->flip_count, sizeof *patch->flips, compare);
        patch_set_text(&patch->base_sha256, base.data);
        patch_set_text(&patch->rows_sha256, rows.data);
        patch->bits_flipped = bits;
    }
    buf_free(&base);
    buf_free(&rows);
    return ok;
}

/* Magic and version are looked at first, so that a later version is not called damaged. */
static bool check_frame(const struct cursor *cursor)
{
    unsigned char check[PACKED_CHECK_BYTES];
    if (cursor->at + 1 + PACKED_CHECK_BYTES > cursor->len)
        return refuse_end(cursor, "its header");
    unsigned version = cursor->bytes[cursor->at];
    if (version != PACKED_VERSION) {
        (void)err_set(cursor->err, ERR_UNSUPPORTED, "version is %u, supported is %d", version,
                      PACKED_VERSION);
        return err_where(cursor->err, "byte %zu", cursor->at);
    }
    size_t end = cursor->len - PACKED_CHECK_BYTES;
    if (!packed_check(cursor->bytes, end, check, cursor->err))
        return false;
    if (memcmp(cursor->bytes + end, check, sizeof check) == 0)
        return true;
    (void)err_set(cursor->err, ERR_FORMAT,
                  "the checksum is another one: the file is damaged or not whole");
    return err_where(cursor->err, "byte %zu", end);
}

/* The same bytes again, or the first that differs is told. */
static bool is_only_form(const struct cursor *cursor, const struct patch *patch)
{
    struct buf again = {0};
    bool ok = patch_pack(patch, &again, cursor->err);
    size_t at = 0, whole = cursor->len + PACKED_CHECK_BYTES;
    while (ok && at < whole && at < again.len &&
           (unsigned char)again.data[at] == cursor->bytes[at])
        at++;
    bool same = ok && at == whole && at == again.len;
    buf_free(&again);
    if (!ok || same)
        return ok;
    (void)err_set(cursor->err, ERR_FORMAT, "is written otherwise than this patch is");
    return err_where(cursor->err, "byte %zu", at);
}

struct patch *patch_unpack(const void *bytes, size_t len, const char *name, struct err *err)
{
    struct cursor cursor = {bytes, len, PACKED_MAGIC_BYTES, err};
    struct patch *patch = patch_new();
    bool ok = check_frame(&cursor);
    cursor.len -= ok ? PACKED_CHECK_BYTES : 0;
    cursor.at++;
    ok = ok && read_body(&cursor, patch) && is_only_form(&cursor, patch);
    if (ok) {
        patch_set_text(&patch->format, PATCH_FORMAT_PACKED);
        return patch;
    }
    patch_free(patch);
    (void)err_file(err, name);
    return NULL;
}

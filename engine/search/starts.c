/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/starts.h"

#include <string.h>

#include "patches/patch.h"

bool starts_add(struct buf *starts, const struct flip *flips, size_t count, struct err *err)
{
    static const char digits[] = "0123456789abcdef";
    struct buf packed = {0};
    struct patch *patch = patch_new();
    for (size_t i = 0; i < count; i++)
        patch_add(patch, flips[i]);
    bool ok = patch_pack(patch, &packed, err);
    if (ok && starts->len > 0)
        buf_add_text(starts, " ");
    for (size_t i = 0; ok && i < packed.len; i++) {
        unsigned byte = (unsigned char)packed.data[i];
        const char hex[] = {digits[byte >> 4], digits[byte & 15], '\0'};
        buf_add_text(starts, hex);
    }
    buf_free(&packed);
    patch_free(patch);
    return ok;
}

/* The index-th word; NULL: there are fewer. */
static const char *word(const char *starts, size_t index, size_t *len)
{
    while (starts && index > 0) {
        starts = strchr(starts, ' ');
        starts = starts ? starts + 1 : NULL;
        index--;
    }
    *len = starts ? strcspn(starts, " ") : 0;
    return *len > 0 ? starts : NULL;
}

size_t starts_count(const char *starts)
{
    size_t count = 0, len = 0;
    while (word(starts, count, &len))
        count++;
    return count;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unhex(const char *text, size_t len, struct buf *out, struct err *err)
{
    bool ok = len % 2 == 0;
    for (size_t i = 0; ok && i < len; i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);
        ok = high >= 0 && low >= 0;
        unsigned char byte = (unsigned char)(ok ? high << 4 | low : 0);
        buf_add(out, &byte, 1);
    }
    return ok || err_set(err, ERR_FORMAT, "is no hex form of a patch");
}

bool starts_read(const char *starts, size_t index, const struct model *model,
                 struct flip_bag *out, struct err *err)
{
    size_t len = 0;
    struct buf packed = {0};
    struct patch *patch = NULL;
    const char *text = word(starts, index, &len);
    BUG_ON(!text);
    out->count = 0;
    if (unhex(text, len, &packed, err))
        patch = patch_parse(packed.data, packed.len, "start", err);
    bool ok = patch && patch_fits(patch, model, err);
    if (ok)
        flip_bag_xor(out, patch->flips, patch->flip_count);
    else
        (void)err_where(err, "starts[%zu]", index);
    patch_free(patch);
    buf_free(&packed);
    return ok;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as the binary form of a patch, with the checksum they have and with the right
 * one: refused with an error, or a patch that is packed as the same bytes again and whose
 * JSON is the same patch.
 */
#include <string.h>

#include "patches/packed_int.h"
#include "tests/fuzz/fuzz.h"

static struct buf pack(const struct patch *patch)
{
    struct buf bytes = {0};
    struct err err = {0};
    bool ok = patch_pack(patch, &bytes, &err);
    BUG_ON(!ok);
    return bytes;
}

static void check_bytes(const struct patch *patch, const struct buf *expected)
{
    struct buf bytes = pack(patch);
    BUG_ON(bytes.len != expected->len || memcmp(bytes.data, expected->data, bytes.len) != 0);
    buf_free(&bytes);
}

static void check_json(const struct patch *patch, const struct buf *bytes)
{
    struct err err = {0};
    struct buf text = {0};
    patch_print(patch, &text);
    struct patch *again = patch_parse(text.data, text.len, "printed", &err);
    BUG_ON(!again);
    check_bytes(again, bytes);
    patch_free(again);
    buf_free(&text);
}

static void try_bytes(const struct buf *bytes)
{
    struct err err = {0};
    struct patch *patch = patch_parse(bytes->data, bytes->len, "fuzz", &err);
    BUG_ON(!patch != (err.code != ERR_NONE));
    if (!patch)
        return;
    check_bytes(patch, bytes);
    check_json(patch, bytes);
    patch_free(patch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct buf bytes = {0};
    buf_add(&bytes, packed_magic, sizeof packed_magic);
    buf_add(&bytes, data, size);
    try_bytes(&bytes);
    unsigned char check[PACKED_CHECK_BYTES];
    bool ok = packed_check(bytes.data, bytes.len, check, &err);
    BUG_ON(!ok);
    buf_add(&bytes, check, sizeof check);
    try_bytes(&bytes);
    buf_free(&bytes);
    return 0;
}

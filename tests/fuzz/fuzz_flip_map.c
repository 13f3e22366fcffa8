/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as a binary map, with the checksum they have and with the right one: refused
 * with an error, or a map whose tail is written as the same bytes again.
 */
#include <string.h>

#include "engine/search/map_file_int.h"
#include "tests/fuzz/fuzz.h"

/* Statistics, the best and samples are stored as they are. */
static void check_tail(const struct map_file *file, const struct buf *bytes)
{
    struct buf tail = {0};
    map_file_tail(&tail, file->map);
    size_t end = bytes->len - MAP_END_BYTES;
    BUG_ON(tail.len > end);
    BUG_ON(memcmp(bytes->data + end - tail.len, tail.data, tail.len) != 0);
    buf_free(&tail);
}

static void try_bytes(const struct buf *bytes)
{
    struct err err = {0};
    struct map_file *file = map_file_parse(bytes->data, bytes->len, "fuzz", &err);
    BUG_ON(!file != (err.code != ERR_NONE));
    if (!file)
        return;
    check_tail(file, bytes);
    map_file_rank(file, file->map->top_count + 3);
    map_file_free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct buf bytes = {0};
    char sha256[SHA256_TEXT_SIZE];
    static const unsigned char version[] = {1, 0, 0, 0, 4, 3, 2, 1};
    buf_add(&bytes, data, size);
    try_bytes(&bytes);
    bytes.len = 0;
    buf_add(&bytes, map_file_magic, sizeof map_file_magic);
    buf_add(&bytes, version, sizeof version);
    buf_add(&bytes, data, size);
    bool ok = sha256_text(bytes.data, bytes.len, sha256, &err);
    BUG_ON(!ok);
    map_file_end(&bytes, sha256);
    try_bytes(&bytes);
    buf_free(&bytes);
    return 0;
}

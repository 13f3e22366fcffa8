/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as a patch file: refused with an error, or a patch that is written
 * and read again as the same flips.
 */
#include <string.h>

#include "patches/patch.h"
#include "tests/fuzz/fuzz.h"

static bool same_flip(const struct flip *a, const struct flip *b)
{
    return a->layer == b->layer && a->proj == b->proj && a->row == b->row &&
           a->group == b->group && memcmp(a->mask, b->mask, sizeof a->mask) == 0;
}

static void check_reread(const struct patch *patch, const struct buf *text)
{
    struct err err = {0};
    struct patch *again = patch_parse(text->data, text->len, "printed", &err);
    BUG_ON(!again);
    BUG_ON(again->flip_count != patch->flip_count);
    for (size_t i = 0; i < patch->flip_count; i++)
        BUG_ON(!same_flip(&patch->flips[i], &again->flips[i]));
    BUG_ON(strcmp(again->name, patch->name) != 0);
    patch_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct patch *patch = patch_parse((const char *)data, size, "fuzz", &err);
    BUG_ON(!patch != (err.code != ERR_NONE));
    if (!patch)
        return 0;
    (void)patch_totals(patch, NULL);
    struct buf text = {0};
    patch_print(patch, &text);
    check_reread(patch, &text);
    buf_free(&text);
    patch_free(patch);
    return 0;
}

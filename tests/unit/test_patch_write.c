/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Writing patch files, and reading what was written.
 */
#include "tests/t.h"

#include <stdlib.h>
#include <unistd.h>

#include "patches/patch.h"
#include "src/base/text.h"

/* Bits 0 to 3 and 127 of a group: 0x0f in the first byte, 0x80 in the last. */
static void patch_print__single_bits__are_version_2(void **state)
{
    (void)state;
    struct patch *patch = patch_new();
    patch_add(patch, (struct flip){.row = 1, .group = FLIP_WHOLE_ROW});
    patch_add(patch, (struct flip){.row = 2, .group = 0, .mask = {15, UINT64_C(1) << 63}});
    struct buf text = {0};
    struct err err = {0};
    patch_print(patch, &text);
    assert_non_null(strstr(text.data, "{\n  \"version\": 2,\n  \"format\": \"bankai_xor_v2\",\n"));
    assert_non_null(strstr(text.data, "\"row\": 2, \"group\": 0, \"mask\": "
                                      "\"0f000000000000000000000000000080\"}\n"));
    buf_free(&text);
    assert_false(patch_write(patch, "no/such/folder/p.json", &err));
    assert_string_equal(err.file, "no/such/folder/p.json");
    patch_free(patch);
}

/* A patch made of bytes: a flip for every four of them, texts of the rest. */
static struct patch *patch_of_bytes(const char *bytes, size_t len)
{
    struct patch *patch = patch_new();
    const unsigned char *at = (const unsigned char *)bytes;
    size_t flips = len / 8;
    for (size_t i = 0; i < flips; i++) {
        const unsigned char *b = at + 4 * i;
        enum proj proj = (enum proj)(b[0] % PROJ_COUNT);
        struct flip flip = {.layer = proj < PROJ_LAYER_COUNT ? b[1] % 3 : NO_LAYER,
                            .proj = proj,
                            .row = (uint32_t)i * 256 + b[2], /* no row twice */
                            .group = b[3] % 2 ? b[3] % 5 : FLIP_WHOLE_ROW};
        if (flip.group != FLIP_WHOLE_ROW)
            memcpy(flip.mask, flip_mask_all, sizeof flip.mask);
        if (flip.group != FLIP_WHOLE_ROW && b[0] >= 128) /* never 0 */
            flip.mask[b[2] % 2] = (uint64_t)b[0] << b[1] % 57;
        patch_add(patch, flip);
    }
    struct buf text = {0};
    text_valid(&text, bytes + 4 * flips, len - 4 * flips);
    for (size_t i = 0; i < text.len; i++) /* the format has no U+0000 */
        text.data[i] = text.data[i] ? text.data[i] : ' ';
    const char *words = text.data ? text.data : "";
    patch_set_text(&patch->name, words);
    patch_set_text(&patch->description, words);
    patch_set_text(&patch->base_model, words);
    (void)json_object_set_new(patch->metadata, "note", json_string(words));
    (void)json_object_set_new(patch->metadata, "fitness", json_real((double)len / 7.0));
    if (len % 2)
        patch_set_text(&patch->base_sha256,
                       "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c");
    patch->bits_flipped = len % 3 ? 128 * (flips + 1) : 0;
    buf_free(&text);
    return patch;
}

static bool same_patch(const struct patch *a, const struct patch *b)
{
    if (a->flip_count != b->flip_count || strcmp(a->name, b->name) != 0 ||
        strcmp(a->description, b->description) != 0 || strcmp(a->base_model, b->base_model) != 0 ||
        strcmp(a->base_sha256, b->base_sha256) != 0 || !json_equal(a->metadata, b->metadata))
        return false;
    for (size_t i = 0; i < a->flip_count; i++) {
        const struct flip *x = &a->flips[i], *y = &b->flips[i];
        if (x->layer != y->layer || x->proj != y->proj || x->row != y->row ||
            x->group != y->group || memcmp(x->mask, y->mask, sizeof x->mask) != 0)
            return false;
    }
    return true;
}

static bool holds_round_trip(void *user, const char *bytes, size_t len, struct buf *why)
{
    (void)user;
    struct err err = {0};
    struct buf first = {0}, second = {0};
    struct patch *patch = patch_of_bytes(bytes, len);
    struct patch *again = NULL;
    patch_print(patch, &first);
    again = patch_parse(first.data, first.len, "printed", &err);
    bool ok = again != NULL;
    if (ok)
        patch_print(again, &second);
    if (!ok)
        buf_add_format(why, "%s: %s", err.where, err.message);
    else if (!same_patch(patch, again) || strcmp(first.data, second.data) != 0)
        buf_add_format(why, "printed\n%s\nthen\n%s", first.data, second.data);
    ok = ok && why->len == 0;
    buf_free(&first);
    buf_free(&second);
    patch_free(patch);
    patch_free(again);
    return ok;
}

static void generate(struct rng *rng, void *user, struct buf *out)
{
    const struct prop_text shape = {.parts_max = 30, .run_max = 4};
    (void)user;
    prop_add_text(rng, &shape, out);
}

static void patch_print__any_patch__reads_back_the_same(void **state)
{
    (void)state;
    const struct prop prop = {.name = "parse(print(patch)) = patch", .seed = 11, .cases = 1000,
                              .generate = generate, .holds = holds_round_trip};
    t_prop(&prop);
}

static void patch_write__file__reads_back(void **state)
{
    (void)state;
    char path[] = "/tmp/test_patch_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    struct err err = {0};
    struct patch *patch = patch_of_bytes("gate\1\2\3\4\5\6\7 some name", 21);
    t_ok(patch_write(patch, path, &err), &err);
    struct patch *again = patch_read(path, &err);
    t_ok(again != NULL, &err);
    assert_true(same_patch(patch, again));
    (void)unlink(path);
    patch_free(patch);
    patch_free(again);
}

static void patch_totals__no_model__counts_kinds(void **state)
{
    (void)state;
    struct patch *patch = patch_new();
    patch_add(patch, (struct flip){.row = 1, .group = FLIP_WHOLE_ROW});
    patch_add(patch, (struct flip){.row = 2, .group = 1, .mask = {UINT64_MAX, UINT64_MAX}});
    patch_add(patch, (struct flip){.row = 3, .group = 1, .mask = {UINT64_MAX, UINT64_MAX}});
    patch_add(patch, (struct flip){.row = 4, .group = 1, .mask = {8, 0}});
    struct patch_totals totals = patch_totals(patch, NULL);
    assert_int_equal(totals.rows, 1);
    assert_int_equal(totals.groups, 2);
    assert_int_equal(totals.bits, 1);
    assert_false(totals.has_model);
    assert_int_equal(totals.bits_flipped, 0);
    patch_free(patch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patch_print__single_bits__are_version_2),
        cmocka_unit_test(patch_print__any_patch__reads_back_the_same),
        cmocka_unit_test(patch_write__file__reads_back),
        cmocka_unit_test(patch_totals__no_model__counts_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

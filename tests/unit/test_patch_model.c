/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Patches on a model: [P1] [P2], what fits, whose hash, composing, totals.
 */
#include "tests/t.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/model/model_int.h"
#include "patches/patch.h"
#include "tests/tiny.h"

static struct model *open_tiny(bool tied)
{
    struct tiny tiny = tiny_default;
    tiny.tied = tied;
    struct buf file = {0};
    tiny_write(&tiny, &file);
    struct err err = {0};
    struct model *model = model_open_memory(file.data, file.len, "tiny", &err);
    t_ok(model != NULL, &err);
    buf_free(&file);
    return model;
}

static struct flip row_flip(int32_t layer, enum proj proj, uint32_t row)
{
    return (struct flip){.layer = layer, .proj = proj, .row = row, .group = FLIP_WHOLE_ROW};
}

static struct flip group_flip(int32_t layer, enum proj proj, uint32_t row, int32_t group)
{
    struct flip flip = row_flip(layer, proj, row);
    flip.group = group;
    memcpy(flip.mask, flip_mask_all, sizeof flip.mask);
    return flip;
}

static struct patch *patch_of(const struct flip *flips, size_t count)
{
    struct patch *patch = patch_new();
    for (size_t i = 0; i < count; i++)
        patch_add(patch, flips[i]);
    return patch;
}

/* ---- what fits ------------------------------------------------------------ */

static void fits_not(struct model *model, const struct flip *flips, size_t count,
                     enum err_code code, const char *where, const char *message)
{
    struct patch *patch = patch_of(flips, count);
    struct err err = {0};
    uint8_t *before = x_new(model->len, 1);
    memcpy(before, model->bytes, model->len);
    assert_false(patch_apply(patch, model, &err));
    t_err_is(&err, code, where, message);
    assert_memory_equal(model->bytes, before, model->len); /* [P2] */
    struct state_name name = model_state(model);
    assert_true(name.word[0] == 0 && name.word[1] == 0);
    free(before);
    patch_free(patch);
}

static void patch_apply__does_not_fit__model_unchanged(void **state)
{
    (void)state;
    struct model *model = open_tiny(false);
    const struct flip good = row_flip(0, PROJ_GATE, 0);
    const struct {
        struct flip flip;
        const char *where;
        const char *message;
    } rows[] = {
        {row_flip(2, PROJ_GATE, 0), "flips[1].layer", "layer 2 is outside 0 .. 1"},
        {row_flip(INT32_MAX, PROJ_Q, 0), "flips[1].layer", "layer 2147483647 is outside 0 .. 1"},
        {row_flip(0, PROJ_EMBED, 0), "flips[1].proj", "embed has layer 0, expected none"},
        {row_flip(0, PROJ_DOWN, 128), "flips[1].row", "row 128 of down_proj is outside 0 .. 127"},
        {row_flip(0, PROJ_DOWN, UINT32_MAX), "flips[1].row",
         "row 4294967295 of down_proj is outside 0 .. 127"},
        {group_flip(1, PROJ_GATE, 0, 1), "flips[1].group",
         "group 1 of gate_proj is outside 0 .. 0"},
        {group_flip(1, PROJ_GATE, 0, -2), "flips[1].group",
         "group -2 of gate_proj is outside 0 .. 0"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        const struct flip flips[] = {good, rows[i].flip};
        fits_not(model, flips, 2, ERR_RANGE, rows[i].where, rows[i].message);
    }
    const struct flip twice[] = {row_flip(0, PROJ_K, 3), good, group_flip(0, PROJ_K, 3, 0)};
    fits_not(model, twice, 3, ERR_FORMAT, "flips[2]",
             "flips the same weights as flips[0]: layer 0 k_proj row 3");
    model_free(model);
}

static void patch_fits__embed_and_head__twice_only_if_tied(void **state)
{
    (void)state;
    const struct flip flips[] = {row_flip(NO_LAYER, PROJ_EMBED, 7),
                                 row_flip(NO_LAYER, PROJ_HEAD, 7)};
    struct patch *patch = patch_of(flips, 2);
    struct err err = {0};
    struct model *separate = open_tiny(false);
    t_ok(patch_fits(patch, separate, &err), &err);
    model_free(separate);
    struct model *tied = open_tiny(true);
    fits_not(tied, flips, 2, ERR_FORMAT, "flips[1]",
             "flips the same weights as flips[0]: head row 7");
    model_free(tied);
    patch_free(patch);
}

/* ---- whose hash ----------------------------------------------------------- */

/* The bytes of a group and a whole row, as they lie in the file, by hand. */
static void rows_by_hand(const struct model *model, char out[SHA256_TEXT_SIZE])
{
    const struct matrix *up = &model->layers[1].matrix[PROJ_UP];
    struct buf bytes = {0};
    struct err err;
    size_t row_bytes = (size_t)up->groups * GROUP_BYTES;
    buf_add(&bytes, model->embed.blocks + 7 * (size_t)model->embed.groups * GROUP_BYTES,
            GROUP_BYTES);
    buf_add(&bytes, up->blocks + 5 * row_bytes, row_bytes);
    assert_true(sha256_text(bytes.data, bytes.len, out, &err));
    buf_free(&bytes);
}

/* Whatever is flipped, in whatever order, each group once. */
static void model_rows_sha256__flipped_or_not__of_the_file(void **state)
{
    (void)state;
    struct model *model = open_tiny(false);
    struct err err = {0};
    char expected[SHA256_TEXT_SIZE], rows[SHA256_TEXT_SIZE];
    struct flip flips[] = {row_flip(1, PROJ_UP, 5), group_flip(NO_LAYER, PROJ_EMBED, 7, 0)};
    rows_by_hand(model, expected);
    for (int round = 0; round < 3; round++) {
        t_ok(model_rows_sha256(model, flips, 2, rows, &err), &err);
        assert_string_equal(rows, expected);
        model_flip(model, &flips[round % 2]);
    }
    struct flip swapped[] = {flips[1], flips[0], flips[1], group_flip(1, PROJ_UP, 5, 0)};
    t_ok(model_rows_sha256(model, swapped, 4, rows, &err), &err);
    assert_string_equal(rows, expected);
    t_ok(model_rows_sha256(model, flips, 1, rows, &err), &err);
    assert_string_not_equal(rows, expected);
    flips[1].row = 1u << 30;
    assert_false(model_rows_sha256(model, flips, 2, rows, &err));
    assert_string_equal(err.where, "flips[1]");
    assert_int_equal(err.code, ERR_RANGE);
    model_free(model);
}

/* A model in a file, whose hash nobody has asked for. */
static struct model *open_unhashed(uint64_t seed)
{
    char path[] = "/tmp/bankai-test-XXXXXX";
    struct tiny tiny = tiny_default;
    struct buf file = {0};
    struct err err = {0};
    tiny.seed = seed;
    tiny_write(&tiny, &file);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, file.data, file.len) == (ssize_t)file.len);
    (void)close(fd);
    struct model *model = model_open(path, &err);
    t_ok(model != NULL, &err);
    (void)unlink(path);
    buf_free(&file);
    return model;
}

static void patch_matches_rows__before_the_hash_is_known__weights_decide(void **state)
{
    (void)state;
    const struct flip flips[] = {row_flip(1, PROJ_UP, 5), row_flip(0, PROJ_DOWN, 9)};
    char rows[SHA256_TEXT_SIZE];
    struct err err = {0};
    bool unstated = true;
    struct model *model = open_unhashed(81), *other = open_unhashed(82);
    struct patch *patch = patch_of(flips, 2);
    t_ok(model_rows_sha256(model, flips, 2, rows, &err), &err);
    patch_set_text(&patch->rows_sha256, rows);
    patch_set_text(&patch->base_sha256, /* a lie, which only hashing would find out */
                   "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c");
    t_ok(patch_matches_rows(patch, model, &unstated, &err), &err);
    assert_false(unstated);
    assert_false(model_hash_ready(model));
    assert_false(patch_matches_rows(patch, other, &unstated, &err));
    assert_int_equal(err.code, ERR_MISMATCH);
    assert_string_equal(err.where, "metadata.rows_sha256");
    assert_non_null(strstr(err.message, rows));
    assert_false(patch_matches(patch, other, &unstated, &err)); /* at once, too */
    assert_string_equal(err.where, "metadata.rows_sha256");
    assert_false(model_hash_ready(other));
    patch_add(patch, row_flip(0, PROJ_DOWN, 10));
    assert_string_equal(patch->rows_sha256, ""); /* of other flips */
    patch_free(patch);
    model_free(model);
    model_free(other);
}

static void patch_matches__hash__decides(void **state)
{
    (void)state;
    struct model *model = open_tiny(false);
    struct patch *patch = patch_new();
    struct err err = {0};
    bool unstated = false;
    t_ok(patch_matches(patch, model, &unstated, &err), &err);
    assert_true(unstated);

    const char *sha256 = model_sha256(model, &err);
    t_ok(sha256 != NULL, &err);
    patch_set_text(&patch->base_sha256, sha256);
    t_ok(patch_matches(patch, model, &unstated, &err), &err);
    assert_false(unstated);

    static const char other[] = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c";
    patch_set_text(&patch->base_sha256, other);
    struct buf message = {0};
    buf_add_format(&message, "is for the model with SHA-256 %s, this model has %s", other, sha256);
    assert_false(patch_matches(patch, model, &unstated, &err));
    t_err_is(&err, ERR_MISMATCH, "metadata.base_sha256", message.data);
    buf_free(&message);
    patch_free(patch);
    model_free(model);
}

/* ---- properties ----------------------------------------------------------- */

enum { BYTES_PER_FLIP = 6 };

/* Any flip of the model, drawn from six bytes. */
static struct flip flip_of_bytes(const struct model *model, const unsigned char *bytes)
{
    struct flip flip = {.proj = (enum proj)(bytes[0] % PROJ_COUNT), .group = FLIP_WHOLE_ROW};
    flip.layer = flip.proj < PROJ_LAYER_COUNT ? bytes[1] % 2 : NO_LAYER;
    uint32_t rows = 0, columns = 0;
    assert_true(model_matrix_size(model, flip.layer, flip.proj, &rows, &columns));
    flip.row = (bytes[2] % 4u) * (rows / 4); /* few rows, so that flips meet */
    if (bytes[3] % 3 == 0)
        return flip;
    flip.group = bytes[4] % (int32_t)(columns / GROUP_WEIGHTS);
    memcpy(flip.mask, flip_mask_all, sizeof flip.mask);
    if (bytes[3] % 3 == 1)
        flip.mask[bytes[5] % 2] = UINT64_C(1) << bytes[5] % 64;
    return flip;
}

/* A patch of the flips in bytes; one that would repeat weights is left out. */
static struct patch *patch_of_bytes(const struct model *model, const char *bytes, size_t len)
{
    struct patch *patch = patch_new();
    for (size_t i = 0; i + BYTES_PER_FLIP <= len; i += BYTES_PER_FLIP) {
        patch_add(patch, flip_of_bytes(model, (const unsigned char *)bytes + i));
        if (!patch_fits(patch, model, NULL))
            patch->flip_count--;
    }
    return patch;
}

struct checked {
    struct model *model;
    uint8_t *file; /* the bytes before any flip */
    uint8_t *seen;
};

static bool is_file_again(const struct checked *checked)
{
    struct state_name name = model_state(checked->model);
    uint64_t groups = 0;
    return memcmp(checked->model->bytes, checked->file, checked->model->len) == 0 &&
           name.word[0] == 0 && name.word[1] == 0 &&
           model_flipped_bits(checked->model, &groups) == 0 && groups == 0;
}

/* [P1], and the bits that totals count are the bits that change. */
static bool holds_twice(void *user, const char *bytes, size_t len, struct buf *why)
{
    const struct checked *checked = user;
    struct patch *patch = patch_of_bytes(checked->model, bytes, len);
    struct err err = {0};
    uint64_t groups = 0;
    bool ok = patch_apply(patch, checked->model, &err);
    uint64_t flipped = model_flipped_bits(checked->model, &groups);
    uint64_t counted = patch_totals(patch, checked->model).bits_flipped;
    ok = patch_apply(patch, checked->model, &err) && ok;
    if (!ok || flipped != counted || !is_file_again(checked))
        buf_add_format(why, "%s %s; %d bits changed, %d counted", err.where, err.message,
                       (int)flipped, (int)counted);
    patch_free(patch);
    return why->len == 0;
}

/* The same flips in the opposite order: the same bytes, the same name. */
static bool holds_any_order(void *user, const char *bytes, size_t len, struct buf *why)
{
    struct checked *checked = user;
    struct model *model = checked->model;
    struct patch *patch = patch_of_bytes(model, bytes, len);
    struct patch *reversed = patch_new();
    for (size_t i = patch->flip_count; i > 0; i--)
        patch_add(reversed, patch->flips[i - 1]);
    bool ok = patch_apply(patch, model, NULL);
    struct state_name name = model_state(model);
    memcpy(checked->seen, model->bytes, model->len);
    ok = patch_apply(patch, model, NULL) && ok;
    ok = patch_apply(reversed, model, NULL) && ok;
    ok = ok && memcmp(checked->seen, model->bytes, model->len) == 0 &&
         state_name_equal(name, model_state(model));
    ok = patch_apply(patch, model, NULL) && ok && is_file_again(checked);
    if (!ok)
        buf_add_text(why, "another order gave another model");
    patch_free(patch);
    patch_free(reversed);
    return ok;
}

/* compose(a, b) = a, then b; and composing with itself leaves nothing. */
static bool holds_composed(void *user, const char *bytes, size_t len, struct buf *why)
{
    struct checked *checked = user;
    struct model *model = checked->model;
    struct patch *a = patch_of_bytes(model, bytes, len / 2);
    struct patch *b = patch_of_bytes(model, bytes + len / 2, len - len / 2);
    struct patch *both = patch_compose(a, b, model);
    struct patch *none = patch_compose(both, both, model);
    bool ok = patch_apply(a, model, NULL) && patch_apply(b, model, NULL);
    struct state_name name = model_state(model);
    ok = patch_apply(both, model, NULL) && ok && is_file_again(checked);
    ok = patch_apply(both, model, NULL) && ok && state_name_equal(name, model_state(model));
    uint64_t groups = 0;
    ok = ok && model_flipped_bits(model, &groups) == both->bits_flipped;
    ok = patch_apply(both, model, NULL) && ok && none->flip_count == 0;
    if (!ok)
        buf_add_text(why, "the composed patch is not its parts");
    patch_free(a);
    patch_free(b);
    patch_free(both);
    patch_free(none);
    return ok;
}

static void generate(struct rng *rng, void *user, struct buf *out)
{
    (void)user;
    size_t len = (size_t)rng_below(rng, 20 * BYTES_PER_FLIP);
    for (size_t i = 0; i < len; i++) {
        char byte = (char)rng_below(rng, 256);
        buf_add(out, &byte, 1);
    }
}

static void check_property(const char *name, bool tied,
                           bool (*holds)(void *, const char *, size_t, struct buf *))
{
    struct checked checked = {.model = open_tiny(tied)};
    checked.file = x_new(checked.model->len, 1);
    checked.seen = x_new(checked.model->len, 1);
    memcpy(checked.file, checked.model->bytes, checked.model->len);
    const struct prop prop = {.name = name, .seed = 3, .cases = 300, .generate = generate,
                              .holds = holds, .user = &checked};
    t_prop(&prop);
    free(checked.file);
    free(checked.seen);
    model_free(checked.model);
}

static void patch_apply__twice__is_identity(void **state)
{
    (void)state;
    check_property("apply twice", false, holds_twice);
    check_property("apply twice, tied", true, holds_twice);
}

static void patch_apply__any_order__same_model(void **state)
{
    (void)state;
    check_property("any order", false, holds_any_order);
    check_property("any order, tied", true, holds_any_order);
}

static void patch_compose__two_patches__as_applied_in_turn(void **state)
{
    (void)state;
    check_property("compose", false, holds_composed);
    check_property("compose, tied", true, holds_composed);
}

/* ---- composing and counting, by hand -------------------------------------- */

static void patch_compose__groups_of_a_row__become_the_row(void **state)
{
    (void)state;
    struct tiny tiny = tiny_default;
    tiny.ffn = 384; /* down_proj has three groups */
    struct buf file = {0};
    tiny_write(&tiny, &file);
    struct err err = {0};
    struct model *model = model_open_memory(file.data, file.len, "tiny", &err);
    t_ok(model != NULL, &err);
    const struct flip left[] = {group_flip(1, PROJ_DOWN, 5, 0), group_flip(1, PROJ_DOWN, 5, 2),
                                row_flip(0, PROJ_DOWN, 9)};
    const struct flip right[] = {group_flip(1, PROJ_DOWN, 5, 1), group_flip(0, PROJ_DOWN, 9, 1),
                                 row_flip(0, PROJ_Q, 3)};
    struct patch *a = patch_of(left, 3), *b = patch_of(right, 3);
    patch_set_text(&a->name, "left");
    patch_set_text(&b->name, "right");
    patch_set_text(&b->base_model, "tiny");
    struct patch *both = patch_compose(a, b, model);
    const struct flip expected[] = {row_flip(0, PROJ_Q, 3), group_flip(0, PROJ_DOWN, 9, 0),
                                    group_flip(0, PROJ_DOWN, 9, 2), row_flip(1, PROJ_DOWN, 5)};
    assert_int_equal(both->flip_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(both->flips[i].layer, expected[i].layer);
        assert_int_equal(both->flips[i].proj, expected[i].proj);
        assert_int_equal(both->flips[i].row, expected[i].row);
        assert_int_equal(both->flips[i].group, expected[i].group);
        assert_memory_equal(both->flips[i].mask, expected[i].mask, sizeof expected[i].mask);
    }
    assert_string_equal(both->name, "left + right");
    assert_string_equal(both->base_model, "tiny");
    assert_int_equal(json_array_size(json_object_get(both->metadata, "composed_of")), 2);
    assert_int_equal(both->bits_flipped, 128 + 128 + 128 + 384);
    patch_free(a);
    patch_free(b);
    patch_free(both);
    model_free(model);
    buf_free(&file);
}

/* 2 layers, 128 wide: the flipped rows of gate, q and embedding have 128 bits
 * each, as has the group. */
static void patch_totals__tiny_model__shares(void **state)
{
    (void)state;
    const struct flip flips[] = {row_flip(0, PROJ_GATE, 1), group_flip(1, PROJ_UP, 2, 0),
                                 row_flip(1, PROJ_Q, 0), row_flip(NO_LAYER, PROJ_EMBED, 9)};
    for (int tied = 0; tied < 2; tied++) {
        struct model *model = open_tiny(tied != 0);
        const struct model_shape *shape = model_shape(model);
        struct patch *patch = patch_of(flips, 4);
        struct patch_totals totals = patch_totals(patch, model);
        double mlp = 2.0 * 3 * shape->width * shape->ffn;
        double attention = 2.0 * 2 * shape->width * shape->head_dim *
                           (shape->heads + shape->kv_heads);
        double all = mlp + attention + (tied ? 1.0 : 2.0) * shape->vocab * shape->width;
        assert_true(totals.has_model);
        assert_int_equal(totals.rows, 3);
        assert_int_equal(totals.groups, 1);
        assert_int_equal(totals.bits_flipped, 4 * 128);
        assert_true(fabs(totals.share_of_mlp - 2 * 128 / mlp) < 1e-15);
        assert_true(fabs(totals.share_of_all - 4 * 128 / all) < 1e-15);
        patch_free(patch);
        model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patch_apply__does_not_fit__model_unchanged),
        cmocka_unit_test(patch_fits__embed_and_head__twice_only_if_tied),
        cmocka_unit_test(model_rows_sha256__flipped_or_not__of_the_file),
        cmocka_unit_test(patch_matches_rows__before_the_hash_is_known__weights_decide),
        cmocka_unit_test(patch_matches__hash__decides),
        cmocka_unit_test(patch_apply__twice__is_identity),
        cmocka_unit_test(patch_apply__any_order__same_model),
        cmocka_unit_test(patch_compose__two_patches__as_applied_in_turn),
        cmocka_unit_test(patch_compose__groups_of_a_row__become_the_row),
        cmocka_unit_test(patch_totals__tiny_model__shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

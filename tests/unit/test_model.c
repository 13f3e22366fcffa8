/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Flips, state names and questions of engine/model.
 */
#include <stdlib.h>
#include <unistd.h>

#include "engine/model/model_int.h"
#include "src/base/rng.h"
#include "src/base/sha256.h"
#include "tests/sparse.h"
#include "tests/t.h"
#include "tests/tiny.h"

static struct model *open_tiny(const struct tiny *tiny)
{
    struct buf file = {0};
    struct err err;
    tiny_write(tiny, &file);
    struct model *model = model_open_memory(file.data, file.len, "tiny", &err);
    t_ok(model != NULL, &err);
    buf_free(&file);
    return model;
}

static struct flip random_flip(struct rng *rng, const struct model *model)
{
    const struct model_shape *shape = model_shape(model);
    struct flip flip = {.proj = (enum proj)rng_below(rng, PROJ_COUNT), .group = FLIP_WHOLE_ROW};
    flip.layer = flip.proj < PROJ_LAYER_COUNT ? (int32_t)rng_below(rng, shape->layers) : NO_LAYER;
    uint32_t rows = 0, columns = 0;
    assert_true(model_matrix_size(model, flip.layer, flip.proj, &rows, &columns));
    flip.row = (uint32_t)rng_below(rng, rows);
    uint64_t kind = rng_below(rng, 4);
    if (kind == 0)
        return flip;
    flip.group = (int32_t)rng_below(rng, columns / GROUP_WEIGHTS);
    uint64_t bit = rng_below(rng, 128);
    if (kind == 1)
        memcpy(flip.mask, flip_mask_all, sizeof flip.mask);
    else if (kind == 2)
        flip.mask[bit / 64] = UINT64_C(1) << bit % 64;
    else
        flip.mask[0] = rng_next(rng), flip.mask[1] = rng_next(rng);
    return flip;
}

static void model_flip__twice_in_any_order__restores_every_byte_and_the_name(void **state)
{
    (void)state;
    struct model *model = open_tiny(&tiny_default);
    uint8_t *original = x_new(model->len, 1);
    memcpy(original, model->bytes, model->len);
    struct rng rng;
    rng_seed(&rng, 11);
    for (int round = 0; round < 50; round++) {
        struct flip flips[40];
        size_t count = 1 + rng_below(&rng, countof(flips));
        for (size_t i = 0; i < count; i++) {
            flips[i] = random_flip(&rng, model);
            struct state_name expected = model_state_with(model, &flips[i]);
            model_flip(model, &flips[i]);
            assert_true(state_name_equal(model_state(model), expected));
        }
        for (size_t i = count; i > 1; i--) { /* undo in another order */
            size_t j = rng_below(&rng, i);
            struct flip swap = flips[i - 1];
            flips[i - 1] = flips[j];
            flips[j] = swap;
        }
        for (size_t i = 0; i < count; i++)
            model_flip(model, &flips[i]);
        uint64_t groups = 0;
        assert_int_equal(model_flipped_bits(model, &groups), 0);
        assert_int_equal(groups, 0);
        assert_memory_equal(model->bytes, original, model->len);
        assert_true(state_name_equal(model_state(model), (struct state_name){{0, 0}}));
    }
    free(original);
    model_free(model);
}

static void model_flip__row__changes_exactly_its_sign_bytes(void **state)
{
    (void)state;
    struct model *model = open_tiny(&tiny_default);
    uint8_t *original = x_new(model->len, 1);
    memcpy(original, model->bytes, model->len);
    struct flip flip = {.layer = 1, .proj = PROJ_DOWN, .row = 5, .group = FLIP_WHOLE_ROW};
    model_flip(model, &flip);
    const struct matrix *down = &model->layers[1].matrix[PROJ_DOWN];
    size_t begin = (size_t)(down->blocks - model->bytes) + 5 * 2 * GROUP_BYTES, changed = 0;
    for (size_t i = 0; i < model->len; i++) {
        bool sign_byte = i >= begin && i < begin + 2 * GROUP_BYTES && (i - begin) % 18 >= 2;
        assert_int_equal(model->bytes[i], sign_byte ? original[i] ^ 0xFF : original[i]);
        changed += model->bytes[i] != original[i];
    }
    uint64_t groups = 0;
    assert_int_equal(changed, 32);
    assert_int_equal(model_flipped_bits(model, &groups), 256);
    assert_int_equal(groups, 2);
    free(original);
    model_free(model);
}

static void model_flip__bit_k__is_bit_k_of_the_group(void **state)
{
    (void)state;
    struct model *model = open_tiny(&tiny_default);
    for (unsigned k = 0; k < 128; k++) {
        struct flip flip = {.layer = 0, .proj = PROJ_Q, .row = 3, .group = 0};
        flip.mask[k / 64] = UINT64_C(1) << k % 64;
        uint8_t *signs = model->layers[0].matrix[PROJ_Q].blocks + 3 * GROUP_BYTES + 2;
        uint8_t before = signs[k / 8];
        model_flip(model, &flip);
        assert_int_equal(signs[k / 8], before ^ 1u << k % 8);
        model_flip(model, &flip);
    }
    model_free(model);
}

static void model_state__row_or_its_groups__same_name(void **state)
{
    (void)state;
    struct model *model = open_tiny(&tiny_default);
    struct flip row = {.layer = 0, .proj = PROJ_DOWN, .row = 9, .group = FLIP_WHOLE_ROW};
    struct state_name by_row = model_state_with(model, &row);
    for (int32_t g = 0; g < 2; g++) {
        struct flip group = row;
        group.group = g;
        memcpy(group.mask, flip_mask_all, sizeof group.mask);
        model_flip(model, &group);
    }
    assert_true(state_name_equal(model_state(model), by_row));
    model_free(model);
}

static void model_flip__tied_head__is_the_embedding(void **state)
{
    (void)state;
    struct tiny tiny = tiny_default;
    tiny.tied = true;
    struct model *model = open_tiny(&tiny);
    assert_true(model_shape(model)->tied);
    struct flip head = {NO_LAYER, PROJ_HEAD, 4, FLIP_WHOLE_ROW, {0, 0}};
    struct flip embed = {NO_LAYER, PROJ_EMBED, 4, FLIP_WHOLE_ROW, {0, 0}};
    struct state_name a = model_state_with(model, &head), b = model_state_with(model, &embed);
    assert_true(state_name_equal(a, b));
    model_free(model);
}

static void model_patchable_rows__both_kinds__embedding_counts_once_when_tied(void **state)
{
    (void)state;
    struct tiny tiny = tiny_default;
    struct model *separate = open_tiny(&tiny);
    tiny.tied = true;
    struct model *tied = open_tiny(&tiny);
    /* per layer: q 128, k 64, v 64, o 128, gate 256, up 256, down 128 */
    assert_int_equal(model_patchable_rows(tied), 2 * 1024 + 264);
    assert_int_equal(model_patchable_rows(separate), 2 * 1024 + 2 * 264);
    model_free(separate);
    model_free(tied);
}

static void model_row_scale_sum__by_hand__exact(void **state)
{
    (void)state;
    struct model *model = open_tiny(&tiny_default);
    uint8_t *block = model->layers[0].matrix[PROJ_DOWN].blocks + 7 * 2 * GROUP_BYTES;
    const struct {
        uint16_t half;
        uint64_t units; /* of 2^-24 */
    } cases[] = {{0x0000, 0},          {0x0001, 1},        {0x8001, 1},
                 {0x0400, 1024},       {0x3C00, 1 << 24},  {0xC000, 1 << 25},
                 {0x7BFF, UINT64_C(65504) << 24}, {0x7C00, 0}, {0x7E00, 0}};
    for (size_t i = 0; i < countof(cases); i++) {
        block[0] = (uint8_t)cases[i].half;
        block[1] = (uint8_t)(cases[i].half >> 8);
        block[GROUP_BYTES] = 0x00;
        block[GROUP_BYTES + 1] = 0x3C; /* 1.0 */
        assert_int_equal(model_row_scale_sum(model, 0, PROJ_DOWN, 7),
                         cases[i].units + (1 << 24));
        assert_int_equal(model_group_scale(model, 0, PROJ_DOWN, 7, 0), cases[i].units);
        assert_int_equal(model_group_scale(model, 0, PROJ_DOWN, 7, 1), 1 << 24);
    }
    model_free(model);
}

static void model_flip_fits__outside__says_value_and_range(void **state)
{
    (void)state;
    struct model *model = open_tiny(&tiny_default);
    const struct {
        struct flip flip;
        const char *message;
    } cases[] = {
        {{2, PROJ_Q, 0, -1, {0, 0}}, "layer 2 is outside 0 .. 1"},
        {{-1, PROJ_UP, 0, -1, {0, 0}}, "layer -1 is outside 0 .. 1"},
        {{0, PROJ_EMBED, 0, -1, {0, 0}}, "embed has layer 0, expected none"},
        {{0, PROJ_K, 64, -1, {0, 0}}, "row 64 of k_proj is outside 0 .. 63"},
        {{NO_LAYER, PROJ_HEAD, 264, -1, {0, 0}}, "row 264 of head is outside 0 .. 263"},
        {{1, PROJ_DOWN, 0, 2, {0, 0}}, "group 2 of down_proj is outside 0 .. 1"},
        {{1, PROJ_GATE, 0, -2, {0, 0}}, "group -2 of gate_proj is outside 0 .. 0"},
        {{1, PROJ_COUNT, 0, -1, {0, 0}}, "projection number 9 is unknown"},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct err err = {0};
        assert_false(model_flip_fits(model, &cases[i].flip, &err));
        t_err_is(&err, ERR_RANGE, "", cases[i].message);
    }
    struct flip last = {1, PROJ_DOWN, 127, 1, {0, 0}};
    assert_true(model_flip_fits(model, &last, NULL));
    model_free(model);
}

static void model_open__file__same_as_memory_and_never_written(void **state)
{
    (void)state;
    struct buf file = {0};
    tiny_write(&tiny_default, &file);
    char path[] = "/tmp/bankai-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, file.data, file.len) == (ssize_t)file.len);
    struct err err;
    struct model *model = model_open(path, &err);
    t_ok(model != NULL, &err);
    char expected[SHA256_TEXT_SIZE];
    assert_true(sha256_text(file.data, file.len, expected, &err));
    struct flip flip = {0, PROJ_UP, 3, FLIP_WHOLE_ROW, {0, 0}};
    model_flip(model, &flip);
    assert_string_equal(model_sha256(model, &err), expected); /* of the disk, not of memory */
    char *now = x_new(file.len, 1);
    assert_int_equal(pread(fd, now, file.len, 0), file.len);
    assert_memory_equal(now, file.data, file.len);
    assert_true(model_unchanged(model, &err));
    assert_int_equal(ftruncate(fd, (off_t)file.len - 1), 0);
    assert_false(model_unchanged(model, &err));
    assert_string_equal(err.message, "the model file changed while it was open, expected the same "
                                     "size and time");
    model_free(model);
    (void)close(fd);
    (void)unlink(path);
    free(now);
    buf_free(&file);
}

/* Flags of the mapping that begins at this address, as proc(5) names them. */
static void mapping_flags(const void *begin, char out[256])
{
    char line[256], start[32];
    bool inside = false;
    FILE *maps = fopen("/proc/self/smaps", "re");
    assert_non_null(maps);
    (void)snprintf(start, sizeof start, "%lx-", (unsigned long)(uintptr_t)begin);
    out[0] = '\0';
    while (!out[0] && fgets(line, sizeof line, maps)) {
        inside |= strncmp(line, start, strlen(start)) == 0;
        if (inside && strncmp(line, "VmFlags:", 8) == 0)
            memcpy(out, line, sizeof line);
    }
    (void)fclose(maps);
}

/* Else a file larger than the machine's memory could not be opened. */
static void model_open__file__reserves_no_memory(void **state)
{
    (void)state;
    char path[] = "/tmp/bankai-test-XXXXXX", flags[256];
    struct buf file = {0};
    tiny_write(&tiny_default, &file);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, file.data, file.len) == (ssize_t)file.len);
    struct err err;
    struct model *model = model_open(path, &err);
    t_ok(model != NULL, &err);
    mapping_flags(model->bytes, flags);
    assert_true(strstr(flags, " wr ") != NULL && strstr(flags, " sh ") == NULL);
    assert_non_null(strstr(flags, " nr "));
    model_free(model);
    (void)close(fd);
    (void)unlink(path);
    buf_free(&file);
}

/* ---- the hash ------------------------------------------------------------------- */

enum { BIG_BYTES = 24 << 20 }; /* some milliseconds of hashing */

/* A model with a tail that belongs to nothing; the caller unlinks it. */
static const char *write_big(char path[], char sha256[SHA256_TEXT_SIZE])
{
    struct buf file = {0};
    struct err err;
    tiny_write(&tiny_default, &file);
    char *tail = x_new(BIG_BYTES, 1);
    buf_add(&file, tail, BIG_BYTES);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, file.data, file.len) == (ssize_t)file.len);
    assert_true(sha256_text(file.data, file.len, sha256, &err));
    (void)close(fd);
    free(tail);
    buf_free(&file);
    return path;
}

static struct model *open_file(const char *path)
{
    struct err err;
    struct model *model = model_open(path, &err);
    t_ok(model != NULL, &err);
    return model;
}

static void model_hash_start__flips_meanwhile__hash_of_the_file(void **state)
{
    (void)state;
    char path[] = "/tmp/bankai-test-XXXXXX", expected[SHA256_TEXT_SIZE];
    struct err err;
    struct model *model = open_file(write_big(path, expected));
    model_hash_start(model);
    model_hash_start(model); /* once is enough */
    assert_non_null(model->identity.job);
    struct flip flip = {0, PROJ_UP, 3, FLIP_WHOLE_ROW, {0, 0}};
    model_flip(model, &flip);
    const char *sha256 = model_sha256(model, &err);
    assert_non_null(sha256);
    assert_string_equal(sha256, expected);
    assert_null(model->identity.job);
    assert_ptr_equal(model_sha256(model, &err), sha256);

    struct model *again = open_file(path);
    model_hash_start(again);
    assert_null(again->identity.job); /* the cache knew it: no thread */
    assert_string_equal(model_sha256(again, &err), expected);
    model_free(again);
    model_free(model);
    (void)unlink(path);
}

static void model_hash_start__closed_before_it_is_known__stops(void **state)
{
    (void)state;
    char path[] = "/tmp/bankai-test-XXXXXX", expected[SHA256_TEXT_SIZE];
    (void)write_big(path, expected);
    for (int i = 0; i < 20; i++) {
        struct model *model = open_file(path);
        model_hash_start(model);
        model_free(model);
    }
    (void)unlink(path);
}

/* 0.9 TB would take ten minutes. */
static void model_sha256_unless__cancelled__gives_up_at_once(void **state)
{
    (void)state;
    char path[] = "/tmp/bankai-giant-XXXXXX";
    struct err err = {0};
    cancel_flag cancel = true;
    if (sparse_write(&sparse_giant, path) == 0) {
        print_message("skipped: no files of that size here\n");
        skip();
    }
    struct model *model = model_open(path, &err);
    (void)unlink(path);
    t_ok(model != NULL, &err);
    assert_null(model_sha256_unless(model, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_false(model_hash_ready(model));
    model_free(model); /* stops what goes on */
}

/* Lines of the cache, newest first. */
static bool note_known(void *user, const struct model_known *known)
{
    buf_add_format(user, "%s %s\n", known->sha256, known->path);
    return true;
}

/* What the cache says of a new model at path, whose file goes again. */
static void add_known(struct buf *out, uint64_t seed)
{
    char path[] = "/tmp/bankai-test-XXXXXX";
    struct err err = {0};
    struct buf file = {0};
    struct tiny tiny = tiny_default;
    tiny.seed = seed;
    tiny_write(&tiny, &file);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, file.data, file.len) == (ssize_t)file.len);
    (void)close(fd);
    buf_free(&file);
    struct model *model = open_file(path);
    const char *sha256 = model_sha256(model, &err);
    t_ok(sha256 != NULL, &err);
    assert_true(model_hash_ready(model));
    buf_add_format(out, "%s %s\n", sha256, path);
    model_free(model);
    (void)unlink(path);
}

static void model_each_known__two_models__newest_first(void **state)
{
    (void)state;
    struct buf said = {0}, first = {0}, both = {0};
    add_known(&first, 71);
    add_known(&both, 72);
    buf_add(&both, first.data, first.len);
    model_each_known(note_known, &said);
    assert_true(said.len >= both.len); /* others were known before */
    assert_memory_equal(said.data, both.data, both.len);
    buf_free(&said);
    buf_free(&first);
    buf_free(&both);
}

static void model_hash_start__file_changes_meanwhile__refused_once_asked(void **state)
{
    (void)state;
    char path[] = "/tmp/bankai-test-XXXXXX", expected[SHA256_TEXT_SIZE];
    struct err err = {0};
    struct model *model = open_file(write_big(path, expected));
    model_hash_start(model);
    assert_int_equal(truncate(path, BIG_BYTES / 2), 0);
    assert_null(model_sha256(model, &err));
    assert_string_equal(err.message, "the model file changed while it was open, expected the same "
                                     "size and time");
    assert_string_equal(err.file, path);
    model_free(model);
    (void)unlink(path);
}

int main(void)
{
    (void)setenv("XDG_CACHE_HOME", "/tmp/bankai-test-cache", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_flip__twice_in_any_order__restores_every_byte_and_the_name),
        cmocka_unit_test(model_flip__row__changes_exactly_its_sign_bytes),
        cmocka_unit_test(model_flip__bit_k__is_bit_k_of_the_group),
        cmocka_unit_test(model_state__row_or_its_groups__same_name),
        cmocka_unit_test(model_flip__tied_head__is_the_embedding),
        cmocka_unit_test(model_patchable_rows__both_kinds__embedding_counts_once_when_tied),
        cmocka_unit_test(model_row_scale_sum__by_hand__exact),
        cmocka_unit_test(model_flip_fits__outside__says_value_and_range),
        cmocka_unit_test(model_open__file__same_as_memory_and_never_written),
        cmocka_unit_test(model_open__file__reserves_no_memory),
        cmocka_unit_test(model_hash_start__flips_meanwhile__hash_of_the_file),
        cmocka_unit_test(model_hash_start__closed_before_it_is_known__stops),
        cmocka_unit_test(model_sha256_unless__cancelled__gives_up_at_once),
        cmocka_unit_test(model_each_known__two_models__newest_first),
        cmocka_unit_test(model_hash_start__file_changes_meanwhile__refused_once_asked),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}

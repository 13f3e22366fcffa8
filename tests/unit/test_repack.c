/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The second copy of the weights: always the same weights, always the same numbers.
 */
#include <stdlib.h>
#include <unistd.h>

#include "engine/kernel/kernel.h"
#include "engine/model/model_int.h"
#include "src/base/memory.h"
#include "src/base/rng.h"
#include "tests/sparse.h"
#include "tests/t.h"
#include "tests/tiny.h"

enum { COUNT = 9 };

/* layers, width, ffn, heads, kv_heads, head_dim, vocab: rows that fill panels and not */
static const struct tiny shapes[] = {
    {2, 128, 256, 2, 1, 64, 264, .seed = 31},
    {1, 256, 384, 64, 8, 6, 277, .seed = 32, .tied = true},
    {2, 128, 128, 64, 1, 6, 260, .seed = 33},
};

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

static struct model *open_repacked(const struct tiny *tiny, int threads)
{
    struct err err;
    struct model *model = open_tiny(tiny);
    t_ok(model_repack(model, threads, NULL, &err), &err);
    return model;
}

/* ---- the same weights ------------------------------------------------------------- */

/* Panels hold the blocks, and zeros behind the last row. */
static void check_matrix(const struct matrix *matrix)
{
    size_t padded = (matrix->rows + PANEL_ROWS - 1) / PANEL_ROWS * PANEL_ROWS;
    assert_non_null(matrix->panels);
    for (size_t row = 0; row < padded; row++)
        for (size_t group = 0; group < matrix->groups; group++) {
            uint8_t found[GROUP_BYTES], expected[GROUP_BYTES] = {0};
            memcpy(found, matrix->panels + panel_scale_place(row, group, matrix->groups), 2);
            for (size_t i = 0; i < 4; i++)
                memcpy(found + 2 + 4 * i,
                       matrix->panels + panel_signs_place(row, group, matrix->groups, i), 4);
            if (row < matrix->rows)
                memcpy(expected, matrix->blocks + (row * matrix->groups + group) * GROUP_BYTES,
                       GROUP_BYTES);
            assert_memory_equal(found, expected, GROUP_BYTES);
        }
}

static void check_panels(const struct model *model)
{
    for (uint32_t layer = 0; layer < model->shape.layers; layer++)
        for (int proj = 0; proj < PROJ_LAYER_COUNT; proj++)
            check_matrix(&model->layers[layer].matrix[proj]);
    check_matrix(&model->head);
    if (model->shape.tied)
        assert_ptr_equal(model->embed.panels, model->head.panels);
    else
        assert_null(model->embed.panels); /* nothing is multiplied with it */
}

static void model_repack__any_shape_and_threads__panels_are_the_blocks(void **state)
{
    (void)state;
    for (size_t s = 0; s < countof(shapes); s++)
        for (int threads = 0; threads <= 3; threads++) {
            struct err err;
            struct model *model = open_repacked(&shapes[s], threads);
            const uint8_t *panels = model->panels;
            check_panels(model);
            assert_true(model_panels_bytes(model) > 0);
            t_ok(model_repack(model, threads, NULL, &err), &err); /* once is enough */
            assert_ptr_equal(model->panels, panels);
            model_unpack(model);
            assert_int_equal(model_panels_bytes(model), 0);
            assert_null(model->head.panels);
            model_free(model);
        }
}

/* ---- the same numbers --------------------------------------------------------------- */

static void random_ids(const struct model *model, int32_t ids[COUNT])
{
    struct rng rng;
    rng_seed(&rng, 34);
    for (size_t i = 0; i < COUNT; i++)
        ids[i] = (int32_t)rng_below(&rng, model_shape(model)->vocab);
}

/* Logits of all positions, `piece` tokens at a time; owned by the caller. */
static float *logits_of(struct context *context, const struct model *model, size_t piece)
{
    struct err err;
    int32_t ids[COUNT];
    size_t slots[COUNT];
    random_ids(model, ids);
    float *logits = x_new(COUNT * (size_t)model_shape(model)->vocab, sizeof *logits);
    size_t branch = context_branch(context, 0, 0);
    for (size_t i = 0; i < COUNT; i += piece) {
        size_t n = COUNT - i < piece ? COUNT - i : piece;
        t_ok(context_push(context, branch, ids + i, n, &err), &err);
        t_ok(context_run(context, NULL, &err), &err);
        for (size_t t = 0; t < n; t++)
            slots[t] = context_slot(context, branch, i + t);
        t_ok(context_logits(context, slots, n, logits + i * model_shape(model)->vocab, NULL, &err),
             &err);
    }
    return logits;
}

static struct context *new_context(struct model *model, int threads)
{
    struct err err;
    struct context_options options = {.tokens_max = COUNT, .threads = threads};
    struct context *context = context_new(model, &options, &err);
    t_ok(context != NULL, &err);
    return context;
}

struct pair {
    struct model *plain, *packed;
    struct context *plain_context, *packed_context;
};

static struct pair new_pair(const struct tiny *tiny)
{
    struct pair pair = {.plain = open_tiny(tiny), .packed = open_repacked(tiny, 2)};
    pair.plain_context = new_context(pair.plain, 1);
    pair.packed_context = new_context(pair.packed, 2);
    return pair;
}

static void pair_free(struct pair *pair)
{
    context_free(pair->plain_context);
    context_free(pair->packed_context);
    model_free(pair->plain);
    model_free(pair->packed);
}

static void same_logits(struct pair *pair, size_t piece)
{
    float *expected = logits_of(pair->plain_context, pair->plain, COUNT);
    float *found = logits_of(pair->packed_context, pair->packed, piece);
    assert_memory_equal(found, expected,
                        COUNT * model_shape(pair->plain)->vocab * sizeof *found);
    free(expected);
    free(found);
}

/* A row, a group and some bits of every matrix. */
static bool nth_flip(const struct model *model, size_t n, struct flip *flip)
{
    enum { KINDS = 3 };
    size_t matrices = (size_t)model->shape.layers * PROJ_LAYER_COUNT + 2, index = n / KINDS;
    if (n >= matrices * KINDS)
        return false;
    bool end = index >= matrices - 2;
    *flip = (struct flip){
        .layer = end ? NO_LAYER : (int32_t)(index / PROJ_LAYER_COUNT),
        .proj = end ? (enum proj)(PROJ_EMBED + (matrices - 1 - index))
                    : (enum proj)(index % PROJ_LAYER_COUNT),
        .group = FLIP_WHOLE_ROW,
    };
    uint32_t rows = 0, columns = 0;
    assert_true(model_matrix_size(model, flip->layer, flip->proj, &rows, &columns));
    flip->row = (uint32_t)(rng_mix(n) % rows);
    if (n % KINDS == 0)
        return true;
    flip->group = (int32_t)(columns / GROUP_WEIGHTS) - 1;
    flip->mask[0] = n % KINDS == 1 ? UINT64_MAX : rng_mix(n + 1);
    flip->mask[1] = n % KINDS == 1 ? UINT64_MAX : UINT64_C(1) << 63;
    return true;
}

static void forward__from_panels__same_bits_for_any_piece(void **state)
{
    (void)state;
    for (size_t s = 0; s < countof(shapes); s++) {
        struct pair pair = new_pair(&shapes[s]);
        for (size_t piece = 1; piece <= COUNT; piece++) {
            context_reset(pair.plain_context);
            context_reset(pair.packed_context);
            same_logits(&pair, piece);
        }
        pair_free(&pair);
    }
}

static void model_flip__every_matrix_and_kind__panels_follow(void **state)
{
    (void)state;
    for (size_t s = 0; s < countof(shapes); s++) {
        struct pair pair = new_pair(&shapes[s]);
        size_t bytes = model_panels_bytes(pair.packed);
        uint8_t *original = x_new(bytes, 1);
        struct flip flip;
        memcpy(original, pair.packed->panels, bytes);
        for (size_t n = 0; nth_flip(pair.packed, n, &flip); n++) {
            model_flip(pair.plain, &flip);
            model_flip(pair.packed, &flip);
            context_reset(pair.plain_context);
            context_reset(pair.packed_context);
            same_logits(&pair, 1);
        }
        check_panels(pair.packed);
        for (size_t n = 0; nth_flip(pair.packed, n, &flip); n++)
            model_flip(pair.packed, &flip);
        assert_memory_equal(pair.packed->panels, original, bytes); /* [N2] */
        free(original);
        pair_free(&pair);
    }
}

/* Repacking a model that was flipped already copies it as it is. */
static void model_repack__of_a_flipped_model__holds_the_flips(void **state)
{
    (void)state;
    struct err err;
    struct model *model = open_tiny(&shapes[1]);
    struct flip flip;
    for (size_t n = 0; nth_flip(model, n, &flip); n++)
        model_flip(model, &flip);
    t_ok(model_repack(model, 0, NULL, &err), &err);
    check_panels(model);
    model_free(model);
}

/* ---- candidates [N3] ------------------------------------------------------------------ */

static void virtual_flip__from_panels__same_bits_as_applied(void **state)
{
    (void)state;
    for (size_t s = 0; s < countof(shapes); s++) {
        struct pair pair = new_pair(&shapes[s]);
        struct flip flip;
        for (size_t n = 0; nth_flip(pair.packed, n, &flip); n++) {
            model_flip(pair.plain, &flip);
            context_reset(pair.plain_context);
            context_set_virtual(pair.packed_context, &flip);
            same_logits(&pair, 2);
            model_flip(pair.plain, &flip);
        }
        pair_free(&pair);
    }
}

/* Few enough tokens for panels everywhere, also where a layer is resumed. */
static struct batch *new_batch(struct model *model, uint64_t keep_bytes)
{
    struct err err;
    int32_t ids[COUNT];
    random_ids(model, ids);
    struct sequence sequence = {.ids = ids, .count = PANELS_TOKENS_MAX, .wanted = 1};
    struct batch_options options = {.threads = 2, .keep_bytes = keep_bytes};
    struct batch *batch = batch_new(model, &sequence, 1, &options, &err);
    t_ok(batch != NULL, &err);
    return batch;
}

static void batch_try__from_panels__same_bits(void **state)
{
    (void)state;
    for (size_t s = 0; s < countof(shapes); s++) {
        struct model *plain = open_tiny(&shapes[s]), *packed = open_repacked(&shapes[s], 2);
        struct batch *one = new_batch(plain, 0), *other = new_batch(packed, 1 << 24);
        size_t count = batch_rows(one) * model_shape(plain)->vocab;
        float *expected = x_new(count, sizeof *expected), *found = x_new(count, sizeof *found);
        struct flip flip;
        struct err err;
        for (size_t n = 0; nth_flip(plain, n, &flip); n++) {
            t_ok(batch_try(one, &flip, 1, NULL, &err) && batch_try(other, &flip, 1, NULL, &err) &&
                     batch_logits(one, 0, 0, batch_rows(one), expected, NULL, &err) &&
                     batch_logits(other, 0, 0, batch_rows(other), found, NULL, &err),
                 &err);
            assert_memory_equal(found, expected, count * sizeof *found);
        }
        free(expected);
        free(found);
        batch_free(one);
        batch_free(other);
        model_free(plain);
        model_free(packed);
    }
}

/* ---- refusals --------------------------------------------------------------------------- */

static void model_repack__cancelled__as_before(void **state)
{
    (void)state;
    struct err err;
    cancel_flag cancel = true;
    struct model *model = open_tiny(&shapes[0]);
    assert_false(model_repack(model, 2, &cancel, &err));
    t_err_is(&err, ERR_CANCELLED, "", "interrupted");
    assert_null(model->panels);
    assert_null(model->layers[0].matrix[PROJ_Q].panels);
    model_free(model);
}

static void model_repack__more_than_the_machine_has__refused_with_figures(void **state)
{
    (void)state;
    char path[] = "/tmp/bankai-test-XXXXXX";
    struct err err;
    uint64_t bytes = sparse_write(&sparse_giant, path);
    if (bytes == 0 || memory_available() > bytes) {
        (void)unlink(path);
        skip();
    }
    struct model *model = model_open(path, &err);
    t_ok(model != NULL, &err);
    assert_false(model_repack(model, 1, NULL, &err));
    assert_string_equal(err_code_name(err.code), "memory");
    assert_string_equal(err.file, path);
    unsigned long long whole = 0, left = 0;
    assert_int_equal(sscanf(err.message,
                            "no memory for a second copy of the weights (%llu MiB, the machine "
                            "has %llu MiB left)",
                            &whole, &left), 2);
    assert_in_range(whole, (bytes >> 20) * 99 / 100, bytes >> 20);
    assert_in_range(left, 1, whole - 1);
    assert_int_equal(model_panels_bytes(model), 0);
    model_free(model);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_repack__any_shape_and_threads__panels_are_the_blocks),
        cmocka_unit_test(forward__from_panels__same_bits_for_any_piece),
        cmocka_unit_test(model_flip__every_matrix_and_kind__panels_follow),
        cmocka_unit_test(model_repack__of_a_flipped_model__holds_the_flips),
        cmocka_unit_test(virtual_flip__from_panels__same_bits_as_applied),
        cmocka_unit_test(batch_try__from_panels__same_bits),
        cmocka_unit_test(model_repack__cancelled__as_before),
        cmocka_unit_test(model_repack__more_than_the_machine_has__refused_with_figures),
    };
    return cmocka_run_group_tests_name("repack", tests, NULL, NULL);
}

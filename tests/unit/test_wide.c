/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The engine at the width of an 8B model (4096, MLP 12288), where sums are long and
 * caches overflow: accuracy against double precision, and the same bits whatever
 * computes them.  Two layers of random weights; with BANKAI_TEST_MODEL=FILE
 * (`make check-model`) the same of that file.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/act/batch_int.h"
#include "src/base/rng.h"
#include "src/synth/synth.h"
#include "tests/t.h"
#include "tests/truth.h"

enum {
    SEQUENCES = 3,
    LENGTH = 6,
    SHARED = 3,
    WANTED = 2,
    TRUE_TOKENS = 4, /* that are computed in double precision */
    FLIPS_MAX = 2 * 7 * 2 + 2,
};

static struct model *model;
static size_t vocab;
static int32_t ids[SEQUENCES][LENGTH];
static struct sequence sequences[SEQUENCES];

static bool put(void *user, const void *bytes, size_t len, struct err *err)
{
    (void)err;
    buf_add(user, bytes, len);
    return true;
}

static struct model *synthetic_model(void)
{
    struct synth_shape shape;
    struct synth_file file;
    struct buf bytes = {0};
    struct err err = {0};
    t_ok(synth_shape_find("8B", &shape, &err), &err);
    shape.layers = 2;
    shape.vocab = 512;
    t_ok(synth_file_plan(&shape, 1, &file, &err), &err);
    t_ok(synth_file_write(&file, put, &bytes, &err), &err);
    struct model *made = model_open_memory(bytes.data, bytes.len, "synthetic", &err);
    t_ok(made != NULL, &err);
    synth_file_free(&file);
    buf_free(&bytes);
    return made;
}

/* Sequences that begin alike. */
static int open_all(void **state)
{
    (void)state;
    struct err err = {0};
    struct rng rng;
    const char *path = getenv("BANKAI_TEST_MODEL");
    model = path && *path ? model_open(path, &err) : synthetic_model();
    t_ok(model != NULL, &err);
    vocab = model_shape(model)->vocab;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < SEQUENCES; i++) {
        for (size_t k = 0; k < LENGTH; k++)
            ids[i][k] = i > 0 && k < SHARED ? ids[0][k] : (int32_t)rng_below(&rng, vocab);
        sequences[i] = (struct sequence){ids[i], LENGTH, LENGTH - WANTED, 0};
    }
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    model_free(model);
    return 0;
}

/* Every position's logits of one sequence, [LENGTH][vocab], `step` tokens at a time. */
static float *logits_of(const int32_t *tokens, int threads, size_t step)
{
    struct err err;
    struct context_options options = {.tokens_max = LENGTH, .threads = threads};
    struct context *context = context_new(model, &options, &err);
    t_ok(context != NULL, &err);
    float *out = x_new(LENGTH * vocab, sizeof *out);
    size_t branch = context_branch(context, 0, 0), slots[LENGTH];
    for (size_t i = 0; i < LENGTH; i++)
        slots[i] = i;
    for (size_t i = 0; i < LENGTH; i += step) {
        t_ok(context_push(context, branch, tokens + i, step, &err), &err);
        t_ok(context_run(context, NULL, &err), &err);
        t_ok(context_logits(context, slots + i, step, out + i * vocab, NULL, &err), &err);
    }
    context_free(context);
    return out;
}

/* ---- accuracy ----------------------------------------------------------------- */

/* Rounding activations to 15 bits makes an error of its own in every layer. */
static void wide__logits__as_in_double_precision(void **state)
{
    (void)state;
    uint32_t layers = model_shape(model)->layers;
    double limit = 1e-3 * (layers > 8 ? layers / 8.0 : 1);
    float *logits = logits_of(ids[0], 0, LENGTH);
    double *truth = x_new(TRUE_TOKENS * vocab, sizeof *truth);
    truth_logits(model, ids[0], TRUE_TOKENS, truth);
    double error = truth_relative_rms(logits, truth, TRUE_TOKENS * vocab);
    print_message("width %u, %u layers: relative RMS against double %.2g\n",
                  (unsigned)model_shape(model)->width, (unsigned)layers, error);
    assert_true(error > 0 && error <= limit);
    free(logits);
    free(truth);
}

/* ---- the same bits [N1] --------------------------------------------------------- */

static void use_level(const struct kernel *kernel)
{
    assert_int_equal(setenv("BANKAI_CPU", kernel->name, 1), 0);
}

static void assert_logits(const char *what, const float *logits, const float *expected)
{
    if (memcmp(logits, expected, LENGTH * vocab * sizeof *logits) != 0)
        fail_msg("%s: logits differ", what);
}

static void wide__levels_threads_and_steps__same_bits(void **state)
{
    (void)state;
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t count = kernel_levels(levels);
    float *expected = logits_of(ids[0], 1, LENGTH);
    for (size_t i = 0; i < count; i++) {
        use_level(levels[i]);
        for (int threads = levels[i] == &kernel_ref ? 3 : 1; threads <= 3; threads++) {
            float *logits = logits_of(ids[0], threads, threads == 2 ? 1 : LENGTH / 2);
            assert_logits(levels[i]->name, logits, expected);
            free(logits);
        }
    }
    (void)unsetenv("BANKAI_CPU");
    free(expected);
}

static void wide__repacked__same_bits(void **state)
{
    (void)state;
    struct err err;
    float *expected = logits_of(ids[0], 2, LENGTH);
    t_ok(model_repack(model, 2, NULL, &err), &err);
    for (size_t step = 1; step <= 3; step++) {
        float *logits = logits_of(ids[0], 2, step);
        assert_logits("repacked", logits, expected);
        free(logits);
    }
    model_unpack(model);
    free(expected);
}

/* ---- candidates [N3] [B1] -------------------------------------------------------- */

/* The wanted logits, [SEQUENCES][WANTED][vocab], with the flip applied. */
static float *applied(const struct flip *flip)
{
    float *out = x_new(SEQUENCES * WANTED * vocab, sizeof *out);
    model_flip(model, flip);
    for (size_t i = 0; i < SEQUENCES; i++) {
        float *logits = logits_of(ids[i], 2, LENGTH);
        memcpy(out + i * WANTED * vocab, logits + (LENGTH - WANTED) * vocab,
               WANTED * vocab * sizeof *out);
        free(logits);
    }
    model_flip(model, flip);
    return out;
}

static void check_try(struct batch *batch, const struct flip *flip, const float *expected,
                      const char *what)
{
    struct err err;
    float *logits = x_new(vocab, sizeof *logits);
    t_ok(batch_try(batch, flip, 1, NULL, &err), &err);
    for (size_t i = 0; i < SEQUENCES; i++)
        for (size_t k = 0; k < WANTED; k++) {
            size_t row = batch_row(batch, i, LENGTH - WANTED + k);
            t_ok(batch_logits(batch, 0, row, 1, logits, NULL, &err), &err);
            if (memcmp(logits, expected + (i * WANTED + k) * vocab, vocab * sizeof *logits) != 0)
                fail_msg("%s, layer %d, %s, group %d: logits differ", what, (int)flip->layer,
                         proj_name(flip->proj), (int)flip->group);
        }
    free(logits);
}

static struct flip random_flip(struct rng *rng, int32_t layer, enum proj proj, bool whole)
{
    uint32_t rows = 0, columns = 0;
    assert_true(model_matrix_size(model, layer, proj, &rows, &columns));
    struct flip flip = {layer, proj, (uint32_t)rng_below(rng, rows), FLIP_WHOLE_ROW, {0, 0}};
    if (proj == PROJ_EMBED)
        flip.row = (uint32_t)ids[0][1]; /* one that is looked up */
    if (!whole) {
        flip.group = (int32_t)rng_below(rng, columns / GROUP_WEIGHTS);
        memcpy(flip.mask, flip_mask_all, sizeof flip.mask);
    }
    return flip;
}

/* A row and a group of every projection of the first and the last layer. */
static size_t make_flips(struct flip out[FLIPS_MAX])
{
    struct rng rng;
    size_t count = 0;
    int32_t last = (int32_t)model_shape(model)->layers - 1;
    rng_seed(&rng, 2);
    for (int i = 0; i < 2; i++)
        for (int proj = 0; proj < PROJ_LAYER_COUNT; proj++)
            for (int whole = 0; whole < 2; whole++)
                out[count++] = random_flip(&rng, i ? last : 0, (enum proj)proj, whole);
    out[count++] = random_flip(&rng, NO_LAYER, PROJ_EMBED, true);
    out[count++] = random_flip(&rng, NO_LAYER, PROJ_HEAD, true);
    return count;
}

/* All flips, resumed and from the first layer on; of levels that are slower a few,
 * resumed. */
static void check_level(const struct kernel *kernel, bool fastest, const struct flip *flips,
                        size_t count, float *const *expected)
{
    use_level(kernel);
    for (int kept = !fastest; kept < 2; kept++) {
        struct err err;
        struct batch_options options = {.threads = kept ? 2 : 1,
                                        .keep_bytes = kept ? UINT64_MAX : 0};
        struct batch *batch = batch_new(model, sequences, SEQUENCES, &options, &err);
        t_ok(batch != NULL, &err);
        assert_int_equal(batch_tokens(batch), SHARED + SEQUENCES * (LENGTH - SHARED));
        for (size_t i = 0; i < count; i++)
            if (fastest || (flips[i].layer > 0 && i % 4 == 0))
                check_try(batch, &flips[i], expected[i], kernel->name);
        batch_free(batch);
    }
    (void)unsetenv("BANKAI_CPU");
}

static void wide__candidates_of_every_projection__as_applied(void **state)
{
    (void)state;
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    struct flip flips[FLIPS_MAX];
    float *expected[FLIPS_MAX];
    size_t count = make_flips(flips), level_count = kernel_levels(levels);
    struct state_name before = model_state(model);
    for (size_t i = 0; i < count; i++)
        expected[i] = applied(&flips[i]);
    assert_true(state_name_equal(before, model_state(model)));
    for (size_t i = 1; i < count; i++) /* they do something, and not all the same */
        assert_memory_not_equal(expected[i - 1], expected[i], vocab * sizeof **expected);
    for (size_t i = level_count > 1; i < level_count; i++) /* the reference takes too long */
        check_level(levels[i], i + 1 == level_count, flips, count, expected);
    for (size_t i = 0; i < count; i++)
        free(expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide__logits__as_in_double_precision),
        cmocka_unit_test(wide__levels_threads_and_steps__same_bits),
        cmocka_unit_test(wide__repacked__same_bits),
        cmocka_unit_test(wide__candidates_of_every_projection__as_applied),
    };
    return cmocka_run_group_tests_name("wide", tests, open_all, close_all);
}

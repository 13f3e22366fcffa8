/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The forward pass: equal to itself in every way of asking [N1] [N3], and close
 * to the truth in double precision.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/model/model_int.h"
#include "src/base/rng.h"
#include "tests/t.h"
#include "tests/tiny.h"
#include "tests/truth.h"

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

static struct context *make_context(struct model *model, size_t tokens_max, int threads)
{
    struct err err;
    struct context_options options = {.tokens_max = tokens_max, .threads = threads};
    struct context *context = context_new(model, &options, &err);
    t_ok(context != NULL, &err);
    return context;
}

static void random_ids(struct rng *rng, const struct model *model, int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)rng_below(rng, model_shape(model)->vocab);
}

/* Logits of all positions of one sequence pushed in pieces of `piece` tokens. */
static float *sequence_logits(struct context *context, const struct model *model,
                              const int32_t *ids, size_t count, size_t piece)
{
    struct err err;
    context_reset(context);
    size_t branch = context_branch(context, 0, 0);
    for (size_t i = 0; i < count; i += piece) {
        size_t n = count - i < piece ? count - i : piece;
        t_ok(context_push(context, branch, ids + i, n, &err), &err);
        t_ok(context_run(context, NULL, &err), &err);
    }
    size_t *slots = x_new(count, sizeof *slots);
    for (size_t i = 0; i < count; i++)
        slots[i] = context_slot(context, branch, i);
    float *logits = x_new(count * model_shape(model)->vocab, sizeof *logits);
    t_ok(context_logits(context, slots, count, logits, NULL, &err), &err);
    free(slots);
    return logits;
}

static void forward__any_batching_and_threads__same_bits(void **state)
{
    (void)state;
    struct model *model = open_tiny(&tiny_default);
    enum { COUNT = 150 }; /* more than one block of 128 */
    int32_t ids[COUNT];
    struct rng rng;
    rng_seed(&rng, 21);
    random_ids(&rng, model, ids, COUNT);
    size_t bytes = COUNT * model_shape(model)->vocab * sizeof(float);
    struct context *one = make_context(model, COUNT, 1);
    float *expected = sequence_logits(one, model, ids, COUNT, COUNT);
    const size_t pieces[] = {1, 3, 8, 17, 128, COUNT};
    for (int threads = 1; threads <= 3; threads++) {
        struct context *context = make_context(model, COUNT + 7, threads);
        for (size_t i = 0; i < countof(pieces); i++) {
            float *got = sequence_logits(context, model, ids, COUNT, pieces[i]);
            assert_memory_equal(got, expected, bytes);
            free(got);
        }
        context_free(context);
    }
    free(expected);
    context_free(one);
    model_free(model);
}

static void forward__branches_of_a_tree__same_bits_as_sequences_alone(void **state)
{
    (void)state;
    struct model *model = open_tiny(&tiny_default);
    size_t vocab = model_shape(model)->vocab;
    struct rng rng;
    rng_seed(&rng, 22);
    int32_t prompt[9], tails[5][6];
    random_ids(&rng, model, prompt, 9);
    random_ids(&rng, model, tails[0], 30);
    struct context *tree = make_context(model, 200, 2);
    struct err err;
    size_t noise = context_branch(tree, 0, 0), root = context_branch(tree, 0, 0);
    t_ok(context_push(tree, noise, tails[0], 3, &err), &err);
    t_ok(context_push(tree, root, prompt, 9, &err), &err);
    size_t leaves[5];
    for (size_t i = 0; i < 5; i++) { /* tails share 9 - i tokens of the prompt */
        leaves[i] = context_branch(tree, root, 9 - i);
        t_ok(context_push(tree, leaves[i], tails[i], 6, &err), &err);
    }
    t_ok(context_run(tree, NULL, &err), &err);
    struct context *alone = make_context(model, 64, 1);
    for (size_t i = 0; i < 5; i++) {
        int32_t ids[15];
        size_t count = 9 - i + 6;
        memcpy(ids, prompt, sizeof prompt);
        memcpy(ids + 9 - i, tails[i], sizeof tails[i]);
        float *expected = sequence_logits(alone, model, ids, count, count);
        for (size_t p = 0; p < count; p++) {
            size_t slot = context_slot(tree, leaves[i], p);
            float *got = x_new(vocab, sizeof *got);
            t_ok(context_logits(tree, &slot, 1, got, NULL, &err), &err);
            assert_memory_equal(got, expected + p * vocab, vocab * sizeof *got);
            free(got);
        }
        free(expected);
    }
    context_free(alone);
    context_free(tree);
    model_free(model);
}

/* layers, width, ffn, heads, kv_heads, head_dim, vocab, and what is special */
static const struct tiny shapes[] = {
    {2, 128, 256, 2, 1, 64, 264, .seed = 1},
    {1, 256, 128, 4, 4, 32, 261, .seed = 2, .tied = true},
    {3, 128, 384, 8, 2, 128, 300, .seed = 3, .yarn = true},
    {2, 384, 640, 16, 8, 8, 277, .seed = 4, .norm_type = 30},
    {1, 128, 128, 64, 1, 6, 260, .seed = 5, .norm_type = 1, .tied = true},
};

static void forward__several_shapes__close_to_double_precision(void **state)
{
    (void)state;
    for (size_t s = 0; s < countof(shapes); s++) {
        enum { COUNT = 20 };
        struct model *model = open_tiny(&shapes[s]);
        int32_t ids[COUNT];
        struct rng rng;
        rng_seed(&rng, 23 + s);
        random_ids(&rng, model, ids, COUNT);
        size_t all = COUNT * model_shape(model)->vocab;
        double *truth = x_new(all, sizeof *truth);
        truth_logits(model, ids, COUNT, truth);
        struct context *context = make_context(model, COUNT, 2);
        float *got = sequence_logits(context, model, ids, COUNT, COUNT);
        double error = truth_relative_rms(got, truth, all);
        if (!(error < 1e-3))
            fail_msg("shape %zu: relative RMS %g, expected below 1e-3", s, error);
        print_message("shape %zu: relative RMS against double %.2g\n", s, error);
        free(truth);
        free(got);
        context_free(context);
        model_free(model);
    }
}

/* Flips of every matrix at every granularity. */
static void all_kinds(const struct model *model, struct rng *rng, int32_t layer, enum proj proj,
                      struct flip out[3])
{
    uint32_t rows = 0, columns = 0;
    assert_true(model_matrix_size(model, layer, proj, &rows, &columns));
    for (int i = 0; i < 3; i++)
        out[i] = (struct flip){layer, proj, (uint32_t)rng_below(rng, rows),
                               (int32_t)rng_below(rng, columns / GROUP_WEIGHTS), {0, 0}};
    out[0].group = FLIP_WHOLE_ROW;
    memcpy(out[1].mask, flip_mask_all, sizeof out[1].mask);
    out[2].mask[1] = UINT64_C(1) << rng_below(rng, 64);
}

static void virtual_flip__every_matrix_and_granularity__same_bits_as_applied(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 31);
    for (size_t s = 0; s < 3; s++) {
        enum { COUNT = 12 };
        struct model *model = open_tiny(&shapes[s]);
        const struct model_shape *shape = model_shape(model);
        size_t bytes = COUNT * shape->vocab * sizeof(float), changed = 0, tried = 0;
        int32_t ids[COUNT];
        random_ids(&rng, model, ids, COUNT);
        struct context *context = make_context(model, COUNT, 2);
        float *base = sequence_logits(context, model, ids, COUNT, COUNT);
        for (int32_t layer = -1; layer < (int32_t)shape->layers; layer++)
            for (int p = 0; p < PROJ_COUNT; p++) {
                if ((layer == NO_LAYER) != (p >= PROJ_LAYER_COUNT))
                    continue;
                struct flip flips[3];
                all_kinds(model, &rng, layer, (enum proj)p, flips);
                if (p == PROJ_EMBED) /* a row that is looked up */
                    flips[0].row = flips[1].row = flips[2].row = (uint32_t)ids[3];
                for (int f = 0; f < 3; f++) {
                    context_set_virtual(context, &flips[f]);
                    float *pretended = sequence_logits(context, model, ids, COUNT, 5);
                    context_set_virtual(context, NULL);
                    model_flip(model, &flips[f]);
                    context_reset(context);
                    float *applied = sequence_logits(context, model, ids, COUNT, COUNT);
                    model_flip(model, &flips[f]);
                    context_reset(context);
                    assert_memory_equal(pretended, applied, bytes);
                    changed += memcmp(applied, base, bytes) != 0;
                    tried++;
                    free(pretended);
                    free(applied);
                }
            }
        assert_true(changed * 10 > tried * 9); /* the flips do something */
        float *again = sequence_logits(context, model, ids, COUNT, COUNT);
        assert_memory_equal(again, base, bytes);
        free(again);
        free(base);
        context_free(context);
        model_free(model);
    }
}

/* The widest row of all is that of o here: 132 groups, the others have one. */
static void virtual_flip__wide_attention__same_bits_as_applied(void **state)
{
    (void)state;
    const struct tiny tiny = {.layers = 1, .width = 128, .ffn = 128, .heads = 64, .kv_heads = 1,
                              .head_dim = 264, .vocab = 260, .seed = 6, .tied = true};
    enum { COUNT = 3 };
    struct model *model = open_tiny(&tiny);
    int32_t ids[COUNT] = {5, 6, 7};
    struct flip flip = {0, PROJ_O, 9, 131, {UINT64_MAX, 1}};
    struct context *context = make_context(model, COUNT, 1);
    context_set_virtual(context, &flip);
    float *pretended = sequence_logits(context, model, ids, COUNT, COUNT);
    context_set_virtual(context, NULL);
    model_flip(model, &flip);
    float *applied = sequence_logits(context, model, ids, COUNT, COUNT);
    assert_memory_equal(pretended, applied, COUNT * tiny.vocab * sizeof(float));
    free(pretended);
    free(applied);
    context_free(context);
    model_free(model);
}

static void context_new__bad_options__refused(void **state)
{
    (void)state;
    struct model *model = open_tiny(&tiny_default);
    struct err err;
    struct context_options options = {.tokens_max = 0};
    assert_null(context_new(model, &options, &err));
    t_err_is(&err, ERR_RANGE, "", "a context of 0 tokens, expected 1 to 2097152");
    options.tokens_max = (1 << 21) + 1;
    assert_null(context_new(model, &options, &err));
    t_err_is(&err, ERR_RANGE, "", "a context of 2097153 tokens, expected 1 to 2097152");
    model_free(model);
}

/* Evaluate two tokens of a model one of whose scales is infinite. */
static void run_damaged(int32_t layer, enum proj proj, struct err *err)
{
    struct model *model = open_tiny(&tiny_default);
    const struct matrix *matrix = model_matrix(model, layer, proj);
    matrix->blocks[0] = 0x00;
    matrix->blocks[1] = 0x7C;
    struct context *context = make_context(model, 8, 1);
    size_t branch = context_branch(context, 0, 0), slot = 1;
    int32_t ids[] = {1, 2};
    t_ok(context_push(context, branch, ids, 2, err), err);
    float *logits = x_new(model_shape(model)->vocab, sizeof *logits);
    assert_false(context_run(context, NULL, err) &&
                 context_logits(context, &slot, 1, logits, NULL, err));
    free(logits);
    context_free(context);
    model_free(model);
}

static void forward__infinite_scale__refused_with_layer_and_position(void **state)
{
    (void)state;
    struct err err;
    run_damaged(1, PROJ_UP, &err);
    t_err_is(&err, ERR_NUMERIC, "",
             "the input of down in layer 1 at position 0 is not finite: a scale or an activation "
             "is infinite or not a number");
    run_damaged(0, PROJ_V, &err);
    t_err_is(&err, ERR_NUMERIC, "",
             "the input of o in layer 0 at position 0 is not finite: a scale or an activation is "
             "infinite or not a number");
    run_damaged(0, PROJ_DOWN, &err);
    t_err_is(&err, ERR_NUMERIC, "",
             "the input of q, k, v in layer 1 at position 0 is not finite: a scale or an "
             "activation is infinite or not a number");
    run_damaged(NO_LAYER, PROJ_HEAD, &err);
    t_err_is(&err, ERR_NUMERIC, "",
             "the logit of token 0 is not finite: a scale of the head is infinite or not a "
             "number");
}

static void context_push__bad_ids_or_too_many__refused(void **state)
{
    (void)state;
    struct model *model = open_tiny(&tiny_default);
    struct context *context = make_context(model, 4, 1);
    struct err err;
    int32_t ids[] = {0, 264, -1, 3, 4};
    size_t branch = context_branch(context, 0, 0);
    assert_false(context_push(context, branch, ids, 5, &err));
    t_err_is(&err, ERR_RANGE, "", "5 tokens are too many, the context has room for 4");
    assert_false(context_push(context, branch, ids, 2, &err));
    t_err_is(&err, ERR_RANGE, "", "token id 264 is outside 0 .. 263");
    assert_false(context_push(context, branch, ids + 2, 1, &err));
    t_err_is(&err, ERR_RANGE, "", "token id -1 is outside 0 .. 263");
    assert_int_equal(context_length(context, branch), 0);
    context_free(context);
    model_free(model);
}

static void context_run__cancelled__stops(void **state)
{
    (void)state;
    struct model *model = open_tiny(&tiny_default);
    struct context *context = make_context(model, 4, 1);
    struct err err;
    cancel_flag cancel = true;
    int32_t id = 1;
    t_ok(context_push(context, context_branch(context, 0, 0), &id, 1, &err), &err);
    assert_false(context_run(context, &cancel, &err));
    t_err_is(&err, ERR_CANCELLED, "", "interrupted");
    context_free(context);
    model_free(model);
}

static void logits_log_prob__against_double__close(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 41);
    for (int round = 0; round < 100; round++) {
        float logits[777];
        double sum = 0;
        for (size_t i = 0; i < countof(logits); i++) {
            logits[i] = (float)(rng_unit(&rng) * 30 - 15);
            sum += exp((double)logits[i]);
        }
        double got = logits_log_prob(logits, countof(logits), 5);
        assert_true(fabs(got - ((double)logits[5] - log(sum))) < 1e-6);
    }
}

static void sampler_pick__limits__keep_only_what_they_say(void **state)
{
    (void)state;
    const float logits[] = {1.0f, 3.0f, 3.0f, 2.0f, -50.0f};
    struct rng rng;
    rng_seed(&rng, 42);
    struct sampler_options greedy = {0}, top_k = {1.0, 2, 1.0}, top_p = {1.0, 0, 0.3};
    bool seen[5] = {false};
    for (int i = 0; i < 300; i++) {
        assert_int_equal(sampler_pick(&greedy, logits, 5, &rng), 1); /* lowest of equal ones */
        int32_t id = sampler_pick(&top_k, logits, 5, &rng);
        assert_true(id == 1 || id == 2);
        seen[id] = true;
        assert_int_equal(sampler_pick(&top_p, logits, 5, &rng), 1);
    }
    assert_true(seen[1] && seen[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward__any_batching_and_threads__same_bits),
        cmocka_unit_test(forward__branches_of_a_tree__same_bits_as_sequences_alone),
        cmocka_unit_test(forward__several_shapes__close_to_double_precision),
        cmocka_unit_test(virtual_flip__every_matrix_and_granularity__same_bits_as_applied),
        cmocka_unit_test(virtual_flip__wide_attention__same_bits_as_applied),
        cmocka_unit_test(context_new__bad_options__refused),
        cmocka_unit_test(forward__infinite_scale__refused_with_layer_and_position),
        cmocka_unit_test(context_push__bad_ids_or_too_many__refused),
        cmocka_unit_test(context_run__cancelled__stops),
        cmocka_unit_test(logits_log_prob__against_double__close),
        cmocka_unit_test(sampler_pick__limits__keep_only_what_they_say),
    };
    return cmocka_run_group_tests_name("forward", tests, NULL, NULL);
}

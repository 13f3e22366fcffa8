/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Perplexity against its definition, token by token: in double precision, and bit
 * for bit from logits that were computed one sequence at a time.
 */
#include <math.h>
#include <stdlib.h>

#include "probes/neutral.h"
#include "probes/perplexity.h"
#include "src/base/rng.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/truth.h"

enum { TOKENS = 23 };

/* Where the window begins that scores token t: the first one that reaches it. */
static size_t window_start(size_t t, size_t window, size_t stride)
{
    size_t start = 0;
    while (t >= start + window)
        start += stride;
    return start;
}

static struct ids random_ids(uint64_t seed, size_t count)
{
    struct ids ids = {0};
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < count; i++)
        ids_add(&ids, (int32_t)rng_below(&rng, 256));
    return ids;
}

static struct perplexity measured(struct model *model, const struct ids *sequences, size_t count,
                                  struct perplexity_options options, double *each)
{
    struct perplexity out;
    struct err err;
    t_ok(perplexity_measure(model, sequences, count, &options, &out, each, NULL, NULL, &err),
         &err);
    return out;
}

/* -log p of token t with the tokens from start on before it. */
static double truth_nll(const struct model *model, const struct ids *ids, size_t start, size_t t)
{
    size_t vocab = model_shape(model)->vocab, n = t - start;
    double *logits = x_new(n * vocab, sizeof *logits), sum = 0;
    truth_logits(model, ids->data + start, n, logits);
    const double *last = logits + (n - 1) * vocab;
    for (size_t i = 0; i < vocab; i++)
        sum += exp(last[i] - last[(size_t)ids->data[t]]);
    free(logits);
    return log(sum);
}

static double engine_nll(struct model *model, const struct ids *ids, size_t start, size_t t)
{
    size_t vocab = model_shape(model)->vocab, n = t - start;
    float *logits = simple_logits(model, ids->data + start, n);
    double nll = -logits_log_prob(logits + (n - 1) * vocab, vocab, ids->data[t]);
    free(logits);
    return nll;
}

static const size_t shapes[][2] = {{2, 1},  {5, 1},   {5, 4},   {8, 4},          {9, 3},
                                   {22, 7}, {23, 11}, {24, 12}, {TOKENS * 9, 1}, {23, 22}};

static void perplexity_measure__windows_and_strides__as_defined(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    struct ids ids = random_ids(3, TOKENS);
    for (size_t i = 0; i < countof(shapes); i++) {
        struct perplexity_options options = {shapes[i][0], shapes[i][1], 1 + (int)i % 3};
        double each[TOKENS] = {0}, truth = 0, sum = 0;
        struct perplexity out = measured(model, &ids, 1, options, each);
        assert_int_equal(out.tokens, TOKENS);
        assert_int_equal(out.scored, TOKENS - 1);
        for (size_t t = 1; t < TOKENS; t++) {
            size_t start = window_start(t, options.window, options.stride);
            double nll = engine_nll(model, &ids, start, t);
            assert_true(each[t - 1] == nll);
            sum += nll;
            truth += truth_nll(model, &ids, start, t);
        }
        assert_true(out.nll == sum);
        assert_true(perplexity_value(&out) == exp(sum / (TOKENS - 1)));
        assert_true(fabs(out.nll - truth) < 2e-3 * truth);
    }
    ids_free(&ids);
    model_free(model);
}

/* Several sequences are the sum of each alone, in their order; a group of
 * windows ends somewhere in the middle of them. */
static void perplexity_measure__many_sequences__one_after_the_other(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    struct model *model = simple_model(&tiny_default);
    struct perplexity_options options = {.window = 90, .stride = 40};
    struct ids ids[COUNT];
    double each[COUNT * 160], nll = 0;
    size_t scored = 0, windows = 0;
    for (size_t i = 0; i < COUNT; i++)
        ids[i] = random_ids(i, i * 4);
    struct perplexity all = measured(model, ids, COUNT, options, each);
    for (size_t i = 0; i < COUNT; i++) {
        double alone[160];
        struct perplexity one = measured(model, &ids[i], 1, options, alone);
        for (size_t k = 0; k < one.scored; k++) {
            assert_true(each[scored + k] == alone[k]);
            nll += alone[k];
        }
        scored += one.scored;
        windows += one.windows;
    }
    assert_true(all.nll == nll);
    assert_int_equal(all.scored, scored);
    assert_int_equal(all.windows, windows);
    assert_int_equal(scored, 4 * (39 * 40 / 2) - 39); /* all tokens but 39 first ones */
    for (size_t i = 0; i < COUNT; i++)
        ids_free(&ids[i]);
    model_free(model);
}

static void perplexity_measure__nothing_to_score__nan(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    struct perplexity_options options = {.window = 4, .stride = 2};
    struct ids ids[2] = {random_ids(1, 1), {0}};
    struct perplexity out = measured(model, ids, 2, options, NULL);
    assert_int_equal(out.scored, 0);
    assert_int_equal(out.tokens, 1);
    assert_int_equal(out.windows, 0);
    assert_true(isnan(perplexity_value(&out)));
    ids_free(&ids[0]);
    model_free(model);
}

static void perplexity_measure__bad_calls__refused(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    struct ids ids = random_ids(1, 9);
    struct perplexity out;
    struct err err;
    static const size_t bad[][2] = {{1, 1}, {2, 2}, {8, 0}, {0, 0}, {5, 9}};
    for (size_t i = 0; i < countof(bad); i++) {
        struct perplexity_options options = {bad[i][0], bad[i][1], 1};
        assert_false(perplexity_measure(model, &ids, 1, &options, &out, NULL, NULL, NULL, &err));
        assert_int_equal(err.code, ERR_RANGE);
    }
    struct perplexity_options options = {4, 2, 1};
    cancel_flag cancel = true;
    assert_false(perplexity_measure(model, &ids, 1, &options, &out, NULL, NULL, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    ids.data[3] = 100000;
    assert_false(perplexity_measure(model, &ids, 1, &options, &out, NULL, NULL, NULL, &err));
    ids_free(&ids);
    model_free(model);
}

static void perplexity_defaults__context__no_more_than_it(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    struct perplexity_options options = perplexity_defaults(model);
    assert_int_equal(options.window, 512); /* nano's context */
    assert_int_equal(options.stride, 256);
    model_free(model);
}

/* The embedded model foresees plain sentences better than chance (512 tokens). */
static void neutral_encode__nano__is_scored(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    struct err err;
    size_t count = 0, texts = 0, tokens = 0;
    struct ids *ids = neutral_encode(model_tokenizer(model), &count, &err);
    t_ok(ids != NULL, &err);
    const char *const *sentences = neutral_sentences(&texts);
    assert_int_equal(count, texts);
    assert_true(count >= 20);
    for (size_t i = 0; i < count; i++) {
        struct buf text = {0};
        token_decode_all(model_tokenizer(model), ids[i].data, ids[i].count, &text);
        t_buf_is(&text, sentences[i]);
        tokens += ids[i].count;
        buf_free(&text);
    }
    struct perplexity out = measured(model, ids, count, perplexity_defaults(model), NULL);
    assert_int_equal(out.scored, tokens - count);
    assert_true(perplexity_value(&out) > 1 && perplexity_value(&out) < 128);
    neutral_free(ids, count);
    neutral_free(NULL, 0);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perplexity_measure__windows_and_strides__as_defined),
        cmocka_unit_test(perplexity_measure__many_sequences__one_after_the_other),
        cmocka_unit_test(perplexity_measure__nothing_to_score__nan),
        cmocka_unit_test(perplexity_measure__bad_calls__refused),
        cmocka_unit_test(perplexity_defaults__context__no_more_than_it),
        cmocka_unit_test(neutral_encode__nano__is_scored),
    };
    return cmocka_run_group_tests_name("perplexity", tests, NULL, NULL);
}

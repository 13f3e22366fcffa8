/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Gaps: close to double precision, bit for bit those of sequences computed
 * alone, whatever stands beside them in the batch.
 */
#include <math.h>
#include <stdlib.h>

#include "tests/simple.h"
#include "tests/t.h"

static const enum metric metrics[] = {METRIC_TOKEN_GAP, METRIC_SEQ_LOGPROB};

/* Probes of plain bytes, for the byte vocabulary of tiny models. */
static void byte_probes(struct probe *out)
{
    out[0] = simple_probe("2+2=", "4", "5");                 /* one token each */
    out[1] = simple_probe("the cat", " sat on it", " flew"); /* several */
    out[2] = simple_probe("abc", "defg", "defx");            /* a common start */
    out[3] = simple_probe("count", " one two", " one");      /* wrong is a prefix of correct */
    out[4] = simple_probe("count", " one", " one two");      /* and the other way round */
    out[5] = simple_probe("same", " x", " x");
    out[6] = simple_probe("q", "longer than its prompt", "z");
}
enum { BYTE_PROBES = 7 };

static void gaps_of(struct model *model, const struct probe *probes, size_t count,
                    enum metric metric, int threads, double *gaps)
{
    struct err err;
    const struct probe **list = x_new(count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = &probes[i];
    struct measure_options options = {metric, threads, 0};
    struct measure *measure = measure_new(model, list, count, &options, &err);
    t_ok(measure != NULL, &err);
    t_ok(measure_run(measure, gaps, NULL, &err), &err);
    measure_free(measure);
    free(list);
}

static void same_bits(const double *a, const double *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0)
            fail_msg("gap %zu is %.17g, expected %.17g", i, a[i], b[i]);
}

static void close_to_truth(struct model *model, const struct probe *probes, size_t count)
{
    double gaps[BYTE_PROBES], worst = 0;
    for (size_t m = 0; m < countof(metrics); m++) {
        gaps_of(model, probes, count, metrics[m], 0, gaps);
        for (size_t i = 0; i < count; i++) {
            double size = 0;
            size_t terms = 0;
            double truth = simple_gap_truth(model, &probes[i], metrics[m], &size, &terms);
            /* Logits are within 1e-3 of their size (test_forward.c); a log-probability
             * is a logit minus a mean of logits, so within twice that. */
            double error = fabs(gaps[i] - truth) / (2e-3 * size * (double)terms);
            worst = fmax(worst, error);
            if (!(error < 1))
                fail_msg("probe %zu: %s gap %.9g, in double precision %.9g", i,
                         metric_name(metrics[m]), gaps[i], truth);
        }
    }
    print_message("largest error: %.2g of what is allowed\n", worst);
}

static void measure__tiny_models__close_to_double_precision(void **state)
{
    (void)state;
    struct probe probes[BYTE_PROBES];
    byte_probes(probes);
    struct tiny shapes[] = {tiny_default, tiny_default, tiny_default};
    shapes[1].tied = true;
    shapes[1].seed = 3;
    shapes[2].layers = 3;
    shapes[2].yarn = true;
    for (size_t i = 0; i < countof(shapes); i++) {
        struct model *model = simple_model(&shapes[i]);
        close_to_truth(model, probes, BYTE_PROBES);
        model_free(model);
    }
}

static void measure__nano__close_to_double_precision(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    struct probe probes[] = {
        simple_probe("3 + 4 =", " 7", " 8"),
        simple_probe("The capital of Italy is", " Rome", " Madrid"),
        simple_probe("d/dx [x^4] =", " 4x^3", " 4x^4"),
    };
    close_to_truth(model, probes, countof(probes));
    model_free(model);
}

static void measure__any_batch_and_threads__bits_of_sequences_alone(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    struct probe probes[BYTE_PROBES];
    byte_probes(probes);
    for (size_t m = 0; m < countof(metrics); m++) {
        double expected[BYTE_PROBES], got[BYTE_PROBES];
        for (size_t i = 0; i < BYTE_PROBES; i++)
            expected[i] = simple_gap(model, &probes[i], metrics[m]);
        for (int threads = 1; threads <= 3; threads++) {
            gaps_of(model, probes, BYTE_PROBES, metrics[m], threads, got);
            same_bits(got, expected, BYTE_PROBES);
        }
        for (size_t i = 0; i < BYTE_PROBES; i++)
            gaps_of(model, &probes[i], 1, metrics[m], 0, &got[i]);
        same_bits(got, expected, BYTE_PROBES);
        struct probe turned[BYTE_PROBES];
        double back[BYTE_PROBES];
        for (size_t i = 0; i < BYTE_PROBES; i++)
            turned[i] = probes[BYTE_PROBES - 1 - i];
        gaps_of(model, turned, BYTE_PROBES, metrics[m], 2, back);
        for (size_t i = 0; i < BYTE_PROBES; i++)
            got[i] = back[BYTE_PROBES - 1 - i];
        same_bits(got, expected, BYTE_PROBES);
    }
    model_free(model);
}

static void measure__built_in_sets__bits_of_sequences_alone(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct probe_set *set = probe_set_load("math,knowledge,calculus-heldout", &err);
    t_ok(set != NULL, &err);
    double *got = x_new(set->count, sizeof *got);
    for (size_t m = 0; m < countof(metrics); m++) {
        gaps_of(model, set->probes, set->count, metrics[m], 2, got);
        for (size_t i = 0; i < set->count; i += m ? 1 : 5) {
            double expected = simple_gap(model, &set->probes[i], metrics[m]);
            same_bits(&got[i], &expected, 1);
        }
    }
    free(got);
    probe_set_free(set);
    model_free(model);
}

/* "t" and "h", " i" and "n" are one token each when they meet. */
static void measure__answer_merges_with_prompt__flagged_and_apart(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&tiny_default);
    struct probe probes[] = {
        simple_probe("t", "h", "x"),   simple_probe("wi", "x", "n"),
        simple_probe("t", "x", "y"),   simple_probe("say t", "he", "hen"),
        simple_probe("th", "ere", ""),
    };
    const bool merged[] = {true, true, false, true, true};
    const struct probe *list[countof(probes)];
    double gaps[countof(probes)];
    for (size_t i = 0; i < countof(probes); i++)
        list[i] = &probes[i];
    struct measure_options options = {METRIC_SEQ_LOGPROB, 1, 0};
    struct measure *measure = measure_new(model, list, countof(probes), &options, &err);
    t_ok(measure != NULL, &err);
    t_ok(measure_run(measure, gaps, NULL, &err), &err);
    for (size_t i = 0; i < countof(probes); i++) {
        if (measure_is_merged(measure, i) != merged[i])
            fail_msg("probe %zu", i);
        if (probes[i].wrong[0] == '\0')
            continue;
        double expected = simple_gap(model, &probes[i], METRIC_SEQ_LOGPROB);
        same_bits(&gaps[i], &expected, 1);
    }
    measure_free(measure);
    model_free(model);
}

static void answer_encode__merging_or_not__ids(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&tiny_default);
    const struct tokenizer *tokenizer = model_tokenizer(model);
    struct ids prompt = simple_encode(model, "t"), ids = {0};
    bool merged = false;
    t_ok(answer_encode(tokenizer, "t", &prompt, "he", &ids, &merged, &err), &err);
    assert_true(merged); /* together "the" is one token */
    assert_int_equal(ids.count, 2);
    assert_int_equal(ids.data[0], 'h');
    assert_int_equal(ids.data[1], 'e');
    ids_free(&ids);
    ids = (struct ids){0};
    t_ok(answer_encode(tokenizer, "t", &prompt, "ee", &ids, &merged, &err), &err);
    assert_false(merged);
    assert_int_equal(ids.count, 2);
    ids_free(&ids);
    ids_free(&prompt);
    model_free(model);
}

static void measure__no_wrong_answer__nan_and_neighbours_the_same(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    struct probe probes[] = {
        simple_probe("2+2=", "4", ""),
        simple_probe("the cat", " sat", " flew"),
        simple_probe("abc", "d", ""),
    };
    for (size_t m = 0; m < countof(metrics); m++) {
        double gaps[3], alone = simple_gap(model, &probes[1], metrics[m]);
        gaps_of(model, probes, 3, metrics[m], 1, gaps);
        assert_true(isnan(gaps[0]) && isnan(gaps[2]));
        same_bits(&gaps[1], &alone, 1);
        gaps_of(model, probes, 1, metrics[m], 1, gaps); /* nothing to look at */
        assert_true(isnan(gaps[0]));
        gaps_of(model, probes, 0, metrics[m], 1, gaps);
    }
    model_free(model);
}

static void measure__same_right_and_wrong__gap_zero(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    struct probe probe = simple_probe("same", " answer", " answer");
    for (size_t m = 0; m < countof(metrics); m++) {
        double gap = 1;
        gaps_of(model, &probe, 1, metrics[m], 1, &gap);
        assert_true(gap == 0);
    }
    model_free(model);
}

/* Swapping the answers turns the sign, to the bit. */
static void measure__answers_swapped__opposite(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    struct probe probes[BYTE_PROBES], swapped[BYTE_PROBES];
    byte_probes(probes);
    double gaps[BYTE_PROBES], opposite[BYTE_PROBES];
    for (size_t i = 0; i < BYTE_PROBES; i++)
        swapped[i] = simple_probe(probes[i].prompt, probes[i].wrong, probes[i].correct);
    for (size_t m = 0; m < countof(metrics); m++) {
        gaps_of(model, probes, BYTE_PROBES, metrics[m], 1, gaps);
        gaps_of(model, swapped, BYTE_PROBES, metrics[m], 1, opposite);
        for (size_t i = 0; i < BYTE_PROBES; i++)
            assert_true(gaps[i] == -opposite[i]);
    }
    model_free(model);
}

static void measure__flips__as_measured_afresh_and_back_again(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&tiny_default);
    struct probe probes[BYTE_PROBES];
    byte_probes(probes);
    const struct probe *list[BYTE_PROBES];
    for (size_t i = 0; i < BYTE_PROBES; i++)
        list[i] = &probes[i];
    const struct flip flips[] = {
        {0, PROJ_GATE, 3, FLIP_WHOLE_ROW, {0, 0}},
        {1, PROJ_UP, 200, FLIP_WHOLE_ROW, {0, 0}},
        {1, PROJ_DOWN, 5, 1, {UINT64_MAX, UINT64_MAX}},
        {NO_LAYER, PROJ_HEAD, '4', FLIP_WHOLE_ROW, {0, 0}},
        {NO_LAYER, PROJ_EMBED, '2', 0, {1, 0}},
    };
    for (size_t m = 0; m < countof(metrics); m++) {
        double before[BYTE_PROBES], flipped[BYTE_PROBES], fresh[BYTE_PROBES], after[BYTE_PROBES];
        struct measure_options options = {metrics[m], 2, batch_keep_default()};
        struct measure *measure = measure_new(model, list, BYTE_PROBES, &options, &err);
        t_ok(measure != NULL, &err);
        t_ok(measure_run(measure, before, NULL, &err), &err);
        for (size_t f = 0; f < countof(flips); f++) {
            model_flip(model, &flips[f]);
            t_ok(measure_run(measure, flipped, NULL, &err), &err);
            gaps_of(model, probes, BYTE_PROBES, metrics[m], 1, fresh);
            same_bits(flipped, fresh, BYTE_PROBES);
            assert_true(memcmp(flipped, before, sizeof before) != 0);
            model_flip(model, &flips[f]);
            t_ok(measure_run(measure, after, NULL, &err), &err);
            same_bits(after, before, BYTE_PROBES);
        }
        measure_free(measure);
    }
    model_free(model);
}

static void measure__cancelled__fails_and_can_be_run_again(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&tiny_default);
    struct probe probe = simple_probe("the cat", " sat on it", " flew");
    const struct probe *list[] = {&probe};
    struct measure_options options = {METRIC_SEQ_LOGPROB, 1, 1 << 20};
    struct measure *measure = measure_new(model, list, 1, &options, &err);
    t_ok(measure != NULL, &err);
    double gap = 0, again = 0;
    t_ok(measure_run(measure, &gap, NULL, &err), &err);
    cancel_flag cancel = true;
    assert_false(measure_run(measure, &again, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    atomic_store(&cancel, false);
    t_ok(measure_run(measure, &again, &cancel, &err), &err);
    same_bits(&again, &gap, 1);
    measure_free(measure);
    model_free(model);
}

/* Shared tokens are computed once: the prompt, and the start that both answers have. */
static void measure_tokens__shared_starts__counted_once(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&tiny_default);
    const struct {
        const char *prompt, *correct, *wrong;
        size_t token_gap, seq_logprob;
    } rows[] = {
        {"abcd", "1", "2", 4, 4},        /* last tokens are not computed */
        {"abcd", "123", "456", 4, 8},
        {"abcd", "123", "124", 4, 6},    /* 1 2 are shared */
        {"abcd", "123", "12", 4, 6},     /* 1 shared, then 2 on the way to 3 */
        {"abcd", "123", "", 0, 0},       /* no gap to measure */
    };
    for (size_t i = 0; i < countof(rows); i++)
        for (size_t m = 0; m < countof(metrics); m++) {
            struct probe probe = simple_probe(rows[i].prompt, rows[i].correct, rows[i].wrong);
            const struct probe *list[] = {&probe};
            struct measure_options options = {metrics[m], 1, 0};
            struct measure *measure = measure_new(model, list, 1, &options, &err);
            t_ok(measure != NULL, &err);
            assert_int_equal(measure_tokens(measure),
                             m ? rows[i].seq_logprob : rows[i].token_gap);
            measure_free(measure);
        }
    model_free(model);
}


int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measure__tiny_models__close_to_double_precision),
        cmocka_unit_test(measure__nano__close_to_double_precision),
        cmocka_unit_test(measure__any_batch_and_threads__bits_of_sequences_alone),
        cmocka_unit_test(measure__built_in_sets__bits_of_sequences_alone),
        cmocka_unit_test(measure__answer_merges_with_prompt__flagged_and_apart),
        cmocka_unit_test(answer_encode__merging_or_not__ids),
        cmocka_unit_test(measure__no_wrong_answer__nan_and_neighbours_the_same),
        cmocka_unit_test(measure__same_right_and_wrong__gap_zero),
        cmocka_unit_test(measure__answers_swapped__opposite),
        cmocka_unit_test(measure__flips__as_measured_afresh_and_back_again),
        cmocka_unit_test(measure__cancelled__fails_and_can_be_run_again),
        cmocka_unit_test(measure_tokens__shared_starts__counted_once),
    };
    return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}

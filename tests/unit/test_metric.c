/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * margin and kl: by their definitions, in double precision, by hand, and what margin
 * promises of greedy decoding.
 */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "probes/generate.h"
#include "tests/simple.h"
#include "tests/sparse.h"
#include "tests/t.h"
#include "tests/truth.h"

enum { PROBES = 6 };

static void byte_probes(struct probe *out)
{
    out[0] = simple_probe("2+2=", "4", "");
    out[1] = simple_probe("the cat", " sat on it", " flew");
    out[2] = simple_probe("abc", "defg", "");
    out[3] = simple_probe("t", "he", ""); /* merges */
    out[4] = simple_probe("abcd", "x\ny", "");
    out[5] = simple_probe("q", "longer than its prompt", "z");
}

static struct measure *measure_of(struct model *model, const struct probe *probes, size_t count,
                                  const struct measure_options *options)
{
    struct err err;
    const struct probe **list = x_new(count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = &probes[i];
    struct measure *measure = measure_new(model, list, count, options, &err);
    t_ok(measure != NULL, &err);
    t_ok(measure_set_base(measure, NULL, &err), &err);
    free(list);
    return measure;
}

static void run(struct measure *measure, double *gaps)
{
    struct err err;
    t_ok(measure_run(measure, gaps, NULL, &err), &err);
}

static void same_bits(const double *a, const double *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0)
            fail_msg("gap %zu is %.17g, expected %.17g", i, a[i], b[i]);
}

/* ---- margin ---------------------------------------------------------------------- */

static void margins(struct model *model, const struct probe *probes, size_t count, int threads,
                    double *gaps)
{
    struct measure_options options = {METRIC_MARGIN, threads, 0};
    struct measure *measure = measure_of(model, probes, count, &options);
    run(measure, gaps);
    measure_free(measure);
}

static void margin__tiny_models__bits_of_sequences_alone_and_close_to_truth(void **state)
{
    (void)state;
    struct tiny shapes[] = {tiny_default, tiny_default};
    shapes[1].tied = true;
    shapes[1].seed = 5;
    struct probe probes[PROBES];
    byte_probes(probes);
    for (size_t m = 0; m < countof(shapes); m++) {
        struct model *model = simple_model(&shapes[m]);
        for (int threads = 1; threads <= 3; threads++) {
            double gaps[PROBES];
            margins(model, probes, PROBES, threads, gaps);
            for (size_t i = 0; i < PROBES; i++) {
                double expected = simple_gap(model, &probes[i], METRIC_MARGIN), size = 0;
                size_t terms = 0;
                same_bits(&gaps[i], &expected, 1);
                double truth =
                    simple_gap_truth(model, &probes[i], METRIC_MARGIN, &size, &terms);
                assert_true(fabs(gaps[i] - truth) < 2e-3 * size); /* as in test_measure.c */
            }
        }
        model_free(model);
    }
}

/* Does greedy decoding say just these tokens, and then end? */
static bool says(const struct model *model, const struct generation *said,
                 const struct ids *answer, bool stopped_by_end)
{
    if (said->ids.count < answer->count)
        return false;
    for (size_t i = 0; i < answer->count; i++)
        if (said->ids.data[i] != answer->data[i])
            return false;
    if (said->ids.count == answer->count)
        return stopped_by_end;
    struct buf next = {0};
    token_decode(model_tokenizer(model), said->ids.data[answer->count], &next);
    bool newline = next.len > 0 && next.data[0] == '\n';
    buf_free(&next);
    return newline;
}

/* Answers with a line feed in them are left out: generation stops there. */
static size_t check_promise(struct model *model, const struct probe *probes, size_t count,
                            size_t *said_count)
{
    struct err err;
    double *gaps = x_new(count, sizeof *gaps);
    margins(model, probes, count, 2, gaps);
    size_t ties = 0;
    for (size_t i = 0; i < count; i++) {
        struct ids prompt = simple_encode(model, probes[i].prompt), answer = {0};
        bool merged = false;
        t_ok(answer_encode(model_tokenizer(model), probes[i].prompt, &prompt, probes[i].correct,
                           &answer, &merged, &err), &err);
        struct generate_request request = {
            .prompt = &prompt,
            .tokens_max = answer.count + 1,
            .stop_at_newline = true,
        };
        struct generation said = {0};
        t_ok(generate_greedy(model, &request, 1, 2, &said, NULL, NULL, &err), &err);
        bool ended = said.ids.count < request.tokens_max; /* and no line feed, or is one */
        bool right = says(model, &said, &answer, ended);
        *said_count += right;
        ties += gaps[i] == 0;
        if (gaps[i] != 0 && !strchr(probes[i].correct, '\n') && right != (gaps[i] > 0))
            fail_msg("%s: margin %.9g, but greedy decoding says %s", probes[i].prompt, gaps[i],
                     said.text.data ? said.text.data : "");
        generation_free(&said);
        ids_free(&prompt);
        ids_free(&answer);
    }
    free(gaps);
    return ties;
}

static void margin__all_built_in_sets__positive_exactly_when_said(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    for (const char *const *name = probe_set_builtin_names(); *name; name++) {
        struct probe_set *set = probe_set_load(*name, &err);
        t_ok(set != NULL, &err);
        size_t said = 0, ties = check_promise(model, set->probes, set->count, &said);
        print_message("%s: %zu of %zu said, %zu ties\n", *name, said, set->count, ties);
        probe_set_free(set);
    }
    model_free(model);
}

/* Right answers that stop too early or go on too long: the end decides. */
static void margin__answers_cut_and_drawn_out__positive_exactly_when_said(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct probe_set *set = probe_set_load("calculus-train,math,knowledge", &err);
    t_ok(set != NULL, &err);
    size_t cut = 0, drawn = 0;
    for (size_t i = 0; i < set->count; i++) {
        char answer[64];
        struct probe probe = set->probes[i];
        size_t len = strlen(probe.correct);
        assert_in_range(len, 2, sizeof answer - 3);
        probe.correct = answer;
        (void)snprintf(answer, sizeof answer, "%.*s", (int)len - 1, set->probes[i].correct);
        (void)check_promise(model, &probe, 1, &cut);
        (void)snprintf(answer, sizeof answer, "%s x", set->probes[i].correct);
        (void)check_promise(model, &probe, 1, &drawn);
    }
    assert_in_range(cut, 0, set->count / 10); /* else the tokens decided */
    assert_in_range(drawn, 0, set->count / 10);
    probe_set_free(set);
    model_free(model);
}

/* ---- kl: the numbers ------------------------------------------------------------- */

static void logits_kl__by_hand(void **state)
{
    (void)state;
    /* p = 1/4, 3/4; q = 1/2, 1/2: 1/4 ln 1/2 + 3/4 ln 3/2 */
    const float p[] = {0, 1.0986122886681098f}, q[] = {2, 2};
    double p_sum = logits_log_sum_exp_double(p, 2), q_sum = logits_log_sum_exp_double(q, 2);
    assert_true(fabs(p_sum - log(4)) < 1e-7); /* ln 3 was rounded */
    assert_true(fabs(q_sum - (2 + log(2))) < 1e-15);
    double expected = 0.25 * log(0.5) + 0.75 * log(1.5);
    assert_true(fabs(logits_kl(p, p_sum, q, q_sum, 2) - expected) < 1e-7);
    assert_true(logits_kl(p, p_sum, p, p_sum, 2) == 0);
}

/* Beside the C library in long double, for lengths around the 16 lanes. */
static void logits_kl__random_logits__as_in_long_double(void **state)
{
    (void)state;
    enum { MOST = 1000 };
    float p[MOST], q[MOST];
    struct rng rng;
    rng_seed(&rng, 4);
    for (size_t n = 1; n <= MOST; n = n < 40 ? n + 1 : n * 3 / 2) {
        long double p_total = 0, q_total = 0, sum = 0;
        for (size_t i = 0; i < n; i++) {
            p[i] = (float)(rng_unit(&rng) * 60 - 30);
            q[i] = p[i] + (float)(rng_unit(&rng) * (n % 2 ? 1e-3 : 4));
            p_total += expl((long double)p[i]);
            q_total += expl((long double)q[i]);
        }
        for (size_t i = 0; i < n; i++) {
            long double log_p = (long double)p[i] - logl(p_total);
            sum += expl(log_p) * (log_p - ((long double)q[i] - logl(q_total)));
        }
        double p_sum = logits_log_sum_exp_double(p, n), q_sum = logits_log_sum_exp_double(q, n);
        assert_true(fabsl((long double)p_sum - logl(p_total)) < 1e-13L);
        assert_true(fabsl((long double)logits_kl(p, p_sum, q, q_sum, n) - sum) < 1e-13L);
    }
}

static void logits_kl__far_apart__no_overflow(void **state)
{
    (void)state;
    const float p[] = {1000, -1000, 0}, q[] = {-1000, 1000, 0};
    double p_sum = logits_log_sum_exp_double(p, 3), q_sum = logits_log_sum_exp_double(q, 3);
    assert_true(p_sum == 1000 && q_sum == 1000);
    assert_true(logits_kl(p, p_sum, q, q_sum, 3) == 2000);
}

/* ---- kl: the metric -------------------------------------------------------------- */

static const struct flip flips[] = {
    {0, PROJ_GATE, 3, FLIP_WHOLE_ROW, {0, 0}},
    {1, PROJ_UP, 200, FLIP_WHOLE_ROW, {0, 0}},
    {1, PROJ_DOWN, 5, 1, {UINT64_MAX, UINT64_MAX}},
    {NO_LAYER, PROJ_HEAD, '4', FLIP_WHOLE_ROW, {0, 0}},
    {NO_LAYER, PROJ_EMBED, '2', 0, {1, 0}},
};

static void kl__nothing_flipped__zero_and_not_minus_zero(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    struct probe probes[PROBES];
    byte_probes(probes);
    struct measure_options options = {METRIC_KL, 2, 0};
    struct measure *measure = measure_of(model, probes, PROBES, &options);
    double gaps[PROBES];
    run(measure, gaps);
    for (size_t i = 0; i < PROBES; i++)
        assert_true(gaps[i] == 0 && !signbit(gaps[i]));
    measure_free(measure);
    model_free(model);
}

static void kl__flips__as_defined_whatever_stands_beside(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default), *base = simple_model(&tiny_default);
    struct probe probes[PROBES];
    byte_probes(probes);
    for (size_t f = 0; f < countof(flips); f++)
        for (int threads = 1; threads <= 3; threads++) {
            struct measure_options options = {METRIC_KL, threads, 0};
            struct measure *all = measure_of(model, probes, PROBES, &options);
            double gaps[PROBES], alone = 0;
            for (size_t i = 0; i < PROBES; i++) {
                struct measure *one = measure_of(model, &probes[i], 1, &options);
                model_flip(model, &flips[f]);
                run(all, gaps);
                run(one, &alone);
                same_bits(&alone, &gaps[i], 1);
                double expected = simple_kl(base, model, probes[i].prompt);
                if (fabs(-gaps[i] - expected) > 1e-13 + 1e-11 * expected)
                    fail_msg("flip %zu, probe %zu: %.17g, expected %.17g", f, i, -gaps[i],
                             expected);
                model_flip(model, &flips[f]);
                measure_free(one);
            }
            measure_free(all);
        }
    model_free(model);
    model_free(base);
}

/* KL from the float64 network, mean over the prompt; *noise is its size if the logits
 * were off by 1e-3 of theirs, as the engine's are allowed to be (test_forward.c). */
static double kl_truth(struct model *model, const struct flip *flip, const char *prompt,
                       double *noise)
{
    size_t vocab = model_shape(model)->vocab;
    struct ids ids = simple_encode(model, prompt);
    double *p = x_new(ids.count * vocab, sizeof *p), *q = x_new(ids.count * vocab, sizeof *q);
    double sum = 0, spread = 0, squares = 0;
    truth_logits(model, ids.data, ids.count, p);
    model_flip(model, flip);
    truth_logits(model, ids.data, ids.count, q);
    model_flip(model, flip);
    for (size_t at = 0; at < ids.count; at++) {
        double p_total = 0, q_total = 0;
        for (size_t i = at * vocab; i < (at + 1) * vocab; i++) {
            p_total += exp(p[i]);
            q_total += exp(q[i]);
        }
        for (size_t i = at * vocab; i < (at + 1) * vocab; i++) {
            double change = p[i] - log(p_total) - (q[i] - log(q_total));
            sum += exp(p[i]) / p_total * change;
            spread += exp(p[i]) / p_total * fabs(change);
            squares += p[i] * p[i];
        }
    }
    double error = 1e-3 * sqrt(squares / (double)(ids.count * vocab));
    /* |d KL| <= E|log p - log q| * (error in log p) * 2 + (error)^2 */
    *noise = 4 * error * spread / (double)ids.count + 4 * error * error;
    sum /= (double)ids.count;
    free(p);
    free(q);
    ids_free(&ids);
    return sum;
}

static void kl__flips__close_to_double_precision(void **state)
{
    (void)state;
    static const char *const prompts[] = {"the cat sat on", "abcd", "2+2=4"};
    struct model *model = simple_model(&tiny_default);
    double largest = 0;
    for (size_t i = 0; i < countof(prompts); i++)
        for (size_t f = 0; f < countof(flips); f++) {
            struct probe probe = simple_probe(prompts[i], "x", "");
            struct measure_options options = {METRIC_KL, 1, 0};
            struct measure *measure = measure_of(model, &probe, 1, &options);
            double gap = 0, noise = 0, truth = kl_truth(model, &flips[f], prompts[i], &noise);
            model_flip(model, &flips[f]);
            run(measure, &gap);
            model_flip(model, &flips[f]);
            measure_free(measure);
            largest = fmax(largest, truth / noise);
            if (!(fabs(-gap - truth) < noise))
                fail_msg("flip %zu: %.9g, in double precision %.9g +- %.2g", f, -gap, truth,
                         noise);
        }
    print_message("the largest divergence is %.3g times its noise\n", largest);
    assert_true(largest > 10); /* else nothing was tested */
    model_free(model);
}

/* The base is what it was when it was taken, flips and all. */
static void measure_set_base__on_a_flipped_model__zero_there(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    struct probe probe = simple_probe("the cat sat", "x", "");
    struct measure_options options = {METRIC_KL, 1, 0};
    model_flip(model, &flips[0]);
    struct measure *measure = measure_of(model, &probe, 1, &options);
    double gap = 1;
    run(measure, &gap);
    assert_true(gap == 0);
    model_flip(model, &flips[0]);
    run(measure, &gap);
    assert_true(gap < 0);
    measure_free(measure);
    model_free(model);
}

static void measure_set_base__cancelled__fails(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&tiny_default);
    struct probe probe = simple_probe("the cat sat", "x", "");
    const struct probe *list[] = {&probe};
    struct measure_options options = {METRIC_KL, 1, 0};
    struct measure *measure = measure_new(model, list, 1, &options, &err);
    t_ok(measure != NULL, &err);
    cancel_flag cancel = true;
    assert_false(measure_set_base(measure, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    t_ok(measure_set_base(measure, NULL, &err), &err);
    measure_free(measure);
    model_free(model);
}

/* 151,669 tokens at 300,000 places: 182 GB. */
static void measure_new__kl_of_a_long_text__refused_with_figures(void **state)
{
    (void)state;
    enum { LETTERS = 600000 };
    const struct synth_shape shape = sparse_shape("8B");
    char path[] = "/tmp/bankai-test-XXXXXX";
    struct err err = {0};
    if (sparse_write(&shape, path) == 0)
        skip();
    struct model *model = model_open(path, &err);
    t_ok(model != NULL, &err);
    char *text = x_new(LETTERS + 1, 1);
    for (size_t i = 0; i < LETTERS; i++)
        text[i] = i % 2 ? '7' : '\t'; /* nothing to merge */
    struct probe probe = simple_probe(text, "x", "");
    const struct probe *list[] = {&probe};
    struct measure_options options = {METRIC_KL, 1, 0};
    struct measure *measure = measure_new(model, list, 1, &options, &err);
    if (!measure) {
        assert_string_equal(err_code_name(err.code), "memory");
        assert_non_null(strstr(err.message, "no memory for kl's base, 4 bytes for each of "));
    }
    measure_free(measure); /* a machine with that much memory has it */
    free(text);
    model_free(model);
    (void)unlink(path);
}

/* ---- both: candidates ------------------------------------------------------------ */

static void measure_try__margin_and_kl__bits_of_flipped_models(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&tiny_default);
    struct probe probes[PROBES];
    byte_probes(probes);
    for (int threads = 1; threads <= 3; threads++)
        for (int m = METRIC_MARGIN; m < METRIC_COUNT; m++) {
            struct measure_options options = {(enum metric)m, threads, (uint64_t)threads * 100000};
            struct measure *measure = measure_of(model, probes, PROBES, &options);
            double tried[countof(flips) * PROBES], flipped[PROBES];
            size_t at_once = measure_at_once(measure), count = countof(flips);
            count = count < at_once ? count : at_once;
            t_ok(measure_try(measure, flips, count, tried, NULL, &err), &err);
            for (size_t f = 0; f < count; f++) {
                model_flip(model, &flips[f]);
                run(measure, flipped);
                same_bits(tried + f * PROBES, flipped, PROBES);
                model_flip(model, &flips[f]);
            }
            measure_free(measure);
        }
    model_free(model);
}

/* ---- names ----------------------------------------------------------------------- */

static void metric__names_and_notes(void **state)
{
    (void)state;
    static const char *const names[] = {"token_gap", "seq_logprob", "margin", "kl",
                                        "soft_margin", "logprob"};
    assert_int_equal(METRIC_COUNT, countof(names));
    for (int i = 0; i < METRIC_COUNT; i++) {
        enum metric metric = METRIC_COUNT;
        assert_string_equal(metric_name((enum metric)i), names[i]);
        assert_true(metric_parse(names[i], &metric));
        assert_int_equal(metric, i);
        assert_non_null(strstr(metric_choices(true), names[i]));
        assert_true((strstr(metric_choices(false), names[i]) != NULL) == (i != METRIC_KL));
        assert_true((metric_note(metric) != NULL) == (i == METRIC_TOKEN_GAP));
    }
    assert_int_equal(strncmp(metric_note(METRIC_TOKEN_GAP), "unsound: ", 9), 0);
    enum metric metric = METRIC_COUNT;
    assert_false(metric_parse("unknown", &metric));
    assert_false(metric_parse("", &metric));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(margin__tiny_models__bits_of_sequences_alone_and_close_to_truth),
        cmocka_unit_test(margin__all_built_in_sets__positive_exactly_when_said),
        cmocka_unit_test(margin__answers_cut_and_drawn_out__positive_exactly_when_said),
        cmocka_unit_test(logits_kl__by_hand),
        cmocka_unit_test(logits_kl__random_logits__as_in_long_double),
        cmocka_unit_test(logits_kl__far_apart__no_overflow),
        cmocka_unit_test(kl__nothing_flipped__zero_and_not_minus_zero),
        cmocka_unit_test(kl__flips__as_defined_whatever_stands_beside),
        cmocka_unit_test(kl__flips__close_to_double_precision),
        cmocka_unit_test(measure_set_base__on_a_flipped_model__zero_there),
        cmocka_unit_test(measure_set_base__cancelled__fails),
        cmocka_unit_test(measure_new__kl_of_a_long_text__refused_with_figures),
        cmocka_unit_test(measure_try__margin_and_kl__bits_of_flipped_models),
        cmocka_unit_test(metric__names_and_notes),
    };
    return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The divergence on neutral text, beside its definition.
 */
#include <math.h>

#include "probes/neutral.h"
#include "probes/neutral_kl.h"
#include "tests/simple.h"
#include "tests/t.h"

static const struct flip flip = {2, PROJ_DOWN, 17, FLIP_WHOLE_ROW, {0, 0}};

/* The mean over the positions of all sentences, not over sentences. */
static void neutral_kl__nano_with_a_flip__as_defined(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano(), *base = simple_nano();
    size_t count = 0, positions = 0;
    const char *const *sentences = neutral_sentences(&count);
    double sum = 0, mean = 1;
    struct neutral_kl *kl = neutral_kl_new(model, 2, NULL, NULL, &err);
    t_ok(kl != NULL, &err);
    t_ok(neutral_kl_measure(kl, &mean, NULL, NULL, &err), &err);
    assert_true(mean == 0 && !signbit(mean));
    model_flip(model, &flip);
    for (size_t i = 0; i < count; i++) {
        struct ids ids = simple_encode(base, sentences[i]);
        sum += simple_kl(base, model, sentences[i]) * (double)ids.count;
        positions += ids.count;
        ids_free(&ids);
    }
    t_ok(neutral_kl_measure(kl, &mean, NULL, NULL, &err), &err);
    double expected = sum / (double)positions;
    assert_true(expected > 1e-6);
    assert_true(fabs(mean - expected) < 1e-10 * expected);
    assert_int_equal(neutral_kl_positions(kl), positions);
    assert_int_equal(neutral_kl_sentences(kl), count);
    neutral_kl_free(kl);
    model_free(model);
    model_free(base);
}

static void count_up(void *user, size_t done, size_t total)
{
    size_t *seen = user;
    assert_true(done > *seen && done <= total);
    *seen = done;
}

static void neutral_kl__any_threads__same_bits_and_progress(void **state)
{
    (void)state;
    struct err err;
    double first = 0;
    for (int threads = 1; threads <= 3; threads++) {
        struct model *model = simple_model(&tiny_default);
        size_t seen = 0;
        struct work_progress progress = {count_up, &seen};
        struct neutral_kl *kl = neutral_kl_new(model, threads, &progress, NULL, &err);
        t_ok(kl != NULL, &err);
        assert_int_equal(seen, neutral_kl_sentences(kl));
        struct flip one = {0, PROJ_UP, 3, FLIP_WHOLE_ROW, {0, 0}};
        model_flip(model, &one);
        double mean = 0;
        seen = 0;
        t_ok(neutral_kl_measure(kl, &mean, &progress, NULL, &err), &err);
        assert_int_equal(seen, neutral_kl_sentences(kl));
        first = threads == 1 ? mean : first;
        assert_memory_equal(&mean, &first, sizeof mean);
        assert_true(mean > 0);
        neutral_kl_free(kl);
        model_free(model);
    }
}

static void neutral_kl__cancelled__fails(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&tiny_default);
    cancel_flag cancel = true;
    assert_null(neutral_kl_new(model, 1, NULL, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    struct neutral_kl *kl = neutral_kl_new(model, 1, NULL, NULL, &err);
    double mean = 0;
    assert_false(neutral_kl_measure(kl, &mean, NULL, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    neutral_kl_free(kl);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neutral_kl__nano_with_a_flip__as_defined),
        cmocka_unit_test(neutral_kl__any_threads__same_bits_and_progress),
        cmocka_unit_test(neutral_kl__cancelled__fails),
    };
    return cmocka_run_group_tests_name("neutral_kl", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every CPU level equals the reference bit for bit [K1] (products: test_product.c,
 * steps of a layer: test_kernel_layer.c); the reference equals what
 * engine/kernel/README.md says, checked with independent arithmetic.
 */
#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/half.h"
#include "src/base/buf.h"
#include "tests/kernel_inputs.h"
#include "tests/t.h"

static const struct kernel *levels[KERNEL_LEVELS_MAX];
static size_t level_count;

/* ---- inputs ----------------------------------------------------------------- */

static struct activations activations_make(size_t tokens, size_t groups)
{
    size_t padded = (tokens + TOKEN_BLOCK - 1) / TOKEN_BLOCK * TOKEN_BLOCK;
    struct activations x = {.tokens = tokens, .groups = groups};
    x.q = aligned_alloc(64, padded * groups * KERNEL_GROUP * sizeof *x.q);
    memset(x.q, 0, padded * groups * KERNEL_GROUP * sizeof *x.q);
    x.a = x_new(padded * groups, sizeof *x.a);
    x.total = x_new(padded * groups, sizeof *x.total);
    return x;
}

static void activations_drop(struct activations *x)
{
    free(x->q);
    free(x->a);
    free(x->total);
}

static void assert_same_bits(const char *what, const char *level, const void *a, const void *b,
                             size_t bytes)
{
    if (memcmp(a, b, bytes) != 0)
        fail_msg("%s: level %s differs from ref", what, level);
}

/* ---- quantization ----------------------------------------------------------- */

static void quantize_by(const struct kernel *kernel, const float *x, size_t tokens, size_t groups,
                        struct activations *out)
{
    *out = activations_make(tokens, groups);
    for (size_t t = 0; t < tokens; t++)
        assert_true(kernel->quantize(x + t * groups * KERNEL_GROUP, out, t));
}

static void compare_quantized(const float *x, size_t tokens, size_t groups)
{
    struct activations ref;
    quantize_by(&kernel_ref, x, tokens, groups, &ref);
    size_t padded = (tokens + 7) / 8 * 8;
    for (size_t l = 1; l < level_count; l++) {
        struct activations got;
        quantize_by(levels[l], x, tokens, groups, &got);
        assert_same_bits("q", levels[l]->name, ref.q, got.q,
                         padded * groups * KERNEL_GROUP * sizeof *ref.q);
        assert_same_bits("a", levels[l]->name, ref.a, got.a, padded * groups * sizeof *ref.a);
        assert_same_bits("total", levels[l]->name, ref.total, got.total,
                         padded * groups * sizeof *ref.total);
        activations_drop(&got);
    }
    activations_drop(&ref);
}

static void quantize__random_and_extreme_groups__equal_at_every_level(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    float x[9 * EXTREME_COUNT * KERNEL_GROUP];
    for (int round = 0; round < 50; round++) {
        inputs_fill(&rng, x, sizeof x / sizeof *x);
        compare_quantized(x, 9, EXTREME_COUNT);
    }
    for (int t = 0; t < 9; t++)
        for (int k = 0; k < EXTREME_COUNT; k++)
            inputs_extreme_group(k, x + (t * EXTREME_COUNT + k) * KERNEL_GROUP);
    compare_quantized(x, 9, EXTREME_COUNT);
}

static void quantize__definition__a_and_q_by_independent_arithmetic(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 2);
    for (int round = 0; round < 200; round++) {
        float x[KERNEL_GROUP];
        inputs_fill(&rng, x, KERNEL_GROUP);
        struct activations q;
        quantize_by(&kernel_ref, x, 1, 1, &q);
        double m = 0;
        for (int i = 0; i < KERNEL_GROUP; i++)
            m = fmax(m, fabs((double)x[i]));
        assert_true(q.a[0] == (float)(m / 16383.0)); /* one rounding either way */
        int64_t total = 0;
        for (int i = 0; i < KERNEL_GROUP; i++) {
            float divided = (float)((double)x[i] / (double)q.a[0]); /* 53 > 2*24+1 bits: exact */
            assert_int_equal(q.q[i], (int)nearbyint((double)divided));
            assert_in_range(abs(q.q[i]), 0, A15_MAX);
            total += q.q[i];
        }
        assert_int_equal(q.total[0], total);
        activations_drop(&q);
    }
}

static void quantize__not_finite__refused_at_every_level(void **state)
{
    (void)state;
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (size_t l = 0; l < level_count; l++)
        for (size_t b = 0; b < 4; b++)
            for (size_t place = 0; place < KERNEL_GROUP; place++) {
                float x[KERNEL_GROUP];
                for (size_t i = 0; i < KERNEL_GROUP; i++)
                    x[i] = i == place ? bad[b] : 1e30f;
                struct activations out = activations_make(1, 1);
                assert_false(levels[l]->quantize(x, &out, 0));
                activations_drop(&out);
            }
}

/* ---- products --------------------------------------------------------------- */

static uint8_t *random_rows(struct rng *rng, size_t rows, size_t groups, bool extreme)
{
    uint8_t *blocks = x_new(rows * groups, KERNEL_GROUP_BYTES);
    inputs_blocks(rng, blocks, rows, groups, extreme);
    return blocks;
}

static void product__definition__integers_by_independent_sum(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 4);
    uint8_t *row = random_rows(&rng, 1, 3, false);
    float x[3 * KERNEL_GROUP], y = 0;
    inputs_fill(&rng, x, 3 * KERNEL_GROUP);
    struct activations q;
    quantize_by(&kernel_ref, x, 1, 3, &q);
    kernel_ref.product(row, 1, &q, &y, 1);
    long double exact = 0, rounded_bound = 0;
    for (int i = 0; i < 3 * KERNEL_GROUP; i++) {
        const uint8_t *block = row + i / 128 * KERNEL_GROUP_BYTES;
        uint16_t half = 0;
        memcpy(&half, block, 2);
        bool positive = block[2 + i % 128 / 8] >> i % 8 & 1;
        long double w = (long double)half_value(half) * (positive ? 1 : -1);
        exact += w * (long double)x[i];
        rounded_bound += fabsl(w) * (long double)q.a[i / 128 * 8];
    }
    assert_true(fabsl(exact - (long double)y) <= rounded_bound);
    free(row);
    activations_drop(&q);
}

static void product__flipped_row__negated_and_zero_stays_positive(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    for (int round = 0; round < 100; round++) {
        bool zero = round % 10 == 0;
        uint8_t *row = random_rows(&rng, 1, 2, round % 3 == 0);
        float x[2 * KERNEL_GROUP];
        inputs_fill(&rng, x, 2 * KERNEL_GROUP);
        if (zero)
            memset(x, 0, sizeof x);
        struct activations q;
        quantize_by(&kernel_ref, x, 1, 2, &q);
        float before = 0, after = 0;
        kernel_ref.product(row, 1, &q, &before, 1);
        for (int g = 0; g < 2; g++)
            for (int i = 2; i < KERNEL_GROUP_BYTES; i++)
                row[g * KERNEL_GROUP_BYTES + i] ^= 0xFF;
        kernel_ref.product(row, 1, &q, &after, 1);
        float expected = before == 0 ? 0.0f : -before;
        assert_memory_equal(&after, &expected, sizeof after);
        free(row);
        activations_drop(&q);
    }
}

/* ---- scales ------------------------------------------------------------------- */

static void half_value__all_values__equal_powers_of_two(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        int exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
        double expected = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        if (h & 0x8000)
            expected = -expected;
        float got = half_value((uint16_t)h);
        if (exponent == 31)
            assert_true(fraction ? isnan(got) : isinf(got));
        else
            assert_true((double)got == expected && !signbit(got) == !(h & 0x8000));
    }
}

/* Lengths around the lanes; far apart, so that terms vanish. */
static void divergence__all_lengths__equal_at_every_level(void **state)
{
    (void)state;
    enum { MOST = 600 };
    float x[MOST], y[MOST];
    struct rng rng;
    rng_seed(&rng, 8);
    for (size_t n = 1; n <= MOST; n = n < 50 ? n + 1 : n * 2 - 3) {
        for (size_t i = 0; i < n; i++) {
            x[i] = (float)(rng_unit(&rng) * (n % 3 ? 20 : 2000));
            y[i] = x[i] + (float)rng_unit(&rng);
        }
        double base = n % 3 ? 21 : 2001;
        for (size_t l = 1; l < level_count; l++) {
            double ref = kernel_ref.sum_exp_double(x, n, base);
            double got = levels[l]->sum_exp_double(x, n, base);
            assert_same_bits("sum_exp_double", levels[l]->name, &ref, &got, sizeof ref);
            ref = kernel_ref.divergence(x, base, y, base + 1, n);
            got = levels[l]->divergence(x, base, y, base + 1, n);
            assert_same_bits("divergence", levels[l]->name, &ref, &got, sizeof ref);
        }
    }
}

static int pick_levels(void **state)
{
    (void)state;
    level_count = kernel_levels(levels);
    if (level_count == 1)
        print_message("only the reference level runs on this CPU: nothing to compare\n");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantize__random_and_extreme_groups__equal_at_every_level),
        cmocka_unit_test(quantize__definition__a_and_q_by_independent_arithmetic),
        cmocka_unit_test(quantize__not_finite__refused_at_every_level),
        cmocka_unit_test(product__definition__integers_by_independent_sum),
        cmocka_unit_test(product__flipped_row__negated_and_zero_stays_positive),
        cmocka_unit_test(half_value__all_values__equal_powers_of_two),
        cmocka_unit_test(divergence__all_lengths__equal_at_every_level),
    };
    return cmocka_run_group_tests_name("kernel", tests, pick_levels, NULL);
}

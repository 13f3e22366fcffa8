/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Our elementary functions and the angles of RoPE against the C library's long
 * double functions.  Largest errors are measured and bounded.
 */
#include <float.h>
#include <math.h>

#include "engine/forward/work.h"
#include "engine/kernel/math.h"
#include "src/base/rng.h"
#include "tests/t.h"

enum { SAMPLES = 200000 };

static double relative_error(double got, long double expected)
{
    return (double)fabsl(((long double)got - expected) / expected);
}

static void bounded(const char *what, double worst, double bound)
{
    print_message("%s: largest error %.2g\n", what, worst);
    if (!(worst <= bound))
        fail_msg("%s: largest error %g, expected at most %g", what, worst, bound);
}

/* Positive normal numbers of every exponent, half of them near 1. */
static double random_positive(struct rng *rng)
{
    double m = 1.0 + rng_unit(rng);
    if (rng_below(rng, 2) == 0)
        return ldexp(m, (int)rng_below(rng, 3) - 2);
    return ldexp(m, (int)rng_below(rng, 2046) - 1022);
}

static void math_log__normal_numbers__close_to_long_double(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    double worst = 0;
    for (int i = 0; i < SAMPLES; i++) {
        double x = random_positive(&rng);
        if (x != 1.0)
            worst = fmax(worst, relative_error(math_log(x), logl((long double)x)));
    }
    const double edges[] = {DBL_MIN, DBL_MAX, 1.0 + DBL_EPSILON, 1.0 - DBL_EPSILON / 2,
                            1.4142135623730951, 1.4142135623730949, 2.0, 0.5, 10.0};
    for (size_t i = 0; i < countof(edges); i++)
        worst = fmax(worst, relative_error(math_log(edges[i]), logl((long double)edges[i])));
    assert_true(math_log(1.0) == 0.0);
    bounded("log", worst, 1e-15);
}

static void math_exp__up_to_700__close_to_long_double(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 2);
    double worst = 0;
    for (int i = 0; i < SAMPLES; i++) {
        double range = rng_below(&rng, 2) ? 700 : 2;
        double x = (2 * rng_unit(&rng) - 1) * range;
        worst = fmax(worst, relative_error(math_exp(x), expl((long double)x)));
    }
    worst = fmax(worst, relative_error(math_exp(700.0), expl(700.0L)));
    worst = fmax(worst, relative_error(math_exp(-700.0), expl(-700.0L)));
    assert_true(math_exp(0.0) == 1.0);
    bounded("exp", worst, 1e-15);
}

/* The exponents and bases of RoPE.  exp's error grows with its argument. */
static void math_pow__frequencies__close_to_long_double(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    double worst = 0;
    for (int i = 0; i < SAMPLES; i++) {
        double base = 1.0 + rng_unit(&rng) * (rng_below(&rng, 2) ? 1e8 : 10.0);
        double exponent = -rng_unit(&rng);
        worst = fmax(worst, relative_error(math_pow(base, exponent),
                                           powl((long double)base, (long double)exponent)));
    }
    bounded("pow, base up to 1e8", worst, 1e-14);
}

static void math_sincos__up_to_2_21__close_to_long_double(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 4);
    double worst = 0, worst_circle = 0;
    for (int i = 0; i < SAMPLES; i++) {
        double range = ldexp(1.0, (int)rng_below(&rng, 22)), s = 0, c = 0;
        double x = rng_unit(&rng) * range;
        if (rng_below(&rng, 4) == 0) /* multiples of pi/2 lose the most */
            x = nearbyint(x * 0.63661977236758134) * 1.5707963267948966;
        math_sincos(x, &s, &c);
        worst = fmax(worst, (double)fabsl((long double)s - sinl((long double)x)));
        worst = fmax(worst, (double)fabsl((long double)c - cosl((long double)x)));
        worst_circle = fmax(worst_circle, fabs(s * s + c * c - 1.0));
    }
    double s = 1, c = 0;
    math_sincos(0.0, &s, &c);
    assert_true(s == 0.0 && c == 1.0);
    for (uint32_t whole = (1u << 21) - 1000; whole <= 1u << 21; whole++) {
        math_sincos((double)whole, &s, &c);
        worst = fmax(worst, (double)fabsl((long double)s - sinl((long double)whole)));
        worst = fmax(worst, (double)fabsl((long double)c - cosl((long double)whole)));
    }
    bounded("sine and cosine up to 2^21, absolute", worst, 3e-16);
    bounded("sine^2 + cosine^2 - 1", worst_circle, 1e-15);
}

/* ---- RoPE ---------------------------------------------------------------------- */

/* The ramp as in the YaRN paper: r turns of the original context; 1 above
 * beta_fast turns keeps the frequency, below beta_slow it is divided.  The
 * corners are rounded outwards to whole pairs, as llama.cpp has it. */
static long double frequency(const struct rope *rope, long double dim, long double pair)
{
    long double theta = powl((long double)rope->base, -2 * pair / dim);
    long double divided = theta / (long double)rope->factor;
    if (rope->scaling == ROPE_PLAIN)
        return theta;
    if (rope->scaling == ROPE_LINEAR)
        return divided;
    const long double pi = 3.14159265358979323846264338L;
    long double context = (long double)rope->original_context;
    long double per_pair = 2 * logl((long double)rope->base);
    long double fast = floorl(dim * logl(context / (64 * pi)) / per_pair);
    long double slow = ceill(dim * logl(context / (2 * pi)) / per_pair);
    fast = fminl(fmaxl(fast, 0), dim - 1);
    slow = fminl(fmaxl(slow, 0), dim - 1);
    long double way = (pair - fast) / fmaxl(slow - fast, 0.001L);
    way = fminl(fmaxl(way, 0), 1);
    return theta + (divided - theta) * way;
}

static double worst_angle(const struct rope *rope, uint32_t head_dim)
{
    static const size_t positions[] = {0, 1, 2, 100, 1000, 4095, 32768, 65535};
    double frequencies[128], worst = 0;
    float cosines[128], sines[128];
    struct model model = {.shape = {.head_dim = head_dim}, .rope = *rope};
    struct work work = {.model = &model, .frequencies = frequencies};
    long double magnitude =
        rope->scaling == ROPE_YARN ? 1 + 0.1L * logl((long double)rope->factor) : 1;
    rope_prepare(&work);
    for (size_t p = 0; p < countof(positions); p++) {
        rope_angles(&work, positions[p], cosines, sines);
        for (uint32_t i = 0; i < head_dim / 2; i++) {
            long double angle =
                (long double)positions[p] * frequency(rope, (long double)head_dim, (long double)i);
            worst = fmax(worst, (double)fabsl((long double)cosines[i] - magnitude * cosl(angle)));
            worst = fmax(worst, (double)fabsl((long double)sines[i] - magnitude * sinl(angle)));
        }
    }
    return worst;
}

static void rope_angles__plain_linear_and_yarn__close_to_long_double(void **state)
{
    (void)state;
    static const struct rope ropes[] = {
        {10000.0, ROPE_PLAIN, 1.0, 0},       {1e6, ROPE_PLAIN, 1.0, 0},
        {5e6, ROPE_PLAIN, 1.0, 0},           {1.0, ROPE_PLAIN, 1.0, 0},
        {10000.0, ROPE_LINEAR, 4.0, 0},      {1e6, ROPE_YARN, 4.0, 16384},
        {1e6, ROPE_YARN, 4.0, 32768},        {10000.0, ROPE_YARN, 2.5, 128},
        {5e6, ROPE_YARN, 40.0, 4096},        {10000.0, ROPE_YARN, 1.0, 1},
        {1.0, ROPE_YARN, 4.0, 4096},
    };
    static const uint32_t dims[] = {2, 6, 64, 128, 256};
    double worst = 0;
    for (size_t r = 0; r < countof(ropes); r++)
        for (size_t d = 0; d < countof(dims); d++)
            worst = fmax(worst, worst_angle(&ropes[r], dims[d]));
    bounded("angles up to position 65535, absolute", worst, 2e-7); /* singles of up to 1.4 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(math_log__normal_numbers__close_to_long_double),
        cmocka_unit_test(math_exp__up_to_700__close_to_long_double),
        cmocka_unit_test(math_pow__frequencies__close_to_long_double),
        cmocka_unit_test(math_sincos__up_to_2_21__close_to_long_double),
        cmocka_unit_test(rope_angles__plain_linear_and_yarn__close_to_long_double),
    };
    return cmocka_run_group_tests_name("math", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The steps of a layer: every CPU level equals the reference bit for bit [K1] and
 * touches nothing outside its arrays [K2]; the reference is near what the same
 * formulas give in double.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"
#include "src/base/num.h"
#include "tests/kernel_inputs.h"
#include "tests/t.h"

enum { VOCABULARY = 151669 };

static const struct kernel *levels[KERNEL_LEVELS_MAX];
static size_t level_count;

/* Zeros of both signs, subnormals, the largest and smallest floats, ends of EXP's
 * range, and ordinary numbers. */
static float extreme_float(struct rng *rng)
{
    static const float values[] = {0.0f,    0x1p-149f,  0x1.8p-127f, FLT_MIN, FLT_MAX, 0x1p63f,
                                   0x1p64f, 0x1p-64f,   0x1p-75f,    1.0f,    16.0f,   87.0f,
                                   88.0f,   88.000008f, 103.0f,      200.0f,  1e30f,   1e-30f};
    float value = values[rng_below(rng, countof(values))];
    if (rng_below(rng, 4) == 0)
        inputs_fill(rng, &value, 1);
    return rng_below(rng, 2) ? value : -value;
}

static void fill(struct rng *rng, bool extreme, float *x, size_t n)
{
    inputs_fill(rng, x, n);
    for (size_t i = 0; extreme && i < n; i++)
        x[i] = extreme_float(rng);
}

/* The bits of each float are equal, or both are NaN. */
static void assert_same(const char *what, const char *level, const float *expected,
                        const float *got, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&expected[i], &got[i], sizeof *got) != 0 &&
            !(isnan(expected[i]) && isnan(got[i])))
            fail_msg("%s: element %zu of %zu is %a at level %s, but %a at ref", what, i, n,
                     (double)got[i], level, (double)expected[i]);
}

/* ---- steps that work element by element ---------------------------------------- */

/* Inputs and the output of n floats each. */
struct arrays {
    size_t n;
    float *x, *y, *cosines, *sines, *out;
    struct fenced memory[5];
};

static struct arrays arrays_make(struct rng *rng, size_t n, bool extreme, bool at_end)
{
    struct arrays arrays = {.n = n};
    for (size_t i = 0; i < countof(arrays.memory); i++) {
        arrays.memory[i] = fenced_make(n * sizeof(float), at_end);
        fill(rng, extreme && i < 2, arrays.memory[i].data, n);
    }
    arrays.x = arrays.memory[0].data;
    arrays.y = arrays.memory[1].data;
    arrays.cosines = arrays.memory[2].data;
    arrays.sines = arrays.memory[3].data;
    arrays.out = arrays.memory[4].data;
    return arrays;
}

static void arrays_drop(struct arrays *arrays)
{
    for (size_t i = 0; i < countof(arrays->memory); i++)
        fenced_drop(&arrays->memory[i]);
}

enum step { NORM, NORM_IN_PLACE, SWIGLU, ADD, ROPE, STEP_COUNT };

static const char *const step_names[STEP_COUNT] = {"rms_norm", "rms_norm in place", "swiglu", "add",
                                                   "rope"};

/* The step's result in arrays->out, of n floats; n is even for RoPE. */
static void run_step(const struct kernel *kernel, enum step step, const struct arrays *arrays)
{
    float *out = arrays->out;
    const float *x = arrays->x, *y = arrays->y;
    size_t n = arrays->n, half = n / 2;
    memcpy(out, x, n * sizeof *out); /* for those that work in place */
    if (step == NORM)
        kernel->rms_norm(x, y, n, 1e-6f, out);
    else if (step == NORM_IN_PLACE)
        kernel->rms_norm(out, y, n, 1e-6f, out);
    else if (step == SWIGLU)
        kernel->swiglu(x, y, n, out);
    else if (step == ADD)
        kernel->add(out, y, n);
    else
        kernel->rope(out, arrays->cosines + n - half, arrays->sines + n - half, half);
}

static void compare_steps(const struct arrays *arrays)
{
    float *expected = x_new(arrays->n, sizeof *expected);
    for (enum step step = 0; step < STEP_COUNT; step++) {
        if (step == ROPE && arrays->n % 2 != 0)
            continue;
        run_step(&kernel_ref, step, arrays);
        memcpy(expected, arrays->out, arrays->n * sizeof *expected);
        for (size_t l = 1; l < level_count; l++) {
            run_step(levels[l], step, arrays);
            assert_same(step_names[step], levels[l]->name, expected, arrays->out, arrays->n);
        }
    }
    free(expected);
}

/* max may be a zero of either sign: no result depends on it. */
static void compare_sums(const float *x, size_t n)
{
    float largest = kernel_ref.max(x, n), sum = kernel_ref.sum_exp(x, n, largest);
    for (size_t l = 1; l < level_count; l++) {
        float got = levels[l]->max(x, n);
        if (got != largest && !(isnan(got) && isnan(largest)))
            fail_msg("max of %zu: %a at level %s, but %a at ref", n, (double)got, levels[l]->name,
                     (double)largest);
        got = levels[l]->sum_exp(x, n, got);
        assert_same("sum_exp", levels[l]->name, &sum, &got, 1);
    }
}

static void steps__every_length__equal_at_every_level(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 6);
    for (size_t n = 1; n <= 4096; n += n < 140 ? 1 : 23 + n / 2)
        for (int round = 0; round < 4; round++) {
            struct arrays arrays = arrays_make(&rng, n, round % 2, round / 2);
            compare_steps(&arrays);
            compare_sums(arrays.x, n);
            arrays_drop(&arrays);
        }
}

static void sums__whole_vocabulary__equal_at_every_level(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    struct fenced memory = fenced_make(VOCABULARY * sizeof(float), true);
    float *x = memory.data;
    inputs_fill(&rng, x, VOCABULARY);
    compare_sums(x, VOCABULARY);
    x[VOCABULARY - 1] = 1e6f; /* behind the last 16 */
    compare_sums(x, VOCABULARY);
    for (size_t i = 0; i < VOCABULARY; i++)
        x[i] = -3.5f;
    compare_sums(x, VOCABULARY);
    fenced_drop(&memory);
}

static void sums__largest_or_nan_anywhere__equal_at_every_level(void **state)
{
    (void)state;
    const float special[] = {INFINITY, -INFINITY, NAN, -NAN, 0.0f, -0.0f, 3e38f};
    for (size_t n = 1; n <= 67; n++)
        for (size_t k = 0; k < n * countof(special); k++) {
            float x[67];
            for (size_t i = 0; i < n; i++)
                x[i] = i == 1 ? 5.0f : -(float)((i * 7 + 3) % 11);
            x[k / countof(special)] = special[k % countof(special)];
            compare_sums(x, n);
        }
}

/* ---- attention ------------------------------------------------------------------ */

enum { SLOTS = 90, POSITIONS_MAX = 300, HEADS_MAX = 16, DIM_MAX = 260 };

/* Arguments of attend. */
struct setting {
    struct attention at;
    float *queries, *keys, *values, *out;
    int32_t *path;
    struct fenced memory[6];
};

static void setting_make(struct setting *setting, size_t heads, size_t positions, size_t dim)
{
    size_t scratch = (attention_scratch(heads, positions, dim) + LANES - 1) / LANES * LANES;
    const size_t floats[] = {heads * dim, SLOTS * dim, SLOTS * dim,
                             heads * dim, positions,   scratch};
    for (size_t i = 0; i < countof(floats); i++)
        setting->memory[i] = fenced_make(floats[i] * sizeof(float), positions % 4 != 0);
    setting->queries = setting->memory[0].data;
    setting->keys = setting->memory[1].data;
    setting->values = setting->memory[2].data;
    setting->out = setting->memory[3].data;
    setting->path = setting->memory[4].data;
    setting->at = (struct attention){.queries = setting->queries,
                                     .heads = heads,
                                     .keys = setting->keys,
                                     .values = setting->values,
                                     .path = setting->path,
                                     .positions = positions,
                                     .dim = dim,
                                     .scale = 1.0f / sqrtf((float)dim),
                                     .scratch = setting->memory[5].data,
                                     .out = setting->out};
}

static void setting_drop(struct setting *setting)
{
    for (size_t i = 0; i < countof(setting->memory); i++)
        fenced_drop(&setting->memory[i]);
}

enum contents { ORDINARY, EQUAL_SCORES, FAR_SCORES, SUBNORMAL_VALUES, EXTREME, CONTENTS_COUNT };

/* Keys: equal ones, or such that one weight is 1 and the others are as small as they get. */
static float key_of(struct rng *rng, enum contents contents, float ordinary)
{
    if (contents == EQUAL_SCORES)
        return -0.0f;
    if (contents == FAR_SCORES)
        return 1000 * ordinary;
    return contents == EXTREME ? extreme_float(rng) : ordinary;
}

/* Values: products of subnormal ones with weights leave zeros of both signs. */
static float value_of(struct rng *rng, enum contents contents, float ordinary)
{
    if (contents == SUBNORMAL_VALUES)
        return (float)((int)rng_below(rng, 9) - 4) * 0x1p-149f;
    return contents == EXTREME ? extreme_float(rng) : ordinary;
}

static void setting_fill(struct setting *setting, struct rng *rng, enum contents contents)
{
    const size_t count = SLOTS * setting->at.dim;
    inputs_fill(rng, setting->queries, setting->at.heads * setting->at.dim);
    inputs_fill(rng, setting->keys, count);
    inputs_fill(rng, setting->values, count);
    for (size_t i = 0; i < count; i++) {
        setting->keys[i] = key_of(rng, contents, setting->keys[i]);
        setting->values[i] = value_of(rng, contents, setting->values[i]);
    }
    for (size_t i = 0; i < setting->at.positions; i++)
        setting->path[i] = (int32_t)rng_below(rng, SLOTS);
}

static void compare_attention(struct rng *rng, size_t heads, size_t positions, size_t dim,
                              enum contents contents)
{
    struct setting setting;
    size_t count = heads * dim;
    float *expected = x_new(count, sizeof *expected);
    setting_make(&setting, heads, positions, dim);
    setting_fill(&setting, rng, contents);
    kernel_ref.attend(&setting.at);
    memcpy(expected, setting.out, count * sizeof *expected);
    for (size_t l = 1; l < level_count; l++) {
        memset(setting.out, 0xA5, count * sizeof *expected);
        levels[l]->attend(&setting.at);
        assert_same("attend", levels[l]->name, expected, setting.out, count);
    }
    setting_drop(&setting);
    free(expected);
}

static void attend__every_dim__equal_at_every_level(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 8);
    for (size_t dim = 1; dim <= DIM_MAX; dim++)
        for (int round = 0; round < 3; round++)
            compare_attention(&rng, 1 + rng_below(&rng, 6), 1 + rng_below(&rng, 40), dim,
                              (enum contents)rng_below(&rng, CONTENTS_COUNT));
}

static void attend__every_count_of_positions__equal_at_every_level(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 9);
    for (size_t n = 1; n <= POSITIONS_MAX; n++)
        compare_attention(&rng, 1 + n % 7, n, 8 * (1 + rng_below(&rng, 9)),
                          (enum contents)(n % CONTENTS_COUNT));
}

static void attend__every_count_of_heads__equal_at_every_level(void **state)
{
    (void)state;
    static const size_t dims[] = {16, 64, 80, 128, 256};
    struct rng rng;
    rng_seed(&rng, 10);
    for (size_t heads = 1; heads <= HEADS_MAX; heads++)
        for (size_t i = 0; i < countof(dims); i++)
            for (enum contents contents = 0; contents < CONTENTS_COUNT; contents++)
                compare_attention(&rng, heads, 1 + rng_below(&rng, 200), dims[i], contents);
}

/* ---- the reference against double ----------------------------------------------- */

/* One head by the textbook; out[j] and, in bound[j], the same with |values|. */
static void attend_in_double(const struct attention *at, size_t head, double *out, double *bound)
{
    double scores[POSITIONS_MAX], largest = -HUGE_VAL, sum = 0;
    memset(out, 0, at->dim * sizeof *out);
    memset(bound, 0, at->dim * sizeof *bound);
    for (size_t i = 0; i < at->positions; i++) {
        const float *key = at->keys + (size_t)at->path[i] * at->dim;
        scores[i] = 0;
        for (size_t j = 0; j < at->dim; j++)
            scores[i] += (double)at->queries[head * at->dim + j] * (double)key[j];
        scores[i] *= (double)at->scale;
        largest = fmax(largest, scores[i]);
    }
    for (size_t i = 0; i < at->positions; i++)
        sum += exp(scores[i] - largest);
    for (size_t i = 0; i < at->positions; i++) {
        double weight = exp(scores[i] - largest) / sum;
        for (size_t j = 0; j < at->dim; j++) {
            double value = (double)at->values[(size_t)at->path[i] * at->dim + j];
            out[j] += weight * value;
            bound[j] += weight * fabs(value);
        }
    }
}

static void attend__against_double__close(void **state)
{
    (void)state;
    struct setting setting;
    struct rng rng;
    rng_seed(&rng, 11);
    for (int round = 0; round < 40; round++) {
        double expected[DIM_MAX], bound[DIM_MAX];
        setting_make(&setting, 1 + rng_below(&rng, 5), 1 + rng_below(&rng, POSITIONS_MAX),
                     1 + rng_below(&rng, DIM_MAX));
        setting_fill(&setting, &rng, ORDINARY);
        for (size_t i = 0; i < setting.at.heads * setting.at.dim; i++)
            setting.queries[i] /= 16; /* scores of some units: several weights count */
        kernel_ref.attend(&setting.at);
        for (size_t h = 0; h < setting.at.heads; h++) {
            attend_in_double(&setting.at, h, expected, bound);
            for (size_t j = 0; j < setting.at.dim; j++) {
                double got = (double)setting.out[h * setting.at.dim + j];
                if (fabs(got - expected[j]) > 2e-4 * bound[j])
                    fail_msg("head %zu, column %zu: %g, expected %g", h, j, got, expected[j]);
            }
        }
        setting_drop(&setting);
    }
}

static void add__against_double__rounded_once(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 12);
    for (int i = 0; i < 100000; i++) {
        float x = 0, y = 0;
        fill(&rng, i % 2, &x, 1);
        fill(&rng, i % 3, &y, 1);
        /* 53 > 2 * 24 + 1 bits: rounding twice is rounding once */
        float expected = (float)((double)x + (double)y);
        kernel_ref.add(&x, &y, 1);
        assert_memory_equal(&x, &expected, sizeof x);
    }
}

static void rms_norm__against_double__close(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 13);
    for (size_t n = 1; n < 300; n++) {
        float x[300], gain[300], out[300];
        double squares = 0;
        inputs_fill(&rng, x, n);
        inputs_fill(&rng, gain, n);
        kernel_ref.rms_norm(x, gain, n, 1e-6f, out);
        for (size_t i = 0; i < n; i++)
            squares += (double)x[i] * (double)x[i];
        for (size_t i = 0; i < n; i++) {
            double expected =
                (double)x[i] * (double)gain[i] / sqrt(squares / (double)n + (double)1e-6f);
            assert_true(fabs((double)out[i] - expected) <= 1e-6 * fabs(expected) + 1e-37);
        }
    }
}

static void rope__against_double__close(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 14);
    for (int round = 0; round < 1000; round++) {
        double angle = rng_unit(&rng) * 7, first = rng_unit(&rng) - 0.5;
        double second = rng_unit(&rng) - 0.5;
        float pair[2] = {(float)first, (float)second};
        float cosine = (float)cos(angle), sine = (float)sin(angle);
        kernel_ref.rope(pair, &cosine, &sine, 1);
        assert_true(fabs((double)pair[0] - (first * cos(angle) - second * sin(angle))) < 2e-7);
        assert_true(fabs((double)pair[1] - (second * cos(angle) + first * sin(angle))) < 2e-7);
    }
}

static void sum_exp__single_value__accurate_to_two_ulp(void **state)
{
    (void)state;
    for (double x = -86.9; x < 87.9; x += 0.00731) {
        float value = (float)x;
        double expected = exp((double)value);
        double got = (double)kernel_ref.sum_exp(&value, 1, 0.0f);
        if (fabs(got - expected) > 2.5e-7 * expected)
            fail_msg("exp(%g) is %.9g, expected %.9g", x, got, expected);
    }
}

static void swiglu__against_double__close(void **state)
{
    (void)state;
    for (double g = -60; g < 60; g += 0.037) {
        float gate = (float)g, up = 1.5f, h = 0;
        kernel_ref.swiglu(&gate, &up, 1, &h);
        double expected = (double)gate / (1 + exp(-(double)gate)) * 1.5;
        assert_true(fabs((double)h - expected) <= 1e-6 * fabs(expected) + 1e-30);
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
        cmocka_unit_test(steps__every_length__equal_at_every_level),
        cmocka_unit_test(sums__whole_vocabulary__equal_at_every_level),
        cmocka_unit_test(sums__largest_or_nan_anywhere__equal_at_every_level),
        cmocka_unit_test(attend__every_dim__equal_at_every_level),
        cmocka_unit_test(attend__every_count_of_positions__equal_at_every_level),
        cmocka_unit_test(attend__every_count_of_heads__equal_at_every_level),
        cmocka_unit_test(attend__against_double__close),
        cmocka_unit_test(add__against_double__rounded_once),
        cmocka_unit_test(rms_norm__against_double__close),
        cmocka_unit_test(rope__against_double__close),
        cmocka_unit_test(sum_exp__single_value__accurate_to_two_ulp),
        cmocka_unit_test(swiglu__against_double__close),
    };
    return cmocka_run_group_tests_name("kernel_layer", tests, pick_levels, NULL);
}

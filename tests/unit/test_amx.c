/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The products of the AMX level, their tiles emulated in C, so that they are
 * compared with the reference on CPUs without AMX too [K1], [K2]; and the
 * emulation itself [T1], [T2].  Everything around the tiles is AVX-512.
 */
#define AMX_EMULATED

#include "engine/kernel/amx_tiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/kernel/level.h"
#include "src/base/rng.h"
#include "tests/t.h"

#if defined(__x86_64__)

struct tile_state tile_state;
static jmp_buf *fault_expected;

void tile_fault(const char *what)
{
    if (fault_expected)
        longjmp(*fault_expected, 1);
    fail_msg("a tile instruction would fault: %s", what);
}

/* ---- memory between forbidden pages ------------------------------------------------ */

enum { PAGE = 4096 };

struct fenced {
    uint8_t *base;
    size_t bytes; /* of the whole mapping */
    void *data;
};

/* Bytes that end where a page without access begins, or begin where one ends. */
static struct fenced fenced_make(size_t bytes, bool at_end)
{
    struct fenced out = {.bytes = (bytes + PAGE - 1) / PAGE * PAGE + 2 * PAGE};
    out.base = mmap(NULL, out.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(out.base != MAP_FAILED);
    assert_int_equal(mprotect(out.base, PAGE, PROT_NONE), 0);
    assert_int_equal(mprotect(out.base + out.bytes - PAGE, PAGE, PROT_NONE), 0);
    out.data = at_end ? out.base + out.bytes - PAGE - bytes : out.base + PAGE;
    return out;
}

static void fenced_drop(struct fenced *fenced)
{
    assert_int_equal(munmap(fenced->base, fenced->bytes), 0);
}

/* ---- inputs -------------------------------------------------------------------------- */

enum { WEIGHTS, Q, SCALES, TOTALS, TABLES, RESULT, PARTS };

struct shape {
    size_t rows, groups, tokens;
    bool extreme, panels, at_end;
};

struct problem {
    struct shape shape;
    struct fenced memory[PARTS];
    struct activations x;
    uint8_t *blocks;
    const uint8_t *weights; /* what the kernel reads: blocks, or the same as panels */
    float *y;
    size_t stride;
};

static uint16_t random_scale(struct rng *rng, bool extreme)
{
    static const uint16_t extremes[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400,
                                        0x3C00, 0xBC00, 0x7BFF, 0xFBFF};
    if (extreme)
        return extremes[rng_below(rng, sizeof extremes / sizeof *extremes)];
    return (uint16_t)(0x2000 + rng_below(rng, 0x1000));
}

static void fill_blocks(struct rng *rng, const struct shape *shape, uint8_t *blocks)
{
    for (size_t i = 0; i < shape->rows * shape->groups; i++, blocks += KERNEL_GROUP_BYTES) {
        uint16_t d = random_scale(rng, shape->extreme);
        memcpy(blocks, &d, sizeof d);
        for (size_t j = 2; j < KERNEL_GROUP_BYTES; j++)
            blocks[j] = (uint8_t)rng_next(rng);
        if (shape->extreme && rng_below(rng, 4) == 0)
            memset(blocks + 2, rng_below(rng, 2) ? 0xFF : 0, 16);
    }
}

static void copy_to_panels(const struct shape *shape, const uint8_t *blocks, uint8_t *panels)
{
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t g = 0; g < shape->groups; g++) {
            const uint8_t *block = blocks + (row * shape->groups + g) * KERNEL_GROUP_BYTES;
            memcpy(panels + panel_scale_place(row, g, shape->groups), block, 2);
            for (size_t k = 0; k < 4; k++)
                memcpy(panels + panel_signs_place(row, g, shape->groups, k), block + 2 + 4 * k, 4);
        }
}

/* One group's q: random, or one of the patterns with the largest sums. */
static void fill_group(struct rng *rng, bool extreme, int16_t *q, float *a)
{
    static const float scales[] = {0, 0x1p-149f, 0x1.8p-127f, 1, 2.07e34f};
    uint64_t kind = extreme ? rng_below(rng, 6) : 5;
    *a = extreme ? scales[rng_below(rng, 5)] : (float)rng_unit(rng) * 0x1p-10f;
    for (size_t i = 0; i < KERNEL_GROUP; i++) {
        int value = kind == 4 ? 0 : A15_MAX;
        if (kind == 1 || (kind == 2 && i % 2) || (kind == 3 && rng_below(rng, 2)))
            value = -A15_MAX;
        if (kind == 5)
            value = (int)rng_below(rng, 2 * A15_MAX + 1) - A15_MAX;
        q[i] = (int16_t)value;
    }
}

static void fill_activations(struct rng *rng, const struct shape *shape, struct activations *x)
{
    for (size_t token = 0; token < shape->tokens; token++)
        for (size_t g = 0; g < shape->groups; g++) {
            int16_t *q = x->q + (token * shape->groups + g) * KERNEL_GROUP;
            size_t place = activations_place(x, token, g);
            fill_group(rng, shape->extreme, q, &x->a[place]);
            for (size_t i = 0; i < KERNEL_GROUP; i++)
                x->total[place] += q[i];
        }
}

static struct problem problem_make(struct rng *rng, struct shape shape)
{
    struct problem out = {.shape = shape, .stride = shape.rows + 3};
    size_t padded = (shape.tokens + TOKEN_PAD - 1) / TOKEN_PAD * TOKEN_PAD * shape.groups;
    size_t blocks = (shape.tokens + TOKEN_BLOCK - 1) / TOKEN_BLOCK * TOKEN_BLOCK * shape.groups;
    size_t rows = shape.panels ? (shape.rows + 15) / 16 * 16 : shape.rows;
    size_t bytes[PARTS] = {[WEIGHTS] = rows * shape.groups * KERNEL_GROUP_BYTES,
                           [Q] = blocks * KERNEL_GROUP * sizeof *out.x.q,
                           [SCALES] = blocks * sizeof *out.x.a,
                           [TOTALS] = blocks * sizeof *out.x.total,
                           [TABLES] = padded * AMX_TABLE_BYTES,
                           [RESULT] = ((shape.tokens - 1) * out.stride + shape.rows) * 4};
    for (size_t i = 0; i < PARTS; i++)
        out.memory[i] = fenced_make(bytes[i], shape.at_end);
    out.x = (struct activations){.tokens = shape.tokens,
                                 .groups = shape.groups,
                                 .q = out.memory[Q].data,
                                 .a = out.memory[SCALES].data,
                                 .total = out.memory[TOTALS].data,
                                 .tables = out.memory[TABLES].data};
    out.y = out.memory[RESULT].data;
    out.blocks = x_new(shape.rows * shape.groups, KERNEL_GROUP_BYTES);
    out.weights = out.memory[WEIGHTS].data;
    fill_blocks(rng, &shape, out.blocks);
    if (shape.panels)
        copy_to_panels(&shape, out.blocks, out.memory[WEIGHTS].data);
    else
        memcpy(out.memory[WEIGHTS].data, out.blocks, bytes[WEIGHTS]);
    fill_activations(rng, &shape, &out.x);
    memset(out.x.tables, 0xA5, bytes[TABLES]); /* whatever was there before */
    return out;
}

static void problem_drop(struct problem *problem)
{
    for (size_t i = 0; i < PARTS; i++)
        fenced_drop(&problem->memory[i]);
    free(problem->blocks);
}

/* ---- products -------------------------------------------------------------------------- */

static void solve(struct rng *rng, struct problem *problem)
{
    const struct shape *shape = &problem->shape;
    size_t middle = rng_below(rng, shape->groups + 1);
    amx_tabulate(&problem->x, middle, shape->groups - middle);
    amx_tabulate(&problem->x, 0, middle);
    if (shape->panels)
        amx_product_panels(problem->weights, shape->rows, &problem->x, problem->y, problem->stride);
    else
        amx_product(problem->weights, shape->rows, &problem->x, problem->y, problem->stride);
    assert_false(tile_state.configured);
}

static bool same(float a, float b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static void compare(struct rng *rng, struct shape shape)
{
    struct problem problem = problem_make(rng, shape);
    size_t count = (shape.tokens - 1) * problem.stride + shape.rows;
    float *expected = x_new(count, sizeof *expected);
    kernel_ref.product(problem.blocks, shape.rows, &problem.x, expected, problem.stride);
    solve(rng, &problem);
    for (size_t i = 0; i < count; i++) /* between the rows: 0 in both */
        if (!same(expected[i], problem.y[i]))
            fail_msg("%zu rows, %zu groups, %zu tokens%s: row %zu, token %zu is %a, expected %a",
                     shape.rows, shape.groups, shape.tokens, shape.panels ? ", panels" : "",
                     i % problem.stride, i / problem.stride, (double)problem.y[i],
                     (double)expected[i]);
    free(expected);
    problem_drop(&problem);
}

static struct shape shape_make(struct rng *rng, size_t rows, size_t groups, size_t tokens)
{
    uint64_t bits = rng_next(rng) >> 32;
    return (struct shape){rows, groups, tokens, bits & 1, bits >> 1 & 1, bits >> 2 & 1};
}

static void skip_without_avx512(void)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t count = kernel_levels(levels);
    for (size_t i = 0; i < count; i++)
        if (levels[i] == &kernel_avx512)
            return;
    print_message("skipped: emulated AMX needs a CPU with AVX-512\n");
    skip();
}

static void product__every_count_of_rows_and_of_tokens__equal_to_ref(void **state)
{
    (void)state;
    skip_without_avx512();
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t rows = 1; rows <= 70; rows++)
        compare(&rng, shape_make(&rng, rows, 1 + rng_below(&rng, 4), 1 + rng_below(&rng, 70)));
    for (size_t tokens = 1; tokens <= 200; tokens++)
        compare(&rng, shape_make(&rng, 1 + rng_below(&rng, 40), 1 + rng_below(&rng, 3), tokens));
}

static void product__random_shapes__equal_to_ref(void **state)
{
    (void)state;
    skip_without_avx512();
    struct rng rng;
    rng_seed(&rng, 2);
    for (size_t i = 0; i < 40; i++)
        compare(&rng, shape_make(&rng, 1 + rng_below(&rng, 70), 1 + rng_below(&rng, 12),
                                 1 + rng_below(&rng, 200)));
    for (size_t panels = 0; panels < 2; panels++) { /* blocks of fewer than 128 tokens */
        compare(&rng, (struct shape){64, 96, 33, false, panels, true});
        compare(&rng, (struct shape){35, 100, 117, true, panels, true});
        compare(&rng, (struct shape){3, 400, 70, false, panels, false});
    }
}

/* Row r has one bit, r: its integer sum is 2 * q[r] - total, and a = d = 1. */
static void product__every_q__multiplied_exactly(void **state)
{
    (void)state;
    skip_without_avx512();
    struct rng rng;
    rng_seed(&rng, 3);
    struct shape shape = {KERNEL_GROUP, 1, (2 * A15_MAX + 1 + 127) / 128, false, false, true};
    struct problem problem = problem_make(&rng, shape);
    uint8_t *blocks = problem.memory[WEIGHTS].data;
    memset(blocks, 0, (size_t)KERNEL_GROUP * KERNEL_GROUP_BYTES);
    for (size_t r = 0; r < KERNEL_GROUP; r++) {
        blocks[r * KERNEL_GROUP_BYTES + 1] = 0x3C;
        blocks[r * KERNEL_GROUP_BYTES + 2 + r / 8] = (uint8_t)(1 << r % 8);
    }
    for (size_t t = 0; t < shape.tokens; t++) {
        size_t place = activations_place(&problem.x, t, 0);
        problem.x.a[place] = 1;
        problem.x.total[place] = 0;
        for (size_t i = 0; i < KERNEL_GROUP; i++) {
            int value = (int)(t * KERNEL_GROUP + i) - A15_MAX;
            problem.x.q[t * KERNEL_GROUP + i] = (int16_t)(value > A15_MAX ? A15_MAX : value);
            problem.x.total[place] += problem.x.q[t * KERNEL_GROUP + i];
        }
    }
    solve(&rng, &problem);
    for (size_t t = 0; t < shape.tokens; t++)
        for (size_t r = 0; r < KERNEL_GROUP; r++) {
            int32_t s = 2 * problem.x.q[t * KERNEL_GROUP + r] -
                        problem.x.total[activations_place(&problem.x, t, 0)];
            assert_true(problem.y[t * problem.stride + r] == (float)s);
        }
    problem_drop(&problem);
}

static void tokens_at_once__any_width__whole_pairs_of_tiles(void **state)
{
    (void)state;
    for (size_t groups = 1; groups < 1000; groups++) {
        size_t tokens = amx_tokens_at_once(groups);
        assert_true(tokens >= 32 && tokens % 32 == 0);
        assert_true(tokens == 32 || tokens * groups * 256 <= 2 << 20);
    }
}

/* ---- the emulation ---------------------------------------------------------------------- */

static struct tile_config whole_tiles(void)
{
    struct tile_config config = {.palette = 1};
    for (size_t i = 0; i < TILES; i++) {
        config.row_bytes[i] = TILE_ROW_BYTES;
        config.rows[i] = TILE_ROWS;
    }
    return config;
}

/* Tiles 0 (m x n) += 1 (m x k) * 2 (k / 4 x 4 n). */
static void check_product(struct rng *rng, size_t m, size_t n, size_t k, bool first_is_signed)
{
    struct tile_config config = {.palette = 1};
    uint8_t a[TILE_BYTES], b[TILE_BYTES];
    int32_t before[TILE_BYTES / 4], after[TILE_BYTES / 4];
    for (size_t i = 0; i < TILE_BYTES; i++) {
        a[i] = (uint8_t)(rng_below(rng, 3) ? rng_next(rng) : 0x80);
        b[i] = (uint8_t)(rng_below(rng, 3) ? rng_next(rng) : 0xFF);
    }
    for (size_t i = 0; i < TILE_BYTES / 4; i++)
        before[i] = (int32_t)rng_next(rng);
    config.rows[0] = config.rows[1] = (uint8_t)m;
    config.rows[2] = (uint8_t)(k / 4);
    config.row_bytes[0] = config.row_bytes[2] = (uint16_t)(4 * n);
    config.row_bytes[1] = (uint16_t)k;
    memcpy(after, before, sizeof after);
    tile_configure(&config);
    tile_load(0, before, 64);
    tile_load(1, a, 64);
    tile_load(2, b, 64);
    if (first_is_signed)
        tile_dp_su(0, 1, 2);
    else
        tile_dp_us(0, 1, 2);
    tile_store(0, after, 64);
    tile_release();
    for (size_t i = 0; i < TILE_BYTES / 4; i++) {
        int64_t sum = before[i];
        for (size_t j = 0; j < k && i / 16 < m && i % 16 < n; j++) {
            uint8_t x = a[i / 16 * 64 + j], w = b[j / 4 * 64 + i % 16 * 4 + j % 4];
            sum += first_is_signed ? (int8_t)x * (int64_t)w : x * (int64_t)(int8_t)w;
        }
        assert_true((uint32_t)sum == (uint32_t)after[i]);
    }
}

static void tile_dp__all_depths__as_defined(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 4);
    for (size_t k = 4; k <= 64; k += 4)
        for (int round = 0; round < 10; round++)
            check_product(&rng, 1 + rng_below(&rng, 16), 1 + rng_below(&rng, 16), k, round % 2);
    check_product(&rng, 16, 16, 64, true);
    check_product(&rng, 16, 16, 64, false);
}

static bool configure_faults(struct tile_config config)
{
    jmp_buf back;
    fault_expected = &back;
    volatile bool faulted = true;
    if (setjmp(back) == 0) {
        tile_configure(&config);
        faulted = false;
    }
    fault_expected = NULL;
    tile_release();
    return faulted;
}

static void tile_configure__wrong__faults(void **state)
{
    (void)state;
    struct tile_config config = whole_tiles();
    assert_false(configure_faults(config));
    config.palette = 0;
    assert_true(configure_faults(config));
    config = whole_tiles();
    config.rows[3] = 17;
    assert_true(configure_faults(config));
    config = whole_tiles();
    config.row_bytes[7] = 68;
    assert_true(configure_faults(config));
    config = whole_tiles();
    config.rows[8] = 1;
    assert_true(configure_faults(config));
    config = whole_tiles();
    config.reserved[13] = 1;
    assert_true(configure_faults(config));
    config = whole_tiles();
    config.rows[0] = 0;
    assert_true(configure_faults(config));
}

static bool product_faults(const struct tile_config *config, int dst, int a, int b)
{
    jmp_buf back;
    volatile bool faulted = true;
    tile_release();
    if (config)
        tile_configure(config);
    fault_expected = &back;
    if (setjmp(back) == 0) {
        tile_dp_us(dst, a, b);
        faulted = false;
    }
    fault_expected = NULL;
    tile_release();
    return faulted;
}

static void tile_dp__shapes_that_do_not_fit__fault(void **state)
{
    (void)state;
    struct tile_config config = whole_tiles();
    assert_false(product_faults(&config, 0, 1, 2));
    assert_true(product_faults(NULL, 0, 1, 2));
    assert_true(product_faults(&config, 0, 0, 2));
    assert_true(product_faults(&config, 0, 1, 1));
    assert_true(product_faults(&config, 2, 1, 2));
    assert_true(product_faults(&config, 0, 1, 8));
    config.rows[1] = 15;
    assert_true(product_faults(&config, 0, 1, 2));
    config.rows[0] = 15;
    assert_false(product_faults(&config, 0, 1, 2));
    config.row_bytes[1] = 60;
    assert_true(product_faults(&config, 0, 1, 2));
    config.rows[2] = 15;
    assert_false(product_faults(&config, 0, 1, 2));
    config.row_bytes[2] = 60;
    assert_true(product_faults(&config, 0, 1, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tile_dp__all_depths__as_defined),
        cmocka_unit_test(tile_configure__wrong__faults),
        cmocka_unit_test(tile_dp__shapes_that_do_not_fit__fault),
        cmocka_unit_test(product__every_count_of_rows_and_of_tokens__equal_to_ref),
        cmocka_unit_test(product__random_shapes__equal_to_ref),
        cmocka_unit_test(product__every_q__multiplied_exactly),
        cmocka_unit_test(tokens_at_once__any_width__whole_pairs_of_tiles),
    };
    return cmocka_run_group_tests_name("amx", tests, NULL, NULL);
}

#else

static void amx__another_processor__skipped(void **state)
{
    (void)state;
    print_message("skipped: AMX exists on x86-64 only\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(amx__another_processor__skipped)};
    return cmocka_run_group_tests_name("amx", tests, NULL, NULL);
}

#endif

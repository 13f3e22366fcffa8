/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Products of every CPU level equal the reference's bit for bit [K1], for every
 * shape, in blocks and in panels, forward and transposed; all memory they are
 * given lies between pages without access [K2].
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"
#include "tests/kernel_inputs.h"
#include "tests/t.h"

static const struct kernel *levels[KERNEL_LEVELS_MAX];
static size_t level_count;

static void assert_same_bits(const char *what, const char *level, const void *a, const void *b,
                             size_t bytes)
{
    if (memcmp(a, b, bytes) != 0)
        fail_msg("%s: level %s differs from ref", what, level);
}

/* ---- products ------------------------------------------------------------------ */

struct shape {
    size_t rows, groups, tokens;
    bool extreme, at_end;
};

static struct inputs random_inputs(struct rng *rng, const struct shape *shape)
{
    size_t columns = shape->groups * KERNEL_GROUP;
    struct inputs out = inputs_make(shape->tokens, shape->groups, shape->at_end);
    float *x = x_new(columns, sizeof *x);
    for (size_t t = 0; t < shape->tokens; t++) {
        inputs_fill(rng, x, columns);
        for (size_t g = 0; shape->extreme && g < shape->groups; g++)
            inputs_extreme_group((int)rng_below(rng, EXTREME_COUNT), x + g * KERNEL_GROUP);
        assert_true(kernel_ref.quantize(x, &out.x, t));
    }
    free(x);
    return out;
}

static struct fenced panels_of(const uint8_t *blocks, const struct shape *shape)
{
    size_t panels = (shape->rows + PANEL_ROWS - 1) / PANEL_ROWS, groups = shape->groups;
    struct fenced out = fenced_make(panels * groups * PANEL_GROUP_BYTES, shape->at_end);
    uint8_t *at = out.data;
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t g = 0; g < groups; g++, blocks += KERNEL_GROUP_BYTES) {
            memcpy(at + panel_scale_place(row, g, groups), blocks, 2);
            for (size_t d = 0; d < 4; d++)
                memcpy(at + panel_signs_place(row, g, groups, d), blocks + 2 + 4 * d, 4);
        }
    return out;
}

/* Rows lie 3 floats further apart than they are long: the gaps must stay 0. */
static void compare_level(const struct kernel *kernel, const struct shape *shape,
                          const uint8_t *blocks, const uint8_t *panels, struct inputs *inputs,
                          const float *ref)
{
    size_t stride = shape->rows + 3, count = (shape->tokens - 1) * stride + shape->rows;
    inputs_tables(inputs, kernel, shape->at_end);
    if (kernel->tabulate)
        kernel->tabulate(&inputs->x, 0, shape->groups);
    struct fenced got = fenced_make(count * sizeof *ref, shape->at_end);
    kernel->product(blocks, shape->rows, &inputs->x, got.data, stride);
    assert_same_bits("product", kernel->name, ref, got.data, count * sizeof *ref);
    memset(got.data, 0, count * sizeof *ref);
    kernel->product_panels(panels, shape->rows, &inputs->x, got.data, stride);
    assert_same_bits("product_panels", kernel->name, ref, got.data, count * sizeof *ref);
    fenced_drop(&got);
}

static void compare_products(struct rng *rng, const struct shape *shape)
{
    size_t stride = shape->rows + 3;
    struct fenced blocks = fenced_make(shape->rows * shape->groups * KERNEL_GROUP_BYTES,
                                       shape->at_end);
    inputs_blocks(rng, blocks.data, shape->rows, shape->groups, shape->extreme);
    struct fenced panels = panels_of(blocks.data, shape);
    struct inputs inputs = random_inputs(rng, shape);
    float *ref = x_new(shape->tokens * stride, sizeof *ref);
    kernel_ref.product(blocks.data, shape->rows, &inputs.x, ref, stride);
    for (size_t l = 0; l < level_count; l++)
        compare_level(levels[l], shape, blocks.data, panels.data, &inputs, ref);
    free(ref);
    inputs_drop(&inputs);
    fenced_drop(&panels);
    fenced_drop(&blocks);
}

static void product__all_rows_and_tokens__equal_at_every_level(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t rows = 1; rows <= 70; rows++) {
        compare_products(&rng, &(struct shape){rows, 1 + rng_below(&rng, 20), 1, rows % 2, true});
        compare_products(&rng, &(struct shape){rows, 1 + rng_below(&rng, 9),
                                               2 + rng_below(&rng, 8), rows % 3 == 0, rows % 5});
    }
    for (size_t tokens = 1; tokens <= 40; tokens++)
        compare_products(&rng, &(struct shape){1 + rng_below(&rng, 70), 1 + rng_below(&rng, 9),
                                               tokens, tokens % 2, tokens % 5});
}

static void product__large_shapes__equal_at_every_level(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 13);
    static const struct shape shapes[] = {
        {151669, 1, 1, false, true}, /* a vocabulary */
        {151669, 1, 2, true, true},  {200, 32, 70, false, true}, {131, 96, 9, true, true},
        {64, 150, 1, true, true},    {300, 7, 1, true, false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        compare_products(&rng, &shapes[i]);
}

static void product__all_maximal__largest_sums_are_exact(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 14);
    struct shape shape = {64, 2, 3, false, true};
    struct fenced blocks = fenced_make(64 * 2 * KERNEL_GROUP_BYTES, true);
    inputs_blocks(&rng, blocks.data, 64, 2, false);
    uint8_t *at = blocks.data;
    for (size_t i = 0; i < 128; i++)
        memset(at + i * KERNEL_GROUP_BYTES + 2, i % 4 == 0 ? 0xFF : (int)(i % 4 - 1) * 0x55, 16);
    struct inputs inputs = inputs_make(3, 2, true);
    for (size_t t = 0; t < 3; t++) {
        float x[2 * KERNEL_GROUP]; /* q = 16383, -16383, then signs that alternate */
        for (size_t i = 0; i < 2 * KERNEL_GROUP; i++)
            x[i] = t == 0 ? 5.0f : t == 1 ? -5.0f : i % 2 ? 5.0f : -5.0f;
        assert_true(kernel_ref.quantize(x, &inputs.x, t));
    }
    struct fenced panels = panels_of(blocks.data, &shape);
    float ref[3 * 67] = {0};
    kernel_ref.product(blocks.data, 64, &inputs.x, ref, 67);
    for (size_t l = 0; l < level_count; l++)
        compare_level(levels[l], &shape, blocks.data, panels.data, &inputs, ref);
    inputs_drop(&inputs);
    fenced_drop(&panels);
    fenced_drop(&blocks);
}

static void tabulate__groups_in_ranges__equal_to_all_at_once(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 15);
    struct shape shape = {1, 11, 13, true, true};
    for (size_t l = 0; l < level_count; l++) {
        if (!levels[l]->tabulate)
            continue;
        struct inputs inputs = random_inputs(&rng, &shape);
        size_t bytes = TOKEN_PAD * shape.groups * levels[l]->table_bytes;
        inputs_tables(&inputs, levels[l], true);
        levels[l]->tabulate(&inputs.x, 0, shape.groups);
        uint8_t *once = x_new(bytes, 1);
        memcpy(once, inputs.x.tables, bytes);
        memset(inputs.x.tables, 0xA5, bytes);
        levels[l]->tabulate(&inputs.x, 7, 4);
        levels[l]->tabulate(&inputs.x, 0, 1);
        levels[l]->tabulate(&inputs.x, 1, 6);
        assert_memory_equal(once, inputs.x.tables, bytes);
        free(once);
        inputs_drop(&inputs);
    }
}

/* ---- transposed ------------------------------------------------------------------ */

/* Values whose terms cancel, vanish or carry a sign without a value. */
static void random_gradients(struct rng *rng, float *dy, size_t n, bool extreme)
{
    static const float values[] = {0.0f, -0.0f, 1.0f, -1.0f, 0x1p-149f, -0x1p-130f, 0x1p100f, 3.0f};
    inputs_fill(rng, dy, n);
    for (size_t i = 0; extreme && i < n; i++)
        if (rng_below(rng, 2))
            dy[i] = values[rng_below(rng, sizeof values / sizeof *values)];
}

/* One level: some groups of the last tokens, into memory whose other bytes must stay. */
struct transposed_case {
    const uint8_t *blocks;
    const float *dy;
    size_t rows, groups, tokens, first, count, token, dy_stride, dx_stride;
    bool at_end;
};

static size_t out_bytes_of(const struct transposed_case *of)
{
    size_t columns = of->groups * KERNEL_GROUP;
    return ((of->tokens - of->token - 1) * of->dx_stride + columns) * sizeof(float);
}

static struct fenced transposed_at(const struct kernel *kernel, const struct transposed_case *of,
                                   struct fenced_cotangents *scaled)
{
    struct fenced dx = fenced_make(out_bytes_of(of), of->at_end);
    memset(dx.data, 0x11, out_bytes_of(of));
    *scaled = cotangents_make(of->rows, of->tokens, of->at_end);
    cotangents_fill(scaled, kernel, of->blocks, of->groups, of->dy, of->dy_stride);
    kernel->product_transposed(of->blocks, of->groups, of->first, of->count, &scaled->dy,
                               of->token, of->tokens - of->token, dx.data, of->dx_stride);
    return dx;
}

static void compare_transposed_levels(const struct transposed_case *of)
{
    struct fenced_cotangents expected, scaled;
    struct fenced ref = transposed_at(&kernel_ref, of, &expected);
    size_t blocks = transposed_blocks(of->rows), f = sizeof(float);
    for (size_t l = 1; l < level_count; l++) {
        const char *name = levels[l]->name;
        struct fenced dx = transposed_at(levels[l], of, &scaled);
        assert_same_bits("largest", name, expected.dy.largest, scaled.dy.largest,
                         blocks * TRANSPOSED_ROWS * f);
        assert_same_bits("shares", name, expected.dy.shares, scaled.dy.shares,
                         blocks * of->tokens * TRANSPOSED_ROWS * f);
        assert_same_bits("units", name, expected.dy.units, scaled.dy.units,
                         blocks * of->tokens * f);
        assert_same_bits("product_transposed", name, ref.data, dx.data, out_bytes_of(of));
        cotangents_drop(&scaled);
        fenced_drop(&dx);
    }
    cotangents_drop(&expected);
    fenced_drop(&ref);
}

static void compare_transposed(struct rng *rng, const struct shape *shape)
{
    size_t rows = shape->rows, tokens = shape->tokens, groups = shape->groups;
    struct transposed_case of = {.rows = rows, .groups = groups, .tokens = tokens,
                                 .dy_stride = rows + 5, .dx_stride = groups * KERNEL_GROUP + 3,
                                 .at_end = shape->at_end};
    of.first = rng_below(rng, (uint32_t)groups);
    of.count = 1 + rng_below(rng, (uint32_t)(groups - of.first));
    of.token = rng_below(rng, (uint32_t)tokens);
    size_t in = (tokens - 1) * of.dy_stride + rows;
    struct fenced blocks = fenced_make(rows * groups * KERNEL_GROUP_BYTES, shape->at_end);
    struct fenced dy = fenced_make(in * sizeof(float), shape->at_end);
    inputs_blocks(rng, blocks.data, rows, groups, shape->extreme);
    random_gradients(rng, dy.data, in, shape->extreme);
    of.blocks = blocks.data;
    of.dy = dy.data;
    compare_transposed_levels(&of);
    fenced_drop(&dy);
    fenced_drop(&blocks);
}

static void transposed__all_shapes__equal_at_every_level(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 16);
    for (size_t rows = 1; rows <= 140; rows += rows < 70 ? 1 : 7)
        compare_transposed(&rng, &(struct shape){rows, 1 + rng_below(&rng, 6),
                                                 1 + rng_below(&rng, 6), rows % 2, rows % 5});
    for (size_t tokens = 1; tokens <= 40; tokens++)
        compare_transposed(&rng, &(struct shape){1 + rng_below(&rng, 70), 1 + rng_below(&rng, 3),
                                                 tokens, tokens % 2, tokens % 5});
    compare_transposed(&rng, &(struct shape){1030, 9, 5, false, true});
    compare_transposed(&rng, &(struct shape){161, 2, 150, true, true});
}

/* One block of rows of one group, one token. */
static void transpose_one(const struct kernel *kernel, const uint8_t *blocks, size_t rows,
                          const float *dy, float dx[KERNEL_GROUP])
{
    struct fenced_cotangents scaled = cotangents_make(rows, 1, true);
    cotangents_fill(&scaled, kernel, blocks, 1, dy, rows);
    kernel->product_transposed(blocks, 1, 0, 1, &scaled.dy, 0, 1, dx, KERNEL_GROUP);
    cotangents_drop(&scaled);
}

/* By hand, 80 rows with scale 1 and signs +, dy all 1: the sum of magnitudes is 80, the unit
 * 80 * 257 / 2^23, each share 2^23 / (80 * 257) = 408.006, q = 408, and their sum 32640, the
 * largest there can be but for roundings; with dy = 1 in one row alone q is 32640, too. */
static void transposed__largest_sums__fit_sixteen_bits(void **state)
{
    (void)state;
    uint8_t blocks[TRANSPOSED_ROWS][KERNEL_GROUP_BYTES];
    float dy[TRANSPOSED_ROWS], dx[KERNEL_GROUP];
    for (size_t r = 0; r < TRANSPOSED_ROWS; r++) {
        memset(blocks[r], 0xFF, KERNEL_GROUP_BYTES);
        memcpy(blocks[r], &(uint16_t){0x3C00}, sizeof(uint16_t));
        dy[r] = 1;
    }
    for (size_t l = 0; l < level_count; l++) {
        transpose_one(levels[l], blocks[0], TRANSPOSED_ROWS, dy, dx);
        for (size_t j = 0; j < KERNEL_GROUP; j++)
            assert_true(dx[j] == 32640.0f * (80.0f * 257.0f / 0x1p23f));
        transpose_one(levels[l], blocks[0], 1, dy, dx);
        for (size_t j = 0; j < KERNEL_GROUP; j++)
            assert_true(dx[j] == 32640.0f * (257.0f / 0x1p23f));
    }
}

/* Scales that differ 50-fold from row to row and from group to group cost nothing. */
static void transposed__scales_of_all_sizes__is_what_doubles_say(void **state)
{
    (void)state;
    enum { ROWS = 400, GROUPS = 5 };
    struct rng rng;
    double errors = 0, size = 0;
    rng_seed(&rng, 19);
    uint8_t *blocks = x_new((size_t)ROWS * GROUPS, KERNEL_GROUP_BYTES);
    float dy[ROWS], dx[GROUPS * KERNEL_GROUP];
    inputs_blocks(&rng, blocks, ROWS, GROUPS, false);
    for (size_t r = 0; r < ROWS; r++) {
        dy[r] = (float)(rng_unit(&rng) + rng_unit(&rng) - 1);
        for (size_t g = 0; g < GROUPS; g++) {
            float d = (1 + 49 * (float)(r % 7 == 0)) * (1 + 49 * (float)(g == 2));
            uint16_t half = d == 1 ? 0x1000 : d == 50 ? 0x2640 : 0x3CE2; /* d / 2^11, exactly */
            memcpy(blocks + (r * GROUPS + g) * KERNEL_GROUP_BYTES, &half, sizeof half);
        }
    }
    struct fenced_cotangents scaled = cotangents_make(ROWS, 1, true);
    cotangents_fill(&scaled, &kernel_ref, blocks, GROUPS, dy, ROWS);
    kernel_ref.product_transposed(blocks, GROUPS, 0, GROUPS, &scaled.dy, 0, 1, dx, 0);
    for (size_t j = 0; j < (size_t)GROUPS * KERNEL_GROUP; j++) {
        size_t g = j / KERNEL_GROUP, bit = j % KERNEL_GROUP;
        double sum = 0;
        for (size_t r = 0; r < ROWS; r++) {
            const uint8_t *block = blocks + (r * GROUPS + g) * KERNEL_GROUP_BYTES;
            double d = (r % 7 == 0 ? 50 : 1) * (g == 2 ? 50 : 1) * 0x1p-11;
            sum += (block[2 + bit / 8] >> (bit % 8) & 1 ? d : -d) * (double)dy[r];
        }
        double by = g == 2 ? 1.0 / 50 : 1; /* so that every group counts */
        errors += (sum - (double)dx[j]) * (sum - (double)dx[j]) * by * by;
        size += sum * sum * by * by;
    }
    assert_true(errors < 1e-3 * 1e-3 * size);
    cotangents_drop(&scaled);
    free(blocks);
}

/* ---- sums of outer products --------------------------------------------------------- */

static void compare_outer(struct rng *rng, size_t rows, size_t tokens, bool at_end)
{
    size_t dy_stride = rows + rng_below(rng, 3), x_stride = KERNEL_GROUP + rng_below(rng, 3);
    size_t out_bytes = rows * KERNEL_GROUP * sizeof(float);
    struct fenced dy = fenced_make(((tokens - 1) * dy_stride + rows) * sizeof(float), at_end);
    struct fenced x = fenced_make(((tokens - 1) * x_stride + KERNEL_GROUP) * sizeof(float), at_end);
    float *start = x_new(rows * KERNEL_GROUP, sizeof *start), *ref = x_new(1, out_bytes);
    inputs_fill(rng, dy.data, (tokens - 1) * dy_stride + rows);
    inputs_fill(rng, x.data, (tokens - 1) * x_stride + KERNEL_GROUP);
    inputs_fill(rng, start, rows * KERNEL_GROUP);
    memcpy(ref, start, out_bytes);
    kernel_ref.outer_sum(dy.data, dy_stride, x.data, x_stride, tokens, rows, ref);
    for (size_t l = 1; l < level_count; l++) {
        struct fenced out = fenced_make(out_bytes, at_end);
        memcpy(out.data, start, out_bytes);
        levels[l]->outer_sum(dy.data, dy_stride, x.data, x_stride, tokens, rows, out.data);
        assert_same_bits("outer_sum", levels[l]->name, ref, out.data, out_bytes);
        fenced_drop(&out);
    }
    free(start);
    free(ref);
    fenced_drop(&x);
    fenced_drop(&dy);
}

static void outer_sum__all_shapes__equal_at_every_level(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 18);
    for (size_t rows = 1; rows <= 21; rows++)
        for (size_t tokens = 1; tokens <= 9; tokens += 2)
            compare_outer(&rng, rows, tokens, (rows + tokens) % 3);
    compare_outer(&rng, 133, 70, true);
}

/* By hand: two tokens, whose products round once each. */
static void outer_sum__two_tokens__each_product_is_fused(void **state)
{
    (void)state;
    const float dy[2] = {0x1.000002p0f, -1.0f};
    float x[2][KERNEL_GROUP] = {{0x1.000002p0f}, {0x1.000004p0f}}, out[KERNEL_GROUP] = {0};
    for (size_t l = 0; l < level_count; l++) {
        memset(out, 0, sizeof out);
        levels[l]->outer_sum(dy, 1, x[0], KERNEL_GROUP, 2, 1, out);
        /* (1 + 2^-23)^2 = 1 + 2^-22 + 2^-46 rounds to 1 + 2^-22, less the same */
        assert_true(out[0] == 0.0f);
        out[0] = -0x1.000004p0f;
        levels[l]->outer_sum(dy, 1, x[0], KERNEL_GROUP, 1, 1, out);
        assert_true(out[0] == 0x1p-46f);
    }
}

static int pick_levels(void **state)
{
    (void)state;
    level_count = kernel_levels(levels);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product__all_rows_and_tokens__equal_at_every_level),
        cmocka_unit_test(product__large_shapes__equal_at_every_level),
        cmocka_unit_test(product__all_maximal__largest_sums_are_exact),
        cmocka_unit_test(tabulate__groups_in_ranges__equal_to_all_at_once),
        cmocka_unit_test(transposed__all_shapes__equal_at_every_level),
        cmocka_unit_test(transposed__largest_sums__fit_sixteen_bits),
        cmocka_unit_test(transposed__scales_of_all_sizes__is_what_doubles_say),
        cmocka_unit_test(outer_sum__all_shapes__equal_at_every_level),
        cmocka_unit_test(outer_sum__two_tokens__each_product_is_fused),
    };
    return cmocka_run_group_tests_name("product", tests, pick_levels, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * compare_kernels [LEVEL]
 *
 * Compare every level of this CPU with ref, bit for bit, over random and extreme
 * inputs in memory that ends where it must not be left.  Needs nothing but kernels
 * and a little of src/base, so that it can be built for another machine and run in
 * an emulator (make check-neon).  Exit status 1 if anything differs or if LEVEL is
 * not among the CPU's levels.  The last line is a checksum of what ref computed,
 * which must be the same on all machines.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/kernel/kernel.h"
#include "engine/kernel/math.h"
#include "src/base/rng.h"
#include "tests/kernel_inputs.h"

/* The level under test, and what came out so far. */
static const struct kernel *level;
static struct rng rng;
static size_t compared, different;
static uint64_t checksum;

/* ---- comparing ---------------------------------------------------------------- */

/* FNV-1a, by words. */
static void add_to_checksum(uint64_t word)
{
    checksum = (checksum ^ word) * 0x100000001B3u;
}

/* A NaN's sign and payload are never significant. */
static uint32_t significant_bits(float x)
{
    uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return isnan(x) ? 0x7FC00000u : bits;
}

static void compare(const char *what, const float *ref, const float *got, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t expected = significant_bits(ref[i]);
        add_to_checksum(expected);
        compared++;
        if (expected == significant_bits(got[i]))
            continue;
        if (different++ < 10)
            (void)printf("%s: %s[%zu] is %.9g, ref has %.9g\n", level->name, what, i,
                         (double)got[i], (double)ref[i]);
    }
}

static void compare_bytes(const char *what, const void *ref, const void *got, size_t bytes)
{
    compared++;
    if (memcmp(ref, got, bytes) == 0)
        return;
    if (different++ < 10)
        (void)printf("%s: %s differs\n", level->name, what);
}

/* ---- inputs ------------------------------------------------------------------- */

/* All memory ends where a page begins that nobody may touch [K2]. */
static struct fenced fenced_floats(size_t count)
{
    return fenced_make(count * sizeof(float), true);
}

static struct fenced random_floats(size_t count)
{
    struct fenced out = fenced_floats(count);
    inputs_fill(&rng, out.data, count);
    return out;
}

static struct fenced random_groups(size_t groups)
{
    struct fenced out = random_floats(groups * KERNEL_GROUP);
    for (size_t g = 0; g < groups; g++)
        if (rng_below(&rng, 3) == 0)
            inputs_extreme_group((int)rng_below(&rng, EXTREME_COUNT),
                                 (float *)out.data + g * KERNEL_GROUP);
    return out;
}

/* Extreme blocks have scales that are infinite or no number, too. */
static struct fenced random_blocks(size_t rows, size_t groups, bool extreme)
{
    static const uint16_t scales[] = {0x7C00, 0xFC00, 0x7E01};
    struct fenced out = fenced_make(rows * groups * KERNEL_GROUP_BYTES, true);
    inputs_blocks(&rng, out.data, rows, groups, extreme);
    for (size_t i = 0; extreme && i < rows * groups; i++)
        if (rng_below(&rng, 16) == 0)
            memcpy((uint8_t *)out.data + i * KERNEL_GROUP_BYTES, &scales[rng_below(&rng, 3)], 2);
    return out;
}

static struct fenced panels_of(const uint8_t *blocks, size_t rows, size_t groups)
{
    size_t panels = (rows + PANEL_ROWS - 1) / PANEL_ROWS;
    struct fenced out = fenced_make(panels * groups * PANEL_GROUP_BYTES, true);
    uint8_t *at = out.data;
    for (size_t row = 0; row < rows; row++)
        for (size_t g = 0; g < groups; g++, blocks += KERNEL_GROUP_BYTES) {
            memcpy(at + panel_scale_place(row, g, groups), blocks, 2);
            for (size_t d = 0; d < 4; d++)
                memcpy(at + panel_signs_place(row, g, groups, d), blocks + 2 + 4 * d, 4);
        }
    return out;
}

static void drop(struct fenced *memory, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fenced_drop(&memory[i]);
}

/* ---- quantization -------------------------------------------------------------- */

/* The quantized inputs, for products. */
static struct inputs check_quantize(size_t tokens, size_t groups)
{
    struct fenced memory = random_groups(tokens * groups);
    struct inputs ref = inputs_make(tokens, groups, true), got = inputs_make(tokens, groups, true);
    for (size_t t = 0; t < tokens; t++) {
        const float *x = (const float *)memory.data + t * groups * KERNEL_GROUP;
        bool finite = kernel_ref.quantize(x, &ref.x, t), also = level->quantize(x, &got.x, t);
        compare_bytes("whether all is finite", &finite, &also, sizeof finite);
    }
    size_t room = (tokens + TOKEN_PAD - 1) / TOKEN_PAD * TOKEN_PAD * groups;
    compare_bytes("q", ref.x.q, got.x.q, room * KERNEL_GROUP * sizeof *ref.x.q);
    compare_bytes("total", ref.x.total, got.x.total, room * sizeof *ref.x.total);
    compare("a", ref.x.a, got.x.a, room);
    inputs_drop(&ref);
    fenced_drop(&memory);
    return got;
}

static void check_refusals(void)
{
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    struct fenced memory = random_floats(KERNEL_GROUP);
    struct inputs got = inputs_make(1, 1, true);
    float *x = memory.data;
    for (size_t i = 0; i < KERNEL_GROUP; i++)
        for (size_t k = 0; k < 4; k++) {
            float good = x[i];
            x[i] = bad[k];
            bool finite = level->quantize(x, &got.x, 0);
            x[i] = good;
            compare_bytes("refusal", &(bool){false}, &finite, sizeof finite);
        }
    inputs_drop(&got);
    fenced_drop(&memory);
}

/* ---- products ------------------------------------------------------------------ */

/* As two threads would. */
static void tabulate(struct inputs *inputs)
{
    struct activations *x = &inputs->x;
    inputs_tables(inputs, level, true);
    if (!level->tabulate)
        return;
    level->tabulate(x, x->groups / 2, x->groups - x->groups / 2);
    level->tabulate(x, 0, x->groups / 2);
}

static void check_product(size_t rows, size_t groups, size_t tokens, bool extreme)
{
    struct inputs inputs = check_quantize(tokens, groups);
    size_t stride = rows + rng_below(&rng, 4), count = (tokens - 1) * stride + rows;
    struct fenced blocks = random_blocks(rows, groups, extreme);
    struct fenced panels = panels_of(blocks.data, rows, groups);
    struct fenced y[3] = {fenced_floats(count), fenced_floats(count), fenced_floats(count)};
    tabulate(&inputs);
    kernel_ref.product(blocks.data, rows, &inputs.x, y[0].data, stride);
    level->product(blocks.data, rows, &inputs.x, y[1].data, stride);
    level->product_panels(panels.data, rows, &inputs.x, y[2].data, stride);
    compare("product", y[0].data, y[1].data, count);
    compare("product_panels", y[0].data, y[2].data, count);
    drop(y, 3);
    fenced_drop(&panels);
    fenced_drop(&blocks);
    inputs_drop(&inputs);
}

static void compare_cotangents(const struct cotangents *ref, const struct cotangents *got)
{
    size_t blocks = transposed_blocks(ref->rows);
    compare("largest", ref->largest, got->largest, blocks * TRANSPOSED_ROWS);
    compare("shares", ref->shares, got->shares, blocks * ref->tokens * TRANSPOSED_ROWS);
    compare("units", ref->units, got->units, blocks * ref->tokens);
}

static void check_transposed(size_t rows, size_t groups, size_t tokens, bool extreme)
{
    size_t first = rng_below(&rng, groups), some = 1 + rng_below(&rng, groups - first);
    size_t dy_stride = rows + rng_below(&rng, 4), columns = groups * KERNEL_GROUP;
    size_t dx_stride = columns + rng_below(&rng, 4), token = rng_below(&rng, tokens);
    size_t count = (tokens - token - 1) * dx_stride + columns;
    const struct kernel *const kernels[2] = {&kernel_ref, level};
    struct fenced blocks = random_blocks(rows, groups, extreme);
    struct fenced dy = random_floats((tokens - 1) * dy_stride + rows);
    struct fenced dx[2] = {fenced_floats(count), fenced_floats(count)};
    struct fenced_cotangents scaled[2];
    ((float *)dy.data)[0] = -0.0f;
    for (size_t i = 0; i < 2; i++) {
        scaled[i] = cotangents_make(rows, tokens, true);
        cotangents_fill(&scaled[i], kernels[i], blocks.data, groups, dy.data, dy_stride);
        kernels[i]->product_transposed(blocks.data, groups, first, some, &scaled[i].dy, token,
                                       tokens - token, dx[i].data, dx_stride);
    }
    compare_cotangents(&scaled[0].dy, &scaled[1].dy);
    compare("product_transposed", dx[0].data, dx[1].data, count);
    cotangents_drop(&scaled[0]);
    cotangents_drop(&scaled[1]);
    drop(dx, 2);
    fenced_drop(&dy);
    fenced_drop(&blocks);
}

static void check_outer(size_t rows, size_t tokens)
{
    size_t dy_stride = rows + rng_below(&rng, 4), count = rows * KERNEL_GROUP;
    struct fenced dy = random_floats((tokens - 1) * dy_stride + rows);
    struct fenced x = random_floats(tokens * KERNEL_GROUP);
    struct fenced out[2] = {fenced_floats(count), fenced_floats(count)};
    memset(out[0].data, 0, count * sizeof(float));
    memset(out[1].data, 0, count * sizeof(float));
    kernel_ref.outer_sum(dy.data, dy_stride, x.data, KERNEL_GROUP, tokens, rows, out[0].data);
    level->outer_sum(dy.data, dy_stride, x.data, KERNEL_GROUP, tokens, rows, out[1].data);
    compare("outer_sum", out[0].data, out[1].data, count);
    drop(out, 2);
    fenced_drop(&x);
    fenced_drop(&dy);
}

/* ---- the steps of a layer ------------------------------------------------------- */

static void check_sums(const float *x, size_t n)
{
    float largest = kernel_ref.max(x, n), same = level->max(x, n);
    compare("max", &largest, &same, 1);
    float sum = kernel_ref.sum_exp(x, n, largest), also = level->sum_exp(x, n, largest);
    compare("sum_exp", &sum, &also, 1);
}

static void check_steps(size_t n, float size)
{
    struct fenced memory[4];
    for (size_t i = 0; i < 4; i++)
        memory[i] = random_floats(n);
    float *x = memory[0].data, *y = memory[1].data, *ref = memory[2].data, *got = memory[3].data;
    for (size_t i = 0; i < n; i++)
        x[i] *= size;
    kernel_ref.rms_norm(x, y, n, 1e-6f, ref);
    level->rms_norm(x, y, n, 1e-6f, got);
    compare("rms_norm", ref, got, n);
    kernel_ref.swiglu(x, y, n, ref);
    level->swiglu(x, y, n, got);
    compare("swiglu", ref, got, n);
    memcpy(ref, x, n * sizeof *ref);
    memcpy(got, x, n * sizeof *got);
    kernel_ref.rope(ref, y, y + n / 2, n / 2);
    level->rope(got, y, y + n / 2, n / 2);
    compare("rope", ref, got, n);
    kernel_ref.add(ref, y, n);
    level->add(got, y, n);
    compare("add", ref, got, n);
    check_sums(x, n);
    drop(memory, 4);
}

static void check_attend(size_t heads, size_t positions, size_t dim)
{
    enum { SLOTS = 70, POSITIONS_MAX = 300 };
    int32_t path[POSITIONS_MAX];
    for (size_t i = 0; i < positions; i++)
        path[i] = (int32_t)rng_below(&rng, SLOTS);
    size_t room = (attention_scratch(heads, positions, dim) + LANES - 1) / LANES * LANES;
    const size_t some = heads * dim, all = SLOTS * dim;
    const size_t counts[6] = {some, all, all, room, some, some};
    struct fenced memory[6];
    for (size_t i = 0; i < 6; i++)
        memory[i] = random_floats(counts[i]);
    struct attention at = {
        .queries = memory[0].data,
        .heads = heads,
        .keys = memory[1].data,
        .values = memory[2].data,
        .path = path,
        .positions = positions,
        .dim = dim,
        .scale = 0.125f,
        .scratch = memory[3].data,
        .out = memory[4].data,
    };
    kernel_ref.attend(&at);
    at.out = memory[5].data;
    level->attend(&at);
    compare("attend", memory[4].data, memory[5].data, some);
    drop(memory, 6);
}

/* ---- functions in double, of which there is one version only -------------------- */

static void add_double(double x)
{
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    add_to_checksum(bits);
}

static void note_functions(void)
{
    for (int i = 0; i < 1000; i++) {
        double x = rng_unit(&rng), sine = 0, cosine = 0;
        math_sincos(x * 0x1p21, &sine, &cosine);
        add_double(sine);
        add_double(cosine);
        add_double(math_exp(1400 * x - 700));
        add_double(math_log(x + 0x1p-60));
        add_double(math_pow(1e6, -x));
    }
}

/* ---- all ------------------------------------------------------------------------ */

static void check_level(const struct kernel *kernel)
{
    level = kernel;
    compared = different = 0;
    checksum = 0xCBF29CE484222325u;
    rng_seed(&rng, 1);
    note_functions();
    check_refusals();
    for (size_t i = 0; i < 108; i++) {
        size_t rows = 1 + rng_below(&rng, 50), groups = 1 + rng_below(&rng, 4);
        check_product(rows, groups, 1 + i / 6, i % 2);
    }
    check_product(150, 3, 37, true);
    check_product(64, 32, 9, false);
    for (size_t i = 0; i < 36; i++) {
        size_t rows = 1 + rng_below(&rng, 40), groups = 1 + rng_below(&rng, 4);
        check_transposed(rows, groups, 1 + i / 2, i % 2);
        check_outer(rows, 1 + i / 2);
    }
    check_transposed(300, 2, 11, true);
    for (size_t n = 2; n <= 300; n += n < 40 ? 1 : 26)
        for (int power = -70; power <= 70; power += 14)
            check_steps(n, (float)ldexp(1, power));
    for (size_t i = 0; i < 40; i++) {
        size_t heads = 1 + rng_below(&rng, 6), dim = 2 + rng_below(&rng, 140);
        check_attend(heads, 1 + rng_below(&rng, i < 35 ? 40 : 300), dim);
    }
    (void)printf("%s: %zu of %zu comparisons differ from ref\n", level->name, different, compared);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t count = kernel_levels(levels);
    bool found = argc < 2, equal = true;
    for (size_t i = 0; i < count; i++) {
        check_level(levels[i]);
        equal &= different == 0;
        found |= argc > 1 && strcmp(argv[1], levels[i]->name) == 0;
    }
    if (!found)
        (void)printf("%s: this CPU does not have it\n", argv[1]);
    (void)printf("checksum %016llx\n", (unsigned long long)checksum);
    return equal && found ? 0 : 1;
}

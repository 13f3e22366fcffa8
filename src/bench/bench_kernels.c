/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The 1-bit products of every level of kernels, on matrices like gate and up of an 8B
 * model, which are multiplied as one; together they are beyond every cache.  One token
 * is held against memory, blocks of tokens against the instructions of the level.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/forward/work.h"
#include "src/base/clock.h"
#include "src/base/memory.h"
#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/bench/bench.h"

enum {
    ROWS = 24576,
    COLUMNS = 4096,
    GROUPS = COLUMNS / KERNEL_GROUP,
    MATRICES = 20, /* 283 MB */
    PIECE_ROWS = 64, /* as engine/forward/product.c */
    PIECE_GROUPS = 4,
};

static const size_t matrix_bytes = (size_t)ROWS * GROUPS * KERNEL_GROUP_BYTES;
static const double run_s = 0.025;

enum kind { BLOCKS, PANELS, TRANSPOSED };

struct kernels_bench {
    struct bench *bench;
    uint8_t *weights; /* [MATRICES] */
    float *y;         /* [BLOCK_TOKENS][ROWS] */
    float *dy;        /* same */
    float *dx;        /* [BLOCK_TOKENS][COLUMNS] */
    struct cotangents scaled;
    struct activations x;
    /* what is measured now */
    const struct kernel *kernel;
    enum kind kind;
    size_t tokens;
    size_t rows;  /* of a matrix, fewer where all of them would take too long */
    size_t next;  /* matrix */
    size_t count; /* matrices of a run */
};

/* ---- data ------------------------------------------------------------------------ */

/* Room for the tables of all tokens at any level. */
static size_t table_bytes_max(void)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t most = 0;
    for (size_t i = kernel_levels(levels); i-- > 0;)
        most = levels[i]->table_bytes > most ? levels[i]->table_bytes : most;
    return most * BLOCK_TOKENS * GROUPS;
}

static void carve_all(struct kernels_bench *of, struct carver *carver)
{
    const size_t n = BLOCK_TOKENS;
    of->weights = carve(carver, MATRICES, matrix_bytes, 1, 1);
    of->y = carve(carver, sizeof *of->y, n, ROWS, 1);
    of->dy = carve(carver, sizeof *of->dy, n, ROWS, 1);
    of->dx = carve(carver, sizeof *of->dx, n, COLUMNS, 1);
    of->x.q = carve(carver, sizeof *of->x.q, n, COLUMNS, 1);
    of->x.a = carve(carver, sizeof *of->x.a, n, GROUPS, 1);
    of->x.total = carve(carver, sizeof *of->x.total, n, GROUPS, 1);
    of->x.tables = carve(carver, 1, table_bytes_max(), 1, 1);
    of->scaled.shares = carve(carver, sizeof(float), n, transposed_blocks(ROWS), TRANSPOSED_ROWS);
    of->scaled.units = carve(carver, sizeof(float), n, transposed_blocks(ROWS), 1);
    of->scaled.largest = carve(carver, sizeof(float), transposed_blocks(ROWS), TRANSPOSED_ROWS, 1);
}

/* Random signs; scales of 1/16 to 1/8, which lie where the layout has them. */
static void fill_weights(struct kernels_bench *of, enum kind layout)
{
    const size_t block = layout == PANELS ? PANEL_GROUP_BYTES : KERNEL_GROUP_BYTES;
    const size_t scales = block / KERNEL_GROUP_BYTES;
#pragma omp parallel for num_threads(of->bench->threads)
    for (size_t m = 0; m < MATRICES; m++) {
        struct rng rng;
        rng_seed(&rng, m);
        uint8_t *at = of->weights + m * matrix_bytes;
        for (size_t i = 0; i + sizeof(uint64_t) <= matrix_bytes; i += sizeof(uint64_t)) {
            uint64_t random = rng_next(&rng);
            memcpy(at + i, &random, sizeof random);
        }
        for (size_t i = 0; i < matrix_bytes; i += block)
            for (size_t k = 0; k < scales; k++)
                at[i + 2 * k + 1] = 0x2C | (at[i + 2 * k + 1] & 3);
    }
}

static void fill_activations(struct kernels_bench *of)
{
    struct rng rng;
    rng_seed(&rng, 1);
    of->x.groups = GROUPS;
    for (size_t t = 0; t < BLOCK_TOKENS; t++) {
        float *input = of->dy + t * ROWS;
        for (size_t i = 0; i < ROWS; i++)
            input[i] = (float)(rng_unit(&rng) * 2 - 1);
        BUG_ON(!kernel_ref.quantize(input, &of->x, t));
    }
}

/* ---- one product -------------------------------------------------------------------- */

/* As engine/forward/product.c does it: tables of some tokens, then all rows. */
static void multiply_slice(const struct kernels_bench *of, struct activations *x, size_t token,
                           const uint8_t *weights)
{
    const struct kernel *kernel = of->kernel;
    const size_t row_bytes = (size_t)GROUPS * KERNEL_GROUP_BYTES;
#pragma omp parallel num_threads(of->bench->threads)
    {
        if (kernel->tabulate) {
#pragma omp for schedule(static)
            for (size_t first = 0; first < GROUPS; first += PIECE_GROUPS)
                kernel->tabulate(x, first, PIECE_GROUPS);
        }
#pragma omp for schedule(dynamic, 1)
        for (size_t row = 0; row < of->rows; row += PIECE_ROWS) {
            float *y = of->y + token * ROWS + row;
            if (of->kind == PANELS)
                kernel->product_panels(weights + row * row_bytes, PIECE_ROWS, x, y, ROWS);
            else
                kernel->product(weights + row * row_bytes, PIECE_ROWS, x, y, ROWS);
        }
    }
}

static void multiply_tokens(const struct kernels_bench *of, const uint8_t *weights)
{
    size_t step = of->kernel->tokens_at_once(GROUPS);
    for (size_t token = 0; token < of->tokens; token += step) {
        size_t n = of->tokens - token < step ? of->tokens - token : step;
        struct activations slice = activations_slice(&of->x, token, n);
        slice.tables = of->x.tables;
        multiply_slice(of, &slice, token, weights);
    }
}

static void multiply_transposed(const struct kernels_bench *of, const uint8_t *weights)
{
    struct cotangents scaled = of->scaled;
    scaled.rows = of->rows;
    scaled.tokens = of->tokens;
#pragma omp parallel num_threads(of->bench->threads)
    {
#pragma omp for schedule(dynamic, 1)
        for (size_t block = 0; block < transposed_blocks(of->rows); block++)
            of->kernel->cotangents_fill(weights, GROUPS, of->dy, ROWS, block, &scaled);
#pragma omp for schedule(dynamic, 1)
        for (size_t first = 0; first < GROUPS; first += PIECE_GROUPS)
            of->kernel->product_transposed(weights, GROUPS, first, PIECE_GROUPS, &scaled, 0,
                                           of->tokens, of->dx, COLUMNS);
    }
}

static bool multiply_once(void *user, double *seconds, struct err *err)
{
    struct kernels_bench *of = user;
    (void)err;
    double start = clock_seconds();
    for (size_t i = 0; i < of->count; i++) {
        const uint8_t *weights = of->weights + of->next * matrix_bytes;
        of->next = (of->next + 1) % MATRICES;
        if (of->kind == TRANSPOSED)
            multiply_transposed(of, weights);
        else
            multiply_tokens(of, weights);
    }
    *seconds = clock_seconds() - start;
    return true;
}

/* ---- steps ------------------------------------------------------------------------------ */

struct step {
    enum kind kind;
    size_t tokens;
};

static void step_name(const struct kernels_bench *of, char out[32])
{
    const char *how = of->kind == PANELS       ? ", panels"
                      : of->kind == TRANSPOSED ? ", transposed"
                                               : "";
    (void)snprintf(out, 32, "%zu token%s%s", of->tokens, of->tokens == 1 ? "" : "s", how);
}

/* What memory allows, and what the instructions do. */
static double floor_of(struct kernels_bench *of, double bytes, double operations)
{
    double memory = bench_read_speed(of->bench, SIZE_MAX, of->bench->threads) * operations / bytes;
    double instructions = bench_peak_speed(of->bench, of->kernel, of->kind == TRANSPOSED);
    if (of->tokens == 1 || instructions == 0 || memory == 0)
        return of->tokens == 1 ? memory : instructions;
    return memory < instructions ? memory : instructions;
}

/* As much work as takes about run_s, or as there is. */
static void size_run(struct kernels_bench *of)
{
    struct err err;
    double seconds = 0;
    size_t least = PIECE_ROWS * (size_t)of->bench->threads;
    of->rows = least < ROWS ? least : ROWS;
    of->count = 1;
    while (multiply_once(of, &seconds, &err) && seconds < run_s / 2 && of->count < MATRICES) {
        of->count *= of->rows == ROWS ? 2 : 1;
        of->rows = of->rows < ROWS / 2 ? 2 * of->rows : ROWS;
    }
}

static bool add_step(struct kernels_bench *of, const struct kernel *kernel, const struct step *step,
                     struct err *err)
{
    struct bench_runs runs;
    char name[32];
    of->kernel = kernel;
    of->kind = step->kind;
    of->tokens = of->x.tokens = step->tokens;
    size_run(of);
    if (!bench_repeat(multiply_once, of, &runs, err))
        return false;
    double matrices = (double)of->count * (double)of->rows / ROWS;
    double bytes = matrices * (double)matrix_bytes;
    double operations = matrices * 2.0 * ROWS * COLUMNS * (double)of->tokens;
    double floor = floor_of(of, bytes, operations);
    step_name(of, name);
    if (of->tokens == 1)
        bench_add_rate(of->bench, &runs, bytes / 1e9, "GB/s", floor * bytes / operations / 1e9,
                       "%s, %s", kernel->name, name);
    else
        bench_add_rate(of->bench, &runs, operations / 1e12, "T", floor / 1e12, "%s, %s",
                       kernel->name, name);
    return true;
}

static const struct step block_steps[] = {
    {BLOCKS, 1},   {BLOCKS, 8},      {BLOCKS, 16},     {BLOCKS, 64},
    {BLOCKS, 128}, {TRANSPOSED, 16}, {TRANSPOSED, 64}, {TRANSPOSED, 128},
};
static const struct step panel_steps[] = {{PANELS, 1}};

/* Every level, or the one that BANKAI_CPU names. */
static size_t wanted_levels(const struct kernel *out[KERNEL_LEVELS_MAX])
{
    const char *forced = getenv("BANKAI_CPU");
    struct err err;
    if (!forced || !*forced)
        return kernel_levels(out);
    out[0] = kernel_pick(&err);
    return out[0] ? 1 : 0;
}

static bool add_steps(struct kernels_bench *of, const struct step *steps, size_t count,
                      double first, double share, struct err *err)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t level_count = wanted_levels(levels), all = level_count * count, done = 0;
    for (size_t l = level_count; l-- > 0;)
        for (size_t i = 0; i < count; i++, done++) {
            bench_step(of->bench, first + share * (double)done / (double)all, levels[l]->name);
            if (!add_step(of, levels[l], &steps[i], err))
                return false;
        }
    return true;
}

/* ---- the group ----------------------------------------------------------------------------- */

static double plan(const struct bench *bench)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    (void)bench;
    return 2.5 * (double)wanted_levels(levels);
}

static bool run(struct bench *bench, struct err *err)
{
    struct kernels_bench of = {.bench = bench};
    struct carver carver = {0};
    carve_all(&of, &carver);
    void *memory = carve_allocate(&carver, 0, "matrices to multiply", err);
    if (!memory)
        return false;
    carve_all(&of, &carver);
    fill_activations(&of);
    fill_weights(&of, BLOCKS);
    bool ok = add_steps(&of, block_steps, countof(block_steps), 0, 0.9, err);
    if (ok)
        fill_weights(&of, PANELS);
    ok = ok && add_steps(&of, panel_steps, countof(panel_steps), 0.9, 0.1, err);
    free(memory);
    return ok;
}

const struct bench_group bench_kernels_group = {
    .name = "kernels",
    .what = "1-bit products of every CPU level (BANKAI_CPU: of one)",
    .plan = plan,
    .run = run,
};

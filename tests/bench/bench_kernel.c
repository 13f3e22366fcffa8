/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Speed of the 1-bit products, as CSV: for each CPU level and thread count
 * the weight bytes read per second for one token (matrices that do not fit any
 * cache), and 2 * tokens * rows * columns / second for blocks of tokens (one
 * matrix).  The floor of the first is the memory's own speed, measured here.
 */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/kernel.h"
#include "src/base/buf.h"
#include "src/base/clock.h"
#include "src/base/rng.h"

enum {
    SIDE = 4096,
    GROUPS = SIDE / KERNEL_GROUP,
    MATRICES = 128, /* 302 MB of blocks */
    TOKENS = 128,
    PIECE_ROWS = 64,
    TRIES = 5,
};

static const size_t matrix_bytes = (size_t)SIDE * GROUPS * KERNEL_GROUP_BYTES;
static uint8_t *blocks; /* [MATRICES][row][group][18] */
static float *y;        /* [TOKENS][SIDE] */
static struct activations x;

static void print(const char *level, int threads, const char *what, double value,
                  const char *unit)
{
    (void)printf("%s,%d,%s,%.3g,%s\n", level, threads, what, value, unit);
    (void)fflush(stdout);
}

/* Room for the tables of all tokens at any level. */
static size_t table_bytes_max(void)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t most = 0;
    for (size_t i = kernel_levels(levels); i-- > 0;)
        most = levels[i]->table_bytes > most ? levels[i]->table_bytes : most;
    return most * TOKENS * GROUPS + 64;
}

static void prepare(void)
{
    struct rng rng;
    rng_seed(&rng, 1);
    blocks = x_new(MATRICES, matrix_bytes);
    for (size_t i = 0; i < MATRICES * matrix_bytes; i += KERNEL_GROUP_BYTES) {
        uint64_t random[3] = {rng_next(&rng), rng_next(&rng), 0x2C00 + rng_below(&rng, 1024)};
        memcpy(blocks + i, &random[2], 2);
        memcpy(blocks + i + 2, random, 16);
    }
    y = x_new((size_t)TOKENS * SIDE, sizeof *y);
    x.groups = GROUPS;
    x.q = aligned_alloc(64, sizeof *x.q * TOKENS * SIDE);
    x.a = x_new((size_t)TOKENS * GROUPS, sizeof *x.a);
    x.total = x_new((size_t)TOKENS * GROUPS, sizeof *x.total);
    x.tables = aligned_alloc(64, table_bytes_max());
    BUG_ON(!x.q || !x.tables);
    float *input = x_new(SIDE, sizeof *input);
    for (size_t t = 0; t < TOKENS; t++) {
        for (size_t i = 0; i < SIDE; i++)
            input[i] = (float)(rng_unit(&rng) * 2 - 1);
        BUG_ON(!kernel_ref.quantize(input, &x, t));
    }
    free(input);
}

static void multiply(const struct kernel *kernel, int threads, size_t matrix)
{
    const uint8_t *at = blocks + matrix * matrix_bytes;
    const size_t row_bytes = (size_t)GROUPS * KERNEL_GROUP_BYTES;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (size_t row = 0; row < SIDE; row += PIECE_ROWS)
        kernel->product(at + row * row_bytes, PIECE_ROWS, &x, y + row, SIDE);
}

/* Best of a few tries: seconds for `count` products with different matrices. */
static double seconds(const struct kernel *kernel, int threads, size_t tokens, size_t count)
{
    double best = 1e9;
    x.tokens = tokens;
    if (kernel->tabulate)
        kernel->tabulate(&x, 0, GROUPS);
    for (int i = 0; i < TRIES; i++) {
        double start = clock_seconds();
        for (size_t m = 0; m < count; m++)
            multiply(kernel, threads, m);
        double took = clock_seconds() - start;
        best = took < best ? took : best;
    }
    return best;
}

static void bench_memory(int threads)
{
    const size_t words = MATRICES * matrix_bytes / 8, piece = 1 << 15;
    double best = 1e9;
    uint64_t all = 0;
    for (int i = 0; i < TRIES; i++) {
        double start = clock_seconds();
#pragma omp parallel for num_threads(threads) reduction(^ : all)
        for (size_t p = 0; p < words / piece; p++) {
            const uint8_t *at = blocks + p * piece * 8;
            uint64_t sums[8] = {0};
            for (size_t w = 0; w < piece; w += 8) {
                uint64_t values[8];
                memcpy(values, at + 8 * w, sizeof values);
                for (size_t k = 0; k < 8; k++)
                    sums[k] ^= values[k];
            }
            for (size_t k = 0; k < 8; k++)
                all ^= sums[k];
        }
        double took = clock_seconds() - start;
        best = took < best ? took : best;
    }
    y[0] = (float)(all & 1); /* the reading must not be left out */
    print("memory", threads, "read", (double)(MATRICES * matrix_bytes) / best / 1e9, "GB/s");
}

static void bench_level(const struct kernel *kernel, int threads)
{
    static const size_t tokens[] = {8, 64, 128};
    bool slow = kernel == &kernel_ref;
    size_t matrices = slow ? 4 : MATRICES;
    print(kernel->name, threads, "1 token",
          (double)(matrices * matrix_bytes) / seconds(kernel, threads, 1, matrices) / 1e9, "GB/s");
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        char what[32];
        (void)snprintf(what, sizeof what, "%zu tokens", tokens[i]);
        size_t count = slow ? 1 : 512 / tokens[i];
        double work = 2.0 * (double)tokens[i] * SIDE * SIDE * (double)count;
        print(kernel->name, threads, what, work / seconds(kernel, threads, tokens[i], count) / 1e12,
              "T");
    }
}

static void print_machine(void)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0) {
            (void)printf("# machine: %d x%s", omp_get_num_procs(), strchr(line, ':') + 1);
            break;
        }
    if (file)
        (void)fclose(file);
    file = fopen("/proc/loadavg", "r");
    if (file && fgets(line, sizeof line, file))
        (void)printf("# load before: %s", line);
    if (file)
        (void)fclose(file);
    (void)printf("# %d x %d weights, best of %d; T is 1e12 of 2 * tokens * rows * columns per "
                 "second\n",
                 SIDE, SIDE, TRIES);
}

int main(void)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t count = kernel_levels(levels);
    print_machine();
    prepare();
    (void)printf("level,threads,what,value,unit\n");
    for (int threads = 1; threads <= 2; threads++) {
        bench_memory(threads);
        for (size_t i = count; i-- > 0;)
            bench_level(levels[i], threads);
    }
    free(blocks);
    free(y);
    free(x.q);
    free(x.a);
    free(x.total);
    free(x.tables);
    return 0;
}

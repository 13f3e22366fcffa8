/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Speed of the 1-bit products, as CSV: for each CPU level and thread count
 * the weight bytes read per second for one token (matrices that do not fit any
 * cache), in blocks and in panels; 2 * tokens * rows * columns / second for
 * several tokens, forward and transposed.  Tables are made anew for every matrix
 * and count.  The floor of the first is the memory's own speed, measured here.
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
    MATRICES = 128, /* 302 MB of blocks, as much of panels */
    TOKENS = 128,
    PIECE_ROWS = 64,
    PIECE_GROUPS = 4,
    TRIES = 5,
};

static const size_t row_bytes = (size_t)GROUPS * KERNEL_GROUP_BYTES;
static const size_t matrix_bytes = (size_t)SIDE * GROUPS * KERNEL_GROUP_BYTES;
static uint8_t *blocks; /* [MATRICES][row][group][18] */
static uint8_t *panels; /* the same in panels */
static float *y;        /* [TOKENS][SIDE], what products write */
static float *dy;       /* [TOKENS][SIDE] */
static struct activations x;

/* What is timed. */
enum work { IN_BLOCKS, IN_PANELS, TRANSPOSED };

static void print(const char *level, int threads, const char *what, double value,
                  const char *unit)
{
    (void)printf("%s,%d,%s,%.3g,%s\n", level, threads, what, value, unit);
    (void)fflush(stdout);
}

static void prepare_weights(struct rng *rng)
{
    blocks = x_new(MATRICES, matrix_bytes);
    panels = x_new(MATRICES, matrix_bytes);
    for (size_t i = 0; i < (size_t)MATRICES * SIDE * GROUPS; i++) {
        size_t row = i / GROUPS, g = i % GROUPS;
        uint32_t signs[4];
        uint16_t scale = (uint16_t)(0x2C00 + rng_below(rng, 1024));
        for (size_t d = 0; d < 4; d++)
            signs[d] = (uint32_t)rng_next(rng);
        memcpy(blocks + i * KERNEL_GROUP_BYTES, &scale, sizeof scale);
        memcpy(blocks + i * KERNEL_GROUP_BYTES + 2, signs, sizeof signs);
        memcpy(panels + panel_scale_place(row, g, GROUPS), &scale, sizeof scale);
        for (size_t d = 0; d < 4; d++)
            memcpy(panels + panel_signs_place(row, g, GROUPS, d), &signs[d], sizeof signs[d]);
    }
}

static size_t most_table_bytes(void)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t count = kernel_levels(levels), most = 0;
    for (size_t i = 0; i < count; i++)
        most = levels[i]->table_bytes > most ? levels[i]->table_bytes : most;
    return most;
}

static void prepare(void)
{
    struct rng rng;
    rng_seed(&rng, 1);
    prepare_weights(&rng);
    y = x_new((size_t)TOKENS * SIDE, sizeof *y);
    dy = x_new((size_t)TOKENS * SIDE, sizeof *dy);
    x.groups = GROUPS;
    x.q = aligned_alloc(64, sizeof *x.q * TOKENS * SIDE);
    x.a = x_new((size_t)TOKENS * GROUPS, sizeof *x.a);
    x.total = x_new((size_t)TOKENS * GROUPS, sizeof *x.total);
    size_t bytes = most_table_bytes() * TOKENS * GROUPS;
    x.tables = bytes ? aligned_alloc(64, bytes) : NULL;
    BUG_ON(!x.q || (bytes && !x.tables));
    for (size_t i = 0; i < (size_t)TOKENS * SIDE; i++)
        dy[i] = (float)(rng_unit(&rng) * 2 - 1);
    for (size_t t = 0; t < TOKENS; t++)
        BUG_ON(!kernel_ref.quantize(dy + t * SIDE, &x, t));
}

/* Tokens first to first + n - 1, whose tables stay in the nearer caches. */
static void multiply_slice(const struct kernel *kernel, int threads, const uint8_t *weights,
                           enum work work, size_t first, size_t n)
{
    struct activations slice = x;
    slice.tokens = n;
    slice.q += first * SIDE;
    slice.a += activations_place(&x, first, 0);
    slice.total += activations_place(&x, first, 0);
    float *out = y + first * SIDE;
#pragma omp parallel num_threads(threads)
    {
        if (kernel->tabulate) {
#pragma omp for schedule(static)
            for (size_t g = 0; g < GROUPS; g += PIECE_GROUPS)
                kernel->tabulate(&slice, g, PIECE_GROUPS);
        }
#pragma omp for schedule(dynamic, 1)
        for (size_t row = 0; row < SIDE; row += PIECE_ROWS)
            (work == IN_PANELS ? kernel->product_panels : kernel->product)(
                weights + row * row_bytes, PIECE_ROWS, &slice, out + row, SIDE);
    }
}

static void multiply(const struct kernel *kernel, int threads, size_t matrix, enum work work)
{
    const uint8_t *weights = (work == IN_PANELS ? panels : blocks) + matrix * matrix_bytes;
    size_t step = kernel->tokens_at_once(GROUPS);
    for (size_t t = 0; work != TRANSPOSED && t < x.tokens; t += step < x.tokens ? step : x.tokens)
        multiply_slice(kernel, threads, weights, work, t,
                       x.tokens - t < step ? x.tokens - t : step);
    if (work != TRANSPOSED)
        return;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (size_t g = 0; g < GROUPS; g += PIECE_GROUPS)
        kernel->product_transposed(weights, SIDE, GROUPS, g, PIECE_GROUPS, dy, SIDE, x.tokens, y,
                                   SIDE);
}

/* Best of a few tries: seconds for `count` products with different matrices. */
static double seconds(const struct kernel *kernel, int threads, size_t tokens, size_t count,
                      enum work work)
{
    double best = 1e9;
    x.tokens = tokens;
    for (int i = 0; i < TRIES; i++) {
        double start = clock_seconds();
        for (size_t m = 0; m < count; m++)
            multiply(kernel, threads, m, work);
        double took = clock_seconds() - start;
        best = took < best ? took : best;
    }
    return best;
}

/* One word of each cache line: more instructions per line, and fewer lines would
 * be under way at a time. */
static uint64_t read_piece(const uint8_t *piece, size_t bytes)
{
    uint64_t sums[4] = {0};
    for (size_t i = 0; i < bytes; i += 4 * 64)
        for (size_t k = 0; k < 4; k++) {
            uint64_t word = 0;
            memcpy(&word, piece + i + k * 64, sizeof word);
            sums[k] ^= word;
        }
    return sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
}

static void bench_memory(int threads)
{
    const size_t bytes = 1 << 18, count = MATRICES * matrix_bytes / bytes;
    double best = 1e9;
    uint64_t all = 0;
    for (int i = 0; i < TRIES; i++) {
        double start = clock_seconds();
#pragma omp parallel for num_threads(threads) reduction(^ : all)
        for (size_t piece = 0; piece < count; piece++)
            all ^= read_piece(blocks + piece * bytes, bytes);
        double took = clock_seconds() - start;
        best = took < best ? took : best;
    }
    y[0] = (float)(all & 1); /* the reading must not be left out */
    print("memory", threads, "read", (double)(count * bytes) / best / 1e9, "GB/s");
}

static void bench_one_token(const struct kernel *kernel, int threads, const char *what,
                            enum work work)
{
    size_t matrices = kernel == &kernel_ref ? 4 : MATRICES;
    double bytes = (double)(matrices * matrix_bytes);
    print(kernel->name, threads, what, bytes / seconds(kernel, threads, 1, matrices, work) / 1e9,
          "GB/s");
}

static void bench_tokens(const struct kernel *kernel, int threads, size_t tokens, enum work work)
{
    char what[48];
    (void)snprintf(what, sizeof what, "%zu token%s%s", tokens, tokens == 1 ? "" : "s",
                   work == TRANSPOSED ? " transposed" : "");
    size_t matrices = 512 / tokens < MATRICES ? 512 / tokens : MATRICES;
    size_t count = kernel == &kernel_ref ? 1 : matrices;
    double operations = 2.0 * (double)tokens * SIDE * SIDE * (double)count;
    print(kernel->name, threads, what,
          operations / seconds(kernel, threads, tokens, count, work) / 1e12, "T");
}

static void bench_level(const struct kernel *kernel, int threads)
{
    static const size_t tokens[] = {2, 8, 16, 64, 128}, transposed[] = {1, 16, 128};
    bench_one_token(kernel, threads, "1 token", IN_BLOCKS);
    bench_one_token(kernel, threads, "1 token in panels", IN_PANELS);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        bench_tokens(kernel, threads, tokens[i], IN_BLOCKS);
    for (size_t i = 0; i < sizeof transposed / sizeof *transposed; i++)
        bench_tokens(kernel, threads, transposed[i], TRANSPOSED);
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
    free(panels);
    free(y);
    free(dy);
    free(x.q);
    free(x.a);
    free(x.total);
    free(x.tables);
    return 0;
}

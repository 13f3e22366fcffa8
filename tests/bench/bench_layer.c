/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Speed of the steps of a layer on one thread, as CSV, with the sizes of an 8B
 * model: GFLOP/s of attention (4 per head, position and column), beside what the
 * level's fused multiply-adds could do at best, and GB/s read and written of the
 * other steps.  Times are the thread's CPU time: a busy machine slows them less.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/kernel/kernel.h"
#include "engine/kernel/peak.h"
#include "src/base/buf.h"
#include "src/base/rng.h"

enum {
    HEADS = 4, /* that share K and V */
    DIM = 128,
    POSITIONS = 1024,
    PLACES = 128, /* K and V of as many heads and layers: 134 MB, beyond the caches */
    WIDTH = 4096,
    FFN = 12288,
    VOCABULARY = 151669,
    FLOATS = (VOCABULARY + LANES - 1) / LANES * LANES,
    TRIES = 5,
};

static const double try_s = 0.05;

static float *x, *y, *z;     /* [FLOATS] */
static float *keys, *values; /* [PLACES][POSITIONS][DIM] */
static int32_t path[POSITIONS];
static float *scratch;
static float cosines[DIM / 2], sines[DIM / 2];

static double thread_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void prepare(void)
{
    struct rng rng;
    rng_seed(&rng, 1);
    const size_t count = (size_t)PLACES * POSITIONS * DIM;
    size_t room = (attention_scratch(HEADS, POSITIONS, DIM) + LANES - 1) / LANES * LANES;
    x = aligned_alloc(64, FLOATS * sizeof *x);
    y = aligned_alloc(64, FLOATS * sizeof *y);
    z = aligned_alloc(64, FLOATS * sizeof *z);
    keys = aligned_alloc(64, count * sizeof *keys);
    values = aligned_alloc(64, count * sizeof *values);
    scratch = aligned_alloc(64, room * sizeof *scratch);
    BUG_ON(!x || !y || !z || !keys || !values || !scratch);
    for (size_t i = 0; i < count; i++) {
        uint64_t random = rng_next(&rng);
        keys[i] = (float)(random & 0xFFFF) / 65536.0f - 0.5f;
        values[i] = (float)(random >> 16 & 0xFFFF) / 65536.0f - 0.5f;
    }
    for (size_t i = 0; i < VOCABULARY; i++) {
        x[i] = (float)(rng_unit(&rng) * 8 - 4);
        y[i] = (float)(rng_unit(&rng) * 2 - 1);
        z[i] = y[i];
    }
    for (int32_t i = 0; i < POSITIONS; i++)
        path[i] = i;
    for (size_t i = 0; i < DIM / 2; i++) { /* lengths stay: cosine^2 + sine^2 = 1 */
        cosines[i] = 0.8f;
        sines[i] = 0.6f;
    }
}

/* ---- the steps --------------------------------------------------------------- */

struct step {
    const char *name;
    void (*run)(const struct kernel *kernel, size_t round);
    double work; /* bytes or floating-point operations */
    const char *unit;
};

static float sink;

static void run_norm(const struct kernel *kernel, size_t round)
{
    (void)round;
    kernel->rms_norm(x, y, WIDTH, 1e-6f, z);
}

static void run_head_norms(const struct kernel *kernel, size_t round)
{
    (void)round;
    for (size_t h = 0; h < WIDTH / DIM; h++)
        kernel->rms_norm(x + h * DIM, y, DIM, 1e-6f, z + h * DIM);
}

static void run_rope(const struct kernel *kernel, size_t round)
{
    (void)round;
    for (size_t h = 0; h < WIDTH / DIM; h++)
        kernel->rope(z + h * DIM, cosines, sines, DIM / 2);
}

static void run_swiglu(const struct kernel *kernel, size_t round)
{
    (void)round;
    kernel->swiglu(x, y, FFN, z);
}

static void run_add(const struct kernel *kernel, size_t round)
{
    (void)round;
    kernel->add(z, y, WIDTH);
}

static void run_max(const struct kernel *kernel, size_t round)
{
    (void)round;
    sink += kernel->max(x, VOCABULARY);
}

static void run_sum_exp(const struct kernel *kernel, size_t round)
{
    (void)round;
    sink += kernel->sum_exp(x, VOCABULARY, 4.0f);
}

static void attend(const struct kernel *kernel, size_t place, size_t positions)
{
    const size_t start = place % PLACES * POSITIONS * DIM;
    struct attention at = {
        .queries = x,
        .heads = HEADS,
        .keys = keys + start,
        .values = values + start,
        .path = path,
        .positions = positions,
        .dim = DIM,
        .scale = 0.0883883476f,
        .scratch = scratch,
        .out = z,
    };
    kernel->attend(&at);
}

static void run_attend_64(const struct kernel *kernel, size_t round)
{
    (void)round;
    attend(kernel, 0, 64);
}

static void run_attend_512(const struct kernel *kernel, size_t round)
{
    (void)round;
    attend(kernel, 0, 512);
}

static void run_attend_1024(const struct kernel *kernel, size_t round)
{
    (void)round;
    attend(kernel, 0, 1024);
}

static void run_attend_far(const struct kernel *kernel, size_t round)
{
    attend(kernel, round, 1024);
}

#define attend_work(n) (4.0 * HEADS * DIM * (n))

static const struct step steps[] = {
    {"rms_norm 4096", run_norm, 12.0 * WIDTH, "GB/s"},
    {"rms_norm 32 x 128", run_head_norms, 12.0 * WIDTH, "GB/s"},
    {"rope 32 x 128", run_rope, 12.0 * WIDTH, "GB/s"},
    {"swiglu 12288", run_swiglu, 12.0 * FFN, "GB/s"},
    {"add 4096", run_add, 12.0 * WIDTH, "GB/s"},
    {"max 151669", run_max, 4.0 * VOCABULARY, "GB/s"},
    {"sum_exp 151669", run_sum_exp, 4.0 * VOCABULARY, "GB/s"},
    {"attend 64", run_attend_64, attend_work(64), "GFLOP/s"},
    {"attend 512", run_attend_512, attend_work(512), "GFLOP/s"},
    {"attend 1024", run_attend_1024, attend_work(1024), "GFLOP/s"},
    {"attend 1024 from memory", run_attend_far, attend_work(1024), "GFLOP/s"},
};

/* ---- the floor --------------------------------------------------------------- */

enum { PEAK_ROUNDS = 20000 };

static const struct kernel_peak *peak;

static void run_peak(const struct kernel *kernel, size_t round)
{
    (void)kernel;
    (void)round;
    peak->run(PEAK_ROUNDS);
}

/* Independent fused multiply-adds with nothing else: as fast as they go at a level, or
 * the next one below that has some. */
static const struct step *floor_of(size_t level, const struct kernel *const *levels)
{
    static struct step alone = {"fma alone", run_peak, 0, "GFLOP/s"};
    const struct kernel_peak *peaks[KERNEL_PEAKS_MAX];
    size_t count = kernel_peaks(peaks);
    for (size_t l = level + 1; l-- > 0;)
        for (size_t i = 0; i < count; i++)
            if (strcmp(peaks[i]->level, levels[l]->name) == 0 &&
                strcmp(peaks[i]->name, "float multiply-adds") == 0) {
                peak = peaks[i];
                alone.work = peak->operations * PEAK_ROUNDS;
                return &alone;
            }
    return NULL;
}

/* ---- measuring --------------------------------------------------------------- */

/* Best of a few tries of try_s each. */
static void bench(const struct kernel *kernel, const struct step *step)
{
    double best = 1e9;
    size_t round = 0;
    for (int i = 0; i < TRIES; i++) {
        size_t count = 0;
        double start = thread_seconds(), took = 0;
        while (took < try_s) {
            for (size_t k = 0; k < 16; k++)
                step->run(kernel, round++);
            count += 16;
            took = thread_seconds() - start;
        }
        best = took / (double)count < best ? took / (double)count : best;
    }
    (void)printf("%s,%s,%.3g,%s,%.3g,us\n", kernel->name, step->name, step->work / best / 1e9,
                 step->unit, best * 1e6);
    (void)fflush(stdout);
}

int main(void)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t count = kernel_levels(levels);
    prepare();
    (void)printf("level,what,speed,unit,time,unit\n");
    for (size_t l = count; l-- > 0;) {
        const struct step *floor_step = floor_of(l, levels);
        if (floor_step)
            bench(levels[l], floor_step);
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
            bench(levels[l], &steps[i]);
    }
    free(x);
    free(y);
    free(z);
    free(keys);
    free(values);
    free(scratch);
    return sink == 12345.0f; /* the results must not be left out */
}

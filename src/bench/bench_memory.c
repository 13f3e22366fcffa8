/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the machine can do at best: reading memory, and instructions in registers.
 */
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "src/base/clock.h"
#include "src/base/memory.h"
#include "src/bench/bench.h"

enum {
    MEMORY_BYTES = 288 << 20, /* far beyond every cache */
    CACHE_BYTES = 4 << 20,
    PIECE_BYTES = 1 << 20,    /* that a thread reads in one go */
    HUGE_BYTES = 2 << 20,
    RUN_BYTES = 64 << 20,     /* of a working set that is smaller, read several times */
};

static const double peak_run_s = 0.02;

/* ---- reading ----------------------------------------------------------------------- */

struct reading {
    uint8_t *bytes;
    size_t len;
    int threads;
    kernel_reader *read;
    uint64_t result;
};

/* A piece of the whole belongs to the same thread every time. */
static void read_all(struct reading *reading)
{
    const size_t len = reading->len, share = len / (size_t)reading->threads / 1024 * 1024;
    const size_t rounds = len < RUN_BYTES ? RUN_BYTES / len : 1;
    uint64_t result = 0;
#pragma omp parallel num_threads(reading->threads) reduction(^ : result)
    {
        const uint8_t *mine = reading->bytes + (size_t)omp_get_thread_num() * share;
        for (size_t round = 0; round < rounds; round++)
            for (size_t at = 0; at < share; at += PIECE_BYTES)
                result ^= reading->read(mine + at,
                                        share - at < PIECE_BYTES ? share - at : PIECE_BYTES);
    }
    reading->result ^= result;
}

static double read_bytes(const struct reading *reading)
{
    size_t share = reading->len / (size_t)reading->threads / 1024 * 1024;
    size_t rounds = reading->len < RUN_BYTES ? RUN_BYTES / reading->len : 1;
    return (double)share * reading->threads * (double)rounds;
}

static bool read_once(void *user, double *seconds, struct err *err)
{
    struct reading *reading = user;
    (void)err;
    double start = clock_seconds();
    read_all(reading);
    *seconds = clock_seconds() - start;
    return true;
}

static bool reading_open(struct reading *reading, size_t bytes, int threads)
{
    size_t room = (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
    *reading = (struct reading){.len = bytes, .threads = threads, .read = kernel_pick_reader()};
    if (room < memory_available())
        reading->bytes = aligned_alloc(HUGE_BYTES, room);
    if (!reading->bytes)
        return false;
    (void)madvise(reading->bytes, room, MADV_HUGEPAGE);
    memset(reading->bytes, 1, room);
    read_all(reading); /* threads are started, caches are what they will be */
    return true;
}

double bench_read_speed(struct bench *bench, size_t bytes, int threads)
{
    struct reading reading;
    struct bench_runs runs;
    struct err err;
    bool from_memory = bytes >= MEMORY_BYTES;
    if (from_memory && threads == bench->threads && bench->memory_speed > 0)
        return bench->memory_speed;
    if (!reading_open(&reading, from_memory ? MEMORY_BYTES : bytes, threads))
        return 0;
    bool ok = bench_repeat(read_once, &reading, &runs, &err);
    double speed = ok ? read_bytes(&reading) / bench_median(&runs) : 0;
    if (from_memory && threads == bench->threads)
        bench->memory_speed = speed;
    free(reading.bytes);
    return speed;
}

static bool add_reading(struct bench *bench, size_t bytes, int threads, struct err *err)
{
    struct reading reading;
    struct bench_runs runs;
    if (!reading_open(&reading, bytes, threads))
        return err_set(err, ERR_MEMORY, "no memory for %zu MiB to read", bytes >> 20);
    bool ok = bench_repeat(read_once, &reading, &runs, err);
    free(reading.bytes);
    if (!ok)
        return false;
    bench_add_rate(bench, &runs, read_bytes(&reading) / 1e9, "GB/s", 0, "read %zu MiB, %d thread%s",
                   bytes >> 20, threads, threads == 1 ? "" : "s");
    if (bytes == MEMORY_BYTES && threads == bench->threads)
        bench->memory_speed = read_bytes(&reading) / bench_median(&runs);
    return true;
}

/* ---- instructions ------------------------------------------------------------------- */

struct peak_run {
    const struct kernel_peak *peak;
    int threads;
    size_t rounds; /* of each thread */
};

static bool peak_once(void *user, double *seconds, struct err *err)
{
    const struct peak_run *run = user;
    (void)err;
    double start = clock_seconds();
#pragma omp parallel num_threads(run->threads)
    run->peak->run(run->rounds);
    *seconds = clock_seconds() - start;
    return true;
}

/* As many rounds as take about peak_run_s. */
static bool measure_peak(struct peak_run *run, struct bench_runs *runs, struct err *err)
{
    double seconds = 0;
    for (run->rounds = 1000; run->rounds < SIZE_MAX / 4; run->rounds *= 2) {
        (void)peak_once(run, &seconds, err);
        if (seconds >= peak_run_s)
            break;
    }
    return bench_repeat(peak_once, run, runs, err);
}

static bool find_peak(struct bench *bench, size_t index, struct bench_runs *runs, struct err *err)
{
    const struct kernel_peak *peaks[KERNEL_PEAKS_MAX];
    (void)kernel_peaks(peaks);
    struct peak_run run = {.peak = peaks[index], .threads = bench->threads};
    if (!measure_peak(&run, runs, err))
        return false;
    bench->peak_rounds[index] = (double)run.rounds * run.threads / bench_median(runs);
    return true;
}

/* Is a level one of those up to this kernel's? */
static bool level_within(const char *level, const struct kernel *kernel)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t count = kernel_levels(levels);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(levels[i]->name, level) == 0)
            return true;
        if (levels[i] == kernel)
            return false;
    }
    return false;
}

double bench_peak_speed(struct bench *bench, const struct kernel *kernel, bool transposed)
{
    const struct kernel_peak *peaks[KERNEL_PEAKS_MAX];
    size_t count = kernel_peaks(peaks);
    double best = 0;
    for (size_t i = 0; i < count; i++) {
        double work = transposed ? peaks[i]->transposed : peaks[i]->product;
        struct bench_runs runs;
        struct err err;
        if (work == 0 || !level_within(peaks[i]->level, kernel))
            continue;
        if (bench->peak_rounds[i] == 0 && !find_peak(bench, i, &runs, &err))
            return 0;
        double speed = work * bench->peak_rounds[i];
        best = speed > best ? speed : best;
    }
    return best;
}

static bool add_peaks(struct bench *bench, struct err *err)
{
    const struct kernel_peak *peaks[KERNEL_PEAKS_MAX];
    size_t count = kernel_peaks(peaks);
    for (size_t i = 0; i < count; i++) {
        struct bench_runs runs;
        if (!find_peak(bench, i, &runs, err))
            return false;
        double rounds = bench->peak_rounds[i] * bench_median(&runs);
        bench_add_rate(bench, &runs, rounds * peaks[i]->operations / 1e12, "T", 0, "%s %s",
                       peaks[i]->level, peaks[i]->name);
        bench_step(bench, 0.5 + 0.5 * (double)(i + 1) / (double)count, "instructions");
    }
    return true;
}

/* ---- the group ------------------------------------------------------------------------ */

static double plan(const struct bench *bench)
{
    (void)bench;
    return 2;
}

static bool run(struct bench *bench, struct err *err)
{
    bench_step(bench, 0, "reading memory");
    for (int threads = 1; threads <= bench->threads; threads += bench->threads - 1) {
        if (!add_reading(bench, MEMORY_BYTES, threads, err) ||
            !add_reading(bench, CACHE_BYTES, threads, err))
            return false;
        if (bench->threads == 1)
            break;
    }
    bench_step(bench, 0.5, "instructions");
    return add_peaks(bench, err);
}

const struct bench_group bench_memory_group = {
    .name = "memory",
    .what = "reading memory and cache; instructions that need neither",
    .plan = plan,
    .run = run,
};

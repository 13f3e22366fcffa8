/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/bench/bench.h - measuring, and what was measured.
 *
 * `bankai bench` consists of groups.  A group runs its steps through bench_repeat and
 * adds what came out, with the floor that the machine sets where there is one: what
 * memory or instructions allow, measured on the same machine in the same run.
 *
 * [BN1] a number is the median of several runs; beside it stands their spread,
 *       (largest - smallest) / median.  Only what takes very long runs fewer times.
 * [BN2] whatever is measured on a model leaves its flips as they were.
 */
#ifndef SRC_BENCH_BENCH_H
#define SRC_BENCH_BENCH_H

#include "engine/kernel/kernel.h"
#include "engine/kernel/peak.h"
#include "src/cli/cli.h"

struct bench_result {
    const char *group;
    char name[80];
    const char *unit;
    double value;
    double floor;  /* what the machine allows; 0: no such number */
    double share;  /* of the floor that is reached, 0 to about 1 */
    double spread; /* of the runs, relative */
    size_t runs;
};

struct bench {
    const char *model_path;
    int threads;
    struct model *model;      /* NULL until somebody asks */
    double evaluation_s;      /* of the probes, one full pass; 0: not measured yet */
    double memory_speed;      /* bytes/s with all threads, from memory; 0: not measured yet */
    double peak_rounds[KERNEL_PEAKS_MAX]; /* per second, all threads together; likewise */
    struct bench_result *results;
    size_t result_count;
    const char *group;        /* that runs now */
    struct progress progress; /* counts hundredths of planned seconds */
    double planned_s;         /* of the groups before this one */
    double group_plan_s;
};

/* ---- the groups: src/bench_*.c ------------------------------------------------ */

struct bench_group {
    const char *name;
    const char *what; /* for the help */
    bool needs_model;
    /* Seconds it might take, for the progress line. */
    double (*plan)(const struct bench *bench);
    bool (*run)(struct bench *bench, struct err *err);
};

extern const struct bench_group bench_open_group;
extern const struct bench_group bench_memory_group;
extern const struct bench_group bench_kernels_group;
extern const struct bench_group bench_prompt_group;
extern const struct bench_group bench_decode_group;
extern const struct bench_group bench_probes_group;
extern const struct bench_group bench_candidates_group;
extern const struct bench_group bench_patch_group;

/* ---- measuring (src/bench/bench.c) --------------------------------------------------- */

enum { BENCH_RUNS_MAX = 9 };

struct bench_runs {
    double seconds[BENCH_RUNS_MAX];
    size_t count;
};

/* Do it once; *seconds is what counts of the time it took. */
typedef bool bench_once(void *user, double *seconds, struct err *err);

/* A few times, ended by cli_cancel. */
bool bench_repeat(bench_once *once, void *user, struct bench_runs *runs, struct err *err);

double bench_median(const struct bench_runs *runs);

/* work / seconds; floor is the largest possible or 0. */
void bench_add_rate(struct bench *bench, const struct bench_runs *runs, double work,
                    const char *unit, double floor, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* seconds * factor; floor is the smallest possible or 0. */
void bench_add_time(struct bench *bench, const struct bench_runs *runs, double factor,
                    const char *unit, double floor, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* A number that was not timed. */
void bench_add_number(struct bench *bench, double value, const char *unit, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Part of the group's plan is done, 0 to 1; what comes next is shown. */
void bench_step(struct bench *bench, double done, const char *next);

/* ---- models and machines --------------------------------------------------------- */

/* The open model, until the bench ends; NULL and err if there is none. */
struct model *bench_model(struct bench *bench, struct err *err);

/* Weights of all products for one token (the embedding is only looked up), and the
 * bytes they lie in. */
double bench_weights(const struct model *model);
double bench_weight_bytes(const struct model *model);

/* Token ids that mean nothing, the same every time; count of them. */
void bench_tokens(const struct model *model, size_t count, int32_t *ids);

/* A row of a projection, at random. */
struct rng;
struct flip bench_row(const struct model *model, int32_t layer, enum proj proj, struct rng *rng);

/* src/bench/bench_memory.c: bytes/s that this many threads read of a working set; a large
 * one is cut to what is certainly in memory.  0 if there is no memory for it. */
double bench_read_speed(struct bench *bench, size_t bytes, int threads);

/* Operations/s of products on a level of kernels, transposed or not, at best, with
 * all threads; 0 where nothing is known. */
double bench_peak_speed(struct bench *bench, const struct kernel *kernel, bool transposed);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Putting a patch of 93 rows on a model and taking it off again.
 *
 * The first time, the system copies each page that a row touches.  What that costs
 * at least is measured beside it: a byte written to each of as many pages of the file,
 * which is mapped once more in the same way.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "patches/patch.h"
#include "src/base/clock.h"
#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/bench/bench.h"

enum { PATCH_ROWS = 93 };

/* ---- times of one model ------------------------------------------------------------- */

enum move { FIRST, REVERT, APPLY, SWITCH, MOVES };

static const char *const move_names[MOVES] = {
    [FIRST] = "first apply",
    [REVERT] = "revert",
    [APPLY] = "apply again",
    [SWITCH] = "switch to another patch",
};

struct times {
    struct bench_runs runs[MOVES];
    long faults; /* pages that were copied by the first apply */
};

/* Different rows of gate and up anywhere. */
static struct patch *random_patch(const struct model *model, uint64_t seed)
{
    struct patch *patch = patch_new();
    struct rng rng;
    rng_seed(&rng, seed);
    while (patch->flip_count < PATCH_ROWS) {
        int32_t layer = (int32_t)rng_below(&rng, model_shape(model)->layers);
        enum proj proj = rng_below(&rng, 2) ? PROJ_GATE : PROJ_UP;
        struct flip flip = bench_row(model, layer, proj, &rng);
        bool there = false;
        for (size_t i = 0; i < patch->flip_count; i++)
            there |= patch->flips[i].layer == flip.layer && patch->flips[i].proj == flip.proj &&
                     patch->flips[i].row == flip.row;
        if (!there)
            patch_add(patch, flip);
    }
    return patch;
}

/* Every page of the weights is read: that is how a model is when it is patched. */
static bool read_all(struct bench *bench, struct model *model, struct err *err)
{
    struct context_options options = {1, bench->threads};
    struct context *context = context_new(model, &options, err);
    int32_t id = 0;
    size_t slot = 0;
    float *logits = x_new(model_shape(model)->vocab, sizeof *logits);
    bool ok = context && context_push(context, context_branch(context, 0, 0), &id, 1, err) &&
              context_run(context, &cli_cancel, err) &&
              context_logits(context, &slot, 1, logits, &cli_cancel, err);
    free(logits);
    context_free(context);
    return ok;
}

static long page_faults(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_minflt : 0;
}

static bool timed_apply(const struct patch *patch, struct model *model, double *seconds,
                        struct err *err)
{
    double start = clock_seconds();
    bool ok = patch_apply(patch, model, err);
    *seconds += clock_seconds() - start;
    return ok;
}

/* One time for each move, on a model without any flips on it; it has none after. */
static bool make_moves(struct model *model, const struct patch *a, const struct patch *b,
                       double seconds[MOVES], long *faults, struct err *err)
{
    double ignored = 0;
    for (size_t i = 0; i < MOVES; i++)
        seconds[i] = 0;
    *faults = -page_faults();
    bool ok = timed_apply(a, model, &seconds[FIRST], err);
    *faults += page_faults();
    return ok && timed_apply(a, model, &seconds[REVERT], err) &&
           timed_apply(b, model, &ignored, err) && timed_apply(b, model, &ignored, err) &&
           timed_apply(a, model, &seconds[APPLY], err) &&
           timed_apply(a, model, &seconds[SWITCH], err) &&
           timed_apply(b, model, &seconds[SWITCH], err) && timed_apply(b, model, &ignored, err);
}

static bool run_once(struct bench *bench, struct times *times, struct err *err)
{
    double seconds[MOVES];
    struct model *model = model_open(bench->model_path, err);
    if (!model)
        return false;
    struct patch *a = random_patch(model, 1), *b = random_patch(model, 2);
    bool ok = read_all(bench, model, err) &&
              make_moves(model, a, b, seconds, &times->faults, err);
    for (size_t i = 0; ok && i < MOVES; i++)
        times->runs[i].seconds[times->runs[i].count++] = seconds[i];
    patch_free(a);
    patch_free(b);
    model_free(model);
    return ok;
}

/* ---- the floor of the first time ------------------------------------------------------- */

/* Any pages, in any order: like rows, they are in no cache. */
static double copy_pages(uint8_t *bytes, size_t len, size_t count, uint64_t seed)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct rng rng;
    uint8_t sum = 0;
    volatile uint8_t **at = x_new(count, sizeof *at);
    rng_seed(&rng, seed);
    for (size_t i = 0; i < count; i++) {
        at[i] = bytes + rng_below(&rng, len / page) * page;
        sum |= *at[i]; /* mapped, as in a model that is in use */
    }
    double start = clock_seconds();
    for (size_t i = 0; i < count; i++)
        *at[i] = sum;
    double seconds = clock_seconds() - start;
    free(at);
    return seconds;
}

/* Seconds to copy so many pages of a private mapping of the file, the best of a few;
 * 0 if there is no file. */
static double copy_floor(const char *path, long pages)
{
    double best = 0;
    int file = pages > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    off_t len = file >= 0 ? lseek(file, 0, SEEK_END) : 0;
    for (uint64_t i = 0; i < 5 && len > sysconf(_SC_PAGESIZE); i++) {
        void *bytes = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                           file, 0);
        if (bytes == MAP_FAILED)
            break;
        double seconds = copy_pages(bytes, (size_t)len, (size_t)pages, i);
        best = i == 0 || seconds < best ? seconds : best;
        (void)munmap(bytes, (size_t)len);
    }
    if (file >= 0)
        (void)close(file);
    return best;
}

/* ---- the group ----------------------------------------------------------------------------- */

static double plan(const struct bench *bench)
{
    return 1 + (bench->model ? bench_weights(bench->model) * 2e-9 : 0);
}

static bool run(struct bench *bench, struct err *err)
{
    struct times times = {.faults = 0};
    enum { RUNS = 7 };
    for (size_t i = 0; i < RUNS; i++) {
        bench_step(bench, (double)i / RUNS, "patching");
        if (!run_once(bench, &times, err))
            return false;
    }
    const double us = 1e6, floor = copy_floor(bench->model_path, times.faults) * us;
    for (size_t i = 0; i < MOVES; i++)
        bench_add_time(bench, &times.runs[i], us, "us", i == FIRST ? floor : 0, "%d rows, %s",
                       PATCH_ROWS, move_names[i]);
    if (times.faults > 0) /* none of the embedded model: it is in memory of its own */
        bench_add_number(bench, (double)times.faults, "pages", "%d rows, pages copied", PATCH_ROWS);
    return true;
}

const struct bench_group bench_patch_group = {
    .name = "patch",
    .what = "putting a patch of 93 rows on, taking it off, switching",
    .needs_model = true,
    .plan = plan,
    .run = run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a search does all day: evaluating probes, all of them and beside one
 * candidate.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/measure.h"
#include "src/base/clock.h"
#include "src/base/memory.h"
#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/bench/bench.h"

static const char set_name[] = "calculus-train";

enum { WEIGHTS_PER_SECOND = 250 }; /* 1e9, times tokens: for planning */
enum { TOKENS_PLANNED = 1200, LAYERS_MEASURED = 4 };

struct evaluating {
    struct model *model;
    struct probe_set *set;
    struct measure *measure;
    double *gaps; /* [measure_at_once][set->count] */
    struct rng rng;
    int32_t layer; /* of candidates */
    size_t at_once;
};

static void evaluating_close(struct evaluating *of)
{
    measure_free(of->measure);
    probe_set_free(of->set);
    free(of->gaps);
}

static bool evaluating_open(struct evaluating *of, struct bench *bench, uint64_t keep_bytes,
                            struct err *err)
{
    struct measure_options options = {METRIC_SEQ_LOGPROB, bench->threads, keep_bytes};
    *of = (struct evaluating){.model = bench_model(bench, err)};
    rng_seed(&of->rng, 1);
    if (!of->model)
        return false;
    of->set = probe_set_load(set_name, err);
    if (!of->set)
        return false;
    const struct probe **probes = x_new(of->set->count, sizeof *probes);
    for (size_t i = 0; i < of->set->count; i++)
        probes[i] = &of->set->probes[i];
    of->measure = measure_new(of->model, probes, of->set->count, &options, err);
    free(probes);
    if (!of->measure)
        return false;
    of->at_once = measure_at_once(of->measure);
    of->gaps = x_new(of->at_once * of->set->count, sizeof *of->gaps);
    return true;
}

/* ---- full passes ---------------------------------------------------------------------- */

/* A flip in the first layer makes all of the last evaluation stale. */
static bool evaluate_once(void *user, double *seconds, struct err *err)
{
    struct evaluating *of = user;
    struct flip flip = bench_row(of->model, 0, PROJ_Q, &of->rng);
    model_flip(of->model, &flip);
    double start = clock_seconds();
    bool ok = measure_run(of->measure, of->gaps, &cli_cancel, err);
    *seconds = clock_seconds() - start;
    model_flip(of->model, &flip);
    return ok;
}

/* Without keeping anything. */
static bool full_passes(struct bench *bench, struct bench_runs *runs, size_t *tokens,
                        size_t *probes, struct err *err)
{
    struct evaluating of;
    bool ok = evaluating_open(&of, bench, 0, err) && bench_repeat(evaluate_once, &of, runs, err);
    if (ok) {
        *tokens = measure_tokens(of.measure);
        *probes = of.set->count;
        bench->evaluation_s = bench_median(runs);
    }
    evaluating_close(&of);
    return ok;
}

static double pass_plan(const struct bench *bench)
{
    return bench->model ? TOKENS_PLANNED * bench_weights(bench->model) * 1e-9 / WEIGHTS_PER_SECOND
                        : 1;
}

static double probes_plan(const struct bench *bench)
{
    return 0.5 + 3 * pass_plan(bench);
}

static bool probes_run(struct bench *bench, struct err *err)
{
    struct bench_runs runs;
    size_t tokens = 0, probes = 0;
    bench_step(bench, 0, "evaluating probes");
    if (!full_passes(bench, &runs, &tokens, &probes, err))
        return false;
    struct err none;
    double peak = bench_peak_speed(bench, kernel_pick(&none), false);
    double floor = peak / (2 * bench_weights(bench->model));
    bench_add_rate(bench, &runs, (double)tokens, "tokens/s", floor, "%s, tokens", set_name);
    bench_add_rate(bench, &runs, (double)probes, "probes/s", 0, "%s, probes", set_name);
    bench_add_number(bench, (double)tokens, "tokens", "%s, packed", set_name);
    return true;
}

const struct bench_group bench_probes_group = {
    .name = "probes",
    .what = "evaluating 60 probes in one batch",
    .needs_model = true,
    .plan = probes_plan,
    .run = probes_run,
};

/* ---- candidates ------------------------------------------------------------------------- */

static bool try_once(void *user, double *seconds, struct err *err)
{
    struct evaluating *of = user;
    struct flip *flips = x_new(of->at_once, sizeof *flips);
    for (size_t i = 0; i < of->at_once; i++)
        flips[i] = bench_row(of->model, of->layer, PROJ_GATE, &of->rng);
    double start = clock_seconds();
    bool ok = measure_try(of->measure, flips, of->at_once, of->gaps, &cli_cancel, err);
    *seconds = clock_seconds() - start;
    free(flips);
    return ok;
}

/* First, middle, last but one, last; fewer where there are not so many. */
static size_t pick_layers(const struct model *model, int32_t out[LAYERS_MEASURED])
{
    int32_t last = (int32_t)model_shape(model)->layers - 1;
    const int32_t all[LAYERS_MEASURED] = {0, (last + 1) / 2, last - 1, last};
    size_t count = 0;
    for (size_t i = 0; i < LAYERS_MEASURED; i++)
        if (all[i] >= 0 && (count == 0 || all[i] > out[count - 1]))
            out[count++] = all[i];
    return count;
}

static bool add_candidates(struct bench *bench, struct evaluating *of, struct err *err)
{
    int32_t layers[LAYERS_MEASURED];
    size_t count = pick_layers(of->model, layers);
    for (size_t i = count; i-- > 0;) {
        struct bench_runs runs;
        double warm_up_s = 0;
        of->layer = layers[i];
        bench_step(bench, 0.6 + 0.1 * (double)(count - 1 - i), "measuring candidates");
        if ((i + 1 == count && !try_once(of, &warm_up_s, err)) ||
            !bench_repeat(try_once, of, &runs, err))
            return false;
        bench_add_rate(bench, &runs, (double)of->at_once, "candidates/s", 0, "layer %d, gate row",
                       (int)of->layer);
        bench_add_time(bench, &runs, 1 / ((double)of->at_once * bench->evaluation_s), "evaluations",
                       0, "layer %d, gate row, cost", (int)of->layer);
    }
    return true;
}

static double candidates_plan(const struct bench *bench)
{
    return 1 + (bench->evaluation_s > 0 ? 6 : 9) * pass_plan(bench);
}

static bool candidates_run(struct bench *bench, struct err *err)
{
    struct evaluating of;
    struct bench_runs runs;
    size_t tokens = 0, probes = 0;
    bench_step(bench, 0, "evaluating probes");
    if (bench->evaluation_s == 0 && !full_passes(bench, &runs, &tokens, &probes, err))
        return false;
    bench_step(bench, 0.4, "evaluating probes");
    bool ok = evaluating_open(&of, bench, batch_keep_default(), err) &&
              measure_run(of.measure, of.gaps, &cli_cancel, err) &&
              add_candidates(bench, &of, err);
    if (ok)
        bench_add_number(bench, (double)memory_resident() / (1 << 20), "MiB",
                         "resident, evaluation kept");
    evaluating_close(&of);
    return ok;
}

const struct bench_group bench_candidates_group = {
    .name = "candidates",
    .what = "measuring row flips exactly, by layer",
    .needs_model = true,
    .plan = candidates_plan,
    .run = candidates_run,
};

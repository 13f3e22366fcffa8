/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search/search_seeds.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/report/labelling.h"
#include "src/report/report.h"
#include "src/search/search_from.h"
#include "src/search/search_options.h"
#include "src/search/search_results.h"
#include "src/search/search_seeds_int.h"

bool search_seeds_option(const struct arguments *arguments, size_t *seeds, struct err *err)
{
    int64_t given = 0, repeats = 0;
    if (!arguments_int(arguments, "seeds", 1, SEARCH_SEEDS_MAX, 0, &given, err) ||
        !arguments_int(arguments, "repeats", 1, SEARCH_SEEDS_MAX, 0, &repeats, err))
        return false;
    if (given > 0 && repeats > 0)
        return err_set(err, ERR_USAGE, "--seeds and --repeats are the same, expected one of them");
    *seeds = (size_t)(given > 0 ? given : repeats);
    if (*seeds > 0 && (arguments_has(arguments, "stack") ||
                       arguments_has(arguments, "compare-stacking")))
        return err_set(err, ERR_USAGE, "stacking is told of one search, expected --seeds without "
                                       "it");
    if (*seeds > 0 && arguments_has(arguments, "session"))
        return err_set(err, ERR_USAGE, "a session keeps one search, expected --seeds without it");
    return true;
}

/* ---- loading ------------------------------------------------------------------------- */

static bool load(struct seeds_job *job, struct err *err)
{
    const struct search_request *request = job->request;
    const struct goal goal = search_goal(&request->options);
    if (request->options.seed > (uint64_t)INT64_MAX - job->seeds)
        return err_set(err, ERR_USAGE, "--seed: %" PRIu64 " leaves no room for %zu seeds",
                       request->options.seed, job->seeds);
    if (job->seeds > 1 && !search_method_draws(&request->options))
        return err_set(err, ERR_USAGE, "method %s finds the same with any seed, expected another "
                                       "--method or no --seeds",
                       search_method_name(request->options.method));
    if (!search_inputs_load(&job->probes, request->targets, request->controls, request->heldout,
                            err) ||
        !search_inputs_use_mode(&job->probes, request->mode, err))
        return false;
    job->model = model_open(request->model, err);
    if (!job->model || !search_output_path(request->output, &job->output, err) ||
        !labelling_shown(&job->probes, job->model, &goal, request->options.threads, err) ||
        !search_from_read(request->from, job->model, &job->starts, err))
        return false;
    model_hash_start(job->model);
    report_long_prompts(job->model, &job->probes.all);
    if (!request->json)
        search_controls_warn(&request->options, request->controls, job->probes.controls->count);
    return true;
}

static struct patch *new_patch(const struct seeds_job *job, const struct search_options *options)
{
    const struct search_request *request = job->request;
    const struct search_origin origin = {
        .name = request->name ? request->name : "search",
        .model = model_path(job->model),
        .targets = request->targets,
        .controls = request->controls ? request->controls : "",
        .probes = &job->probes,
        .options = options,
    };
    return search_patch_new(&origin, job->model);
}

/* ---- one seed --------------------------------------------------------------------------- */

static struct evaluation *answers(struct seeds_job *job, const char *what, struct err *err)
{
    const struct search_options *search = &job->request->options;
    struct evaluate_options options = {.metric = search->metric, .threads = search->threads};
    struct progress line;
    struct work_progress progress = {report_work, &line};
    progress_start(&line, what, job->probes.all.count);
    struct evaluation *result =
        evaluate(job->model, &job->probes.all, &options, &progress, &cli_cancel, err);
    progress_end(&line);
    return result;
}

static void show_try(struct seeds_job *job, const struct search *search, uint64_t seed,
                     const struct search_try *tried)
{
    char note[64];
    if (job->request->json)
        seeds_print_tried(seed, tried);
    (void)snprintf(note, sizeof note, "seed %" PRIu64 ", %zu candidates accepted", seed,
                   search_levels(search));
    progress_update(&job->line, job->run_count * job->request->options.iterations + tried->number,
                    note);
}

static bool run_search(struct seeds_job *job, struct search *search, uint64_t seed,
                       struct err *err)
{
    uint64_t iterations = job->request->options.iterations;
    struct search_try tried;
    enum search_status status;
    progress_start(&job->line, "searching", job->seeds * iterations);
    progress_skip(&job->line, job->run_count * iterations);
    report_at_once(&job->line);
    while ((status = search_step(search, &tried, &cli_cancel, err)) == SEARCH_TRIED)
        show_try(job, search, seed, &tried);
    progress_end(&job->line);
    return status == SEARCH_FINISHED;
}

/* By fitness only, never by what held-out probes say. */
static bool is_best(const struct seeds_job *job, const struct seed_run *run)
{
    return run->flips > 0 && (!job->patch || run->fitness > job->best_fitness);
}

/* Takes patch and answers. */
static void keep_best(struct seeds_job *job, const struct seed_run *run, struct patch *patch,
                      struct evaluation *now)
{
    patch_free(job->patch);
    evaluation_free(job->now);
    job->patch = patch;
    job->now = now;
    job->best_seed = run->seed;
    job->best_fitness = run->fitness;
}

static void describe(struct seed_run *run, const struct search *search, const struct patch *patch)
{
    run->flips = patch->flip_count;
    run->tried = search_tried(search);
    run->screened = search_screened(search);
    run->fitness = search_fitness(search);
}

/* The file before the line that tells of it [V2].  The patch is taken. */
static bool end_run(struct seeds_job *job, const struct search *search, struct seed_run *run,
                    struct patch *patch, struct err *err)
{
    size_t accepted = 0;
    (void)search_accepted(search, &accepted);
    search_patch_fill(patch, search, accepted);
    describe(run, search, patch);
    bool best = is_best(job, run);
    struct evaluation *now = answers(job, "answering, patched", err);
    if (now && best)
        search_results_set(patch, &job->probes, job->base, now);
    bool ok = now && patch_apply(patch, job->model, err) && /* takes the flips off */
              (!best || search_patch_write(patch, search, accepted, job->output.data, err));
    if (ok)
        run->set_count =
            compare_results(&job->probes.all, job->base, now, COMPARE_SETS, &run->sets);
    if (ok && best) {
        keep_best(job, run, patch, now);
    } else {
        patch_free(patch);
        evaluation_free(now);
    }
    return ok;
}

static void add_run(struct seeds_job *job, const struct seed_run *run)
{
    job->runs = x_grow(job->runs, job->run_count + 1, sizeof *job->runs);
    job->runs[job->run_count++] = *run;
    heldout_looks_free(&job->looks);
    heldout_looks_count(&job->looks, job->model, job->probes.heldout);
    seeds_print_run(job, run);
}

static bool run_seed(struct seeds_job *job, uint64_t seed, struct err *err)
{
    const struct state_name clean = model_state(job->model);
    struct search_options options = job->request->options;
    struct seed_run run = {.seed = seed};
    double start = clock_seconds();
    options.seed = seed;
    options.starts = job->starts.data;
    struct search *search = search_new(job->model, job->probes.targets, job->probes.controls,
                                       &options, &cli_cancel, err);
    bool ok = search && run_search(job, search, seed, err);
    run.seconds = clock_seconds() - start;
    ok = ok && end_run(job, search, &run, new_patch(job, &options), err);
    search_free(search);
    if (!ok)
        return false;
    BUG_ON(!state_name_equal(clean, model_state(job->model)));
    add_run(job, &run);
    return true;
}

/* ---- all of them ------------------------------------------------------------------------- */

static bool run_seeds(struct seeds_job *job, struct err *err)
{
    job->base = answers(job, "answering, base", err);
    bool ok = job->base != NULL;
    for (size_t i = 0; ok && i < job->seeds; i++)
        ok = run_seed(job, job->request->options.seed + i, err);
    return ok;
}

/* Of the best patch, on the model as it is. */
static bool measure_drift(struct seeds_job *job, struct err *err)
{
    return !job->patch || drift_measure(&job->drift, job->model, job->patch,
                                        job->request->options.threads, err);
}

static bool compare_with_null(struct seeds_job *job, struct err *err)
{
    const struct search_options *options = &job->request->options;
    if (job->request->null_draws == 0 || !job->patch)
        return true;
    const struct null_request request = {
        .model = job->model,
        .set = &job->probes.all,
        .base = job->base,
        .flips = job->patch->flips,
        .flip_count = job->patch->flip_count,
        .draws = job->request->null_draws,
        .seed = job->best_seed,
        .options = {.metric = options->metric, .threads = options->threads},
    };
    job->null = null_run_shown(&request, err);
    return job->null != NULL;
}

static void tell_interrupted(struct seeds_job *job)
{
    job->interrupted = true;
    if (job->base && job->request->json)
        seeds_print_end_json(job);
    else if (job->run_count == job->seeds)
        seeds_print_end(job);
    if (job->patch)
        cli_warn("stopped after %zu of %zu seeds; the best of these, seed %" PRIu64 ", is in %s",
                 job->run_count, job->seeds, job->best_seed, job->output.data);
    else
        cli_warn("stopped after %zu of %zu seeds; no patch was written", job->run_count,
                 job->seeds);
}

static void job_free(struct seeds_job *job)
{
    for (size_t i = 0; i < job->run_count; i++)
        free(job->runs[i].sets);
    free(job->runs);
    heldout_looks_free(&job->looks);
    drift_free(&job->drift);
    null_run_free(job->null);
    evaluation_free(job->now);
    evaluation_free(job->base);
    patch_free(job->patch);
    search_inputs_free(&job->probes);
    model_free(job->model);
    buf_free(&job->output);
    buf_free(&job->starts);
}

int search_seeds_run(const struct search_request *request, size_t seeds, struct err *err)
{
    struct seeds_job job = {.request = request, .seeds = seeds};
    bool ok = load(&job, err);
    if (ok && !request->json)
        seeds_print_start(&job);
    ok = ok && run_seeds(&job, err) && measure_drift(&job, err) && compare_with_null(&job, err);
    if (ok && request->json)
        seeds_print_end_json(&job);
    else if (ok)
        seeds_print_end(&job);
    else if (err->code == ERR_CANCELLED)
        tell_interrupted(&job);
    int status = !ok ? cli_fail(err) : job.patch ? EXIT_DONE : EXIT_NO;
    job_free(&job);
    return status;
}

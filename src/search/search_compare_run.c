/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One run of a comparison.  A search is driven as ever; train takes steps of its own, and a
 * search that tries nothing says what they cost and how good their flips are.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/report/report.h"
#include "src/search/search_compare_int.h"
#include "src/search/train_job.h"

bool compare_draws(const struct compare_job *job, size_t method)
{
    return job->methods[method] == COMPARE_TRAIN || search_method_draws(&job->options[method]);
}

size_t compare_runs(const struct compare_job *job)
{
    size_t runs = 0;
    for (size_t m = 0; m < job->method_count; m++)
        runs += compare_draws(job, m) ? job->seeds : 1;
    return runs;
}

/* ---- the budget ---------------------------------------------------------------------------- */

/* Of a run, in evaluations or tenths of a second. */
static uint64_t budget_units(const struct compare_job *job)
{
    return job->evaluations > 0 ? job->evaluations : (uint64_t)(10 * job->seconds) + 1;
}

static void begin_progress(struct compare_job *job)
{
    uint64_t all = budget_units(job);
    progress_start(&job->line, "comparing", compare_runs(job) * all);
    progress_skip(&job->line, job->run_count * all);
    report_at_once(&job->line);
}

/* what: how far it came */
static void show(struct compare_job *job, const struct compare_run *run, const char *what)
{
    char note[80];
    uint64_t all = budget_units(job);
    double used = job->evaluations > 0 ? run->cost : 10 * run->seconds;
    uint64_t units = used < (double)all ? (uint64_t)used : all;
    (void)snprintf(note, sizeof note, "%s, seed %" PRIu64 ", %s", compare_method_name(run->method),
                   run->seed, what);
    progress_update(&job->line, job->run_count * all + units, note);
}

static bool is_used_up(const struct compare_job *job, const struct compare_run *run)
{
    return job->evaluations > 0 ? run->cost >= (double)job->evaluations
                                : run->seconds >= job->seconds;
}

/* ---- a search ------------------------------------------------------------------------------- */

static bool run_search(struct compare_job *job, struct search *search, struct compare_run *run,
                       double start, struct err *err)
{
    enum search_status status = SEARCH_TRIED;
    struct search_try tried;
    char what[32];
    begin_progress(job);
    while (status == SEARCH_TRIED) {
        run->seconds = clock_seconds() - start;
        run->cost = (double)search_tried(search) + search_passes_cost(search);
        (void)snprintf(what, sizeof what, "fitness %+.4f", search_fitness(search));
        show(job, run, what);
        if (is_used_up(job, run))
            break;
        status = search_step(search, &tried, &cli_cancel, err);
    }
    progress_end(&job->line);
    return status != SEARCH_FAILED;
}

static void describe_search(const struct search *search, struct compare_run *run,
                            struct flip **flips, size_t *count)
{
    struct patch *patch = patch_new();
    const struct flip *accepted = search_accepted(search, count);
    search_patch_fill(patch, search, *count);
    run->flips = patch->flip_count;
    patch_free(patch);
    run->fitness = search_fitness(search);
    run->tried = search_tried(search);
    run->passes = search_passes(search);
    run->cost = (double)run->tried + search_passes_cost(search);
    *flips = x_new(*count + 1, sizeof **flips);
    if (*count > 0)
        memcpy(*flips, accepted, *count * sizeof **flips);
}

static struct search *new_search(const struct compare_job *job,
                                 const struct search_options *options, struct err *err)
{
    return search_new(job->model, &job->sets.roles[ROLE_TRAIN], &job->sets.roles[ROLE_CONTROLS],
                      options, &cli_cancel, err);
}

static bool one_search(struct compare_job *job, size_t method, struct compare_run *run,
                       struct flip **flips, size_t *count, struct err *err)
{
    struct search_options options = job->options[method];
    double start = clock_seconds();
    options.seed = run->seed;
    options.iterations = job->evaluations > 0 ? job->evaluations : UINT64_MAX;
    options.starts = job->starts.data;
    struct search *search = new_search(job, &options, err);
    bool ok = search && run_search(job, search, run, start, err);
    if (ok) {
        run->seconds = clock_seconds() - start;
        describe_search(search, run, flips, count);
    }
    search_free(search);
    return ok;
}

/* ---- train ----------------------------------------------------------------------------------- */

/* The model answers its own controls now, for all seeds. */
static bool label(struct compare_job *job, struct err *err)
{
    const struct work_progress labelling = {report_work, &job->line};
    if (job->sets.inputs.controls->count == 0)
        return true;
    progress_start(&job->line, "labelling controls", 0);
    job->controls = items_self_labelled(job->model, job->sets.inputs.controls, SELF_TOKENS,
                                        job->train.threads, &labelling, &cli_cancel, err);
    progress_end(&job->line);
    return job->controls != NULL;
}

bool compare_items(struct compare_job *job, struct err *err)
{
    bool wanted = false;
    for (size_t m = 0; m < job->method_count; m++)
        wanted |= job->methods[m] == COMPARE_TRAIN;
    if (!wanted)
        return true;
    job->targets = items_from_probes(job->model, &job->sets.roles[ROLE_TRAIN], err);
    return job->targets && label(job, err);
}

static bool run_train(struct compare_job *job, struct train *train, const struct search *judge,
                      struct compare_run *run, double start, struct err *err)
{
    enum search_status status = SEARCH_TRIED;
    struct train_step step;
    char what[32];
    begin_progress(job);
    while (status == SEARCH_TRIED) {
        run->seconds = clock_seconds() - start;
        run->tried = train_steps(train);
        run->cost = (double)train_tokens(train) / (double)search_tokens(judge);
        (void)snprintf(what, sizeof what, "step %" PRIu64, run->tried);
        show(job, run, what);
        if (is_used_up(job, run))
            break;
        status = train_step(train, &step, &cli_cancel, err);
    }
    progress_end(&job->line);
    run->passes = job->train.ranking == RANK_RANDOM ? 0 : run->tried;
    return status != SEARCH_FAILED;
}

/* By the search that tried nothing, which wants the model without flips for that; they are
 * on again afterwards. */
static bool judge_flips(struct compare_job *job, struct search *judge, const struct flip *flips,
                        size_t count, double *fitness, struct err *err)
{
    *fitness = 0;
    if (count == 0)
        return true;
    double *gaps = x_new(job->sets.all.count, sizeof *gaps);
    for (size_t i = 0; i < count; i++)
        model_flip(job->model, &flips[i]);
    bool ok = search_measure_alone(judge, flips, count, gaps, fitness, &cli_cancel, err);
    for (size_t i = 0; i < count; i++)
        model_flip(job->model, &flips[i]);
    free(gaps);
    return ok;
}

static bool one_training(struct compare_job *job, size_t method, struct compare_run *run,
                         struct flip **flips, size_t *count, struct err *err)
{
    struct search_options of_judge = job->options[method];
    struct train_options options = job->train;
    of_judge.keep_bytes = 0; /* it measures once */
    options.seed = run->seed;
    struct search *judge = new_search(job, &of_judge, err);
    double start = clock_seconds();
    struct train *train = judge ? train_new(job->model, job->targets, job->controls, &options,
                                            &cli_cancel, err)
                                : NULL;
    bool ok = train && run_train(job, train, judge, run, start, err);
    if (ok)
        run->flips = *count = train_flips(train, flips);
    ok = ok && judge_flips(job, judge, *flips, *count, &run->fitness, err);
    train_free(train);
    search_free(judge);
    return ok;
}

bool compare_run_one(struct compare_job *job, size_t method, struct compare_run *run,
                     struct flip **flips, size_t *count, struct err *err)
{
    return job->methods[method] == COMPARE_TRAIN
               ? one_training(job, method, run, flips, count, err)
               : one_search(job, method, run, flips, count, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "src/base/clock.h"
#include "src/report/report.h"
#include "src/search/train_job_int.h"

/* ---- loading ---------------------------------------------------------------------- */

bool train_job_load(struct train_job *job, struct err *err)
{
    const struct train_request *now = &job->now;
    if (!search_inputs_load_beside(&job->probes, now->targets, now->neighbours, now->controls,
                                   now->heldout, err) ||
        !search_output_path(now->output, &job->output, err))
        return false;
    job->model = model_open(now->model, err);
    if (!job->model)
        return false;
    model_hash_start(job->model);
    report_long_prompts(job->model, &job->probes.all);
    return true;
}

bool train_job_items(struct train_job *job, struct err *err)
{
    const struct work_progress labelling = {report_work, &job->line};
    job->now.options.neighbours = job->probes.neighbours;
    progress_start(&job->line, "labelling controls", 0);
    job->targets = items_from_probes(job->model, job->probes.targets, err);
    if (job->targets && job->probes.controls->count > 0)
        job->controls =
            items_self_labelled(job->model, job->probes.controls, SELF_TOKENS,
                                job->now.options.threads, &labelling, &cli_cancel, err);
    progress_end(&job->line);
    return job->targets && (job->controls || job->probes.controls->count == 0);
}

static bool prepare(struct train_job *job, struct err *err)
{
    const struct train_options *options = &job->now.options;
    if (!train_job_items(job, err))
        return false;
    progress_start(&job->line, "preparing targets and controls", 0);
    report_at_once(&job->line);
    if (job->file) {
        *train_file_options(job->file) = *options;
        job->train = train_resume(job->model, job->targets, job->controls, job->file,
                                  &cli_cancel, err);
    } else {
        job->train = train_new(job->model, job->targets, job->controls, options, &cli_cancel, err);
    }
    progress_end(&job->line);
    job->done = job->train ? train_steps(job->train) : 0;
    return job->train != NULL;
}

/* ---- the steps ------------------------------------------------------------------------- */

static bool take_step(struct train_job *job, enum search_status *status, struct err *err)
{
    struct train_step step;
    *status = train_step(job->train, &step, &cli_cancel, err);
    if (*status == SEARCH_FAILED)
        return false;
    if (*status == SEARCH_FINISHED)
        return true;
    if ((step.kept > 0 && !train_patch_write(job, err)) || !train_saved_write(job, false, err))
        return false;
    if (job->request->json)
        cli_print_json(train_step_json(job, &step), false);
    else
        train_print_step(job, &step);
    return true;
}

/* What was done before is in the patch file again, and there is a session to go on with. */
static bool begin_steps(struct train_job *job, struct err *err)
{
    struct flip *flips = NULL;
    size_t count = train_flips(job->train, &flips);
    free(flips);
    return (count == 0 || train_patch_write(job, err)) &&
           (job->file || train_saved_write(job, true, err));
}

static bool run_steps(struct train_job *job, struct err *err)
{
    enum search_status status = SEARCH_TRIED;
    double start = clock_seconds();
    bool ok = begin_steps(job, err);
    progress_start(&job->line, "training", job->now.options.steps);
    progress_skip(&job->line, job->done);
    report_at_once(&job->line);
    while (ok && status == SEARCH_TRIED) {
        ok = take_step(job, &status, err);
        progress_update(&job->line, train_steps(job->train), NULL);
        job->seconds = clock_seconds() - start;
        if (job->request->seconds > 0 && job->seconds >= job->request->seconds)
            break;
    }
    progress_end(&job->line);
    return ok && train_saved_write(job, true, err);
}

/* ---- the result --------------------------------------------------------------------------- */

/* To what the training never sees, by the model as it is now. */
static struct evaluation *answer_heldout(struct train_job *job, const char *what, struct err *err)
{
    struct evaluate_options options = {.threads = job->now.options.threads, .without_gaps = true};
    struct progress line;
    struct work_progress progress = {report_work, &line};
    progress_start(&line, what, job->probes.heldout->count);
    struct evaluation *result = evaluate(job->model, job->probes.heldout, &options, &progress,
                                         &cli_cancel, err);
    progress_end(&line);
    return result;
}

static bool compare_with_null(struct train_job *job, struct err *err)
{
    const struct null_request request = {
        .model = job->model,
        .set = job->probes.heldout,
        .base = job->base,
        .flips = job->patch->flips,
        .flip_count = job->patch->flip_count,
        .draws = job->request->null_draws,
        .seed = job->now.options.seed,
        .options = {.threads = job->now.options.threads, .without_gaps = true},
    };
    if (request.draws > 0)
        job->null = null_run_shown(&request, err);
    return request.draws == 0 || job->null;
}

bool train_job_judge(struct train_job *job, struct err *err)
{
    bool ask = job->probes.heldout->count > 0;
    if (ask)
        job->answers = answer_heldout(job, "answering, patched", err);
    if ((ask && !job->answers) ||
        !patch_apply(job->patch, job->model, err) || /* flips come off */
        !drift_measure(&job->drift, job->model, job->patch, job->now.options.threads, err))
        return false;
    if (!ask)
        return true;
    job->base = answer_heldout(job, "answering, base", err);
    if (!job->base)
        return false;
    heldout_looks_count(&job->looks, job->model, job->probes.heldout);
    return compare_with_null(job, err);
}

static bool finish(struct train_job *job, struct err *err)
{
    return !job->patch || (train_job_judge(job, err) && train_patch_write_results(job, err) &&
                           train_patch_write_front(job, err));
}

/* Without targets set apart no step gains anything that the front could weigh. */
static bool front_fits(const struct train_job *job, size_t apart, struct err *err)
{
    return !job->request->front || apart > 0 ||
           err_set(err, ERR_USAGE, "--front weighs steps by what targets set apart gain, found "
                                   "none of these, expected --validation of 1 or more");
}

static bool run_all(struct train_job *job, struct err *err)
{
    if (!train_saved_open(job, err) || !front_fits(job, job->now.options.validation, err) ||
        !train_job_load(job, err) || !prepare(job, err) ||
        !front_fits(job, train_validation_count(job->train), err))
        return false;
    if (!job->request->json)
        train_print_start(job);
    if (!run_steps(job, err)) {
        job->interrupted = err->code == ERR_CANCELLED;
        if (!job->interrupted)
            return false;
    }
    bool ok = !job->interrupted && finish(job, err);
    if (!ok && !job->interrupted)
        return false;
    if (job->request->json)
        train_print_end_json(job);
    else
        train_print_end(job);
    return ok;
}

void train_job_free(struct train_job *job)
{
    train_free(job->train);
    train_file_free(job->file);
    items_free(job->targets);
    items_free(job->controls);
    evaluation_free(job->base);
    evaluation_free(job->answers);
    heldout_looks_free(&job->looks);
    drift_free(&job->drift);
    null_run_free(job->null);
    patch_free(job->patch);
    search_inputs_free(&job->probes);
    model_free(job->model);
    buf_free(&job->output);
    json_decref(job->settings);
}

int train_job_run(const struct train_request *request, struct err *err)
{
    struct train_job job = {.request = request, .now = *request};
    bool ok = run_all(&job, err);
    int status = !ok ? cli_fail(err) : job.patch ? EXIT_DONE : EXIT_NO;
    train_job_free(&job);
    return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search/train_job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/record.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/report/drift.h"
#include "src/report/heldout_looks.h"
#include "src/report/null_run.h"
#include "src/report/report.h"

enum { SELF_TOKENS = 48 }; /* of the model's own answers */

struct job {
    const struct train_request *request;
    struct model *model;
    struct search_inputs probes;
    struct items *targets, *controls;
    struct train *train;
    struct patch *patch;
    struct buf output;
    struct evaluation *base, *now;
    struct heldout_looks looks;
    struct drift drift;    /* of the patch */
    struct null_run *null; /* or NULL */
    struct train_step last;
    uint64_t steps;
    double seconds;
    bool interrupted;
    struct progress line;
};

/* ---- loading ---------------------------------------------------------------------- */

static bool load(struct job *job, struct err *err)
{
    const struct train_request *request = job->request;
    if (!search_inputs_load(&job->probes, request->targets, request->controls, request->heldout,
                            err) ||
        !search_output_path(request->output, &job->output, err))
        return false;
    job->model = model_open(request->model, err);
    if (!job->model)
        return false;
    model_hash_start(job->model);
    report_long_prompts(job->model, &job->probes.all);
    return true;
}

/* To what the training never sees, by the model as it is now. */
static struct evaluation *answer_heldout(struct job *job, const char *what, struct err *err)
{
    struct evaluate_options options = {.threads = job->request->options.threads,
                                       .without_gaps = true};
    struct progress line;
    struct work_progress progress = {report_work, &line};
    progress_start(&line, what, job->probes.heldout->count);
    struct evaluation *result = evaluate(job->model, job->probes.heldout, &options, &progress,
                                         &cli_cancel, err);
    progress_end(&line);
    return result;
}

static bool prepare(struct job *job, struct err *err)
{
    const struct train_options *options = &job->request->options;
    const struct work_progress labelling = {report_work, &job->line};
    progress_start(&job->line, "labelling controls", 0);
    job->targets = items_from_probes(job->model, job->probes.targets, err);
    if (job->targets && job->probes.controls->count > 0)
        job->controls = items_self_labelled(job->model, job->probes.controls, SELF_TOKENS,
                                            options->threads, &labelling, &cli_cancel, err);
    progress_end(&job->line);
    if (!job->targets || (job->probes.controls->count > 0 && !job->controls))
        return false;
    progress_start(&job->line, "preparing targets and controls", 0);
    report_at_once(&job->line);
    if (job->targets)
        job->train = train_new(job->model, job->targets, job->controls, options, &cli_cancel, err);
    progress_end(&job->line);
    return job->train != NULL;
}

/* ---- the patch ----------------------------------------------------------------------- */

static json_t *step_json(const struct train_step *step)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:f, s:f, s:I}", "event", "step",
                     "number", (json_int_t)step->number, "tried", (json_int_t)step->tried, "kept",
                     (json_int_t)step->kept, "predicted", step->predicted, "measured",
                     step->measured, "noise", step->noise, "units",
                     (json_int_t)step->flips, "bytes", step->bytes, "validation",
                     step->validation.target, "validation_right",
                     (json_int_t)step->validation.targets_right);
}

static void set_metadata(struct job *job)
{
    const struct train_options *options = &job->request->options;
    json_t *metadata = job->patch->metadata;
    (void)json_object_set_new(metadata, "method", json_string("train"));
    (void)json_object_set_new(metadata, "objective", json_string("ce"));
    (void)json_object_set_new(metadata, "ranking", json_string(ranking_name(options->ranking)));
    (void)json_object_set_new(metadata, "chunk", json_integer(options->chunk));
    (void)json_object_set_new(metadata, "seed", json_integer((json_int_t)options->seed));
    (void)json_object_set_new(metadata, "targets",
                              json_text(job->request->targets, strlen(job->request->targets)));
    if (job->request->controls)
        (void)json_object_set_new(metadata, "controls",
                                  json_text(job->request->controls,
                                            strlen(job->request->controls)));
    (void)json_object_set_new(metadata, "control_weight", json_real(options->control_weight));
    (void)json_object_set_new(metadata, "program", json_string("bankai " BANKAI_VERSION));
}

static struct patch *patch_of_train(struct job *job, struct err *err)
{
    const char *sha256 = model_sha256(job->model, err);
    if (!sha256)
        return NULL;
    struct patch *patch = patch_new();
    struct flip *flips = NULL;
    size_t count = train_flips(job->train, &flips);
    for (size_t i = 0; i < count; i++)
        patch_add(patch, flips[i]);
    free(flips);
    patch_set_text(&patch->name, job->request->name ? job->request->name : "train");
    patch_set_text(&patch->base_model, model_path(job->model));
    patch_set_text(&patch->base_sha256, sha256);
    patch->bits_flipped = patch_totals(patch, job->model).bits_flipped;
    return patch;
}

static bool write_patch(struct job *job, struct err *err)
{
    patch_free(job->patch);
    job->patch = patch_of_train(job, err);
    if (!job->patch)
        return false;
    set_metadata(job);
    (void)json_object_set_new(job->patch->metadata, "steps",
                              json_integer((json_int_t)job->last.number));
    return patch_write(job->patch, job->output.data, err);
}

/* ---- the steps ------------------------------------------------------------------------- */

static void print_step(const struct job *job, const struct train_step *step)
{
    struct buf out = {0};
    size_t validation = train_validation_count(job->train);
    buf_add_format(&out,
                   "%4" PRIu64 "  %4zu of %4zu flips  objective %+.4f ± %.4f (predicted %+.4f)  "
                   "%" PRIu64 " on, %.0f bytes",
                   step->number, step->kept, step->tried, step->measured, step->noise,
                   step->predicted, step->flips, step->bytes);
    if (validation > 0)
        buf_add_format(&out, "  validation %zu of %zu, %+.3f", step->validation.targets_right,
                       validation, step->validation.target);
    buf_add_text(&out, "\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static bool take_step(struct job *job, enum search_status *status, struct err *err)
{
    struct train_step step;
    *status = train_step(job->train, &step, &cli_cancel, err);
    if (*status == SEARCH_FAILED)
        return false;
    if (*status == SEARCH_FINISHED)
        return true;
    job->last = step;
    job->steps = step.number;
    if (step.kept > 0 && !write_patch(job, err))
        return false;
    if (job->request->json)
        cli_print_json(step_json(&step), false);
    else
        print_step(job, &step);
    return true;
}

static bool run_steps(struct job *job, struct err *err)
{
    enum search_status status = SEARCH_TRIED;
    double start = clock_seconds();
    bool ok = true;
    progress_start(&job->line, "training", job->request->options.steps);
    report_at_once(&job->line);
    while (ok && status == SEARCH_TRIED) {
        ok = take_step(job, &status, err);
        progress_update(&job->line, job->steps, NULL);
        job->seconds = clock_seconds() - start;
        if (job->request->seconds > 0 && job->seconds >= job->request->seconds)
            break;
    }
    progress_end(&job->line);
    return ok;
}

/* ---- the result --------------------------------------------------------------------------- */

static bool compare_with_null(struct job *job, struct err *err)
{
    const struct null_request request = {
        .model = job->model,
        .set = job->probes.heldout,
        .base = job->base,
        .flips = job->patch->flips,
        .flip_count = job->patch->flip_count,
        .draws = job->request->null_draws,
        .seed = job->request->options.seed,
        .options = {.threads = job->request->options.threads, .without_gaps = true},
    };
    if (request.draws > 0)
        job->null = null_run_shown(&request, err);
    return request.draws == 0 || job->null;
}

/* Held-out probes before and after, and neutral text; the model is left as it was. */
static bool judge(struct job *job, struct err *err)
{
    bool ask = job->probes.heldout->count > 0;
    if (!job->patch)
        return true;
    if (ask)
        job->now = answer_heldout(job, "answering, patched", err);
    if ((ask && !job->now) || !patch_apply(job->patch, job->model, err) || /* flips come off */
        !drift_measure(&job->drift, job->model, job->patch, job->request->options.threads, err))
        return false;
    if (!ask)
        return true;
    job->base = answer_heldout(job, "answering, base", err);
    if (!job->base)
        return false;
    heldout_looks_count(&job->looks, job->model, job->probes.heldout);
    return compare_with_null(job, err);
}

static void print_start(const struct job *job)
{
    struct buf out = {0};
    const struct train_options *options = &job->request->options;
    buf_add_format(&out,
                   "training: %zu targets (%zu of them for validation), %zu controls; %" PRIu64
                   " units of ",
                   job->targets->count, train_validation_count(job->train),
                   job->controls ? job->controls->count : 0, train_units(job->train));
    if (options->chunk == UNITS_ROWS)
        buf_add_text(&out, "a row");
    else
        buf_add_format(&out, "%u bits", (unsigned)options->chunk);
    buf_add_format(&out, ", ranked by %s, seed %" PRIu64 "\n", ranking_name(options->ranking),
                   options->seed);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static void print_end(const struct job *job)
{
    struct buf out = {0};
    buf_add_format(&out, "\n%" PRIu64 " steps in %.1f s%s, ", job->steps, job->seconds,
                   job->interrupted ? " (interrupted)" : "");
    if (!job->patch) {
        buf_add_text(&out, "nothing was kept: no patch was written\n");
    } else {
        buf_add_format(&out, "%" PRIu64 " units flipped; patch: ", job->last.flips);
        text_visible(&out, job->output.data, job->output.len);
        buf_add_text(&out, "\n");
    }
    if (job->base && job->now) {
        buf_add_text(&out, "\n");
        report_table(&out, job->probes.heldout, job->base, job->now);
        heldout_looks_text(&out, &job->looks);
        buf_add_text(&out, "\n");
    }
    if (job->null) {
        null_run_text(&out, job->null, job->probes.heldout, job->base, job->now);
        buf_add_text(&out, "\n");
    }
    drift_text(&job->drift, &out);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static void print_end_json(const struct job *job)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "event", json_string("done"));
    (void)json_object_set_new(object, "steps", json_integer((json_int_t)job->steps));
    (void)json_object_set_new(object, "units", json_integer((json_int_t)job->last.flips));
    (void)json_object_set_new(object, "bytes", json_real(job->last.bytes));
    (void)json_object_set_new(object, "seconds", json_real(job->seconds));
    (void)json_object_set_new(object, "interrupted", json_boolean(job->interrupted));
    (void)json_object_set_new(object, "patch",
                              job->patch ? json_text(job->output.data, job->output.len)
                                         : json_null());
    bool answered = job->base && job->now;
    (void)json_object_set_new(
        object, "totals",
        answered ? report_totals_json(job->probes.heldout, job->base, job->now) : json_object());
    (void)json_object_set_new(
        object, "categories",
        answered ? report_categories_json(job->probes.heldout, job->base, job->now)
                 : json_object());
    if (answered)
        (void)json_object_set_new(object, "heldout_looks", heldout_looks_json(&job->looks));
    (void)json_object_set_new(object, "neutral", drift_json(&job->drift));
    if (job->null)
        (void)json_object_set_new(object, "null", null_run_json(job->null, job->probes.heldout,
                                                                job->base, job->now));
    cli_print_json(object, false);
}

static bool run_all(struct job *job, struct err *err)
{
    if (!load(job, err) || !prepare(job, err))
        return false;
    if (!job->request->json)
        print_start(job);
    if (!run_steps(job, err)) {
        job->interrupted = err->code == ERR_CANCELLED;
        if (!job->interrupted)
            return false;
    }
    bool ok = !job->interrupted && judge(job, err);
    if (!ok && !job->interrupted)
        return false;
    if (job->request->json)
        print_end_json(job);
    else
        print_end(job);
    return ok;
}

int train_job_run(const struct train_request *request, struct err *err)
{
    struct job job = {.request = request};
    bool ok = run_all(&job, err);
    int status = !ok ? cli_fail(err) : job.patch ? EXIT_DONE : EXIT_NO;
    train_free(job.train);
    items_free(job.targets);
    items_free(job.controls);
    evaluation_free(job.base);
    evaluation_free(job.now);
    heldout_looks_free(&job.looks);
    drift_free(&job.drift);
    null_run_free(job.null);
    patch_free(job.patch);
    search_inputs_free(&job.probes);
    model_free(job.model);
    buf_free(&job.output);
    return status;
}

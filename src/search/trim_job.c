/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "engine/search/trim.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/report/report.h"
#include "src/search/train_job_int.h"

struct trim_job {
    struct train_job job;
    struct patch *patch; /* to be trimmed */
    struct trim trim;
};

/* ---- trimming ------------------------------------------------------------------------ */

static bool load(struct trim_job *trim, struct err *err)
{
    struct train_job *job = &trim->job;
    bool unstated = false;
    trim->patch = patch_read(job->request->trim, err);
    if (!trim->patch || !train_job_load(job, err))
        return false;
    if (!patch_matches(trim->patch, job->model, &unstated, err) ||
        !patch_fits(trim->patch, job->model, err))
        return err_file(err, job->request->trim);
    return true;
}

static bool trim_patch(struct trim_job *trim, struct err *err)
{
    struct train_job *job = &trim->job;
    struct trim_options options = {.train = job->now.options, .places = job->request->places,
                                   .bytes_max = (size_t)job->now.options.bytes_max};
    if (!train_job_items(job, err))
        return false;
    options.train.neighbours = job->now.options.neighbours;
    progress_start(&job->line, "trimming", 0);
    report_at_once(&job->line);
    bool ok = trim_run(&trim->trim, job->model, job->targets, job->controls, trim->patch->flips,
                        trim->patch->flip_count, &options, &cli_cancel, err);
    progress_end(&job->line);
    return ok;
}

static json_t *state_json(const struct trim_state *state)
{
    return json_pack("{s:I, s:I, s:f, s:I, s:f, s:I}", "units", (json_int_t)state->units,
                     "patch_bytes", (json_int_t)state->bytes, "validation",
                     state->validation.target, "validation_right",
                     (json_int_t)state->validation.targets_right, "control", state->control,
                     "broken", (json_int_t)state->broken);
}

static json_t *states_json(const struct trim *trim)
{
    return json_pack("{s:I, s:I, s:o, s:o, s:o}", "validation", (json_int_t)trim->validation,
                     "controls", (json_int_t)trim->controls, "base", state_json(&trim->base),
                     "patched", state_json(&trim->patched), "trimmed",
                     state_json(&trim->trimmed));
}

static bool write_patch(struct trim_job *trim, struct err *err)
{
    struct train_job *job = &trim->job;
    job->now.options.chunk = trim->trim.chunk;
    job->patch = train_patch_new(job, trim->trim.flips, trim->trim.flip_count, err);
    if (!job->patch)
        return false;
    (void)json_object_set_new(job->patch->metadata, "results", states_json(&trim->trim));
    return patch_write(job->patch, job->output.data, err);
}

static bool run_all(struct trim_job *trim, struct err *err)
{
    struct train_job *job = &trim->job;
    if (!load(trim, err) || !trim_patch(trim, err))
        return false;
    if (trim->trim.flip_count == 0)
        return true;
    return write_patch(trim, err) && patch_apply(job->patch, job->model, err) &&
           train_job_judge(job, err) && train_patch_write_results(job, err);
}

/* ---- what is printed -------------------------------------------------------------------- */

static void add_state(const struct trim *trim, const char *name, const struct trim_state *state,
                      struct buf *out)
{
    buf_add_format(out, "%-8s  %7zu  %7zu", name, (size_t)state->units, state->bytes);
    if (trim->validation > 0)
        buf_add_format(out, "  %5zu of %zu, %+.3f", state->validation.targets_right,
                       trim->validation, state->validation.target);
    if (trim->controls > 0)
        buf_add_format(out, "  %6zu of %zu, KL %.4f", state->broken, trim->controls,
                       fabs(state->control));
    buf_add_text(out, "\n");
}

static void print_text(const struct trim_job *trim)
{
    struct buf out = {0};
    const struct train_job *job = &trim->job;
    buf_add_format(&out, "            units    bytes%s%s\n",
                   trim->trim.validation > 0 ? "  validation" : "",
                   trim->trim.controls > 0 ? "          controls broken" : "");
    add_state(&trim->trim, "base", &trim->trim.base, &out);
    add_state(&trim->trim, "patched", &trim->trim.patched, &out);
    add_state(&trim->trim, "trimmed", &trim->trim.trimmed, &out);
    if (job->patch) {
        buf_add_text(&out, "\npatch: ");
        text_visible(&out, job->output.data, job->output.len);
        buf_add_text(&out, "\n");
    } else {
        buf_add_text(&out, "\nnothing is left: no patch was written\n");
    }
    train_add_judged(job, &out);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static void print_json(const struct trim_job *trim)
{
    json_t *object = json_pack("{s:s, s:o}", "event", "done", "trim", states_json(&trim->trim));
    train_set_judged(&trim->job, object);
    cli_print_json(object, false);
}

int trim_job_run(const struct train_request *request, struct err *err)
{
    struct trim_job trim = {.job = {.request = request, .now = *request}};
    bool ok = run_all(&trim, err);
    if (ok && request->json)
        print_json(&trim);
    else if (ok)
        print_text(&trim);
    int status = !ok ? cli_fail(err) : trim.job.patch ? EXIT_DONE : EXIT_NO;
    trim_free(&trim.trim);
    patch_free(trim.patch);
    train_job_free(&trim.job);
    return status;
}

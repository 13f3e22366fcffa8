/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search/search_job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/report/labelling.h"
#include "src/report/report.h"
#include "src/search/search_from.h"
#include "src/search/search_job_int.h"
#include "src/search/search_options.h"
#include "src/search/search_results.h"
#include "src/session/model_file.h"

/* ---- loading ------------------------------------------------------------------------- */

/* Where no output is named: that of the session, or a file of the state folder. */
static bool choose_output(struct search_job *job, struct err *err)
{
    const struct search_request *request = job->request;
    struct buf path = {0};
    bool ok = true;
    char *kept = job->session ? session_get(job->session, "output") : NULL;
    if (request->output || kept)
        buf_add_text(&path, request->output ? request->output : kept);
    else if (request->state_name)
        ok = file_state_path(request->state_name, &path, err);
    ok = ok && search_output_path(path.data, &job->output, err);
    buf_free(&path);
    free(kept);
    return ok;
}

/* Whoever goes on with the session may do so from another folder. */
static bool keep_output(struct search_job *job, struct err *err)
{
    const char *output = job->request->output;
    char *here = output && output[0] != '/' ? getcwd(NULL, 0) : NULL;
    struct buf path = {0};
    if (!output || !job->session)
        return true;
    if (here)
        buf_add_format(&path, "%s/", here);
    buf_add_text(&path, output);
    bool ok = session_put(job->session, "output", path.data, err);
    buf_free(&path);
    free(here);
    return ok;
}

/* What the session was begun with, or what was given now; the caller frees it. */
static char *session_get_text(const struct search_job *job, const char *key, const char *given)
{
    char *kept = job->session ? session_get(job->session, key) : NULL;
    return kept ? kept : x_copy(given ? given : "", given ? strlen(given) : 0);
}

static struct patch *new_patch(struct search_job *job)
{
    const struct search_request *request = job->request;
    char *targets = session_get_text(job, "targets", request->targets);
    char *controls = session_get_text(job, "controls", request->controls);
    const struct search_origin origin = {
        .name = request->name ? request->name : "search",
        .model = model_path(job->model),
        .targets = targets,
        .controls = controls,
        .probes = &job->probes,
        .options = &job->options,
    };
    struct patch *patch = search_patch_new(&origin, job->model);
    free(targets);
    free(controls);
    return patch;
}

static bool going_on(const struct search_job *job)
{
    return job->session && !session_is_new(job->session);
}

/* Probes of the session, or those that are named. */
static bool load_probes(struct search_job *job, struct err *err)
{
    const struct search_request *request = job->request;
    if (!going_on(job))
        return search_inputs_load(&job->probes, request->targets, request->controls,
                                  request->heldout, err) &&
               search_inputs_use_mode(&job->probes, request->mode, err);
    const struct session_origin *origin = session_origin(job->session, err);
    if (!origin)
        return false;
    search_inputs_copy(&job->probes, origin->probes, origin->target_count,
                       origin->control_count);
    if (!journal_options(origin->settings, &job->options, job->layers, err))
        return false;
    if (request->options.iterations > 0)
        job->options.iterations = request->options.iterations;
    return true;
}

static bool load_model(struct search_job *job, struct err *err)
{
    struct buf found = {0};
    const char *path = job->request->model;
    if (!path && !going_on(job))
        return err_set(err, ERR_USAGE, "no model given");
    if (!path && !session_find_model(job->session, "give its path as MODEL", &found, &cli_cancel,
                                     err))
        return false;
    job->model = model_open(path ? path : found.data, err);
    buf_free(&found);
    if (job->model)
        model_hash_start(job->model); /* the first accepted flip needs it */
    return job->model != NULL;
}

static bool load_starts(struct search_job *job, struct err *err)
{
    if (going_on(job) || !job->request->from)
        return true;
    bool ok = search_from_read(job->request->from, job->model, &job->starts, err);
    job->options.starts = job->starts.data;
    return ok;
}

static bool label_controls(struct search_job *job, struct err *err)
{
    const struct goal goal = search_goal(&job->options);
    return labelling_shown(&job->probes, job->model, &goal, job->options.threads, err);
}

static bool load(struct search_job *job, struct err *err)
{
    const struct search_request *request = job->request;
    job->options = request->options;
    if (request->session) {
        job->session = session_open(request->session, SESSION_WRITE, err);
        if (!job->session)
            return false;
    }
    if (!load_probes(job, err) ||
        !search_found_check(&request->found, job->options.method, err) ||
        !load_model(job, err) || !choose_output(job, err) || !label_controls(job, err) ||
        !load_starts(job, err))
        return false;
    report_long_prompts(job->model, &job->probes.all);
    if (!going_on(job) && !request->json)
        search_controls_warn(&job->options, request->controls, job->probes.controls->count);
    return true;
}

/* Texts that patches quote. */
static bool put_names(struct search_job *job, struct err *err)
{
    const struct search_request *request = job->request;
    return session_put(job->session, "targets", request->targets, err) &&
           session_put(job->session, "controls", request->controls ? request->controls : "", err) &&
           session_put(job->session, "heldout", request->heldout ? request->heldout : "", err);
}

static bool begin_journal(struct search_job *job, struct err *err)
{
    if (!keep_output(job, err))
        return false;
    if (going_on(job))
        job->journal = journal_resume(job->session, job->model, &job->probes, &job->options,
                                      BANKAI_VERSION, &cli_cancel, err);
    else if (put_names(job, err))
        job->journal = journal_begin(job->session, job->model, &job->probes, &job->options,
                                     BANKAI_VERSION, &cli_cancel, err);
    if (!job->journal)
        return false;
    job->search = journal_search(job->journal);
    return true;
}

static bool write_patch(struct search_job *job, struct err *err)
{
    size_t count = 0;
    (void)search_accepted(job->search, &count);
    return search_patch_write(job->patch, job->search, count, job->output.data, err);
}

/* What an earlier run of the session accepted, as it wrote it then; or what is begun with. */
static bool write_patch_again(struct search_job *job, struct err *err)
{
    struct session_step head;
    if (!job->session)
        return write_patch(job, err);
    return session_step(job->session, session_head(job->session), &head, err) &&
           search_patch_write_again(job->patch, job->search, head.tried, head.screened,
                                    job->output.data, err);
}

/* The gaps before the search; of a big model that takes a while. */
static bool prepare(struct search_job *job, struct err *err)
{
    progress_start(&job->line, "measuring the gaps before the search", 0);
    report_at_once(&job->line);
    if (job->session)
        (void)begin_journal(job, err);
    else
        job->search = search_new(job->model, job->probes.targets, job->probes.controls,
                                 &job->options, &cli_cancel, err);
    progress_end(&job->line);
    if (!job->search)
        return false;
    job->patch = new_patch(job);
    size_t count = 0;
    (void)search_accepted(job->search, &count);
    job->tried_before = search_tried(job->search);
    return count == 0 || write_patch_again(job, err);
}

/* ---- the search ---------------------------------------------------------------------- */

/* One candidate: tried, saved, shown, in this order [J1]. */
static enum search_status step(struct search_job *job, double *before, struct err *err)
{
    struct search_try tried;
    double fitness_before = search_fitness(job->search);
    memcpy(before, search_gaps_now(job->search), job->probes.targets->count * sizeof *before);
    enum search_status status = job->journal
                                    ? journal_step(job->journal, &tried, &cli_cancel, err)
                                    : search_step(job->search, &tried, &cli_cancel, err);
    if (status != SEARCH_TRIED)
        return status;
    if (tried.accepted && !write_patch(job, err))
        return SEARCH_FAILED;
    search_job_show_try(job, &tried, before, fitness_before);
    return status;
}

static bool run_search(struct search_job *job, struct err *err)
{
    double *before = x_new(job->probes.targets->count, sizeof *before);
    double start = clock_seconds();
    enum search_status status = SEARCH_FINISHED;
    progress_start(&job->line, "searching", job->options.iterations);
    progress_skip(&job->line, job->tried_before);
    report_at_once(&job->line);
    do
        status = step(job, before, err);
    while (status == SEARCH_TRIED);
    progress_end(&job->line);
    job->seconds = clock_seconds() - start;
    free(before);
    return status == SEARCH_FINISHED;
}

/* While the search's flips are on. */
static bool find_more(struct search_job *job, struct err *err)
{
    job->found = search_found(job->search, job->model, &job->probes, &job->options,
                              &job->request->found, err);
    return job->found != NULL;
}

/* ---- answers before and after ---------------------------------------------------------- */

static struct evaluation *answers(struct search_job *job, const char *what, struct err *err)
{
    struct evaluate_options options = {
        .metric = job->options.metric,
        .threads = job->options.threads,
    };
    struct progress line;
    struct work_progress progress = {report_work, &line};
    progress_start(&line, what, job->probes.all.count);
    struct evaluation *result =
        evaluate(job->model, &job->probes.all, &options, &progress, &cli_cancel, err);
    progress_end(&line);
    return result;
}

static bool compare(struct search_job *job, struct err *err)
{
    job->now = answers(job, "answering, patched", err);
    if (job->now && job->patch->flip_count == 0) {
        job->base = job->now; /* nothing was patched */
        return true;
    }
    if (!job->now || !patch_apply(job->patch, job->model, err)) /* takes the flips off */
        return false;
    if (!drift_measure(&job->drift, job->model, job->patch, job->options.threads, err))
        return false;
    job->base = answers(job, "answering, base", err);
    return job->base != NULL;
}

/* Now that they are about to be shown. */
static void count_looks(struct search_job *job)
{
    if (job->session)
        heldout_looks_in_session(&job->looks, job->session, job->probes.heldout, job->base,
                                 job->now);
    else
        heldout_looks_count(&job->looks, job->model, job->probes.heldout);
}

static bool compare_with_null(struct search_job *job, struct err *err)
{
    const struct null_request request = {
        .model = job->model,
        .set = &job->probes.all,
        .base = job->base,
        .flips = job->patch->flips,
        .flip_count = job->patch->flip_count,
        .draws = job->request->null_draws,
        .seed = job->options.seed,
        .options = {.metric = job->options.metric, .threads = job->options.threads},
    };
    if (request.draws == 0 || request.flip_count == 0)
        return true;
    job->null = null_run_shown(&request, err);
    return job->null != NULL;
}

/* In the session before they are printed; of held-out ones those that are shown. */
static bool keep_answers(struct search_job *job, bool shown, struct err *err)
{
    size_t seen = job->probes.targets->count + job->probes.controls->count;
    size_t heldout = shown ? job->probes.all.count - seen : 0;
    if (!job->session)
        return true;
    struct evaluation base = evaluation_slice(job->base, 0, seen),
                      now = evaluation_slice(job->now, 0, seen),
                      held_base = evaluation_slice(job->base, seen, heldout),
                      held_now = evaluation_slice(job->now, seen, heldout);
    return session_add_evaluation(job->session, EVENT_KIND_ANSWERS, 0, &base, &now, false, err) &&
           session_add_generations(job->session, seen, &held_base, &held_now, err);
}

/* The patch file once more, with what it did to the answers; there is one where there are
 * flips [J2]. */
static bool write_results(struct search_job *job, struct err *err)
{
    if (job->patch->flip_count == 0)
        return true;
    search_results_set(job->patch, &job->probes, job->base, job->now);
    return patch_write(job->patch, job->output.data, err);
}

/* ---- all of it ------------------------------------------------------------------------- */

/* Whoever interrupts is told what is safe, and what was answered before that; a script gets
 * its last event. */
static void tell_interrupted(struct search_job *job)
{
    job->interrupted = true;
    if (job->search && job->request->json)
        search_job_print_end_json(job);
    else if (job->base && job->now)
        search_job_print_end(job);
    if (job->search && job->patch->flip_count > 0)
        cli_warn("stopped after %" PRIu64 " candidates; %zu flip%s on, in %s",
                 search_tried(job->search), job->patch->flip_count,
                 job->patch->flip_count == 1 ? " is" : "s are", job->output.data);
    else if (job->search)
        cli_warn("stopped after %" PRIu64 " candidates; no flip is on",
                 search_tried(job->search));
}

static void job_free(struct search_job *job)
{
    if (job->now != job->base)
        evaluation_free(job->now);
    evaluation_free(job->base);
    journal_free(job->journal);
    session_close(job->session);
    search_free(job->search);
    patch_free(job->patch);
    search_inputs_free(&job->probes);
    model_free(job->model);
    buf_free(&job->output);
    buf_free(&job->starts);
    heldout_looks_free(&job->looks);
    drift_free(&job->drift);
    null_run_free(job->null);
    json_decref(job->found);
}

int search_job_run(const struct search_request *request, struct err *err)
{
    struct search_job job = {.request = request};
    bool ok = load(&job, err) && prepare(&job, err);
    if (ok && !request->json)
        search_job_print_start(&job);
    ok = ok && run_search(&job, err) && find_more(&job, err) && compare(&job, err);
    bool shown = ok && (request->json || job.patch->flip_count > 0);
    if (shown)
        count_looks(&job);
    ok = ok && keep_answers(&job, shown, err) && write_results(&job, err) &&
         compare_with_null(&job, err);
    if (ok && request->json)
        search_job_print_end_json(&job);
    else if (ok)
        search_job_print_end(&job);
    else if (err->code == ERR_CANCELLED)
        tell_interrupted(&job);
    int status = !ok ? cli_fail(err) : job.patch->flip_count > 0 ? EXIT_DONE : EXIT_NO;
    job_free(&job);
    return status;
}

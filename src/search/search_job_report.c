/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"
#include "src/cli/metric_option.h"
#include "src/report/labelling.h"
#include "src/report/parts.h"
#include "src/report/report.h"
#include "src/search/search_job_int.h"

/* ---- while it searches ------------------------------------------------------------------ */

/* The target that the flip helped most, and how far. */
static void add_best_target(struct buf *out, const struct search_job *job, const double *before)
{
    const double *now = search_gaps_now(job->search);
    size_t best = 0;
    for (size_t i = 1; i < job->probes.targets->count; i++)
        if (now[i] - before[i] > now[best] - before[best])
            best = i;
    const char *name = job->probes.targets->probes[best].name;
    buf_add_text(out, "  most: ");
    text_visible(out, name, strlen(name));
    buf_add_format(out, " %+.3f -> %+.3f", before[best], now[best]);
}

static void print_accepted(struct search_job *job, const struct search_try *tried,
                           const double *before, double fitness_before)
{
    struct buf out = {0}, flip = {0};
    report_flips_text(&flip, &tried->flip, tried->count);
    buf_add_format(&out, "%4" PRIu64 "  flip %-26s  fitness %+.4f (%+.4f)", tried->number,
                   flip.data, tried->fitness, tried->fitness - fitness_before);
    add_best_target(&out, job, before);
    buf_add_text(&out, "\n");
    cli_print_text(out.data, out.len);
    buf_free(&flip);
    buf_free(&out);
}

void search_job_show_try(struct search_job *job, const struct search_try *tried,
                         const double *before, double fitness_before)
{
    char note[64];
    if (job->request->json)
        cli_print_json(report_tried_json(tried), false);
    else if (tried->accepted)
        print_accepted(job, tried, before, fitness_before);
    (void)snprintf(note, sizeof note, "%zu flip%s on, fitness %+.4f", job->patch->flip_count,
                   job->patch->flip_count == 1 ? "" : "s", search_fitness(job->search));
    progress_update(&job->line, search_tried(job->search), note);
}

/* ---- before and after ------------------------------------------------------------------- */

/* Nobody may have named the patch file this time. */
static void add_going_on(struct buf *out, const struct search_job *job)
{
    size_t flips = job->patch->flip_count;
    buf_add_format(out, "going on after %" PRIu64 " candidates with %zu flip%s on; patch: ",
                   job->tried_before, flips, flips == 1 ? "" : "s");
    text_visible(out, job->output.data, job->output.len);
    buf_add_text(out, "\n");
}

void search_job_print_start(const struct search_job *job)
{
    struct buf out = {0};
    buf_add_format(&out,
                   "%s search: %zu targets, %zu controls, %zu tokens an evaluation; "
                   "%" PRIu64 " candidate %ss, %" PRIu64 " to try, seed %" PRIu64 "\n",
                   search_method_name(job->options.method), job->probes.targets->count,
                   job->probes.controls->count, search_tokens(job->search),
                   search_candidates(job->search), granularity_name(job->options.granularity),
                   job->options.iterations, job->options.seed);
    labels_text(&job->probes.labels, &out);
    buf_add_text(&out, "fitness and gaps are a search signal, not a result: ");
    struct goal goal = search_goal(&job->options);
    goals_text(&out, &goal);
    if (job->options.price > 0)
        buf_add_format(&out, "each flip that is on takes %g off it\n", job->options.price);
    if (job->tried_before > 0)
        add_going_on(&out, job);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

/* Where each accepted candidate was a flip that stays, their number says both; not where a
 * patch was begun with. */
static void add_counts(struct buf *out, const struct search_job *job)
{
    uint64_t tried = search_tried(job->search);
    size_t flips = job->patch->flip_count;
    if (flips == search_levels(job->search) && !job->options.starts)
        buf_add_format(out, "\n%zu of %" PRIu64 " candidates accepted", flips, tried);
    else
        buf_add_format(out, "\n%zu flip%s after %" PRIu64 " candidates", flips,
                       flips == 1 ? "" : "s", tried);
    buf_add_format(out,
                   " (%" PRIu64 " screened out), fitness %+.4f, %.1f s, %.1f candidates/s\n",
                   search_screened(job->search), search_fitness(job->search), job->seconds,
                   job->seconds > 0 ? (double)(tried - job->tried_before) / job->seconds : 0.0);
}

void search_job_print_end(const struct search_job *job)
{
    struct buf out = {0};
    add_counts(&out, job);
    search_found_text(&out, job->found);
    if (job->patch->flip_count > 0) {
        struct parts parts = parts_of(job->patch, job->model);
        parts_text(&out, &parts);
        buf_add_text(&out, "patch: ");
        text_visible(&out, job->output.data, job->output.len);
        buf_add_text(&out, "\n\n");
        report_table(&out, &job->probes.all, job->base, job->now);
        heldout_looks_text(&out, &job->looks);
        buf_add_text(&out, "\n");
        if (job->null) {
            null_run_text(&out, job->null, &job->probes.all, job->base, job->now);
            buf_add_text(&out, "\n");
        }
        drift_text(&job->drift, &out);
        buf_add_text(&out, "\n");
        report_answers(&out, &job->probes.all, job->base, job->now, false);
    } else {
        buf_add_text(&out, "nothing was accepted: no patch was written\n");
    }
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

void search_job_print_end_json(const struct search_job *job)
{
    json_t *object = json_object(), *flips = json_array();
    for (size_t i = 0; i < job->patch->flip_count; i++)
        (void)json_array_append_new(flips, report_flip_json(&job->patch->flips[i]));
    struct parts parts = parts_of(job->patch, job->model);
    (void)json_object_set_new(object, "event", json_string("done"));
    (void)json_object_set_new(object, "flips", flips);
    parts_json(object, &parts);
    struct goal goal = search_goal(&job->options);
    goals_json(object, &goal);
    (void)json_object_set_new(object, "fitness", json_real(search_fitness(job->search)));
    (void)json_object_set_new(object, "evaluations",
                              json_integer((json_int_t)search_tried(job->search)));
    (void)json_object_set_new(object, "screened",
                              json_integer((json_int_t)search_screened(job->search)));
    (void)json_object_set_new(object, "seconds", json_real(job->seconds));
    bool written = job->patch->flip_count > 0;
    (void)json_object_set_new(object, "patch",
                              written ? json_text(job->output.data, job->output.len)
                                      : json_null());
    bool answered = job->base && job->now;
    (void)json_object_set_new(object, "interrupted", json_boolean(job->interrupted));
    (void)json_object_set_new(object, "totals",
                              answered ? report_totals_json(&job->probes.all, job->base, job->now)
                                       : json_null());
    (void)json_object_set_new(
        object, "categories",
        answered ? report_categories_json(&job->probes.all, job->base, job->now) : json_null());
    (void)json_object_set_new(object, "heldout_looks", heldout_looks_json(&job->looks));
    (void)json_object_set_new(object, "neutral", drift_json(&job->drift));
    if (job->probes.labels.labelled > 0)
        (void)json_object_set_new(object, "labels", labelling_json(&job->probes.labels));
    (void)json_object_update(object, job->found);
    if (job->null)
        (void)json_object_set_new(
            object, "null", null_run_json(job->null, &job->probes.all, job->base, job->now));
    cli_print_json(object, false);
}

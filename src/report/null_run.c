/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/null_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/report/null_score.h"
#include "src/report/report.h"

/* ---- scores ------------------------------------------------------------------------ */

double null_score_right(const struct probe_set *set, const char *name,
                        const struct evaluation *now)
{
    size_t right = 0;
    for (size_t i = 0; i < set->count; i++)
        right += strcmp(set->probes[i].set, name) == 0 && now->right[i];
    return (double)right;
}

double null_score_gap_change(const struct probe_set *set, const char *name,
                             const struct evaluation *base, const struct evaluation *now)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < set->count; i++) {
        double change = now->gap[i] - base->gap[i];
        if (strcmp(set->probes[i].set, name) != 0 || !isfinite(change))
            continue;
        sum += change;
        n++;
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

/* ---- the run ------------------------------------------------------------------------- */

/* One draw's evaluation as a part of the whole. */
struct part {
    const struct work_progress *whole;
    size_t draws_done;
    size_t draws;
};

static void report_part(void *user, size_t done, size_t total)
{
    const struct part *part = user;
    part->whole->report(part->whole->user, part->draws_done * total + done, part->draws * total);
}

static bool has_set(const struct null_run *run, const char *name)
{
    for (size_t i = 0; i < run->set_count; i++)
        if (strcmp(run->sets[i].set, name) == 0)
            return true;
    return false;
}

static struct null_run *new_run(const struct null_request *request)
{
    struct null_run *run = x_new(1, sizeof *run);
    run->draws = request->draws;
    run->seed = request->seed;
    for (size_t i = 0; i < request->set->count; i++) {
        const char *name = request->set->probes[i].set;
        if (has_set(run, name))
            continue;
        run->sets = x_grow(run->sets, run->set_count + 1, sizeof *run->sets);
        struct null_scores *scores = &run->sets[run->set_count++];
        scores->set = name;
        for (int kind = 0; kind < NULL_KIND_COUNT; kind++) {
            scores->right[kind] = x_new(run->draws, sizeof(double));
            scores->gap_change[kind] = x_new(run->draws, sizeof(double));
        }
    }
    return run;
}

static void flip_all(struct model *model, const struct flip *flips, size_t count)
{
    for (size_t i = 0; i < count; i++)
        model_flip(model, &flips[i]);
}

static struct evaluation *evaluate_flipped(const struct null_request *request,
                                           const struct flip *flips, size_t count,
                                           const struct work_progress *progress,
                                           cancel_flag *cancel, struct err *err)
{
    struct state_name before = model_state(request->model);
    flip_all(request->model, flips, count);
    struct evaluation *now =
        evaluate(request->model, request->set, &request->options, progress, cancel, err);
    flip_all(request->model, flips, count);
    BUG_ON(!state_name_equal(before, model_state(request->model))); /* [Z1] */
    return now;
}

static void keep_scores(struct null_run *run, const struct null_request *request,
                        enum null_kind kind, size_t draw, const struct evaluation *now)
{
    for (size_t i = 0; i < run->set_count; i++) {
        struct null_scores *scores = &run->sets[i];
        scores->right[kind][draw] = null_score_right(request->set, scores->set, now);
        scores->gap_change[kind][draw] =
            null_score_gap_change(request->set, scores->set, request->base, now);
    }
}

/* Both kinds of a draw in turn: what is interrupted late was interrupted for both. */
static bool run_draws(struct null_run *run, const struct null_request *request,
                      const struct null_profile *profile, const struct work_progress *progress,
                      cancel_flag *cancel, struct err *err)
{
    struct part part = {.whole = progress, .draws = NULL_KIND_COUNT * run->draws};
    const struct work_progress reporting = {report_part, &part};
    struct flip *flips = x_new(run->flip_count, sizeof *flips);
    bool ok = true;
    for (; ok && part.draws_done < part.draws; part.draws_done++) {
        enum null_kind kind = (enum null_kind)(part.draws_done % NULL_KIND_COUNT);
        size_t draw = part.draws_done / NULL_KIND_COUNT;
        null_profile_draw(profile, kind, run->seed, draw, flips);
        struct evaluation *now = evaluate_flipped(request, flips, run->flip_count,
                                                  progress ? &reporting : NULL, cancel, err);
        ok = now != NULL;
        if (ok)
            keep_scores(run, request, kind, draw, now);
        evaluation_free(now);
    }
    free(flips);
    return ok;
}

struct null_run *null_run_new(const struct null_request *request,
                              const struct work_progress *progress, cancel_flag *cancel,
                              struct err *err)
{
    struct null_profile *profile =
        null_profile_new(request->model, request->flips, request->flip_count, err);
    if (!profile)
        return NULL;
    struct null_run *run = new_run(request);
    run->flip_count = null_profile_flips(profile);
    bool ok = run_draws(run, request, profile, progress, cancel, err);
    null_profile_free(profile);
    if (ok)
        return run;
    null_run_free(run);
    return NULL;
}

struct null_run *null_run_shown(const struct null_request *request, struct err *err)
{
    struct progress line;
    const struct work_progress progress = {report_work, &line};
    progress_start(&line, "answering, null models", 0);
    report_at_once(&line);
    struct null_run *run = null_run_new(request, &progress, &cli_cancel, err);
    progress_end(&line);
    return run;
}

bool null_run_option(const struct arguments *arguments, size_t *draws, struct err *err)
{
    int64_t given = 0;
    if (!arguments_int(arguments, "null", 1, NULL_DRAWS_MAX, 0, &given, err))
        return false;
    *draws = (size_t)given;
    return true;
}

void null_run_free(struct null_run *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < run->set_count; i++)
        for (int kind = 0; kind < NULL_KIND_COUNT; kind++) {
            free(run->sets[i].right[kind]);
            free(run->sets[i].gap_change[kind]);
        }
    free(run->sets);
    free(run);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/cli/metric_option.h"
#include "src/report/report.h"
#include "src/search/search_compare_int.h"

/* ---- text ---------------------------------------------------------------------------------- */

/* Methods that more seeds would tell nothing new of. */
static void add_once(struct buf *out, const struct compare_job *job)
{
    const char *between = "";
    for (size_t m = 0; job->seeds > 1 && m < job->method_count; m++)
        if (!compare_draws(job, m)) {
            buf_add_format(out, "%s%s", between, compare_method_name(job->methods[m]));
            between = ", ";
        }
    if (*between)
        buf_add_text(out, ": run once, no seed has a say\n");
}

void compare_print_start(const struct compare_job *job)
{
    struct buf out = {0};
    struct goal goal = search_goal(&job->options[0]);
    buf_add_format(&out, "comparing %zu method%s, %zu seed%s from %" PRIu64 " each; ",
                   job->method_count, job->method_count == 1 ? "" : "s", job->seeds,
                   job->seeds == 1 ? "" : "s", job->options[0].seed);
    if (job->evaluations > 0)
        buf_add_format(&out, "%" PRIu64 " evaluations a run\n", job->evaluations);
    else
        buf_add_format(&out, "%g seconds a run\n", job->seconds);
    for (int role = 0; role < ROLE_COUNT; role++)
        buf_add_format(&out, "%s%s %zu", role == 0 ? "" : ", ",
                       compare_role_name((enum compare_role)role), job->sets.roles[role].count);
    buf_add_text(&out, "\n");
    labels_text(&job->sets.inputs.labels, &out);
    add_once(&out, job);
    buf_add_text(&out, "fitness is a search signal, not a result: ");
    goals_text(&out, &goal);
    if (job->targets)
        buf_add_text(&out, "train learns the targets by cross-entropy, and the model's own answers "
                           "to the controls\n");
    buf_add_text(&out, "\nmethod       seed   fitness  flips    cost  fixed/broke of train, "
                       "validation and held-out probes\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static void print_run_text(const struct compare_run *run)
{
    static const enum compare_role shown[] = {ROLE_TRAIN, ROLE_VALIDATION, ROLE_HELDOUT};
    struct buf out = {0};
    buf_add_format(&out, "%-8s ", compare_method_name(run->method));
    if (run->draws)
        buf_add_format(&out, "%8" PRIu64, run->seed);
    else
        buf_add_format(&out, "%8s", "-");
    buf_add_format(&out, " %+9.4f %6zu %7.0f ", run->fitness, run->flips, run->cost);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        buf_add_format(&out, " %zu/%zu", run->groups[shown[i]].fixed, run->groups[shown[i]].broke);
    buf_add_text(&out, "\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static void add_interval(struct buf *out, const struct spread *spread, int digits, int width)
{
    if (spread->n > 1)
        buf_add_format(out, " %+*.*f to %+*.*f", width, digits, spread->low, width, digits,
                       spread->high);
    else
        buf_add_format(out, " %*s    %*s", width, "-", width, "-");
}

static void add_signal_row(struct buf *out, const char *name,
                           const struct compare_summary *summary)
{
    buf_add_format(out, "%-8s %4zu %+9.4f", name, summary->fitness.n, summary->fitness.mean);
    add_interval(out, &summary->fitness, 4, 8);
    buf_add_format(out, " %9.1f %8.1f %7.1f %8.1f %8.1f\n", summary->flips.mean,
                   summary->tried.mean, summary->passes.mean, summary->cost.mean,
                   summary->seconds.mean);
}

static void add_answers_row(struct buf *out, const char *name,
                            const struct compare_answers *answers)
{
    buf_add_format(out, "%-8s %9.1f %7.1f %7.1f %+8.1f", name, answers->right.mean,
                   answers->fixed.mean, answers->broke.mean, answers->change.mean);
    add_interval(out, &answers->change, 1, 7);
    buf_add_text(out, "     ");
    report_p(out, answers->p_most);
    buf_add_text(out, "\n");
}

static bool was_run(const struct compare_job *job, size_t method)
{
    for (size_t i = 0; i < job->run_count; i++)
        if (job->runs[i].method == job->methods[method])
            return true;
    return false;
}

static struct compare_summary summary_of(const struct compare_job *job, size_t method)
{
    return compare_summarize(job->runs, job->run_count, job->methods[method],
                             ROLE_COUNT + job->sets.part_count);
}

static void add_group(struct buf *out, const struct compare_job *job, const char *of,
                      const char *name, size_t group)
{
    const struct compare_answers *first = NULL;
    for (size_t m = 0; m < job->method_count; m++) {
        if (!was_run(job, m))
            continue;
        struct compare_summary summary = summary_of(job, m);
        if (!first)
            buf_add_format(out,
                           "\n%s%s: %zu of %zu right before\n"
                           "method       right   fixed   broke   change      95 %% interval"
                           "  p at most\n", of, name,
                           summary.groups[group].right_base, summary.groups[group].n);
        first = &summary.groups[group];
        add_answers_row(out, compare_method_name(job->methods[m]), first);
    }
}

void compare_print_end(const struct compare_job *job)
{
    struct buf out = {0};
    buf_add_text(&out, "\nmeans over the runs; cost: evaluations, passes included (3 for as many "
                       "tokens)");
    if (job->targets)
        buf_add_text(&out, ";\ntried, of train: steps, which cost what their tokens would as "
                           "evaluations");
    buf_add_text(&out, "\nmethod   runs   fitness        95 % interval     flips    tried  passes"
                       "     cost  seconds\n");
    for (size_t m = 0; m < job->method_count; m++)
        if (was_run(job, m)) {
            struct compare_summary summary = summary_of(job, m);
            add_signal_row(&out, compare_method_name(job->methods[m]), &summary);
        }
    for (int role = 0; role < ROLE_COUNT; role++)
        if (job->sets.roles[role].count > 0)
            add_group(&out, job, "", compare_role_name((enum compare_role)role), (size_t)role);
    for (size_t i = 0; i < job->sets.part_count; i++)
        add_group(&out, job, "heldout ", job->sets.parts[i].name, ROLE_COUNT + i);
    buf_add_text(&out, "\n");
    heldout_looks_text(&out, &job->looks);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *run_json(const struct compare_job *job, const struct compare_run *run)
{
    json_t *object = json_object(), *totals = json_object(), *parts = json_object();
    for (int role = 0; role < ROLE_COUNT; role++)
        if (job->sets.roles[role].count > 0)
            (void)json_object_set_new(totals, compare_role_name((enum compare_role)role),
                                      report_comparison_json(&run->groups[role]));
    for (size_t i = 0; i < job->sets.part_count; i++)
        (void)json_object_set_new(parts, job->sets.parts[i].name,
                                  report_comparison_json(&run->groups[ROLE_COUNT + i]));
    (void)json_object_set_new(object, "method", json_string(compare_method_name(run->method)));
    (void)json_object_set_new(object, "seed",
                              run->draws ? json_integer((json_int_t)run->seed) : json_null());
    (void)json_object_set_new(object, "fitness", json_real(run->fitness));
    (void)json_object_set_new(object, "flip_count", json_integer((json_int_t)run->flips));
    (void)json_object_set_new(object, "evaluations", json_integer((json_int_t)run->tried));
    (void)json_object_set_new(object, "passes", json_integer((json_int_t)run->passes));
    (void)json_object_set_new(object, "cost", json_real(run->cost));
    (void)json_object_set_new(object, "seconds", json_real(run->seconds));
    (void)json_object_set_new(object, "totals", totals);
    (void)json_object_set_new(object, "heldout_sets", parts);
    return object;
}

void compare_print_run(const struct compare_job *job, const struct compare_run *run)
{
    if (!job->request->json) {
        print_run_text(run);
        return;
    }
    json_t *object = json_object(), *numbers = run_json(job, run);
    (void)json_object_set_new(object, "event", json_string("run"));
    (void)json_object_update(object, numbers);
    json_decref(numbers);
    cli_print_json(object, false);
}

static json_t *answers_json(const struct compare_answers *answers)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "n", json_integer((json_int_t)answers->n));
    (void)json_object_set_new(object, "right_base",
                              json_integer((json_int_t)answers->right_base));
    (void)json_object_set_new(object, "right_now", report_spread_json(&answers->right));
    (void)json_object_set_new(object, "fixed", report_spread_json(&answers->fixed));
    (void)json_object_set_new(object, "broke", report_spread_json(&answers->broke));
    (void)json_object_set_new(object, "change", report_spread_json(&answers->change));
    (void)json_object_set_new(object, "mcnemar_p_most", json_real(answers->p_most));
    return object;
}

static json_t *summary_json(const struct compare_job *job, size_t method)
{
    struct compare_summary summary = summary_of(job, method);
    json_t *object = json_object(), *sets = json_object(), *parts = json_object();
    for (int role = 0; role < ROLE_COUNT; role++)
        if (job->sets.roles[role].count > 0)
            (void)json_object_set_new(sets, compare_role_name((enum compare_role)role),
                                      answers_json(&summary.groups[role]));
    for (size_t i = 0; i < job->sets.part_count; i++)
        (void)json_object_set_new(parts, job->sets.parts[i].name,
                                  answers_json(&summary.groups[ROLE_COUNT + i]));
    (void)json_object_set_new(object, "method",
                              json_string(compare_method_name(job->methods[method])));
    (void)json_object_set_new(object, "fitness", report_spread_json(&summary.fitness));
    (void)json_object_set_new(object, "flips", report_spread_json(&summary.flips));
    (void)json_object_set_new(object, "evaluations", report_spread_json(&summary.tried));
    (void)json_object_set_new(object, "passes", report_spread_json(&summary.passes));
    (void)json_object_set_new(object, "cost", report_spread_json(&summary.cost));
    (void)json_object_set_new(object, "seconds", report_spread_json(&summary.seconds));
    (void)json_object_set_new(object, "sets", sets);
    (void)json_object_set_new(object, "heldout_sets", parts);
    return object;
}

void compare_print_end_json(const struct compare_job *job)
{
    json_t *object = json_object(), *methods = json_array(), *runs = json_array();
    struct goal goal = search_goal(&job->options[0]);
    for (size_t m = 0; m < job->method_count; m++)
        if (was_run(job, m))
            (void)json_array_append_new(methods, summary_json(job, m));
    for (size_t i = 0; i < job->run_count; i++)
        (void)json_array_append_new(runs, run_json(job, &job->runs[i]));
    (void)json_object_set_new(object, "event", json_string("done"));
    goals_json(object, &goal);
    (void)json_object_set_new(object, "budget_evaluations",
                              job->evaluations > 0 ? json_integer((json_int_t)job->evaluations)
                                                   : json_null());
    (void)json_object_set_new(object, "budget_seconds",
                              job->seconds > 0 ? json_real(job->seconds) : json_null());
    (void)json_object_set_new(object, "methods", methods);
    (void)json_object_set_new(object, "runs", runs);
    (void)json_object_set_new(object, "heldout_looks", heldout_looks_json(&job->looks));
    (void)json_object_set_new(object, "interrupted", json_boolean(job->interrupted));
    cli_print_json(object, false);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/statistics.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/report/report.h"
#include "src/search/search_seeds_int.h"

/* ---- numbers of a run --------------------------------------------------------------- */

typedef double number_of(const struct seed_run *run, size_t set);

static double fitness_of(const struct seed_run *run, size_t set)
{
    (void)set;
    return run->fitness;
}

static double flips_of(const struct seed_run *run, size_t set)
{
    (void)set;
    return (double)run->flips;
}

static double fixed_of(const struct seed_run *run, size_t set)
{
    return (double)run->sets[set].fixed;
}

static double broke_of(const struct seed_run *run, size_t set)
{
    return (double)run->sets[set].broke;
}

static double right_of(const struct seed_run *run, size_t set)
{
    return (double)comparison_right_now(&run->sets[set]);
}

static double gap_of(const struct seed_run *run, size_t set)
{
    return run->sets[set].gap_change.mean;
}

static struct spread spread_of(const struct seeds_job *job, number_of *number, size_t set)
{
    double *values = x_new(job->run_count, sizeof *values);
    for (size_t i = 0; i < job->run_count; i++)
        values[i] = number(&job->runs[i], set);
    struct spread spread = statistics_spread(values, job->run_count);
    free(values);
    return spread;
}

/* ---- text ----------------------------------------------------------------------------- */

void seeds_print_start(const struct seeds_job *job)
{
    const struct search_options *options = &job->request->options;
    struct buf out = {0};
    buf_add_format(&out,
                   "greedy search: %zu targets, %zu controls, %" PRIu64 " candidates to try, "
                   "seeds %" PRIu64 " to %" PRIu64 "\n",
                   job->probes.targets->count, job->probes.controls->count, options->iterations,
                   options->seed, options->seed + job->seeds - 1);
    labels_text(&job->probes.labels, &out);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static void print_run_text(const struct seed_run *run)
{
    struct buf out = {0};
    buf_add_format(&out, "seed %-6" PRIu64 " %4zu flips  fitness %+.4f  fixed/broke:", run->seed,
                   run->flips, run->fitness);
    for (size_t i = 0; i < run->set_count; i++) {
        const struct comparison *set = &run->sets[i];
        buf_add_text(&out, i ? ", " : " ");
        text_visible(&out, set->set, strlen(set->set));
        buf_add_format(&out, " %zu/%zu", set->fixed, set->broke);
    }
    buf_add_text(&out, "\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static void add_spread(struct buf *out, const char *indent, const char *name,
                       const struct spread *spread, int digits)
{
    report_cell(out, indent, name, 22);
    buf_add_format(out, " %9.*f", digits, spread->mean);
    if (spread->n > 1)
        buf_add_format(out, " %9.*f %9.*f %9.*f", digits, spread->sd, digits, spread->low, digits,
                       spread->high);
    else
        buf_add_format(out, " %9s %9s %9s", "-", "-", "-");
    buf_add_format(out, " %9.*f %9.*f\n", digits, spread->min, digits, spread->max);
}

static const struct {
    const char *name; /* in JSON */
    const char *title;
    number_of *number;
    int digits;
} set_numbers[] = {
    {"right_now", "right", right_of, 2},
    {"fixed", "fixed", fixed_of, 2},
    {"broke", "broke", broke_of, 2},
    {"gap_change", "gap change (signal)", gap_of, 4},
};

enum { SET_NUMBERS = sizeof set_numbers / sizeof *set_numbers };

static void add_spreads(struct buf *out, const struct seeds_job *job)
{
    char title[64];
    struct spread fitness = spread_of(job, fitness_of, 0), flips = spread_of(job, flips_of, 0);
    (void)snprintf(title, sizeof title, "spread over %zu seeds", job->run_count);
    buf_add_format(out, "\n%-22s %9s %9s %9s %9s %9s %9s\n", title, "mean", "sd", "95 % low",
                   "high", "least", "most");
    add_spread(out, "", "flips", &flips, 2);
    add_spread(out, "", "fitness (signal)", &fitness, 4);
    for (size_t set = 0; set < job->runs[0].set_count; set++) {
        report_cell(out, "", job->runs[0].sets[set].set, 0);
        buf_add_text(out, "\n");
        for (size_t i = 0; i < SET_NUMBERS; i++) {
            struct spread spread = spread_of(job, set_numbers[i].number, set);
            if (spread.n > 0)
                add_spread(out, "  ", set_numbers[i].title, &spread, set_numbers[i].digits);
        }
    }
}

/* The best seed's patch, as a search of its own tells it. */
static void add_best(struct buf *out, const struct seeds_job *job)
{
    buf_add_text(out, "\npatch: ");
    text_visible(out, job->output.data, job->output.len);
    buf_add_format(out,
                   "\nof seed %" PRIu64 ", which has the highest fitness (held-out probes have no "
                   "say)\n\n", job->best_seed);
    report_table(out, &job->probes.all, job->base, job->now);
    heldout_looks_text(out, &job->looks);
    buf_add_text(out, "\n");
    if (job->null) {
        null_run_text(out, job->null, &job->probes.all, job->base, job->now);
        buf_add_text(out, "\n");
    }
    drift_text(&job->drift, out);
    buf_add_text(out, "\n");
    report_answers(out, &job->probes.all, job->base, job->now, false);
}

void seeds_print_end(const struct seeds_job *job)
{
    struct buf out = {0};
    add_spreads(&out, job);
    if (job->patch)
        add_best(&out, job);
    else
        buf_add_text(&out, "\nnothing was accepted under any seed: no patch was written\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

/* ---- JSON ------------------------------------------------------------------------------- */

void seeds_print_tried(uint64_t seed, const struct search_try *tried)
{
    json_t *object = report_tried_json(tried);
    (void)json_object_set_new(object, "seed", json_integer((json_int_t)seed));
    cli_print_json(object, false);
}

static void set_by_name(json_t *object, const char *name, json_t *value)
{
    json_t *text = json_text(name, strlen(name));
    (void)json_object_set_new(object, json_string_value(text), value);
    json_decref(text);
}

static json_t *run_json(const struct seed_run *run)
{
    json_t *object = json_object(), *totals = json_object();
    for (size_t i = 0; i < run->set_count; i++)
        set_by_name(totals, run->sets[i].set, report_comparison_json(&run->sets[i]));
    (void)json_object_set_new(object, "seed", json_integer((json_int_t)run->seed));
    (void)json_object_set_new(object, "flip_count", json_integer((json_int_t)run->flips));
    (void)json_object_set_new(object, "fitness", json_real(run->fitness));
    (void)json_object_set_new(object, "evaluations", json_integer((json_int_t)run->tried));
    (void)json_object_set_new(object, "screened", json_integer((json_int_t)run->screened));
    (void)json_object_set_new(object, "seconds", json_real(run->seconds));
    (void)json_object_set_new(object, "totals", totals);
    return object;
}

void seeds_print_run(const struct seeds_job *job, const struct seed_run *run)
{
    if (!job->request->json) {
        print_run_text(run);
        return;
    }
    json_t *object = json_object(), *numbers = run_json(run);
    (void)json_object_set_new(object, "event", json_string("seed"));
    (void)json_object_update(object, numbers);
    json_decref(numbers);
    cli_print_json(object, false);
}

static json_t *spreads_json(const struct seeds_job *job)
{
    struct spread fitness = spread_of(job, fitness_of, 0), flips = spread_of(job, flips_of, 0);
    json_t *object = json_object(), *sets = json_object();
    (void)json_object_set_new(object, "fitness", report_spread_json(&fitness));
    (void)json_object_set_new(object, "flips", report_spread_json(&flips));
    for (size_t set = 0; job->run_count > 0 && set < job->runs[0].set_count; set++) {
        json_t *one = json_object();
        for (size_t i = 0; i < SET_NUMBERS; i++) {
            struct spread spread = spread_of(job, set_numbers[i].number, set);
            (void)json_object_set_new(one, set_numbers[i].name, report_spread_json(&spread));
        }
        set_by_name(sets, job->runs[0].sets[set].set, one);
    }
    (void)json_object_set_new(object, "sets", sets);
    return object;
}

/* Totals of the best patch under the names of a single search. */
static void add_best_json(json_t *object, const struct seeds_job *job)
{
    json_t *flips = json_array();
    const struct probe_set *all = &job->probes.all;
    for (size_t i = 0; job->patch && i < job->patch->flip_count; i++)
        (void)json_array_append_new(flips, report_flip_json(&job->patch->flips[i]));
    (void)json_object_set_new(object, "flips", flips);
    if (!job->patch) {
        static const char *const nothing[] = {"chosen_seed", "fitness", "patch", "totals",
                                              "categories", "neutral"};
        for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
            (void)json_object_set_new(object, nothing[i], json_null());
        return;
    }
    (void)json_object_set_new(object, "chosen_seed", json_integer((json_int_t)job->best_seed));
    (void)json_object_set_new(object, "fitness", json_real(job->best_fitness));
    (void)json_object_set_new(object, "patch", json_text(job->output.data, job->output.len));
    (void)json_object_set_new(object, "totals", report_totals_json(all, job->base, job->now));
    (void)json_object_set_new(object, "categories",
                              report_categories_json(all, job->base, job->now));
    (void)json_object_set_new(object, "neutral", drift_json(&job->drift));
    if (job->null)
        (void)json_object_set_new(object, "null",
                                  null_run_json(job->null, all, job->base, job->now));
}

void seeds_print_end_json(const struct seeds_job *job)
{
    json_t *object = json_object(), *runs = json_array();
    uint64_t tried = 0;
    double seconds = 0;
    for (size_t i = 0; i < job->run_count; i++) {
        (void)json_array_append_new(runs, run_json(&job->runs[i]));
        tried += job->runs[i].tried;
        seconds += job->runs[i].seconds;
    }
    (void)json_object_set_new(object, "event", json_string("done"));
    add_best_json(object, job);
    (void)json_object_set_new(object, "evaluations", json_integer((json_int_t)tried));
    (void)json_object_set_new(object, "seconds", json_real(seconds));
    (void)json_object_set_new(object, "interrupted", json_boolean(job->interrupted));
    (void)json_object_set_new(object, "heldout_looks", heldout_looks_json(&job->looks));
    (void)json_object_set_new(object, "seeds", runs);
    (void)json_object_set_new(object, "spread", spreads_json(job));
    cli_print_json(object, false);
}

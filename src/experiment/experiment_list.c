/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Costs are tokens that go through all layers; seconds are what they take at the pace
 * at which this model, on this machine, reads a few short prompts now.
 */
#include "src/experiment/experiment_list.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/experiment/experiment.h"
#include "src/report/report.h"

/* Tokens a second of one evaluation of the built-in control probes. */
static bool measure_pace(struct model *model, int threads, double *pace, struct err *err)
{
    struct probe_set *set = probe_set_load("math,code,knowledge", err);
    if (!set)
        return false;
    const struct probe **probes = x_new(set->count, sizeof *probes);
    double *gaps = x_new(set->count, sizeof *gaps);
    for (size_t i = 0; i < set->count; i++)
        probes[i] = &set->probes[i];
    struct measure_options options = {METRIC_SEQ_LOGPROB, threads, 0};
    struct measure *measure = measure_new(model, probes, set->count, &options, err);
    double start = clock_seconds();
    bool ok = measure && measure_run(measure, gaps, &cli_cancel, err);
    double seconds = clock_seconds() - start;
    *pace = ok ? (double)measure_tokens(measure) / (seconds > 1e-6 ? seconds : 1e-6) : 0;
    measure_free(measure);
    probe_set_free(set);
    free(probes);
    free(gaps);
    return ok;
}

static bool cost_of(const struct experiment *experiment, struct model *model, double *tokens,
                    struct err *err)
{
    const struct lab_settings settings = {0};
    struct lab *lab = lab_new(experiment, model, &settings, err);
    *tokens = lab ? lab_cost(lab) : 0;
    lab_free(lab);
    return lab != NULL;
}

static json_t *entry(const struct experiment *experiment, double tokens, double seconds)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:f}", "name", experiment->name,
                     "numbers", experiment->numbers, "title", experiment->title, "shows",
                     experiment->shows, "published", experiment->published, "source",
                     experiment->source, "tokens", tokens, "seconds", seconds);
}

static void add_duration(struct buf *out, double seconds)
{
    if (seconds < 100)
        buf_add_format(out, "%.0f s", seconds < 1 ? 1 : seconds);
    else if (seconds < 6000)
        buf_add_format(out, "%.0f min", seconds / 60);
    else
        buf_add_format(out, "%.1f h", seconds / 3600);
}

static void add_entry(struct buf *out, const struct experiment *experiment, const json_t *entry)
{
    experiment_title(experiment, out);
    buf_add_format(out, "\n  shows      %s\n  published  %s\n  source     %s\n",
                   experiment->shows, experiment->published, experiment->source);
    buf_add_format(out, "  costs      about ");
    add_duration(out, json_number_value(json_object_get(entry, "seconds")));
    buf_add_format(out, " (%.3g tokens)\n\n",
                   json_number_value(json_object_get(entry, "tokens")));
}

static void print_entries(const json_t *entries, const struct model *model, double pace)
{
    struct buf out = {0};
    json_t *one;
    size_t i;
    json_array_foreach(entries, i, one)
        add_entry(&out, experiments[i], one);
    buf_add_format(&out, "costs are of %s on this machine now (%.0f tokens/s), with the default "
                         "settings\n", model_path(model), pace);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

int experiment_list(const struct arguments *arguments, const char *path, struct err *err)
{
    struct model *model = model_open(path, err);
    json_t *entries = json_array();
    double pace = 0, tokens = 0;
    bool ok = model && measure_pace(model, arguments_threads(arguments), &pace, err);
    for (size_t i = 0; ok && experiments[i]; i++) {
        ok = cost_of(experiments[i], model, &tokens, err);
        (void)json_array_append_new(entries, entry(experiments[i], tokens, tokens / pace));
    }
    if (ok && arguments_json(arguments))
        cli_print_json(json_pack("{s:s, s:O}", "model", path, "experiments", entries), true);
    else if (ok)
        print_entries(entries, model, pace);
    json_decref(entries);
    model_free(model);
    return ok ? EXIT_DONE : cli_fail(err);
}

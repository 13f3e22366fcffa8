/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/sha256.h"
#include "src/base/text.h"
#include "src/cli/cli_int.h"
#include "src/experiment/experiment.h"
#include "src/experiment/experiment_list.h"
#include "src/report/heldout_looks.h"
#include "src/report/patch_list.h"
#include "src/report/report.h"
#include "src/search/search_options.h"

extern const struct command command_experiment;

static const double save_seconds = 20; /* of a search, at most lost by a crash */

struct job {
    const struct arguments *arguments;
    const struct experiment *experiment;
    struct model *model;
    struct lab_settings settings;
    struct patch_list patches;
    struct lab *lab;
    struct account *account;
    struct buf state; /* path of the record */
    struct heldout_looks looks;
    double seconds;
    struct progress line;
};

/* ---- options ------------------------------------------------------------------------ */

/* What each option of the command line is to an experiment. */
static const struct {
    const char *name;
    unsigned option;
} uses[] = {
    {"probes", LAB_PROBES},   {"target", LAB_TARGET},   {"control", LAB_CONTROL},
    {"heldout", LAB_HELDOUT}, {"metric", LAB_METRIC},   {"iters", LAB_ITERS},
    {"seed", LAB_SEED},       {"repeats", LAB_REPEATS}, {"layers", LAB_LAYERS},
    {"sizes", LAB_SIZES},     {"patch", LAB_PATCHES},
};

static bool options_fit(const struct job *job, struct err *err)
{
    for (size_t i = 0; i < countof(uses); i++)
        if (arguments_has(job->arguments, uses[i].name) &&
            !(job->experiment->options & uses[i].option))
            return err_set(err, ERR_USAGE, "--%s is no option of %s", uses[i].name,
                           job->experiment->name);
    if (arguments_positional_count(job->arguments) > 2 &&
        !(job->experiment->options & LAB_PATCHES))
        return err_set(err, ERR_USAGE, "%s takes no patches", job->experiment->name);
    return true;
}

/* "1,4,16": ascending, from 1. */
static bool read_sizes(const char *list, struct lab_settings *settings, struct err *err)
{
    while (list) {
        size_t len = strcspn(list, ",");
        char *item = x_copy(list, len);
        int64_t size = 0, last = settings->size_count > 0
                                     ? (int64_t)settings->sizes[settings->size_count - 1] : 0;
        bool ok = num_parse_int(item, &size) && size > last;
        if (!ok)
            (void)err_set(err, ERR_USAGE, "--sizes: '%s' is no size above %lld", item,
                          (long long)last);
        free(item);
        if (!ok)
            return false;
        if (settings->size_count == LAB_SIZES_MAX)
            return err_set(err, ERR_USAGE, "--sizes: more than %d sizes", LAB_SIZES_MAX);
        settings->sizes[settings->size_count++] = (uint64_t)size;
        list = list[len] ? list + len + 1 : NULL;
    }
    return true;
}

static bool read_numbers(const struct arguments *arguments, struct lab_settings *settings,
                         struct err *err)
{
    int64_t seed = 0, iterations = 0, repeats = 0;
    if (!arguments_int(arguments, "seed", 0, INT64_MAX, 0, &seed, err) ||
        !arguments_int(arguments, "iters", 1, 1000000000, 0, &iterations, err) ||
        !arguments_int(arguments, "repeats", 1, 100000, 0, &repeats, err))
        return false;
    settings->has_seed = arguments_has(arguments, "seed");
    settings->seed = (uint64_t)seed;
    settings->iterations = (uint64_t)iterations;
    settings->repeats = (uint64_t)repeats;
    settings->threads = arguments_threads(arguments);
    return true;
}

static bool read_metric(const struct arguments *arguments, struct lab_settings *settings,
                        struct err *err)
{
    const char *metric = arguments_text(arguments, "metric", NULL);
    settings->has_metric = metric != NULL;
    return !metric || metric_parse(metric, &settings->metric) ||
           err_set(err, ERR_USAGE, "--metric: '%s' is unknown", metric);
}

static bool read_settings(struct job *job, struct err *err)
{
    const struct arguments *arguments = job->arguments;
    struct lab_settings *settings = &job->settings;
    settings->probes = arguments_text(arguments, "probes", NULL);
    settings->targets = arguments_text(arguments, "target", NULL);
    settings->controls = arguments_text(arguments, "control", NULL);
    settings->heldout = arguments_text(arguments, "heldout", NULL);
    return options_fit(job, err) && read_metric(arguments, settings, err) &&
           read_numbers(arguments, settings, err) &&
           search_layers_read(arguments, settings->layers, &settings->layer_count, err) &&
           read_sizes(arguments_text(arguments, "sizes", NULL), settings, err);
}

/* ---- loading --------------------------------------------------------------------------- */

/* MODEL may be left out; -m stands in for the first positional, which is NAME here. */
static const char *model_name(const struct arguments *arguments)
{
    const char *option = arguments_text(arguments, "model", NULL);
    const char *positional = arguments_positional(arguments, 1);
    return option ? option : positional ? positional : "nano";
}

static bool read_patches(struct job *job, struct err *err)
{
    bool force = arguments_has(job->arguments, "force");
    if (!patch_list_read(job->arguments, job->model, &job->patches, err))
        return false;
    for (int i = 2; i < arguments_positional_count(job->arguments); i++)
        if (!patch_list_add(arguments_positional(job->arguments, i), job->model, force,
                            &job->patches, err))
            return false;
    job->settings.patches = job->patches.patches;
    job->settings.patch_count = job->patches.count;
    return true;
}

/* Runs with other settings have other files. */
static bool default_state(struct job *job, struct err *err)
{
    struct buf text = {0}, name = {0};
    char digest[SHA256_TEXT_SIZE];
    json_print(&text, lab_header(job->lab), false);
    bool ok = sha256_text(text.data, text.len, digest, err);
    if (ok) {
        buf_add_format(&name, "experiment-%s-%.16s.jsonl", job->experiment->name, digest);
        ok = file_state_path(name.data, &job->state, err);
    }
    buf_free(&text);
    buf_free(&name);
    return ok;
}

static bool open_state(struct job *job, struct err *err)
{
    const char *given = arguments_text(job->arguments, "state", NULL);
    if (given)
        buf_add_text(&job->state, given);
    else if (!default_state(job, err))
        return false;
    return lab_open(job->lab, job->state.data, arguments_has(job->arguments, "fresh"),
                    save_seconds, err);
}

static bool load(struct job *job, struct err *err)
{
    if (!read_settings(job, err))
        return false;
    job->model = model_open(model_name(job->arguments), err);
    if (!job->model || !read_patches(job, err))
        return false;
    model_hash_start(job->model);
    job->lab = lab_new(job->experiment, job->model, &job->settings, err);
    return job->lab != NULL && open_state(job, err);
}

/* ---- running ------------------------------------------------------------------------------ */

static void report(void *user, const char *what, double done, double total)
{
    struct progress *line = user;
    line->total = total > done ? (uint64_t)total : (uint64_t)done;
    progress_update(line, (uint64_t)done, what);
}

static bool work(struct job *job, struct err *err)
{
    const struct lab_watch watch = {report, &job->line};
    double start = clock_seconds();
    size_t found = record_found(lab_record(job->lab));
    if (found > 0 && !arguments_json(job->arguments))
        cli_warn("going on with %s: %zu results are there", job->state.data, found);
    progress_start(&job->line, job->experiment->name, (uint64_t)lab_cost(job->lab));
    bool ok = lab_run(job->lab, &watch, &cli_cancel, err);
    progress_end(&job->line);
    job->seconds = clock_seconds() - start;
    if (!ok && err->code == ERR_CANCELLED)
        cli_warn("what was done is in %s; the same command goes on with it", job->state.data);
    return ok;
}

/* ---- output -------------------------------------------------------------------------------- */

static json_t *result_json(const struct job *job)
{
    const struct experiment *experiment = job->experiment;
    json_t *object = json_deep_copy(lab_header(job->lab));
    const char *path = model_path(job->model);
    (void)json_object_set_new(object, "model", json_text(path, strlen(path)));
    (void)json_object_set_new(object, "published", json_pack("{s:s, s:s, s:s}", "numbers",
                                                             experiment->numbers, "summary",
                                                             experiment->published, "source",
                                                             experiment->source));
    account_json(job->account, object);
    (void)json_object_set_new(object, "heldout_seen", heldout_looks_json(&job->looks));
    (void)json_object_set_new(object, "restored", json_true());
    (void)json_object_set_new(object, "resumed", json_integer((json_int_t)lab_resumed(job->lab)));
    (void)json_object_set_new(object, "seconds", json_real(job->seconds));
    return object;
}

static void add_settings(struct buf *out, const json_t *settings)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)settings, key, value) {
        const char *name = json_string_value(json_object_get(value, "name"));
        struct buf text = {0};
        if (name)
            buf_add_text(&text, name);
        else
            json_print(&text, value, false);
        buf_add_format(out, "  %-10s ", key);
        text_visible(out, text.data, text.len);
        buf_add_text(out, "\n");
        buf_free(&text);
    }
}

static void print_text(const struct job *job)
{
    const struct experiment *experiment = job->experiment;
    struct buf out = {0};
    experiment_title(experiment, &out);
    buf_add_format(&out, "\n  shows      %s\n  published  %s\n  source     %s\n", experiment->shows,
                   experiment->published, experiment->source);
    buf_add_text(&out, "  model      ");
    text_visible(&out, model_path(job->model), strlen(model_path(job->model)));
    buf_add_text(&out, "\n");
    add_settings(&out, json_object_get(lab_header(job->lab), "settings"));
    account_print(job->account, &out);
    heldout_looks_text(&out, &job->looks);
    buf_add_format(&out, "\nthe model is as it was, to the bit; %.1f s", job->seconds);
    if (lab_resumed(job->lab) > 0)
        buf_add_format(&out, ", %zu units were done before", lab_resumed(job->lab));
    buf_add_text(&out, "\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static bool write_output(const struct job *job, const json_t *result, struct err *err)
{
    const char *path = arguments_text(job->arguments, "output", NULL);
    struct buf text = {0};
    if (!path)
        return true;
    json_print(&text, result, true);
    buf_add(&text, "\n", 1);
    bool ok = file_write(path, text.data, text.len, err);
    buf_free(&text);
    return ok;
}

static bool finish(struct job *job, struct err *err)
{
    job->account = lab_account(job->lab);
    if (lab_heldout(job->lab))
        heldout_looks_count(&job->looks, job->model, lab_heldout(job->lab));
    json_t *result = result_json(job);
    bool ok = write_output(job, result, err);
    if (ok && arguments_json(job->arguments))
        cli_print_json(json_incref(result), true);
    else if (ok)
        print_text(job);
    json_decref(result);
    if (ok && !arguments_has(job->arguments, "state"))
        record_remove(lab_record(job->lab));
    return ok;
}

static int run(struct arguments *arguments, struct err *err)
{
    const char *name = arguments_positional(arguments, 0);
    struct job job = {.arguments = arguments};
    if (strcmp(name, "list") == 0)
        return experiment_list(arguments, model_name(arguments), err);
    job.experiment = experiment_find(name, err);
    bool ok = job.experiment && load(&job, err) && work(&job, err) && finish(&job, err);
    account_free(job.account);
    heldout_looks_free(&job.looks);
    lab_free(job.lab);
    patch_list_free(&job.patches);
    model_free(job.model);
    buf_free(&job.state);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    {"model", 'm', "MODEL", "model file, or nano (the default)"},
    {"output", 'o', "FILE", "write the results there as JSON, too"},
    {"state", 0, "FILE", "keep what was done there (a file of the state folder, removed at the "
                         "end)"},
    {"fresh", 0, NULL, "begin again, whatever an earlier run left"},
    {"probes", 0, "SET,...", "probes whose gaps are measured"},
    {"target", 0, "SET,...", "probes a search improves"},
    {"control", 0, "SET,...", "probes that must not get worse"},
    {"heldout", 0, "SET,...", "probes no search sees, answered before and after"},
    {"metric", 0, "M", "of the gaps: seq_logprob or token_gap"},
    {"iters", 0, "N", "candidates of each search"},
    {"seed", 0, "N", "of everything that is drawn"},
    {"repeats", 0, "N", "draws of what is random"},
    {"layers", 0, "LIST", "such as 0,2-4"},
    {"sizes", 0, "LIST", "how much is flipped, ascending: bits or rows"},
    PATCH_LIST_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct command command_experiment = {
    .name = "experiment",
    .synopsis = "list|NAME [MODEL] [PATCH...] [-o FILE]",
    .summary = "Run a published experiment beside its numbers",
    .details = "'experiment list [MODEL]' tells what each shows, what was published, where, and\n"
               "what it costs on the model.  Defaults fit the model; an option an experiment\n"
               "does not look at is refused.  What is done is kept: the same command goes on\n"
               "where it was interrupted.  Whether a result is like the published one is said by\n"
               "a rule, which is printed.  Only head-to-head, stacking, variations and safety\n"
               "take patches; without any they search for their own.",
    .options = options,
    .positional_min = 1,
    .positional_max = 64,
    .takes_model = false,
    .run = run,
};

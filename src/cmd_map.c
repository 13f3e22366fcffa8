/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/record.h"
#include "src/report/labelling.h"
#include "src/report/map_output.h"
#include "src/cli/metric_option.h"
#include "src/report/report.h"
#include "src/search/search_options.h"

extern const struct command command_map;

struct job {
    struct flip_map_options options;
    int32_t layers[SEARCH_LAYERS_MAX];
    struct model *model;
    struct probe_set *targets, *controls;
    struct flip_map *map;
    struct map_output *output; /* of -o, or NULL */
};

/* ---- options --------------------------------------------------------------------------- */

static bool read_words(const struct arguments *arguments, struct flip_map_options *options,
                       struct err *err)
{
    const char *what = arguments_text(arguments, "what", "attribution");
    const char *granularity = arguments_text(arguments, "granularity", "row");
    if (!flip_map_what_parse(what, &options->what))
        return err_set(err, ERR_USAGE,
                       "--what: '%s' is unknown, expected attribution, impact or scale", what);
    if (!granularity_parse(granularity, &options->units.granularity))
        return err_set(err, ERR_USAGE, "--granularity: '%s' is unknown, expected row, group or bit",
                       granularity);
    if (options->what == FLIP_MAP_SCALE && options->units.granularity == GRANULARITY_BIT)
        return err_set(err, ERR_USAGE, "a bit has the scale of its group, expected --granularity "
                                       "group with --what scale");
    const char *projs = arguments_text(arguments, "proj", "q,k,v,o,gate,up,down");
    if (strcmp(projs, "all") == 0)
        projs = "q,k,v,o,gate,up,down,embed,head";
    struct goal goal = flip_map_goal(options);
    if (!search_objective_read(arguments, AIM_GAP, &goal, err))
        return false;
    options->metric = goal.metric;
    options->control_metric = goal.control_metric;
    options->fitness = goal.fitness;
    options->aims = goal.aims;
    options->control_mix = goal.control_mix;
    return search_projs_parse(projs, &options->units.projs, err);
}

static bool read_numbers(const struct arguments *arguments, struct flip_map_options *options,
                         struct err *err)
{
    int64_t top = 0, exact = 0, seed = 0, keep = -1;
    if (!arguments_int(arguments, "top", 0, 1000000, 20, &top, err) ||
        !arguments_int(arguments, "exact", 0, 1000000, 0, &exact, err) ||
        !arguments_int(arguments, "seed", 0, INT64_MAX, 42, &seed, err) ||
        !arguments_int(arguments, "keep", 0, INT32_MAX, -1, &keep, err) ||
        !arguments_double(arguments, "penalty", 0, 1e6, 2, &options->penalty, err))
        return false;
    options->top = (size_t)top;
    options->exact = (size_t)exact;
    options->seed = (uint64_t)seed;
    options->units.threads = arguments_threads(arguments);
    options->units.keep_bytes = keep < 0 ? GRADIENT_KEEP_DEFAULT : (uint64_t)keep << 20;
    return true;
}

static bool choose_layers(const struct arguments *arguments, struct job *job, struct err *err)
{
    uint32_t layers = model_shape(job->model)->layers;
    size_t count = 0;
    if (!search_layers_read(arguments, job->layers, &count, err))
        return false;
    bool all = !arguments_has(arguments, "layers");
    for (uint32_t i = 0; all && i < layers && i < SEARCH_LAYERS_MAX; i++)
        job->layers[count++] = (int32_t)i;
    for (size_t i = 0; i < count; i++)
        if ((uint32_t)job->layers[i] >= layers)
            return err_set(err, ERR_RANGE, "--layers: layer %d is outside 0 .. %u",
                           (int)job->layers[i], (unsigned)(layers - 1));
    job->options.units.layers = job->layers;
    job->options.units.layer_count = count;
    return true;
}

static bool needs_probes(const struct job *job)
{
    return job->options.what != FLIP_MAP_SCALE || job->options.exact > 0;
}

/* ---- loading ----------------------------------------------------------------------------- */

static bool fits(const struct probe_set *set, const struct goal *goal, bool controls,
                 struct err *err)
{
    bool needs_wrong = goal_needs_wrong(goal, controls);
    for (size_t i = 0; i < set->count && needs_wrong; i++)
        if (set->probes[i].wrong[0] == '\0')
            return err_set(err, ERR_MISMATCH,
                           "probe '%s' has no wrong answer, which a %s gap needs",
                           set->probes[i].name, goal_measured(goal, controls));
    return true;
}

static struct probe_set *load_set(const char *spec, struct err *err)
{
    return spec ? probe_set_load(spec, err) : x_new(1, sizeof(struct probe_set));
}

static bool load_controls(const struct arguments *arguments, struct job *job, struct err *err)
{
    const char *spec = arguments_text(arguments, "control", NULL);
    const struct goal goal = flip_map_goal(&job->options);
    job->controls = spec ? labels_load(spec, err) : load_set(NULL, err);
    return job->controls && labels_fit(job->controls, &goal, err) &&
           fits(job->controls, &goal, true, err);
}

/* Those that wait for it, by the model as it is. */
static bool label_controls(struct job *job, struct err *err)
{
    const struct goal goal = flip_map_goal(&job->options);
    struct labels_told told = {.seen_elsewhere = labels_leave_out(job->controls, job->targets)};
    return labelling_set_shown(job->controls, job->model, &goal, job->options.units.threads,
                               &told, err);
}

static bool open_output(const struct arguments *arguments, struct job *job, const char *path,
                        struct err *err)
{
    const struct flip_map_options *options = &job->options;
    const char *sha256 = model_sha256(job->model, err);
    const char *name = arguments_text(arguments, "format", NULL);
    enum map_format format = map_format_of(path);
    struct map_file_head head = {"", options->what, options->units.granularity,
                                 flip_map_goal(options), options->seed, options->exact,
                                 job->targets->count, job->controls->count};
    if (!sha256)
        return false;
    memcpy(head.model, sha256, sizeof head.model);
    if (name && !map_format_parse(name, &format))
        return err_set(err, ERR_USAGE, "--format: '%s' is unknown, expected csv, json or binary",
                       name);
    job->output = map_output_open(path, format, &head, err);
    return job->output != NULL;
}

static bool load(const struct arguments *arguments, struct job *job, struct err *err)
{
    const char *model = arguments_positional(arguments, 0);
    const char *probes = arguments_text(arguments, "probes", NULL);
    const char *output = arguments_text(arguments, "output", NULL);
    struct flip_map_options *options = &job->options;
    if (!read_words(arguments, options, err) || !read_numbers(arguments, options, err))
        return false;
    if (arguments_json(arguments) && arguments_has(arguments, "csv"))
        return err_set(err, ERR_USAGE, "--json and --csv: expected one of them");
    if (needs_probes(job) && !probes)
        return err_set(err, ERR_USAGE, "no probes given, expected --probes SET");
    job->targets = load_set(needs_probes(job) ? probes : NULL, err);
    struct goal goal = flip_map_goal(options);
    if (!job->targets || !load_controls(arguments, job, err) ||
        !fits(job->targets, &goal, false, err))
        return false;
    job->model = model_open(model, err);
    if (!job->model || !choose_layers(arguments, job, err) || !label_controls(job, err))
        return false;
    return !output || open_output(arguments, job, output, err);
}

/* ---- mapping ------------------------------------------------------------------------------- */

static void write_matrix(void *user, const struct predicted *values)
{
    struct job *job = user;
    if (job->output)
        map_output_matrix(job->output, values);
}

static struct map_report report_of(const struct job *job)
{
    return (struct map_report){job->map, &job->options, job->targets->count,
                               job->controls->count};
}

static bool finish_output(struct job *job, struct err *err)
{
    struct map_report report = report_of(job);
    struct map_output *output = job->output;
    job->output = NULL;
    if (output && job->options.units.granularity == GRANULARITY_BIT)
        cli_warn("the file holds the best %zu (--top) and statistics, not all %" PRIu64 " bits",
                 job->map->top_count, job->map->units);
    return !output || map_output_close(output, &report, err);
}

static bool make(struct job *job, struct err *err)
{
    struct progress line;
    struct work_progress progress = {report_work, &line};
    progress_start(&line, job->options.exact > 0 ? "mapping and measuring" : "mapping", 0);
    report_at_once(&line);
    job->map = flip_map_new(job->model, job->targets, job->controls, &job->options, write_matrix,
                            job, &progress, &cli_cancel, err);
    progress_end(&line);
    return job->map && finish_output(job, err);
}

static void print(const struct arguments *arguments, const struct map_report *report)
{
    struct buf out = {0};
    if (arguments_json(arguments)) {
        cli_print_json(map_report_json(report), true);
        return;
    }
    if (arguments_has(arguments, "csv"))
        map_report_csv(&out, report);
    else
        map_report_text(&out, report);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

/* ---- a map that was stored ------------------------------------------------------------------ */

static bool print_stored(const struct arguments *arguments, const char *path, struct err *err)
{
    int64_t top = 0;
    if (arguments_positional(arguments, 0))
        return err_set(err, ERR_USAGE, "--load: a stored map needs no model, expected none");
    if (!arguments_int(arguments, "top", 0, 1000000, 20, &top, err))
        return false;
    struct map_file *file = map_file_read(path, err);
    if (!file)
        return false;
    map_file_rank(file, (size_t)top);
    const struct goal *goal = &file->head.goal;
    struct flip_map_options options = {.what = file->head.what,
                                       .units = {.granularity = file->head.granularity},
                                       .metric = goal->metric,
                                       .control_metric = goal->control_metric,
                                       .fitness = goal->fitness,
                                       .aims = goal->aims,
                                       .control_mix = goal->control_mix,
                                       .penalty = goal->penalty,
                                       .exact = (size_t)file->head.exact};
    struct map_report report = {file->map, &options, file->head.targets, file->head.controls};
    print(arguments, &report);
    map_file_free(file);
    return true;
}

static bool make_and_print(const struct arguments *arguments, struct job *job, struct err *err)
{
    if (!arguments_positional(arguments, 0))
        return err_set(err, ERR_USAGE, "no model given, expected MODEL or --load FILE");
    if (!load(arguments, job, err) || !make(job, err))
        return false;
    struct map_report report = report_of(job);
    print(arguments, &report);
    return true;
}

static int run(struct arguments *arguments, struct err *err)
{
    struct job job = {0};
    const char *stored = arguments_text(arguments, "load", NULL);
    bool ok = stored ? print_stored(arguments, stored, err) : make_and_print(arguments, &job, err);
    map_output_abandon(job.output);
    flip_map_free(job.map);
    probe_set_free(job.targets);
    probe_set_free(job.controls);
    model_free(job.model);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    {"probes", 0, "SET", "probes to improve: built-in sets or JSON files, comma-separated"},
    {"control", 0, "SET", "probes that must not get worse; self:SET as in search"},
    {"what", 0, "W", "attribution (default): predicted change of the fitness; impact: its size; "
                     "scale"},
    {"granularity", 0, "G", "row (default), group of 128 weights, or bit"},
    {"exact", 0, "N", "measure N units of every matrix, drawn at random, and the best (0)"},
    {"top", 0, "K", "show the best K (20)"},
    SEARCH_OBJECTIVE_OPTIONS,
    {"layers", 0, "LIST", "such as 0,2-4 (all)"},
    {"proj", 0, "LIST", "of q, k, v, o, gate, up, down, embed, head (the first seven), or all"},
    {"penalty", 0, "X", "weight of the controls' mean loss (2)"},
    {"seed", 0, "N", "of the units that --exact draws (42)"},
    {"keep", 0, "MIB", "memory for what the way forward leaves to the way back (half of what is "
                       "free, where it pays)"},
    {"csv", 0, NULL, "print the best as CSV"},
    {"output", 'o', "FILE", "write all units (of bits the best) to a file"},
    {"format", 0, "F", "of -o: csv, json or binary (by its end: .json, .map, else csv)"},
    {"load", 0, "FILE", "print a binary map that was written instead of making one"},
    {NULL, 0, NULL, NULL},
};

const struct command command_map = {
    .name = "map",
    .synopsis = "MODEL --probes SET [--control SET] [--exact N] [--top K] [-o FILE] | --load FILE",
    .summary = "Rank every flip of the model by one backward pass",
    .details = "The derivative of every probe's gap by every output of every matrix says what\n"
               "negating a row, or a group of 128 weights, does to each gap; the objective is\n"
               "evaluated on the predicted gaps.  Single bits are predicted by the objective's\n"
               "slope; of them only the best and statistics are kept.  With --exact some units\n"
               "of every matrix and the best are measured: the rank correlation tells how far\n"
               "to believe the rest.",
    .options = options,
    .positional_min = 0,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/search_job.h"

extern const struct command command_search;

enum { LAYERS_MAX = 1024 };

/* ---- lists ---------------------------------------------------------------------------- */

/* Copies the next item of a comma-separated list; NULL at its end. */
static char *next_item(const char **list)
{
    if (!*list)
        return NULL;
    const char *comma = strchr(*list, ',');
    size_t len = comma ? (size_t)(comma - *list) : strlen(*list);
    char *item = x_copy(*list, len);
    *list = comma ? comma + 1 : NULL;
    return item;
}

/* "3" or "1-4" */
static bool parse_range(char *item, int64_t *first, int64_t *last)
{
    char *dash = strchr(item, '-');
    if (dash)
        *dash = '\0';
    bool ok = num_parse_int(item, first) && (!dash || num_parse_int(dash + 1, last));
    if (ok && !dash)
        *last = *first;
    if (dash)
        *dash = '-';
    return ok && *first >= 0 && *first <= *last && *last <= INT32_MAX;
}

static bool parse_layers(const char *list, int32_t *layers, size_t *count, struct err *err)
{
    char *item;
    while ((item = next_item(&list))) {
        int64_t first = 0, last = 0;
        bool ok = parse_range(item, &first, &last);
        if (!ok)
            (void)err_set(err, ERR_USAGE, "--layers: '%s' is no layer, expected such as 0,2-4",
                          item);
        free(item);
        for (int64_t i = first; ok && i <= last; i++) {
            if (*count == LAYERS_MAX)
                return err_set(err, ERR_USAGE, "--layers: more than %d layers", LAYERS_MAX);
            layers[(*count)++] = (int32_t)i;
        }
        if (!ok)
            return false;
    }
    return true;
}

static bool parse_projs(const char *list, uint32_t *projs, struct err *err)
{
    char *item;
    *projs = 0;
    while ((item = next_item(&list))) {
        enum proj proj = PROJ_Q;
        bool ok = proj_parse(item, &proj);
        if (!ok)
            (void)err_set(err, ERR_USAGE,
                          "--proj: '%s' is unknown, expected q, k, v, o, gate, up, down, embed or "
                          "head", item);
        free(item);
        if (!ok)
            return false;
        *projs |= 1u << proj;
    }
    return true;
}

/* ---- options ---------------------------------------------------------------------------- */

static bool read_words(const struct arguments *arguments, struct search_options *options,
                       struct err *err)
{
    const char *method = arguments_text(arguments, "method", "greedy");
    const char *fitness = arguments_text(arguments, "fitness", "mean");
    const char *metric = arguments_text(arguments, "metric", "seq_logprob");
    if (strcmp(method, "greedy") != 0)
        return err_set(err, ERR_USAGE, "--method: '%s' is unknown, expected greedy", method);
    if (strcmp(fitness, "mean") != 0 && strcmp(fitness, "min") != 0)
        return err_set(err, ERR_USAGE, "--fitness: '%s' is unknown, expected mean or min",
                       fitness);
    if (!metric_parse(metric, &options->metric))
        return err_set(err, ERR_USAGE,
                       "--metric: '%s' is unknown, expected token_gap or seq_logprob", metric);
    options->fitness = strcmp(fitness, "min") == 0 ? FITNESS_MIN : FITNESS_MEAN;
    return parse_projs(arguments_text(arguments, "proj", "gate,up"), &options->projs, err);
}

static bool read_numbers(const struct arguments *arguments, struct search_options *options,
                         struct err *err)
{
    int64_t iterations = 0, seed = 0;
    if (!arguments_int(arguments, "iters", 1, 1000000000, (int64_t)options->iterations,
                       &iterations, err) ||
        !arguments_int(arguments, "seed", 0, INT64_MAX, (int64_t)options->seed, &seed, err) ||
        !arguments_double(arguments, "penalty", 0, 1e6, options->penalty, &options->penalty, err))
        return false;
    options->iterations = (uint64_t)iterations;
    options->seed = (uint64_t)seed;
    options->threads = arguments_threads(arguments);
    return true;
}

static int run(struct arguments *arguments, struct err *err)
{
    int32_t layers[LAYERS_MAX];
    struct search_request request = {
        .model = arguments_positional(arguments, 0),
        .targets = arguments_text(arguments, "target", NULL),
        .controls = arguments_text(arguments, "control", NULL),
        .heldout = arguments_text(arguments, "heldout", NULL),
        .output = arguments_text(arguments, "output", NULL),
        .name = arguments_text(arguments, "name", NULL),
        .options = search_default_options(),
        .json = arguments_json(arguments),
    };
    const char *list = arguments_text(arguments, "layers", NULL);
    if (!request.targets) {
        (void)err_set(err, ERR_USAGE, "no targets given, expected --target SET");
        return cli_fail(err);
    }
    if (!read_words(arguments, &request.options, err) ||
        !read_numbers(arguments, &request.options, err) ||
        !parse_layers(list, layers, &request.options.layer_count, err))
        return cli_fail(err);
    request.options.layers = list ? layers : NULL;
    return search_job_run(&request, err);
}

static const struct option_spec options[] = {
    {"target", 0, "SET", "probes to improve: built-in sets or JSON files, comma-separated"},
    {"control", 0, "SET", "probes that must not get worse"},
    {"heldout", 0, "SET", "probes the search never sees, answered before and after it"},
    {"output", 'o', "PATCH", "patch file, rewritten at every accepted flip (last.json in the "
                             "state folder)"},
    {"name", 0, "NAME", "name of the patch (search)"},
    {"method", 0, "M", "greedy: as first published"},
    {"layers", 0, "LIST", "such as 0,2-4 (all; of more than 8 layers 1-4 and the penultimate)"},
    {"proj", 0, "LIST", "of q, k, v, o, gate, up, down, embed, head (gate,up)"},
    {"iters", 0, "N", "candidates to try (200)"},
    {"penalty", 0, "X", "weight of the controls' mean loss (2)"},
    {"fitness", 0, "F", "mean (default) or min of the targets' gains"},
    {"metric", 0, "M", "seq_logprob (default) or token_gap"},
    {"seed", 0, "N", "of the draws (42)"},
    {NULL, 0, NULL, NULL},
};

const struct command command_search = {
    .name = "search",
    .synopsis = "MODEL --target SET --control SET [--heldout SET] -o PATCH",
    .summary = "Search for row flips that help the targets",
    .details = "Rows are drawn by their mean scale, flipped, measured, and kept if the fitness\n"
               "rises.  Every accepted flip is in the patch file before it is printed.  At the\n"
               "end all probes are answered before and after: generation is the result, gaps\n"
               "are the search's signal.  Exit status 1: nothing was accepted.",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};

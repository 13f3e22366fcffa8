/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "src/search_job.h"
#include "src/search_options.h"

extern const struct command command_search;

static int run(struct arguments *arguments, struct err *err)
{
    int32_t layers[SEARCH_LAYERS_MAX];
    int64_t iterations = 0;
    const char *method = arguments_text(arguments, "method", "greedy");
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
    if (!request.targets) {
        (void)err_set(err, ERR_USAGE, "no targets given, expected --target SET");
        return cli_fail(err);
    }
    if (strcmp(method, "greedy") != 0) {
        (void)err_set(err, ERR_USAGE, "--method: '%s' is unknown, expected greedy", method);
        return cli_fail(err);
    }
    if (!search_options_read(arguments, &request.options, layers, err) ||
        !arguments_int(arguments, "iters", 1, 1000000000, (int64_t)request.options.iterations,
                       &iterations, err))
        return cli_fail(err);
    request.options.iterations = (uint64_t)iterations;
    return search_job_run(&request, err);
}

static const struct option_spec options[] = {
    SEARCH_PROBE_OPTIONS,
    {"output", 'o', "PATCH", "patch file, rewritten at every accepted flip (last.json in the "
                             "state folder)"},
    {"name", 0, "NAME", "name of the patch (search)"},
    {"method", 0, "M", "greedy: as first published"},
    {"iters", 0, "N", "candidates to try (200)"},
    SEARCH_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct command command_search = {
    .name = "search",
    .synopsis = "MODEL --target SET --control SET [--heldout SET] -o PATCH",
    .summary = "Search for row flips that help the targets",
    .details = "Rows are drawn by their mean scale, flipped, measured, and kept if the fitness\n"
               "rises.  A candidate is measured from its own layer on, and no further than its\n"
               "targets allow; --plain-eval computes everything, for comparison.  Every accepted flip is in the patch file before it is printed.  At the\n"
               "end all probes are answered before and after: generation is the result, gaps\n"
               "are the search's signal.  Exit status 1: nothing was accepted.",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};

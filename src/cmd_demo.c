/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What `make run` shows: a short search on the embedded model, and what it did
 * to answers the search never saw.
 */
#include "src/search/search_job.h"
#include "src/search/search_options.h"

extern const struct command command_demo;

static int run(struct arguments *arguments, struct err *err)
{
    struct search_request request = {
        .model = "nano",
        .targets = "calculus-train",
        .heldout = "calculus-heldout,nano-heldout",
        .state_name = "demo.json", /* last.json is somebody's last search */
        .name = "demo",
        .options = search_options_usual(),
        .json = arguments_json(arguments),
    };
    int64_t iterations = 0;
    if (!arguments_int(arguments, "iters", 1, 1000000, 60, &iterations, err))
        return cli_fail(err);
    struct buf controls = {0};
    request.options.iterations = (uint64_t)iterations;
    request.options.threads = arguments_threads(arguments);
    request.controls = search_controls(NULL, request.targets, request.heldout, &request.options,
                                       &controls);
    int status = search_job_run(&request, err);
    buf_free(&controls);
    return status == EXIT_NO ? EXIT_DONE : status; /* a demonstration has no "no" */
}

static const struct option_spec options[] = {
    {"iters", 0, "N", "candidates to try (60)"},
    {NULL, 0, NULL, NULL},
};

const struct command command_demo = {
    .name = "demo",
    .synopsis = "[--iters N]",
    .summary = "Run a short search on the embedded model",
    .details = NULL,
    .options = options,
    .positional_min = 0,
    .positional_max = 0,
    .takes_model = false,
    .run = run,
};

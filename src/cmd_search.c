/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "src/base/num.h"
#include "src/report/null_run.h"
#include "src/search/search_compare.h"
#include "src/search/search_from.h"
#include "src/search/search_job.h"
#include "src/search/search_options.h"
#include "src/search/search_seeds.h"
#include "src/search/train_options.h"

extern const struct command command_search;

static bool names_inputs(const struct search_request *request, struct err *err)
{
    if (!request->model)
        return err_set(err, ERR_USAGE, "no model given, expected: bankai search %s",
                       command_search.synopsis);
    if (!request->targets)
        return err_set(err, ERR_USAGE, "no targets given, expected --target SET");
    return true;
}

static bool is_train(const struct arguments *arguments)
{
    return strcmp(arguments_text(arguments, "method", ""), "train") == 0;
}

/* Options that method train has not. */
static const char *const not_of_train[] = {
    "mode", "iters", "granularity", "layers", "metric", "penalty", "order", "from",
    "fitness", "control-metric", "keep", "plain-eval", "seeds", "repeats",
};

static int run_train(const struct arguments *arguments, const char *targets, const char *controls,
                     struct err *err)
{
    for (size_t i = 0; i < countof(not_of_train); i++)
        if (arguments_has(arguments, not_of_train[i])) {
            (void)err_set(err, ERR_USAGE, "--%s is not for method train", not_of_train[i]);
            return cli_fail(err);
        }
    return train_options_run(arguments, targets, controls,
                             "search MODEL --method train --targets SET --controls SET "
                             "[--heldout SET] [-s SESSION] -o PATCH", err);
}

static int compare(struct arguments *arguments, const struct search_request *request,
                   struct err *err)
{
    size_t seeds = 0;
    if (!search_compare_wanted(arguments))
        (void)err_set(err, ERR_USAGE, "--budget is of comparisons, expected it with --compare");
    else if (names_inputs(request, err) && search_seeds_option(arguments, &seeds, err))
        return search_compare_run(arguments, request, seeds, err);
    return cli_fail(err);
}

static int search(struct search_request *request, size_t seeds, bool going_on, struct err *err)
{
    struct buf controls = {0};
    if (!going_on)
        request->controls = search_controls(request->controls, request->targets,
                                            request->heldout, &request->options, &controls);
    int status = seeds > 0 ? search_seeds_run(request, seeds, err) : search_job_run(request, err);
    buf_free(&controls);
    return status;
}

static int run(struct arguments *arguments, struct err *err)
{
    int32_t layers[SEARCH_LAYERS_MAX];
    int64_t iterations = 0;
    size_t seeds = 0;
    struct search_request request = {
        .model = arguments_positional(arguments, 0),
        .targets = arguments_text(arguments, "target", arguments_text(arguments, "targets", NULL)),
        .controls =
            arguments_text(arguments, "control", arguments_text(arguments, "controls", NULL)),
        .heldout = arguments_text(arguments, "heldout", NULL),
        .from = arguments_text(arguments, "from", NULL),
        .mode = arguments_text(arguments, "mode", NULL),
        .output = arguments_text(arguments, "output", NULL),
        .name = arguments_text(arguments, "name", NULL),
        .session = arguments_text(arguments, "session", NULL),
        .found = {.stack = arguments_text(arguments, "stack", NULL),
                  .search_alone = arguments_has(arguments, "compare-stacking")},
        .options = search_default_options(),
        .json = arguments_json(arguments),
    };
    if (search_compare_wanted(arguments) || arguments_has(arguments, "budget"))
        return compare(arguments, &request, err);
    if (is_train(arguments))
        return run_train(arguments, request.targets, request.controls, err);
    const char *foreign = train_options_given(arguments);
    if (foreign) {
        (void)err_set(err, ERR_USAGE, "--%s is of --method train", foreign);
        return cli_fail(err);
    }
    bool going_on = search_options_going_on(request.session);
    if (going_on ? !search_options_leave_session(arguments, err) : !names_inputs(&request, err))
        return cli_fail(err);
    if (!search_options_read(arguments, &request.options, layers, err) ||
        !null_run_option(arguments, &request.null_draws, err) ||
        !search_seeds_option(arguments, &seeds, err) ||
        !arguments_int(arguments, "iters", 1, 1000000000, (int64_t)request.options.iterations,
                       &iterations, err))
        return cli_fail(err);
    if (!going_on && !search_from_check(request.options.method, request.from, err))
        return cli_fail(err);
    bool as_before = going_on && !arguments_has(arguments, "iters");
    request.options.iterations = as_before ? 0 : (uint64_t)iterations;
    return search(&request, seeds, going_on, err);
}

static const struct option_spec options[] = {
    SEARCH_PROBE_OPTIONS,
    {"output", 'o', "PATCH", "patch file, rewritten at every accepted flip (that of the "
                             "session, or last.json in the state folder)"},
    {"name", 0, "NAME", "name of the patch (search)"},
    {"session", 's', "FILE", "session to begin, or to go on with where it stopped"},
    {"iters", 0, "N", "candidates to try (200), those of the session's past included"},
    {"stack", 0, "LIST", "joint: patches to be stacked and shown beside the Pareto front"},
    {"compare-stacking", 0, NULL, "joint: search for each domain alone, too, and stack that"},
    NULL_OPTION,
    SEARCH_SEEDS_OPTIONS,
    SEARCH_COMPARE_OPTIONS,
    SEARCH_OPTIONS,
    {"targets", 0, "SET", "the same as --target"},
    {"controls", 0, "SET", "the same as --control"},
    TRAIN_OPTIONS_BESIDE("N|SET", "of train: targets set apart (N; a fifth, at most 200); of "
                                  "--compare: targets set apart, or another set (none)"),
    {NULL, 0, NULL, NULL},
};

const struct command command_search = {
    .name = "search",
    .synopsis = "MODEL --target SET [--control SET] [--heldout SET] [-s SESSION] -o PATCH",
    .summary = "Search for flips that help the targets",
    .details = "Groups of 128 weights are flipped in the order of what one backward pass\n"
               "promises, measured, and kept if the fitness rises; the pass is repeated as\n"
               "flips are accepted (no seed has a say).  Fitness is the margin by which the\n"
               "targets are won, less what the controls lose: unless others are named these are\n"
               "math, code, knowledge and 300 prompts that the model labels itself, which is\n"
               "what keeps other answers from breaking (--control none: none; with fewer than\n"
               "100 a line warns).  --method greedy is the published search, with no controls but\n"
               "those named: rows of gate and up drawn by their mean scale, by gap; with --order\n"
               "attribution in the order of one backward pass before the search.  A\n"
               "candidate is measured from its own layer on, and no further than its targets\n"
               "allow; --plain-eval computes everything, for comparison.  Every accepted flip is\n"
               "in the patch file before it is printed.  With -s every step is in a session\n"
               "that goes on, to the bit, where it was stopped or killed.  At the end all probes\n"
               "are answered before and after: generation is the result, gaps are the search's\n"
               "signal.  --null N then answers them with N times as many random flips of the\n"
               "same layers and projections (its seed is that of the search), and tells the\n"
               "patch's rank.  --seeds N searches N times from the model as it is and tells the\n"
               "spread; the patch is that of the highest fitness (never chosen by held-out\n"
               "probes).  --compare greedy,guided runs each method with each seed until the same\n"
               "--budget is used up, with the same objective (margin unless told otherwise), and\n"
               "tells what they did to targets, validation and held-out probes; it keeps nothing.\n"
               "train can be one of them; methods in which no seed has a say are run once.\n"
               "Exit status 1: nothing was accepted.\n"
               "\n"
               "--method guided --together N measures as many flips at once as keep what was\n"
               "promised of them, N at most, and what is rejected in halves.  Other methods;\n"
               "--from PATCH, which any of them takes, puts a patch's flips on first, as one\n"
               "step:\n"
               "  group   rows of all matrices in guided's order, then only the groups of 128\n"
               "          weights that carry the gain: what costs nothing is taken off again\n"
               "  bit     the same, then chunks of these groups (--chunk weights)\n"
               "  prune   takes off what contributes least, as long as the fitness does\n"
               "          not fall\n"
               "  swap    takes off what contributes least and puts on what promises\n"
               "          most, where that raises the fitness\n"
               "  evolve  crosses and changes patches: those of --from A,B,..., or four\n"
               "          that it finds by itself, each by a random half of the probes\n"
               "  joint   takes each set of --target as a domain, none of which may fall;\n"
               "          shows the Pareto front of all that was tried\n"
               "  bfs     by how far a flip moves the fitness, up or down; 32 random ones,\n"
               "          measured first, say how far to believe that order\n"
               "  random  the null model: drawn from all alike and kept whatever they do\n"
               "          (--accept better: if they help)\n"
               "  train   hundreds of flips a step from fresh minibatches of many targets; the\n"
               "          options from --neighbours on are its own (bankai help train)",
    .options = options,
    .positional_min = 0,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};

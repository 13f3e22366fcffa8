/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "src/report/null_run.h"
#include "src/search/train_job.h"

extern const struct command command_train;

/* "8", "1", ..., "row" */
static bool read_unit(const struct arguments *arguments, uint32_t *chunk, struct err *err)
{
    int64_t weights = 0;
    const char *text = arguments_text(arguments, "unit", "8");
    if (strcmp(text, "row") == 0) {
        *chunk = UNITS_ROWS;
        return true;
    }
    if (!arguments_int(arguments, "unit", 1, GROUP_WEIGHTS, 8, &weights, err))
        return false;
    *chunk = (uint32_t)weights;
    return true;
}

static bool read_size(const struct arguments *arguments, const char *name, int64_t least,
                      size_t *value, struct err *err)
{
    int64_t number = 0;
    if (!arguments_int(arguments, name, least, 1000000, (int64_t)*value, &number, err))
        return false;
    *value = (size_t)number;
    return true;
}

static bool read_sizes(const struct arguments *arguments, struct train_options *options,
                       struct err *err)
{
    return read_size(arguments, "batch", 1, &options->batch_targets, err) &&
           read_size(arguments, "batch-controls", 0, &options->batch_controls, err) &&
           read_size(arguments, "flips", 1, &options->first_k, err) &&
           read_size(arguments, "flips-max", 1, &options->most_k, err) &&
           (!arguments_has(arguments, "validation") ||
            read_size(arguments, "validation", 0, &options->validation, err));
}

static bool read_limits(const struct arguments *arguments, struct train_request *request,
                        struct err *err)
{
    struct train_options *options = &request->options;
    int64_t steps = 0, patience = 0, seed = 0;
    if (!arguments_int(arguments, "steps", 1, 1000000, (int64_t)options->steps, &steps, err) ||
        !arguments_int(arguments, "patience", 0, 1000000, 0, &patience, err) ||
        !arguments_int(arguments, "seed", 0, INT64_MAX, (int64_t)options->seed, &seed, err) ||
        !arguments_double(arguments, "bytes", 0, 1e12, 0, &options->bytes_max, err) ||
        !arguments_double(arguments, "seconds", 0, 1e9, 0, &request->seconds, err) ||
        !arguments_double(arguments, "control-weight", 0, 1e6, options->control_weight,
                          &options->control_weight, err))
        return false;
    options->steps = (uint64_t)steps;
    options->patience = (uint64_t)patience;
    options->seed = (uint64_t)seed;
    return true;
}

static bool read_ranking(const struct arguments *arguments, enum ranking *ranking, struct err *err)
{
    const char *name = arguments_text(arguments, "rank", ranking_name(*ranking));
    return ranking_parse(name, ranking) ||
           err_set(err, ERR_USAGE, "--rank: '%s' is unknown, expected fisher, snr or raw", name);
}

static bool read_null(const struct arguments *arguments, struct train_request *request,
                      struct err *err)
{
    if (!null_run_option(arguments, &request->null_draws, err))
        return false;
    return request->null_draws == 0 || request->heldout ||
           err_set(err, ERR_USAGE, "--null answers the held-out probes, expected --heldout SET");
}

static int run(struct arguments *arguments, struct err *err)
{
    struct train_request request = {
        .model = arguments_positional(arguments, 0),
        .targets = arguments_text(arguments, "targets", NULL),
        .controls = arguments_text(arguments, "controls", NULL),
        .heldout = arguments_text(arguments, "heldout", NULL),
        .output = arguments_text(arguments, "output", NULL),
        .name = arguments_text(arguments, "name", NULL),
        .options = train_default_options(),
        .json = arguments_json(arguments),
    };
    request.options.threads = arguments_threads(arguments);
    if (!request.targets || !request.output)
        (void)err_set(err, ERR_USAGE, "no %s given, expected: bankai train %s",
                      request.targets ? "-o PATCH" : "--targets", command_train.synopsis);
    else if (read_unit(arguments, &request.options.chunk, err) &&
             read_sizes(arguments, &request.options, err) &&
             read_limits(arguments, &request, err) &&
             read_ranking(arguments, &request.options.ranking, err) &&
             read_null(arguments, &request, err))
        return train_job_run(&request, err);
    return cli_fail(err);
}

static const struct option_spec options[] = {
    {"targets", 0, "SET", "probes to learn: built-in sets, JSON files or JSON lines"},
    {"controls", 0, "SET", "prompts on which the model is to stay as it is: any set (its answers "
                           "are not looked at), self:FILE (a prompt a line) or self:N"},
    {"heldout", 0, "SET", "probes that are answered before and after, and never learned from"},
    {"output", 'o', "PATCH", "patch file, rewritten at every step that kept flips"},
    {"name", 0, "NAME", "name of the patch (train)"},
    {"unit", 0, "N", "weights that are flipped together: 1, 2, 4, ... 128, or row (8)"},
    {"rank", 0, "R", "snr (default), fisher for small patches, or raw"},
    {"batch", 0, "N", "targets of a minibatch (128)"},
    {"batch-controls", 0, "N", "controls of a minibatch (128)"},
    {"control-weight", 0, "X", "of the controls' divergence (1)"},
    {"flips", 0, "N", "of the first step (64)"},
    {"flips-max", 0, "N", "of any step (400)"},
    {"validation", 0, "N", "targets set apart (a fifth, at most 200)"},
    {"steps", 0, "N", "at most (100)"},
    {"patience", 0, "N", "stop when validation has not risen for so many steps (never)"},
    {"bytes", 0, "N", "stop when the patch needs so many (no limit)"},
    {"seconds", 0, "S", "stop after so long (no limit)"},
    {"seed", 0, "N", "of minibatches, and of null models (42)"},
    NULL_OPTION,
    {NULL, 0, NULL, NULL},
};

const struct command command_train = {
    .name = "train",
    .synopsis = "MODEL --targets SET --controls SET [--heldout SET] -o PATCH",
    .summary = "Learn flips from thousands of targets",
    .details = "Each step asks the gradient of a fresh minibatch which bits would help, flips\n"
               "hundreds of them together, and keeps them unless they harm a second minibatch.\n"
               "Targets are learned as whole answers; controls hold the model where it is, by\n"
               "the divergence of its next tokens from before.  Skills near the targets are best\n"
               "made targets, too.  Held-out probes are answered at the end: that is the result.\n"
               "--null N answers them with as many random flips, too; the mean divergence on\n"
               "neutral text is told beside it.\n"
               "Exit status 1: nothing was kept.",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};

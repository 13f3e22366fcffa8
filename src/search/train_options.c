/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search/train_options.h"

#include <stdlib.h>
#include <string.h>

#include "engine/search/trim.h"
#include "src/base/num.h"
#include "src/report/null_run.h"
#include "src/search/search_options.h"
#include "src/search/train_job.h"

static const struct option_spec of_train[] = {TRAIN_OPTIONS};

/* What a session does not decide. */
static const char *const always[] = {"resume", "steps", "seconds", "front", "point"};

static const char *const inputs[] = {"proj", "objective", "seed", "price"};

static const char *first_given(const struct arguments *arguments, const char *const *names,
                               size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (arguments_has(arguments, names[i]))
            return names[i];
    return NULL;
}

const char *train_options_given(const struct arguments *arguments)
{
    for (size_t i = 0; i < countof(of_train); i++)
        if (arguments_has(arguments, of_train[i].name))
            return of_train[i].name;
    return NULL;
}

/* ---- numbers ------------------------------------------------------------------------ */

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
    int64_t number = 0, fallback = arguments_has(arguments, name) ? 0 : (int64_t)*value;
    if (!arguments_has(arguments, name))
        return true;
    if (!arguments_int(arguments, name, least, 1000000, fallback, &number, err))
        return false;
    *value = (size_t)number;
    return true;
}

static bool read_sizes(const struct arguments *arguments, struct train_options *options,
                       struct err *err)
{
    return read_size(arguments, "minibatch", 1, &options->batch_targets, err) &&
           read_size(arguments, "minibatch", 1, &options->batch_controls, err) &&
           read_size(arguments, "batch", 1, &options->batch_targets, err) &&
           read_size(arguments, "batch-controls", 0, &options->batch_controls, err) &&
           read_size(arguments, "flips", 1, &options->first_k, err) &&
           read_size(arguments, "flips-max", 1, &options->most_k, err) &&
           read_size(arguments, "validation-controls", 0, &options->control_validation, err);
}

/* "12", or "2.5%" of the controls that are judged. */
static bool read_broken(const struct arguments *arguments, struct train_options *options,
                        struct err *err)
{
    const char *text = arguments_text(arguments, "max-broken", NULL);
    int64_t count = 0;
    double share = 0;
    size_t len = text ? strlen(text) : 0;
    if (!text)
        return true;
    char *number = x_copy(text, len);
    bool is_share = len > 0 && text[len - 1] == '%';
    if (is_share)
        number[len - 1] = '\0';
    bool ok = is_share ? num_parse_double(number, &share) && share >= 0 && share <= 100
                       : num_parse_int(number, &count) && count >= 0;
    free(number);
    if (!ok)
        return err_set(err, ERR_USAGE, "--max-broken: '%s' is no number of controls, expected such "
                                       "as 10 or 2%%", text);
    options->broken_share_max = is_share ? share / 100 : 1;
    options->broken_max = is_share ? TRAIN_NO_LIMIT : (size_t)count;
    return true;
}

static bool read_limits(const struct arguments *arguments, struct train_request *request,
                        struct err *err)
{
    struct train_options *options = &request->options;
    int64_t steps = 0, patience = 0, seed = 0, point = 0;
    if (!arguments_int(arguments, "steps", 1, 1000000, (int64_t)options->steps, &steps, err) ||
        !arguments_int(arguments, "patience", 0, 1000000, 0, &patience, err) ||
        !arguments_int(arguments, "seed", 0, INT64_MAX, (int64_t)options->seed, &seed, err) ||
        !arguments_int(arguments, "point", 0, INT64_MAX, 0, &point, err) ||
        !arguments_double(arguments, "bytes", 0, 1e12, 0, &options->bytes_max, err) ||
        !arguments_double(arguments, "seconds", 0, 1e9, 0, &request->seconds, err) ||
        !arguments_double(arguments, "price", 0, 1e6, 0, &options->price, err) ||
        !arguments_double(arguments, "control-weight", 0, 1e6, options->control_weight,
                          &options->control_weight, err))
        return false;
    options->steps = (uint64_t)steps;
    options->patience = (uint64_t)patience;
    options->seed = (uint64_t)seed;
    request->point = arguments_has(arguments, "point") ? (uint64_t)point : TRAIN_NO_POINT;
    return read_size(arguments, "places", 1, &request->places, err) &&
           read_broken(arguments, options, err);
}

/* ---- words -------------------------------------------------------------------------- */

static bool read_rank(const struct arguments *arguments, struct train_options *options,
                      struct err *err)
{
    const char *rank = arguments_text(arguments, "rank", ranking_name(options->ranking));
    return ranking_parse(rank, &options->ranking) ||
           err_set(err, ERR_USAGE,
                   "--rank: '%s' is unknown, expected fisher, guarded, snr, raw or "
                   "random", rank);
}

static bool read_projs(const struct arguments *arguments, struct train_options *options,
                       struct err *err)
{
    const char *projs = arguments_text(arguments, "proj", NULL);
    return !projs || search_projs_parse(projs, &options->projs, err);
}

static bool read_objective(const struct arguments *arguments, struct train_options *options,
                           struct err *err)
{
    const char *objective =
        arguments_text(arguments, "objective", item_objective_name(options->objective));
    return item_objective_parse(objective, &options->objective) ||
           err_set(err, ERR_USAGE,
                   "--objective: '%s' is unknown to method train, expected ce, ce_clamped or "
                   "margin", objective);
}

static bool read_null(const struct arguments *arguments, struct train_request *request,
                      struct err *err)
{
    if (!null_run_option(arguments, &request->null_draws, err))
        return false;
    return request->null_draws == 0 || request->heldout || request->going_on ||
           err_set(err, ERR_USAGE, "--null answers the held-out probes, expected --heldout SET");
}

/* -s begins a session or goes on with it, --resume only goes on. */
static bool read_session(const struct arguments *arguments, struct train_request *request,
                         struct err *err)
{
    const char *resume = arguments_text(arguments, "resume", NULL);
    request->session = arguments_text(arguments, "session", resume);
    request->going_on = resume || search_options_going_on(request->session);
    const char *name = request->targets    ? "targets"
                       : request->controls ? "controls"
                                           : first_given(arguments, inputs, countof(inputs));
    for (size_t i = 0; !name && i < countof(of_train); i++) {
        bool free = false;
        for (size_t k = 0; k < countof(always); k++)
            free |= strcmp(of_train[i].name, always[k]) == 0;
        name = !free && arguments_has(arguments, of_train[i].name) ? of_train[i].name : NULL;
    }
    if (request->going_on && name)
        return err_set(err, ERR_USAGE, "the session %s decides --%s, expected it without",
                       request->session, name);
    if (!request->going_on && request->point != TRAIN_NO_POINT)
        return err_set(err, ERR_USAGE, "--point is of a session, expected --resume FILE");
    return true;
}

static bool has_inputs(const struct train_request *request, const char *synopsis, struct err *err)
{
    const char *missing = !request->model     ? "MODEL"
                          : !request->targets ? "--targets"
                          : !request->output  ? "-o PATCH"
                                              : NULL;
    if (request->point != TRAIN_NO_POINT && !request->output)
        return err_set(err, ERR_USAGE, "--point writes a patch, expected -o PATCH");
    return request->going_on || !missing ||
           err_set(err, ERR_USAGE, "no %s given, expected: bankai %s", missing, synopsis);
}

/* ---- all ---------------------------------------------------------------------------- */

static bool read_all(const struct arguments *arguments, struct train_request *request,
                     const char *synopsis, struct err *err)
{
    return read_unit(arguments, &request->options.chunk, err) &&
           read_sizes(arguments, &request->options, err) &&
           read_size(arguments, "validation", 0, &request->options.validation, err) &&
           read_limits(arguments, request, err) &&
           read_rank(arguments, &request->options, err) &&
           read_objective(arguments, &request->options, err) &&
           read_projs(arguments, &request->options, err) &&
           read_session(arguments, request, err) && has_inputs(request, synopsis, err) &&
           read_null(arguments, request, err);
}

/* ---- as one of several methods ------------------------------------------------------ */

static const char *const of_compared[] = {
    "unit", "rank", "batch", "batch-controls", "minibatch", "control-weight", "flips",
    "flips-max", "validation-controls", "max-broken", "bytes",
};

const char *train_options_not_compared(const struct arguments *arguments)
{
    for (size_t i = 0; i < countof(of_train); i++) {
        bool known = strcmp(of_train[i].name, "validation") == 0;
        for (size_t k = 0; k < countof(of_compared); k++)
            known |= strcmp(of_train[i].name, of_compared[k]) == 0;
        if (!known && arguments_has(arguments, of_train[i].name))
            return of_train[i].name;
    }
    return NULL;
}

bool train_options_read_for(const struct arguments *arguments, struct train_options *options,
                            struct err *err)
{
    struct train_request request = {.options = train_default_options()};
    if (!read_unit(arguments, &request.options.chunk, err) ||
        !read_sizes(arguments, &request.options, err) ||
        !read_limits(arguments, &request, err) || !read_rank(arguments, &request.options, err) ||
        !read_projs(arguments, &request.options, err))
        return false;
    *options = request.options;
    options->threads = arguments_threads(arguments);
    options->steps = UINT64_MAX;
    options->validation = 0;
    options->price = 0; /* that of the others is of a flip */
    return options->projs >> PROJ_LAYER_COUNT == 0 ||
           err_set(err, ERR_USAGE, "--proj: train has neither embed nor head, expected others, or "
                                   "--compare without it");
}

int train_options_run(const struct arguments *arguments, const char *targets,
                      const char *controls, const char *synopsis, struct err *err)
{
    struct train_request request = {
        .model = arguments_positional(arguments, 0),
        .targets = targets,
        .neighbours = arguments_text(arguments, "neighbours", NULL),
        .controls = controls,
        .heldout = arguments_text(arguments, "heldout", NULL),
        .output = arguments_text(arguments, "output", NULL),
        .name = arguments_text(arguments, "name", NULL),
        .front = arguments_text(arguments, "front", NULL),
        .trim = arguments_text(arguments, "trim", NULL),
        .steps_given = arguments_has(arguments, "steps"),
        .places = trim_default_options().places,
        .options = train_default_options(),
        .json = arguments_json(arguments),
    };
    request.options.threads = arguments_threads(arguments);
    if (!read_all(arguments, &request, synopsis, err))
        return cli_fail(err);
    if (request.point != TRAIN_NO_POINT)
        return train_point_run(&request, err);
    return request.trim ? trim_job_run(&request, err) : train_job_run(&request, err);
}

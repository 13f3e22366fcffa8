/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search/search_compare.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/report/report.h"
#include "src/search/search_compare_int.h"
#include "src/search/search_from.h"
#include "src/search/train_options.h"

/* ---- options ------------------------------------------------------------------------------ */

bool search_compare_wanted(const struct arguments *arguments)
{
    return arguments_has(arguments, "compare");
}

/* "300" or "60s" */
static bool read_budget(const char *text, struct compare_job *job, struct err *err)
{
    char number[32];
    size_t len = strlen(text);
    int64_t evaluations = 0;
    bool timed = len > 0 && text[len - 1] == 's';
    if (timed && len < sizeof number) {
        memcpy(number, text, len);
        number[len - 1] = '\0';
        timed = num_parse_double(number, &job->seconds) && job->seconds > 0 &&
                job->seconds <= 1e9;
    } else if (num_parse_int(text, &evaluations) && evaluations > 0) {
        job->evaluations = (uint64_t)evaluations;
    }
    return job->evaluations > 0 || (timed && job->seconds > 0) ||
           err_set(err, ERR_USAGE, "--budget: '%.60s' is none, expected evaluations such as 300, "
                                   "or seconds such as 60s", text);
}

/* Its flips are judged as those of a search. */
static bool add_train(const struct arguments *arguments, struct compare_job *job,
                      struct search_options *judge, struct err *err)
{
    if (job->request->from)
        return err_set(err, ERR_USAGE, "train begins with the model as it is, expected --compare "
                                       "without it, or no --from");
    return search_options_read_for(arguments, SEARCH_GREEDY, judge, job->layers, err) &&
           train_options_read_for(arguments, &job->train, err);
}

static bool add_method(const struct arguments *arguments, struct compare_job *job,
                       const char *name, struct err *err)
{
    int method = 0;
    struct search_options *options = &job->options[job->method_count];
    if (!compare_method_parse(name, &method))
        return err_set(err, ERR_USAGE, "--compare: '%.60s' is unknown, expected %s train", name,
                       search_method_choices());
    for (size_t i = 0; i < job->method_count; i++)
        if (job->methods[i] == method)
            return err_set(err, ERR_USAGE, "--compare: %s is named twice", name);
    *options = job->request->options;
    job->methods[job->method_count++] = method;
    if (method == COMPARE_TRAIN)
        return add_train(arguments, job, options, err);
    return search_options_read_for(arguments, (enum search_method)method, options, job->layers,
                                   err) &&
           search_from_check((enum search_method)method, job->request->from, err);
}

static bool read_methods(const struct arguments *arguments, struct compare_job *job,
                         struct err *err)
{
    const char *list = arguments_text(arguments, "compare", "");
    for (;;) {
        size_t len = strcspn(list, ",");
        char *name = x_copy(list, len);
        bool ok = add_method(arguments, job, name, err);
        free(name);
        if (!ok || list[len] == '\0')
            return ok;
        list += len + 1;
    }
}

/* Nothing is kept, and budgets end the runs. */
static bool refuse_others(const struct arguments *arguments, struct err *err)
{
    static const char *const others[] = {"method", "iters", "output", "name", "session", "null"};
    for (size_t i = 0; i < countof(others); i++)
        if (arguments_has(arguments, others[i]))
            return err_set(err, ERR_USAGE, "--%s has no say in a comparison, expected --compare "
                                           "without it", others[i]);
    return true;
}

/* Options of train are for train. */
static bool refuse_of_train(const struct arguments *arguments, const struct compare_job *job,
                            struct err *err)
{
    const char *given = train_options_given(arguments), *useless = NULL;
    for (size_t i = 0; i < job->method_count; i++)
        if (job->methods[i] == COMPARE_TRAIN) {
            useless = train_options_not_compared(arguments);
            return !useless || err_set(err, ERR_USAGE, "--%s has no say in a comparison, expected "
                                                       "--compare without it", useless);
        }
    return !given || strcmp(given, "validation") == 0 ||
           err_set(err, ERR_USAGE, "--%s is of --method train", given);
}

static bool read_options(const struct arguments *arguments, struct compare_job *job,
                         struct err *err)
{
    if (!refuse_others(arguments, err) || !read_methods(arguments, job, err) ||
        !refuse_of_train(arguments, job, err) ||
        !read_budget(arguments_text(arguments, "budget", "200"), job, err))
        return false;
    if (job->options[0].seed > (uint64_t)INT64_MAX - job->seeds)
        return err_set(err, ERR_USAGE, "--seed: %" PRIu64 " leaves no room for %zu seeds",
                       job->options[0].seed, job->seeds);
    return true;
}

/* The same for all; greedy's own, which are none, where it is alone. */
static const char *controls_of(const struct compare_job *job, struct buf *out)
{
    struct search_options options = job->options[0];
    bool alone = job->method_count == 1 && job->methods[0] == SEARCH_GREEDY;
    options.method = alone ? SEARCH_GREEDY : SEARCH_GUIDED;
    return search_controls(job->request->controls, job->request->targets, job->request->heldout,
                           &options, out);
}

static bool load(const struct arguments *arguments, struct compare_job *job, struct err *err)
{
    struct search_request request = *job->request;
    request.options = job->options[0]; /* its seed draws validation targets */
    struct buf controls = {0};
    request.controls = controls_of(job, &controls);
    bool loaded = compare_sets_load(&job->sets, &request,
                                    arguments_text(arguments, "validation", NULL), err);
    buf_free(&controls);
    if (!loaded)
        return false;
    job->model = model_open(job->request->model, err);
    const struct goal goal = search_goal(&job->options[0]); /* of all of them */
    if (!job->model || !search_from_read(job->request->from, job->model, &job->starts, err) ||
        !compare_sets_label(&job->sets, job->model, &goal, job->options[0].threads, err) ||
        !compare_items(job, err))
        return false;
    report_long_prompts(job->model, &job->sets.all);
    return true;
}

/* ---- one run ------------------------------------------------------------------------------- */

static struct evaluation *answers(struct compare_job *job, const char *what, struct err *err)
{
    struct evaluate_options options = {.metric = job->options[0].metric,
                                       .threads = job->options[0].threads};
    struct progress line;
    struct work_progress progress = {report_work, &line};
    progress_start(&line, what, job->sets.all.count);
    struct evaluation *result =
        evaluate(job->model, &job->sets.all, &options, &progress, &cli_cancel, err);
    progress_end(&line);
    return result;
}

static struct comparison compare_some(const struct compare_job *job, const struct evaluation *now,
                                      size_t first, size_t count)
{
    struct probe_set set = {.probes = job->sets.all.probes + first, .count = count};
    struct evaluation before = evaluation_slice(job->base, first, count);
    struct evaluation after = evaluation_slice(now, first, count);
    return compare_all(&set, &before, &after);
}

static void compare_groups(const struct compare_job *job, const struct evaluation *now,
                           struct compare_run *run)
{
    const struct compare_sets *sets = &job->sets;
    size_t first = 0, heldout;
    for (int role = 0; role < ROLE_COUNT; role++) {
        run->groups[role] = compare_some(job, now, first, sets->roles[role].count);
        first += sets->roles[role].count;
    }
    heldout = first - sets->roles[ROLE_HELDOUT].count;
    for (size_t i = 0; i < sets->part_count; i++)
        run->groups[ROLE_COUNT + i] =
            compare_some(job, now, heldout + sets->parts[i].first, sets->parts[i].count);
}

static void add_run(struct compare_job *job, const struct compare_run *run)
{
    job->runs = x_grow(job->runs, job->run_count + 1, sizeof *job->runs);
    job->runs[job->run_count++] = *run;
    heldout_looks_free(&job->looks);
    heldout_looks_count(&job->looks, job->model, &job->sets.roles[ROLE_HELDOUT]);
    compare_print_run(job, run);
}

static bool one_run(struct compare_job *job, size_t method, size_t seed, struct err *err)
{
    const struct state_name clean = model_state(job->model);
    struct compare_run run = {.method = job->methods[method], .draws = compare_draws(job, method),
                              .seed = job->options[method].seed + seed};
    struct flip *flips = NULL;
    size_t count = 0;
    bool ok = compare_run_one(job, method, &run, &flips, &count, err);
    struct evaluation *now = ok ? answers(job, "answering, patched", err) : NULL;
    if (now) {
        compare_groups(job, now, &run);
        for (size_t i = 0; i < count; i++)
            model_flip(job->model, &flips[i]);
        BUG_ON(!state_name_equal(clean, model_state(job->model)));
        add_run(job, &run);
    }
    free(flips);
    evaluation_free(now);
    return now != NULL;
}

/* Seed by seed, so that what was done when it is interrupted compares all methods. */
static bool run_all(struct compare_job *job, struct err *err)
{
    job->base = answers(job, "answering, base", err);
    bool ok = job->base != NULL;
    for (size_t seed = 0; ok && seed < job->seeds; seed++)
        for (size_t m = 0; ok && m < job->method_count; m++)
            ok = (seed > 0 && !compare_draws(job, m)) || one_run(job, m, seed, err);
    return ok;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void tell_interrupted(struct compare_job *job)
{
    job->interrupted = true;
    if (job->base && job->request->json)
        compare_print_end_json(job);
    else if (job->run_count > 0)
        compare_print_end(job);
    cli_warn("stopped after %zu of %zu runs", job->run_count, compare_runs(job));
}

static void job_free(struct compare_job *job)
{
    free(job->runs);
    items_free(job->targets);
    items_free(job->controls);
    heldout_looks_free(&job->looks);
    evaluation_free(job->base);
    model_free(job->model);
    buf_free(&job->starts);
    compare_sets_free(&job->sets);
}

int search_compare_run(const struct arguments *arguments, const struct search_request *request,
                       size_t seeds, struct err *err)
{
    struct compare_job job = {.request = request, .seeds = seeds > 0 ? seeds : 1};
    bool ok = read_options(arguments, &job, err) && load(arguments, &job, err);
    if (ok && !request->json)
        compare_print_start(&job);
    ok = ok && run_all(&job, err);
    if (ok && request->json)
        compare_print_end_json(&job);
    else if (ok)
        compare_print_end(&job);
    else if (err->code == ERR_CANCELLED)
        tell_interrupted(&job);
    int status = ok ? EXIT_DONE : cli_fail(err);
    job_free(&job);
    return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search/search_compare.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/num.h"
#include "src/report/report.h"
#include "src/search/search_compare_int.h"
#include "src/search/search_from.h"

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

static bool add_method(const struct arguments *arguments, struct compare_job *job,
                       const char *name, struct err *err)
{
    enum search_method method;
    struct search_options *options = &job->options[job->method_count];
    if (!search_method_parse(name, &method))
        return err_set(err, ERR_USAGE, "--compare: '%.60s' is unknown, expected %s", name,
                       search_method_choices());
    for (size_t i = 0; i < job->method_count; i++)
        if (job->options[i].method == method)
            return err_set(err, ERR_USAGE, "--compare: %s is named twice", name);
    *options = job->request->options;
    job->method_count++;
    return search_options_read_for(arguments, method, options, job->layers, err) &&
           search_from_check(method, job->request->from, err);
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

static bool read_options(const struct arguments *arguments, struct compare_job *job,
                         struct err *err)
{
    if (!refuse_others(arguments, err) || !read_methods(arguments, job, err) ||
        !read_budget(arguments_text(arguments, "budget", "200"), job, err))
        return false;
    if (job->options[0].seed > (uint64_t)INT64_MAX - job->seeds)
        return err_set(err, ERR_USAGE, "--seed: %" PRIu64 " leaves no room for %zu seeds",
                       job->options[0].seed, job->seeds);
    return true;
}

static bool load(const struct arguments *arguments, struct compare_job *job, struct err *err)
{
    struct search_request request = *job->request;
    request.options = job->options[0]; /* its seed draws validation targets */
    if (!compare_sets_load(&job->sets, &request, arguments_text(arguments, "validation", NULL),
                           err))
        return false;
    job->model = model_open(job->request->model, err);
    if (!job->model || !search_from_read(job->request->from, job->model, &job->starts, err))
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

static struct evaluation slice(const struct evaluation *whole, size_t first, size_t count)
{
    return (struct evaluation){
        .count = count,
        .gap = whole->gap + first,
        .merged = whole->merged + first,
        .generation = whole->generation + first,
        .right = whole->right + first,
    };
}

static void compare_roles(const struct compare_job *job, const struct evaluation *now,
                          struct compare_run *run)
{
    size_t first = 0;
    for (int role = 0; role < ROLE_COUNT; role++) {
        const struct probe_set *set = &job->sets.roles[role];
        struct evaluation before = slice(job->base, first, set->count);
        struct evaluation after = slice(now, first, set->count);
        run->roles[role] = compare_all(set, &before, &after);
        first += set->count;
    }
}

static double cost_of(const struct search *search)
{
    return (double)search_tried(search) + search_passes_cost(search);
}

/* Of its budget, in evaluations or tenths of a second. */
static uint64_t budget_units(const struct compare_job *job)
{
    return job->evaluations > 0 ? job->evaluations : (uint64_t)(10 * job->seconds) + 1;
}

static void show(struct compare_job *job, const struct search *search,
                 const struct compare_run *run)
{
    char note[80];
    uint64_t all = budget_units(job);
    double used = job->evaluations > 0 ? cost_of(search) : 10 * run->seconds;
    uint64_t units = used < (double)all ? (uint64_t)used : all;
    (void)snprintf(note, sizeof note, "%s, seed %" PRIu64 ", fitness %+.4f",
                   search_method_name(run->method), run->seed, search_fitness(search));
    progress_update(&job->line, job->run_count * all + units, note);
}

static bool run_search(struct compare_job *job, struct search *search, struct compare_run *run,
                       double start, struct err *err)
{
    enum search_status status = SEARCH_TRIED;
    struct search_try tried;
    uint64_t all = budget_units(job), runs = job->method_count * job->seeds;
    progress_start(&job->line, "comparing", runs * all);
    progress_skip(&job->line, job->run_count * all);
    report_at_once(&job->line);
    while (status == SEARCH_TRIED) {
        run->seconds = clock_seconds() - start;
        bool over = job->evaluations > 0 ? cost_of(search) >= (double)job->evaluations
                                         : run->seconds >= job->seconds;
        if (over)
            break;
        status = search_step(search, &tried, &cli_cancel, err);
        show(job, search, run);
    }
    run->seconds = clock_seconds() - start;
    progress_end(&job->line);
    return status != SEARCH_FAILED;
}

static void describe(struct compare_run *run, const struct search *search)
{
    struct patch *patch = patch_new();
    size_t accepted = 0;
    (void)search_accepted(search, &accepted);
    search_patch_fill(patch, search, accepted);
    run->flips = patch->flip_count;
    patch_free(patch);
    run->fitness = search_fitness(search);
    run->tried = search_tried(search);
    run->passes = search_passes(search);
    run->cost = cost_of(search);
}

static void take_off(struct compare_job *job, const struct search *search)
{
    size_t count = 0;
    const struct flip *accepted = search_accepted(search, &count);
    for (size_t i = 0; i < count; i++)
        model_flip(job->model, &accepted[i]);
}

static void add_run(struct compare_job *job, const struct compare_run *run)
{
    job->runs = x_grow(job->runs, job->run_count + 1, sizeof *job->runs);
    job->runs[job->run_count++] = *run;
    heldout_looks_free(&job->looks);
    heldout_looks_count(&job->looks, job->model, &job->sets.roles[ROLE_HELDOUT]);
    compare_print_run(job, run);
}

static bool one_run(struct compare_job *job, const struct search_options *of, uint64_t seed,
                    struct err *err)
{
    const struct state_name clean = model_state(job->model);
    struct search_options options = *of;
    struct compare_run run = {.method = of->method, .seed = seed};
    double start = clock_seconds();
    options.seed = seed;
    options.iterations = job->evaluations > 0 ? job->evaluations : UINT64_MAX;
    options.starts = job->starts.data;
    struct search *search =
        search_new(job->model, &job->sets.roles[ROLE_TRAIN], &job->sets.roles[ROLE_CONTROLS],
                   &options, &cli_cancel, err);
    bool ok = search && run_search(job, search, &run, start, err);
    struct evaluation *now = ok ? answers(job, "answering, patched", err) : NULL;
    if (now) {
        describe(&run, search);
        compare_roles(job, now, &run);
        take_off(job, search);
        BUG_ON(!state_name_equal(clean, model_state(job->model)));
        add_run(job, &run);
    }
    search_free(search);
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
            ok = one_run(job, &job->options[m], job->options[m].seed + seed, err);
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
    cli_warn("stopped after %zu of %zu runs", job->run_count, job->method_count * job->seeds);
}

static void job_free(struct compare_job *job)
{
    free(job->runs);
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

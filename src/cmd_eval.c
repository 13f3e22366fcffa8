/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "engine/search/record.h"
#include "src/cli/answer_option.h"
#include "src/base/text.h"
#include "src/report/drift.h"
#include "src/report/heldout_looks.h"
#include "src/cli/metric_option.h"
#include "src/report/null_run.h"
#include "src/report/patch_list.h"
#include "src/report/report.h"

extern const struct command command_eval;

enum { DEFAULT_SEED = 1 };

struct job {
    struct model *model;
    struct search_inputs probes;
    const struct probe_set *set;     /* all of them */
    const struct probe_set *heldout; /* or NULL */
    struct patch_list patches;
    struct evaluate_options options;
    struct evaluation *base;
    struct evaluation *now; /* the same as base without a patch */
    size_t null_draws;      /* 0: no null models */
    uint64_t seed;
    struct null_run *null; /* or NULL */
    struct drift drift;     /* by a patch */
    struct heldout_looks looks;
};

static bool read_numbers(const struct arguments *arguments, struct job *job, struct err *err)
{
    int64_t seed = 0;
    if (!null_run_option(arguments, &job->null_draws, err) ||
        !arguments_int(arguments, "seed", 0, INT64_MAX, DEFAULT_SEED, &seed, err))
        return false;
    job->seed = (uint64_t)seed;
    bool patched = arguments_has(arguments, "patch");
    return job->null_draws == 0 || patched ||
           err_set(err, ERR_USAGE, "--null compares a patch, expected --patch P with it");
}

/* Held-out probes are probes like the others, but nobody may have shown them to a
 * search, and looks at them are counted. */
static bool load_probes(const struct arguments *arguments, struct job *job, struct err *err)
{
    const char *probes = arguments_text(arguments, "probes", NULL);
    const char *heldout = arguments_text(arguments, "heldout", NULL);
    if (!probes && !heldout)
        return err_set(err, ERR_USAGE, "no probes given, expected --probes SET,...");
    if (!search_inputs_load(&job->probes, probes ? probes : heldout, NULL, probes ? heldout : NULL,
                            err) ||
        !search_inputs_use_mode(&job->probes, arguments_text(arguments, "mode", NULL), err))
        return false;
    job->set = &job->probes.all;
    if (heldout)
        job->heldout = probes ? job->probes.heldout : job->probes.targets;
    return true;
}

static bool load(const struct arguments *arguments, struct job *job, struct err *err)
{
    job->options.threads = arguments_threads(arguments);
    if (!metric_option_read(arguments, "metric", METRIC_SEQ_LOGPROB, false, &job->options.metric,
                            err))
        return false;
    if (!read_numbers(arguments, job, err) || !load_probes(arguments, job, err))
        return false;
    job->model = model_open(arguments_positional(arguments, 0), err);
    if (!job->model || !patch_list_read(arguments, job->model, &job->patches, err))
        return false;
    report_long_prompts(job->model, job->set);
    for (size_t i = 0; job->heldout && i < job->patches.count; i++)
        heldout_looks_warn(job->heldout, job->patches.patches[i]);
    return true;
}

static struct evaluation *evaluate_with_progress(struct job *job, const char *what,
                                                 struct err *err)
{
    struct progress line;
    struct work_progress progress = {report_work, &line};
    progress_start(&line, what, job->set->count);
    report_at_once(&line);
    struct evaluation *result =
        evaluate(job->model, job->set, &job->options, &progress, &cli_cancel, err);
    progress_end(&line);
    return result;
}

static bool compare_with_null(struct job *job, struct err *err)
{
    patch_list_remove(&job->patches, job->model);
    struct patch *patch = patch_list_join(&job->patches, job->model);
    const struct null_request request = {
        .model = job->model,
        .set = job->set,
        .base = job->base,
        .flips = patch->flips,
        .flip_count = patch->flip_count,
        .draws = job->null_draws,
        .seed = job->seed,
        .options = job->options,
    };
    if (patch->flip_count == 0)
        (void)err_set(err, ERR_USAGE, "--null: the patches flip nothing, expected some flips");
    else
        job->null = null_run_shown(&request, err);
    patch_free(patch);
    return job->null != NULL;
}

static bool work(struct job *job, struct err *err)
{
    bool patched = job->patches.count > 0;
    if (patched && !drift_begin(&job->drift, job->model, job->options.threads, err))
        return false;
    job->base = evaluate_with_progress(job, "answering", err);
    job->now = job->base;
    if (!job->base || !patched)
        return job->base != NULL;
    if (!patch_list_apply(&job->patches, job->model, err) || !drift_end(&job->drift, err))
        return false;
    job->now = evaluate_with_progress(job, "answering, patched", err);
    return job->now && (job->null_draws == 0 || compare_with_null(job, err));
}

static bool work_and_count(struct job *job, struct err *err)
{
    bool ok = work(job, err);
    if (ok && job->heldout)
        heldout_looks_count(&job->looks, job->model, job->heldout);
    return ok;
}

/* ---- output --------------------------------------------------------------------- */

static double mean_gap(const struct evaluation *evaluation)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < evaluation->count; i++)
        if (isfinite(evaluation->gap[i])) {
            sum += evaluation->gap[i];
            n++;
        }
    return n > 0 ? sum / (double)n : (double)NAN;
}

static void add_signal(struct buf *out, const struct job *job)
{
    double base = mean_gap(job->base), now = mean_gap(job->now);
    size_t apart = 0;
    for (size_t i = 0; i < job->base->count; i++)
        apart += job->base->merged[i];
    if (!isnan(base))
        buf_add_format(out, "\nsearch signal, not a result: mean %s gap %.4f",
                       metric_name(job->options.metric), base);
    if (!isnan(base) && job->now != job->base)
        buf_add_format(out, " -> %.4f", now);
    if (!isnan(base))
        buf_add_text(out, "\n");
    const char *note = metric_note(job->options.metric);
    if (note)
        buf_add_format(out, "%s is %s\n", metric_name(job->options.metric), note);
    if (apart > 0)
        buf_add_format(out, "%zu probes have an answer that merges with the end of the prompt and "
                            "was tokenized apart\n", apart);
}

static void print_text(const struct arguments *arguments, const struct job *job)
{
    struct buf out = {0}, answers = {0};
    bool all = arguments_has(arguments, "list");
    report_table(&out, job->set, job->base, job->now);
    heldout_looks_text(&out, &job->looks);
    report_answers(&answers, job->set, job->base, job->now, all);
    if (answers.len > 0)
        buf_add_format(&out, "\n%s", answers.data);
    buf_free(&answers);
    if (job->null) {
        buf_add_text(&out, "\n");
        null_run_text(&out, job->null, job->set, job->base, job->now);
    }
    add_signal(&out, job);
    drift_text(&job->drift, &out);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static void print_json(const struct job *job)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "chat", json_string("off")); /* probes are plain prompts */
    (void)json_object_set_new(object, "metric", json_string(metric_name(job->options.metric)));
    const char *note = metric_note(job->options.metric);
    if (note)
        (void)json_object_set_new(object, "metric_note", json_string(note));
    (void)json_object_set_new(object, "probes", report_probes_json(job->set, job->base, job->now));
    (void)json_object_set_new(object, "totals", report_totals_json(job->set, job->base, job->now));
    (void)json_object_set_new(object, "categories",
                              report_categories_json(job->set, job->base, job->now));
    if (job->heldout)
        (void)json_object_set_new(object, "heldout_looks", heldout_looks_json(&job->looks));
    if (job->null)
        (void)json_object_set_new(object, "null",
                                  null_run_json(job->null, job->set, job->base, job->now));
    if (job->now != job->base)
        (void)json_object_set_new(object, "neutral", drift_json(&job->drift));
    cli_print_json(object, true);
}

static int run(struct arguments *arguments, struct err *err)
{
    struct job job = {0};
    bool ok = load(arguments, &job, err) && work_and_count(&job, err);
    if (ok && arguments_json(arguments))
        print_json(&job);
    else if (ok)
        print_text(arguments, &job);
    if (job.now != job.base)
        evaluation_free(job.now);
    evaluation_free(job.base);
    null_run_free(job.null);
    drift_free(&job.drift);
    patch_list_free(&job.patches);
    heldout_looks_free(&job.looks);
    search_inputs_free(&job.probes);
    model_free(job.model);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    {"probes", 0, "SET,...", "built-in sets or JSON files"},
    {"heldout", 0, "SET,...", "probes no search has seen: each look at their answers is counted"},
    ANSWER_MODE_OPTION,
    PATCH_LIST_OPTIONS,
    {"metric", 0, "M", "of the gaps beside the answers: seq_logprob (default), margin, "
                        "soft_margin, logprob or token_gap"},
    NULL_OPTION,
    {"seed", 0, "N", "of the null models' flips (1)"},
    {"list", 'l', NULL, "print every answer, not only those that changed"},
    {NULL, 0, NULL, NULL},
};

const struct command command_eval = {
    .name = "eval",
    .synopsis = "MODEL --probes SET,... [--heldout SET,...] [--patch P]... [--null N] [--metric M]",
    .summary = "Let a model answer probes, with and without patches",
    .details = "Answers are generated greedily; they are right by the rule of their\n"
               "probes, math if they state none (probes/FORMAT.md).  With a patch, every probe\n"
               "is answered before and after it:\n"
               "fixed, broke and stayed, the exact McNemar p, Wilson intervals of the right\n"
               "answers, a bootstrap interval of the change of the gaps (a search signal), and\n"
               "the mean divergence KL(base || patched) of the next token on neutral text.\n"
               "--null N answers them N times more with as many random flips of the same\n"
               "layers and projections, drawn uniformly, and N times by scale, and tells the\n"
               "patch's rank among them.\n"
               "With --heldout each look at these answers is counted, by model and questions.\n"
               "Built-in sets: math, code, knowledge, calculus-train, calculus-heldout,\n"
               "nano-train, nano-heldout.",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};

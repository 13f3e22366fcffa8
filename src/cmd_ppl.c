/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "probes/neutral.h"
#include "probes/perplexity.h"
#include "probes/statistics.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/report/patch_list.h"
#include "src/report/report.h"

extern const struct command command_ppl;

static const size_t text_bytes_max = (size_t)64 << 20;

struct side {
    struct perplexity sum;
    double *each; /* -log p of the scored tokens */
};

struct job {
    struct model *model;
    struct patch_list patches;
    const char *path; /* of the text, or NULL: the built-in sentences */
    struct ids *texts;
    size_t count;
    struct perplexity_options options;
    struct side base;
    struct side now; /* of the patched model, where there are patches */
};

/* ---- what is read ------------------------------------------------------------- */

static bool read_options(const struct arguments *arguments, struct job *job, struct err *err)
{
    int64_t window = 0, stride = 0;
    job->options = perplexity_defaults(job->model);
    if (!arguments_int(arguments, "window", 2, 1 << 20, (int64_t)job->options.window, &window,
                       err) ||
        !arguments_int(arguments, "stride", 1, window - 1, window / 2, &stride, err))
        return false;
    job->options = (struct perplexity_options){(size_t)window, (size_t)stride,
                                               arguments_threads(arguments)};
    return true;
}

static bool read_text(struct job *job, struct err *err)
{
    const struct tokenizer *tokenizer = model_tokenizer(job->model);
    const struct encode_options options = {0};
    struct buf text = {0};
    job->count = 1;
    job->texts = x_new(1, sizeof *job->texts);
    bool ok = file_read(job->path, text_bytes_max, &text, err) &&
              (token_encode(tokenizer, text.data, text.len, &options, job->texts, err) ||
               err_file(err, job->path));
    buf_free(&text);
    if (!ok || job->texts[0].count >= 2)
        return ok;
    (void)err_set(err, ERR_FORMAT, "has %zu tokens, expected at least 2", job->texts[0].count);
    return err_file(err, job->path);
}

static size_t longest_window(const struct job *job)
{
    size_t longest = 0;
    for (size_t i = 0; i < job->count; i++)
        longest = job->texts[i].count > longest ? job->texts[i].count : longest;
    return longest < job->options.window ? longest : job->options.window;
}

static bool load(const struct arguments *arguments, struct job *job, struct err *err)
{
    job->path = arguments_text(arguments, "text", NULL);
    job->model = model_open(arguments_positional(arguments, 0), err);
    if (!job->model || !patch_list_read(arguments, job->model, &job->patches, err) ||
        !read_options(arguments, job, err))
        return false;
    if (job->path ? !read_text(job, err)
                  : !(job->texts = neutral_encode(model_tokenizer(job->model), &job->count, err)))
        return false;
    report_long_text(job->model, longest_window(job));
    return true;
}

/* ---- work ------------------------------------------------------------------------- */

static bool measure(struct job *job, const char *what, struct side *side, struct err *err)
{
    size_t tokens = 0;
    for (size_t i = 0; i < job->count; i++)
        tokens += job->texts[i].count;
    side->each = x_new(tokens, sizeof *side->each);
    struct progress line;
    struct work_progress progress = {report_work, &line};
    progress_start(&line, what, tokens);
    report_at_once(&line);
    bool ok = perplexity_measure(job->model, job->texts, job->count, &job->options, &side->sum,
                                 side->each, &progress, &cli_cancel, err);
    progress_end(&line);
    return ok;
}

static bool work(struct job *job, struct err *err)
{
    if (!measure(job, "reading", &job->base, err))
        return false;
    return job->patches.count == 0 || (patch_list_apply(&job->patches, job->model, err) &&
                                       measure(job, "reading, patched", &job->now, err));
}

/* Mean change of -log p, token by token: the same tokens in the same contexts. */
static struct bootstrap change(const struct job *job)
{
    size_t n = job->base.sum.scored;
    double *changes = x_new(n, sizeof *changes);
    for (size_t i = 0; i < n; i++)
        changes[i] = job->now.each[i] - job->base.each[i];
    struct bootstrap out = statistics_bootstrap(changes, n, STATISTICS_SEED, STATISTICS_RESAMPLES);
    free(changes);
    return out;
}

/* ---- output -------------------------------------------------------------------------- */

static json_t *pair(double base, double now, bool patched)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "base", report_real_json(base));
    if (patched)
        (void)json_object_set_new(object, "now", report_real_json(now));
    return object;
}

static json_t *change_json(const struct job *job)
{
    struct bootstrap mean = change(job);
    json_t *object = json_object();
    (void)json_object_set_new(object, "mean", report_real_json(mean.mean));
    (void)json_object_set_new(object, "low", report_real_json(mean.low));
    (void)json_object_set_new(object, "high", report_real_json(mean.high));
    return object;
}

static void set_count(json_t *object, const char *key, size_t count)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)count));
}

static void print_json(const struct job *job)
{
    bool patched = job->patches.count > 0;
    const struct perplexity *base = &job->base.sum, *now = &job->now.sum;
    json_t *object = json_object();
    const char *text = job->path ? job->path : "built-in";
    (void)json_object_set_new(object, "text", json_text(text, strlen(text)));
    set_count(object, "texts", job->count);
    set_count(object, "tokens", base->tokens);
    set_count(object, "scored", base->scored);
    set_count(object, "windows", base->windows);
    set_count(object, "window", job->options.window);
    set_count(object, "stride", job->options.stride);
    (void)json_object_set_new(object, "perplexity", pair(perplexity_value(base),
                                                         perplexity_value(now), patched));
    (void)json_object_set_new(object, "nll", pair(base->nll, now->nll, patched));
    if (patched) {
        double difference = perplexity_value(now) - perplexity_value(base);
        (void)json_object_set_new(object, "difference", report_real_json(difference));
        (void)json_object_set_new(object, "change_per_token", change_json(job));
    }
    cli_print_json(object, true);
}

static void add_patched(struct buf *out, const struct job *job)
{
    double base = perplexity_value(&job->base.sum), now = perplexity_value(&job->now.sum);
    struct bootstrap mean = change(job);
    buf_add_format(out, "patched     %.6f\ndifference  %+.6f (%+.3f %%)\n", now, now - base,
                   100 * (now / base - 1));
    buf_add_format(out, "a token     %+.6f nats (95 %% of resampled tokens: %+.6f to %+.6f)\n",
                   mean.mean, mean.low, mean.high);
}

static void print_text(const struct job *job)
{
    struct buf out = {0};
    const struct perplexity *base = &job->base.sum;
    bool patched = job->patches.count > 0;
    buf_add_text(&out, "text        ");
    if (job->path)
        text_visible(&out, job->path, strlen(job->path));
    else
        buf_add_format(&out, "%zu built-in sentences", job->count);
    buf_add_format(&out, "\ntokens      %zu, %zu scored: all but the first of %s\n", base->tokens,
                   base->scored, job->count == 1 ? "the text" : "each");
    buf_add_format(&out, "windows     %zu of at most %zu tokens, %zu apart\n", base->windows,
                   job->options.window, job->options.stride);
    buf_add_format(&out, "%s  %.6f\n", patched ? "base      " : "perplexity",
                   perplexity_value(base));
    if (patched)
        add_patched(&out, job);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static int run(struct arguments *arguments, struct err *err)
{
    struct job job = {0};
    bool ok = load(arguments, &job, err) && work(&job, err);
    if (ok && arguments_json(arguments))
        print_json(&job);
    else if (ok)
        print_text(&job);
    free(job.base.each);
    free(job.now.each);
    neutral_free(job.texts, job.count);
    patch_list_free(&job.patches);
    model_free(job.model);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    {"text", 0, "FILE", "text to read, '-' for standard input (built-in sentences)"},
    {"window", 0, "N", "tokens a window has at most (512, or what the model was made for)"},
    {"stride", 0, "N", "tokens from one window to the next (half of a window)"},
    PATCH_LIST_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct command command_ppl = {
    .name = "ppl",
    .synopsis = "MODEL [--text FILE] [--window N] [--stride N] [--patch P]...",
    .summary = "Measure perplexity, with and without patches",
    .details = "exp of the mean -log p of the text's tokens.  A text is read in overlapping\n"
               "windows, each computed from its own first token on; every token but the first\n"
               "of a text is scored once, in the first window that reaches it, so that it has\n"
               "at least window - stride tokens before it where the text has them.  A start\n"
               "token, where the model asks for one, stands before a text and is not scored.\n"
               "With patches both models read the same tokens; the change of a token is given\n"
               "with a bootstrap interval, which takes tokens for independent.",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};

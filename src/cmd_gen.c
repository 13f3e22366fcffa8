/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "probes/generate.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/rng.h"
#include "src/report/patch_list.h"
#include "src/report/report.h"

extern const struct command command_gen;

struct job {
    struct model *model;
    struct patch_list patches;
    struct ids prompt;
    size_t tokens_max;
    struct sampler_options sampler;
    uint64_t seed;
    int threads;
    struct generation base;
    struct generation now;
    double seconds;
    size_t computed; /* tokens generated in that time */
};

/* Half a second for an 8B, more where the machine has to look for the memory. */
static bool repack(struct job *job, struct err *err)
{
    struct progress line;
    progress_start(&line, "copying the weights", 0);
    report_at_once(&line);
    bool ok = model_repack(job->model, job->threads, &cli_cancel, err);
    progress_end(&line);
    return ok;
}

static bool load(const struct arguments *arguments, struct job *job, struct err *err)
{
    int64_t tokens = 0, top_k = 0, seed = 0;
    const char *prompt = arguments_text(arguments, "prompt", NULL);
    struct encode_options encode = {.special = arguments_has(arguments, "special")};
    if (!prompt)
        return err_set(err, ERR_USAGE, "no prompt given, expected -p PROMPT");
    if (!arguments_int(arguments, "tokens", 1, 1 << 20, 64, &tokens, err) ||
        !arguments_double(arguments, "temp", 0, 100, 0, &job->sampler.temperature, err) ||
        !arguments_int(arguments, "top-k", 0, INT32_MAX, 0, &top_k, err) ||
        !arguments_double(arguments, "top-p", 0, 1, 1, &job->sampler.top_p, err) ||
        !arguments_int(arguments, "seed", 0, INT64_MAX, 42, &seed, err))
        return false;
    job->tokens_max = (size_t)tokens;
    job->sampler.top_k = (uint32_t)top_k;
    job->seed = (uint64_t)seed;
    job->threads = arguments_threads(arguments);
    job->model = model_open(arguments_positional(arguments, 0), err);
    if (!job->model || !patch_list_read(arguments, job->model, &job->patches, err) ||
        !token_encode(model_tokenizer(job->model), prompt, strlen(prompt), &encode, &job->prompt,
                      err))
        return false;
    if (job->prompt.count == 0)
        return err_set(err, ERR_USAGE, "the prompt is empty");
    report_long_text(job->model, job->prompt.count + job->tokens_max);
    return !arguments_has(arguments, "repack") || repack(job, err);
}

/* One sequence to its end; the same seed for both sides. */
static bool continue_prompt(struct job *job, struct context *context, float *logits,
                            struct generation *out, struct progress *line, struct err *err)
{
    const struct tokenizer *tokenizer = model_tokenizer(job->model);
    size_t vocab = model_shape(job->model)->vocab;
    struct rng rng;
    rng_seed(&rng, job->seed);
    context_reset(context);
    size_t branch = context_branch(context, 0, 0);
    if (!context_push(context, branch, job->prompt.data, job->prompt.count, err))
        return false;
    while (out->ids.count < job->tokens_max) {
        if (!context_run(context, &cli_cancel, err))
            return false;
        size_t slot = context_slot(context, branch, context_length(context, branch) - 1);
        if (!context_logits(context, &slot, 1, logits, &cli_cancel, err))
            return false;
        int32_t id = sampler_pick(&job->sampler, logits, vocab, &rng);
        job->computed++;
        if (token_is_end(tokenizer, id))
            return true;
        ids_add(&out->ids, id);
        token_decode(tokenizer, id, &out->text);
        progress_update(line, out->ids.count, NULL);
        if (!context_push(context, branch, &id, 1, err))
            return false;
    }
    return true;
}

static bool work(struct job *job, struct err *err)
{
    struct context_options options = {job->prompt.count + job->tokens_max, job->threads};
    struct context *context = context_new(job->model, &options, err);
    if (!context)
        return false;
    float *logits = x_new(model_shape(job->model)->vocab, sizeof *logits);
    struct progress line;
    double start = clock_seconds();
    progress_start(&line, "generating", job->tokens_max);
    bool ok = continue_prompt(job, context, logits, &job->base, &line, err);
    if (ok && job->patches.count > 0)
        ok = patch_list_apply(&job->patches, job->model, err) &&
             continue_prompt(job, context, logits, &job->now, &line, err);
    progress_end(&line);
    job->seconds = clock_seconds() - start;
    free(logits);
    context_free(context);
    return ok;
}

/* ---- output ------------------------------------------------------------------------ */

static json_t *side_json(const struct generation *side)
{
    json_t *object = json_object(), *ids = json_array();
    for (size_t i = 0; i < side->ids.count; i++)
        (void)json_array_append_new(ids, json_integer(side->ids.data[i]));
    (void)json_object_set_new(object, "text",
                              json_text(side->text.data ? side->text.data : "", side->text.len));
    (void)json_object_set_new(object, "ids", ids);
    return object;
}

static void print_json(const struct job *job)
{
    json_t *object = json_object();
    double rate = job->seconds > 0 ? (double)job->computed / job->seconds : 0;
    (void)json_object_set_new(object, "base", side_json(&job->base));
    if (job->patches.count > 0)
        (void)json_object_set_new(object, "now", side_json(&job->now));
    (void)json_object_set_new(object, "tokens_per_second", json_real(rate));
    cli_print_json(object, false);
}

static void print_side(const char *label, const struct generation *side)
{
    if (label)
        cli_print_text(label, strlen(label));
    if (side->text.len > 0)
        cli_print_text(side->text.data, side->text.len);
    cli_print_text("\n", 1);
}

static int run(struct arguments *arguments, struct err *err)
{
    struct job job = {0};
    bool ok = load(arguments, &job, err) && work(&job, err);
    if (ok && arguments_json(arguments)) {
        print_json(&job);
    } else if (ok) {
        bool both = job.patches.count > 0;
        print_side(both ? "base:    " : NULL, &job.base);
        if (both)
            print_side("patched: ", &job.now);
    }
    generation_free(&job.base);
    generation_free(&job.now);
    ids_free(&job.prompt);
    patch_list_free(&job.patches);
    model_free(job.model);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    {"prompt", 'p', "PROMPT", "text to continue"},
    {"tokens", 'n', "N", "generate at most N tokens (64)"},
    PATCH_LIST_OPTIONS,
    {"temp", 0, "T", "sampling temperature; 0 (default) is greedy"},
    {"top-k", 0, "K", "sample from the K best tokens; 0 (default) is all"},
    {"top-p", 0, "P", "sample from the best tokens that make up P of the probability (1)"},
    {"seed", 0, "N", "of sampling (42)"},
    {"special", 0, NULL, "control tokens in the prompt are tokens, not plain text"},
    {"repack", 0, NULL, "decode from a second copy of the weights in a faster order: same "
                        "text, twice the memory"},
    {NULL, 0, NULL, NULL},
};

const struct command command_gen = {
    .name = "gen",
    .synopsis = "MODEL -p PROMPT [-n N] [--patch P]... [--temp T --top-k K --top-p P --seed N]",
    .summary = "Continue a prompt, with and without patches",
    .details = "Greedy unless --temp is above 0.  With a patch both texts are shown.  A\n"
               "terminal is shown control characters made visible; a pipe gets the raw bytes.",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};

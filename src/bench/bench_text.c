/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A model as whoever reads a text sees it: opening, prompts, one token after another.
 */
#include <stdlib.h>

#include "src/base/clock.h"
#include "src/base/memory.h"
#include "src/base/num.h"
#include "src/bench/bench.h"

enum {
    DECODE_CONTEXT = 64,
    DECODE_TOKENS = 16, /* of a run */
};

static const size_t prompt_lengths[] = {64, 512, 1024};

/* Tokens per second that are planned with: the products at a modest speed. */
static double planned_speed(const struct bench *bench)
{
    return bench->model ? 0.5e12 / (2 * bench_weights(bench->model)) : 1000;
}

struct text {
    struct bench *bench;
    struct model *model;
    struct context *context;
    int32_t *ids;
    size_t count; /* of ids */
    size_t branch; /* of the context that is continued */
    float *logits;
};

static bool text_open(struct text *text, struct bench *bench, size_t ids, size_t tokens_max,
                      struct err *err)
{
    struct context_options options = {tokens_max, bench->threads};
    *text = (struct text){.bench = bench, .model = bench_model(bench, err), .count = ids};
    if (!text->model)
        return false;
    text->context = context_new(text->model, &options, err);
    if (!text->context)
        return false;
    text->ids = x_new(ids, sizeof *text->ids);
    text->logits = x_new(model_shape(text->model)->vocab, sizeof *text->logits);
    bench_tokens(text->model, ids, text->ids);
    return true;
}

static void text_close(struct text *text)
{
    context_free(text->context);
    free(text->ids);
    free(text->logits);
}

/* Add tokens to a branch and ask what comes next. */
static bool read_tokens(struct text *text, size_t branch, const int32_t *ids, size_t count,
                        struct err *err)
{
    if (!context_push(text->context, branch, ids, count, err) ||
        !context_run(text->context, &cli_cancel, err))
        return false;
    size_t slot = context_slot(text->context, branch, context_length(text->context, branch) - 1);
    return context_logits(text->context, &slot, 1, text->logits, &cli_cancel, err);
}

/* ---- prompt -------------------------------------------------------------------------- */

static bool prompt_once(void *user, double *seconds, struct err *err)
{
    struct text *text = user;
    double start = clock_seconds();
    context_reset(text->context);
    size_t branch = context_branch(text->context, 0, 0);
    bool ok = read_tokens(text, branch, text->ids, text->count, err);
    *seconds = clock_seconds() - start;
    return ok;
}

static bool add_prompt(struct bench *bench, size_t tokens, struct err *err)
{
    struct text text;
    struct bench_runs runs;
    double warm_up_s = 0;
    bool ok = text_open(&text, bench, tokens, tokens, err) &&
              (tokens > prompt_lengths[0] || prompt_once(&text, &warm_up_s, err)) &&
              bench_repeat(prompt_once, &text, &runs, err);
    if (ok) {
        struct err none;
        double peak = bench_peak_speed(bench, kernel_pick(&none), false);
        bench_add_rate(bench, &runs, (double)tokens, "tokens/s",
                       peak / (2 * bench_weights(text.model)), "%zu tokens", tokens);
    }
    text_close(&text);
    return ok;
}

static double prompt_plan(const struct bench *bench)
{
    double tokens = 0;
    for (size_t i = 0; i < countof(prompt_lengths); i++)
        tokens += 3 * (double)prompt_lengths[i];
    return 0.5 + tokens / planned_speed(bench);
}

static bool prompt_run(struct bench *bench, struct err *err)
{
    double all = 0, done = 0;
    for (size_t i = 0; i < countof(prompt_lengths); i++)
        all += (double)prompt_lengths[i];
    for (size_t i = 0; i < countof(prompt_lengths); i++) {
        bench_step(bench, done / all, "reading a prompt");
        if (!add_prompt(bench, prompt_lengths[i], err))
            return false;
        done += (double)prompt_lengths[i];
    }
    return true;
}

const struct bench_group bench_prompt_group = {
    .name = "prompt",
    .what = "reading a prompt of 64, 512 and 1024 tokens",
    .needs_model = true,
    .plan = prompt_plan,
    .run = prompt_run,
};

/* ---- decode ---------------------------------------------------------------------------- */

static bool decode_once(void *user, double *seconds, struct err *err)
{
    struct text *text = user;
    size_t vocab = model_shape(text->model)->vocab;
    size_t branch = context_branch(text->context, text->branch, DECODE_CONTEXT);
    double start = clock_seconds();
    int32_t id = text->ids[0];
    for (size_t i = 0; i < DECODE_TOKENS; i++) {
        if (!read_tokens(text, branch, &id, 1, err))
            return false;
        id = logits_argmax(text->logits, vocab);
    }
    *seconds = clock_seconds() - start;
    return true;
}

static double decode_plan(const struct bench *bench)
{
    return 1.4 + 8 * DECODE_TOKENS / planned_speed(bench);
}

static bool add_decode(struct text *text, const char *how, struct err *err)
{
    struct bench *bench = text->bench;
    struct bench_runs runs;
    double warm_up_s = 0, bytes = bench_weight_bytes(text->model);
    context_reset(text->context);
    text->branch = context_branch(text->context, 0, 0);
    if (!read_tokens(text, text->branch, text->ids, DECODE_CONTEXT, err) ||
        !decode_once(text, &warm_up_s, err) || !bench_repeat(decode_once, text, &runs, err))
        return false;
    double speed = bench_read_speed(bench, (size_t)bytes, bench->threads);
    bench_add_rate(bench, &runs, DECODE_TOKENS, "tokens/s", speed / bytes, "context of %d%s",
                   DECODE_CONTEXT, how);
    bench_add_rate(bench, &runs, DECODE_TOKENS * bytes / 1e9, "GB/s", speed / 1e9,
                   "weights read%s", how);
    return true;
}

static bool decode_run(struct bench *bench, struct err *err)
{
    struct text text;
    struct err no_memory;
    const size_t room = DECODE_CONTEXT + (1 + BENCH_RUNS_MAX) * DECODE_TOKENS;
    bench_step(bench, 0, "generating");
    bool ok = text_open(&text, bench, DECODE_CONTEXT, room, err) && add_decode(&text, "", err);
    bench_step(bench, 0.5, "generating");
    if (ok && model_repack(text.model, bench->threads, &cli_cancel, &no_memory)) {
        ok = add_decode(&text, ", repacked", err);
        model_unpack(text.model);
    }
    text_close(&text);
    return ok;
}

const struct bench_group bench_decode_group = {
    .name = "decode",
    .what = "generating, one token after another",
    .needs_model = true,
    .plan = decode_plan,
    .run = decode_run,
};

/* ---- open --------------------------------------------------------------------------------- */

static bool open_once(void *user, double *seconds, struct err *err)
{
    const struct bench *bench = user;
    double start = clock_seconds();
    struct model *model = model_open(bench->model_path, err);
    *seconds = clock_seconds() - start;
    model_free(model);
    return model != NULL;
}

/* Until there are logits of one token. */
static bool first_token_once(void *user, double *seconds, struct err *err)
{
    struct bench fresh = *(const struct bench *)user;
    struct text text;
    double start = clock_seconds();
    fresh.model = NULL;
    bool ok = text_open(&text, &fresh, 1, DECODE_CONTEXT, err);
    if (ok)
        ok = read_tokens(&text, context_branch(text.context, 0, 0), text.ids, 1, err);
    *seconds = clock_seconds() - start;
    text_close(&text);
    model_free(fresh.model);
    return ok;
}

/* What the process takes with the model open and a context that has computed. */
static bool add_resident(struct bench *bench, struct err *err)
{
    struct text text;
    uint64_t before = memory_resident(), open = 0;
    bool ok = text_open(&text, bench, 1, DECODE_CONTEXT, err);
    open = memory_resident();
    ok = ok && read_tokens(&text, context_branch(text.context, 0, 0), text.ids, 1, err);
    if (ok) {
        const double mib = 1 << 20;
        bench_add_number(bench, (double)before / mib, "MiB", "resident before opening");
        bench_add_number(bench, (double)open / mib, "MiB", "resident, model open");
        bench_add_number(bench, (double)memory_resident() / mib, "MiB", "resident after a token");
        bench_add_number(bench, (double)memory_resident_max() / mib, "MiB", "resident at most");
    }
    text_close(&text);
    return ok;
}

static double open_plan(const struct bench *bench)
{
    (void)bench;
    return 3;
}

static bool open_run(struct bench *bench, struct err *err)
{
    struct bench_runs open, first;
    double warm_up_s = 0;
    bench_step(bench, 0, "opening");
    model_free(bench->model);
    bench->model = NULL;
    if (!open_once(bench, &warm_up_s, err) || !bench_repeat(open_once, bench, &open, err))
        return false;
    bench_step(bench, 0.4, "opening");
    if (!bench_repeat(first_token_once, bench, &first, err))
        return false;
    bench_add_time(bench, &open, 1000, "ms", 0, "open");
    bench_add_time(bench, &first, 1000, "ms", 0, "open, then the first token");
    bench_step(bench, 0.9, "opening");
    return add_resident(bench, err);
}

const struct bench_group bench_open_group = {
    .name = "open",
    .what = "opening a file that is in the page cache; memory it takes",
    .needs_model = true,
    .plan = open_plan,
    .run = open_run,
};

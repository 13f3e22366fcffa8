/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Windows are computed in groups, each window a branch of one context, so that
 * weights are read once for all of them.
 */
#include "probes/perplexity.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "src/base/num.h"

enum {
    WINDOW_USUAL = 512,
    GROUP_TOKENS = 2048, /* bounds K and V, unless one window has more */
    LOGITS_BYTES_MAX = 16 << 20,
    WORTH_THREADS = 1 << 18, /* logits */
};

struct window {
    const int32_t *ids; /* borrowed from the sequence */
    size_t count;
    size_t first; /* tokens first .. count - 1 are scored; at least 1 */
};

struct windows {
    struct window *list;
    size_t count;
    size_t longest;
    size_t tokens; /* of all of them */
};

struct work {
    struct model *model;
    struct context *context;
    size_t room; /* tokens of the context */
    int threads;
    size_t rows_max;
    float *logits;   /* [rows_max][vocab] */
    double *nlls;    /* [rows_max] */
    size_t *slots;   /* [room] whose logits are wanted, */
    int32_t *target; /* [room] and what came next */
    double *each;    /* where the next goes, or NULL */
    cancel_flag *cancel;
};

struct perplexity_options perplexity_defaults(const struct model *model)
{
    size_t context = model_shape(model)->context;
    size_t window = context >= 2 && context < WINDOW_USUAL ? context : WINDOW_USUAL;
    return (struct perplexity_options){.window = window, .stride = window / 2};
}

double perplexity_value(const struct perplexity *perplexity)
{
    if (perplexity->scored == 0)
        return (double)NAN;
    return exp(perplexity->nll / (double)perplexity->scored);
}

/* ---- windows ---------------------------------------------------------------- */

static size_t window_count(size_t tokens, const struct perplexity_options *options)
{
    if (tokens < 2)
        return 0;
    if (tokens <= options->window)
        return 1;
    return 1 + (tokens - options->window + options->stride - 1) / options->stride;
}

static void add_windows(struct windows *windows, const struct ids *ids,
                        const struct perplexity_options *options)
{
    size_t n = window_count(ids->count, options), scored = 1; /* the first never is [X2] */
    for (size_t i = 0; i < n; i++) {
        size_t start = i * options->stride, end = start + options->window;
        end = end < ids->count ? end : ids->count;
        windows->list[windows->count++] =
            (struct window){ids->data + start, end - start, scored - start};
        windows->longest = end - start > windows->longest ? end - start : windows->longest;
        windows->tokens += end - start;
        scored = end;
    }
}

static struct windows make_windows(const struct ids *sequences, size_t count,
                                   const struct perplexity_options *options)
{
    struct windows windows = {0};
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += window_count(sequences[i].count, options);
    windows.list = x_new(total, sizeof *windows.list);
    for (size_t i = 0; i < count; i++)
        add_windows(&windows, &sequences[i], options);
    return windows;
}

/* ---- computing ---------------------------------------------------------------- */

/* Each row is one thread's work. */
static void row_nlls(struct work *work, const int32_t *target, size_t n, size_t vocab)
{
#pragma omp parallel for num_threads(work->threads) if (n * vocab > WORTH_THREADS)
    for (size_t i = 0; i < n; i++)
        work->nlls[i] = -logits_log_prob(work->logits + i * vocab, vocab, target[i]);
}

/* Score the n wanted places of a group. */
static bool score(struct work *work, size_t n, struct perplexity *out, struct err *err)
{
    size_t vocab = model_shape(work->model)->vocab;
    for (size_t first = 0; first < n; first += work->rows_max) {
        size_t rows = n - first < work->rows_max ? n - first : work->rows_max;
        if (!context_logits(work->context, work->slots + first, rows, work->logits, work->cancel,
                            err))
            return false;
        row_nlls(work, work->target + first, rows, vocab);
        for (size_t i = 0; i < rows; i++) {
            out->nll += work->nlls[i]; /* one by one [X3] */
            if (work->each)
                *work->each++ = work->nlls[i];
        }
        out->scored += rows;
    }
    return true;
}

/* As many windows as fit the context, at least one. */
static size_t group_size(const struct windows *windows, size_t first, size_t room)
{
    size_t n = 0, tokens = 0;
    while (first + n < windows->count && tokens + windows->list[first + n].count <= room)
        tokens += windows->list[first + n++].count;
    BUG_ON(n == 0);
    return n;
}

static bool run_group(struct work *work, const struct window *windows, size_t count,
                      struct perplexity *out, struct err *err)
{
    size_t wanted = 0;
    context_reset(work->context);
    for (size_t i = 0; i < count; i++) {
        const struct window *window = &windows[i];
        size_t branch = context_branch(work->context, 0, 0);
        if (!context_push(work->context, branch, window->ids, window->count, err))
            return false;
        for (size_t k = window->first; k < window->count; k++) {
            work->slots[wanted] = context_slot(work->context, branch, k - 1);
            work->target[wanted++] = window->ids[k];
        }
    }
    return context_run(work->context, work->cancel, err) && score(work, wanted, out, err);
}

static bool run_groups(struct work *work, const struct windows *windows, struct perplexity *out,
                       const struct work_progress *progress, struct err *err)
{
    size_t tokens = 0;
    for (size_t first = 0, n = 0; first < windows->count; first += n) {
        n = group_size(windows, first, work->room);
        if (!run_group(work, windows->list + first, n, out, err))
            return false;
        for (size_t i = 0; i < n; i++)
            tokens += windows->list[first + i].count;
        if (progress)
            progress->report(progress->user, tokens, windows->tokens);
    }
    return true;
}

static bool run_all(struct model *model, const struct windows *windows, struct work *work,
                    struct perplexity *out, const struct work_progress *progress, struct err *err)
{
    size_t vocab = model_shape(model)->vocab;
    work->room = windows->tokens < GROUP_TOKENS ? windows->tokens : GROUP_TOKENS;
    work->room = windows->longest > work->room ? windows->longest : work->room;
    struct context_options options = {work->room, work->threads};
    work->context = context_new(model, &options, err);
    if (!work->context)
        return false;
    work->rows_max = LOGITS_BYTES_MAX / (vocab * sizeof(float)) + 1;
    work->logits = x_new(work->rows_max * vocab, sizeof *work->logits);
    work->nlls = x_new(work->rows_max, sizeof *work->nlls);
    work->slots = x_new(work->room, sizeof *work->slots);
    work->target = x_new(work->room, sizeof *work->target);
    bool ok = run_groups(work, windows, out, progress, err);
    free(work->logits);
    free(work->nlls);
    free(work->slots);
    free(work->target);
    context_free(work->context);
    return ok;
}

bool perplexity_measure(struct model *model, const struct ids *sequences, size_t count,
                        const struct perplexity_options *options, struct perplexity *out,
                        double *each, const struct work_progress *progress, cancel_flag *cancel,
                        struct err *err)
{
    *out = (struct perplexity){0};
    if (options->window < 2 || options->stride < 1 || options->stride >= options->window)
        return err_set(err, ERR_RANGE,
                       "window is %zu and stride %zu, expected a window of 2 or more and a stride "
                       "from 1 to the window less 1",
                       options->window, options->stride);
    struct work work = {
        .model = model,
        .threads = options->threads > 0 ? options->threads : omp_get_max_threads(),
        .each = each,
        .cancel = cancel,
    };
    for (size_t i = 0; i < count; i++)
        out->tokens += sequences[i].count;
    struct windows windows = make_windows(sequences, count, options);
    out->windows = windows.count;
    bool ok = windows.count == 0 || run_all(model, &windows, &work, out, progress, err);
    free(windows.list);
    return ok;
}

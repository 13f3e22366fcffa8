/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * All prompts are decoded in one batch (in a few, where there are very many): every
 * step computes the next token of all that are not finished, so that weights are
 * read once for all of them.  What a prompt begins with in common with the one before
 * it is computed once.
 */
#include "probes/generate.h"

#include <stdlib.h>
#include <string.h>

enum {
    GROUP_MAX = 128,
    GROUP_TOKENS_MAX = 4096, /* bounds K and V */
    LOGITS_MAX = 16,         /* rows of logits at once */
};

struct group {
    struct model *model;
    const struct generate_request *requests;
    struct generation *out;
    size_t count;
    struct context *context;
    bool finished[GROUP_MAX];
    float *logits; /* [LOGITS_MAX][vocab] */
    cancel_flag *cancel;
    const struct work_progress *progress; /* or NULL */
    size_t before, total; /* requests of earlier groups, and in all */
};

static size_t request_tokens(const struct generate_request *request)
{
    return request->prompt->count + request->tokens_max;
}

/* As many of the requests as make up a group, at least one. */
static size_t group_size(const struct generate_request *requests, size_t count, size_t *tokens)
{
    size_t n = 1;
    *tokens = request_tokens(&requests[0]);
    while (n < count && n < GROUP_MAX &&
           *tokens + request_tokens(&requests[n]) <= GROUP_TOKENS_MAX)
        *tokens += request_tokens(&requests[n++]);
    return n;
}

/* Does the text contain the request's stop, ending no earlier than in what came last? */
static bool stops(const struct generate_request *request, const struct buf *text, size_t before)
{
    size_t len = request->stop ? strlen(request->stop) : 0;
    if (len == 0)
        return false;
    size_t start = before >= len ? before - len + 1 : 0;
    return text->len > start &&
           memmem(text->data + start, text->len - start, request->stop, len) != NULL;
}

/* Take the next token; true if the sequence goes on. */
static bool take_token(struct group *group, size_t i, int32_t id)
{
    const struct tokenizer *tokenizer = model_tokenizer(group->model);
    struct generation *out = &group->out[i];
    if (token_is_end(tokenizer, id))
        return false;
    size_t before = out->text.len;
    ids_add(&out->ids, id);
    token_decode(tokenizer, id, &out->text);
    bool newline = out->text.len > before &&
                   memchr(out->text.data + before, '\n', out->text.len - before) != NULL;
    if (newline && group->requests[i].stop_at_newline)
        return false;
    if (stops(&group->requests[i], &out->text, before))
        return false;
    return out->ids.count < group->requests[i].tokens_max;
}

/* Take the next token of some unfinished sequences, given their last slots. */
static bool take_tokens(struct group *group, const size_t *who, const size_t *slots, size_t n,
                        size_t *active, struct err *err)
{
    size_t vocab = model_shape(group->model)->vocab;
    if (!context_logits(group->context, slots, n, group->logits, group->cancel, err))
        return false;
    for (size_t k = 0; k < n; k++) {
        int32_t id = logits_argmax(group->logits + k * vocab, vocab);
        group->finished[who[k]] = !take_token(group, who[k], id);
        if (group->finished[who[k]])
            continue;
        (*active)++;
        if (!context_push(group->context, who[k], &id, 1, err))
            return false;
    }
    return true;
}

/* One token for every unfinished sequence (branch i belongs to request i). */
static bool step(struct group *group, size_t *active, struct err *err)
{
    size_t slots[GROUP_MAX], who[GROUP_MAX], n = 0;
    for (size_t i = 0; i < group->count; i++) {
        if (group->finished[i])
            continue;
        slots[n] = context_slot(group->context, i, context_length(group->context, i) - 1);
        who[n++] = i;
    }
    *active = 0;
    for (size_t i = 0; i < n; i += LOGITS_MAX) {
        size_t count = n - i < LOGITS_MAX ? n - i : LOGITS_MAX;
        if (!take_tokens(group, who + i, slots + i, count, active, err))
            return false;
    }
    return *active == 0 || context_run(group->context, group->cancel, err);
}

/* The branch of request i, which shares what its prompt begins with in common with
 * the one before; its last token is always its own. */
static bool push_prompt(struct group *group, size_t i, struct err *err)
{
    const struct ids *prompt = group->requests[i].prompt;
    BUG_ON(prompt->count == 0);
    size_t shared = 0;
    if (i > 0) {
        const struct ids *before = group->requests[i - 1].prompt;
        size_t most = prompt->count < before->count ? prompt->count : before->count;
        while (shared + 1 < most && prompt->data[shared] == before->data[shared])
            shared++;
    }
    size_t branch = context_branch(group->context, i > 0 ? i - 1 : 0, shared);
    BUG_ON(branch != i);
    return context_push(group->context, branch, prompt->data + shared, prompt->count - shared,
                        err);
}

/* Requests that are done, or the share of steps that are: whichever is more. */
static void report(const struct group *group, size_t steps, size_t active)
{
    size_t most = 1, done = group->count - active;
    for (size_t i = 0; i < group->count; i++)
        most = group->requests[i].tokens_max > most ? group->requests[i].tokens_max : most;
    size_t share = steps < most ? group->count * steps / most : group->count;
    done = done > share || active == 0 ? done : share;
    if (group->progress)
        group->progress->report(group->progress->user, group->before + done, group->total);
}

static bool run_group(struct group *group, size_t tokens, int threads, struct err *err)
{
    struct context_options options = {tokens, threads};
    group->context = context_new(group->model, &options, err);
    if (!group->context)
        return false;
    size_t active = 0;
    for (size_t i = 0; i < group->count; i++) {
        if (!push_prompt(group, i, err))
            return false;
        group->finished[i] = group->requests[i].tokens_max == 0;
        active += !group->finished[i];
    }
    bool ok = active == 0 || context_run(group->context, group->cancel, err);
    for (size_t steps = 0; ok; steps++) {
        report(group, steps, active);
        if (active == 0)
            break;
        ok = step(group, &active, err);
    }
    return ok;
}

bool generate_greedy(struct model *model, const struct generate_request *requests, size_t count,
                     int threads, struct generation *out, const struct work_progress *progress,
                     cancel_flag *cancel, struct err *err)
{
    size_t vocab = model_shape(model)->vocab;
    float *logits = x_new(LOGITS_MAX * vocab, sizeof *logits);
    bool ok = true;
    for (size_t first = 0, n = 0; ok && first < count; first += n) {
        size_t tokens = 0;
        n = group_size(requests + first, count - first, &tokens);
        struct group group = {
            .model = model,
            .requests = requests + first,
            .out = out + first,
            .count = n,
            .logits = logits,
            .cancel = cancel,
            .progress = progress,
            .before = first,
            .total = count,
        };
        ok = run_group(&group, tokens, threads, err);
        context_free(group.context);
    }
    free(logits);
    return ok;
}

void generation_free(struct generation *generation)
{
    ids_free(&generation->ids);
    buf_free(&generation->text);
}

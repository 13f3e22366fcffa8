/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Prompts are taken in groups; every step computes the next token of all that
 * are not finished in one batch, so weights are read once per step and group.
 */
#include "probes/generate.h"

#include <stdlib.h>
#include <string.h>

enum { GROUP_MAX = 32 };

struct group {
    struct model *model;
    const struct generate_request *requests;
    struct generation *out;
    size_t count;
    struct context *context;
    bool finished[GROUP_MAX];
    float *logits; /* [GROUP_MAX][vocab] */
    cancel_flag *cancel;
};

static size_t group_tokens(const struct generate_request *requests, size_t count)
{
    size_t tokens = 0;
    for (size_t i = 0; i < count; i++)
        tokens += requests[i].prompt->count + requests[i].tokens_max;
    return tokens;
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
    return out->ids.count < group->requests[i].tokens_max;
}

/* One token for every unfinished sequence (branch i belongs to request i). */
static bool step(struct group *group, size_t *active, struct err *err)
{
    size_t vocab = model_shape(group->model)->vocab;
    size_t slots[GROUP_MAX], who[GROUP_MAX], n = 0;
    for (size_t i = 0; i < group->count; i++) {
        if (group->finished[i])
            continue;
        slots[n] = context_slot(group->context, i, context_length(group->context, i) - 1);
        who[n++] = i;
    }
    *active = 0;
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
    return *active == 0 || context_run(group->context, group->cancel, err);
}

static bool run_group(struct group *group, int threads, struct err *err)
{
    struct context_options options = {group_tokens(group->requests, group->count), threads};
    group->context = context_new(group->model, &options, err);
    if (!group->context)
        return false;
    size_t active = 0;
    for (size_t i = 0; i < group->count; i++) {
        const struct ids *prompt = group->requests[i].prompt;
        size_t branch = context_branch(group->context, 0, 0);
        BUG_ON(branch != i || prompt->count == 0);
        if (!context_push(group->context, branch, prompt->data, prompt->count, err))
            return false;
        group->finished[i] = group->requests[i].tokens_max == 0;
        active += !group->finished[i];
    }
    bool ok = active == 0 || context_run(group->context, group->cancel, err);
    while (ok && active > 0)
        ok = step(group, &active, err);
    return ok;
}

bool generate_greedy(struct model *model, const struct generate_request *requests, size_t count,
                     int threads, struct generation *out, const struct work_progress *progress,
                     cancel_flag *cancel, struct err *err)
{
    size_t vocab = model_shape(model)->vocab;
    float *logits = x_new(GROUP_MAX * vocab, sizeof *logits);
    bool ok = true;
    for (size_t first = 0; ok && first < count; first += GROUP_MAX) {
        struct group group = {
            .model = model,
            .requests = requests + first,
            .out = out + first,
            .count = count - first < GROUP_MAX ? count - first : GROUP_MAX,
            .logits = logits,
            .cancel = cancel,
        };
        ok = run_group(&group, threads, err);
        context_free(group.context);
        if (ok && progress)
            progress->report(progress->user, first + group.count, count);
    }
    free(logits);
    return ok;
}

void generation_free(struct generation *generation)
{
    ids_free(&generation->ids);
    buf_free(&generation->text);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the tokens of a probe tell, without asking the model.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/audit_int.h"

/* ---- tokens -------------------------------------------------------------------- */

static enum metric metric_of(const struct auditor *auditor, size_t probe)
{
    const struct audit_options *options = &auditor->options;
    bool control = probe >= options->target_count &&
                   probe < options->target_count + options->control_count;
    return control && options->control_metric != METRIC_SAME ? options->control_metric
                                                             : options->metric;
}

/* The two tokens whose scores make the difference: those at the first place where the
 * answers differ; with token_gap the last ones. */
static void find_contrast(struct audited *probe)
{
    const struct ids *right = &probe->side[0], *wrong = &probe->side[1];
    if (!metric_needs_wrong(probe->metric) || wrong->count == 0)
        return;
    if (probe->metric == METRIC_TOKEN_GAP) {
        probe->contrast[0] = right->data[right->count - 1];
        probe->contrast[1] = wrong->data[wrong->count - 1];
    } else {
        while (probe->common < right->count && probe->common < wrong->count &&
               right->data[probe->common] == wrong->data[probe->common])
            probe->common++;
        for (int side = 0; side < 2; side++)
            probe->contrast[side] = probe->common < probe->side[side].count
                                        ? probe->side[side].data[probe->common]
                                        : AUDIT_END;
    }
    probe->has_contrast = probe->contrast[0] != probe->contrast[1];
}

static bool encode_one(struct auditor *auditor, size_t i, struct err *err)
{
    const struct probe *probe = &auditor->set->probes[i];
    const struct tokenizer *tokenizer = model_tokenizer(auditor->model);
    struct audited *out = &auditor->probes[i];
    struct encode_options options = {0};
    out->metric = metric_of(auditor, i);
    bool ok = token_encode(tokenizer, probe->prompt, strlen(probe->prompt), &options,
                           &out->prompt, err) &&
              answer_encode(tokenizer, probe->prompt, &out->prompt, probe->correct,
                            &out->side[0], &out->merged[0], err);
    if (ok && probe->wrong[0] != '\0')
        ok = answer_encode(tokenizer, probe->prompt, &out->prompt, probe->wrong, &out->side[1],
                           &out->merged[1], err);
    if (ok)
        find_contrast(out);
    return ok || err_where(err, "probe %s", probe->name);
}

bool audit_encode(struct auditor *auditor, struct err *err)
{
    for (size_t i = 0; i < auditor->set->count; i++)
        if (!encode_one(auditor, i, err) || !audit_step(auditor, 1, err))
            return false;
    return true;
}

/* ---- rules --------------------------------------------------------------------- */

static void look_at_pair(struct auditor *auditor, size_t i)
{
    const struct audited *probe = &auditor->probes[i];
    struct buf why = {0};
    if (!metric_needs_wrong(probe->metric))
        return;
    if (probe->side[1].count == 0) {
        audit_say(auditor, i, AUDIT_NO_DISTRACTOR, AUDIT_FATAL,
                  "it has no wrong answer, which a %s gap needs", metric_name(probe->metric));
        return;
    }
    if (probe->has_contrast)
        return;
    if (probe->metric == METRIC_TOKEN_GAP) {
        buf_add_text(&why, "both answers end with the token ");
        audit_add_token(auditor, probe->contrast[0], &why);
        buf_add_text(&why, ": their scores are always the same");
    } else {
        buf_add_text(&why, "both answers are the same tokens: their scores are always the same");
    }
    audit_find(auditor, i, AUDIT_DEAD_PAIR, AUDIT_FATAL, &why);
}

static void look_at_length(struct auditor *auditor, size_t i)
{
    const struct audited *probe = &auditor->probes[i];
    size_t most = auditor->options.tokens_max, tokens = probe->side[0].count;
    size_t context = model_shape(auditor->model)->context;
    if (most > 0 && tokens > most)
        audit_say(auditor, i, AUDIT_LONG_ANSWER, AUDIT_FATAL,
                  "its right answer has %zu tokens, at most %zu are generated", tokens, most);
    else if (context > 0 && probe->prompt.count + tokens > context)
        audit_say(auditor, i, AUDIT_LONG_ANSWER, AUDIT_WARNING,
                  "prompt and answer have %zu tokens, the model was made for %zu",
                  probe->prompt.count + tokens, context);
    if (probe->metric == METRIC_TOKEN_GAP && tokens > 1)
        audit_say(auditor, i, AUDIT_SEVERAL_TOKENS, AUDIT_WARNING,
                  "its right answer has %zu tokens, and token_gap looks only at the last, in a "
                  "place where it does not stand", tokens);
}

static void look_at_start(struct auditor *auditor, size_t i)
{
    const struct audited *probe = &auditor->probes[i];
    bool token_gap = probe->metric == METRIC_TOKEN_GAP;
    struct buf first = {0};
    if (probe->metric == METRIC_KL)
        return;
    token_decode(model_tokenizer(auditor->model), probe->side[0].data[0], &first);
    if (probe->side[0].count > 1 && first.len == 1 && first.data[0] == ' ')
        audit_say(auditor, i, AUDIT_BARE_SPACE, token_gap ? AUDIT_WARNING : AUDIT_NOTE,
                  "its right answer begins with a token of its own for the space%s",
                  token_gap ? ": what comes after the prompt is a space, no answer" : "");
    buf_free(&first);
    if (probe->merged[0] || probe->merged[1])
        audit_say(auditor, i, AUDIT_MERGED, AUDIT_WARNING,
                  "the end of its prompt and its %s answer are one token: it is tokenized apart, "
                  "as no model would say it", probe->merged[0] ? "right" : "wrong");
}

void audit_tokens(struct auditor *auditor, size_t probe)
{
    look_at_pair(auditor, probe);
    look_at_length(auditor, probe);
    look_at_start(auditor, probe);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Answers for controls, by the model as it is.
 */
#include "engine/search/labels.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/text.h"

/* A longer answer is cut off there. */
enum { LABEL_TOKENS = 48 };

/* ---- what the model says ------------------------------------------------------------ */

bool probe_encode_prompt(const struct model *model, const struct probe *probe, struct ids *out,
                         struct err *err)
{
    struct encode_options options = {0};
    if (!token_encode(model_tokenizer(model), probe->prompt, strlen(probe->prompt), &options, out,
                      err))
        return err_where(err, "probe %s", probe->name);
    if (out->count > 0)
        return true;
    (void)err_set(err, ERR_FORMAT, "the prompt has no token");
    return err_where(err, "probe %s", probe->name);
}

bool own_answers_make(struct own_answers *answers, struct model *model,
                      const struct probe_set *set, size_t tokens_max, int threads,
                      const struct work_progress *progress, cancel_flag *cancel,
                      struct err *err)
{
    struct generate_request *requests = x_new(set->count, sizeof *requests);
    *answers = (struct own_answers){
        .prompts = x_new(set->count, sizeof *answers->prompts),
        .generations = x_new(set->count, sizeof *answers->generations),
        .count = set->count,
        .tokens_max = tokens_max,
    };
    bool ok = true;
    for (size_t i = 0; ok && i < set->count; i++) {
        ok = probe_encode_prompt(model, &set->probes[i], &answers->prompts[i], err);
        requests[i] = (struct generate_request){&answers->prompts[i], tokens_max, true, NULL};
    }
    ok = ok && generate_greedy(model, requests, set->count, threads, answers->generations,
                               progress, cancel, err);
    free(requests);
    return ok;
}

void own_answers_free(struct own_answers *answers)
{
    for (size_t i = 0; i < answers->count; i++) {
        ids_free(&answers->prompts[i]);
        generation_free(&answers->generations[i]);
    }
    free(answers->prompts);
    free(answers->generations);
    *answers = (struct own_answers){0};
}

/* ---- labels --------------------------------------------------------------------------- */

size_t label_line(const char *text, size_t text_len)
{
    const char *end = text_len > 0 ? memchr(text, '\n', text_len) : NULL;
    size_t len = end ? (size_t)(end - text) : text_len;
    bool blank = true;
    uint32_t point = 0;
    for (size_t i = 0, size = 0; i < len; i += size) {
        size = text_decode(text + i, len - i, &point);
        if (size == 0 || point == 0)
            return 0;
        blank = blank && (point == ' ' || point == '\t' || point == '\r');
    }
    return blank ? 0 : len;
}

/* Ended by itself, by a line feed or the token that ends generation. */
static bool has_ended(const struct own_answers *answers, size_t i)
{
    const struct generation *said = &answers->generations[i];
    return said->ids.count < answers->tokens_max || memchr(said->text.data, '\n', said->text.len);
}

/* False: it cannot be labelled, and told says why. */
static bool label(struct probe *probe, const struct own_answers *answers, size_t i, bool must_end,
                  struct labels_told *told)
{
    const struct buf *text = &answers->generations[i].text;
    size_t len = label_line(text->data, text->len);
    bool ended = len > 0 && has_ended(answers, i);
    told->without_answer += len == 0;
    told->without_end += len > 0 && must_end && !ended;
    if (len == 0 || (must_end && !ended))
        return false;
    free(probe->correct);
    probe->correct = x_copy(text->data, len);
    probe->rule.mode = ended ? ANSWER_EXACT : ANSWER_CONTAINS; /* it goes on behind that */
    told->labelled++;
    return true;
}

/* The pending ones; texts borrowed, the caller frees the array. */
static struct probe_set pending_of(const struct probe_set *set)
{
    struct probe_set pending = {.probes = x_new(set->count, sizeof *pending.probes)};
    for (size_t i = 0; i < set->count; i++)
        if (label_is_pending(&set->probes[i]))
            pending.probes[pending.count++] = set->probes[i];
    return pending;
}

static void label_all(struct probe_set *set, const struct own_answers *answers, bool must_end,
                      struct labels_told *told)
{
    bool *left_out = x_new(set->count, sizeof *left_out);
    for (size_t i = 0, answer = 0; i < set->count; i++)
        if (label_is_pending(&set->probes[i]))
            left_out[i] = !label(&set->probes[i], answers, answer++, must_end, told);
    probe_set_leave_out(set, left_out);
    free(left_out);
}

static bool looks_at_end(const struct goal *goal)
{
    enum metric metrics[METRIC_COUNT];
    const struct mix mix = goal_mix(goal, true);
    size_t count = mix_metrics(&mix, metrics);
    for (size_t i = 0; i < count; i++)
        if (metric_looks_at_end(metrics[i]))
            return true;
    return false;
}

bool labels_make(struct model *model, struct probe_set *set, const struct goal *goal, int threads,
                 struct labels_told *told, const struct work_progress *progress,
                 cancel_flag *cancel, struct err *err)
{
    struct probe_set pending = pending_of(set);
    struct own_answers answers = {0};
    bool ok = pending.count == 0 ||
              (labels_fit(set, goal, err) &&
               own_answers_make(&answers, model, &pending, LABEL_TOKENS, threads, progress,
                                cancel, err));
    if (ok && pending.count > 0)
        label_all(set, &answers, looks_at_end(goal), told);
    own_answers_free(&answers);
    free(pending.probes);
    return ok && (set->count > 0 || pending.count == 0 ||
                  err_set(err, ERR_MISMATCH, "the model gave no answer that could be a label to "
                                             "any of %zu prompts", pending.count));
}

static void add_left_out(struct buf *out, size_t count, const char *why, bool *first)
{
    if (count > 0)
        buf_add_format(out, "%s%zu %s", *first ? "; left out: " : ", ", count, why);
    *first = *first && count == 0;
}

void labels_text(const struct labels_told *told, struct buf *out)
{
    bool first = true;
    if (told->labelled == 0)
        return;
    buf_add_format(out, "%zu controls labelled with the model's own answers", told->labelled);
    add_left_out(out, told->without_answer, "without an answer", &first);
    add_left_out(out, told->without_end, "without an end", &first);
    add_left_out(out, told->seen_elsewhere, "that are targets or held out", &first);
    buf_add_text(out, "\n");
}

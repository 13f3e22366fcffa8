/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the model says of probes: whom it prefers to the wrong answer, and what it
 * answers now.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/audit_int.h"
#include "src/base/num.h"

enum { AT_ONCE = 32 }; /* probes in one batch */

/* ---- competitors --------------------------------------------------------------- */

/* Is the token what the answer says here, or (AUDIT_END) one of those that end it? */
static bool is_said(const bool *ends, int32_t said, size_t id)
{
    return said == AUDIT_END ? ends[id] : (size_t)said == id;
}

/* Where the wrong answer's token stands among all but the right one: 1 is the model's
 * own choice.  *best is that choice. */
static size_t rank_wrong(const struct audited *probe, const bool *ends, const float *logits,
                         size_t vocab, int32_t *best)
{
    float score = -HUGE_VALF;
    size_t rank = 1;
    *best = -1;
    for (size_t i = 0; i < vocab; i++)
        if (is_said(ends, probe->contrast[1], i) && logits[i] > score)
            score = logits[i];
    for (size_t i = 0; i < vocab; i++) {
        if (is_said(ends, probe->contrast[0], i))
            continue;
        rank += !is_said(ends, probe->contrast[1], i) && logits[i] > score;
        if (*best < 0 || logits[i] > logits[*best])
            *best = (int32_t)i;
    }
    return rank;
}

static void judge_distractor(struct auditor *auditor, size_t i, const bool *ends,
                             const float *logits)
{
    int32_t best = -1;
    size_t vocab = model_shape(auditor->model)->vocab;
    const struct audited *probe = &auditor->probes[i];
    size_t rank = rank_wrong(probe, ends, logits, vocab, &best);
    struct buf why = {0};
    if (rank <= 1)
        return;
    buf_add_text(&why, "where the right answer says ");
    audit_add_token(auditor, probe->contrast[0], &why);
    buf_add_text(&why, " the wrong one says ");
    audit_add_token(auditor, probe->contrast[1], &why);
    buf_add_format(&why, ", rank %zu of the others; the real competitor is ", rank);
    audit_add_token(auditor, best, &why);
    audit_find(auditor, i, AUDIT_WEAK_DISTRACTOR, AUDIT_WARNING, &why);
}

/* Prompt, and what the answers have in common. */
static struct sequence sequence_of(const struct audited *probe, struct ids *room)
{
    for (size_t i = 0; i < probe->prompt.count; i++)
        ids_add(room, probe->prompt.data[i]);
    for (size_t i = 0; i < probe->common; i++)
        ids_add(room, probe->side[0].data[i]);
    return (struct sequence){.ids = room->data, .count = room->count, .wanted = room->count - 1};
}

static bool read_rows(struct auditor *auditor, struct batch *batch,
                      const struct sequence *sequences, const size_t *who, size_t count,
                      const bool *ends, struct err *err)
{
    float *logits = x_new(model_shape(auditor->model)->vocab, sizeof *logits);
    bool ok = batch_run(batch, auditor->cancel, err);
    for (size_t i = 0; ok && i < count; i++) {
        size_t row = batch_row(batch, i, sequences[i].count - 1);
        ok = batch_logits(batch, BATCH_MODEL, row, 1, logits, auditor->cancel, err);
        if (ok)
            judge_distractor(auditor, who[i], ends, logits);
    }
    free(logits);
    return ok;
}

/* Those of first to first + n - 1 that have two tokens to compare. */
static bool competitors_of(struct auditor *auditor, size_t first, size_t n, const bool *ends,
                           struct err *err)
{
    struct sequence sequences[AT_ONCE];
    struct ids room[AT_ONCE] = {{0}};
    size_t who[AT_ONCE], count = 0;
    for (size_t i = first; i < first + n; i++)
        if (auditor->probes[i].has_contrast) {
            sequences[count] = sequence_of(&auditor->probes[i], &room[count]);
            who[count++] = i;
        }
    struct batch_options options = {.threads = auditor->options.threads};
    struct batch *batch =
        count > 0 ? batch_new(auditor->model, sequences, count, &options, err) : NULL;
    bool ok = count == 0 ||
              (batch && read_rows(auditor, batch, sequences, who, count, ends, err));
    batch_free(batch);
    for (size_t i = 0; i < count; i++)
        ids_free(&room[i]);
    return ok;
}

bool audit_competitors(struct auditor *auditor, struct err *err)
{
    size_t vocab = model_shape(auditor->model)->vocab, count = auditor->set->count;
    size_t asked = auditor->options.target_count + auditor->options.control_count;
    bool *ends = x_new(vocab, sizeof *ends), ok = true;
    for (size_t i = 0; i < vocab; i++)
        ends[i] = answer_ends_with(model_tokenizer(auditor->model), (int32_t)i);
    for (size_t first = 0; ok && first < asked; first += AT_ONCE) {
        size_t n = asked - first < AT_ONCE ? asked - first : AT_ONCE;
        ok = competitors_of(auditor, first, n, ends, err) && audit_step(auditor, n, err);
    }
    free(ends);
    return ok && audit_step(auditor, count - asked, err);
}

/* ---- answers ------------------------------------------------------------------- */

static void report_answers(void *user, size_t done, size_t total)
{
    const struct auditor *auditor = user;
    (void)total;
    if (auditor->progress)
        auditor->progress->report(auditor->progress->user, auditor->done + done,
                                  auditor->total);
}

static void judge_answer(struct auditor *auditor, size_t i)
{
    bool right = auditor->audit->baseline->right[i];
    const struct generation *said = &auditor->audit->baseline->generation[i];
    bool control = i >= auditor->options.target_count;
    if (!control && right)
        audit_say(auditor, i, AUDIT_ALREADY_RIGHT, AUDIT_NOTE,
                  "the model answers it right already: it can be broken, not fixed");
    if (control && !right && auditor->probes[i].metric != METRIC_KL)
        audit_say(auditor, i, AUDIT_CONTROL_WRONG, AUDIT_WARNING,
                  "the model answers \"%.60s\", which is wrong already: it cannot be broken",
                  said->text.data ? said->text.data : "");
}

bool audit_baseline(struct auditor *auditor, struct err *err)
{
    size_t asked = auditor->options.target_count + auditor->options.control_count;
    const struct probe_set set = {auditor->set->name, auditor->set->probes, asked};
    const struct evaluate_options options = {
        .threads = auditor->options.threads,
        .without_gaps = true,
    };
    const struct work_progress progress = {report_answers, auditor};
    auditor->audit->baseline =
        evaluate(auditor->model, &set, &options, &progress, auditor->cancel, err);
    if (!auditor->audit->baseline)
        return false;
    for (size_t i = 0; i < asked; i++)
        judge_answer(auditor, i);
    return audit_step(auditor, asked, err);
}

/* ---- white space at the end ---------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

char *audit_trimmed(const char *text)
{
    size_t len = strlen(text), end = len;
    while (end > 0 && is_space(text[end - 1]))
        end--;
    return end == len || end == 0 ? NULL : x_copy(text, end);
}

/* The same but for white space at both ends? */
static bool same_answer(const struct buf *a, const struct buf *b)
{
    const struct buf *texts[] = {a, b};
    size_t start[2], end[2];
    for (size_t i = 0; i < 2; i++) {
        start[i] = 0;
        end[i] = texts[i]->len;
        while (end[i] > 0 && is_space(texts[i]->data[end[i] - 1]))
            end[i]--;
        while (start[i] < end[i] && is_space(texts[i]->data[start[i]]))
            start[i]++;
    }
    return end[0] - start[0] == end[1] - start[1] &&
           (end[0] == start[0] ||
            memcmp(a->data + start[0], b->data + start[1], end[0] - start[0]) == 0);
}

static void judge_space(struct auditor *auditor, size_t i, const struct evaluation *without,
                        size_t at)
{
    const struct generation *said = &auditor->audit->baseline->generation[i];
    const struct generation *other = &without->generation[at];
    bool same = same_answer(&said->text, &other->text) &&
                auditor->audit->baseline->right[i] == without->right[at];
    if (same)
        audit_say(auditor, i, AUDIT_TRAILING_SPACE, AUDIT_NOTE,
                  "its prompt ends with white space: other tokens, the same answer without");
    else
        audit_say(auditor, i, AUDIT_TRAILING_SPACE, AUDIT_WARNING,
                  "its prompt ends with white space: the model answers \"%.60s\", and \"%.60s\" "
                  "without", said->text.data ? said->text.data : "",
                  other->text.data ? other->text.data : "");
}

/* Answers to the prompts without the white space at their ends. */
static bool answer_trimmed(struct auditor *auditor, const size_t *who, struct probe *trimmed,
                           size_t count, struct err *err)
{
    const struct probe_set set = {auditor->set->name, trimmed, count};
    const struct evaluate_options options = {
        .threads = auditor->options.threads,
        .without_gaps = true,
    };
    struct evaluation *without =
        evaluate(auditor->model, &set, &options, NULL, auditor->cancel, err);
    for (size_t i = 0; without && i < count; i++)
        judge_space(auditor, who[i], without, i);
    evaluation_free(without);
    return without != NULL;
}

static bool ask_without_spaces(struct auditor *auditor, size_t asked, bool *told,
                               struct err *err)
{
    struct probe *trimmed = x_new(asked, sizeof *trimmed);
    size_t *who = x_new(asked, sizeof *who), count = 0;
    for (size_t i = 0; i < asked; i++) {
        char *prompt = audit_trimmed(auditor->set->probes[i].prompt);
        if (!prompt)
            continue;
        trimmed[count] = auditor->set->probes[i];
        trimmed[count].prompt = prompt;
        who[count++] = i;
        told[i] = true;
    }
    bool ok = count == 0 || answer_trimmed(auditor, who, trimmed, count, err);
    for (size_t i = 0; i < count; i++)
        free(trimmed[i].prompt);
    free(trimmed);
    free(who);
    return ok;
}

/* Of what the model is not asked about, or need not be. */
static void look_at_ends(struct auditor *auditor, size_t i)
{
    const struct probe *probe = &auditor->set->probes[i];
    char *prompt = audit_trimmed(probe->prompt), *right = audit_trimmed(probe->correct);
    char *wrong = audit_trimmed(probe->wrong);
    bool answers = auditor->probes[i].metric != METRIC_KL;
    if (prompt)
        audit_say(auditor, i, AUDIT_TRAILING_SPACE, AUDIT_NOTE,
                  "its prompt ends with white space: other tokens than without");
    else if (answers && (right || wrong))
        audit_say(auditor, i, AUDIT_TRAILING_SPACE, AUDIT_WARNING,
                  "its %s answer ends with white space, which is measured with it: other tokens "
                  "than without", right ? "right" : "wrong");
    free(prompt);
    free(right);
    free(wrong);
}

bool audit_spaces(struct auditor *auditor, struct err *err)
{
    size_t asked = auditor->options.target_count + auditor->options.control_count;
    bool *told = x_new(auditor->set->count, sizeof *told);
    bool ok = ask_without_spaces(auditor, asked, told, err);
    for (size_t i = 0; ok && i < auditor->set->count; i++)
        if (!told[i])
            look_at_ends(auditor, i);
    free(told);
    return ok;
}

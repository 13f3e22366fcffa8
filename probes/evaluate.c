/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probes/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_TOKENS_MIN = 14, ANSWER_TOKENS_MORE = 4, ANSWER_TOKENS_FREE = 64 };

/* ---- generation ---------------------------------------------------------------- */

/* The longest accepted answer in tokens, in the context of its prompt. */
static bool longest_answer(const struct tokenizer *tokenizer, const struct probe *probe,
                           const struct ids *prompt, size_t *longest, struct err *err)
{
    *longest = 0;
    for (size_t i = 0; i <= probe->alternate_count; i++) {
        const char *answer = i == 0 ? probe->correct : probe->alternates[i - 1];
        struct ids ids = {0};
        bool merged = false;
        bool ok = answer_encode(tokenizer, probe->prompt, prompt, answer, &ids, &merged, err);
        *longest = ids.count > *longest ? ids.count : *longest;
        ids_free(&ids);
        if (!ok)
            return false;
    }
    return true;
}

static bool make_request(const struct tokenizer *tokenizer, const struct probe *probe,
                         struct ids *prompt, struct generate_request *request, struct err *err)
{
    struct encode_options options = {0};
    size_t longest = 0;
    if (!token_encode(tokenizer, probe->prompt, strlen(probe->prompt), &options, prompt, err) ||
        !longest_answer(tokenizer, probe, prompt, &longest, err))
        return err_where(err, "probe %s", probe->name);
    /* Rules that look for the answer in a text let it go on. */
    bool line = probe->rule.mode == ANSWER_MATH || probe->rule.mode == ANSWER_EXACT;
    size_t limit = longest + ANSWER_TOKENS_MORE, least = line ? ANSWER_TOKENS_MIN
                                                              : ANSWER_TOKENS_FREE;
    *request = (struct generate_request){
        .prompt = prompt,
        .tokens_max = limit > least ? limit : least,
        .stop_at_newline = line,
    };
    return true;
}

/* Big sets take seconds to tokenize. */
static bool is_cancelled(cancel_flag *cancel, struct err *err)
{
    bool cancelled = cancel && atomic_load(cancel);
    if (cancelled)
        (void)err_set(err, ERR_CANCELLED, "interrupted");
    return cancelled;
}

static bool generate_all(struct model *model, const struct probe_set *set, int threads,
                         struct evaluation *evaluation, const struct work_progress *progress,
                         cancel_flag *cancel, struct err *err)
{
    struct generate_request *requests = x_new(set->count, sizeof *requests);
    struct ids *prompts = x_new(set->count, sizeof *prompts);
    bool ok = true;
    for (size_t i = 0; ok && i < set->count; i++)
        ok = !is_cancelled(cancel, err) && make_request(model_tokenizer(model), &set->probes[i],
                                                        &prompts[i], &requests[i], err);
    ok = ok && generate_greedy(model, requests, set->count, threads, evaluation->generation,
                               progress, cancel, err);
    for (size_t i = 0; ok && i < set->count; i++)
        ok = probe_judge(&set->probes[i], evaluation->generation[i].text.data,
                         evaluation->generation[i].text.len, &evaluation->right[i], err);
    for (size_t i = 0; i < set->count; i++)
        ids_free(&prompts[i]);
    free(prompts);
    free(requests);
    return ok;
}

/* ---- gaps ------------------------------------------------------------------------ */

enum { MEASURE_MAX = 32 }; /* probes in one batch: bounds memory, and paces progress */

static bool measure_part(struct model *model, const struct probe_set *set, size_t first, size_t n,
                         const struct evaluate_options *options, struct evaluation *evaluation,
                         cancel_flag *cancel, struct err *err)
{
    const struct probe *probes[MEASURE_MAX];
    for (size_t i = 0; i < n; i++)
        probes[i] = &set->probes[first + i];
    struct measure_options once = {options->metric, options->threads, 0};
    struct measure *measure = measure_new(model, probes, n, &once, err);
    bool ok = measure && measure_run(measure, evaluation->gap + first, cancel, err);
    for (size_t i = 0; ok && i < n; i++)
        evaluation->merged[first + i] = measure_is_merged(measure, i);
    measure_free(measure);
    return ok;
}

static bool measure_all(struct model *model, const struct probe_set *set,
                        const struct evaluate_options *options, struct evaluation *evaluation,
                        const struct work_progress *progress, cancel_flag *cancel,
                        struct err *err)
{
    for (size_t first = 0; first < set->count; first += MEASURE_MAX) {
        size_t n = set->count - first < MEASURE_MAX ? set->count - first : MEASURE_MAX;
        if (!measure_part(model, set, first, n, options, evaluation, cancel, err))
            return false;
        progress->report(progress->user, first + n, set->count);
    }
    return true;
}

/* ---- both ------------------------------------------------------------------------ */

/* Gaps and answers are one work: a probe counts once for each. */
struct stage {
    const struct work_progress *whole; /* or NULL */
    size_t before;
    size_t total;
};

static void report_stage(void *user, size_t done, size_t total)
{
    const struct stage *stage = user;
    (void)total;
    if (stage->whole)
        stage->whole->report(stage->whole->user, stage->before + done, stage->total);
}

static bool fill(struct model *model, const struct probe_set *set,
                 const struct evaluate_options *options, struct evaluation *evaluation,
                 const struct work_progress *whole, cancel_flag *cancel, struct err *err)
{
    struct stage stage = {.whole = whole, .total = set->count};
    const struct work_progress progress = {report_stage, &stage};
    if (!options->without_gaps) {
        stage.total = 2 * set->count;
        if (!measure_all(model, set, options, evaluation, &progress, cancel, err))
            return false;
        stage.before = set->count;
    }
    return generate_all(model, set, options->threads, evaluation, &progress, cancel, err);
}

struct evaluation *evaluate(struct model *model, const struct probe_set *set,
                            const struct evaluate_options *options,
                            const struct work_progress *progress, cancel_flag *cancel,
                            struct err *err)
{
    struct evaluation *evaluation = x_new(1, sizeof *evaluation);
    evaluation->count = set->count;
    evaluation->gap = x_new(set->count, sizeof *evaluation->gap);
    evaluation->merged = x_new(set->count, sizeof *evaluation->merged);
    evaluation->generation = x_new(set->count, sizeof *evaluation->generation);
    evaluation->right = x_new(set->count, sizeof *evaluation->right);
    for (size_t i = 0; i < set->count; i++)
        evaluation->gap[i] = (double)NAN;
    if (fill(model, set, options, evaluation, progress, cancel, err))
        return evaluation;
    evaluation_free(evaluation);
    return NULL;
}

struct evaluation evaluation_slice(const struct evaluation *whole, size_t first, size_t count)
{
    return (struct evaluation){
        .count = count,
        .gap = whole->gap + first,
        .merged = whole->merged + first,
        .generation = whole->generation + first,
        .right = whole->right + first,
    };
}

void evaluation_free(struct evaluation *evaluation)
{
    if (!evaluation)
        return;
    for (size_t i = 0; i < evaluation->count; i++)
        generation_free(&evaluation->generation[i]);
    free(evaluation->gap);
    free(evaluation->merged);
    free(evaluation->generation);
    free(evaluation->right);
    free(evaluation);
}

/* ---- verdicts ----------------------------------------------------------------------- */

const char *verdict_name(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_FIXED: return "fixed";
    case VERDICT_BROKE: return "broke";
    case VERDICT_STAYED_RIGHT: return "stayed_right";
    case VERDICT_STAYED_WRONG: return "stayed_wrong";
    }
    return "unknown";
}

enum verdict verdict_of(bool right_base, bool right_now)
{
    if (right_base)
        return right_now ? VERDICT_STAYED_RIGHT : VERDICT_BROKE;
    return right_now ? VERDICT_FIXED : VERDICT_STAYED_WRONG;
}

static struct tally *find_tally(struct tally **tallies, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*tallies)[i].name, name) == 0)
            return &(*tallies)[i];
    *tallies = x_grow(*tallies, *count + 1, sizeof **tallies);
    (*tallies)[*count] = (struct tally){.name = name};
    return &(*tallies)[(*count)++];
}

size_t tally_results(const struct probe_set *set, const struct evaluation *base,
                     const struct evaluation *now, enum tally_by by, struct tally **out)
{
    size_t count = 0;
    *out = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const struct probe *probe = &set->probes[i];
        const char *name = by == TALLY_BY_SET ? probe->set : probe->category;
        struct tally *tally = find_tally(out, &count, name);
        enum verdict verdict = verdict_of(base->right[i], now->right[i]);
        tally->n++;
        tally->right_base += base->right[i];
        tally->right_now += now->right[i];
        tally->fixed += verdict == VERDICT_FIXED;
        tally->broke += verdict == VERDICT_BROKE;
    }
    return count;
}

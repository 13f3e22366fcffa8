/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * All probes are one batch: a branch for each prompt, one for each answer that
 * shares the prompt's tokens, and a wrong answer shares what it has in common
 * with the right one.  Of an answer the last token need not be computed.
 *
 * What is read from the batch is a list of terms (slot, token, probe, side) in
 * ascending order of slots; tokens of one answer lie on one path, so their
 * log-probabilities are always added in the order of their positions.
 */
#include "probes/measure.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOGITS_BYTES_MAX = 16 << 20,
    WORTH_THREADS = 1 << 18, /* logits */
};

struct term {
    size_t slot;
    int32_t id;
    uint32_t probe;
    bool wrong;
};

struct answers { /* of one probe */
    struct ids prompt;
    struct ids side[2]; /* right, wrong */
    bool merged;
};

struct measure {
    struct model *model;
    enum metric metric;
    int threads;
    size_t count;
    struct answers *answers; /* [count] */
    struct context *context;
    struct term *terms;
    size_t term_count;
    size_t *slots; /* distinct slots of terms, ascending */
    size_t slot_count;
    float *logits; /* [slots_per_step][vocab] */
    double *sums;  /* [slots_per_step] log-sum-exp */
    size_t slots_per_step;
    size_t tokens;
};

const char *metric_name(enum metric metric)
{
    return metric == METRIC_TOKEN_GAP ? "token_gap" : "seq_logprob";
}

bool metric_parse(const char *name, enum metric *metric)
{
    for (int i = METRIC_TOKEN_GAP; i <= METRIC_SEQ_LOGPROB; i++)
        if (strcmp(name, metric_name((enum metric)i)) == 0) {
            *metric = (enum metric)i;
            return true;
        }
    return false;
}

/* ---- tokens ------------------------------------------------------------------ */

bool answer_encode(const struct tokenizer *tokenizer, const char *prompt,
                   const struct ids *prompt_ids, const char *answer, struct ids *out, bool *merged,
                   struct err *err)
{
    struct encode_options apart = {.no_bos = true}, together = {0};
    struct buf text = {0};
    struct ids whole = {0};
    buf_add_text(&text, prompt);
    buf_add_text(&text, answer);
    bool ok = token_encode(tokenizer, text.data, text.len, &together, &whole, err);
    *merged = ok && (whole.count <= prompt_ids->count ||
                     memcmp(whole.data, prompt_ids->data,
                            prompt_ids->count * sizeof *whole.data) != 0);
    if (ok && *merged)
        ok = token_encode(tokenizer, answer, strlen(answer), &apart, out, err);
    for (size_t i = prompt_ids->count; ok && !*merged && i < whole.count; i++)
        ids_add(out, whole.data[i]);
    buf_free(&text);
    ids_free(&whole);
    return ok;
}

static bool encode_probe(const struct tokenizer *tokenizer, const struct probe *probe,
                         struct answers *answers, struct err *err)
{
    struct encode_options options = {0};
    bool merged[2] = {false, false};
    bool ok = token_encode(tokenizer, probe->prompt, strlen(probe->prompt), &options,
                           &answers->prompt, err) &&
              answer_encode(tokenizer, probe->prompt, &answers->prompt, probe->correct,
                            &answers->side[0], &merged[0], err);
    if (ok && probe->wrong[0] != '\0')
        ok = answer_encode(tokenizer, probe->prompt, &answers->prompt, probe->wrong,
                           &answers->side[1], &merged[1], err);
    answers->merged = merged[0] || merged[1];
    return ok ? true : err_where(err, "probe %s", probe->name);
}

/* ---- the batch ------------------------------------------------------------------ */

static size_t common_length(const struct ids *a, const struct ids *b)
{
    size_t n = a->count < b->count ? a->count : b->count, i = 0;
    while (i < n && a->data[i] == b->data[i])
        i++;
    return i;
}

/* Tokens of an answer that have to be computed: all but the last. */
static size_t needed(const struct ids *answer)
{
    return answer->count > 0 ? answer->count - 1 : 0;
}

static size_t shared_with_right(const struct answers *answers)
{
    size_t common = common_length(&answers->side[0], &answers->side[1]);
    size_t both = needed(&answers->side[0]) < needed(&answers->side[1])
                      ? needed(&answers->side[0])
                      : needed(&answers->side[1]);
    return common < both ? common : both;
}

static size_t count_tokens(const struct measure *measure)
{
    size_t tokens = 0;
    for (size_t i = 0; i < measure->count; i++) {
        const struct answers *answers = &measure->answers[i];
        tokens += answers->prompt.count;
        if (measure->metric == METRIC_SEQ_LOGPROB && answers->side[1].count > 0)
            tokens += needed(&answers->side[0]) + needed(&answers->side[1]) -
                      shared_with_right(answers);
    }
    return tokens;
}

/* Branches of one probe; branch[0] and branch[1] lead along its answers. */
static bool push_probe(struct measure *measure, size_t index, size_t branch[2], struct err *err)
{
    const struct answers *answers = &measure->answers[index];
    struct context *context = measure->context;
    size_t prompt = context_branch(context, 0, 0), length = answers->prompt.count;
    branch[0] = branch[1] = prompt;
    if (!context_push(context, prompt, answers->prompt.data, length, err))
        return false;
    if (measure->metric == METRIC_TOKEN_GAP || answers->side[1].count == 0)
        return true;
    size_t shared = shared_with_right(answers);
    branch[0] = context_branch(context, prompt, length);
    if (!context_push(context, branch[0], answers->side[0].data, needed(&answers->side[0]), err))
        return false;
    branch[1] = context_branch(context, branch[0], length + shared);
    return context_push(context, branch[1], answers->side[1].data + shared,
                        needed(&answers->side[1]) - shared, err);
}

static void add_term(struct measure *measure, size_t slot, int32_t id, size_t probe, bool wrong)
{
    measure->terms[measure->term_count++] = (struct term){slot, id, (uint32_t)probe, wrong};
}

static void add_terms(struct measure *measure, size_t index, const size_t branch[2])
{
    const struct answers *answers = &measure->answers[index];
    size_t end = answers->prompt.count - 1;
    if (answers->side[1].count == 0)
        return;
    for (int side = 0; side < 2; side++) {
        const struct ids *ids = &answers->side[side];
        if (measure->metric == METRIC_TOKEN_GAP) {
            add_term(measure, context_slot(measure->context, branch[side], end),
                     ids->data[ids->count - 1], index, side == 1);
            continue;
        }
        for (size_t i = 0; i < ids->count; i++)
            add_term(measure, context_slot(measure->context, branch[side], end + i), ids->data[i],
                     index, side == 1);
    }
}

static int compare_terms(const void *a, const void *b)
{
    const struct term *left = a, *right = b;
    if (left->slot != right->slot)
        return left->slot < right->slot ? -1 : 1;
    return (int)left->wrong - (int)right->wrong;
}

static void collect_slots(struct measure *measure)
{
    qsort(measure->terms, measure->term_count, sizeof *measure->terms, compare_terms);
    measure->slots = x_new(measure->term_count, sizeof *measure->slots);
    for (size_t i = 0; i < measure->term_count; i++)
        if (i == 0 || measure->terms[i].slot != measure->terms[i - 1].slot)
            measure->slots[measure->slot_count++] = measure->terms[i].slot;
}

/* Push everything; on the first time the terms are noted too. */
static bool push_all(struct measure *measure, bool with_terms, struct err *err)
{
    context_reset(measure->context);
    for (size_t i = 0; i < measure->count; i++) {
        size_t branch[2];
        if (!push_probe(measure, i, branch, err))
            return false;
        if (with_terms)
            add_terms(measure, i, branch);
    }
    return true;
}

static bool prepare(struct measure *measure, int threads, struct err *err)
{
    size_t vocab = model_shape(measure->model)->vocab, terms = 0;
    for (size_t i = 0; i < measure->count; i++)
        terms += measure->answers[i].side[0].count + measure->answers[i].side[1].count;
    measure->terms = x_new(terms, sizeof *measure->terms);
    measure->tokens = count_tokens(measure);
    struct context_options options = {.tokens_max = measure->tokens, .threads = threads};
    measure->context = context_new(measure->model, &options, err);
    if (!measure->context || !push_all(measure, true, err))
        return false;
    collect_slots(measure);
    measure->slots_per_step = LOGITS_BYTES_MAX / (vocab * sizeof(float)) + 1;
    if (measure->slots_per_step > measure->slot_count)
        measure->slots_per_step = measure->slot_count + 1;
    measure->logits = x_new(measure->slots_per_step * vocab, sizeof *measure->logits);
    measure->sums = x_new(measure->slots_per_step, sizeof *measure->sums);
    return true;
}

struct measure *measure_new(struct model *model, const struct probe *const *probes, size_t count,
                            enum metric metric, int threads, struct err *err)
{
    struct measure *measure = x_new(1, sizeof *measure);
    measure->model = model;
    measure->metric = metric;
    measure->threads = threads > 0 ? threads : omp_get_max_threads();
    measure->count = count;
    measure->answers = x_new(count, sizeof *measure->answers);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = encode_probe(model_tokenizer(model), probes[i], &measure->answers[i], err);
    if (ok && count > 0)
        ok = prepare(measure, threads, err);
    if (ok)
        return measure;
    measure_free(measure);
    return NULL;
}

void measure_free(struct measure *measure)
{
    if (!measure)
        return;
    for (size_t i = 0; i < measure->count; i++) {
        ids_free(&measure->answers[i].prompt);
        ids_free(&measure->answers[i].side[0]);
        ids_free(&measure->answers[i].side[1]);
    }
    free(measure->answers);
    context_free(measure->context);
    free(measure->terms);
    free(measure->slots);
    free(measure->logits);
    free(measure->sums);
    free(measure);
}

/* ---- running --------------------------------------------------------------------- */

/* Log-sum-exp of n rows of logits; each row is one thread's work. */
static void sum_rows(struct measure *measure, size_t n, size_t vocab)
{
#pragma omp parallel for num_threads(measure->threads) if (n * vocab > WORTH_THREADS)
    for (size_t i = 0; i < n; i++)
        measure->sums[i] = logits_log_sum_exp(measure->logits + i * vocab, vocab);
}

static double term_value(const struct measure *measure, size_t row, size_t vocab, int32_t id)
{
    double logit = (double)measure->logits[row * vocab + (size_t)id];
    return measure->metric == METRIC_TOKEN_GAP ? logit : logit - measure->sums[row];
}

bool measure_run(struct measure *measure, double *gaps, cancel_flag *cancel, struct err *err)
{
    if (measure->count == 0)
        return true;
    size_t vocab = model_shape(measure->model)->vocab, term = 0;
    if (!push_all(measure, false, err) || !context_run(measure->context, cancel, err))
        return false;
    double *sides = x_new(measure->count, 2 * sizeof *sides);
    for (size_t first = 0; first < measure->slot_count; first += measure->slots_per_step) {
        size_t n = measure->slot_count - first;
        n = n < measure->slots_per_step ? n : measure->slots_per_step;
        const size_t *slots = measure->slots + first;
        if (!context_logits(measure->context, slots, n, measure->logits, cancel, err)) {
            free(sides);
            return false;
        }
        if (measure->metric == METRIC_SEQ_LOGPROB)
            sum_rows(measure, n, vocab);
        for (size_t row = 0; row < n; row++)
            for (; term < measure->term_count && measure->terms[term].slot == slots[row]; term++)
                sides[2 * measure->terms[term].probe + measure->terms[term].wrong] +=
                    term_value(measure, row, vocab, measure->terms[term].id);
    }
    for (size_t i = 0; i < measure->count; i++)
        gaps[i] = measure->answers[i].side[1].count ? sides[2 * i] - sides[2 * i + 1] : (double)NAN;
    free(sides);
    return true;
}

bool measure_is_merged(const struct measure *measure, size_t probe)
{
    return measure->answers[probe].merged;
}

size_t measure_tokens(const struct measure *measure)
{
    return measure->tokens;
}

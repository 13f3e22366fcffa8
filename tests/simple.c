/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/simple.h"

#include <math.h>
#include <stdlib.h>

#include "engine/model/model_int.h"
#include "tests/t.h"
#include "tests/truth.h"

struct model *simple_model(const struct tiny *tiny)
{
    struct buf file = {0};
    struct err err;
    tiny_write(tiny, &file);
    struct model *model = model_open_memory(file.data, file.len, "tiny", &err);
    t_ok(model != NULL, &err);
    buf_free(&file);
    return model;
}

struct model *simple_nano(void)
{
    struct err err;
    struct model *model = model_open("nano", &err);
    t_ok(model != NULL, &err);
    return model;
}

/* The struct owns its texts where it was read from a file; here it does not. */
static char *borrow(const char *text)
{
    return (char *)(uintptr_t)text;
}

struct probe simple_probe(const char *prompt, const char *correct, const char *wrong)
{
    return (struct probe){
        .name = borrow(prompt),
        .set = borrow("simple"),
        .category = borrow(""),
        .prompt = borrow(prompt),
        .correct = borrow(correct),
        .wrong = borrow(wrong),
    };
}

struct probe_set simple_set(struct probe *probes, size_t count)
{
    return (struct probe_set){.name = borrow("simple"), .probes = probes, .count = count};
}

struct ids simple_encode(const struct model *model, const char *text)
{
    struct ids ids = {0};
    struct err err;
    struct encode_options options = {0};
    t_ok(token_encode(model_tokenizer(model), text, strlen(text), &options, &ids, &err), &err);
    return ids;
}

float *simple_logits(struct model *model, const int32_t *ids, size_t count)
{
    struct err err;
    struct context_options options = {.tokens_max = count, .threads = 1};
    struct context *context = context_new(model, &options, &err);
    t_ok(context != NULL, &err);
    size_t branch = context_branch(context, 0, 0), vocab = model_shape(model)->vocab;
    t_ok(context_push(context, branch, ids, count, &err), &err);
    t_ok(context_run(context, NULL, &err), &err);
    float *logits = x_new(count * vocab, sizeof *logits);
    for (size_t i = 0; i < count; i++) {
        size_t slot = context_slot(context, branch, i);
        t_ok(context_logits(context, &slot, 1, logits + i * vocab, NULL, &err), &err);
    }
    context_free(context);
    return logits;
}

/* ---- gaps ------------------------------------------------------------------------ */

/* prompt and answer as one sequence; the answer begins at *start. */
static struct ids join(const struct model *model, const struct probe *probe, const char *answer,
                       size_t *start)
{
    struct buf text = {0};
    buf_add_text(&text, probe->prompt);
    buf_add_text(&text, answer);
    struct ids prompt = simple_encode(model, probe->prompt);
    struct ids whole = simple_encode(model, text.data);
    *start = prompt.count;
    bool continues = whole.count > prompt.count;
    for (size_t i = 0; continues && i < prompt.count; i++)
        continues = whole.data[i] == prompt.data[i];
    if (!continues) { /* they merge: the answer's own tokens behind the prompt's */
        struct ids apart = simple_encode(model, answer);
        ids_free(&whole);
        whole = (struct ids){0};
        for (size_t i = 0; i < prompt.count; i++)
            ids_add(&whole, prompt.data[i]);
        for (size_t i = 0; i < apart.count; i++)
            ids_add(&whole, apart.data[i]);
        ids_free(&apart);
    }
    ids_free(&prompt);
    buf_free(&text);
    return whole;
}

static double side(struct model *model, const struct probe *probe, const char *answer,
                   enum metric metric)
{
    size_t start = 0, vocab = model_shape(model)->vocab;
    struct ids ids = join(model, probe, answer, &start);
    float *logits = simple_logits(model, ids.data, ids.count);
    double sum = 0;
    if (metric == METRIC_TOKEN_GAP) /* the last token, as if it came right after the prompt */
        sum = (double)logits[(start - 1) * vocab + (size_t)ids.data[ids.count - 1]];
    for (size_t i = start; metric == METRIC_SEQ_LOGPROB && i < ids.count; i++)
        sum += logits_log_prob(logits + (i - 1) * vocab, vocab, ids.data[i]);
    free(logits);
    ids_free(&ids);
    return sum;
}

/* May an answer end here?  The end token, or text that begins with a line feed. */
static bool ends(const struct model *model, int32_t id)
{
    struct buf piece = {0};
    token_decode(model_tokenizer(model), id, &piece);
    bool newline = piece.len > 0 && piece.data[0] == '\n';
    buf_free(&piece);
    return newline || token_is_end(model_tokenizer(model), id);
}

/* Best right logit minus best other, where right is `id` or (-1) whatever ends. */
static double lead(const struct model *model, const double *logits, size_t vocab, int32_t id)
{
    double right = -HUGE_VAL, other = -HUGE_VAL;
    for (size_t i = 0; i < vocab; i++)
        if (id < 0 ? ends(model, (int32_t)i) : (size_t)id == i)
            right = fmax(right, logits[i]);
        else
            other = fmax(other, logits[i]);
    return right - other;
}

/* logits: after every token of ids, the answer of which begins at start */
static double least_lead(const struct model *model, const struct ids *ids, size_t start,
                         const double *logits)
{
    size_t vocab = model_shape(model)->vocab;
    double least = HUGE_VAL;
    for (size_t i = start; i <= ids->count; i++)
        least = fmin(least, lead(model, logits + (i - 1) * vocab, vocab,
                                 i < ids->count ? ids->data[i] : -1));
    return least;
}

static double margin(struct model *model, const struct probe *probe)
{
    size_t start = 0, vocab = model_shape(model)->vocab;
    struct ids ids = join(model, probe, probe->correct, &start);
    float *single = simple_logits(model, ids.data, ids.count);
    double *logits = x_new(ids.count * vocab, sizeof *logits);
    for (size_t i = 0; i < ids.count * vocab; i++)
        logits[i] = (double)single[i];
    double least = least_lead(model, &ids, start, logits);
    free(single);
    free(logits);
    ids_free(&ids);
    return least;
}

double simple_gap(struct model *model, const struct probe *probe, enum metric metric)
{
    if (metric == METRIC_MARGIN)
        return margin(model, probe);
    return side(model, probe, probe->correct, metric) - side(model, probe, probe->wrong, metric);
}

static double log_prob_truth(const double *logits, size_t vocab, int32_t id)
{
    double sum = 0;
    for (size_t i = 0; i < vocab; i++)
        sum += exp(logits[i] - logits[id]);
    return -log(sum);
}

static double side_truth(const struct model *model, const struct probe *probe, const char *answer,
                         enum metric metric, double *size, size_t *terms)
{
    size_t start = 0, vocab = model_shape(model)->vocab;
    struct ids ids = join(model, probe, answer, &start);
    double *logits = x_new(ids.count * vocab, sizeof *logits), sum = 0, squares = 0;
    truth_logits(model, ids.data, ids.count, logits);
    if (metric == METRIC_TOKEN_GAP)
        sum = logits[(start - 1) * vocab + (size_t)ids.data[ids.count - 1]];
    if (metric == METRIC_MARGIN)
        sum = least_lead(model, &ids, start, logits);
    for (size_t i = start; metric == METRIC_SEQ_LOGPROB && i < ids.count; i++)
        sum += log_prob_truth(logits + (i - 1) * vocab, vocab, ids.data[i]);
    for (size_t i = (start - 1) * vocab; i < ids.count * vocab; i++)
        squares += logits[i] * logits[i];
    *size = sqrt(squares / (double)((ids.count - start + 1) * vocab));
    *terms = metric == METRIC_TOKEN_GAP ? 1 : ids.count - start;
    free(logits);
    ids_free(&ids);
    return sum;
}

double simple_gap_truth(const struct model *model, const struct probe *probe, enum metric metric,
                        double *size, size_t *terms)
{
    double sizes[2] = {0};
    size_t counts[2] = {0};
    double right = side_truth(model, probe, probe->correct, metric, &sizes[0], &counts[0]);
    if (metric == METRIC_MARGIN) {
        *size = sizes[0];
        *terms = 1;
        return right;
    }
    double wrong = side_truth(model, probe, probe->wrong, metric, &sizes[1], &counts[1]);
    *size = fmax(sizes[0], sizes[1]);
    *terms = counts[0] + counts[1];
    return right - wrong;
}

static double log_sum(const float *logits, size_t vocab)
{
    double sum = 0;
    for (size_t i = 0; i < vocab; i++)
        sum += exp((double)logits[i]);
    return log(sum);
}

double simple_kl(struct model *base, struct model *now, const char *prompt)
{
    size_t vocab = model_shape(base)->vocab;
    struct ids ids = simple_encode(base, prompt);
    float *p = simple_logits(base, ids.data, ids.count);
    float *q = simple_logits(now, ids.data, ids.count);
    double sum = 0;
    for (size_t at = 0; at < ids.count; at++) {
        const float *from = p + at * vocab, *to = q + at * vocab;
        double from_sum = log_sum(from, vocab), to_sum = log_sum(to, vocab);
        for (size_t i = 0; i < vocab; i++)
            sum += exp((double)from[i] - from_sum) *
                   ((double)from[i] - from_sum - ((double)to[i] - to_sum));
    }
    sum /= (double)ids.count;
    free(p);
    free(q);
    ids_free(&ids);
    return sum;
}

/* ---- answers --------------------------------------------------------------------- */

void simple_answer(struct model *model, const struct ids *prompt, size_t limit, bool newline,
                   struct ids *out)
{
    size_t vocab = model_shape(model)->vocab;
    struct ids all = {0};
    for (size_t i = 0; i < prompt->count; i++)
        ids_add(&all, prompt->data[i]);
    while (out->count < limit) {
        float *logits = simple_logits(model, all.data, all.count);
        const float *last = logits + (all.count - 1) * vocab;
        int32_t best = 0;
        for (size_t i = 1; i < vocab; i++)
            best = last[i] > last[best] ? (int32_t)i : best;
        free(logits);
        if (token_is_end(model_tokenizer(model), best))
            break;
        struct buf piece = {0};
        token_decode(model_tokenizer(model), best, &piece);
        bool ends = newline && piece.len > 0 && memchr(piece.data, '\n', piece.len);
        buf_free(&piece);
        ids_add(out, best);
        ids_add(&all, best);
        if (ends)
            break;
    }
    ids_free(&all);
}

/* ---- bytes ------------------------------------------------------------------------ */

uint64_t simple_bytes_hash(const struct model *model)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325); /* FNV-1a, 64 bits */
    for (size_t i = 0; i < model->len; i++)
        hash = (hash ^ model->bytes[i]) * UINT64_C(0x100000001B3);
    return hash;
}

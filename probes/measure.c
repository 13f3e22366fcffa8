/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * All probes are one batch: two sequences for each, the prompt with the right
 * answer and with the wrong one, less the last token, whose logits nobody needs.
 *
 * What is read from the batch is a list of terms (row, token, probe, side) in
 * ascending order of rows; tokens of one answer lie on one path, so their
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
    size_t row; /* of the batch */
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
    struct measure_options options;
    size_t count;
    struct answers *answers; /* [count] */
    struct batch *batch;     /* NULL if no probe has a wrong answer */
    struct term *terms;
    size_t term_count;
    float *logits; /* [rows_per_step][vocab] */
    double *sums;  /* [rows_per_step] log-sum-exp */
    size_t rows_per_step;
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

/* Prompt and answer but its last token; with token_gap the prompt alone. */
static struct sequence make_sequence(const struct measure *measure, const struct answers *answers,
                                     int side, struct ids *room)
{
    const struct ids *answer = &answers->side[side];
    size_t more = answer->count > 0 ? answer->count - 1 : 0;
    if (measure->options.metric == METRIC_TOKEN_GAP)
        more = 0;
    for (size_t i = 0; i < answers->prompt.count; i++)
        ids_add(room, answers->prompt.data[i]);
    for (size_t i = 0; i < more; i++)
        ids_add(room, answer->data[i]);
    return (struct sequence){room->data, room->count, answers->prompt.count - 1, 0};
}

static void add_term(struct measure *measure, size_t row, int32_t id, size_t probe, int side)
{
    measure->terms[measure->term_count++] = (struct term){row, id, (uint32_t)probe, side == 1};
}

/* sequence: the number of the probe's sequence for that side. */
static void add_terms(struct measure *measure, size_t probe, int side, size_t sequence)
{
    const struct answers *answers = &measure->answers[probe];
    const struct ids *ids = &answers->side[side];
    size_t end = answers->prompt.count - 1;
    if (measure->options.metric == METRIC_TOKEN_GAP) {
        add_term(measure, batch_row(measure->batch, sequence, end), ids->data[ids->count - 1],
                 probe, side);
        return;
    }
    for (size_t i = 0; i < ids->count; i++)
        add_term(measure, batch_row(measure->batch, sequence, end + i), ids->data[i], probe, side);
}

static int compare_terms(const void *a, const void *b)
{
    const struct term *left = a, *right = b;
    if (left->row != right->row)
        return left->row < right->row ? -1 : 1;
    if (left->probe != right->probe)
        return left->probe < right->probe ? -1 : 1;
    return (int)left->wrong - (int)right->wrong;
}

/* Sequences of all probes that have a wrong answer; room[i] holds the ids. */
static size_t make_sequences(const struct measure *measure, struct ids *room,
                             struct sequence *sequences)
{
    size_t count = 0;
    for (size_t i = 0; i < measure->count; i++)
        for (int side = 0; side < 2 && measure->answers[i].side[1].count > 0; side++, count++)
            sequences[count] = make_sequence(measure, &measure->answers[i], side, &room[count]);
    return count;
}

static void collect_terms(struct measure *measure)
{
    size_t terms = 0, sequence = 0;
    for (size_t i = 0; i < measure->count; i++)
        terms += measure->answers[i].side[0].count + measure->answers[i].side[1].count;
    measure->terms = x_new(terms, sizeof *measure->terms);
    for (size_t i = 0; i < measure->count; i++)
        for (int side = 0; side < 2 && measure->answers[i].side[1].count > 0; side++)
            add_terms(measure, i, side, sequence++);
    qsort(measure->terms, measure->term_count, sizeof *measure->terms, compare_terms);
}

static bool prepare(struct measure *measure, struct err *err)
{
    struct ids *room = x_new(2 * measure->count, sizeof *room);
    struct sequence *sequences = x_new(2 * measure->count, sizeof *sequences);
    struct batch_options options = {.threads = measure->options.threads,
                                    .keep_bytes = measure->options.keep_bytes};
    size_t count = make_sequences(measure, room, sequences);
    if (count > 0)
        measure->batch = batch_new(measure->model, sequences, count, &options, err);
    for (size_t i = 0; i < count; i++)
        ids_free(&room[i]);
    free(room);
    free(sequences);
    if (!measure->batch)
        return count == 0;
    collect_terms(measure);
    size_t vocab = model_shape(measure->model)->vocab, rows = batch_rows(measure->batch);
    measure->rows_per_step = LOGITS_BYTES_MAX / (vocab * sizeof(float)) + 1;
    if (measure->rows_per_step > rows)
        measure->rows_per_step = rows;
    measure->logits = x_new(measure->rows_per_step * vocab, sizeof *measure->logits);
    measure->sums = x_new(measure->rows_per_step, sizeof *measure->sums);
    return true;
}

struct measure *measure_new(struct model *model, const struct probe *const *probes, size_t count,
                            const struct measure_options *options, struct err *err)
{
    struct measure *measure = x_new(1, sizeof *measure);
    measure->model = model;
    measure->options = *options;
    if (measure->options.threads == 0)
        measure->options.threads = omp_get_max_threads();
    measure->count = count;
    measure->answers = x_new(count, sizeof *measure->answers);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = encode_probe(model_tokenizer(model), probes[i], &measure->answers[i], err);
    if (ok && prepare(measure, err))
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
    batch_free(measure->batch);
    free(measure->terms);
    free(measure->logits);
    free(measure->sums);
    free(measure);
}

/* ---- running --------------------------------------------------------------------- */

/* Log-sum-exp of n rows of logits; each row is one thread's work. */
static void sum_rows(struct measure *measure, size_t n, size_t vocab)
{
#pragma omp parallel for num_threads(measure->options.threads) if (n * vocab > WORTH_THREADS)
    for (size_t i = 0; i < n; i++)
        measure->sums[i] = logits_log_sum_exp(measure->logits + i * vocab, vocab);
}

/* Log-probabilities of all terms, added up by probe and side. */
static bool sum_log_probs(struct measure *measure, int world, double *sides, cancel_flag *cancel,
                          struct err *err)
{
    size_t vocab = model_shape(measure->model)->vocab, rows = batch_rows(measure->batch);
    const struct term *term = measure->terms, *end = measure->terms + measure->term_count;
    for (size_t first = 0; first < rows; first += measure->rows_per_step) {
        size_t n = rows - first < measure->rows_per_step ? rows - first : measure->rows_per_step;
        if (!batch_logits(measure->batch, world, first, n, measure->logits, cancel, err))
            return false;
        sum_rows(measure, n, vocab);
        for (; term < end && term->row < first + n; term++)
            sides[2 * term->probe + term->wrong] +=
                (double)measure->logits[(term->row - first) * vocab + (size_t)term->id] -
                measure->sums[term->row - first];
    }
    return true;
}

/* Only the logits that are asked for. */
static bool sum_logits(struct measure *measure, int world, double *sides, struct err *err)
{
    for (size_t i = 0; i < measure->term_count; i++) {
        const struct term *term = &measure->terms[i];
        float logit = 0;
        if (!batch_logits_of(measure->batch, world, term->row, &term->id, 1, &logit, err))
            return false;
        sides[2 * term->probe + term->wrong] = (double)logit;
    }
    return true;
}

static bool read_gaps(struct measure *measure, int world, double *gaps, cancel_flag *cancel,
                      struct err *err)
{
    double *sides = x_new(measure->count, 2 * sizeof *sides);
    bool ok = measure->options.metric == METRIC_TOKEN_GAP
                  ? sum_logits(measure, world, sides, err)
                  : sum_log_probs(measure, world, sides, cancel, err);
    for (size_t i = 0; ok && i < measure->count; i++)
        gaps[i] = measure->answers[i].side[1].count ? sides[2 * i] - sides[2 * i + 1] : (double)NAN;
    free(sides);
    return ok;
}

static void no_gaps(double *gaps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gaps[i] = (double)NAN;
}

bool measure_run(struct measure *measure, double *gaps, cancel_flag *cancel, struct err *err)
{
    if (!measure->batch) {
        no_gaps(gaps, measure->count);
        return true;
    }
    return batch_run(measure->batch, cancel, err) &&
           read_gaps(measure, BATCH_MODEL, gaps, cancel, err);
}

bool measure_try(struct measure *measure, const struct flip *flips, size_t flip_count,
                 double *gaps, cancel_flag *cancel, struct err *err)
{
    if (!measure->batch) {
        no_gaps(gaps, measure->count * flip_count);
        return true;
    }
    if (!batch_try(measure->batch, flips, flip_count, cancel, err))
        return false;
    for (size_t i = 0; i < flip_count; i++)
        if (!read_gaps(measure, (int)i, gaps + i * measure->count, cancel, err))
            return false;
    return true;
}

size_t measure_at_once(const struct measure *measure)
{
    return measure->batch ? batch_worlds(measure->batch) : 1;
}

bool measure_is_merged(const struct measure *measure, size_t probe)
{
    return measure->answers[probe].merged;
}

size_t measure_tokens(const struct measure *measure)
{
    return measure->batch ? batch_tokens(measure->batch) : 0;
}

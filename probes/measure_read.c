/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From rows of logits to gaps.  What a metric needs of a row is read once, by one
 * thread; then the terms are gone through in order.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/measure_int.h"

enum { WORTH_THREADS = 1 << 18 }; /* logits */

static bool is_margin(enum metric metric)
{
    return metric == METRIC_MARGIN || metric == METRIC_SOFT_MARGIN;
}

/* ---- one row ------------------------------------------------------------------- */

/* Largest logits: no sums, so any order gives the same. */
static void read_top(const struct measure *measure, const float *logits, size_t vocab,
                     struct row_reading *out)
{
    *out = (struct row_reading){.top_id = -1, .top = -HUGE_VALF, .second = -HUGE_VALF,
                                .end = -HUGE_VALF, .rest = -HUGE_VALF};
    for (size_t i = 0; i < vocab; i++) {
        float *group = measure->ends[i] ? &out->end : &out->rest;
        *group = logits[i] > *group ? logits[i] : *group;
        if (out->top_id < 0 || logits[i] > out->top) {
            out->second = out->top;
            out->top = logits[i];
            out->top_id = (int32_t)i;
        } else if (logits[i] > out->second) {
            out->second = logits[i];
        }
    }
}

static void read_row(const struct measure *measure, size_t row, const float *logits, size_t vocab,
                     struct row_reading *out)
{
    bool sum = measure_has_metric(measure, METRIC_SEQ_LOGPROB) ||
               measure_has_metric(measure, METRIC_LOGPROB);
    if (measure_has_metric(measure, METRIC_MARGIN) ||
        measure_has_metric(measure, METRIC_SOFT_MARGIN))
        read_top(measure, logits, vocab, out);
    if (measure_has_metric(measure, METRIC_KL))
        out->divergence = logits_kl(measure->base + row * vocab, measure->base_sums[row], logits,
                                    logits_log_sum_exp_double(logits, vocab), vocab);
    if (sum)
        out->sum = logits_log_sum_exp(logits, vocab);
}

/* n rows from `first` on; each is one thread's work. */
static void read_rows(struct measure *measure, size_t first, size_t n, size_t vocab)
{
#pragma omp parallel for num_threads(measure->options.threads) if (n * vocab > WORTH_THREADS)
    for (size_t i = 0; i < n; i++)
        read_row(measure, first + i, measure->logits + i * vocab, vocab, &measure->readings[i]);
}

/* ---- terms --------------------------------------------------------------------- */

static double margin_of(const struct term *term, const float *logits,
                        const struct row_reading *reading)
{
    if (term->id == TERM_END)
        return (double)reading->end - (double)reading->rest;
    float other = term->id == reading->top_id ? reading->second : reading->top;
    return (double)logits[term->id] - (double)other;
}

/* Log-probability of a token, or of all ends together. */
static double log_prob_of(const struct measure *measure, const struct term *term,
                          const float *logits, double sum)
{
    size_t vocab = model_shape(measure->model)->vocab, count = 0;
    if (term->id != TERM_END)
        return (double)logits[term->id] - sum;
    float *ends = x_new(vocab, sizeof *ends);
    for (size_t i = 0; i < vocab; i++)
        if (measure->ends[i])
            ends[count++] = logits[i];
    double end = logits_log_sum_exp(ends, count);
    free(ends);
    return end - sum;
}

static void take_term(const struct measure *measure, const struct term *term,
                      const float *logits, const struct row_reading *reading, double *side)
{
    enum metric metric = measure->metrics[term->part];
    if (metric == METRIC_MARGIN)
        *side = fmin(*side, margin_of(term, logits, reading));
    else if (metric == METRIC_SOFT_MARGIN)
        *side = logits_soft_min(*side, margin_of(term, logits, reading), metric_soft);
    else if (metric == METRIC_KL)
        *side += reading->divergence;
    else if (metric == METRIC_TOKEN_GAP)
        *side = (double)logits[term->id];
    else
        *side += log_prob_of(measure, term, logits, reading->sum);
}

/* Where a probe's two sides by one metric are. */
static double *sides_of(const struct measure *measure, double *sides, size_t part, size_t probe)
{
    return sides + 2 * (part * measure->count + probe);
}

/* Values of all terms, brought together by metric, probe and side. */
static bool take_terms(struct measure *measure, int world, double *sides, cancel_flag *cancel,
                       struct err *err)
{
    size_t vocab = model_shape(measure->model)->vocab, rows = batch_rows(measure->batch);
    const struct term *term = measure->terms, *end = measure->terms + measure->term_count;
    for (size_t first = 0; first < rows; first += measure->rows_per_step) {
        size_t n = rows - first < measure->rows_per_step ? rows - first : measure->rows_per_step;
        if (!batch_logits(measure->batch, world, first, n, measure->logits, cancel, err))
            return false;
        read_rows(measure, first, n, vocab);
        for (; term < end && term->row < first + n; term++)
            take_term(measure, term, measure->logits + (term->row - first) * vocab,
                      &measure->readings[term->row - first],
                      sides_of(measure, sides, term->part, term->probe) + term->wrong);
    }
    return true;
}

/* token_gap: only the logits that are asked for. */
static bool take_logits(struct measure *measure, int world, double *sides, struct err *err)
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

/* ---- gaps ---------------------------------------------------------------------- */

static double value_of(const struct measure *measure, size_t part, size_t probe,
                       const double *sides)
{
    enum metric metric = measure->metrics[part];
    if (!terms_have(measure, part, probe, 0))
        return (double)NAN;
    if (metric == METRIC_KL) /* not -0 */
        return 0 - sides[0] / (double)measure->answers[probe].prompt.count;
    return metric_needs_wrong(metric) ? sides[0] - sides[1] : sides[0];
}

static void begin_sides(const struct measure *measure, double *sides)
{
    for (size_t part = 0; part < measure->parts; part++)
        for (size_t i = 0; is_margin(measure->metrics[part]) && i < measure->count; i++)
            *sides_of(measure, sides, part, i) = HUGE_VAL;
}

bool measure_read(struct measure *measure, int world, double *values, cancel_flag *cancel,
                  struct err *err)
{
    size_t count = measure->count, parts = measure->parts;
    double *sides = x_new(count * parts, 2 * sizeof *sides);
    begin_sides(measure, sides);
    bool ok = parts == 1 && measure->metrics[0] == METRIC_TOKEN_GAP
                  ? take_logits(measure, world, sides, err)
                  : take_terms(measure, world, sides, cancel, err);
    for (size_t part = 0; ok && part < parts; part++)
        for (size_t i = 0; i < count; i++)
            values[part * count + i] =
                value_of(measure, part, i, sides_of(measure, sides, part, i));
    free(sides);
    return ok;
}

/* ---- the base ------------------------------------------------------------------ */

bool measure_read_base(struct measure *measure, cancel_flag *cancel, struct err *err)
{
    size_t vocab = model_shape(measure->model)->vocab, rows = batch_rows(measure->batch);
    for (size_t first = 0; first < rows; first += measure->rows_per_step) {
        size_t n = rows - first < measure->rows_per_step ? rows - first : measure->rows_per_step;
        float *logits = measure->base + first * vocab;
        if (!batch_logits(measure->batch, BATCH_MODEL, first, n, logits, cancel, err))
            return false;
#pragma omp parallel for num_threads(measure->options.threads) if (n * vocab > WORTH_THREADS)
        for (size_t i = 0; i < n; i++)
            measure->base_sums[first + i] = logits_log_sum_exp_double(logits + i * vocab, vocab);
    }
    return true;
}

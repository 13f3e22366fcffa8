/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * All probes are one batch.  What it holds is measure_terms.c's business, what is
 * read from it that of measure_read.c.
 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "probes/measure_int.h"
#include "src/base/memory.h"
#include "src/base/num.h"

enum {
    LOGITS_BYTES_MAX = 16 << 20,
    MIB = 1 << 20,
};

/* ---- making ---------------------------------------------------------------------- */

/* Places in the sequences, each counted for itself: at least batch_rows. */
static size_t count_places(const struct sequence *sequences, size_t count)
{
    size_t places = 0;
    for (size_t i = 0; i < count; i++)
        places += sequences[i].count - sequences[i].wanted;
    return places;
}

/* kl: is there room for the base?  What is kept must leave it. */
static bool fit_base(const struct measure *measure, size_t places, struct batch_options *options,
                     struct err *err)
{
    size_t vocab = model_shape(measure->model)->vocab, bytes = 0;
    uint64_t available = memory_available();
    if (!num_mul(places, vocab, &bytes) || !num_mul(bytes, sizeof(float), &bytes))
        bytes = SIZE_MAX;
    if (bytes > available)
        return err_set(err, ERR_MEMORY,
                       "no memory for kl's base, 4 bytes for each of %zu tokens at %zu positions "
                       "(%zu MiB, the machine has %llu MiB left)",
                       vocab, places, bytes / MIB, (unsigned long long)(available / MIB));
    uint64_t spare = (available - bytes) / 4;
    options->keep_bytes = options->keep_bytes < spare ? options->keep_bytes : spare;
    return true;
}

static bool allocate_base(struct measure *measure, struct err *err)
{
    size_t vocab = model_shape(measure->model)->vocab, rows = batch_rows(measure->batch);
    measure->base_sums = x_new(rows, sizeof *measure->base_sums);
    measure->base = malloc(rows * vocab * sizeof *measure->base); /* fit_base: no overflow */
    return measure->base || err_set(err, ERR_MEMORY, "no memory for the logits of %zu positions",
                                    rows);
}

static void allocate_rows(struct measure *measure)
{
    size_t vocab = model_shape(measure->model)->vocab, rows = batch_rows(measure->batch);
    measure->rows_per_step = LOGITS_BYTES_MAX / (vocab * sizeof(float)) + 1;
    if (measure->rows_per_step > rows)
        measure->rows_per_step = rows;
    measure->logits = x_new(measure->rows_per_step * vocab, sizeof *measure->logits);
    measure->readings = x_new(measure->rows_per_step, sizeof *measure->readings);
}

static bool make_batch(struct measure *measure, const struct sequence *sequences, size_t count,
                       struct err *err)
{
    struct batch_options options = {.threads = measure->options.threads,
                                    .keep_bytes = measure->options.keep_bytes};
    bool kl = measure_has_metric(measure, METRIC_KL);
    if (count == 0)
        return true;
    if (kl && !fit_base(measure, count_places(sequences, count), &options, err))
        return false;
    measure->batch = batch_new(measure->model, sequences, count, &options, err);
    return measure->batch && (!kl || allocate_base(measure, err));
}

static void find_ends(struct measure *measure)
{
    const struct tokenizer *tokenizer = model_tokenizer(measure->model);
    size_t vocab = model_shape(measure->model)->vocab;
    measure->ends = x_new(vocab, sizeof *measure->ends);
    for (size_t i = 0; i < vocab; i++) {
        measure->ends[i] = answer_ends_with(tokenizer, (int32_t)i);
        measure->has_end = measure->has_end || measure->ends[i];
    }
}

static bool prepare(struct measure *measure, struct err *err)
{
    struct ids *room = x_new(2 * measure->count, sizeof *room);
    struct sequence *sequences = x_new(2 * measure->count, sizeof *sequences);
    size_t count = terms_sequences(measure, terms_all_parts(measure), room, sequences);
    bool ok = make_batch(measure, sequences, count, err);
    for (size_t i = 0; i < count; i++)
        ids_free(&room[i]);
    free(room);
    free(sequences);
    if (!ok || !measure->batch)
        return ok;
    for (size_t i = 0; i < measure->parts && !measure->ends; i++)
        if (metric_looks_at_end(measure->metrics[i]))
            find_ends(measure);
    terms_collect(measure);
    allocate_rows(measure);
    return true;
}

/* metrics and what they count for are there. */
static struct measure *finish(struct measure *measure, const struct probe *const *probes,
                              size_t count, struct err *err)
{
    struct model *model = measure->model;
    if (measure->options.threads == 0)
        measure->options.threads = omp_get_max_threads();
    measure->count = count;
    measure->answers = x_new(count, sizeof *measure->answers);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = terms_encode(model_tokenizer(model), probes[i], &measure->answers[i], err);
    if (ok && prepare(measure, err))
        return measure;
    measure_free(measure);
    return NULL;
}

struct measure *measure_new(struct model *model, const struct probe *const *probes, size_t count,
                            const struct measure_options *options, struct err *err)
{
    struct measure *measure = x_new(1, sizeof *measure);
    BUG_ON(options->metric >= METRIC_COUNT);
    measure->model = model;
    measure->options = *options;
    measure->metrics[0] = options->metric;
    measure->parts = 1;
    return finish(measure, probes, count, err);
}

struct measure *measure_new_mix(struct model *model, const struct probe *const *probes,
                                size_t count, const struct mix *mix,
                                const struct measure_options *options, struct err *err)
{
    struct measure *measure = x_new(1, sizeof *measure);
    measure->model = model;
    measure->options = *options;
    measure->options.metric = METRIC_MIX;
    measure->parts = mix_metrics(mix, measure->metrics);
    measure->mix = *mix;
    BUG_ON(measure->parts == 0);
    return finish(measure, probes, count, err);
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
    free(measure->readings);
    free(measure->ends);
    free(measure->base);
    free(measure->base_sums);
    free(measure);
}

/* ---- running --------------------------------------------------------------------- */

bool measure_set_base(struct measure *measure, cancel_flag *cancel, struct err *err)
{
    if (!measure_has_metric(measure, METRIC_KL) || !measure->batch)
        return true;
    measure->has_base = batch_run(measure->batch, cancel, err) &&
                        measure_read_base(measure, cancel, err);
    return measure->has_base;
}

static void no_values(double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (double)NAN;
}

size_t measure_parts(const struct measure *measure)
{
    return measure->parts;
}

void measure_fold(const struct measure *measure, const double *values, double *gaps)
{
    size_t count = measure->count;
    for (size_t i = 0; i < count && measure->options.metric != METRIC_MIX; i++)
        gaps[i] = values[i];
    for (size_t i = 0; i < count && measure->options.metric == METRIC_MIX; i++)
        gaps[i] = mix_gap(&measure->mix, measure->metrics, measure->parts, values + i, count);
}

void measure_slopes(const struct measure *measure, const double *values, double *slopes)
{
    for (size_t part = 0; part < measure->parts; part++) {
        struct credit credit = mix_credit(&measure->mix, measure->metrics[part]);
        if (measure->options.metric != METRIC_MIX)
            credit = (struct credit){.weight = 1, .cap = HUGE_VAL};
        for (size_t i = part * measure->count; i < (part + 1) * measure->count; i++)
            slopes[i] = credit_slope(&credit, values[i]);
    }
}

bool measure_run_parts(struct measure *measure, double *values, cancel_flag *cancel,
                       struct err *err)
{
    if (!measure->batch) {
        no_values(values, measure->count * measure->parts);
        return true;
    }
    BUG_ON(measure_has_metric(measure, METRIC_KL) && !measure->has_base);
    return batch_run(measure->batch, cancel, err) &&
           measure_read(measure, BATCH_MODEL, values, cancel, err);
}

bool measure_run(struct measure *measure, double *gaps, cancel_flag *cancel, struct err *err)
{
    double *values = x_new(measure->count, measure->parts * sizeof *values);
    bool ok = measure_run_parts(measure, values, cancel, err);
    if (ok)
        measure_fold(measure, values, gaps);
    free(values);
    return ok;
}

bool measure_try(struct measure *measure, const struct flip *flips, size_t flip_count,
                 double *gaps, cancel_flag *cancel, struct err *err)
{
    if (!measure->batch) {
        no_values(gaps, measure->count * flip_count);
        return true;
    }
    BUG_ON(measure_has_metric(measure, METRIC_KL) && !measure->has_base);
    double *values = x_new(measure->count, measure->parts * sizeof *values);
    bool ok = batch_try(measure->batch, flips, flip_count, cancel, err);
    for (size_t i = 0; ok && i < flip_count; i++) {
        ok = measure_read(measure, (int)i, values, cancel, err);
        if (ok)
            measure_fold(measure, values, gaps + i * measure->count);
    }
    free(values);
    return ok;
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

size_t measure_rows(const struct measure *measure)
{
    return measure->batch ? batch_rows(measure->batch) : 0;
}

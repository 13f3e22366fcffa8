/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Margins are read in a pass of their own before the gradient: how much a place has to say
 * in a minimum depends on all the others.
 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/exp.h"
#include "engine/kernel/math.h"
#include "engine/search/slope_int.h"

enum { ROWS_AT_ONCE = 128 };

/* ---- making ------------------------------------------------------------------------- */

bool slope_is_margin(enum metric metric)
{
    return metric == METRIC_MARGIN || metric == METRIC_SOFT_MARGIN;
}

/* What one metric of a measure looks at. */
struct slope_part {
    const struct measure *measure;
    enum metric metric;
    struct measure_plan *plan;
};

static void add_terms(struct slope *slope, const struct slope_part *part, size_t first_sequence,
                      uint32_t first_owner)
{
    const struct measure *measure = part->measure;
    const struct measure_plan *plan = part->plan;
    bool kl = part->metric == METRIC_KL;
    size_t *of_owner = x_new(measure_count(measure), sizeof *of_owner);
    slope->terms = x_grow(slope->terms, slope->term_count + plan->look_count,
                          sizeof *slope->terms);
    for (size_t i = 0; i < plan->look_count; i++)
        of_owner[plan->looks[i].probe]++;
    for (size_t i = 0; i < plan->look_count; i++) {
        const struct measure_look *look = &plan->looks[i];
        slope->terms[slope->term_count++] = (struct slope_term){
            .row = gradient_row(slope->gradient, first_sequence + look->sequence, look->position),
            .id = look->id,
            .owner = first_owner + look->probe,
            .wrong = look->wrong,
            .metric = part->metric,
            .measure = measure,
            .base = kl ? measure_base_logits(measure, look->row) : NULL,
            .owner_terms = of_owner[look->probe],
        };
    }
    slope->margins = slope->margins || slope_is_margin(part->metric);
    free(of_owner);
}

static int compare_terms(const void *a, const void *b)
{
    const struct slope_term *left = a, *right = b;
    if (left->row != right->row)
        return left->row < right->row ? -1 : 1;
    return (int)left->wrong - (int)right->wrong; /* of one owner: tokens are not shared */
}

static void index_rows(struct slope *slope)
{
    qsort(slope->terms, slope->term_count, sizeof *slope->terms, compare_terms);
    slope->rows = gradient_rows(slope->gradient);
    slope->first = x_new(slope->rows + 1, sizeof *slope->first);
    size_t term = 0;
    for (size_t row = 0; row <= slope->rows; row++) {
        slope->first[row] = term;
        while (term < slope->term_count && slope->terms[term].row == row)
            term++;
    }
}

/* All sequences in one list; owners of each part behind those before it. */
static struct sequence *join_sequences(const struct slope_part *parts, size_t count,
                                       size_t *total)
{
    struct sequence *all = NULL;
    uint32_t owner = 0;
    *total = 0;
    for (size_t p = 0; p < count; p++) {
        const struct measure_plan *plan = parts[p].plan;
        all = x_grow(all, *total + plan->sequence_count + 1, sizeof *all);
        for (size_t i = 0; i < plan->sequence_count; i++) {
            all[*total] = plan->sequences[i];
            all[(*total)++].owner += owner;
        }
        owner += (uint32_t)measure_count(parts[p].measure);
    }
    return all;
}

static bool make(struct slope *slope, const struct slope_part *parts, size_t count,
                 uint64_t keep_bytes, struct err *err)
{
    const struct gradient_options options = {slope->threads, keep_bytes};
    size_t total = 0, sequence = 0;
    struct sequence *all = join_sequences(parts, count, &total);
    slope->gradient = gradient_new(slope->model, all, total, &options, err);
    free(all);
    if (!slope->gradient)
        return false;
    for (size_t p = 0; p < count; p++) {
        add_terms(slope, &parts[p], sequence, (uint32_t)slope->owners);
        sequence += parts[p].plan->sequence_count;
        slope->owners += measure_count(parts[p].measure);
    }
    index_rows(slope);
    return true;
}

/* Of each measure its metrics; returns how many, the caller frees *out and the plans. */
static size_t take_parts(const struct measure *const *measures, size_t count,
                         struct slope_part **out)
{
    size_t total = 0;
    *out = NULL;
    for (size_t m = 0; m < count; m++)
        for (size_t p = 0; p < measure_parts(measures[m]); p++) {
            *out = x_grow(*out, total + 1, sizeof **out);
            (*out)[total++] = (struct slope_part){
                measures[m], measure_part_metric(measures[m], p),
                measure_plan_new(measures[m], p)};
        }
    return total;
}

struct slope *slope_new(struct model *model, const struct measure *const *measures, size_t count,
                        const struct gradient_options *options, struct err *err)
{
    struct slope *slope = x_new(1, sizeof *slope);
    struct slope_part *parts = NULL;
    size_t part_count = take_parts(measures, count, &parts);
    slope->model = model;
    slope->threads = options->threads > 0 ? options->threads : omp_get_max_threads();
    bool ok = make(slope, parts, part_count, options->keep_bytes, err);
    for (size_t p = 0; p < part_count; p++)
        measure_plan_free(parts[p].plan);
    free(parts);
    if (ok)
        return slope;
    slope_free(slope);
    return NULL;
}

void slope_free(struct slope *slope)
{
    if (!slope)
        return;
    gradient_free(slope->gradient);
    free(slope->terms);
    free(slope->first);
    free(slope->heads);
    free(slope->by_owner);
    free(slope->owner_first);
    free(slope);
}

size_t slope_owners(const struct slope *slope)
{
    return slope->owners;
}

size_t slope_tokens(const struct slope *slope)
{
    return gradient_tokens(slope->gradient);
}

/* ---- margins --------------------------------------------------------------------------- */

/* The largest logits of what is right and of what is not; the first of equal ones. */
static void rivals(const struct slope_term *term, const float *logits, size_t vocab,
                   size_t *right, size_t *other)
{
    const bool *ends = measure_ends(term->measure);
    *right = *other = SIZE_MAX;
    for (size_t i = 0; i < vocab; i++) {
        bool is_right = term->id == LOOK_END ? ends[i] : i == (size_t)term->id;
        size_t *best = is_right ? right : other;
        if (*best == SIZE_MAX || logits[i] > logits[*best])
            *best = i;
    }
}

static void read_margin(struct slope_term *term, const float *logits, size_t vocab)
{
    size_t right = 0, other = 0;
    if (!slope_is_margin(term->metric))
        return;
    rivals(term, logits, vocab, &right, &other);
    term->margin = (double)logits[right] - (double)logits[other];
}

/* The soft minimum's derivative by each margin; of the hard one 1 at the first least. */
static void weigh_owner(struct slope_term **terms, size_t count)
{
    bool soft = terms[0]->metric == METRIC_SOFT_MARGIN;
    double least = HUGE_VAL;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        at = terms[i]->margin < terms[at]->margin ? i : at;
        least = soft ? logits_soft_min(least, terms[i]->margin, metric_soft) : least;
    }
    for (size_t i = 0; i < count; i++) {
        double power = (least - terms[i]->margin) / metric_soft; /* <= 0 but for rounding */
        terms[i]->weight = !soft ? i == at : power > -80 ? math_exp(power) : 0;
    }
}

/* Terms brought together by owner. */
static void weigh(struct slope *slope)
{
    struct slope_term **own = x_new(slope->term_count, sizeof(struct slope_term *));
    size_t *filled = x_new(slope->owners + 1, sizeof *filled);
    for (size_t i = 0; i < slope->term_count; i++)
        filled[slope->terms[i].owner + 1]++;
    for (size_t i = 0; i < slope->owners; i++)
        filled[i + 1] += filled[i];
    for (size_t i = 0; i < slope->term_count; i++)
        own[filled[slope->terms[i].owner]++] = &slope->terms[i];
    for (size_t i = 0, end = 0; i < slope->owners; i++) {
        size_t first = end;
        end = filled[i];
        if (end > first && slope_is_margin(own[first]->metric))
            weigh_owner(own + first, end - first);
    }
    free(own);
    free(filled);
}

static bool read_margins(struct slope *slope, cancel_flag *cancel, struct err *err)
{
    size_t vocab = model_shape(slope->model)->vocab;
    float *logits = x_new(ROWS_AT_ONCE * vocab, sizeof *logits);
    bool ok = true;
    for (size_t first = 0; ok && first < slope->rows; first += ROWS_AT_ONCE) {
        size_t left = slope->rows - first, n = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
        ok = gradient_logits(slope->gradient, first, n, logits, cancel, err);
#pragma omp parallel for num_threads(slope->threads)
        for (size_t i = 0; i < (ok ? n : 0); i++)
            for (size_t t = slope->first[first + i]; t < slope->first[first + i + 1]; t++)
                read_margin(&slope->terms[t], logits + i * vocab, vocab);
    }
    free(logits);
    if (ok)
        weigh(slope);
    return ok;
}

/* ---- seeds ------------------------------------------------------------------------------- */

static void add_margin(const struct slope_term *term, const float *logits, size_t vocab,
                       float *seed)
{
    size_t right = 0, other = 0;
    rivals(term, logits, vocab, &right, &other);
    seed[right] += (float)term->weight;
    seed[other] -= (float)term->weight;
}

/* seed[i] += scale * p(i), of those in `of` (NULL: all), p summing to 1 over them */
static void add_probs(const float *logits, size_t vocab, const bool *of, double scale, float *seed)
{
    float *chosen = x_new(vocab, sizeof *chosen);
    size_t count = 0;
    for (size_t i = 0; i < vocab; i++)
        if (!of || of[i])
            chosen[count++] = logits[i];
    double sum = logits_log_sum_exp(chosen, count);
    free(chosen);
    for (size_t i = 0; i < vocab; i++) {
        double log_prob = (double)logits[i] - sum;
        if ((!of || of[i]) && log_prob > -80)
            seed[i] += (float)scale * exp_unfused((float)log_prob);
    }
}

static void add_log_prob(const struct slope_term *term, const float *logits, size_t vocab,
                         float *seed)
{
    double sign = term->wrong ? -1 : 1;
    if (term->id == LOOK_END)
        add_probs(logits, vocab, measure_ends(term->measure), sign, seed);
    else
        seed[term->id] += (float)sign;
    add_probs(logits, vocab, NULL, -sign, seed);
}

static void add_divergence(const struct slope_term *term, const float *logits, size_t vocab,
                           float *seed)
{
    add_probs(term->base, vocab, NULL, 1 / (double)term->owner_terms, seed);
    add_probs(logits, vocab, NULL, -1 / (double)term->owner_terms, seed);
}

static void add_seed(const struct slope_term *term, const float *logits, size_t vocab, float *seed)
{
    switch (term->metric) {
    case METRIC_TOKEN_GAP: seed[term->id] += term->wrong ? -1.0F : 1.0F; break;
    case METRIC_SEQ_LOGPROB:
    case METRIC_LOGPROB: add_log_prob(term, logits, vocab, seed); break;
    case METRIC_MARGIN:
    case METRIC_SOFT_MARGIN: add_margin(term, logits, vocab, seed); break;
    case METRIC_KL: add_divergence(term, logits, vocab, seed); break;
    case METRIC_COUNT:
    case METRIC_MIX: break;
    }
}

static void fill_seed(void *user, size_t row, const float *logits, float *seed)
{
    struct slope *slope = user;
    size_t vocab = model_shape(slope->model)->vocab;
    for (size_t t = slope->first[row]; t < slope->first[row + 1]; t++)
        add_seed(&slope->terms[t], logits, vocab, seed);
    if (slope->heads)
        slope_read_heads(slope, row, logits);
}

static void pass_visit(void *user, const struct gradient_visit *visit)
{
    const struct slope *slope = user;
    slope->visit(slope->user, visit);
}

bool slope_run(struct slope *slope, void (*visit)(void *user, const struct gradient_visit *visit),
               void *user, cancel_flag *cancel, struct err *err)
{
    struct gradient_job job = {fill_seed, pass_visit, slope};
    slope->visit = visit;
    slope->user = user;
    if (slope->margins && !read_margins(slope, cancel, err))
        return false;
    return gradient_run(slope->gradient, &job, cancel, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One logit that changes changes a log-probability through the sum over the vocabulary, of
 * which nothing but the sum has to be known; and a margin through the largest and second
 * largest of its rivals.  So a row of the head, whose negation may turn -15 into +15, is
 * predicted as exactly as it would be measured, where a derivative sees next to nothing.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/kernel/math.h"
#include "engine/search/slope_int.h"

size_t slope_places(const struct slope *slope)
{
    return slope->rows;
}

/* ---- keeping ---------------------------------------------------------------------------- */

static void index_owners(struct slope *slope)
{
    size_t *first = x_new(slope->owners + 1, sizeof *first);
    size_t *next = x_new(slope->owners + 1, sizeof *next);
    slope->by_owner = x_new(slope->term_count + 1, sizeof *slope->by_owner);
    for (size_t i = 0; i < slope->term_count; i++)
        first[slope->terms[i].owner + 1]++;
    for (size_t i = 0; i < slope->owners; i++)
        next[i + 1] = first[i + 1] += first[i];
    for (size_t i = 0; i < slope->term_count; i++)
        slope->by_owner[next[slope->terms[i].owner]++] = i;
    slope->owner_first = first;
    free(next);
}

void slope_keep_heads(struct slope *slope)
{
    if (slope->heads)
        return;
    slope->heads = x_new(slope->term_count + 1, sizeof *slope->heads);
    index_owners(slope);
}

static bool is_right(const struct slope_term *term, size_t id)
{
    return term->id == LOOK_END ? measure_ends(term->measure)[id] : id == (size_t)term->id;
}

static void two_take(struct slope_two *two, size_t at, double logit)
{
    if (two->at == SIZE_MAX || logit > two->first) {
        two->second = two->first;
        two->first = logit;
        two->at = at;
    } else if (logit > two->second) {
        two->second = logit;
    }
}

static void read_rivals(struct slope_head *head, const struct slope_term *term,
                        const float *logits, size_t vocab)
{
    head->right = head->other = (struct slope_two){SIZE_MAX, -HUGE_VAL, -HUGE_VAL};
    for (size_t i = 0; i < vocab; i++)
        two_take(is_right(term, i) ? &head->right : &head->other, i, (double)logits[i]);
}

/* Over the vocabulary, or over what is right.  scratch: [vocab] */
static struct slope_sum sum_of(const struct slope_term *ends, const float *logits, size_t vocab,
                               float *scratch)
{
    struct slope_sum sum = {-HUGE_VAL, -HUGE_VAL, 0};
    size_t count = 0, top = 0;
    for (size_t i = 0; i < vocab; i++) {
        if (ends && !is_right(ends, i))
            continue;
        if (count == 0 || logits[i] > scratch[top]) {
            top = count;
            sum.at = i;
        }
        scratch[count++] = logits[i];
    }
    if (count > 0)
        sum.all = logits_log_sum_exp(scratch, count);
    if (count > 1) {
        scratch[top] = scratch[count - 1];
        sum.rest = logits_log_sum_exp(scratch, count - 1);
    }
    return sum;
}

static void read_sums(struct slope_head *head, const struct slope_term *term, const float *logits,
                      size_t vocab)
{
    float *scratch = x_new(vocab, sizeof *scratch);
    head->sum = sum_of(NULL, logits, vocab, scratch);
    if (term->metric == METRIC_KL)
        head->base_sum = logits_log_sum_exp(term->base, vocab);
    else if (term->id == LOOK_END)
        head->end = sum_of(term, logits, vocab, scratch);
    free(scratch);
}

void slope_read_heads(struct slope *slope, size_t row, const float *logits)
{
    size_t vocab = model_shape(slope->model)->vocab;
    for (size_t t = slope->first[row]; t < slope->first[row + 1]; t++) {
        const struct slope_term *term = &slope->terms[t];
        if (slope_is_margin(term->metric))
            read_rivals(&slope->heads[t], term, logits, vocab);
        else if (term->metric != METRIC_TOKEN_GAP)
            read_sums(&slope->heads[t], term, logits, vocab);
    }
}

/* ---- one term ---------------------------------------------------------------------------- */

enum { NEGLIGIBLE = 40 }; /* exp(-40) is nothing beside 1 in double precision */

/* exp(x), x at most far from overflow. */
static double power(double x)
{
    return x < -700 ? 0 : math_exp(x < 700 ? x : 700);
}

/* Change of such a sum when one of its logits moves. */
static double sum_moved(const struct slope_sum *sum, size_t id, double logit, double moved)
{
    double now = logit + moved;
    if (logit - sum->all < -NEGLIGIBLE && now - sum->all < -NEGLIGIBLE)
        return 0;
    double rest = id == sum->at ? power(sum->rest - sum->all) : 1 - power(logit - sum->all);
    rest = (rest > 0 ? rest : 0) + power(now - sum->all);
    return math_log(rest > 1e-300 ? rest : 1e-300);
}

static double log_prob_moved(const struct slope_term *term, const struct slope_head *head,
                             size_t id, double logit, double moved)
{
    double own = 0;
    if (is_right(term, id))
        own = term->id == LOOK_END ? sum_moved(&head->end, id, logit, moved) : moved;
    double change = own - sum_moved(&head->sum, id, logit, moved);
    return term->wrong ? -change : change;
}

/* The largest of them when one moved. */
static double two_moved(const struct slope_two *two, size_t id, double now)
{
    double rest = two->at == id ? two->second : two->first;
    return now > rest ? now : rest;
}

static double margin_moved(const struct slope_term *term, const struct slope_head *head, size_t id,
                           double now)
{
    bool right = is_right(term, id);
    return (right ? two_moved(&head->right, id, now) : head->right.first) -
           (right ? head->other.first : two_moved(&head->other, id, now));
}

static double divergence_moved(const struct slope_term *term, const struct slope_head *head,
                               size_t id, double logit, double moved)
{
    double base = power((double)term->base[id] - head->base_sum);
    return (base * moved - sum_moved(&head->sum, id, logit, moved)) / (double)term->owner_terms;
}

static double term_moved(const struct slope_term *term, const struct slope_head *head, size_t id,
                         double logit, double moved)
{
    switch (term->metric) {
    case METRIC_TOKEN_GAP: return !is_right(term, id) ? 0 : term->wrong ? -moved : moved;
    case METRIC_SEQ_LOGPROB:
    case METRIC_LOGPROB: return log_prob_moved(term, head, id, logit, moved);
    case METRIC_KL: return divergence_moved(term, head, id, logit, moved);
    case METRIC_MARGIN:
    case METRIC_SOFT_MARGIN:
    case METRIC_COUNT:
    case METRIC_MIX: break;
    }
    return 0;
}

/* ---- an owner -------------------------------------------------------------------------- */

struct move {
    size_t id, stride;
    const float *logits, *moved;
};

static double margin_now(const struct slope *slope, size_t term, const struct move *move)
{
    size_t at = slope->terms[term].row * move->stride;
    return margin_moved(&slope->terms[term], &slope->heads[term], move->id,
                        (double)move->logits[at] + (double)move->moved[at]);
}

static double margin_before(const struct slope *slope, size_t term)
{
    return slope->heads[term].right.first - slope->heads[term].other.first;
}

static double fold_margin(double least, double margin, bool soft)
{
    return soft ? logits_soft_min(least, margin, metric_soft) : margin < least ? margin : least;
}

/* Of margins: their minimum, or soft minimum, before and after.  Most logits move without
 * being anybody's rival. */
static double margins_moved(const struct slope *slope, const size_t *terms, size_t count,
                            const struct move *move)
{
    double before = HUGE_VAL, after = HUGE_VAL;
    bool soft = slope->terms[terms[0]].metric == METRIC_SOFT_MARGIN;
    bool same = true;
    for (size_t i = 0; same && i < count; i++) {
        double change = margin_now(slope, terms[i], move) - margin_before(slope, terms[i]);
        same = !(change < 0 || change > 0);
    }
    for (size_t i = 0; !same && i < count; i++) {
        before = fold_margin(before, margin_before(slope, terms[i]), soft);
        after = fold_margin(after, margin_now(slope, terms[i], move), soft);
    }
    return same ? 0 : after - before;
}

static double owner_moved(const struct slope *slope, const size_t *terms, size_t count,
                          const struct move *move)
{
    double sum = 0;
    if (count > 0 && slope_is_margin(slope->terms[terms[0]].metric))
        return margins_moved(slope, terms, count, move);
    for (size_t i = 0; i < count; i++) {
        const struct slope_term *term = &slope->terms[terms[i]];
        size_t at = term->row * move->stride;
        sum += term_moved(term, &slope->heads[terms[i]], move->id, (double)move->logits[at],
                          (double)move->moved[at]);
    }
    return sum;
}

void slope_moved(const struct slope *slope, int32_t id, const float *logits, const float *moved,
                 size_t stride, double *change, size_t change_stride)
{
    struct move move = {(size_t)id, stride, logits, moved};
    for (size_t owner = 0; owner < slope->owners; owner++) {
        size_t first = slope->owner_first[owner], end = slope->owner_first[owner + 1];
        change[owner * change_stride] =
            owner_moved(slope, slope->by_owner + first, end - first, &move);
    }
}

/* ---- derivatives ------------------------------------------------------------------------- */

static double log_prob_slope(const struct slope_term *term, const struct slope_head *head,
                             size_t id, double logit)
{
    double own = 0;
    if (is_right(term, id))
        own = term->id == LOOK_END ? power(logit - head->end.all) : 1;
    double slope = own - power(logit - head->sum.all);
    return term->wrong ? -slope : slope;
}

static double term_slope(const struct slope_term *term, const struct slope_head *head, size_t id,
                         double logit)
{
    switch (term->metric) {
    case METRIC_TOKEN_GAP: return !is_right(term, id) ? 0 : term->wrong ? -1 : 1;
    case METRIC_SEQ_LOGPROB:
    case METRIC_LOGPROB: return log_prob_slope(term, head, id, logit);
    case METRIC_KL:
        return (power((double)term->base[id] - head->base_sum) - power(logit - head->sum.all)) /
               (double)term->owner_terms;
    case METRIC_MARGIN:
    case METRIC_SOFT_MARGIN:
        return term->weight * ((head->right.at == id) - (head->other.at == id));
    case METRIC_COUNT:
    case METRIC_MIX: break;
    }
    return 0;
}

double slope_by_logit(const struct slope *slope, size_t place, int32_t id, float logit)
{
    double sum = 0;
    for (size_t t = slope->first[place]; t < slope->first[place + 1]; t++)
        sum += term_slope(&slope->terms[t], &slope->heads[t], (size_t)id, (double)logit);
    return sum;
}

uint32_t slope_owner(const struct slope *slope, size_t place)
{
    return slope->terms[slope->first[place]].owner;
}

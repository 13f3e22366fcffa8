/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probes/mix.h"

#include <math.h>

/* ---- focal value ---------------------------------------------------------------------- */

static double log_sigmoid(double x)
{
    return logits_soft_min(0, x, 1);
}

double focal_value(double margin)
{
    double wrong = logits_sigmoid(-margin);
    return wrong * wrong * log_sigmoid(margin);
}

double focal_slope(double margin)
{
    double wrong = logits_sigmoid(-margin), right = logits_sigmoid(margin);
    return wrong * wrong * (wrong - 2 * right * log_sigmoid(margin));
}

/* ---- credit --------------------------------------------------------------------------- */

struct credit credit_plain(enum metric metric)
{
    return (struct credit){.weight = 1, .cap = metric_cap(metric)};
}

double credit_of(const struct credit *credit, double gap)
{
    double plain = credit->weight * (gap > credit->cap ? credit->cap : gap);
    return credit->focal > 0 ? plain + credit->focal * focal_value(gap) : plain;
}

double credit_slope_below(const struct credit *credit, double gap)
{
    double plain = gap > credit->cap ? 0 : credit->weight;
    return credit->focal > 0 ? plain + credit->focal * focal_slope(gap) : plain;
}

double credit_slope(const struct credit *credit, double gap)
{
    double corner = gap < credit->cap || gap > credit->cap ? 0 : credit->weight / 2;
    return credit_slope_below(credit, gap) - corner;
}

/* ---- mixes ------------------------------------------------------------------------------ */

static bool is_in(const struct mix *mix, enum metric metric)
{
    return mix->weight[metric] > 0 || (metric == METRIC_SOFT_MARGIN && mix->focal > 0);
}

size_t mix_metrics(const struct mix *mix, enum metric out[METRIC_COUNT])
{
    size_t count = 0;
    for (int i = 0; i < METRIC_COUNT; i++)
        if (is_in(mix, (enum metric)i))
            out[count++] = (enum metric)i;
    return count;
}

struct credit mix_credit(const struct mix *mix, enum metric metric)
{
    bool soft = metric == METRIC_SOFT_MARGIN;
    bool capped = mix->weight[metric] > 0; /* 0 * HUGE_VAL is no number */
    return (struct credit){mix->weight[metric], capped ? metric_cap(metric) : 0,
                           soft ? mix->focal : 0};
}

double mix_gap(const struct mix *mix, const enum metric *metrics, size_t count,
               const double *values, size_t stride)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        struct credit credit = mix_credit(mix, metrics[i]);
        sum += credit_of(&credit, values[i * stride]);
    }
    return sum;
}

bool mix_needs_wrong(const struct mix *mix)
{
    for (int i = 0; i < METRIC_COUNT; i++)
        if (is_in(mix, (enum metric)i) && metric_needs_wrong((enum metric)i))
            return true;
    return false;
}

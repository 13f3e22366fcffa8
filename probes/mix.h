/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/mix.h - what gaps of one metric, or of several, are worth to a search.
 *
 *   credit   weight * min(gap, cap) + focal * focal_value(gap)
 *   mix      the sum of the credits of several metrics, each with its own cap
 *
 * The focal value follows T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar, "Focal Loss
 * for Dense Object Detection" (2017).  A margin m (measure.h; in logits) says the answer is
 * right with p = sigmoid(m), and the value is their loss with its sign turned, g = 2:
 *
 *   focal_value(m) = (1 - p)^g log p       at most 0, rising with m
 *   its slope      = (1 - p)^(g + 1) - g p (1 - p)^g log p
 *
 * so that a gain counts fully (slope 1) far below the boundary, most (1.13) at m = -2.8,
 * 0.30 on the boundary, 0.02 at 1.5: what is nearly won counts, what is won hardly does.
 */
#ifndef PROBES_MIX_H
#define PROBES_MIX_H

#include "probes/measure.h"

struct credit {
    double weight, cap; /* HUGE_VAL: no cap */
    double focal;
};

double focal_value(double margin);
double focal_slope(double margin);

/* The gap itself, up to the metric's cap. */
struct credit credit_plain(enum metric metric);
double credit_of(const struct credit *credit, double gap);
/* Its derivative: at the cap the mean of both sides, or that below. */
double credit_slope(const struct credit *credit, double gap);
double credit_slope_below(const struct credit *credit, double gap);

struct mix {
    double weight[METRIC_COUNT]; /* 0: not in it */
    double focal;                /* of soft_margin */
};

/* Metrics that are in it, in the order of their enum; returns how many. */
size_t mix_metrics(const struct mix *mix, enum metric out[METRIC_COUNT]);
struct credit mix_credit(const struct mix *mix, enum metric metric);
/* Sum of the credits of values[i * stride] by metrics[i]. */
double mix_gap(const struct mix *mix, const enum metric *metrics, size_t count,
               const double *values, size_t stride);
/* Has a probe without a wrong answer no gap? */
bool mix_needs_wrong(const struct mix *mix);

#endif

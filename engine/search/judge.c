/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/judge.h"

#include <math.h>

static double gain_of(const struct judge *judge, const double *gaps, size_t target)
{
    return credit_of(&judge->target, gaps[target]) -
           credit_of(&judge->target, judge->before[target]);
}

static double weight_of(const struct judge *judge, size_t probe)
{
    return judge->weights ? judge->weights[probe] : 1;
}

double judge_targets(const struct judge *judge, const double *gaps)
{
    double sum = 0, least = HUGE_VAL, total = 0;
    for (size_t i = 0; i < judge->target_count; i++) {
        double weight = weight_of(judge, i);
        if (weight <= 0)
            continue;
        double gain = gain_of(judge, gaps, i);
        sum += weight * gain;
        total += weight;
        least = gain < least ? gain : least;
    }
    double mean = judge->mean * (sum / total);
    return judge->least > 0 ? mean + judge->least * least : mean;
}

static double loss_of(const struct judge *judge, const double *gaps, size_t control)
{
    return credit_of(&judge->control, judge->before[control]) -
           credit_of(&judge->control, gaps[control]);
}

static double control_loss(const struct judge *judge, const double *gaps)
{
    double sum = 0, total = 0;
    for (size_t i = judge->target_count; i < judge->target_count + judge->control_count; i++) {
        double weight = weight_of(judge, i);
        double loss = weight > 0 ? loss_of(judge, gaps, i) : 0;
        sum += loss > 0 ? weight * loss : 0;
        total += weight;
    }
    return total > 0 ? sum / total : 0;
}

double judge_fitness(const struct judge *judge, const double *gaps)
{
    return judge_targets(judge, gaps) - judge->penalty * control_loss(judge, gaps);
}

/* ---- slopes ----------------------------------------------------------------------- */

static double total_weight(const struct judge *judge, size_t first, size_t count)
{
    double total = 0;
    for (size_t i = first; i < first + count; i++)
        total += weight_of(judge, i);
    return total > 0 ? total : 1;
}

static double least_gain(const struct judge *judge, const double *gaps)
{
    double least = HUGE_VAL;
    for (size_t i = 0; i < judge->target_count; i++)
        if (weight_of(judge, i) > 0)
            least = fmin(least, gain_of(judge, gaps, i));
    return least;
}

/* Does the smallest gain come from this one? */
static bool is_least(const struct judge *judge, const double *gaps, double least, size_t target)
{
    return weight_of(judge, target) > 0 && gain_of(judge, gaps, target) <= least;
}

static void target_slopes(const struct judge *judge, const double *gaps, double *slope)
{
    double least = least_gain(judge, gaps);
    double mean = judge->mean / total_weight(judge, 0, judge->target_count);
    size_t count = 0;
    for (size_t i = 0; i < judge->target_count; i++)
        count += is_least(judge, gaps, least, i);
    for (size_t i = 0; i < judge->target_count; i++) {
        double share = is_least(judge, gaps, least, i) ? judge->least / (double)count : 0;
        slope[i] = credit_slope(&judge->target, gaps[i]) * (mean * weight_of(judge, i) + share);
    }
}

/* Of a loss. */
static double control_slope(const struct judge *judge, const double *gaps, size_t control)
{
    double loss = loss_of(judge, gaps, control);
    if (loss > 0)
        return credit_slope(&judge->control, gaps[control]);
    return loss < 0 ? 0 : credit_slope_below(&judge->control, gaps[control]) / 2;
}

void judge_slope(const struct judge *judge, const double *gaps, double *slope)
{
    size_t targets = judge->target_count, controls = judge->control_count;
    double share = judge->penalty / total_weight(judge, targets, controls);
    target_slopes(judge, gaps, slope);
    for (size_t i = targets; i < targets + controls; i++)
        slope[i] = share * weight_of(judge, i) * control_slope(judge, gaps, i);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/judge.h"

#include <math.h>
#include <string.h>

static double capped(double gap, double cap)
{
    return gap < cap ? gap : cap;
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
        double gain = capped(gaps[i], judge->target_cap) -
                      capped(judge->before[i], judge->target_cap);
        sum += weight * gain;
        total += weight;
        least = gain < least ? gain : least;
    }
    return judge->fitness == FITNESS_MIN ? least : sum / total;
}

static double control_loss(const struct judge *judge, const double *gaps)
{
    double sum = 0, total = 0;
    for (size_t i = judge->target_count; i < judge->target_count + judge->control_count; i++) {
        double weight = weight_of(judge, i);
        double loss = weight > 0 ? capped(judge->before[i], judge->control_cap) -
                                       capped(gaps[i], judge->control_cap)
                                 : 0;
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

/* 1 below the kink, 0 above it. */
static double below(double gap, double kink)
{
    return gap < kink ? 1 : gap > kink ? 0 : 0.5;
}

static double gain_of(const struct judge *judge, const double *gaps, size_t target)
{
    return capped(gaps[target], judge->target_cap) -
           capped(judge->before[target], judge->target_cap);
}

/* The weight of a target that matters; FITNESS_MIN: of those with the smallest gain, all
 * alike. */
static double target_weight(const struct judge *judge, const double *gaps, double least,
                            size_t target)
{
    double weight = weight_of(judge, target);
    if (judge->fitness != FITNESS_MIN)
        return weight;
    return weight > 0 && gain_of(judge, gaps, target) <= least ? 1 : 0;
}

static void target_slopes(const struct judge *judge, const double *gaps, double *slope)
{
    double least = judge_targets(judge, gaps), total = 0;
    for (size_t i = 0; i < judge->target_count; i++)
        total += target_weight(judge, gaps, least, i);
    for (size_t i = 0; i < judge->target_count; i++)
        slope[i] = target_weight(judge, gaps, least, i) / total *
                   below(gaps[i], judge->target_cap);
}

void judge_slope(const struct judge *judge, const double *gaps, double *slope)
{
    double total = 0;
    size_t all = judge->target_count + judge->control_count;
    target_slopes(judge, gaps, slope);
    for (size_t i = judge->target_count; i < all; i++)
        total += weight_of(judge, i);
    double share = judge->penalty / (total > 0 ? total : 1);
    for (size_t i = judge->target_count; i < all; i++)
        slope[i] = share * weight_of(judge, i) *
                   below(gaps[i], capped(judge->before[i], judge->control_cap));
}

/* ---- objectives ------------------------------------------------------------------- */

const char *aim_name(enum aim aim)
{
    static const char *const names[AIM_COUNT] = {"gap", "margin", "logprob", "min"};
    return names[aim];
}

bool aim_parse(const char *name, enum aim *aim)
{
    for (int i = 0; i < AIM_COUNT; i++)
        if (strcmp(name, aim_name((enum aim)i)) == 0) {
            *aim = (enum aim)i;
            return true;
        }
    return false;
}

void aim_apply(enum aim aim, enum metric *metric, enum fitness *fitness)
{
    if (aim == AIM_MIN)
        *fitness = FITNESS_MIN;
    if (aim == AIM_MARGIN)
        *metric = METRIC_SOFT_MARGIN;
    if (aim == AIM_LOGPROB)
        *metric = METRIC_LOGPROB;
}

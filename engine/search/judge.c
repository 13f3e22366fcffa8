/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/judge.h"

#include <math.h>
#include <string.h>

static double capped(double gap, double cap)
{
    return gap < cap ? gap : cap;
}

double judge_targets(const struct judge *judge, const double *gaps)
{
    double sum = 0, least = HUGE_VAL;
    for (size_t i = 0; i < judge->target_count; i++) {
        double gain = capped(gaps[i], judge->target_cap) -
                      capped(judge->before[i], judge->target_cap);
        sum += gain;
        least = gain < least ? gain : least;
    }
    return judge->fitness == FITNESS_MIN ? least : sum / (double)judge->target_count;
}

static double control_loss(const struct judge *judge, const double *gaps)
{
    double sum = 0;
    for (size_t i = judge->target_count; i < judge->target_count + judge->control_count; i++) {
        double loss = capped(judge->before[i], judge->control_cap) -
                      capped(gaps[i], judge->control_cap);
        sum += loss > 0 ? loss : 0;
    }
    return judge->control_count > 0 ? sum / (double)judge->control_count : 0;
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

/* Of so many targets that matter; FITNESS_MIN: those with the smallest gain. */
static size_t targets_that_count(const struct judge *judge, const double *gaps, double *least)
{
    size_t count = 0;
    *least = HUGE_VAL;
    if (judge->fitness == FITNESS_MIN)
        *least = judge_targets(judge, gaps);
    for (size_t i = 0; i < judge->target_count; i++)
        count += gain_of(judge, gaps, i) <= *least;
    return count;
}

void judge_slope(const struct judge *judge, const double *gaps, double *slope)
{
    double least = 0, targets = (double)targets_that_count(judge, gaps, &least);
    for (size_t i = 0; i < judge->target_count; i++)
        slope[i] = gain_of(judge, gaps, i) <= least ? below(gaps[i], judge->target_cap) / targets
                                                    : 0;
    double share = judge->penalty / (double)(judge->control_count ? judge->control_count : 1);
    for (size_t i = judge->target_count; i < judge->target_count + judge->control_count; i++)
        slope[i] = share * below(gaps[i], capped(judge->before[i], judge->control_cap));
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

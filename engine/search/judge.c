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

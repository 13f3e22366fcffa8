/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/judge.h - what a search maximises, of measured gaps and of predicted ones.
 *
 *   fitness   mean gain of the targets (or the smallest) minus penalty times the mean loss
 *             of the controls, where a control that gained counts 0
 *
 * Gaps above a cap count as the cap (metric_cap): a target that is won gives no more
 * credit, and a control may lose what it has to spare.
 */
#ifndef ENGINE_SEARCH_JUDGE_H
#define ENGINE_SEARCH_JUDGE_H

#include "probes/measure.h"

enum fitness { FITNESS_MEAN, FITNESS_MIN };

struct judge {
    const double *before; /* [target_count + control_count] gaps to compare with */
    size_t target_count;  /* > 0 */
    size_t control_count;
    double penalty;
    enum fitness fitness;
    double target_cap, control_cap; /* HUGE_VAL: none */
    const double *weights; /* [target_count + control_count] of each in its mean, at least 0,
                            * borrowed; NULL: all alike.  Those of 0 are not looked at. */
};

/* gaps: [target_count + control_count], targets first */
double judge_fitness(const struct judge *judge, const double *gaps);
/* The targets' part alone; gaps: [target_count] */
double judge_targets(const struct judge *judge, const double *gaps);

/* d fitness / d gap of every probe, for what is linear in the gaps.  At a kink (a control that
 * is as it was, a gap at its cap) the mean of both sides; of several targets that are the
 * smallest gain each has its share.  That is the line nearest to the kink, in least squares,
 * where changes are as likely up as down: a control that may lose counts, but no less does
 * one that may gain, since which of them it is nobody can tell from a sum over all probes.
 * slope: [target_count + control_count] */
void judge_slope(const struct judge *judge, const double *gaps, double *slope);

/* ---- objectives: a metric of targets and controls, and a fitness, by one name ---- */

enum aim { AIM_GAP, AIM_MARGIN, AIM_LOGPROB, AIM_MIN, AIM_COUNT };

const char *aim_name(enum aim aim); /* "gap", "margin", "logprob", "min" */
bool aim_parse(const char *name, enum aim *aim);
/* margin and logprob decide the metric, min the fitness; gap leaves both. */
void aim_apply(enum aim aim, enum metric *metric, enum fitness *fitness);

#endif

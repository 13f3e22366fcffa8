/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/judge.h - how good gaps are, measured ones or predicted ones.
 *
 *   gain      of a target: what its gap is credited with (probes/mix.h), less that before
 *   loss      of a control: how much less its gap is credited with; 0 where it is more
 *   fitness   mean weight x mean gain + least weight x smallest gain of the targets, minus
 *             penalty x mean loss of the controls
 *
 * Gaps above a cap count as the cap: a target that is won gives no more credit, and a
 * control may lose what it has to spare.  What people choose is in goal.h.
 */
#ifndef ENGINE_SEARCH_JUDGE_H
#define ENGINE_SEARCH_JUDGE_H

#include "probes/mix.h"

struct judge {
    const double *before; /* [target_count + control_count] gaps to compare with */
    size_t target_count;  /* > 0 */
    size_t control_count;
    double penalty;
    double mean, least; /* weights of the targets' mean and smallest gain */
    struct credit target, control;
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


#endif

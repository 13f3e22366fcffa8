/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/goal.h - what a search is after: objectives by name, mixed with weights,
 * and what follows from them: what to measure, and how to judge it.
 *
 *   gap      the gap by a metric of one's choice, as first published
 *   margin   soft_margin, up to 1.5
 *   focal    focal value of soft_margin (probes/mix.h): weights near the boundary and below
 *   logprob  log-probability of the whole right answer and its end: minus its cross-entropy
 *   min      the smallest gain of a target instead of the mean; in a mix besides it, of what
 *            the others measure; alone of the gap
 *
 * "margin:1,gap:0.2,min:0.5": each probe's gap is credited with 1 x its margin + 0.2 x its
 * gap, and the fitness is the mean gain + 0.5 x the smallest.  Controls are judged by the
 * same (never by min) unless they have a metric or a mix of their own.
 *
 * Cost: objectives of one metric (margin and focal, gap with min) take one measurement and
 * one backward pass as each of them alone does, and the gaps are those of that metric.  Of
 * several metrics the gaps are the credits, read from one forward pass over the longest
 * sequences; predictions take the tokens of each metric, in one pass.
 */
#ifndef ENGINE_SEARCH_GOAL_H
#define ENGINE_SEARCH_GOAL_H

#include "engine/search/judge.h"

enum fitness { FITNESS_MEAN, FITNESS_MIN };

enum aim { AIM_GAP, AIM_MARGIN, AIM_FOCAL, AIM_LOGPROB, AIM_MIN, AIM_COUNT };

const char *aim_name(enum aim aim); /* "gap", "margin", "focal", "logprob", "min" */
const char *aim_help(enum aim aim); /* what it is, at most 60 columns */

struct aims {
    double weight[AIM_COUNT]; /* 0: not in it; all 0: no mix */
};

struct goal {
    enum metric metric;         /* of the targets' gaps; not kl */
    enum metric control_metric; /* METRIC_SAME: as the targets */
    enum fitness fitness;
    struct aims aims;       /* a mix, in which metric is that of `gap` and fitness has no say;
                             * none: the gap by metric, up to its cap */
    struct mix control_mix; /* none: control_metric */
    double penalty;
};

/* "focal", "margin:1,gap:0.2"; ERR_USAGE says what was expected. */
bool aims_parse(const char *text, struct aims *aims, struct err *err);

/* Take the aims over; metric is that of `gap`.  What metric and fitness can say is said by
 * them (margin: metric soft_margin); else goal->aims are these, and goal->metric one that
 * is measured. */
void goal_aim(struct goal *goal, const struct aims *aims, enum metric metric);

/* Is there a mix in goal->aims? */
bool goal_is_mix(const struct goal *goal);

/* A mix of metrics for controls, "kl:1,soft_margin:0.5". */
bool goal_controls_parse(const char *text, struct mix *mix, struct err *err);

/* The objective: aims_parse and goal_aim with goal->metric give the same goal. */
void goal_text(const struct goal *goal, struct buf *out);
/* "kl", "kl:1,soft_margin:0.5"; "" where controls are judged as targets. */
void goal_controls_text(const struct goal *goal, struct buf *out);

/* What targets, or controls, are measured by. */
struct mix goal_mix(const struct goal *goal, bool controls);
bool goal_needs_wrong(const struct goal *goal, bool controls);
/* For messages: a metric's name or "mix". */
const char *goal_measured(const struct goal *goal, bool controls);

/* As measure_new and measure_new_mix; options->metric is not looked at. */
struct measure *goal_measure(const struct goal *goal, bool controls, struct model *model,
                             const struct probe *const *probes, size_t count,
                             const struct measure_options *options, struct err *err);

/* before: gaps of such measures, targets first; borrowed. */
struct judge goal_judge(const struct goal *goal, const double *before, size_t target_count,
                        size_t control_count);

#endif

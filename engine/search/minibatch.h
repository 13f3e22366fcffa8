/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/minibatch.h - what a model says of a few targets and controls at once,
 * and the gradient of it.
 *
 *   objective   mean over targets of what their answer is worth, minus weight times the mean
 *               over controls of KL(base || now), summed over the positions of the answer
 *
 * What an answer is worth:
 *   ce          the log-probability of all of it (cross-entropy with its sign turned)
 *   ce_clamped  the same, no more than log 0.8: likely answers earn nothing more
 *   margin      the soft minimum over its tokens of logit - best other logit, no more than 1.5
 *               (metric soft_margin of probes/measure.h, line feed included)
 */
#ifndef ENGINE_SEARCH_MINIBATCH_H
#define ENGINE_SEARCH_MINIBATCH_H

#include "engine/backward/gradient.h"
#include "engine/search/items.h"

/* Next-token probabilities of the base model at every answer position of the controls:
 * 4 x vocab bytes each; refused where the machine has not that much. */
struct base_probs;
struct base_probs *base_probs_new(struct model *model, const struct items *controls, int threads,
                                  cancel_flag *cancel, struct err *err);
void base_probs_free(struct base_probs *base);

enum item_objective { ITEM_CE, ITEM_CE_CLAMPED, ITEM_MARGIN };
const char *item_objective_name(enum item_objective objective);
bool item_objective_parse(const char *name, enum item_objective *objective);

struct minibatch_options {
    double control_weight;
    int threads; /* 0: as many as the machine has */
    enum item_objective objective;
    uint64_t keep_bytes; /* as in gradient.h: 0 where no gradient is taken */
};

struct objective {
    double value;
    double target;  /* mean of what the targets' answers are worth */
    double control; /* mean KL of the controls */
    /* items whose every answer token is the likeliest: greedy decoding says the answer */
    size_t targets_right, controls_right;
};

struct minibatch;

/* Items by index; everything is borrowed as long as the minibatch lives. */
struct minibatch *minibatch_new(struct model *model, const struct items *targets,
                                const size_t *target_index, size_t target_count,
                                const struct items *controls, const size_t *control_index,
                                size_t control_count, const struct base_probs *base,
                                const struct minibatch_options *options, struct err *err);

/* Of the model as it is. */
bool minibatch_measure(struct minibatch *minibatch, struct objective *out, cancel_flag *cancel,
                       struct err *err);

/* The same, and the derivatives of its value by all outputs. */
bool minibatch_gradient(struct minibatch *minibatch, struct objective *out,
                        void (*visit)(void *user, const struct gradient_visit *visit), void *user,
                        cancel_flag *cancel, struct err *err);

/* The derivatives of the log-probability of answers to the controls whose every token is
 * drawn, by seed, from what the model as it is says there, summed and divided by the root of
 * how many controls there are: the mean of its squares is their Fisher information. */
bool minibatch_drawn(struct minibatch *minibatch, uint64_t seed,
                     void (*visit)(void *user, const struct gradient_visit *visit), void *user,
                     cancel_flag *cancel, struct err *err);

/* What each item adds to the value last measured: targets, then controls, each divided by
 * how many there are.  Valid until the next measurement. */
const double *minibatch_shares(const struct minibatch *minibatch);

/* Of each item: was every answer token the likeliest?  As shares. */
const bool *minibatch_right(const struct minibatch *minibatch);

void minibatch_sizes(const struct minibatch *minibatch, size_t *targets, size_t *controls);
size_t minibatch_tokens(const struct minibatch *minibatch);
void minibatch_free(struct minibatch *minibatch);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/minibatch.h - what a model says of a few targets and controls at once,
 * and the gradient of it.
 *
 *   objective   mean over targets of the log-probability of the whole answer (cross-entropy
 *               with its sign turned), minus weight times the mean over controls of
 *               KL(base || now), summed over the positions of the answer
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

struct minibatch_options {
    double control_weight;
    int threads; /* 0: as many as the machine has */
};

struct objective {
    double value;
    double target;  /* mean log-probability of the targets' answers */
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

/* What each item adds to the value last measured: targets, then controls, each divided by
 * how many there are.  Valid until the next measurement. */
const double *minibatch_shares(const struct minibatch *minibatch);

void minibatch_sizes(const struct minibatch *minibatch, size_t *targets, size_t *controls);
size_t minibatch_tokens(const struct minibatch *minibatch);
void minibatch_free(struct minibatch *minibatch);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/minibatch_int.h - what the files of struct minibatch share.
 *
 *   minibatch.c         making, measuring, derivatives
 *   minibatch_values.c  what logits say of a place, an item, and all of them
 */
#ifndef ENGINE_SEARCH_MINIBATCH_INT_H
#define ENGINE_SEARCH_MINIBATCH_INT_H

#include "engine/search/minibatch.h"

/* Where an answer token is predicted. */
struct place {
    int32_t id;        /* of the token that should follow */
    int32_t rival;     /* the likeliest other token */
    uint32_t item;     /* targets, then controls */
    const float *base; /* [vocab] of a control, NULL: a target */
    double value;      /* log-probability, or KL */
    double margin;     /* logit of id - logit of rival */
    double slope;      /* of the item's worth by value (ce_clamped) or margin */
    bool likeliest;    /* is id? */
};

struct minibatch {
    struct model *model;
    struct minibatch_options options;
    struct gradient *gradient;
    size_t targets, controls;
    struct place *places; /* [rows] */
    double *shares; /* [targets + controls] of the value last measured */
    bool *right;    /* [targets + controls] */
    size_t rows;
    float *logits; /* [rows at once][vocab] */
};

/* From the next-token logits of the place; slope is left alone. */
void minibatch_judge_place(struct place *place, const float *logits, size_t vocab);

/* Of judged places; slopes are set. */
struct objective minibatch_sum_up(struct minibatch *minibatch);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/train_int.h - what the files of struct train share.
 *
 *   train.c        options, making, what was done
 *   train_step.c   a step
 *   train_bytes.c  what its patch needs
 *   train_guard.c  what controls would lose by each unit
 *   train_judge.c  what was set apart, measured
 *   train_file.c   saving and going on
 */
#ifndef ENGINE_SEARCH_TRAIN_INT_H
#define ENGINE_SEARCH_TRAIN_INT_H

#include "engine/search/deck.h"
#include "engine/search/train.h"

/* Items that are measured after each step; index is owned. */
struct apart {
    size_t *index;
    size_t count;
};

/* A step that was done. */
struct train_past {
    struct train_step step;
    uint64_t *numbers; /* [step.kept] of the units it flipped */
};

struct train {
    struct model *model;
    const struct items *targets, *controls;
    struct train_options options;
    struct rng rng;
    struct deck target_deck, neighbour_deck, control_deck;
    struct apart validation, neighbours, judged; /* judged: controls */
    struct base_probs *base;
    struct minibatch *judge; /* the validation targets */
    struct units *units;
    struct unit_pick *picks; /* [most_k] */
    struct objective before, last;
    struct objective neighbours_before, neighbours_last;
    double control_last;
    size_t broken_last;
    struct train_past *past; /* [step] */
    uint64_t step, best_step;
    double best;
    size_t k;
    uint64_t tokens; /* train_tokens */
    enum train_stop stop;
};

/* Neither model nor items, no flips: all that options and seed decide. */
bool train_begin(struct train *train, struct err *err);
/* Units, room for picks, the base's probabilities; of a model without flips. */
bool train_prepare(struct train *train, cancel_flag *cancel, struct err *err);

/* What the controls would lose by each unit; of a model without flips. */
bool train_guard(struct train *train, cancel_flag *cancel, struct err *err);

struct minibatch_options train_batch_options(const struct train *train);

/* It was measured, or its gradient taken: train->tokens. */
void train_count_measured(struct train *train, const struct minibatch *minibatch);
void train_count_gradient(struct train *train, const struct minibatch *minibatch);

/* The validation targets and neighbours without flips. */
bool train_judge_base(struct train *train, cancel_flag *cancel, struct err *err);
/* All that is apart, with what is on; into out alone.  Broken are controls that do not say
 * what the base says. */
bool train_judge(struct train *train, struct train_step *out, cancel_flag *cancel,
                 struct err *err);

/* The gradient of the next minibatch enters the units' numbers. */
bool train_take_gradient(struct train *train, cancel_flag *cancel, struct err *err);

/* Of the patch of what is on (patch_packed_bytes), 0 without flips. */
size_t train_bytes(const struct train *train);
/* How many of the first count picks the byte budget has room for. */
size_t train_within_budget(struct train *train, size_t count);

/* Is there nothing more to do?  Sets train->stop. */
bool train_is_finished(struct train *train);
/* The limit that is reached, of a model of so many units. */
enum train_stop train_stop_of(const struct train *train, uint64_t units);

#endif

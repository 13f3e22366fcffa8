/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/units.h - all units of a model that could be flipped, and what gradients
 * of minibatches say of each: two numbers a unit, the running mean and mean square of the
 * predicted change of the objective.
 *
 * A unit is a chunk of 1, 2, 4, ... or 128 neighbouring weights of a row, or a whole row.
 * Flipping a chunk changes its row's output by -2 sum(w x), so that its predicted effect
 * is -2 sum(w g), g the gradient by weights; of whole rows gradient.h has it better.
 *
 * Rankings of what hundreds of flips taken together need:
 *   raw      mean
 *   snr      mean / root of the mean square, as Adam does (Kingma and Ba, 2015)
 *   fisher   mean - half x targets of a minibatch x variance: an estimate of the damage of
 *            second order; for small patches
 *   random   none: units drawn at random, to compare the others with
 *   guarded  fisher, minus what the controls lose to second order: half the control weight x
 *            the unit's squared derivative of the log-probability of answers that the model
 *            without flips draws itself (their Fisher information, by which elastic weight
 *            consolidation holds what was learned; Kirkpatrick et al., 2017).  Where the
 *            controls' divergence is 0 its gradient is 0, too, and says nothing of this.
 *
 * With a price, flipping a unit on costs what it adds to units_bytes, and off gives it back:
 * means are those of the objective minus price times bytes.
 */
#ifndef ENGINE_SEARCH_UNITS_H
#define ENGINE_SEARCH_UNITS_H

#include "engine/backward/gradient.h"
#include "src/base/rng.h"

enum { UNITS_ROWS = 0 }; /* chunk: whole rows */

enum ranking { RANK_FISHER, RANK_SNR, RANK_RAW, RANK_RANDOM, RANK_GUARDED };
const char *ranking_name(enum ranking ranking);
bool ranking_parse(const char *name, enum ranking *ranking);

struct units_options {
    uint32_t chunk;  /* weights of a unit: 1, 2, 4, ... 128, or UNITS_ROWS */
    uint32_t projs;  /* bit 1 << enum proj of each matrix of a layer to choose from */
    enum ranking ranking;
    double targets;  /* of a minibatch, for fisher */
    int threads;
    double price;    /* of a byte, in units of the objective */
    double guard;    /* weight of what the controls lose, for guarded */
};

struct units;

/* 8 bytes and a bit for each unit (guarded: 12), refused where the machine has not that much. */
struct units *units_new(struct model *model, const struct units_options *options,
                        struct err *err);
uint64_t units_count(const struct units *units);

/* gradient_job.visit, user being the units: take in one more minibatch.  units_taken is due
 * after each whole pass. */
void units_visit(void *units, const struct gradient_visit *visit);
void units_taken(struct units *units);

/* The same of a minibatch of answers that the model without flips drew (minibatch_drawn):
 * for guarded, before anything is flipped. */
void units_guard(void *units, const struct gradient_visit *visit);
void units_guarded(struct units *units);

struct unit_pick {
    struct flip flip;
    double predicted; /* running mean, change of the objective */
    double rank;
    uint32_t matrix; /* where it is, for units_flip */
    uint64_t index;
};

/* Its number among all units, 0 to units_count - 1. */
uint64_t units_number(const struct units *units, const struct unit_pick *pick);

/* The best units that promise a gain, at most count, best first.  Returns how many. */
size_t units_pick(const struct units *units, size_t count, struct unit_pick *out);
/* As many of those that are off, each as likely; they promise nothing. */
size_t units_pick_random(const struct units *units, size_t count, struct rng *rng,
                         struct unit_pick *out);

/* Put them on the model, or off again: their weights change sign, and so does what they
 * promise. */
void units_flip(struct units *units, const struct unit_pick *picks, size_t count);
/* The same of units by number (each below units_count). */
void units_flip_numbers(struct units *units, const uint64_t *numbers, size_t count);

/* Units that are on, as flips: chunks of one group together, whole groups and rows as
 * such.  The caller frees *out; returns how many. */
size_t units_flips(const struct units *units, struct flip **out);
/* The same of the units whose number stands there an odd number of times, whatever is on. */
size_t units_flips_of(const struct units *units, const uint64_t *numbers, size_t count,
                      struct flip **out);
uint64_t units_on(const struct units *units);
/* log2 of the number of sets of as many units, in bytes: what a patch needs at least; of
 * `on` units of `count`. */
double units_bytes(const struct units *units);
double units_bytes_of(uint64_t count, uint64_t on);
/* What one unit more adds to it now. */
double units_next_bytes(const struct units *units);

/* The largest units that flips are made of: UNITS_ROWS where all are rows. */
uint32_t units_chunk(const struct flip *flips, size_t count);
/* The units that flips are made of; the caller frees *numbers.  Refused: embed and head,
 * parts of units, what the model does not have. */
bool units_of_flips(const struct units *units, const struct flip *flips, size_t count,
                    uint64_t **numbers, size_t *number_count, struct err *err);

/* What flipping a unit promises, by the gradients so far; price aside. */
double units_mean(const struct units *units, uint64_t number);
/* What flipping it on costs the controls, by units_guard: their mean divergence in nats, to
 * second order. */
double units_control_loss(const struct units *units, uint64_t number);
/* All gradients so far. */
void units_forget(struct units *units);

/* What is kept of gradients, to be saved and put back: [2 x units_count], and after how many
 * minibatches. */
float *units_numbers(struct units *units, uint32_t **taken);

void units_free(struct units *units);

#endif

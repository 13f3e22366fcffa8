/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/search_int.h - the inside of a search: what search.c (which drives),
 * trial.c (which measures), hand.c (which a person steers with) and the methods share.
 *
 * [G1] accepted flips are a stack of levels: level i are the flips from level_first[i]
 *      on, which came together on top of those before them; gaps_below[i] are the gaps
 *      without them, history at the last of them is the fitness with them.
 * [G2] last_at is the place of the last candidate in the stack, or NOT_ACCEPTED;
 *      trial are its gaps where last_measured, on a model in state last_below.
 */
#ifndef ENGINE_SEARCH_SEARCH_INT_H
#define ENGINE_SEARCH_SEARCH_INT_H

#include "engine/search/search.h"

enum { SCREEN_COUNT = 2, AHEAD_MAX = 8 };

#define NOT_ACCEPTED SIZE_MAX

/* Candidates that were screened before their turn, on a model in state `below`. */
struct screened {
    size_t count;
    struct state_name below;
    struct flip flips[AHEAD_MAX];
    double gaps[AHEAD_MAX * SCREEN_COUNT]; /* [flip][screen_count] */
};

struct flip_list {
    struct flip *flips;
    size_t count, capacity;
};

struct method; /* method.h */

struct search {
    struct model *model;
    struct search_options options; /* layers is not kept */
    const struct method *method;
    void *plan; /* the method's own */
    const struct work_progress *watch; /* of passes, or NULL */
    struct measure *targets;
    struct measure *controls;
    struct measure *screen; /* the worst targets */
    struct screened ahead;
    uint64_t keep_bytes;    /* of all three together */
    size_t target_count;
    size_t probe_count;
    size_t screen_count;
    size_t worst[SCREEN_COUNT]; /* indices of the screening targets */
    double *before;             /* [probe_count] */
    double *now;
    double *trial;
    double fitness;
    uint64_t tried;
    uint64_t screened;
    uint64_t passes;      /* backward */
    uint64_t pass_tokens; /* of all of them */

    struct flip *accepted; /* [accepted_count] in order, a row that went off again twice [G1] */
    double *history;       /* [accepted_count] NAN inside a level */
    size_t accepted_count;
    size_t *level_first;   /* [level_count] */
    double *gaps_below;    /* [level_count][probe_count] */
    size_t level_count;

    struct flip_list trying; /* flips of the candidate at hand */
    double promised;         /* of it */
    struct flip_list tried_flips; /* those of the last, what last.flips points to */
    struct search_try last; /* the last candidate tried; number 0: none yet */
    bool last_measured;
    struct state_name last_below;
    size_t last_at;
};

/* What the search maximises, but for the price. */
struct judge search_judge_of(const struct search *search);

/* engine/search/price.c: its value of gaps [probe_count] with these flips on top of the
 * accepted ones, or without those. */
double search_value(const struct search *search, const double *gaps, const struct flip *flips,
                    size_t count);
double search_value_alone(const struct search *search, const double *gaps,
                          const struct flip *flips, size_t count);
/* What it takes off: price x flips that are then on. */
double search_cost(const struct search *search, const struct flip *flips, size_t count);

/* engine/search/search.c: everything of a search but its gaps, and what follows from
 * search->before. */
struct search *search_begin(struct model *model, const struct search_options *options,
                            struct err *err);
const struct probe **search_take_probes(struct search *search, const struct probe_set *targets,
                                        const struct probe_set *controls, struct err *err);
void search_pick_worst(struct search *search);

/* engine/search/trial.c; gaps are those of targets, then controls.  The model is that
 * before the search. */
bool trial_prepare(struct search *search, const struct probe *const *probes,
                   cancel_flag *cancel, struct err *err);
/* What all batches together may keep, of what is wanted (SEARCH_KEEP_DEFAULT: nothing in
 * particular) and the memory that the machine has left. */
uint64_t trial_keep_budget(uint64_t wanted, uint64_t available);
bool trial_prepare_screen(struct search *search, const struct probe *const *probes,
                          struct err *err);
void trial_free(struct search *search);
/* Of the model as it is. */
bool trial_gaps(struct search *search, double *gaps, cancel_flag *cancel, struct err *err);
/* With flips on it. */
bool trial_flip_gaps(struct search *search, const struct flip *flips, size_t count,
                     double *gaps, cancel_flag *cancel, struct err *err);
/* Screen and measure out->flips: fills screened, stopped, accepted and fitness, and
 * search->trial as far as it was measured. */
bool trial_candidate(struct search *search, struct search_try *out, cancel_flag *cancel,
                     struct err *err);

/* One more backward pass (search.c). */
void search_note_pass(struct search *search, const struct predict *predict);

/* XOR them into the model. */
void search_flip_all(struct search *search, const struct flip *flips, size_t count);

/* Flips that are on the model already become the newest level. */
void search_push(struct search *search, const struct flip *flips, size_t count,
                 const double *gaps, double fitness);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/method.h - what makes one way of searching different from another: which
 * candidate comes next, and when it is kept.  search.c drives, trial.c measures.
 *
 * Each method is a file with one `struct method`, listed in SEARCH_METHODS (search.h).
 * What it knows is in search->plan, which is its own.
 *
 * A candidate is a change of what is accepted: flips that are XORed on, one or many, so
 * that one which is on goes off.  If it is accepted it becomes one level of the stack.
 *
 * [M1] which candidate comes next follows from the model, probes, options, what was tried
 *      before (flips, fitness, gaps, accepted) and which flips are on; from nothing else.
 *      Randomness comes from the seed and the number of the candidate (method_rng), or is
 *      drawn once for each candidate.
 * [M2] after `next` comes `tried`, or `give_up` where it could not be measured: then the
 *      next `next` gives the same candidate.  `untry` directly after `tried` likewise.
 * [M3] `resume` is called once, before anything else, and leaves the plan as it was after
 *      past->tried candidates.
 * [M4] between steps a person may put flips on and take them off: a plan never believes
 *      that what it proposed is still on.
 */
#ifndef ENGINE_SEARCH_METHOD_H
#define ENGINE_SEARCH_METHOD_H

#include "engine/search/search_int.h"
#include "src/base/rng.h"

struct method {
    const char *name, *help;   /* "guided"; one line, with a small letter */
    bool whole_model;          /* layers: all, unless told otherwise */
    uint32_t projs;            /* bits of projections, unless told otherwise; 0: all seven */
    bool screens;              /* on the two worst targets, before anything else */
    bool replays;              /* resume looks at past->tries */
    uint32_t granularities;    /* bit 1 << enum granularity of those it knows */
    enum granularity usual;    /* of these, unless told otherwise; rows where nothing is said */
    bool measures_all;         /* no early stop: what a candidate does decides later ones */
    bool wants_flips;          /* works on flips that are on already */
    bool takes_starts;         /* makes of options->starts what it wants; else the one that is
                                * given is put on before the first candidate */

    /* Does the seed have a say?  NULL: it has none, the same search again finds the same. */
    bool (*draws)(const struct search_options *options);

    /* Options are checked, search->plan made; nothing is measured yet.  options->layers are
     * borrowed for the call.  What was made of the plan before a failure is freed. */
    bool (*begin)(struct search *search, const struct search_options *options,
                  struct err *err);
    void (*free)(struct search *search); /* search->plan is not NULL */
    /* Targets, then controls, after begin; borrowed for the call.  NULL: not looked at. */
    bool (*take_probes)(struct search *search, const struct probe *const *probes,
                        struct err *err);

    /* Fills search->trying (search_add), which is empty, and search->promised, which is 0:
     * TRIED, or FINISHED where nothing is left.  May measure and take long; the model is as
     * it was when it returns. */
    enum search_status (*next)(struct search *search, cancel_flag *cancel, struct err *err);
    /* What became of it; the model is that before it, search->trial has its gaps unless it
     * was screened or stopped.  Each of the three may be NULL: there is nothing to note. */
    void (*tried)(struct search *search, const struct search_try *tried);
    void (*give_up)(struct search *search);
    void (*untry)(struct search *search, const struct search_try *tried);
    /* Is a candidate of this fitness kept?  NULL: if it is above that of the accepted flips.
     * More fitness is never less acceptable, so that early_stop may ask of a bound. */
    bool (*accepts)(const struct search *search, double fitness);

    /* At most count flips of candidates that come next, as far as that is known; NULL: never. */
    size_t (*peek)(const struct search *search, size_t count, struct flip *out);
    /* What the pass that chose it promised of a flip, NAN: nothing.  NULL: no pass does. */
    double (*promised)(const struct search *search, const struct flip *flip);
    uint64_t (*left)(const struct search *search);       /* candidates, at most; NULL: no end */
    uint64_t (*candidates)(const struct search *search); /* flips to choose from */
    bool (*resume)(struct search *search, const struct search_past *past, struct err *err);
};

extern const struct method *const search_methods[SEARCH_METHOD_COUNT];

#define SEARCH_METHOD_DECLARE(upper, lower) extern const struct method method_##lower;
SEARCH_METHODS(SEARCH_METHOD_DECLARE)
#undef SEARCH_METHOD_DECLARE

/* One more flip of the candidate. */
void search_add(struct search *search, const struct flip *flip);

/* Random numbers of one candidate [M1]. */
struct rng method_rng(const struct search *search, uint64_t number);

/* For struct method: whatever the options. */
bool method_draws(const struct search_options *options);

/* flips[0 .. count) of an earlier candidate. */
const struct flip *tried_flips(const struct search_tried *tried, size_t *count);

#endif

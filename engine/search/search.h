/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/search.h - search for flips that help the targets and spare the
 * controls.
 *
 * Method `greedy`, as first published for row flips of 1-bit models:
 *
 *   candidates  rows of the chosen layers and projections, drawn without
 *               replacement, each with probability proportional to its mean |scale|; or,
 *               with order ORDER_ATTRIBUTION, in the order of what is predicted of them
 *   screening   the two targets with the worst gap before the search are measured
 *               first; if neither is above that gap, the candidate is rejected
 *   fitness     mean gain of the targets (now minus before the search) minus
 *               penalty times the mean loss of the controls, where a control that
 *               gained counts 0; method `min` takes the smallest target gain.  With
 *               control metric `kl` a control's loss is its divergence from the model
 *               as it was before the search (probes/measure.h)
 *   acceptance  fitness above that of the accepted flips; else the flip is taken back
 *
 * Other methods differ in the order of candidates and in what a candidate is (method.h);
 * none of them screens.  Method `guided`: candidates, rows or groups of 128 weights, come in
 * the order of what one backward pass promises (predict.h), refreshed as flips are accepted
 * (guided.h).
 *
 * A search is driven step by step; between steps the model holds exactly the
 * accepted flips.  A person can steer it (below): then accepted flips are those
 * of the steps and of the person, in order, each on top of those before it.
 *
 * [S1] same model, probes, options and seed: same flips, on every machine and
 *      for every thread count.
 * [S2] a step that fails or is cancelled leaves the model as it was before it.
 * [S3] freeing the search leaves the accepted flips on the model.
 * [S4] gaps and fitness are, to the bit, those of a fresh measurement of the model
 *      as it is, also after overriding and undoing.
 * [S5] what a person does changes no later candidate, only what it is measured on.
 */
#ifndef ENGINE_SEARCH_SEARCH_H
#define ENGINE_SEARCH_SEARCH_H

#include "engine/search/goal.h"
#include "engine/search/predict.h"
#include "probes/measure.h"
#include "probes/generate.h"

/* Every method has a file of its own (method.h). */
#define SEARCH_METHODS(X) \
    X(GREEDY, greedy) X(GUIDED, guided) X(GROUP, group) X(BIT, bit) X(PRUNE, prune) \
    X(SWAP, swap) X(EVOLVE, evolve) X(JOINT, joint) X(BFS, bfs) X(RANDOM, random)

#define SEARCH_METHOD_ENUM(upper, lower) SEARCH_##upper,
enum search_method { SEARCH_METHODS(SEARCH_METHOD_ENUM) SEARCH_METHOD_COUNT };
#undef SEARCH_METHOD_ENUM

const char *search_method_name(enum search_method method); /* "greedy", "guided" */
const char *search_method_help(enum search_method method); /* what it is, in one line */
bool search_method_parse(const char *name, enum search_method *method);
const char *search_method_choices(void); /* for messages: "one of greedy guided ..." */

/* Which projections it chooses from and flips of which granularity unless told otherwise,
 * and whether it knows flips of this one. */
uint32_t search_method_projs(enum search_method method);
enum granularity search_method_granularity(enum search_method method);
bool search_method_knows(enum search_method method, enum granularity granularity);
/* Does going on with it want search_past.tries? */
bool search_method_replays(enum search_method method);
/* Does it want flips to be on before it begins?  And how many patches can it begin with? */
bool search_method_wants_flips(enum search_method method);
size_t search_method_starts_max(enum search_method method);

/* In which greedy tries rows: drawn by their scale, or by what one backward pass before the
 * search promises, the best first. */
enum search_order { ORDER_SCALE, ORDER_ATTRIBUTION };

/* What random keeps. */
enum search_accept { ACCEPT_ANY, ACCEPT_BETTER };

struct search_options {
    enum search_method method;
    enum granularity granularity; /* that the method knows */
    const int32_t *layers; /* [layer_count], borrowed; NULL: as search_layers has it */
    size_t layer_count;
    uint32_t projs;        /* bit 1 << enum proj of each projection to choose from; but for
                            * greedy, of the seven of a layer */
    const char *starts;    /* patches to begin with (starts.h), borrowed; NULL: none */
    uint64_t iterations;   /* candidates to try, screened ones included */
    double penalty;        /* of the controls' loss */
    double price;          /* of each flip that is on */
    enum fitness fitness;
    enum metric metric;         /* of the targets; not kl, which has nothing to gain */
    enum metric control_metric; /* METRIC_SAME: as the targets */
    struct aims aims;           /* these two: goal.h */
    struct mix control_mix;
    uint64_t seed;
    int threads;
    /* SEARCH_KEEP_DEFAULT; of evaluations, to shorten the next, and as much of a backward pass */
    uint64_t keep_bytes;
    /* Of one method or few: setting.h */
    int order;         /* enum search_order, of greedy */
    int accept;        /* enum search_accept, of random */
    uint64_t chunk;    /* bit: weights that are taken off together at least, 1, 2, ... 64 */
    uint64_t together; /* guided: flips of a candidate, at most; up to SEARCH_TOGETHER_MAX */

    bool early_stop; /* do not measure controls where the targets do not reach the fitness */
    bool plain;      /* flip in place and compute everything: the same, slower */
};

enum { SEARCH_TOGETHER_MAX = 512, SEARCH_TOGETHER_DEFAULT = 1 };

#define SEARCH_KEEP_DEFAULT GRADIENT_KEEP_DEFAULT /* as much as the machine can spare */

/* All layers; of models with more than 8 layers 1 to 4 and the penultimate.
 * out has room for the model's layers; returns how many. */
size_t search_default_layers(const struct model *model, int32_t *out);

/* Does the seed have a say in it?  Else the same search finds the same with any. */
bool search_method_draws(const struct search_options *options);

/* The layers to choose from: those of the options, else with greedy search_default_layers,
 * with others all.  out has room for the model's layers and those of the options. */
size_t search_layers(const struct model *model, const struct search_options *options,
                     int32_t *out);

/* All seven projections of a layer. */
static const uint32_t search_all_projs = (1u << PROJ_LAYER_COUNT) - 1;

/* The published defaults: gate and up, 200 iterations, penalty 2, mean,
 * seq_logprob, seed 42; all candidates that pass the screen are measured fully. */
struct search_options search_default_options(void);

/* What was tried: flips that are XORed together on the accepted ones. */
struct search_try {
    struct flip flip;         /* the first of them */
    const struct flip *flips; /* [count] all, valid until the next step */
    size_t count;
    uint64_t number; /* 1, 2, ... */
    bool screened;   /* rejected on the two worst targets alone */
    bool stopped;    /* rejected on the targets alone: fitness is at most this */
    bool accepted;
    double fitness;  /* of the candidate; of screened ones that of the two targets */
    double promised; /* change of the fitness that was predicted; 0: nothing was */
};

struct search;

/* What it is after, as the options say. */
struct goal search_goal(const struct search_options *options);
/* The options take it over, but for its penalty. */
void search_take_goal(struct search_options *options, const struct goal *goal);

/* The metric that controls are measured with, where it is but one. */
enum metric search_control_metric(const struct search_options *options);

/* Measures the probes before the search.  Targets must not be empty; targets and
 * controls need a wrong answer each where their metric does (metric_needs_wrong).
 * Everything is borrowed for the call only, except the model. */
struct search *search_new(struct model *model, const struct probe_set *targets,
                          const struct probe_set *controls, const struct search_options *options,
                          cancel_flag *cancel, struct err *err);

/* ---- an earlier run: past.c ---------------------------------------------------- */

struct search_tried {
    struct flip flip;
    const struct flip *flips; /* [count]; NULL: flip alone */
    size_t count;
    bool accepted, screened, stopped;
    double fitness, promised;
    double below;       /* fitness of the flips that were accepted then */
    const double *gaps; /* [targets + controls], or NULL: it was not measured fully */
};

/* What a session knows of a search that was stopped. */
struct search_past {
    const double *gaps_before; /* [targets + controls] */
    uint64_t tried, screened;
    const struct flip *accepted; /* in order: flip_counts[0] of them, flip_counts[1], ... */
    const double *fitness;       /* [accepted_count] after each */
    const double *gaps;          /* [accepted_count][targets + controls] with each */
    size_t accepted_count;
    const size_t *flip_counts;   /* [accepted_count], each > 0; NULL: one flip each */

    /* Where search_method_replays: what was tried, and the flips (to be XORed, in *flips,
     * which the caller frees) that were on when candidate `number` was chosen. */
    const struct search_tried *tries; /* [tried] */
    bool (*flips_at)(void *user, uint64_t number, struct flip **flips, size_t *count,
                     struct err *err);
    void *user;
};

/* Go on where a search with the same probes and options stopped, on a model without
 * flips: nothing is measured (but the base, of controls with kl), the accepted flips are
 * put on, and what follows is to the bit what would have followed [S1].  Arrays are
 * copied. */
struct search *search_resume(struct model *model, const struct probe_set *targets,
                             const struct probe_set *controls,
                             const struct search_options *options,
                             const struct search_past *past, cancel_flag *cancel,
                             struct err *err);

/* Put flips back, which came together, whose gaps and fitness are known from when they
 * were accepted on the same flips: redo.  They must fit, and be one or more. */
void search_redo(struct search *search, const struct flip *flips, size_t count,
                 const double *gaps, double fitness);

enum search_status { SEARCH_TRIED, SEARCH_FINISHED, SEARCH_FAILED };

/* Try the next candidate.  FINISHED: iterations are used up or no candidate is
 * left; FAILED fills err [S2]. */
enum search_status search_step(struct search *search, struct search_try *out,
                               cancel_flag *cancel, struct err *err);

/* Directly after search_step, when what it tried could not be written down: the
 * candidate was not tried, and is drawn again.  An accepted flip must be off already
 * (search_undo). */
void search_untry(struct search *search);

/* From the next step on. */
void search_set_early_stop(struct search *search, bool early_stop);

double search_fitness(const struct search *search);       /* of the accepted flips */
uint64_t search_tried(const struct search *search);
uint64_t search_screened(const struct search *search);
uint64_t search_candidates(const struct search *search);  /* flips to choose from */
size_t search_tokens(const struct search *search);        /* of one evaluation */

/* Backward passes that were made to choose candidates, and what they cost in evaluations of
 * the probes: 3 for as many tokens (forward, and backward, which is twice as much). */
uint64_t search_passes(const struct search *search);
double search_passes_cost(const struct search *search);

/* Steps until SEARCH_FINISHED. */
uint64_t search_left(const struct search *search);

/* Gaps of targets, then controls: before the search, and with the accepted
 * flips.  Valid until the next step. */
const double *search_gaps_before(const struct search *search);
const double *search_gaps_now(const struct search *search);
/* Those of the last candidate; NULL if it was not measured fully or none was drawn. */
const double *search_gaps_last(const struct search *search);

/* Accepted flips in order (a row that was taken off by keeping it once more is
 * there twice) and the fitness after each (NAN but for the last of those that came
 * together).  Valid until one more or less is. */
const struct flip *search_accepted(const struct search *search, size_t *count);
const double *search_history(const struct search *search);
/* How often flips were accepted: each a flip, or several that came together. */
size_t search_levels(const struct search *search);
/* Flips that search_undo would take back; 0: none are accepted. */
size_t search_newest(const struct search *search);

/* ---- a person's hand: hand.c ------------------------------------------------- */

/* Flips of the next candidates, as far as the method knows them (with guided, as long as no
 * new list is due; none before the first step), at most count; mean_scales may be NULL.
 * Returns how many there are. */
size_t search_peek(const struct search *search, size_t count, struct flip *out,
                   double *mean_scales);

/* What the method's last pass promised of a flip; NAN: nothing. */
double search_promised(const struct search *search, const struct flip *flip);

/* Is told how far a pass over all rows is that a step makes, matrix by matrix; borrowed, or
 * NULL. */
void search_set_watch(struct search *search, const struct work_progress *watch);

/* Mean |scale| of a row's groups: what candidates are drawn by. */
double search_row_scale(const struct model *model, int32_t layer, enum proj proj, uint32_t row);

/* What any flip does on top of the accepted ones; it is not kept.
 * gaps: targets, then controls */
bool search_measure(struct search *search, const struct flip *flip, double *gaps,
                    double *fitness, cancel_flag *cancel, struct err *err);

/* Accept any flip whatever it does.  Flips are XORed: keeping one that is on
 * takes it off.  out->number is 0, out->flips valid until a flip more or less is on.  A
 * failure changes nothing, as with [S2]. */
bool search_keep(struct search *search, const struct flip *flip, struct search_try *out,
                 cancel_flag *cancel, struct err *err);

/* Accept the last candidate although it was rejected; measured first if it was
 * screened out or other flips are on now. */
bool search_accept(struct search *search, struct search_try *out, cancel_flag *cancel,
                   struct err *err);
/* Reject the last candidate although it was accepted; refused while flips that
 * were accepted later lie on it. */
bool search_reject(struct search *search, struct search_try *out, struct err *err);
bool search_can_reject(const struct search *search, struct err *err);

/* Take back the last accepted flip and those that came with it, to the bit; false if
 * there is none. */
bool search_undo(struct search *search, struct flip *which);

/* What every row or group promises on top of the accepted flips, for the search's own
 * probes and objective (predict.h); nothing of the search changes. */
bool search_predict(struct search *search, const struct predict_options *options,
                    void (*visit)(void *user, const struct predicted *predicted), void *user,
                    cancel_flag *cancel, struct err *err);

/* What flips do together on a model without the accepted ones, which stay as they are;
 * nothing is kept. */
bool search_measure_alone(struct search *search, const struct flip *flips, size_t count,
                          double *gaps, double *fitness, cancel_flag *cancel, struct err *err);
/* Accept flips together, as one, on top of the accepted ones, whatever they do. */
bool search_keep_all(struct search *search, const struct flip *flips, size_t count,
                     cancel_flag *cancel, struct err *err);

void search_free(struct search *search);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/search_options.h - the options that every command that searches has.
 */
#ifndef SRC_SEARCH_SEARCH_OPTIONS_H
#define SRC_SEARCH_SEARCH_OPTIONS_H

#include "engine/search/search.h"
#include "src/cli/answer_option.h"
#include "src/cli/cli.h"

enum {
    SEARCH_LAYERS_MAX = 1024,
    /* Of greedy on the embedded model where no seed was given: with the default, 42, none
     * of the first 200 candidates is accepted.  Of the seeds 1 to 7 this one
     * accepts the most of the first 100 (24; the others 0 to 22). */
    SEARCH_NANO_SEED = 6,
};

static const enum search_method search_method_default = SEARCH_GUIDED;

/* For a command's table of options. */
#define SEARCH_PROBE_OPTIONS                                                                  \
    {"target", 0, "SET", "probes to improve: built-in sets or JSON files, comma-separated"},  \
    {"control", 0, "SET",                                                                     \
     "probes that must not get worse, or none (math,code,knowledge,self:300; greedy: none); " \
     "self:SET, self:FILE (a prompt a line) or self:N: prompts, with what the model says now " \
     "as right"},                                                                             \
    {"heldout", 0, "SET", "probes the search never sees, answered before and after it"},      \
    ANSWER_MODE_OPTION

#define SEARCH_OBJECTIVE_OPTIONS                                                              \
    {"objective", 0, "O",                                                                     \
     "margin (default), gap of --metric (greedy's default), focal, logprob, min, or a mix "   \
     "such as margin:1,gap:0.2"},                                                             \
    {"metric", 0, "M", "seq_logprob (default), margin, soft_margin, logprob or token_gap"},   \
    {"control-metric", 0, "M",                                                                \
     "one of these or kl, or a mix such as kl:1,soft_margin:0.5 (as the targets)"},           \
    {"fitness", 0, "F", "mean (default) or min of the targets' gains"}

#define SEARCH_OPTIONS                                                                        \
    {"method", 0, "M",                                                                        \
     "guided (default), greedy, group, bit, prune, swap, evolve, joint, bfs, random, train"}, \
    {"granularity", 0, "G",                                                                   \
     "row, group of 128 weights (guided's default), or bit; greedy, group and bit: rows"},    \
    {"order", 0, "O",                                                                         \
     "of greedy: scale (default), drawn by it; attribution: best predicted row first"},       \
    {"together", 0, "N", "of guided: flips measured together, at most (1: one by one)"},       \
    {"accept", 0, "A", "of random: any (default), whatever a flip does; better: if it helps"}, \
    {"chunk", 0, "N", "of bit: weights that are taken off together at least (8)"},            \
    {"from", 0, "PATCH", "begin with its flips on (evolve: several, comma-separated)"},       \
    {"layers", 0, "LIST",                                                                     \
     "such as 0,2-4 (all; of more than 8 layers 1-4 and the penultimate)"},                   \
    {"proj", 0, "LIST",                                                                       \
     "of q, k, v, o, gate, up, down, embed, head (gate,up of greedy and guided, else "         \
     "the first seven)"},                                                                     \
    {"penalty", 0, "X", "weight of the controls' mean loss (2)"},                             \
    {"price", 0, "X", "what each flip that is on takes off the fitness (0)"},                 \
    SEARCH_OBJECTIVE_OPTIONS,                                                                 \
    {"seed", 0, "N", "of the draws (42)"},                                                    \
    {"keep", 0, "MIB", "memory for what evaluations leave behind (half of what is free)"},    \
    {"plain-eval", 0, NULL, "measure every candidate by a full pass: same flips, slower"}

/* Is there a session that was begun?  A file that cannot be read counts: whoever opens it
 * will say why. */
bool search_options_going_on(const char *session);

/* A session decides what its search does: none of these may be given with one that is
 * there already. */
bool search_options_leave_session(const struct arguments *arguments, struct err *err);

/* --objective, --metric, --control-metric and --fitness; usual: what it is unless one of the
 * first two was given.  The goal's penalty stays. */
bool search_objective_read(const struct arguments *arguments, enum aim usual, struct goal *goal,
                           struct err *err);

/* A list such as "gate,up". */
bool search_projs_parse(const char *list, uint32_t *projs, struct err *err);

/* What is searched by where nothing was said. */
struct search_options search_options_usual(void);

/* What was given of SEARCH_OPTIONS and of --threads; the rest of options stays.
 * options->layers then points to layers or is NULL. */
bool search_options_read(const struct arguments *arguments, struct search_options *options,
                         int32_t layers[SEARCH_LAYERS_MAX], struct err *err);

/* The same for one of several methods that are compared: what it does not know does not
 * matter, and the objective is margin unless told otherwise. */
bool search_options_read_for(const struct arguments *arguments, enum search_method method,
                             struct search_options *options, int32_t layers[SEARCH_LAYERS_MAX],
                             struct err *err);

/* The controls to be used: those that were given, NULL for "none".  Where nothing was, and the
 * method is not greedy, which has none: math, code and knowledge, unless they are targets or
 * held out, and (but where the goal needs wrong answers) 300 prompts that the model labels
 * itself, made in out, which the caller frees. */
const char *search_controls(const char *given, const char *targets, const char *heldout,
                            const struct search_options *options, struct buf *out);

/* Warns where so few controls, of the spec that was given or NULL, are not enough for a method
 * that looks for what helps most. */
void search_controls_warn(const struct search_options *options, const char *given, size_t count);

/* --layers alone; *count is 0 where it was not given. */
bool search_layers_read(const struct arguments *arguments, int32_t layers[SEARCH_LAYERS_MAX],
                        size_t *count, struct err *err);

#endif

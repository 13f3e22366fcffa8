/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/train_options.h - the options of method train, for `train` and for
 * `search --method train`, and running it by them.
 */
#ifndef SRC_SEARCH_TRAIN_OPTIONS_H
#define SRC_SEARCH_TRAIN_OPTIONS_H

#include "engine/search/train.h"
#include "src/cli/cli.h"

/* For a command's table of options: those that no other method has. */
#define TRAIN_OPTIONS TRAIN_OPTIONS_BESIDE("N", "targets set apart (a fifth, at most 200)")
/* For a command where --validation means something else with another option, too. */
#define TRAIN_OPTIONS_BESIDE(validation_argument, validation_help)                            \
    {"neighbours", 0, "SET", "skills beside the targets: half of each minibatch, told apart"}, \
    {"unit", 0, "N", "weights that are flipped together: 1, 2, 4, ... 128, or row (8)"},      \
    {"rank", 0, "R",                                                                          \
     "snr (default); fisher for small patches; guarded: and sparing controls; raw; random"},  \
    {"batch", 0, "N", "targets of a minibatch (128)"},                                        \
    {"batch-controls", 0, "N", "controls of a minibatch (128)"},                              \
    {"minibatch", 0, "N", "the same for both"},                                               \
    {"control-weight", 0, "X", "of the controls' divergence (1)"},                            \
    {"flips", 0, "N", "of the first step (64)"},                                              \
    {"flips-max", 0, "N", "of any step (400)"},                                               \
    {"validation", 0, validation_argument, validation_help},                                  \
    {"validation-controls", 0, "N",                                                           \
     "controls set apart (none: a fifth, at most 200, is judged all the same)"},              \
    {"max-broken", 0, "N|P%", "undo the step that breaks more controls, and stop (no limit)"}, \
    {"steps", 0, "N", "at most (100), those of a session's past included"},                   \
    {"patience", 0, "N", "stop when validation has not risen for so many steps (never)"},     \
    {"bytes", 0, "N", "no more than the patch may need (no limit)"},                          \
    {"seconds", 0, "S", "stop after so long (no limit)"},                                     \
    {"front", 0, "FOLDER", "write the patch of every step that none is better than"},         \
    {"point", 0, "N", "of a session: write the patch after step N, and no more"},             \
    {"resume", 0, "FILE", "as -s, of a session that is there"},                               \
    {"trim", 0, "PATCH", "instead: make this patch smaller, to --bytes, the least first"},    \
    {"places", 0, "N", "gradients that trimming takes (12)"}

/* Of the options above the first that was given, or NULL. */
const char *train_options_given(const struct arguments *arguments);

/* The same of those that a comparison has no use for, also where train is compared. */
const char *train_options_not_compared(const struct arguments *arguments);

/* For train as one of several methods that are compared: it learns from all targets, by
 * cross-entropy, and nothing but a budget ends it.  --objective, --price and --validation
 * are not looked at: they are of the comparison. */
bool train_options_read_for(const struct arguments *arguments, struct train_options *options,
                            struct err *err);

/* Train as the arguments say; targets and controls may be NULL, synopsis is the command's.  Its
 * table has heldout, output, name, session, objective, proj, seed and null, too.  Returns an
 * exit status. */
int train_options_run(const struct arguments *arguments, const char *targets,
                      const char *controls, const char *synopsis, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/search_compare.h - several methods under several seeds, with the same budget
 * each: what they find, and what it does to answers they searched for, and others.
 *
 * All have the same objective (margin unless told otherwise), targets and controls, and begin
 * on the model without flips, or with those of --from.  The budget of a run is
 *
 *   evaluations  candidates tried, screened ones included, and its backward passes, each of
 *                which counts 3 for as many tokens as an evaluation has; or
 *   seconds      from its first measurement on
 *
 * and a run ends with the step that uses it up, or where the method is at its end.  A method
 * in which no seed has a say is run once.
 *
 * `train` is one of them, too: it learns the targets by cross-entropy, with the model's own
 * answers to the controls as its controls.  A step costs its tokens (train_tokens) in
 * evaluations of the others; its fitness is what they would measure of its flips, and what
 * it "tried" are steps.
 *
 * A part of the targets (--validation N) or another set is kept for validation: no search sees it.
 * No patch is written.
 *
 * [V3] with a budget of evaluations: the same result, for every thread count.
 */
#ifndef SRC_SEARCH_SEARCH_COMPARE_H
#define SRC_SEARCH_SEARCH_COMPARE_H

#include "src/search/search_job.h"

/* For a command's table of options. */
#define SEARCH_COMPARE_OPTIONS                                                              \
    {"compare", 0, "LIST", "methods to compare under --seeds, each with the same --budget"}, \
    {"budget", 0, "B", "of each run: evaluations such as 300 (default 200), or time: 60s"}

/* Was it asked for?  Then request (without method and iterations) and seeds (0: one) are as
 * for search_seeds_run.  Returns an exit status. */
bool search_compare_wanted(const struct arguments *arguments);
int search_compare_run(const struct arguments *arguments, const struct search_request *request,
                       size_t seeds, struct err *err);

#endif

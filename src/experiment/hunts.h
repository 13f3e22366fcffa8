/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/experiment/hunts.h - searches that several experiments are made of, and what they
 * say of them.
 */
#ifndef SRC_EXPERIMENT_HUNTS_H
#define SRC_EXPERIMENT_HUNTS_H

#include "src/experiment/lab.h"

enum {
    HUNT_MLP = 1 << PROJ_GATE | 1 << PROJ_UP, /* as published */
    HUNT_ATTENTION = HUNT_MLP | 1 << PROJ_Q | 1 << PROJ_K | 1 << PROJ_V | 1 << PROJ_O,
};

/* Base answers; then search, and answer with what it accepted. */
bool hunts_base(struct lab *lab, struct err *err);
bool hunts_one(struct lab *lab, const struct hunt *hunt, struct err *err);
double hunts_cost(const struct lab *lab, const struct hunt *hunt);

/* A search for what the settings say: their targets, controls and iterations. */
struct hunt hunts_of(const struct lab *lab, const char *unit, unsigned projs,
                     enum metric metric);

/* ---- six calculus probes that the model answers wrong (experiment 4) --------------- */

/* Of the base answers: the first wrong one of each category of the targets; then further
 * wrong ones, then any, until there are six.  mask: [lab->all->count] */
enum { HUNT_SIX = 6 };
void hunts_six(const struct lab *lab, bool *mask);
/* The search for them, unit "calculus search"; the base answers must be there. */
bool hunts_calculus(struct lab *lab, struct err *err);
/* That of experiment 3: the set math, 200 candidates; unit "arithmetic search". */
bool hunts_arithmetic(struct lab *lab, struct err *err);
/* What the two cost, without answers. */
double hunts_two_cost(const struct lab *lab);

/* ---- what it did to answers: base against those of a search (or patch) of this name ---- */

struct paired hunts_targets(const struct lab *lab, const char *name);
struct paired hunts_controls(const struct lab *lab, const char *name);
struct paired hunts_heldout(const struct lab *lab, const char *name);
struct paired hunts_masked(const struct lab *lab, const char *name, const bool *mask);

/* ---- report ------------------------------------------------------------------------ */

/* A table of searches: begin it, add rows. */
void account_hunts(struct account *account);
/* published: {published_accepted, published_fitness, ...} or NULL, taken over */
void account_hunt(struct account *account, const struct lab *lab, const char *unit,
                  json_t *published);
/* A table of answers (answer_columns); then account_answers. */
void account_answer_table(struct account *account, const char *title);

#endif

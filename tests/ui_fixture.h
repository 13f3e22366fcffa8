/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/ui_fixture.h - a workbench without terminal and worker, for tests of
 * the screens.
 *
 * The model is nano (6 layers), the 82 probes (12 targets, 40 controls, 30
 * held-out) and all numbers are made up here and the same everywhere: the state
 * is what a search of 143 candidates could have left.  Jobs that are posted are
 * kept, not run.
 */
#ifndef TESTS_UI_FIXTURE_H
#define TESTS_UI_FIXTURE_H

#include "ui/view.h"

enum { FIXTURE_TARGETS = 12, FIXTURE_CONTROLS = 40, FIXTURE_HELDOUT = 30, FIXTURE_JOBS_MAX = 64 };

struct ui_fixture {
    struct app *app;
    struct model *model;
    struct probe_set *probes;
    struct job jobs[FIXTURE_JOBS_MAX]; /* texts are not copied */
    size_t job_count;
};

/* Only opened (EVENT_OPENED): nothing measured yet. */
struct ui_fixture *ui_fixture_bare(int rows, int columns);

/* Scales, gaps, 4 accepted ones of 143 tried candidates, the next candidates, and
 * answers of targets and controls, stale by two flips. */
struct ui_fixture *ui_fixture_new(int rows, int columns);

void ui_fixture_free(struct ui_fixture *fixture);

/* Draw at a size; returns the dump of the grid, owned by the caller. */
char *ui_fixture_dump(struct ui_fixture *fixture, int rows, int columns);

/* ---- events as the worker would post them --------------------------------------- */

void ui_fixture_scales(struct ui_fixture *fixture); /* of all matrices */
void ui_fixture_gaps(struct ui_fixture *fixture);   /* before the search */

/* The search tried a row: gain is the change of fitness.  Accepted ones are
 * followed by EVENT_FLIPS. */
void ui_fixture_try(struct ui_fixture *fixture, struct flip flip, double gain);
void ui_fixture_screened(struct ui_fixture *fixture, struct flip flip);
void ui_fixture_by_hand(struct ui_fixture *fixture, struct flip flip, double gain);

/* A job has changed the accepted flips: now they are the first `count` of flips[],
 * in order of acceptance.  The gaps are made up from their number alone. */
void ui_fixture_flips(struct ui_fixture *fixture, const struct flip *flips, size_t count,
                      double fitness, enum job_type job);
void ui_fixture_next(struct ui_fixture *fixture, size_t count, uint64_t left);
/* A probe token by token, with numbers of its own for each number of flips. */
void ui_fixture_detail(struct ui_fixture *fixture, size_t probe);
/* Findings of every severity, of six probes. */
void ui_fixture_audit(struct ui_fixture *fixture);
/* What every row, or the best group of every row, promises, for the flips that are on. */
void ui_fixture_predictions(struct ui_fixture *fixture, enum granularity granularity);
void ui_fixture_answers(struct ui_fixture *fixture, bool heldout);
void ui_fixture_text(struct ui_fixture *fixture, const char *prompt, const char *base,
                     const char *now);

/* Three named states, of which the one of `step` is on: "start" (step 0), "calculus" (4)
 * and "two rows" (9). */
void ui_fixture_states(struct ui_fixture *fixture, int64_t step);
/* "calculus" and "two rows" compared: flips, gaps of three probes, four answers. */
void ui_fixture_diff(struct ui_fixture *fixture);

/* A whole row. */
struct flip ui_row(int32_t layer, enum proj proj, uint32_t row);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/state_int.h - what the files of the state share.
 */
#ifndef UI_STATE_INT_H
#define UI_STATE_INT_H

#include "ui/app.h"

/* A string that is owned: replaced by a copy, or by NULL. */
void state_set_text(char **slot, const char *text, size_t len);

/* state_map.c: matrices, their scales, marks of rows. */
void map_open(struct app *app, const struct model *model);
void map_take_scales(struct app *app, const struct event_scales *scales);
void map_mark(struct app *app, const struct flip *flip, enum row_mark mark, bool on);
void map_free(struct map_state *map);

/* state_predicted.c: what flips promise, and what measuring them found. */
void map_take_predictions(struct app *app, struct event *event);
void map_take_measured(struct app *app, const struct flip *flip, double effect, int64_t step);
void map_free_predictions(struct map_state *map);

/* state_search.c: what was tried and what is on. */
void search_take_tried(struct app *app, const struct event_tried *tried, enum job_type job);
void search_take_flips(struct app *app, const struct event_flips *flips, enum job_type job);
void search_take_past(struct app *app, const struct event_past *past);
void search_take_next(struct app *app, const struct event_next *next);
bool search_holds(const struct flip *flips, size_t count, const struct flip *flip);
void search_free_state(struct search_state *search);

/* state_probes.c: gaps and answers. */
void probes_open(struct app *app, const struct event_opened *opened);
void probes_take_gaps(struct app *app, const double *gaps);
void probes_take_now(struct app *app, const double *gaps);
void probes_take_candidate(struct app *app, const double *gaps);
void probes_take_detail(struct app *app, struct event_probe *probe);
void probes_take_audit(struct app *app, const struct audit *audit);
void probes_take_answers(struct app *app, const struct event_answers *answers);
/* Answers measured with more than the first `common` flips are stale for ever. */
void probes_forget_after(struct app *app, size_t common);
void probes_free(struct app *app);

/* state_states.c: named states, comparisons. */
void states_take(struct app *app, struct event_states *states);
void states_take_diff(struct app *app, struct event_diff *diff);
/* Before the state takes the flips: what is left now can be gone back to. */
void states_leave(struct app *app, int64_t step, enum job_type job);
void states_free(struct app *app);

/* state_said.c: the outcome of what was asked for, in the message line. */
void said_tried(struct app *app, const struct event_tried *tried, enum job_type job);
/* Before the state takes them: the old flips tell what came and what went. */
void said_flips(struct app *app, const struct event_flips *flips, enum job_type job);
void said_answers(struct app *app, bool heldout);
void said_audit(struct app *app, const struct audit *audit);
void said_predictions(struct app *app);
void said_written(struct app *app, const char *path);
void said_finished(struct app *app, const char *message);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/guided.h - candidates in the order of what a backward pass promises: the
 * part of a search with method `guided` that greedy's draw is for `greedy`.
 *
 *   list    the best 512 units that were not tried yet, for the model as it is
 *   every   a new list after so many accepted ones (8 at first): twice as many next time
 *           if at least 3/4 of those tried were accepted (at most 32), half as many if
 *           less than 1/3 (at least 2); also after 4 times as many tries with one
 *           accepted, and where the list ends
 */
#ifndef ENGINE_SEARCH_GUIDED_H
#define ENGINE_SEARCH_GUIDED_H

#include "engine/search/search_int.h"

/* When lists are made, from what was accepted alone. */
struct guided_pace {
    uint64_t every;
    uint64_t tried, accepted; /* since the list was made */
    uint64_t tried_before;    /* that */
    bool listed;
};

struct guided_pace guided_pace_first(void);
/* Is a new list due before the next candidate?  units: of the whole search. */
bool guided_pace_due(const struct guided_pace *pace, uint64_t units);
void guided_pace_list(struct guided_pace *pace);
void guided_pace_tried(struct guided_pace *pace, bool accepted);

struct guided *guided_new(const struct model *model, const struct search_options *options,
                          struct err *err);
uint64_t guided_units(const struct guided *guided);
uint64_t guided_left(const struct guided *guided); /* not tried yet */
void guided_free(struct guided *guided);

/* The next candidate: TRIED, or FINISHED where all were tried.  One of the next three
 * follows: */
enum search_status guided_next(struct search *search, struct flip *flip, cancel_flag *cancel,
                               struct err *err);
void guided_tried(struct guided *guided, const struct search_try *tried); /* it was measured */
void guided_give_up(struct guided *guided);                               /* it could not be */
/* After guided_tried: as if it had not been. */
void guided_untry(struct guided *guided, const struct flip *flip);

/* The next of the list as it is. */
size_t guided_peek(const struct guided *guided, size_t count, struct flip *out);

/* Before the first step: as after past->tried candidates. */
bool guided_resume(struct guided *guided, const struct search_past *past, struct err *err);

#endif

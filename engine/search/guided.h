/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/guided.h - candidates in the order of what a backward pass promises: when
 * the gradient is asked anew, and how many flips are measured together.
 *
 *   list    the best 512 units that were not tried yet, for the model as it is
 *   every   a new list after so many accepted flips (8 at first): twice as many next time
 *           if at least 3/4 of those settled were accepted (at most 32), half as many if
 *           less than 1/3 (at least 2); also after 4 times as many candidates with one
 *           accepted, and where the list ends
 *   size    flips of the next batch (1 at first): twice as many after two batches that were
 *           accepted and gained at least half of what was promised of them, half as many
 *           after one that was rejected
 *
 * A batch that is rejected is tried in halves, down to single flips.  A unit is settled when
 * it is accepted, or rejected alone; what was not settled when the list ends may be on the
 * next.
 */
#ifndef ENGINE_SEARCH_GUIDED_H
#define ENGINE_SEARCH_GUIDED_H

#include "engine/search/search_int.h"

enum { GUIDED_LIST = 512, GUIDED_PARTS = 12 };

/* From what became of candidates alone. */
struct guided_pace {
    uint64_t every;
    uint64_t tried, settled, accepted; /* since the list was made: candidates, flips, flips */
    uint64_t settled_before;
    uint64_t size, most;
    size_t parts[GUIDED_PARTS]; /* [part_count] of a rejected batch, the next one last */
    size_t part_count;
    bool good; /* was the last whole batch as good as promised, and the size not raised for it? */
    bool listed;
};

/* What became of a candidate. */
struct guided_outcome {
    size_t count;    /* flips */
    bool accepted;
    double gain;     /* of the fitness */
    double promised;
};

/* together: flips of a batch, at most; up to GUIDED_LIST. */
struct guided_pace guided_pace_first(uint64_t together);
/* Is a new list due before the next candidate?  units: of the whole search. */
bool guided_pace_due(const struct guided_pace *pace, uint64_t units);
void guided_pace_list(struct guided_pace *pace);
/* Flips of the next candidate, at most (a part of a batch: just so many). */
size_t guided_pace_next(const struct guided_pace *pace);
/* False: that cannot have been the next candidate. */
bool guided_pace_tried(struct guided_pace *pace, const struct guided_outcome *outcome);

/* ---- the candidates: what method guided and those that begin with rows have in common ---- */

struct guided;

/* Units of this granularity; together: as above. */
struct guided *guided_new(const struct model *model, const struct search_options *options,
                          enum granularity granularity, uint64_t together, struct err *err);
void guided_free(struct guided *guided);
uint64_t guided_units(const struct guided *guided);
uint64_t guided_left(const struct guided *guided); /* not settled */

/* As the functions of a method (method.h) of the same name. */
enum search_status guided_next(struct search *search, struct guided *guided,
                               cancel_flag *cancel, struct err *err);
void guided_tried(const struct search *search, struct guided *guided,
                  const struct search_try *tried);
void guided_give_up(struct guided *guided);
void guided_untry(struct search *search, struct guided *guided);
double guided_promised(const struct guided *guided, const struct flip *flip);
size_t guided_peek(const struct guided *guided, size_t count, struct flip *out);
bool guided_resume(struct guided *guided, const struct search_past *past, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/guided.h - when method `guided` asks the gradient anew.
 *
 *   list    the best 512 units that were not tried yet, for the model as it is
 *   every   a new list after so many accepted ones (8 at first): twice as many next time
 *           if at least 3/4 of those tried were accepted (at most 32), half as many if
 *           less than 1/3 (at least 2); also after 4 times as many tries with one
 *           accepted, and where the list ends
 */
#ifndef ENGINE_SEARCH_GUIDED_H
#define ENGINE_SEARCH_GUIDED_H

#include <stdbool.h>
#include <stdint.h>

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

#endif

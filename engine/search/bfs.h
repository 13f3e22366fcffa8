/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/bfs.h - how far the ranking of method `bfs` is to be believed.
 */
#ifndef ENGINE_SEARCH_BFS_H
#define ENGINE_SEARCH_BFS_H

#include "engine/search/search.h"

enum { BFS_SAMPLE = 32 }; /* units measured for the check, the first candidates */

struct search_check {
    size_t count;    /* units of the sample that were measured */
    double spearman; /* of the predicted and the measured |change| of the fitness; NAN: fewer
                      * than 3, or all alike */
};

/* False without an error: it is another method.  After going on with a search it may have
 * to ask the gradient again. */
bool search_check(struct search *search, struct search_check *out, cancel_flag *cancel,
                  struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/tried_set.h - flips of one granularity that are not to be tried again.
 */
#ifndef ENGINE_SEARCH_TRIED_SET_H
#define ENGINE_SEARCH_TRIED_SET_H

#include "engine/engine.h"

struct tried_set { /* zero: empty */
    uint64_t *keys; /* [count] ascending */
    size_t count;
};

/* Rows, groups, and parts of groups, which are known by their first bit. */
bool tried_set_has(const struct tried_set *set, const struct flip *flip);
void tried_set_add(struct tried_set *set, const struct flip *flip);
/* It must be there. */
void tried_set_remove(struct tried_set *set, const struct flip *flip);
void tried_set_free(struct tried_set *set);

#endif

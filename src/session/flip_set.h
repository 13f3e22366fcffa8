/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/flip_set.h - flips as sets of weights, compared without the model.
 *
 * A settled set is sorted by layer, projection, row and group; each weight is in it once
 * or not, a row that is there as a whole is one flip, and on tied models the head is the
 * embedding: equal sets of weights are equal arrays.
 */
#ifndef SRC_SESSION_FLIP_SET_H
#define SRC_SESSION_FLIP_SET_H

#include <jansson.h>

#include "patches/patch.h"

struct flip_set { /* {0} is empty */
    struct flip *flips;
    size_t count;
};

/* Add flips; then settle: what is there twice is off.  shape: as of an origin. */
void flip_set_add(struct flip_set *set, const struct flip *flips, size_t count);
void flip_set_settle(struct flip_set *set, const json_t *shape);

/* Of settled sets, appended to an empty one: what they share, or what only a has. */
void flip_set_pair(const struct flip_set *a, const struct flip_set *b, const json_t *shape,
                   bool shared, struct flip_set *out);

void flip_set_free(struct flip_set *set);

#endif

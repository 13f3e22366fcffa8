/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/pool.h - all units of some matrices: rows, groups or bits, by number.
 */
#ifndef ENGINE_SEARCH_POOL_H
#define ENGINE_SEARCH_POOL_H

#include "engine/search/search.h"

struct pool_part {
    int32_t layer;
    enum proj proj;
    uint32_t per_row; /* units of a row */
    uint64_t end;     /* units up to this matrix and with it */
};

struct pool {
    struct pool_part *parts; /* [count] */
    size_t count;
    uint64_t units;
    enum granularity granularity;
};

/* Layers and projections of the options; head is embed on tied models. */
struct pool pool_make(const struct model *model, const struct search_options *options,
                      enum granularity granularity);
/* The only group of a row is the row. */
struct flip pool_flip(const struct pool *pool, uint64_t unit);
void pool_free(struct pool *pool);

#endif

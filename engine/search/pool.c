/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/pool.h"

#include <stdlib.h>

static uint32_t units_of_row(enum granularity granularity, uint32_t columns)
{
    return granularity == GRANULARITY_ROW     ? 1
           : granularity == GRANULARITY_GROUP ? columns / GROUP_WEIGHTS
                                              : columns;
}

static void add_matrix(struct pool *pool, const struct model *model, int32_t layer,
                       enum proj proj)
{
    uint32_t rows = 0, columns = 0;
    if (!model_matrix_size(model, layer, proj, &rows, &columns))
        return;
    uint32_t per_row = units_of_row(pool->granularity, columns);
    pool->units += (uint64_t)rows * per_row;
    pool->parts = x_grow(pool->parts, pool->count + 1, sizeof *pool->parts);
    pool->parts[pool->count++] = (struct pool_part){layer, proj, per_row, pool->units};
}

struct pool pool_make(const struct model *model, const struct search_options *options,
                      enum granularity granularity)
{
    struct pool pool = {.granularity = granularity};
    size_t room = model_shape(model)->layers;
    room = room > options->layer_count ? room : options->layer_count;
    int32_t *layers = x_new(room, sizeof *layers);
    size_t layer_count = search_layers(model, options, layers);
    bool tied = model_shape(model)->tied, head = options->projs >> PROJ_HEAD & 1;
    for (size_t i = 0; i < layer_count; i++)
        for (enum proj proj = 0; proj < PROJ_LAYER_COUNT; proj++)
            if (options->projs >> proj & 1)
                add_matrix(&pool, model, layers[i], proj);
    if (options->projs >> PROJ_EMBED & 1 || (head && tied))
        add_matrix(&pool, model, NO_LAYER, PROJ_EMBED);
    if (head && !tied)
        add_matrix(&pool, model, NO_LAYER, PROJ_HEAD);
    free(layers);
    return pool;
}

struct flip pool_flip(const struct pool *pool, uint64_t unit)
{
    size_t part = 0;
    BUG_ON(unit >= pool->units);
    while (unit >= pool->parts[part].end)
        part++;
    const struct pool_part *of = &pool->parts[part];
    unit -= part > 0 ? pool->parts[part - 1].end : 0;
    struct flip flip = {of->layer, of->proj, (uint32_t)(unit / of->per_row), FLIP_WHOLE_ROW,
                        {0, 0}};
    uint32_t place = (uint32_t)(unit % of->per_row);
    if (pool->granularity == GRANULARITY_GROUP && of->per_row > 1) {
        flip.group = (int32_t)place;
        flip.mask[0] = flip.mask[1] = UINT64_MAX;
    } else if (pool->granularity == GRANULARITY_BIT) {
        flip.group = (int32_t)(place / GROUP_WEIGHTS);
        flip.mask[place % GROUP_WEIGHTS / 64] = UINT64_C(1) << place % 64;
    }
    return flip;
}

void pool_free(struct pool *pool)
{
    free(pool->parts);
    *pool = (struct pool){0};
}

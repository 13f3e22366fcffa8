/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Some worlds through one layer, block by block.  Rows of different worlds share
 * blocks: weights are read once for all of them.
 */
#include <string.h>

#include "engine/act/batch_int.h"

static bool is_last(const struct batch *batch, uint32_t layer)
{
    return layer + 1 == batch->model->shape.layers;
}

size_t layer_rows(const struct batch *batch, uint32_t layer)
{
    return is_last(batch, layer) ? batch->packed.rows : batch->packed.tokens;
}

size_t row_slot(const struct batch *batch, uint32_t layer, size_t row)
{
    return is_last(batch, layer) ? batch->packed.wanted[row] : row;
}

bool block_fill(struct batch *batch, uint32_t layer, bool all_tokens, const uint32_t *worlds,
                size_t count, size_t first)
{
    const struct packed *packed = &batch->packed;
    struct work *work = &batch->work;
    size_t rows = all_tokens ? packed->tokens : layer_rows(batch, layer);
    size_t width = batch->model->shape.width, left = rows * count - first;
    work->n = left < BLOCK_TOKENS ? left : BLOCK_TOKENS;
    for (size_t t = 0; t < work->n; t++) {
        size_t row = (first + t) % rows;
        size_t slot = all_tokens ? row : row_slot(batch, layer, row);
        uint32_t world = worlds[(first + t) / rows];
        work->lanes[t] = (struct lane){
            .world = world,
            .position = packed->positions[slot],
            .slot = slot,
            .path = packed->paths[slot],
        };
        memcpy(work->x + t * width, batch->worlds[world].x + slot * width,
               width * sizeof *work->x);
    }
    return work->n > 0;
}

void block_drain(struct batch *batch, uint32_t layer)
{
    const struct work *work = &batch->work;
    size_t width = batch->model->shape.width;
    for (size_t t = 0; t < work->n; t++) {
        const struct lane *lane = &work->lanes[t];
        struct world *world = &batch->worlds[lane->world];
        float *to = is_last(batch, layer)
                        ? world->hidden + batch->packed.row_of[lane->slot] * width
                        : world->x + lane->slot * width;
        memcpy(to, work->x + t * width, width * sizeof *to);
    }
}

/* Where the block of rows first ... of world 0 leaves what is kept. */
static struct layer_trace make_trace(struct batch *batch, uint32_t layer, size_t first,
                                     struct activations *h)
{
    const struct model_shape *shape = &batch->model->shape;
    const struct kept_layer *kept = &batch->kept[layer];
    if (!kept->detail)
        return (struct layer_trace){.products = products_slice(batch, &kept->products, first)};
    *h = activations_slice(&kept->h, first, batch->work.n);
    return (struct layer_trace){
        .middle = kept->middle + first * shape->width,
        .mixed = kept->mixed + first * shape->heads * shape->head_dim,
        .h = h,
    };
}

bool advance(struct batch *batch, uint32_t layer, const uint32_t *worlds, size_t count,
             struct err *err)
{
    struct work *work = &batch->work;
    bool last = is_last(batch, layer), keeps = batch->kept[layer].detail && worlds[0] == 0;
    BUG_ON(keeps && count != 1);
    for (size_t i = 0; i < count; i++)
        batch->kv[worlds[i]] = (struct kv){batch->worlds[worlds[i]].k, batch->worlds[worlds[i]].v};
    if (keeps)
        batch->kv[0] = (struct kv){batch->kept[layer].k, batch->kept[layer].v};
    size_t all = batch->packed.tokens * count, rows = layer_rows(batch, layer) * count;
    for (size_t first = 0; last && first < all; first += work->n)
        if (!block_fill(batch, layer, true, worlds, count, first) ||
            !layer_keys_values(work, layer, err))
            return false;
    for (size_t first = 0; first < rows; first += work->n) {
        struct activations h;
        struct layer_trace trace = {0};
        (void)block_fill(batch, layer, false, worlds, count, first);
        if (worlds[0] == 0)
            trace = make_trace(batch, layer, first, &h);
        if (last ? !layer_rest(work, layer, &trace, err) : !layer_forward(work, layer, &trace, err))
            return false;
        block_drain(batch, layer);
    }
    return true;
}

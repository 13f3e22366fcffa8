/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The layer of a candidate's own flip, from what the model left behind in it.  What
 * has to be formed anew, by projection of the flip:
 *
 *   down      its own output
 *   gate, up  h of the row's group of 128, quantized anew, then down
 *   o         its own output, then the MLP
 *   q         the query heads that share the row's K and V, then o, then the MLP
 *   k, v      the same, and K and V of that head, for all tokens
 *
 * Everything else is copied.  Each part is computed by the same functions as in a
 * full pass, from the same bits, hence with the same result [B1].
 */
#include <string.h>

#include "engine/act/batch_int.h"

/* One block of a candidate in its own layer. */
struct own {
    struct batch *batch;
    const struct world *world;
    const struct flip *flip;
    const struct kept_layer *kept;
    uint32_t layer;
    size_t first; /* row of the block */
};

static float *rows_of(const struct own *own, float *base, size_t width)
{
    return base + own->first * width;
}

/* The block's residual stream becomes the one after attention. */
static void load_middle(struct own *own)
{
    struct work *work = &own->batch->work;
    size_t width = own->batch->model->shape.width;
    memcpy(work->x, rows_of(own, own->kept->middle, width), work->n * width * sizeof *work->x);
}

static void load_mixed(struct own *own)
{
    const struct model_shape *shape = &own->batch->model->shape;
    struct work *work = &own->batch->work;
    size_t q_dim = (size_t)shape->heads * shape->head_dim;
    memcpy(work->mixed, rows_of(own, own->kept->mixed, q_dim),
           work->n * q_dim * sizeof *work->mixed);
}

/* The flipped row's output for the block's lanes. */
static bool row_output(struct own *own, const struct activations *x, float *y, struct err *err)
{
    const struct flip *flip = own->flip;
    struct output output = {flip->layer, flip->proj, flip->row, 1, y, 1};
    return multiply(&own->batch->work, x, &output, 1, err);
}

/* The base's residual stream after this layer, if it is there. */
static const float *next_stream(const struct own *own, size_t t)
{
    const struct batch *batch = own->batch;
    size_t width = batch->model->shape.width, layers = batch->model->shape.layers;
    if (own->layer + 1 == layers)
        return batch->worlds[0].hidden + (own->first + t) * width;
    const float *x = batch->kept[own->layer + 1].x;
    return x ? x + (own->first + t) * width : NULL;
}

static bool own_down(struct own *own, struct err *err)
{
    struct work *work = &own->batch->work;
    size_t width = own->batch->model->shape.width;
    struct activations h = activations_slice(&own->kept->h, own->first, work->n);
    load_middle(own);
    if (!next_stream(own, 0))
        return layer_down(work, own->layer, &h, err);
    float y[BLOCK_TOKENS] = {0};
    if (!row_output(own, &h, y, err))
        return false;
    for (size_t t = 0; t < work->n; t++) {
        float *x = work->x + t * width;
        float changed = x[own->flip->row] + y[t];
        memcpy(x, next_stream(own, t), width * sizeof *x);
        x[own->flip->row] = changed;
    }
    return true;
}

/* h of the flipped row's group into work->h [lane][128]. */
static bool group_of_h(struct own *own, uint32_t group, struct err *err)
{
    struct work *work = &own->batch->work;
    uint32_t first = group * GROUP_WEIGHTS;
    int32_t layer = (int32_t)own->layer;
    struct output outputs[2] = {
        {layer, PROJ_GATE, first, GROUP_WEIGHTS, work->gate, GROUP_WEIGHTS},
        {layer, PROJ_UP, first, GROUP_WEIGHTS, work->up, GROUP_WEIGHTS},
    };
    if (!layer_norm_quantize(work, own->layer, true, err) ||
        !multiply(work, &work->quantized, outputs, 2, err))
        return false;
    for (size_t t = 0; t < work->n; t++)
        work->kernel->swiglu(work->gate + t * GROUP_WEIGHTS, work->up + t * GROUP_WEIGHTS,
                             GROUP_WEIGHTS, work->h + t * GROUP_WEIGHTS);
    return true;
}

/* kept with one group of every lane replaced by work->h, into work->quantized. */
static bool replace_group(struct own *own, uint32_t group, struct err *err)
{
    struct work *work = &own->batch->work;
    _Alignas(64) int16_t q[BLOCK_TOKENS * KERNEL_GROUP] = {0};
    float a[BLOCK_TOKENS] = {0};
    int32_t total[BLOCK_TOKENS] = {0};
    struct activations fresh = {.q = q, .a = a, .total = total};
    struct activations old = activations_slice(&own->kept->h, own->first, work->n);
    struct activations *x = quantized_view(work, old.groups * KERNEL_GROUP);
    struct place place = {(int32_t)own->layer, "down"};
    if (!quantize_lanes(work, work->h, KERNEL_GROUP, &fresh, &place, err))
        return false;
    size_t padded = (work->n + TOKEN_BLOCK - 1) / TOKEN_BLOCK * TOKEN_BLOCK;
    memcpy(x->q, old.q, padded * old.groups * KERNEL_GROUP * sizeof *x->q);
    memcpy(x->a, old.a, padded * old.groups * sizeof *x->a);
    memcpy(x->total, old.total, padded * old.groups * sizeof *x->total);
    for (size_t t = 0; t < work->n; t++) {
        memcpy(x->q + (t * x->groups + group) * KERNEL_GROUP, q + t * KERNEL_GROUP,
               KERNEL_GROUP * sizeof *q);
        x->a[activations_place(x, t, group)] = a[t];
        x->total[activations_place(x, t, group)] = total[t];
    }
    return true;
}

static bool own_gate_up(struct own *own, struct err *err)
{
    struct work *work = &own->batch->work;
    uint32_t group = own->flip->row / GROUP_WEIGHTS;
    load_middle(own);
    return group_of_h(own, group, err) && replace_group(own, group, err) &&
           layer_down(work, own->layer, &work->quantized, err);
}

static bool own_output(struct own *own, struct err *err)
{
    const struct model_shape *shape = &own->batch->model->shape;
    struct work *work = &own->batch->work;
    size_t q_dim = (size_t)shape->heads * shape->head_dim, width = shape->width;
    struct place place = {(int32_t)own->layer, "o"};
    float before[BLOCK_TOKENS] = {0}, y[BLOCK_TOKENS] = {0};
    for (size_t t = 0; t < work->n; t++)
        before[t] = work->x[t * width + own->flip->row];
    load_mixed(own);
    struct activations *x = quantized_view(work, q_dim);
    if (!quantize_lanes(work, work->mixed, q_dim, x, &place, err) ||
        !row_output(own, x, y, err))
        return false;
    load_middle(own);
    for (size_t t = 0; t < work->n; t++)
        work->x[t * width + own->flip->row] = before[t] + y[t];
    return layer_mlp(work, own->layer, NULL, err);
}

/* The KV head whose queries the flip touches. */
static uint32_t own_kv_head(const struct own *own)
{
    const struct model_shape *shape = &own->batch->model->shape;
    uint32_t head = own->flip->row / shape->head_dim;
    return own->flip->proj == PROJ_Q ? head / (shape->heads / shape->kv_heads) : head;
}

static bool own_queries(struct own *own, struct err *err)
{
    const struct model_shape *shape = &own->batch->model->shape;
    struct work *work = &own->batch->work;
    uint32_t shared = shape->heads / shape->kv_heads, kv_head = own_kv_head(own);
    if (!layer_norm_quantize(work, own->layer, false, err) ||
        !layer_queries(work, own->layer, kv_head * shared, shared, err))
        return false;
    load_mixed(own);
    return layer_attend(work, kv_head, 1, err) && layer_output(work, own->layer, NULL, err) &&
           layer_mlp(work, own->layer, NULL, err);
}

static bool own_block(struct own *own, struct err *err)
{
    switch (own->flip->proj) {
    case PROJ_DOWN: return own_down(own, err);
    case PROJ_GATE:
    case PROJ_UP: return own_gate_up(own, err);
    case PROJ_O: return own_output(own, err);
    case PROJ_Q:
    case PROJ_K:
    case PROJ_V: return own_queries(own, err);
    case PROJ_EMBED:
    case PROJ_HEAD:
    case PROJ_COUNT: break;
    }
    BUG_ON(true);
    return false;
}

/* K and V that the flip changes, of all tokens. */
static bool own_keys_values(struct own *own, uint32_t world, struct err *err)
{
    struct batch *batch = own->batch;
    batch->kv[world] = (struct kv){own->world->k, own->world->v};
    for (size_t first = 0; first < batch->packed.tokens; first += batch->work.n) {
        (void)block_fill(batch, own->layer, true, &world, 1, first);
        if (!layer_norm_quantize(&batch->work, own->layer, false, err) ||
            !layer_keys(&batch->work, own->layer, own_kv_head(own), 1, err))
            return false;
    }
    return true;
}

bool resume(struct batch *batch, uint32_t world, struct err *err)
{
    struct world *candidate = &batch->worlds[world];
    uint32_t layer = (uint32_t)candidate->own;
    struct own own = {
        .batch = batch,
        .world = candidate,
        .flip = &candidate->virtual.flip,
        .kept = &batch->kept[layer],
        .layer = layer,
    };
    batch->kv[world] = (struct kv){own.kept->k, own.kept->v};
    if ((own.flip->proj == PROJ_K || own.flip->proj == PROJ_V) &&
        !own_keys_values(&own, world, err))
        return false;
    size_t rows = layer_rows(batch, layer);
    for (own.first = 0; own.first < rows; own.first += batch->work.n) {
        (void)block_fill(batch, layer, false, &world, 1, own.first);
        if (!own_block(&own, err))
            return false;
        block_drain(batch, layer);
    }
    return true;
}

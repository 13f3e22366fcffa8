/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The batch as others see it: what has to be computed, and in which order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/act/batch_int.h"
#include "src/base/memory.h"
#include "src/base/num.h"

enum { WORTH_THREADS = 1 << 18 }; /* bytes */

/* ---- memory ------------------------------------------------------------------- */

uint64_t batch_keep_default(void)
{
    return memory_available() / 2;
}

static void carve_world(const struct batch *batch, struct world *world, struct carver *carver)
{
    const struct model_shape *shape = &batch->model->shape;
    size_t f = sizeof(float), tokens = batch->packed.tokens;
    world->x = carve(carver, f, tokens, shape->width, 1);
    world->k = carve(carver, f, tokens, shape->kv_heads, shape->head_dim);
    world->v = carve(carver, f, tokens, shape->kv_heads, shape->head_dim);
    world->hidden = carve(carver, f, batch->packed.rows, shape->width, 1);
    world->virtual_blocks = carve(carver, GROUP_BYTES, model_groups_max(batch->model), 1, 1);
}

/* Memory for the next world; more_bytes, what: see carve_allocate. */
static bool add_world(struct batch *batch, size_t more_bytes, const char *what, struct err *err)
{
    struct world *world = &batch->worlds[batch->world_count];
    struct carver carver = {0};
    carve_world(batch, world, &carver);
    batch->world_bytes = carver.used;
    world->memory = carve_allocate(&carver, more_bytes, what, err);
    if (!world->memory)
        return false;
    carve_world(batch, world, &carver);
    batch->world_count++;
    return true;
}

/* Memory for worlds 0 to count - 1. */
static bool need_worlds(struct batch *batch, size_t count, struct err *err)
{
    while (batch->world_count < count)
        if (!add_world(batch, 0, "a candidate", err))
            return false;
    return true;
}

/* What is left of the budget beside the memory that is not optional: memory is there
 * once it is written to, so what was allocated has to be counted, too. */
static uint64_t keep_budget(const struct batch *batch, uint64_t budget)
{
    size_t worlds = 0, needed = 0;
    uint64_t available = memory_available();
    if (!num_mul(batch->world_bytes, 1 + batch_worlds(batch), &worlds) ||
        !num_add(worlds, batch->work.memory_bytes, &needed) || needed > available)
        return 0;
    return budget < available - needed ? budget : available - needed;
}

/* The model's world and the block of lanes, or a refusal of both, then what is kept. */
static bool allocate(struct batch *batch, const struct batch_options *options, struct err *err)
{
    char what[64];
    size_t positions = batch->packed.longest, work_bytes = 0;
    (void)snprintf(what, sizeof what, "an evaluation of %zu tokens", batch->packed.tokens);
    return work_measure(batch->model, positions, options->threads, &work_bytes, err) &&
           add_world(batch, work_bytes, what, err) &&
           work_open(&batch->work, batch->model, positions, options->threads, err) &&
           keep_allocate(batch, keep_budget(batch, options->keep_bytes), options->keep_inputs, err);
}

static bool ids_fit(const struct batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->packed.tokens; i++) {
        int32_t id = batch->packed.ids[i];
        if (id < 0 || (uint32_t)id >= batch->model->shape.vocab)
            return err_set(err, ERR_RANGE, "token id %d is outside 0 .. %u", (int)id,
                           (unsigned)(batch->model->shape.vocab - 1));
    }
    if (batch->packed.longest > POSITIONS_MAX)
        return err_set(err, ERR_RANGE, "a sequence of %zu tokens, expected at most %d",
                       batch->packed.longest, POSITIONS_MAX);
    return true;
}

struct batch *batch_new(struct model *model, const struct sequence *sequences, size_t count,
                        const struct batch_options *options, struct err *err)
{
    struct batch *batch = x_new(1, sizeof *batch);
    batch->model = model;
    batch->names = x_new((size_t)model->shape.layers + 1, sizeof *batch->names);
    pack_sequences(sequences, count, &batch->packed);
    bool ok = ids_fit(batch, err) && allocate(batch, options, err);
    if (ok) {
        batch->work.kv_slots = batch->packed.tokens;
        batch->work.worlds = batch->kv;
        rope_reach(&batch->work, batch->packed.longest - 1);
        return batch;
    }
    batch_free(batch);
    return NULL;
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; i < batch->world_count; i++)
        free(batch->worlds[i].memory);
    free(batch->kept);
    free(batch->kept_memory);
    free(batch->products_memory);
    free(batch->names);
    work_close(&batch->work);
    pack_free(&batch->packed);
    free(batch);
}

/* ---- questions ------------------------------------------------------------------ */

size_t batch_tokens(const struct batch *batch)
{
    return batch->packed.tokens;
}

size_t batch_rows(const struct batch *batch)
{
    return batch->packed.rows;
}

size_t batch_row(const struct batch *batch, size_t sequence, size_t position)
{
    const struct packed *packed = &batch->packed;
    BUG_ON(sequence >= packed->sequences);
    BUG_ON(position >= packed->starts[sequence + 1] - packed->starts[sequence]);
    size_t row = packed->row_of[packed->path_memory[packed->starts[sequence] + position]];
    BUG_ON(row == SIZE_MAX);
    return row;
}

uint64_t batch_bytes(const struct batch *batch)
{
    return (uint64_t)batch->work.memory_bytes + batch->world_count * batch->world_bytes +
           batch->kept_bytes;
}

uint64_t batch_kept_bytes(const struct batch *batch)
{
    return batch->kept_bytes;
}

/* Large batches gain nothing from being joined; small ones fill a block. */
size_t batch_worlds(const struct batch *batch)
{
    size_t worlds = BLOCK_TOKENS / batch->packed.tokens;
    return worlds == 0 ? 1 : worlds < WORLDS_MAX ? worlds : WORLDS_MAX;
}

/* The first layer whose output is not that of the model as it is [B2]. */
static uint32_t first_stale(const struct batch *batch)
{
    if (batch->computed == 0 ||
        !state_name_equal(batch->names[PART_EMBED], batch->model->part_states[PART_EMBED]))
        return 0;
    uint32_t layer = 0;
    while (layer < batch->computed &&
           state_name_equal(batch->names[PART_LAYER + layer],
                            batch->model->part_states[PART_LAYER + layer]))
        layer++;
    return layer;
}

/* The last layer up to this one whose input is kept or can be made: 0 always can. */
static uint32_t nearest_input(const struct batch *batch, uint32_t layer)
{
    while (layer > 0 && !batch->kept[layer].x)
        layer--;
    return layer;
}

size_t batch_stale_layers(const struct batch *batch)
{
    uint32_t layers = batch->model->shape.layers, stale = first_stale(batch);
    return stale == layers ? 0 : layers - nearest_input(batch, stale);
}

/* ---- the model as it is ------------------------------------------------------------ */

static void embed_all(struct batch *batch, struct world *world)
{
    size_t width = batch->model->shape.width;
    for (size_t t = 0; t < batch->packed.tokens; t++)
        embed_token(&batch->work, batch->packed.ids[t], world->x + t * width);
}

static size_t stream_bytes(const struct batch *batch)
{
    return batch->packed.tokens * batch->model->shape.width * sizeof(float);
}

/* By all threads: memory that is new costs more to write to than to copy. */
static void keep_stream(struct batch *batch, uint32_t layer)
{
    size_t width = batch->model->shape.width;
    float *to = batch->kept[layer].x;
#pragma omp parallel for num_threads(batch->work.threads) if (stream_bytes(batch) > WORTH_THREADS)
    for (size_t t = 0; t < batch->packed.tokens; t++)
        memcpy(to + t * width, batch->worlds[0].x + t * width, width * sizeof *to);
}

/* The world's residual stream at the input of a layer, without any candidate. */
static void load_stream(struct batch *batch, struct world *world, uint32_t layer)
{
    if (batch->kept[layer].x)
        memcpy(world->x, batch->kept[layer].x, stream_bytes(batch));
    else
        embed_all(batch, world);
}

/* The layers below that one, and what is kept of its input. */
static bool run_until(struct batch *batch, uint32_t until, cancel_flag *cancel, struct err *err)
{
    const struct model *model = batch->model;
    uint32_t stale = first_stale(batch);
    if (!model_unchanged(model, err))
        return false;
    if (stale >= until)
        return true;
    uint32_t layer = nearest_input(batch, stale), base = 0;
    bool kept = layer > 0 || (stale > 0 && batch->kept[0].x);
    batch->work.cancel = cancel;
    batch->computed = layer; /* [B3] */
    if (kept)
        load_stream(batch, &batch->worlds[0], layer);
    else
        embed_all(batch, &batch->worlds[0]);
    batch->names[PART_EMBED] = model->part_states[PART_EMBED];
    for (; layer < until; layer++) {
        if (batch->kept[layer].x)
            keep_stream(batch, layer);
        if (!advance(batch, layer, &base, 1, err))
            return false;
        batch->names[PART_LAYER + layer] = model->part_states[PART_LAYER + layer];
        batch->computed = layer + 1;
    }
    if (until < model->shape.layers && batch->kept[until].x)
        keep_stream(batch, until);
    return true;
}

bool batch_run(struct batch *batch, cancel_flag *cancel, struct err *err)
{
    return run_until(batch, batch->model->shape.layers, cancel, err);
}

/* ---- candidates ----------------------------------------------------------------------- */

static void prepare_world(struct batch *batch, struct world *world, const struct flip *flip)
{
    BUG_ON(!model_flip_fits(batch->model, flip, NULL));
    int32_t layers = (int32_t)batch->model->shape.layers;
    world->virtual = (struct virtual_flip){.flip = *flip};
    if (flip->group != FLIP_WHOLE_ROW) {
        virtual_row(batch->model, flip, world->virtual_blocks);
        world->virtual.blocks = world->virtual_blocks;
    }
    world->own = flip->layer;
    if (flip->layer == NO_LAYER && model_part(batch->model, NO_LAYER, flip->proj) != PART_EMBED)
        world->own = layers;
    world->start = world->own;
    if (world->own >= 0 && world->own < layers)
        world->start = (int32_t)nearest_input(batch, (uint32_t)world->own);
    if (world->own < 0)
        world->start = 0;
}

/* Layers of the model as it is that have to be computed for a candidate.  Those above a flip
 * that was accepted wait for a candidate that is above it, too. */
static uint32_t layers_needed(const struct batch *batch, const struct world *world)
{
    uint32_t layers = batch->model->shape.layers;
    if (world->own < 0)
        return 0;
    if ((uint32_t)world->own == layers)
        return layers;
    return 1 + (uint32_t)(batch->kept[world->own].detail ? world->own : world->start);
}

/* Worlds that come in at this layer. */
static void join(struct batch *batch, uint32_t layer)
{
    for (size_t i = 1; i <= batch->tried; i++) {
        struct world *world = &batch->worlds[i];
        if (world->start != (int32_t)layer)
            continue;
        if (world->own < 0) {
            batch->work.virtual = &world->virtual;
            embed_all(batch, world);
            batch->work.virtual = NULL;
        } else {
            load_stream(batch, world, layer);
        }
    }
}

/* A candidate's own layer. */
static bool own_layer(struct batch *batch, uint32_t world, struct err *err)
{
    uint32_t layer = (uint32_t)batch->worlds[world].own;
    batch->work.virtual = &batch->worlds[world].virtual;
    bool ok = batch->kept[layer].detail ? resume(batch, world, err)
                                        : advance(batch, layer, &world, 1, err);
    batch->work.virtual = NULL;
    return ok;
}

static bool wave(struct batch *batch, uint32_t layer, struct err *err)
{
    uint32_t others[WORLDS_MAX];
    size_t count = 0;
    join(batch, layer);
    for (uint32_t i = 1; i <= batch->tried; i++) {
        const struct world *world = &batch->worlds[i];
        if (world->own == (int32_t)layer) {
            if (!own_layer(batch, i, err))
                return false;
        } else if (world->start <= (int32_t)layer) {
            others[count++] = i;
        }
    }
    return count == 0 || advance(batch, layer, others, count, err);
}

bool batch_try(struct batch *batch, const struct flip *flips, size_t count, cancel_flag *cancel,
               struct err *err)
{
    BUG_ON(count > WORLDS_MAX);
    uint32_t until = 0;
    batch->tried = 0;
    if (!need_worlds(batch, 1 + count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        prepare_world(batch, &batch->worlds[1 + i], &flips[i]);
        uint32_t needed = layers_needed(batch, &batch->worlds[1 + i]);
        until = needed > until ? needed : until;
    }
    if (!run_until(batch, until, cancel, err))
        return false;
    batch->work.cancel = cancel;
    batch->tried = count;
    for (uint32_t layer = 0; layer < batch->model->shape.layers; layer++)
        if (!wave(batch, layer, err)) {
            batch->tried = 0;
            return false;
        }
    return true;
}

/* ---- logits ------------------------------------------------------------------------------ */

/* Rows of a world into the block, ready for the head. */
static void load_rows(struct batch *batch, int world, size_t first, size_t n)
{
    BUG_ON(world >= (int)batch->tried || world < BATCH_MODEL);
    BUG_ON(first + n > batch->packed.rows);
    const struct world *of = &batch->worlds[1 + world];
    size_t width = batch->model->shape.width;
    bool head = world != BATCH_MODEL && of->own == (int32_t)batch->model->shape.layers;
    BUG_ON((head || world == BATCH_MODEL) && batch->computed < batch->model->shape.layers);
    const float *hidden = head ? batch->worlds[0].hidden : of->hidden;
    batch->work.n = n;
    for (size_t t = 0; t < n; t++)
        batch->work.lanes[t].position = batch->packed.positions[batch->packed.wanted[first + t]];
    memcpy(batch->work.x, hidden + first * width, n * width * sizeof *hidden);
    batch->work.virtual = world == BATCH_MODEL ? NULL : &of->virtual;
}

bool batch_logits(struct batch *batch, int world, size_t first, size_t count, float *out,
                  cancel_flag *cancel, struct err *err)
{
    size_t vocab = batch->model->shape.vocab;
    bool ok = true;
    batch->work.cancel = cancel;
    for (size_t i = 0; ok && i < count; i += batch->work.n) {
        load_rows(batch, world, first + i,
                  count - i < BLOCK_TOKENS ? count - i : (size_t)BLOCK_TOKENS);
        ok = head_logits(&batch->work, out + i * vocab, err);
    }
    batch->work.virtual = NULL;
    return ok;
}

bool batch_logits_of(struct batch *batch, int world, size_t row, const int32_t *ids, size_t count,
                     float *out, struct err *err)
{
    batch->work.cancel = NULL; /* that of an earlier call may be gone */
    load_rows(batch, world, row, 1);
    bool ok = head_logits_of(&batch->work, ids, count, out, err);
    batch->work.virtual = NULL;
    return ok;
}

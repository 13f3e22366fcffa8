/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is kept between evaluations, or for the way back, within a budget.  First the input of every
 * layer (or of every second, third, ...): it saves the layers below a flip.  Then
 * the inside of layers, from the last one down: it saves up to three quarters of the
 * flip's own layer, which counts most where little is left above it.
 */
#include <stdlib.h>

#include "engine/act/batch_int.h"

static size_t padded_rows(size_t rows)
{
    return (rows + TOKEN_PAD - 1) / TOKEN_PAD * TOKEN_PAD;
}

static void carve_input(const struct batch *batch, struct kept_layer *kept, struct carver *carver)
{
    kept->x = carve(carver, sizeof(float), batch->packed.tokens, batch->model->shape.width, 1);
}

static void carve_detail(const struct batch *batch, uint32_t layer, struct kept_layer *kept,
                         struct carver *carver)
{
    const struct model_shape *shape = &batch->model->shape;
    size_t f = sizeof(float), rows = layer_rows(batch, layer), padded = padded_rows(rows);
    size_t kv_dim = (size_t)shape->kv_heads * shape->head_dim;
    kept->detail = true;
    kept->k = carve(carver, f, batch->packed.tokens, kv_dim, 1);
    kept->v = carve(carver, f, batch->packed.tokens, kv_dim, 1);
    kept->mixed = carve(carver, f, rows, shape->heads, shape->head_dim);
    kept->middle = carve(carver, f, rows, shape->width, 1);
    kept->h.groups = shape->ffn / GROUP_WEIGHTS;
    kept->h.q = carve(carver, sizeof(int16_t), padded, shape->ffn, 1);
    kept->h.a = carve(carver, f, padded, kept->h.groups, 1);
    kept->h.total = carve(carver, sizeof(int32_t), padded, kept->h.groups, 1);
}

struct plan {
    uint32_t stride; /* inputs of layers 0, stride, 2 stride, ...; 0: of none */
    uint32_t details; /* of so many layers, the last ones */
};

static struct plan make_plan(struct batch *batch, uint64_t budget)
{
    uint32_t layers = batch->model->shape.layers;
    struct carver carver = {0};
    struct kept_layer scratch = {0};
    struct plan plan = {0};
    carve_input(batch, &scratch, &carver);
    uint64_t input = carver.used > 0 ? carver.used : 1, fit = budget / input;
    if (fit == 0)
        return plan;
    plan.stride = fit >= layers ? 1 : (uint32_t)((layers + fit - 1) / fit);
    uint64_t used = input * ((layers + plan.stride - 1) / plan.stride);
    while (plan.stride == 1 && plan.details < layers) {
        carver = (struct carver){0};
        carve_detail(batch, layers - 1 - plan.details, &scratch, &carver);
        if (carver.overflow || carver.used > budget - used)
            break;
        used += carver.used;
        plan.details++;
    }
    return plan;
}

static void carve_plan(struct batch *batch, struct plan plan, struct carver *carver)
{
    uint32_t layers = batch->model->shape.layers;
    for (uint32_t i = 0; i < layers; i++) {
        if (plan.stride > 0 && i % plan.stride == 0)
            carve_input(batch, &batch->kept[i], carver);
        if (i >= layers - plan.details)
            carve_detail(batch, i, &batch->kept[i], carver);
    }
}

bool keep_allocate(struct batch *batch, uint64_t budget, bool inputs, struct err *err)
{
    batch->kept = x_new(batch->model->shape.layers, sizeof *batch->kept);
    struct plan plan = inputs ? (struct plan){.stride = 1} : make_plan(batch, budget);
    if (plan.stride == 0)
        return true;
    struct carver carver = {0};
    carve_plan(batch, plan, &carver);
    batch->kept_bytes = carver.used;
    batch->kept_memory = carve_allocate(&carver, 0, "what is kept of an evaluation", err);
    if (!batch->kept_memory)
        return false;
    carve_plan(batch, plan, &carver);
    return true;
}

/* ---- for the way back ------------------------------------------------------------- */

static struct products carve_products(const struct batch *batch, struct carver *carver)
{
    const struct model_shape *shape = &batch->model->shape;
    size_t f = sizeof(float), n = batch->packed.tokens;
    return (struct products){
        .q = carve(carver, f, n, shape->heads, shape->head_dim),
        .k = carve(carver, f, n, shape->kv_heads, shape->head_dim),
        .v = carve(carver, f, n, shape->kv_heads, shape->head_dim),
        .o = carve(carver, f, n, shape->width, 1),
        .gate = carve(carver, f, n, shape->ffn, 1),
        .up = carve(carver, f, n, shape->ffn, 1),
    };
}

/* All matrices but down have about as many columns, so that a byte saves as much wherever it
 * is. */
void keep_products(struct batch *batch, uint64_t budget)
{
    uint32_t layers = batch->model->shape.layers, count = 0;
    struct carver one = {0}, all = {0};
    struct err ignored;
    (void)carve_products(batch, &one);
    while (!one.overflow && count + 1 < layers && one.used <= budget - all.used) {
        (void)carve_products(batch, &all);
        count++;
    }
    uint64_t bytes = all.used;
    if (count > 0)
        batch->products_memory = carve_allocate(&all, 0, "a gradient", &ignored);
    if (!batch->products_memory)
        return;
    for (uint32_t i = 0; i < count; i++)
        batch->kept[layers - 2 - i].products = carve_products(batch, &all);
    batch->kept_bytes += bytes;
}

struct products products_slice(const struct batch *batch, const struct products *of,
                               size_t first)
{
    const struct model_shape *shape = &batch->model->shape;
    size_t q_dim = (size_t)shape->heads * shape->head_dim;
    size_t kv_dim = (size_t)shape->kv_heads * shape->head_dim;
    if (!of->q)
        return *of;
    return (struct products){
        .q = of->q + first * q_dim,
        .k = of->k + first * kv_dim,
        .v = of->v + first * kv_dim,
        .o = of->o + first * shape->width,
        .gate = of->gate + first * shape->ffn,
        .up = of->up + first * shape->ffn,
    };
}

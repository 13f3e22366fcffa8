/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Shapes, and how large weights have to be for sane activations at any depth.
 *
 * With n inputs of mean square 1, a row of weights +-d gives an output of mean
 * square n d^2.  Inputs are normalized, so every size follows from what an
 * output shall be:
 *
 *   embedding, head    logits of standard deviation 2.5; the residual stream
 *                      begins at that weight
 *   q, k, gate         outputs of mean square 1 (q and k are normalized again)
 *   v and o            together add a share of the mean square of the residual
 *   up and down        stream to it, so that it grows by `growth` over all
 *                      layers; both are of one size, far from the ends of fp16
 *
 * The growth hides the token that was read last: where head and embedding are
 * one matrix, its own logit is sqrt(width) / growth standard deviations above
 * the others, and a model that only repeats it would be of no use.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/kernel/math.h"
#include "src/base/num.h"
#include "src/synth/synth.h"

static const double logit_deviation = 2.5;
static const double own_token_deviations = 1.0;
/* Rows of the head that are much larger than others would win whatever is read. */
static const double layer_spread = 0.3, end_spread = 0.1;
/* Root of the mean square of silu(x) * y for independent normal x and y. */
static const double swiglu_root = 0.596;

/* The published models; custom is what options start from. */
static const struct synth_shape shapes[] = {
    {"1.7B", 28, 2048, 6144, 16, 8, 128, 151669, 32768, 0, 1.0f, true},
    {"4B", 36, 2560, 9728, 32, 8, 128, 151669, 32768, 0, 1.0f, true},
    {"8B", 36, 4096, 12288, 32, 8, 128, 151669, 65536, 16384, 4.0f, false},
    {"custom", 2, 256, 768, 4, 2, 64, 512, 32768, 0, 1.0f, false},
};

bool synth_shape_find(const char *name, struct synth_shape *shape, struct err *err)
{
    for (size_t i = 0; i < countof(shapes); i++)
        if (strcasecmp(name, shapes[i].name) == 0) {
            *shape = shapes[i];
            return true;
        }
    return err_set(err, ERR_USAGE, "SHAPE is '%s', expected 1.7B, 4B, 8B or custom", name);
}

bool synth_shape_check(const struct synth_shape *shape, struct err *err)
{
    uint32_t q_dim = shape->heads * shape->head_dim; /* <= 2^20 */
    if (shape->width % GROUP_WEIGHTS != 0)
        return err_set(err, ERR_USAGE, "--width is %u, expected a multiple of %d (the group of "
                       "Q1_0)", (unsigned)shape->width, GROUP_WEIGHTS);
    if (shape->ffn % GROUP_WEIGHTS != 0)
        return err_set(err, ERR_USAGE, "--ffn is %u, expected a multiple of %d (the group of Q1_0)",
                       (unsigned)shape->ffn, GROUP_WEIGHTS);
    if (shape->head_dim % 2 != 0)
        return err_set(err, ERR_USAGE, "--head-dim is %u, expected an even number",
                       (unsigned)shape->head_dim);
    if (q_dim % GROUP_WEIGHTS != 0)
        return err_set(err, ERR_USAGE, "--heads %u x --head-dim %u is %u, expected a multiple of "
                       "%d (the group of Q1_0)", (unsigned)shape->heads,
                       (unsigned)shape->head_dim, (unsigned)q_dim, GROUP_WEIGHTS);
    if (shape->heads % shape->kv_heads != 0)
        return err_set(err, ERR_USAGE, "--heads is %u and --kv-heads %u, expected a multiple of "
                       "the KV heads", (unsigned)shape->heads, (unsigned)shape->kv_heads);
    return true;
}

/* ---- tensors -------------------------------------------------------------------- */

struct list {
    struct synth_tensor *tensors;
    size_t count;
};

/* layer < 0: not of a layer */
static void add(struct list *list, int64_t layer, const char *name, uint32_t columns,
                uint32_t rows, double weight)
{
    struct synth_tensor *tensor = &list->tensors[list->count++];
    *tensor = (struct synth_tensor){
        .type = rows ? GGML_Q1_0 : GGML_F32,
        .columns = columns,
        .rows = rows,
        .weight = weight,
        .spread = layer < 0 ? end_spread : layer_spread,
    };
    if (layer < 0)
        (void)snprintf(tensor->name, sizeof tensor->name, "%s.weight", name);
    else
        (void)snprintf(tensor->name, sizeof tensor->name, "blk.%lld.%s.weight", (long long)layer,
                       name);
}

/* Size of two matrices through which inputs of mean square 1 become outputs of
 * mean square `square`; loss: what is between them multiplies roots by this. */
static double size_of_two(double square, double columns, double columns_of_second, double loss)
{
    return sqrt(sqrt(square / columns / columns_of_second) / loss);
}

/* share: what attention and MLP each add to the mean square of the stream, which
 * *square is before this layer. */
static void add_layer(struct list *list, const struct synth_shape *shape, uint32_t layer,
                      double share, double *square)
{
    uint32_t width = shape->width, ffn = shape->ffn;
    uint32_t q_dim = shape->heads * shape->head_dim, kv_dim = shape->kv_heads * shape->head_dim;
    double unit = 1.0 / sqrt((double)width);
    double attention = size_of_two(share * *square, width, q_dim, 1.0);
    *square += share * *square;
    double mlp = size_of_two(share * *square, width, ffn, swiglu_root);
    *square += share * *square;
    add(list, layer, "attn_norm", width, 0, 1);
    add(list, layer, "attn_q", width, q_dim, unit);
    add(list, layer, "attn_k", width, kv_dim, unit);
    add(list, layer, "attn_v", width, kv_dim, attention);
    add(list, layer, "attn_output", q_dim, width, attention);
    add(list, layer, "attn_q_norm", shape->head_dim, 0, 1);
    add(list, layer, "attn_k_norm", shape->head_dim, 0, 1);
    add(list, layer, "ffn_norm", width, 0, 1);
    add(list, layer, "ffn_gate", width, ffn, unit);
    add(list, layer, "ffn_up", width, ffn, mlp);
    add(list, layer, "ffn_down", ffn, width, mlp);
}

struct synth_tensor *synth_tensors(const struct synth_shape *shape, size_t *count)
{
    enum { OF_LAYER = 11, OTHERS = 3 };
    struct list list = {
        .tensors = x_new((size_t)shape->layers * OF_LAYER + OTHERS, sizeof *list.tensors),
    };
    double end_weight = logit_deviation / sqrt((double)shape->width);
    double growth = sqrt((double)shape->width) / own_token_deviations;
    double share = math_pow(growth, 1.0 / (double)shape->layers) - 1.0; /* 2 x layers times */
    double square = end_weight * end_weight;
    add(&list, -1, "token_embd", shape->width, shape->vocab, end_weight);
    for (uint32_t i = 0; i < shape->layers; i++)
        add_layer(&list, shape, i, share, &square);
    add(&list, -1, "output_norm", shape->width, 0, 1);
    if (!shape->tied)
        add(&list, -1, "output", shape->width, shape->vocab, end_weight);
    *count = list.count;
    return list.tensors;
}

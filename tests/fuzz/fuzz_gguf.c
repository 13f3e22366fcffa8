/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as a model: refused with an error, or a model that keeps what the
 * engine promises.  A small one computes two tokens, is flipped, and flipped
 * back.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "tests/fuzz/fuzz.h"

static bool is_small(const struct model_shape *shape)
{
    return shape->layers <= 4 && shape->width <= 512 && shape->ffn <= 1024 &&
           shape->heads * shape->head_dim <= 2048 && shape->vocab <= 2048;
}

static void compute(struct model *model)
{
    struct err err = {0};
    struct context_options options = {.tokens_max = 2, .threads = 1};
    struct context *context = context_new(model, &options, &err);
    BUG_ON(!context);
    size_t branch = context_branch(context, 0, 0), slot = 1;
    int32_t ids[2] = {0, (int32_t)model_shape(model)->vocab - 1};
    BUG_ON(!context_push(context, branch, ids, 2, &err));
    float *logits = x_new(model_shape(model)->vocab, sizeof *logits);
    bool ok = context_run(context, NULL, &err) &&
              context_logits(context, &slot, 1, logits, NULL, &err);
    BUG_ON(!ok && err.code != ERR_NUMERIC); /* scales may be anything */
    for (uint32_t i = 0; ok && i < model_shape(model)->vocab; i++)
        BUG_ON(!(logits[i] - logits[i] == 0.0f));
    free(logits);
    context_free(context);
}

static void flip_twice(struct model *model)
{
    for (int proj = 0; proj < PROJ_COUNT; proj++) {
        uint32_t rows = 0, columns = 0;
        int32_t layer = proj < PROJ_LAYER_COUNT ? 0 : NO_LAYER;
        BUG_ON(!model_matrix_size(model, layer, (enum proj)proj, &rows, &columns));
        struct flip flip = {layer, (enum proj)proj, rows - 1, FLIP_WHOLE_ROW, {0, 0}};
        (void)model_row_scale_sum(model, layer, flip.proj, flip.row);
        model_flip(model, &flip);
        model_flip(model, &flip);
    }
    uint64_t groups = 0;
    BUG_ON(model_flipped_bits(model, &groups) != 0);
    BUG_ON(!state_name_equal(model_state(model), (struct state_name){{0, 0}}));
}

static void round_trip(const struct model *model)
{
    static const char text[] = "<|a|> the \xff\xc3\xa4\n 12";
    struct err err = {0};
    struct ids ids = {0};
    struct buf out = {0};
    struct encode_options options = {.no_bos = true};
    BUG_ON(!token_encode(model_tokenizer(model), text, sizeof text, &options, &ids, &err));
    token_decode_all(model_tokenizer(model), ids.data, ids.count, &out);
    BUG_ON(out.len != sizeof text || memcmp(out.data, text, out.len) != 0);
    ids_free(&ids);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct model *model = model_open_memory(data, size, "fuzz", &err);
    BUG_ON(!model != (err.code != ERR_NONE));
    if (!model)
        return 0;
    for (size_t i = 0; i < model_tensor_count(model); i++)
        BUG_ON(model_tensor(model, i).bytes == 0);
    round_trip(model);
    if (is_small(model_shape(model)))
        compute(model);
    flip_twice(model);
    model_free(model);
    return 0;
}

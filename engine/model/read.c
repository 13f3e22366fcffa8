/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From the tensors of a GGUF file to a model whose every part has the shape the
 * others ask for, and its tokenizer.  Names are those of llama.cpp's qwen3
 * architecture.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/half.h"
#include "engine/model/model_int.h"
#include "src/base/num.h"

enum { VOCAB_MAX = 1 << 24 };

/* ---- tensors -------------------------------------------------------------- */

static bool is_ternary(uint32_t type)
{
    return type == 34 || type == 35 || type == 42 || type == 142 || type == 143;
}

/* Refuse what is not 1-bit as a whole, before any single tensor is looked at. */
static bool check_types(const struct gguf *gguf, struct err *err)
{
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *tensor = gguf_tensor(gguf, i);
        uint64_t bytes = 0;
        if (is_ternary(tensor->type))
            return err_set(err, ERR_UNSUPPORTED,
                           "tensor '%.*s' has type %s (%u), which is ternary or has several "
                           "layouts; supported is Q1_0 (41): the XOR of a 2-bit code means "
                           "nothing",
                           (int)tensor->name.len, tensor->name.data,
                           ggml_type_name(tensor->type), (unsigned)tensor->type);
        if (!ggml_type_bytes(tensor->type, 0, &bytes))
            return err_set(err, ERR_UNSUPPORTED,
                           "tensor '%.*s' has type %s (%u), supported are Q1_0 (41) for matrices "
                           "and F32, F16, BF16 for norms",
                           (int)tensor->name.len, tensor->name.data,
                           ggml_type_name(tensor->type), (unsigned)tensor->type);
    }
    return true;
}

static const struct gguf_tensor *need_tensor(const struct gguf *gguf, const char *name,
                                             struct err *err)
{
    const struct gguf_tensor *tensor = gguf_find_tensor(gguf, name);
    if (!tensor)
        (void)err_set(err, ERR_FORMAT, "tensor '%s' is missing, expected it in a qwen3 model",
                      name);
    return tensor;
}

/* "128 x 64" */
static void shape_text(char *out, size_t size, const uint64_t *shape, uint32_t dim_count)
{
    size_t len = 0;
    for (uint32_t i = 0; i < dim_count && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%llu", i > 0 ? " x " : "",
                                (unsigned long long)shape[i]);
}

static bool check_shape(const struct gguf_tensor *tensor, const char *name, uint64_t columns,
                        uint64_t rows, struct err *err)
{
    bool right = tensor->shape[0] == columns && tensor->shape[1] == rows &&
                 tensor->shape[2] == 1 && tensor->shape[3] == 1;
    if (right)
        return true;
    char found[96], expected[48];
    shape_text(found, sizeof found, tensor->shape, tensor->dim_count);
    shape_text(expected, sizeof expected, (const uint64_t[]){columns, rows}, rows > 1 ? 2 : 1);
    return err_set(err, ERR_FORMAT, "tensor '%s' has shape %s, expected %s", name, found, expected);
}

static bool read_matrix(struct model *model, const char *name, uint32_t columns, uint32_t rows,
                        struct matrix *out, struct err *err)
{
    const struct gguf_tensor *tensor = need_tensor(model->gguf, name, err);
    if (!tensor || !check_shape(tensor, name, columns, rows, err))
        return false;
    if (tensor->type != GGML_Q1_0)
        return err_set(err, ERR_UNSUPPORTED,
                       "tensor '%s' has type %s (%u), expected Q1_0 (41): every matrix of a true "
                       "1-bit model is one",
                       name, ggml_type_name(tensor->type), (unsigned)tensor->type);
    *out = (struct matrix){
        .blocks = model->bytes + tensor->offset, /* [M1] by [G1] */
        .rows = rows,
        .columns = columns,
        .groups = columns / GROUP_WEIGHTS,
        .tensor = (uint32_t)(tensor - gguf_tensor(model->gguf, 0)),
    };
    return true;
}

static float norm_value(const uint8_t *at, uint32_t type, size_t index)
{
    uint16_t half = 0;
    uint32_t bits = 0;
    float value = 0;
    switch (type) {
    case GGML_F32: memcpy(&value, at + 4 * index, sizeof value); return value;
    case GGML_F16: memcpy(&half, at + 2 * index, sizeof half); return half_value(half);
    default: /* GGML_BF16 */
        memcpy(&half, at + 2 * index, sizeof half);
        bits = (uint32_t)half << 16;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
}

static bool read_norm(struct model *model, const char *name, uint32_t len, float *out,
                      struct err *err)
{
    const struct gguf_tensor *tensor = need_tensor(model->gguf, name, err);
    if (!tensor || !check_shape(tensor, name, len, 1, err))
        return false;
    if (tensor->type == GGML_Q1_0)
        return err_set(err, ERR_UNSUPPORTED,
                       "tensor '%s' has type Q1_0 (41), expected F32, F16 or BF16", name);
    for (uint32_t i = 0; i < len; i++) {
        out[i] = norm_value(model->bytes + tensor->offset, tensor->type, i);
        if (!isfinite(out[i])) {
            (void)err_set(err, ERR_NUMERIC, "tensor '%s' holds a number that is not finite", name);
            return err_where(err, "element %u", (unsigned)i);
        }
    }
    return true;
}

struct matrix_spec {
    enum proj proj;
    const char *name;
    uint32_t columns;
    uint32_t rows;
};

static bool read_layer_matrices(struct model *model, uint32_t index, struct err *err)
{
    const struct model_shape *shape = &model->shape;
    uint32_t q_dim = shape->heads * shape->head_dim;
    uint32_t kv_dim = shape->kv_heads * shape->head_dim;
    const struct matrix_spec specs[] = {
        {PROJ_Q, "attn_q", shape->width, q_dim},
        {PROJ_K, "attn_k", shape->width, kv_dim},
        {PROJ_V, "attn_v", shape->width, kv_dim},
        {PROJ_O, "attn_output", q_dim, shape->width},
        {PROJ_GATE, "ffn_gate", shape->width, shape->ffn},
        {PROJ_UP, "ffn_up", shape->width, shape->ffn},
        {PROJ_DOWN, "ffn_down", shape->ffn, shape->width},
    };
    for (size_t i = 0; i < countof(specs); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "blk.%u.%s.weight", (unsigned)index, specs[i].name);
        if (!read_matrix(model, name, specs[i].columns, specs[i].rows,
                         &model->layers[index].matrix[specs[i].proj], err))
            return false;
    }
    return true;
}

static bool read_layer_norms(struct model *model, uint32_t index, float *block, struct err *err)
{
    const struct model_shape *shape = &model->shape;
    struct layer *layer = &model->layers[index];
    const struct {
        const char *name;
        uint32_t len;
        float **place;
    } specs[] = {
        {"attn_norm", shape->width, &layer->attn_norm},
        {"ffn_norm", shape->width, &layer->ffn_norm},
        {"attn_q_norm", shape->head_dim, &layer->q_norm},
        {"attn_k_norm", shape->head_dim, &layer->k_norm},
    };
    for (size_t i = 0; i < countof(specs); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "blk.%u.%s.weight", (unsigned)index, specs[i].name);
        *specs[i].place = block;
        if (!read_norm(model, name, specs[i].len, block, err))
            return false;
        block += specs[i].len;
    }
    return true;
}

static bool read_ends(struct model *model, struct err *err)
{
    const struct gguf_tensor *embed = need_tensor(model->gguf, "token_embd.weight", err);
    if (!embed)
        return false;
    uint64_t vocab = embed->shape[1];
    if (vocab > VOCAB_MAX)
        return err_set(err, ERR_RANGE, "the vocabulary has %llu rows, expected at most %d",
                       (unsigned long long)vocab, VOCAB_MAX);
    model->shape.vocab = (uint32_t)vocab;
    if (!read_matrix(model, "token_embd.weight", model->shape.width, (uint32_t)vocab,
                     &model->embed, err))
        return false;
    model->shape.tied = gguf_find_tensor(model->gguf, "output.weight") == NULL;
    model->head = model->embed;
    return model->shape.tied || read_matrix(model, "output.weight", model->shape.width,
                                            (uint32_t)vocab, &model->head, err);
}

static bool read_tensors(struct model *model, struct err *err)
{
    const struct model_shape *shape = &model->shape;
    size_t per_layer = 2 * ((size_t)shape->width + shape->head_dim);
    size_t norm_count = per_layer * shape->layers + shape->width;
    if (norm_count > model->len / 2) /* a number takes at least 2 bytes of the file */
        return err_set(err, ERR_FORMAT,
                       "has %u layers of width %u, whose norms alone do not fit into the file's "
                       "%zu bytes",
                       (unsigned)shape->layers, (unsigned)shape->width, model->len);
    model->layers = x_new(shape->layers, sizeof *model->layers);
    model->norms = x_new(norm_count, sizeof *model->norms);
    for (uint32_t i = 0; i < shape->layers; i++)
        if (!read_layer_matrices(model, i, err) ||
            !read_layer_norms(model, i, model->norms + per_layer * i, err))
            return false;
    model->final_norm = model->norms + per_layer * shape->layers;
    return read_norm(model, "output_norm.weight", shape->width, model->final_norm, err);
}

static bool is_layer_tensor(const char *name, uint32_t layers)
{
    static const char *const parts[] = {
        "attn_norm",   "attn_q",   "attn_k", "attn_v",   "attn_q_norm", "attn_k_norm",
        "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down",
    };
    unsigned layer = 0;
    char part[32], canonical[64];
    if (sscanf(name, "blk.%4u.%31[a-z_]", &layer, part) != 2 || layer >= layers)
        return false;
    (void)snprintf(canonical, sizeof canonical, "blk.%u.%s.weight", layer, part);
    if (strcmp(name, canonical) != 0)
        return false;
    for (size_t i = 0; i < countof(parts); i++)
        if (strcmp(part, parts[i]) == 0)
            return true;
    return false;
}

/* A tensor that nobody reads (a bias, an adapter, an expert) means a network
 * other than the one that would be computed. */
static bool refuse_strangers(const struct model *model, struct err *err)
{
    static const char *const ends[] = {"token_embd.weight", "output_norm.weight", "output.weight"};
    for (size_t i = 0; i < gguf_tensor_count(model->gguf); i++) {
        struct text_span span = gguf_tensor(model->gguf, i)->name;
        char name[64] = "";
        if (span.len < sizeof name)
            memcpy(name, span.data, span.len);
        bool known = is_layer_tensor(name, model->shape.layers);
        for (size_t k = 0; k < countof(ends); k++)
            known |= strcmp(name, ends[k]) == 0;
        if (!known)
            return err_set(err, ERR_UNSUPPORTED,
                           "tensor '%.*s' is not part of a dense qwen3 model of %u layers: what "
                           "it does would be left out",
                           (int)span.len, span.data, (unsigned)model->shape.layers);
    }
    return true;
}

/* ---- tokenizer ------------------------------------------------------------ */

static bool read_id(const struct gguf *gguf, const char *key, int64_t *out, struct err *err)
{
    uint64_t id = 0;
    enum gguf_result result = gguf_uint(gguf, key, &id, err);
    *out = result == GGUF_FOUND ? (int64_t)id : -1;
    return result != GGUF_WRONG;
}

/* Keys of struct token_source; the arrays in it become the caller's to free. */
static bool read_token_source(const struct gguf *gguf, struct token_source *source,
                              struct text_span **tokens, int32_t **types,
                              struct text_span **merges, struct err *err)
{
    size_t type_count = 0;
    if (gguf_text(gguf, "tokenizer.ggml.model", &source->model, err) == GGUF_WRONG ||
        gguf_text(gguf, "tokenizer.ggml.pre", &source->pre, err) == GGUF_WRONG ||
        gguf_texts(gguf, "tokenizer.ggml.tokens", tokens, &source->token_count, err) ==
            GGUF_WRONG ||
        gguf_ints(gguf, "tokenizer.ggml.token_type", types, &type_count, err) == GGUF_WRONG ||
        gguf_texts(gguf, "tokenizer.ggml.merges", merges, &source->merge_count, err) ==
            GGUF_WRONG ||
        gguf_bool(gguf, "tokenizer.ggml.add_bos_token", &source->add_bos, err) == GGUF_WRONG ||
        !read_id(gguf, "tokenizer.ggml.bos_token_id", &source->bos, err) ||
        !read_id(gguf, "tokenizer.ggml.eos_token_id", &source->eos, err) ||
        !read_id(gguf, "tokenizer.ggml.eot_token_id", &source->eot, err))
        return false;
    if (*tokens && *types && type_count != source->token_count)
        return err_set(err, ERR_FORMAT,
                       "key 'tokenizer.ggml.token_type' has %zu entries, expected %zu, one for "
                       "each token",
                       type_count, source->token_count);
    return true;
}

static bool read_tokenizer(struct model *model, struct err *err)
{
    struct token_source source = {.bos = -1, .eos = -1, .eot = -1};
    struct text_span *tokens = NULL, *merges = NULL;
    int32_t *types = NULL;
    bool ok = read_token_source(model->gguf, &source, &tokens, &types, &merges, err);
    if (ok && !tokens)
        ok = err_set(err, ERR_FORMAT,
                     "key 'tokenizer.ggml.tokens' is missing, expected the spellings of %u tokens",
                     (unsigned)model->shape.vocab);
    if (ok && source.token_count != model->shape.vocab)
        ok = err_set(err, ERR_FORMAT,
                     "key 'tokenizer.ggml.tokens' has %zu entries, expected %u, the rows of the "
                     "embedding",
                     source.token_count, (unsigned)model->shape.vocab);
    source.tokens = tokens;
    source.types = types;
    source.merges = merges;
    if (ok)
        model->tokenizer = tokenizer_new(&source, err);
    free(tokens);
    free(types);
    free(merges);
    return ok && model->tokenizer;
}

bool model_read(struct model *model, struct err *err)
{
    const struct gguf *gguf = model->gguf;
    return model_read_keys(model, err) && check_types(gguf, err) && read_ends(model, err) &&
           read_tensors(model, err) && refuse_strangers(model, err) &&
           read_tokenizer(model, err);
}

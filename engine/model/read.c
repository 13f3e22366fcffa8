/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From keys and tensors of a GGUF file to a model whose every part has the
 * shape the others ask for.  Names and keys are those of llama.cpp's qwen3
 * architecture.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/half.h"
#include "engine/model/model_int.h"
#include "src/base/num.h"

enum {
    LAYERS_MAX = 1024,
    WIDTH_MAX = 1 << 16,
    FFN_MAX = 1 << 20,
    HEADS_MAX = 1024,
    HEAD_DIM_MAX = 1024,
    VOCAB_MAX = 1 << 24,
};

static bool check_architecture(const struct gguf *gguf, struct err *err)
{
    struct text_span name = {"", 0};
    enum gguf_result result = gguf_text(gguf, "general.architecture", &name, err);
    if (result == GGUF_WRONG)
        return false;
    if (result == GGUF_ABSENT)
        return err_set(err, ERR_FORMAT, "key general.architecture is missing, expected \"qwen3\"");
    if (name.len == 5 && memcmp(name.data, "qwen3", 5) == 0)
        return true;
    return err_set(err, ERR_UNSUPPORTED,
                   "architecture is \"%.*s\", supported is qwen3 (dense 1-bit models such as "
                   "Bonsai 1.7B, 4B and 8B)",
                   (int)(name.len < 64 ? name.len : 64), name.data);
}

/* A whole number of the architecture within its limits.  fallback < 0: required. */
static bool read_size(const struct gguf *gguf, const char *key, uint32_t max, int64_t fallback,
                      uint32_t *out, struct err *err)
{
    uint64_t value = 0;
    enum gguf_result result = gguf_uint(gguf, key, &value, err);
    if (result == GGUF_WRONG)
        return false;
    if (result == GGUF_ABSENT && fallback < 0)
        return err_set(err, ERR_FORMAT, "key %s is missing, expected a number from 1 to %u", key,
                       (unsigned)max);
    if (result == GGUF_ABSENT)
        value = (uint64_t)fallback;
    if (value == 0 || value > max)
        return err_set(err, ERR_RANGE, "key %s is %llu, expected a number from 1 to %u", key,
                       (unsigned long long)value, (unsigned)max);
    *out = (uint32_t)value;
    return true;
}

static bool read_sizes(const struct gguf *gguf, struct model_shape *shape, struct err *err)
{
    return read_size(gguf, "qwen3.block_count", LAYERS_MAX, -1, &shape->layers, err) &&
           read_size(gguf, "qwen3.embedding_length", WIDTH_MAX, -1, &shape->width, err) &&
           read_size(gguf, "qwen3.feed_forward_length", FFN_MAX, -1, &shape->ffn, err) &&
           read_size(gguf, "qwen3.attention.head_count", HEADS_MAX, -1, &shape->heads, err) &&
           read_size(gguf, "qwen3.attention.head_count_kv", HEADS_MAX, shape->heads,
                     &shape->kv_heads, err) &&
           read_size(gguf, "qwen3.attention.key_length", HEAD_DIM_MAX,
                     shape->width / shape->heads, &shape->head_dim, err) &&
           read_size(gguf, "qwen3.context_length", UINT32_MAX, 1, &shape->context, err);
}

static bool check_sizes(const struct gguf *gguf, const struct model_shape *shape, struct err *err)
{
    uint32_t value_dim = 0, rope_dim = 0;
    if (!read_size(gguf, "qwen3.attention.value_length", HEAD_DIM_MAX, shape->head_dim, &value_dim,
                   err) ||
        !read_size(gguf, "qwen3.rope.dimension_count", HEAD_DIM_MAX, shape->head_dim, &rope_dim,
                   err))
        return false;
    if (shape->width % GROUP_WEIGHTS != 0 || shape->ffn % GROUP_WEIGHTS != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "width is %u and ffn %u, expected multiples of %d (the group of Q1_0)",
                       (unsigned)shape->width, (unsigned)shape->ffn, GROUP_WEIGHTS);
    if (shape->heads % shape->kv_heads != 0)
        return err_set(err, ERR_FORMAT,
                       "has %u query heads and %u KV heads, expected a multiple of the KV heads",
                       (unsigned)shape->heads, (unsigned)shape->kv_heads);
    if (shape->head_dim % 2 != 0 || value_dim != shape->head_dim || rope_dim != shape->head_dim)
        return err_set(err, ERR_UNSUPPORTED,
                       "head dimensions are %u (key), %u (value) and %u (RoPE), expected the same "
                       "even number",
                       (unsigned)shape->head_dim, (unsigned)value_dim, (unsigned)rope_dim);
    if (shape->heads * shape->head_dim % GROUP_WEIGHTS != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "query heads x head dimension is %u, expected a multiple of %d",
                       (unsigned)(shape->heads * shape->head_dim), GROUP_WEIGHTS);
    return true;
}

/* A positive finite number; fallback is used where the key is absent. */
static bool read_number(const struct gguf *gguf, const char *key, double fallback, double *out,
                        struct err *err)
{
    enum gguf_result result = gguf_float(gguf, key, out, err);
    if (result == GGUF_WRONG)
        return false;
    if (result == GGUF_ABSENT)
        *out = fallback;
    if (!(*out > 0) || !isfinite(*out))
        return err_set(err, ERR_RANGE, "key %s is %g, expected a positive finite number", key,
                       *out);
    return true;
}

static bool read_rope_scaling(const struct gguf *gguf, struct rope *rope, struct err *err)
{
    struct text_span kind = {"none", 4};
    if (gguf_text(gguf, "qwen3.rope.scaling.type", &kind, err) == GGUF_WRONG)
        return false;
    if (kind.len == 4 && memcmp(kind.data, "none", 4) == 0)
        return true;
    if (kind.len == 4 && memcmp(kind.data, "yarn", 4) == 0)
        rope->scaling = ROPE_YARN;
    else if (kind.len == 6 && memcmp(kind.data, "linear", 6) == 0)
        rope->scaling = ROPE_LINEAR;
    else
        return err_set(err, ERR_UNSUPPORTED,
                       "RoPE scaling is \"%.*s\", supported are none, linear and yarn",
                       (int)(kind.len < 64 ? kind.len : 64), kind.data);
    uint32_t original = 0;
    if (!read_number(gguf, "qwen3.rope.scaling.factor", 1.0, &rope->factor, err))
        return false;
    if (rope->scaling == ROPE_LINEAR)
        return true;
    if (!read_size(gguf, "qwen3.rope.scaling.original_context_length", UINT32_MAX, -1, &original,
                   err))
        return false;
    rope->original_context = original;
    return true;
}

static bool read_numbers(struct model *model, struct err *err)
{
    double eps = 0;
    if (!read_number(model->gguf, "qwen3.attention.layer_norm_rms_epsilon", 1e-6, &eps, err) ||
        !read_number(model->gguf, "qwen3.rope.freq_base", 10000.0, &model->rope.base, err))
        return false;
    model->eps = (float)eps;
    return read_rope_scaling(model->gguf, &model->rope, err);
}

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
        (void)err_set(err, ERR_FORMAT, "tensor '%s' is missing", name);
    return tensor;
}

static bool check_shape(const struct gguf_tensor *tensor, const char *name, uint64_t columns,
                        uint64_t rows, struct err *err)
{
    bool right = tensor->shape[0] == columns && tensor->shape[1] == rows &&
                 tensor->shape[2] == 1 && tensor->shape[3] == 1;
    if (right)
        return true;
    return err_set(err, ERR_FORMAT,
                   "tensor '%s' has shape %llu x %llu x %llu x %llu, expected %llu x %llu", name,
                   (unsigned long long)tensor->shape[0], (unsigned long long)tensor->shape[1],
                   (unsigned long long)tensor->shape[2], (unsigned long long)tensor->shape[3],
                   (unsigned long long)columns, (unsigned long long)rows);
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
    model->layers = x_new(shape->layers, sizeof *model->layers);
    model->norms = x_new(per_layer * shape->layers + shape->width, sizeof *model->norms);
    for (uint32_t i = 0; i < shape->layers; i++)
        if (!read_layer_matrices(model, i, err) ||
            !read_layer_norms(model, i, model->norms + per_layer * i, err))
            return false;
    model->final_norm = model->norms + per_layer * shape->layers;
    return read_norm(model, "output_norm.weight", shape->width, model->final_norm, err);
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
    if (*types && type_count != source->token_count)
        return err_set(err, ERR_FORMAT,
                       "tokenizer.ggml.token_type has %zu entries, expected %zu, one for each "
                       "token",
                       type_count, source->token_count);
    return true;
}

static bool read_tokenizer(struct model *model, struct err *err)
{
    struct token_source source = {.bos = -1, .eos = -1, .eot = -1};
    struct text_span *tokens = NULL, *merges = NULL;
    int32_t *types = NULL;
    bool ok = read_token_source(model->gguf, &source, &tokens, &types, &merges, err);
    if (ok && source.token_count != model->shape.vocab)
        ok = err_set(err, ERR_FORMAT,
                     "tokenizer.ggml.tokens has %zu entries, expected %u, the rows of the "
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
    return check_architecture(gguf, err) && check_types(gguf, err) &&
           read_sizes(gguf, &model->shape, err) && check_sizes(gguf, &model->shape, err) &&
           read_numbers(model, err) && read_ends(model, err) && read_tensors(model, err) &&
           read_tokenizer(model, err);
}

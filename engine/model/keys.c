/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Architecture, sizes and numbers from the keys of a GGUF file, each within
 * limits that keep later arithmetic in range.  Keys are those of llama.cpp's
 * qwen3 architecture.
 */
#include <string.h>

#include "engine/model/model_int.h"

enum {
    LAYERS_MAX = 1024,
    WIDTH_MAX = 1 << 16,
    FFN_MAX = 1 << 20,
    HEADS_MAX = 1024,
    HEAD_DIM_MAX = 1024,
};

static bool check_architecture(const struct gguf *gguf, struct err *err)
{
    struct text_span name = {"", 0};
    enum gguf_result result = gguf_text(gguf, "general.architecture", &name, err);
    if (result == GGUF_WRONG)
        return false;
    if (result == GGUF_ABSENT)
        return err_set(err, ERR_FORMAT,
                       "key 'general.architecture' is missing, expected \"qwen3\"");
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
        return err_set(err, ERR_FORMAT, "key '%s' is missing, expected a number from 1 to %u", key,
                       (unsigned)max);
    if (result == GGUF_ABSENT)
        value = (uint64_t)fallback;
    if (value == 0 || value > max)
        return err_set(err, ERR_RANGE, "key '%s' is %llu, expected a number from 1 to %u", key,
                       (unsigned long long)value, (unsigned)max);
    *out = (uint32_t)value;
    return true;
}

static bool read_context(const struct gguf *gguf, struct model_shape *shape, struct err *err)
{
    static const char key[] = "qwen3.context_length";
    uint64_t value = 0;
    shape->context = 0; /* not stated */
    if (gguf_uint(gguf, key, &value, err) == GGUF_ABSENT)
        return true;
    return read_size(gguf, key, UINT32_MAX, -1, &shape->context, err);
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
           read_context(gguf, shape, err);
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

struct number_range {
    double fallback; /* where the key is absent */
    double min;
    double max;
};

static bool read_number(const struct gguf *gguf, const char *key, const struct number_range *range,
                        double *out, struct err *err)
{
    enum gguf_result result = gguf_float(gguf, key, out, err);
    if (result == GGUF_WRONG)
        return false;
    if (result == GGUF_ABSENT)
        *out = range->fallback;
    if (*out >= range->min && *out <= range->max) /* false for NaN */
        return true;
    return err_set(err, ERR_RANGE, "key '%s' is %g, expected a number from %g to %g", key, *out,
                   range->min, range->max);
}

/* The limits keep every later step finite: frequencies are at most 1 and the
 * logarithms of YaRN's ramp are of normal numbers. */
static const struct number_range eps_range = {1e-6, 1e-30, 1.0};
static const struct number_range base_range = {10000.0, 1.0, 1e30};
static const struct number_range factor_range = {1.0, 1.0, 1e6};

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
    if (!read_number(gguf, "qwen3.rope.scaling.factor", &factor_range, &rope->factor, err))
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
    if (!read_number(model->gguf, "qwen3.attention.layer_norm_rms_epsilon", &eps_range, &eps,
                     err) ||
        !read_number(model->gguf, "qwen3.rope.freq_base", &base_range, &model->rope.base, err))
        return false;
    model->eps = (float)eps;
    return read_rope_scaling(model->gguf, &model->rope, err);
}

bool model_read_keys(struct model *model, struct err *err)
{
    const struct gguf *gguf = model->gguf;
    return check_architecture(gguf, err) && read_sizes(gguf, &model->shape, err) &&
           check_sizes(gguf, &model->shape, err) && read_numbers(model, err);
}

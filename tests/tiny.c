/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/tiny.h"

#include <math.h>
#include <string.h>

#include "src/base/rng.h"
#include "tests/t.h"

const struct tiny tiny_default = {
    .layers = 2,
    .width = 128,
    .ffn = 256,
    .heads = 2,
    .kv_heads = 1,
    .head_dim = 64,
    .vocab = 264,
    .seed = 7,
};

static void put_u32(struct buf *out, uint32_t value)
{
    buf_add(out, &value, sizeof value);
}

static void put_u64(struct buf *out, uint64_t value)
{
    buf_add(out, &value, sizeof value);
}

static void put_text(struct buf *out, const char *text)
{
    put_u64(out, strlen(text));
    buf_add_text(out, text);
}

/* ---- keys --------------------------------------------------------------------- */

struct writer {
    const struct tiny *tiny;
    struct buf keys;
    uint64_t key_count;
    struct buf infos;
    struct buf data;
    uint64_t tensor_count;
    struct rng rng;
};

static bool begin_key(struct writer *w, const char *name, uint32_t type)
{
    if (w->tiny->skip_key && strcmp(name, w->tiny->skip_key) == 0)
        return false;
    put_text(&w->keys, name);
    put_u32(&w->keys, type);
    w->key_count++;
    return true;
}

static void key_u32(struct writer *w, const char *name, uint32_t value)
{
    if (begin_key(w, name, 4))
        put_u32(&w->keys, value);
}

static void key_f32(struct writer *w, const char *name, float value)
{
    if (begin_key(w, name, 6))
        buf_add(&w->keys, &value, sizeof value);
}

static void key_text(struct writer *w, const char *name, const char *value)
{
    if (begin_key(w, name, 8))
        put_text(&w->keys, value);
}

/* The GPT-2 byte alphabet: printable bytes are themselves, the rest are
 * numbered from U+0100. */
static void byte_spelling(unsigned byte, char out[4])
{
    unsigned next = 256;
    for (unsigned b = 0; b < 256; b++) {
        bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        unsigned point = printable ? b : next++;
        if (b != byte)
            continue;
        if (point < 0x80) {
            out[0] = (char)point;
            out[1] = '\0';
        } else {
            out[0] = (char)(0xC0 | point >> 6);
            out[1] = (char)(0x80 | (point & 63));
            out[2] = '\0';
        }
    }
}

static const char *const merged[] = {"th", "the", "in", "an"};
static const char *const merges[] = {"t h", "th e", "i n", "a n"};

static void tokenizer_keys(struct writer *w)
{
    uint32_t vocab = w->tiny->vocab;
    key_text(w, "tokenizer.ggml.model", "gpt2");
    key_text(w, "tokenizer.ggml.pre", "qwen2");
    if (begin_key(w, "tokenizer.ggml.tokens", 9)) {
        put_u32(&w->keys, 8);
        put_u64(&w->keys, vocab);
        for (uint32_t i = 0; i < vocab; i++) {
            char text[32];
            if (i < 256)
                byte_spelling(i, text);
            else if (i < 260)
                (void)snprintf(text, sizeof text, "%s", merged[i - 256]);
            else if (w->tiny->chat_template && i + 2 >= vocab)
                (void)snprintf(text, sizeof text, i + 2 == vocab ? "<|im_start|>" : "<|im_end|>");
            else
                (void)snprintf(text, sizeof text, "<|special_%u|>", (unsigned)i);
            put_text(&w->keys, text);
        }
    }
    if (begin_key(w, "tokenizer.ggml.token_type", 9)) {
        put_u32(&w->keys, 5);
        put_u64(&w->keys, vocab);
        for (uint32_t i = 0; i < vocab; i++)
            put_u32(&w->keys, i < 260 ? 1 : 3);
    }
    if (begin_key(w, "tokenizer.ggml.merges", 9)) {
        put_u32(&w->keys, 8);
        put_u64(&w->keys, countof(merges));
        for (size_t i = 0; i < countof(merges); i++)
            put_text(&w->keys, merges[i]);
    }
    key_u32(w, "tokenizer.ggml.eos_token_id", vocab - 1);
    if (w->tiny->chat_template)
        key_text(w, "tokenizer.chat_template", w->tiny->chat_template);
}

static void model_keys(struct writer *w)
{
    const struct tiny *tiny = w->tiny;
    if (tiny->alignment)
        key_u32(w, "general.alignment", tiny->alignment);
    key_text(w, "general.architecture", tiny->architecture ? tiny->architecture : "qwen3");
    key_u32(w, "qwen3.block_count", tiny->layers);
    key_u32(w, "qwen3.context_length", 512);
    key_u32(w, "qwen3.embedding_length", tiny->width);
    key_u32(w, "qwen3.feed_forward_length", tiny->ffn);
    key_u32(w, "qwen3.attention.head_count", tiny->heads);
    key_u32(w, "qwen3.attention.head_count_kv", tiny->kv_heads);
    key_u32(w, "qwen3.attention.key_length", tiny->head_dim);
    key_u32(w, "qwen3.attention.value_length", tiny->head_dim);
    key_f32(w, "qwen3.attention.layer_norm_rms_epsilon", 1e-6f);
    key_f32(w, "qwen3.rope.freq_base", 10000.0f);
    if (tiny->linear) {
        key_text(w, "qwen3.rope.scaling.type", "linear");
        key_f32(w, "qwen3.rope.scaling.factor", 4.0f);
    }
    if (tiny->yarn) {
        key_text(w, "qwen3.rope.scaling.type", "yarn");
        key_f32(w, "qwen3.rope.scaling.factor", 4.0f);
        key_u32(w, "qwen3.rope.scaling.original_context_length", 128);
    }
    tokenizer_keys(w);
}

/* To the next multiple of the alignment, counted from start. */
static void pad(struct buf *out, size_t start, const struct tiny *tiny)
{
    uint32_t alignment = tiny->alignment ? tiny->alignment : 32;
    while ((out->len - start) % alignment != 0)
        buf_add(out, "", 1);
}

/* ---- tensors -------------------------------------------------------------------- */

static bool begin_tensor(struct writer *w, const char *name, uint32_t type, uint64_t columns,
                         uint64_t rows)
{
    if (w->tiny->skip_tensor && strcmp(name, w->tiny->skip_tensor) == 0)
        return false;
    pad(&w->data, 0, w->tiny);
    put_text(&w->infos, name);
    put_u32(&w->infos, rows ? 2 : 1);
    put_u64(&w->infos, columns);
    if (rows)
        put_u64(&w->infos, rows);
    put_u32(&w->infos, type);
    put_u64(&w->infos, w->data.len);
    w->tensor_count++;
    return true;
}

static void matrix(struct writer *w, const char *name, uint32_t columns, uint32_t rows)
{
    if (!begin_tensor(w, name, w->tiny->matrix_type ? w->tiny->matrix_type : 41, columns, rows))
        return;
    /* |w| around 1 / sqrt(columns) keeps activations near 1: as half, by exponent */
    int exponent = 15 - (int)lrint(log2(sqrt((double)columns)));
    for (uint64_t i = 0; i < (uint64_t)rows * (columns / 128); i++) {
        uint16_t scale = (uint16_t)((unsigned)exponent << 10 | rng_below(&w->rng, 1024));
        buf_add(&w->data, &scale, 2);
        uint64_t signs[2] = {rng_next(&w->rng), rng_next(&w->rng)};
        buf_add(&w->data, signs, sizeof signs);
    }
}

static void norm(struct writer *w, const char *name, uint32_t len)
{
    if (!begin_tensor(w, name, w->tiny->norm_type, len, 0))
        return;
    for (uint32_t i = 0; i < len; i++) {
        float gain = 0.75f + (float)rng_below(&w->rng, 64) / 128.0f; /* exact in all types */
        uint32_t bits = 0;
        memcpy(&bits, &gain, sizeof bits);
        if (w->tiny->norm_type == 0)
            put_u32(&w->data, bits);
        uint16_t half = w->tiny->norm_type == 30
                            ? (uint16_t)(bits >> 16)
                            : (uint16_t)(((bits >> 23) - 112) << 10 | (bits >> 13 & 1023));
        if (w->tiny->norm_type != 0)
            buf_add(&w->data, &half, 2);
    }
}

static void layer_tensors(struct writer *w, uint32_t index)
{
    const struct tiny *t = w->tiny;
    uint32_t q_dim = t->heads * t->head_dim, kv_dim = t->kv_heads * t->head_dim;
    const struct {
        const char *name;
        uint32_t columns, rows; /* rows 0: a norm */
    } specs[] = {
        {"attn_norm", t->width, 0},        {"attn_q", t->width, q_dim},
        {"attn_k", t->width, kv_dim},      {"attn_v", t->width, kv_dim},
        {"attn_output", q_dim, t->width},  {"attn_q_norm", t->head_dim, 0},
        {"attn_k_norm", t->head_dim, 0},   {"ffn_norm", t->width, 0},
        {"ffn_gate", t->width, t->ffn},    {"ffn_up", t->width, t->ffn},
        {"ffn_down", t->ffn, t->width},
    };
    for (size_t i = 0; i < countof(specs); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "blk.%u.%s.weight", (unsigned)index, specs[i].name);
        if (specs[i].rows)
            matrix(w, name, specs[i].columns, specs[i].rows);
        else
            norm(w, name, specs[i].columns);
    }
}

void tiny_write(const struct tiny *tiny, struct buf *out)
{
    struct writer w = {.tiny = tiny};
    rng_seed(&w.rng, tiny->seed);
    model_keys(&w);
    matrix(&w, "token_embd.weight", tiny->width, tiny->vocab);
    for (uint32_t i = 0; i < tiny->layers; i++)
        layer_tensors(&w, i);
    norm(&w, "output_norm.weight", tiny->width);
    if (!tiny->tied)
        matrix(&w, "output.weight", tiny->width, tiny->vocab);
    size_t start = out->len;
    buf_add_text(out, "GGUF");
    put_u32(out, 3);
    put_u64(out, w.tensor_count);
    put_u64(out, w.key_count);
    buf_add(out, w.keys.data, w.keys.len);
    buf_add(out, w.infos.data, w.infos.len);
    pad(out, start, tiny);
    buf_add(out, w.data.data, w.data.len);
    buf_free(&w.keys);
    buf_free(&w.infos);
    buf_free(&w.data);
}

size_t tiny_find(const struct buf *file, const char *text)
{
    const char *found = memmem(file->data, file->len, text, strlen(text));
    assert_non_null(found);
    return (size_t)(found - file->data);
}

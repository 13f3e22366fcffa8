/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "src/synth/synth.h"

static const size_t piece_bytes = (size_t)1 << 20;

/* As llama.cpp names and types them; what is not stated for the published files
 * is left out. */
static void shape_keys(struct gguf_head *head, const struct synth_shape *shape, uint64_t seed)
{
    enum { FILE_TYPE_Q1_0 = 40 };
    char text[96];
    (void)snprintf(text, sizeof text, "random weights, shape %s, seed %llu", shape->name,
                   (unsigned long long)seed);
    gguf_head_text(head, "general.architecture", "qwen3");
    gguf_head_text(head, "general.name", text);
    gguf_head_uint(head, "general.file_type", FILE_TYPE_Q1_0);
    gguf_head_uint(head, "qwen3.block_count", shape->layers);
    gguf_head_uint(head, "qwen3.context_length", shape->context);
    gguf_head_uint(head, "qwen3.embedding_length", shape->width);
    gguf_head_uint(head, "qwen3.feed_forward_length", shape->ffn);
    gguf_head_uint(head, "qwen3.attention.head_count", shape->heads);
    gguf_head_uint(head, "qwen3.attention.head_count_kv", shape->kv_heads);
    gguf_head_uint(head, "qwen3.attention.key_length", shape->head_dim);
    gguf_head_uint(head, "qwen3.attention.value_length", shape->head_dim);
    gguf_head_float(head, "qwen3.attention.layer_norm_rms_epsilon", 1e-6f);
    gguf_head_float(head, "qwen3.rope.freq_base", 1e6f);
    if (shape->yarn_context == 0)
        return;
    gguf_head_text(head, "qwen3.rope.scaling.type", "yarn");
    gguf_head_float(head, "qwen3.rope.scaling.factor", shape->yarn_factor);
    gguf_head_uint(head, "qwen3.rope.scaling.original_context_length", shape->yarn_context);
}

bool synth_file_plan(const struct synth_shape *shape, uint64_t seed, struct synth_file *file,
                     struct err *err)
{
    struct gguf_head head = {0};
    *file = (struct synth_file){.seed = seed};
    file->tensors = synth_tensors(shape, &file->tensor_count);
    shape_keys(&head, shape, seed);
    bool ok = synth_vocab_keys(&head, shape->vocab, err);
    for (size_t i = 0; i < file->tensor_count; i++) {
        const struct synth_tensor *tensor = &file->tensors[i];
        (void)gguf_head_tensor(&head, tensor->name, tensor->type, tensor->columns, tensor->rows);
    }
    gguf_head_end(&head, &file->head);
    file->bytes = file->head.len + head.data_bytes;
    gguf_head_free(&head);
    return ok;
}

static bool write_tensor(const struct synth_file *file, size_t index, struct buf *piece,
                         synth_put *put, void *user, struct err *err)
{
    static const char zeros[64];
    struct synth_stream stream;
    uint64_t bytes = 0;
    synth_stream_start(&stream, &file->tensors[index], index, file->seed);
    while (synth_stream_next(&stream, piece_bytes, piece)) {
        if (!put(user, piece->data, piece->len, err))
            return false;
        bytes += piece->len;
    }
    size_t padding = (size_t)gguf_padding(bytes);
    BUG_ON(padding > sizeof zeros);
    return padding == 0 || put(user, zeros, padding, err);
}

bool synth_file_write(const struct synth_file *file, synth_put *put, void *user, struct err *err)
{
    struct buf piece = {0};
    bool ok = put(user, file->head.data, file->head.len, err);
    for (size_t i = 0; ok && i < file->tensor_count; i++)
        ok = write_tensor(file, i, &piece, put, user, err);
    buf_free(&piece);
    return ok;
}

void synth_file_free(struct synth_file *file)
{
    free(file->tensors);
    buf_free(&file->head);
    *file = (struct synth_file){0};
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/gguf/write.h"

#include <string.h>

#include "engine/gguf/gguf_int.h"
#include "src/base/num.h"

enum { ALIGNMENT = 32 }; /* the format's default, so that no key has to say it */

static void put_u32(struct buf *out, uint32_t value)
{
    buf_add(out, &value, sizeof value);
}

static void put_u64(struct buf *out, uint64_t value)
{
    buf_add(out, &value, sizeof value);
}

static void put_text(struct buf *out, const char *text, size_t len)
{
    put_u64(out, len);
    buf_add(out, text, len);
}

static void put_key(struct gguf_head *head, const char *key, enum value_type type)
{
    put_text(&head->keys, key, strlen(key));
    put_u32(&head->keys, type);
    head->key_count++;
}

void gguf_head_uint(struct gguf_head *head, const char *key, uint32_t value)
{
    put_key(head, key, VALUE_U32);
    put_u32(&head->keys, value);
}

void gguf_head_float(struct gguf_head *head, const char *key, float value)
{
    put_key(head, key, VALUE_F32);
    buf_add(&head->keys, &value, sizeof value);
}

void gguf_head_bool(struct gguf_head *head, const char *key, bool value)
{
    put_key(head, key, VALUE_BOOL);
    buf_add(&head->keys, value ? "\1" : "\0", 1);
}

void gguf_head_text(struct gguf_head *head, const char *key, const char *value)
{
    put_key(head, key, VALUE_STRING);
    put_text(&head->keys, value, strlen(value));
}

static void put_array(struct gguf_head *head, const char *key, enum value_type type, size_t count)
{
    put_key(head, key, VALUE_ARRAY);
    put_u32(&head->keys, type);
    put_u64(&head->keys, count);
}

void gguf_head_texts(struct gguf_head *head, const char *key, const struct text_span *texts,
                     size_t count)
{
    put_array(head, key, VALUE_STRING, count);
    for (size_t i = 0; i < count; i++)
        put_text(&head->keys, texts[i].data, texts[i].len);
}

void gguf_head_ints(struct gguf_head *head, const char *key, const int32_t *values, size_t count)
{
    put_array(head, key, VALUE_I32, count);
    buf_add(&head->keys, values, count * sizeof values[0]);
}

uint64_t gguf_padding(uint64_t bytes)
{
    return (ALIGNMENT - bytes % ALIGNMENT) % ALIGNMENT;
}

uint64_t gguf_head_tensor(struct gguf_head *head, const char *name, uint32_t type,
                          uint64_t columns, uint64_t rows)
{
    uint64_t row_bytes = 0, bytes = 0;
    bool sized = ggml_type_bytes(type, columns, &row_bytes) &&
                 num_mul(row_bytes, rows ? rows : 1, &bytes);
    BUG_ON(!sized);
    put_text(&head->tensors, name, strlen(name));
    put_u32(&head->tensors, rows ? 2 : 1);
    put_u64(&head->tensors, columns);
    if (rows)
        put_u64(&head->tensors, rows);
    put_u32(&head->tensors, type);
    put_u64(&head->tensors, head->data_bytes);
    head->tensor_count++;
    head->data_bytes += bytes + gguf_padding(bytes);
    return bytes;
}

void gguf_head_end(const struct gguf_head *head, struct buf *out)
{
    static const char zeros[ALIGNMENT];
    size_t start = out->len;
    buf_add_text(out, "GGUF");
    put_u32(out, 3);
    put_u64(out, head->tensor_count);
    put_u64(out, head->key_count);
    buf_add(out, head->keys.data, head->keys.len);
    buf_add(out, head->tensors.data, head->tensors.len);
    buf_add(out, zeros, gguf_padding(out->len - start));
}

void gguf_head_free(struct gguf_head *head)
{
    buf_free(&head->keys);
    buf_free(&head->tensors);
    *head = (struct gguf_head){0};
}

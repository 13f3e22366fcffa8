/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/gguf/write.h - the head of a GGUF file, written.
 *
 * The other way of gguf.h (which has the format): keys and tensors are told in
 * the order they shall have, gguf_head_end gives all bytes before the first
 * tensor's.  The tensors' bytes are the caller's to write, one tensor after
 * another, each followed by gguf_padding() zero bytes.
 *
 * [W1] what was told is what gguf_parse says of the file.
 */
#ifndef ENGINE_GGUF_WRITE_H
#define ENGINE_GGUF_WRITE_H

#include "engine/gguf/gguf.h"

/* `{0}` is an empty one; gguf_head_free at the end. */
struct gguf_head {
    struct buf keys;
    struct buf tensors;
    uint64_t key_count;
    uint64_t tensor_count;
    uint64_t data_bytes; /* of all tensors so far, padding included */
};

/* A key, which must not have been told before. */
void gguf_head_uint(struct gguf_head *head, const char *key, uint32_t value);
void gguf_head_float(struct gguf_head *head, const char *key, float value);
void gguf_head_bool(struct gguf_head *head, const char *key, bool value);
void gguf_head_text(struct gguf_head *head, const char *key, const char *value);
void gguf_head_texts(struct gguf_head *head, const char *key, const struct text_span *texts,
                     size_t count);
void gguf_head_ints(struct gguf_head *head, const char *key, const int32_t *values, size_t count);

/* The next tensor: a matrix, or with rows 0 a vector.  Returns its bytes, without padding.  The
 * type is one this program reads, columns a multiple of its block. */
uint64_t gguf_head_tensor(struct gguf_head *head, const char *name, uint32_t type,
                          uint64_t columns, uint64_t rows);

/* Zero bytes that follow a tensor of this size. */
uint64_t gguf_padding(uint64_t bytes);

/* Append header, keys, tensors and padding to out. */
void gguf_head_end(const struct gguf_head *head, struct buf *out);
void gguf_head_free(struct gguf_head *head);

#endif

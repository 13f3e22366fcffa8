/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/tiny.h - small models made from a seed, as GGUF bytes in memory.
 *
 * Random signs and scales in the range that keeps activations sane, a byte
 * vocabulary with a few merges; any shape.  Tests damage the bytes on purpose.
 */
#ifndef TESTS_TINY_H
#define TESTS_TINY_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/buf.h"

struct tiny {
    uint32_t layers, width, ffn, heads, kv_heads, head_dim, vocab; /* vocab >= 260 */
    bool tied;
    bool yarn;
    bool linear;        /* linear RoPE scaling */
    uint32_t alignment; /* 0: the format's 32, not stated */
    uint32_t norm_type; /* ggml type of norms: 0 F32, 1 F16, 30 BF16 */
    uint64_t seed;
    const char *architecture;  /* NULL: qwen3 */
    uint32_t matrix_type;      /* 0: Q1_0 (41); else written as is */
    const char *chat_template; /* its key; the last tokens are then <|im_start|>, <|im_end|> */
    const char *skip_key;      /* leave this key out */
    const char *skip_tensor;   /* leave this tensor out */
};

extern const struct tiny tiny_default; /* 2 layers, 128 wide, separate head */

/* Append the file's bytes. */
void tiny_write(const struct tiny *tiny, struct buf *out);

/* Byte offset of the first occurrence of a text in the file; fails the test if
 * there is none. */
size_t tiny_find(const struct buf *file, const char *text);

#endif

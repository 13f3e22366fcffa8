/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/gguf/gguf_int.h - the inside of struct gguf: what parse.c fills and
 * gguf.c answers from.
 */
#ifndef ENGINE_GGUF_GGUF_INT_H
#define ENGINE_GGUF_GGUF_INT_H

#include "engine/gguf/gguf.h"

enum value_type { /* gguf_metadata_value_type */
    VALUE_U8,
    VALUE_I8,
    VALUE_U16,
    VALUE_I16,
    VALUE_U32,
    VALUE_I32,
    VALUE_F32,
    VALUE_BOOL,
    VALUE_STRING,
    VALUE_ARRAY,
    VALUE_U64,
    VALUE_I64,
    VALUE_F64,
    VALUE_TYPE_COUNT,
};

struct gguf_value_type {
    const char *name;
    uint8_t bytes; /* 0: of varying size */
};
extern const struct gguf_value_type gguf_value_types[VALUE_TYPE_COUNT];

struct key {
    struct text_span name;
    uint32_t type;         /* enum value_type */
    uint32_t element_type; /* of an array */
    uint64_t count;        /* elements of an array, else 1 */
    size_t offset;         /* of the (first) value in the file */
};

struct gguf {
    const uint8_t *bytes;
    size_t len;
    struct key *keys; /* sorted by name */
    size_t key_count;
    struct gguf_tensor *tensors; /* in the order of the file */
    uint32_t *by_name;           /* indices into tensors, sorted by name */
    size_t tensor_count;
};

/* As memcmp orders bytes; a prefix comes first. */
int gguf_compare(struct text_span a, struct text_span b);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/gguf/gguf.h - what a GGUF version 3 file says, proven before use.
 *
 * Format: github.com/ggml-org/ggml, docs/gguf.md.  Little endian (writing: write.h):
 *
 *   "GGUF"  u32 version  u64 tensors  u64 keys
 *   keys    { string key, u32 type, value }            string = u64 length, bytes
 *   tensors { string name, u32 dims, u64 dim[dims], u32 type, u64 offset }
 *   padding to general.alignment, then the tensors' bytes
 *
 * A gguf borrows the bytes it was parsed from; texts point into them.
 *
 * [G1] every count, length, offset and type was checked against the file's
 *      size; a tensor of a known type lies inside the file with exactly
 *      shape x type bytes, and no two tensors overlap.
 * [G2] keys and tensor names are unique.
 */
#ifndef ENGINE_GGUF_GGUF_H
#define ENGINE_GGUF_GGUF_H

#include "engine/token/token.h"

enum ggml_type { /* the ids of ggml.h that this program reads */
    GGML_F32 = 0,
    GGML_F16 = 1,
    GGML_BF16 = 30,
    GGML_Q1_0 = 41,
};

struct gguf_tensor {
    struct text_span name;
    uint32_t type; /* enum ggml_type or a foreign id */
    uint32_t dim_count;
    uint64_t shape[4]; /* shape[0] runs fastest; unused ones are 1 */
    uint64_t offset;   /* of the first byte, from the start of the file */
    uint64_t bytes;    /* 0 for a foreign type: its size is not known */
};

struct gguf;

struct gguf *gguf_parse(const uint8_t *bytes, size_t len, struct err *err);
void gguf_free(struct gguf *gguf);

size_t gguf_tensor_count(const struct gguf *gguf);
const struct gguf_tensor *gguf_tensor(const struct gguf *gguf, size_t index);
/* NULL if there is none of this name. */
const struct gguf_tensor *gguf_find_tensor(const struct gguf *gguf, const char *name);

enum gguf_result { GGUF_FOUND, GGUF_ABSENT, GGUF_WRONG };

/* Values of keys.  GGUF_WRONG (of another type, negative, ...) fills err. */
enum gguf_result gguf_uint(const struct gguf *gguf, const char *key, uint64_t *out,
                           struct err *err);
enum gguf_result gguf_float(const struct gguf *gguf, const char *key, double *out,
                            struct err *err);
enum gguf_result gguf_bool(const struct gguf *gguf, const char *key, bool *out, struct err *err);
enum gguf_result gguf_text(const struct gguf *gguf, const char *key, struct text_span *out,
                           struct err *err);
/* Arrays; *out is owned by the caller (free).  Their size is bounded by the file's: each
 * text took 8 bytes of it, each integer at least one. */
enum gguf_result gguf_texts(const struct gguf *gguf, const char *key, struct text_span **out,
                            size_t *count, struct err *err);
enum gguf_result gguf_ints(const struct gguf *gguf, const char *key, int32_t **out, size_t *count,
                           struct err *err);

/* "Q1_0", "Q4_K", ...; "unknown" for ids without a name here. */
const char *ggml_type_name(uint32_t type);
/* Weights that are stored together: a row is a multiple of it; false for foreign types. */
bool ggml_type_granule(uint32_t type, uint64_t *weights);
/* Bytes of `count` weights of a row; false for foreign types and partial blocks. */
bool ggml_type_bytes(uint32_t type, uint64_t count, uint64_t *bytes);

#endif

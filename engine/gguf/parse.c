/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading is done through a cursor that cannot leave the file.  A failed read
 * sets err once; later reads through the same cursor fail quietly, so callers
 * may read several fields and look once.
 */
#include "engine/gguf/gguf_int.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"

enum {
    TENSORS_MAX = 1 << 16,
    KEYS_MAX = 1 << 16,
    NAME_BYTES_MAX = 1 << 10,
    DIMS_MAX = 4,
};

struct cursor {
    const uint8_t *bytes;
    size_t len;
    size_t pos;
    bool failed;
    struct err *err;
};

static bool cursor_fail(struct cursor *cursor, size_t pos)
{
    if (!cursor->failed)
        (void)err_where(cursor->err, "byte %zu", pos);
    cursor->failed = true;
    return false;
}

/* The next len bytes, or NULL when the file ends before. */
static const uint8_t *cursor_take(struct cursor *cursor, uint64_t len, const char *what)
{
    if (cursor->failed)
        return NULL;
    if (len > cursor->len - cursor->pos) {
        (void)err_set(cursor->err, ERR_FORMAT,
                      "the file ends inside %s: %llu bytes expected, %zu left: it is cut short or "
                      "damaged",
                      what, (unsigned long long)len, cursor->len - cursor->pos);
        (void)cursor_fail(cursor, cursor->pos);
        return NULL;
    }
    const uint8_t *taken = cursor->bytes + cursor->pos;
    cursor->pos += (size_t)len;
    return taken;
}

static uint32_t cursor_u32(struct cursor *cursor, const char *what)
{
    uint32_t value = 0;
    const uint8_t *bytes = cursor_take(cursor, sizeof value, what);
    if (bytes)
        memcpy(&value, bytes, sizeof value);
    return value;
}

static uint64_t cursor_u64(struct cursor *cursor, const char *what)
{
    uint64_t value = 0;
    const uint8_t *bytes = cursor_take(cursor, sizeof value, what);
    if (bytes)
        memcpy(&value, bytes, sizeof value);
    return value;
}

static struct text_span cursor_text(struct cursor *cursor, const char *what)
{
    struct text_span text = {"", 0};
    uint64_t len = cursor_u64(cursor, what);
    const uint8_t *bytes = cursor_take(cursor, len, what);
    if (bytes)
        text = (struct text_span){(const char *)bytes, (size_t)len};
    return text;
}

/* ---- header and keys ------------------------------------------------------ */

static bool read_header(struct cursor *cursor, uint64_t *tensors, uint64_t *keys)
{
    const uint8_t *magic = cursor_take(cursor, 4, "the header");
    if (!magic)
        return false;
    if (memcmp(magic, "GGUF", 4) != 0) {
        (void)err_set(cursor->err, ERR_FORMAT,
                      "is not a GGUF file: it begins with %02x %02x %02x %02x, expected \"GGUF\"",
                      magic[0], magic[1], magic[2], magic[3]);
        return cursor_fail(cursor, 0);
    }
    uint32_t version = cursor_u32(cursor, "the header");
    *tensors = cursor_u64(cursor, "the header");
    *keys = cursor_u64(cursor, "the header");
    if (cursor->failed)
        return false;
    if (version != 3) {
        (void)err_set(cursor->err, ERR_UNSUPPORTED, "GGUF version %u%s, supported is 3",
                      (unsigned)version, (version & 0xFFFF) == 0 ? " (big endian?)" : "");
        return cursor_fail(cursor, 4);
    }
    if (*tensors > TENSORS_MAX || *keys > KEYS_MAX) { /* bounds what is allocated for them */
        (void)err_set(cursor->err, ERR_FORMAT,
                      "says it has %llu tensors and %llu keys, expected at most %d and %d",
                      (unsigned long long)*tensors, (unsigned long long)*keys, TENSORS_MAX,
                      KEYS_MAX);
        return cursor_fail(cursor, 8);
    }
    return true;
}

static bool skip_strings(struct cursor *cursor, uint64_t count)
{
    for (uint64_t i = 0; i < count && !cursor->failed; i++)
        (void)cursor_text(cursor, "an array of strings");
    return !cursor->failed;
}

static bool read_array_head(struct cursor *cursor, struct key *key)
{
    size_t start = cursor->pos;
    key->element_type = cursor_u32(cursor, "an array");
    key->count = cursor_u64(cursor, "an array");
    key->offset = cursor->pos;
    if (cursor->failed)
        return false;
    if (key->element_type >= VALUE_TYPE_COUNT || key->element_type == VALUE_ARRAY) {
        (void)err_set(cursor->err, ERR_FORMAT,
                      "key '%.*s' is an array of value type %u, expected 0 (u8) .. %d (f64) and no "
                      "array (9)",
                      (int)key->name.len, key->name.data, (unsigned)key->element_type,
                      VALUE_TYPE_COUNT - 1);
        return cursor_fail(cursor, start);
    }
    return true;
}

static bool read_value(struct cursor *cursor, struct key *key)
{
    if (key->type == VALUE_ARRAY && !read_array_head(cursor, key))
        return false;
    uint32_t type = key->type == VALUE_ARRAY ? key->element_type : key->type;
    if (type == VALUE_STRING)
        return skip_strings(cursor, key->count);
    size_t bytes = 0;
    if (!num_mul((size_t)key->count, gguf_value_types[type].bytes, &bytes))
        bytes = SIZE_MAX;
    return cursor_take(cursor, bytes, "a value") != NULL;
}

static bool read_key(struct cursor *cursor, struct key *key)
{
    size_t start = cursor->pos;
    key->name = cursor_text(cursor, "a key");
    size_t type_pos = cursor->pos;
    key->type = cursor_u32(cursor, "a key");
    key->offset = cursor->pos;
    key->count = 1;
    if (cursor->failed)
        return false;
    if (key->name.len == 0 || key->name.len > NAME_BYTES_MAX) {
        (void)err_set(cursor->err, ERR_FORMAT, "a key has a name of %zu bytes, expected 1 .. %d",
                      key->name.len, NAME_BYTES_MAX);
        return cursor_fail(cursor, start);
    }
    if (key->type >= VALUE_TYPE_COUNT) {
        (void)err_set(cursor->err, ERR_FORMAT,
                      "key '%.*s' has value type %u, expected 0 (u8) .. %d (f64)",
                      (int)key->name.len, key->name.data, (unsigned)key->type,
                      VALUE_TYPE_COUNT - 1);
        return cursor_fail(cursor, type_pos);
    }
    return read_value(cursor, key);
}

static int compare_keys(const void *a, const void *b)
{
    return gguf_compare(((const struct key *)a)->name, ((const struct key *)b)->name);
}

static bool read_keys(struct cursor *cursor, struct gguf *gguf, size_t count)
{
    gguf->keys = x_new(count, sizeof *gguf->keys);
    for (; gguf->key_count < count; gguf->key_count++)
        if (!read_key(cursor, &gguf->keys[gguf->key_count]))
            return false;
    qsort(gguf->keys, count, sizeof *gguf->keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (compare_keys(&gguf->keys[i - 1], &gguf->keys[i]) == 0)
            return err_set(cursor->err, ERR_FORMAT, "key '%.*s' occurs twice, expected once",
                           (int)gguf->keys[i].name.len, gguf->keys[i].name.data); /* [G2] */
    return true;
}

/* ---- tensors -------------------------------------------------------------- */

static bool read_shape(struct cursor *cursor, struct gguf_tensor *tensor, uint64_t *weights)
{
    *weights = 1;
    for (uint32_t i = 0; i < DIMS_MAX; i++) {
        size_t start = cursor->pos;
        tensor->shape[i] = i < tensor->dim_count ? cursor_u64(cursor, "a tensor's shape") : 1;
        if (cursor->failed)
            return false;
        if (tensor->shape[i] == 0 || !num_mul(*weights, tensor->shape[i], weights)) {
            (void)err_set(cursor->err, ERR_FORMAT,
                          "tensor '%.*s' has dimension %llu, expected a positive one that keeps "
                          "the number of weights below 2^64",
                          (int)tensor->name.len, tensor->name.data,
                          (unsigned long long)tensor->shape[i]);
            return cursor_fail(cursor, start);
        }
    }
    return true;
}

/* Shape x type = bytes; foreign types are left to the model's own refusal. */
static bool size_tensor(struct cursor *cursor, struct gguf_tensor *tensor, uint64_t weights,
                        size_t type_pos)
{
    uint64_t granule = 0, row_bytes = 0;
    if (!ggml_type_granule(tensor->type, &granule))
        return true;
    if (tensor->shape[0] % granule != 0) {
        (void)err_set(cursor->err, ERR_FORMAT,
                      "tensor '%.*s' of type %s has rows of %llu weights, expected a multiple of "
                      "%llu",
                      (int)tensor->name.len, tensor->name.data, ggml_type_name(tensor->type),
                      (unsigned long long)tensor->shape[0], (unsigned long long)granule);
        return cursor_fail(cursor, type_pos);
    }
    bool fits = ggml_type_bytes(tensor->type, tensor->shape[0], &row_bytes) &&
                num_mul(row_bytes, weights / tensor->shape[0], &tensor->bytes);
    if (fits)
        return true;
    (void)err_set(cursor->err, ERR_FORMAT,
                  "tensor '%.*s' has %llu weights of type %s, more bytes than 64 bits can count",
                  (int)tensor->name.len, tensor->name.data, (unsigned long long)weights,
                  ggml_type_name(tensor->type));
    return cursor_fail(cursor, type_pos);
}

static bool read_tensor(struct cursor *cursor, struct gguf_tensor *tensor)
{
    size_t start = cursor->pos;
    tensor->name = cursor_text(cursor, "a tensor's name");
    tensor->dim_count = cursor_u32(cursor, "a tensor");
    if (cursor->failed)
        return false;
    if (tensor->name.len == 0 || tensor->name.len > NAME_BYTES_MAX) {
        (void)err_set(cursor->err, ERR_FORMAT,
                      "a tensor has a name of %zu bytes, expected 1 .. %d", tensor->name.len,
                      NAME_BYTES_MAX);
        return cursor_fail(cursor, start);
    }
    if (tensor->dim_count == 0 || tensor->dim_count > DIMS_MAX) {
        (void)err_set(cursor->err, ERR_FORMAT,
                      "tensor '%.*s' has %u dimensions, expected 1 .. %d", (int)tensor->name.len,
                      tensor->name.data, (unsigned)tensor->dim_count, DIMS_MAX);
        return cursor_fail(cursor, start);
    }
    uint64_t weights = 0;
    if (!read_shape(cursor, tensor, &weights))
        return false;
    size_t type_pos = cursor->pos;
    tensor->type = cursor_u32(cursor, "a tensor");
    tensor->offset = cursor_u64(cursor, "a tensor");
    if (cursor->failed)
        return false;
    return size_tensor(cursor, tensor, weights, type_pos);
}

/* Offsets in the file are relative to the data section: make them absolute. */
static bool place_tensor(struct gguf *gguf, struct gguf_tensor *tensor, size_t data_start,
                         uint64_t alignment, struct err *err)
{
    uint64_t relative = tensor->offset;
    if (relative % alignment != 0)
        return err_set(err, ERR_FORMAT,
                       "tensor '%.*s' lies at offset %llu, expected a multiple of %llu",
                       (int)tensor->name.len, tensor->name.data, (unsigned long long)relative,
                       (unsigned long long)alignment);
    size_t begin = 0, end = 0;
    bool fits = num_add(data_start, relative, &begin) && num_add(begin, tensor->bytes, &end) &&
                end <= gguf->len;
    if (!fits)
        return err_set(err, ERR_FORMAT,
                       "tensor '%.*s' of %llu bytes lies at offset %llu of the data, expected it "
                       "inside the file of %zu bytes: it is cut short or damaged",
                       (int)tensor->name.len, tensor->name.data,
                       (unsigned long long)tensor->bytes, (unsigned long long)relative, gguf->len);
    tensor->offset = begin;
    return true;
}

static bool data_start(struct gguf *gguf, size_t header_end, uint64_t *alignment, size_t *start,
                       struct err *err)
{
    *alignment = 32; /* the default of the format */
    if (gguf_uint(gguf, "general.alignment", alignment, err) == GGUF_WRONG)
        return false;
    bool power = *alignment >= 8 && *alignment <= 1 << 20 && (*alignment & (*alignment - 1)) == 0;
    if (!power)
        return err_set(err, ERR_FORMAT,
                       "key 'general.alignment' is %llu, expected a power of two in 8 .. 1048576",
                       (unsigned long long)*alignment);
    size_t mask = (size_t)*alignment - 1; /* header_end <= the file's size: no overflow */
    *start = (header_end + mask) & ~mask;
    return true;
}

static bool read_tensors(struct cursor *cursor, struct gguf *gguf, size_t count)
{
    gguf->tensors = x_new(count, sizeof *gguf->tensors);
    for (; gguf->tensor_count < count; gguf->tensor_count++)
        if (!read_tensor(cursor, &gguf->tensors[gguf->tensor_count]))
            return false;
    uint64_t alignment = 0;
    size_t start = 0;
    if (!data_start(gguf, cursor->pos, &alignment, &start, cursor->err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!place_tensor(gguf, &gguf->tensors[i], start, alignment, cursor->err))
            return false;
    return true;
}

static int compare_by_name(const void *a, const void *b, void *gguf)
{
    const struct gguf_tensor *tensors = ((const struct gguf *)gguf)->tensors;
    return gguf_compare(tensors[*(const uint32_t *)a].name, tensors[*(const uint32_t *)b].name);
}

static int compare_by_offset(const void *a, const void *b, void *gguf)
{
    const struct gguf_tensor *tensors = ((const struct gguf *)gguf)->tensors;
    uint64_t left = tensors[*(const uint32_t *)a].offset;
    uint64_t right = tensors[*(const uint32_t *)b].offset;
    return (left > right) - (left < right);
}

static bool refuse_overlaps(struct gguf *gguf, struct err *err)
{
    uint32_t *order = gguf->by_name; /* used for both sorts, names last */
    qsort_r(order, gguf->tensor_count, sizeof *order, compare_by_offset, gguf);
    for (size_t i = 1; i < gguf->tensor_count; i++) {
        const struct gguf_tensor *before = &gguf->tensors[order[i - 1]];
        const struct gguf_tensor *tensor = &gguf->tensors[order[i]];
        if (before->offset + before->bytes > tensor->offset)
            return err_set(err, ERR_FORMAT,
                           "tensors '%.*s' and '%.*s' overlap, expected bytes of their own",
                           (int)before->name.len, before->name.data, (int)tensor->name.len,
                           tensor->name.data); /* [G1] */
    }
    return true;
}

static bool index_names(struct gguf *gguf, struct err *err)
{
    gguf->by_name = x_new(gguf->tensor_count, sizeof *gguf->by_name);
    for (size_t i = 0; i < gguf->tensor_count; i++)
        gguf->by_name[i] = (uint32_t)i;
    if (!refuse_overlaps(gguf, err))
        return false;
    qsort_r(gguf->by_name, gguf->tensor_count, sizeof *gguf->by_name, compare_by_name, gguf);
    for (size_t i = 1; i < gguf->tensor_count; i++)
        if (compare_by_name(&gguf->by_name[i - 1], &gguf->by_name[i], gguf) == 0) {
            struct text_span name = gguf->tensors[gguf->by_name[i]].name;
            return err_set(err, ERR_FORMAT, "tensor '%.*s' occurs twice, expected once",
                           (int)name.len, name.data); /* [G2] */
        }
    return true;
}

struct gguf *gguf_parse(const uint8_t *bytes, size_t len, struct err *err)
{
    struct cursor cursor = {.bytes = bytes, .len = len, .err = err};
    uint64_t tensors = 0, keys = 0;
    if (!read_header(&cursor, &tensors, &keys))
        return NULL;
    struct gguf *gguf = x_new(1, sizeof *gguf);
    gguf->bytes = bytes;
    gguf->len = len;
    bool ok = read_keys(&cursor, gguf, (size_t)keys) &&
              read_tensors(&cursor, gguf, (size_t)tensors) && index_names(gguf, err);
    if (ok)
        return gguf;
    gguf_free(gguf);
    return NULL;
}

void gguf_free(struct gguf *gguf)
{
    if (!gguf)
        return;
    free(gguf->keys);
    free(gguf->tensors);
    free(gguf->by_name);
    free(gguf);
}

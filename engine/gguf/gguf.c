/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading is done through a cursor that cannot leave the file.  A failed read
 * sets err once; later reads through the same cursor fail quietly, so callers
 * may read several fields and look once.
 */
#include "engine/gguf/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"

enum {
    TENSORS_MAX = 1 << 16,
    KEYS_MAX = 1 << 16,
    NAME_BYTES_MAX = 1 << 10,
    DIMS_MAX = 4,
};

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

static const struct {
    const char *name;
    uint8_t bytes; /* 0: of varying size */
} value_types[VALUE_TYPE_COUNT] = {
    [VALUE_U8] = {"u8", 1},         [VALUE_I8] = {"i8", 1},       [VALUE_U16] = {"u16", 2},
    [VALUE_I16] = {"i16", 2},       [VALUE_U32] = {"u32", 4},     [VALUE_I32] = {"i32", 4},
    [VALUE_F32] = {"f32", 4},       [VALUE_BOOL] = {"bool", 1},   [VALUE_STRING] = {"string", 0},
    [VALUE_ARRAY] = {"array", 0},   [VALUE_U64] = {"u64", 8},     [VALUE_I64] = {"i64", 8},
    [VALUE_F64] = {"f64", 8},
};

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
                      "the file ends inside %s: %llu bytes are missing, it is cut short or damaged",
                      what, (unsigned long long)(len - (cursor->len - cursor->pos)));
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

static int compare_text(struct text_span a, struct text_span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
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
    if (*tensors > TENSORS_MAX || *keys > KEYS_MAX) {
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
                      "key '%.*s' is an array of value type %u, expected a type below %d other "
                      "than an array",
                      (int)key->name.len, key->name.data, (unsigned)key->element_type,
                      VALUE_TYPE_COUNT);
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
    if (!num_mul((size_t)key->count, value_types[type].bytes, &bytes))
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
                      "key '%.*s' has value type %u, expected a type below %d",
                      (int)key->name.len, key->name.data, (unsigned)key->type, VALUE_TYPE_COUNT);
        return cursor_fail(cursor, type_pos);
    }
    return read_value(cursor, key);
}

static int compare_keys(const void *a, const void *b)
{
    return compare_text(((const struct key *)a)->name, ((const struct key *)b)->name);
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
                          "tensor '%.*s' has dimension %llu, expected one that is positive and "
                          "does not overflow the shape",
                          (int)tensor->name.len, tensor->name.data,
                          (unsigned long long)tensor->shape[i]);
            return cursor_fail(cursor, start);
        }
    }
    return true;
}

static bool read_tensor(struct cursor *cursor, struct gguf_tensor *tensor)
{
    size_t start = cursor->pos;
    tensor->name = cursor_text(cursor, "a tensor's name");
    tensor->dim_count = cursor_u32(cursor, "a tensor");
    if (cursor->failed)
        return false;
    bool named = tensor->name.len > 0 && tensor->name.len <= NAME_BYTES_MAX;
    if (!named || tensor->dim_count == 0 || tensor->dim_count > DIMS_MAX) {
        (void)err_set(cursor->err, ERR_FORMAT,
                      "a tensor has a name of %zu bytes and %u dimensions, expected 1 .. %d and "
                      "1 .. %d",
                      tensor->name.len, (unsigned)tensor->dim_count, NAME_BYTES_MAX, DIMS_MAX);
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
    uint64_t row_bytes = 0;
    bool known = ggml_type_bytes(tensor->type, 0, &row_bytes);
    if (known && !ggml_type_bytes(tensor->type, tensor->shape[0], &row_bytes)) {
        (void)err_set(cursor->err, ERR_FORMAT,
                      "tensor '%.*s' of type %s has rows of %llu weights, expected a multiple of "
                      "%d",
                      (int)tensor->name.len, tensor->name.data, ggml_type_name(tensor->type),
                      (unsigned long long)tensor->shape[0], GROUP_WEIGHTS);
        return cursor_fail(cursor, type_pos);
    }
    /* A row of known type is smaller than 4 bytes a weight, whose product fits. */
    if (known && !num_mul(row_bytes, weights / tensor->shape[0], &tensor->bytes))
        tensor->bytes = UINT64_MAX;
    return true;
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
                       "general.alignment is %llu, expected a power of two in 8 .. 1048576",
                       (unsigned long long)*alignment);
    size_t rounded = 0;
    if (!num_add(header_end, (size_t)*alignment - 1, &rounded))
        return err_set(err, ERR_FORMAT, "the header is larger than memory");
    *start = rounded / (size_t)*alignment * (size_t)*alignment;
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
    return compare_text(tensors[*(const uint32_t *)a].name, tensors[*(const uint32_t *)b].name);
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

/* ---- questions ------------------------------------------------------------ */

size_t gguf_tensor_count(const struct gguf *gguf)
{
    return gguf->tensor_count;
}

const struct gguf_tensor *gguf_tensor(const struct gguf *gguf, size_t index)
{
    return &gguf->tensors[index];
}

const struct gguf_tensor *gguf_find_tensor(const struct gguf *gguf, const char *name)
{
    struct text_span wanted = {name, strlen(name)};
    size_t low = 0, high = gguf->tensor_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct gguf_tensor *tensor = &gguf->tensors[gguf->by_name[middle]];
        int order = compare_text(wanted, tensor->name);
        if (order == 0)
            return tensor;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const struct key *find_key(const struct gguf *gguf, const char *name)
{
    size_t low = 0, high = gguf->key_count;
    struct text_span wanted = {name, strlen(name)};
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_text(wanted, gguf->keys[middle].name);
        if (order == 0)
            return &gguf->keys[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static enum gguf_result wrong_type(const struct key *key, const char *expected, struct err *err)
{
    bool array = key->type == VALUE_ARRAY;
    (void)err_set(err, ERR_FORMAT, "key '%.*s' is %s%s, expected %s", (int)key->name.len,
                  key->name.data, array ? "an array of " : "of type ",
                  value_types[array ? key->element_type : key->type].name, expected);
    (void)err_where(err, "byte %zu", key->offset);
    return GGUF_WRONG;
}

/* The integer at one value; false if the type is no integer. */
static bool integer_at(const uint8_t *at, uint32_t type, int64_t *out)
{
    uint64_t raw = 0;
    if (type >= VALUE_TYPE_COUNT || value_types[type].bytes == 0)
        return false;
    memcpy(&raw, at, value_types[type].bytes);
    switch (type) {
    case VALUE_U8:
    case VALUE_U16:
    case VALUE_U32: *out = (int64_t)raw; return true;
    case VALUE_I8: *out = (int8_t)raw; return true;
    case VALUE_I16: *out = (int16_t)raw; return true;
    case VALUE_I32: *out = (int32_t)raw; return true;
    case VALUE_I64: *out = (int64_t)raw; return true;
    case VALUE_U64: *out = raw > INT64_MAX ? -1 : (int64_t)raw; return true;
    default: return false;
    }
}

enum gguf_result gguf_uint(const struct gguf *gguf, const char *key, uint64_t *out,
                           struct err *err)
{
    const struct key *found = find_key(gguf, key);
    if (!found)
        return GGUF_ABSENT;
    int64_t value = 0;
    if (!integer_at(gguf->bytes + found->offset, found->type, &value))
        return wrong_type(found, "an integer", err);
    if (value < 0) {
        (void)err_set(err, ERR_FORMAT, "key '%s' is %lld, expected a number from 0 to 2^63-1", key,
                      (long long)value);
        return GGUF_WRONG;
    }
    *out = (uint64_t)value;
    return GGUF_FOUND;
}

enum gguf_result gguf_float(const struct gguf *gguf, const char *key, double *out,
                            struct err *err)
{
    const struct key *found = find_key(gguf, key);
    if (!found)
        return GGUF_ABSENT;
    const uint8_t *at = gguf->bytes + found->offset;
    float single = 0;
    if (found->type == VALUE_F32) {
        memcpy(&single, at, sizeof single);
        *out = (double)single;
    } else if (found->type == VALUE_F64) {
        memcpy(out, at, sizeof *out);
    } else {
        return wrong_type(found, "a floating-point number", err);
    }
    return GGUF_FOUND;
}

enum gguf_result gguf_bool(const struct gguf *gguf, const char *key, bool *out, struct err *err)
{
    const struct key *found = find_key(gguf, key);
    if (!found)
        return GGUF_ABSENT;
    if (found->type != VALUE_BOOL)
        return wrong_type(found, "a bool", err);
    *out = gguf->bytes[found->offset] != 0;
    return GGUF_FOUND;
}

static struct text_span text_at(const uint8_t *bytes, size_t offset)
{
    uint64_t len = 0;
    memcpy(&len, bytes + offset, sizeof len);
    return (struct text_span){(const char *)bytes + offset + sizeof len, (size_t)len};
}

enum gguf_result gguf_text(const struct gguf *gguf, const char *key, struct text_span *out,
                           struct err *err)
{
    const struct key *found = find_key(gguf, key);
    if (!found)
        return GGUF_ABSENT;
    if (found->type != VALUE_STRING)
        return wrong_type(found, "a string", err);
    *out = text_at(gguf->bytes, found->offset);
    return GGUF_FOUND;
}

enum gguf_result gguf_texts(const struct gguf *gguf, const char *key, struct text_span **out,
                            size_t *count, struct err *err)
{
    const struct key *found = find_key(gguf, key);
    if (!found)
        return GGUF_ABSENT;
    if (found->type != VALUE_ARRAY || found->element_type != VALUE_STRING)
        return wrong_type(found, "an array of strings", err);
    /* each string took at least 8 bytes of the file: the count is bounded by it */
    struct text_span *texts = x_new((size_t)found->count, sizeof *texts);
    size_t offset = found->offset;
    for (size_t i = 0; i < found->count; i++) {
        texts[i] = text_at(gguf->bytes, offset);
        offset += sizeof(uint64_t) + texts[i].len;
    }
    *out = texts;
    *count = (size_t)found->count;
    return GGUF_FOUND;
}

enum gguf_result gguf_ints(const struct gguf *gguf, const char *key, int32_t **out, size_t *count,
                           struct err *err)
{
    const struct key *found = find_key(gguf, key);
    if (!found)
        return GGUF_ABSENT;
    int64_t value = 0;
    uint32_t type = found->element_type;
    if (found->type != VALUE_ARRAY || !integer_at((const uint8_t[8]){0}, type, &value))
        return wrong_type(found, "an array of integers", err);
    int32_t *values = x_new((size_t)found->count, sizeof *values);
    for (size_t i = 0; i < found->count; i++) {
        (void)integer_at(gguf->bytes + found->offset + i * value_types[type].bytes, type, &value);
        values[i] = value < INT32_MIN || value > INT32_MAX ? -1 : (int32_t)value;
    }
    *out = values;
    *count = (size_t)found->count;
    return GGUF_FOUND;
}

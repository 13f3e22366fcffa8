/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Questions to a parsed file.  Everything was proven by parse.c: here only the
 * types of values can be other than asked.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/gguf/gguf_int.h"
#include "src/base/num.h"

const struct gguf_value_type gguf_value_types[VALUE_TYPE_COUNT] = {
    [VALUE_U8] = {"u8", 1},         [VALUE_I8] = {"i8", 1},       [VALUE_U16] = {"u16", 2},
    [VALUE_I16] = {"i16", 2},       [VALUE_U32] = {"u32", 4},     [VALUE_I32] = {"i32", 4},
    [VALUE_F32] = {"f32", 4},       [VALUE_BOOL] = {"bool", 1},   [VALUE_STRING] = {"string", 0},
    [VALUE_ARRAY] = {"array", 0},   [VALUE_U64] = {"u64", 8},     [VALUE_I64] = {"i64", 8},
    [VALUE_F64] = {"f64", 8},
};

int gguf_compare(struct text_span a, struct text_span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

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
        int order = gguf_compare(wanted, tensor->name);
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
        int order = gguf_compare(wanted, gguf->keys[middle].name);
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
                  gguf_value_types[array ? key->element_type : key->type].name, expected);
    (void)err_where(err, "byte %zu", key->offset);
    return GGUF_WRONG;
}

/* The integer at one value; false if the type is no integer. */
static bool integer_at(const uint8_t *at, uint32_t type, int64_t *out)
{
    uint64_t raw = 0;
    if (type >= VALUE_TYPE_COUNT || gguf_value_types[type].bytes == 0)
        return false;
    memcpy(&raw, at, gguf_value_types[type].bytes);
    switch (type) {
    case VALUE_U8:
    case VALUE_U16:
    case VALUE_U32: *out = (int64_t)raw; return true;
    case VALUE_I8: *out = (int8_t)raw; return true;
    case VALUE_I16: *out = (int16_t)raw; return true;
    case VALUE_I32: *out = (int32_t)raw; return true;
    case VALUE_I64: *out = (int64_t)raw; return true;
    case VALUE_U64: *out = raw > INT64_MAX ? INT64_MAX : (int64_t)raw; return true;
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
        (void)err_set(err, ERR_RANGE, "key '%s' is %lld, expected no negative number", key,
                      (long long)value);
        (void)err_where(err, "byte %zu", found->offset);
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

/* Arrays may be as large as the file: no memory is an error, not the end. */
static void *new_array(const struct key *key, size_t element_bytes, struct err *err)
{
    size_t count = (size_t)key->count;
    void *array = calloc(count ? count : 1, element_bytes);
    if (!array)
        (void)err_set(err, ERR_MEMORY, "no memory for the %zu elements of key '%.*s'", count,
                      (int)key->name.len, key->name.data);
    return array;
}

enum gguf_result gguf_texts(const struct gguf *gguf, const char *key, struct text_span **out,
                            size_t *count, struct err *err)
{
    const struct key *found = find_key(gguf, key);
    if (!found)
        return GGUF_ABSENT;
    if (found->type != VALUE_ARRAY || found->element_type != VALUE_STRING)
        return wrong_type(found, "an array of strings", err);
    struct text_span *texts = new_array(found, sizeof *texts, err);
    if (!texts)
        return GGUF_WRONG;
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
    int32_t *values = new_array(found, sizeof *values, err);
    if (!values)
        return GGUF_WRONG;
    for (size_t i = 0; i < found->count; i++) {
        size_t offset = found->offset + i * gguf_value_types[type].bytes;
        (void)integer_at(gguf->bytes + offset, type, &value);
        value = value > INT32_MAX ? INT32_MAX : value;
        values[i] = value < INT32_MIN ? INT32_MIN : (int32_t)value;
    }
    *out = values;
    *count = (size_t)found->count;
    return GGUF_FOUND;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/json.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/text.h"

static const size_t file_bytes_max = (size_t)256 << 20;

void json_need_memory(void)
{
    json_set_alloc_funcs(x_bytes, free);
}

/* lines_before: of the file, for messages; flags beside the usual ones */
static json_t *parse_part(const char *text, size_t len, size_t lines_before, size_t flags,
                          const char *name, struct err *err)
{
    json_error_t problem;
    json_t *value = json_loadb(text ? text : "", len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | flags, &problem);
    if (value)
        return value;
    (void)err_set(err, ERR_FORMAT, "is not valid JSON: %s", problem.text);
    (void)err_where(err, "line %zu, column %d", lines_before + (size_t)problem.line,
                    problem.column);
    (void)err_file(err, name);
    return NULL;
}

json_t *json_parse(const char *text, size_t len, const char *name, struct err *err)
{
    return parse_part(text, len, 0, 0, name, err);
}

json_t *json_parse_said(const char *text, size_t len, const char *name, struct err *err)
{
    return parse_part(text, len, 0, JSON_ALLOW_NUL, name, err);
}

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!strchr(" \t\r", text[i]) || text[i] == '\0')
            return false;
    return true;
}

static json_t *parse_lines(const char *text, size_t len, size_t flags, const char *name,
                           struct err *err)
{
    json_t *array = json_array();
    for (size_t begin = 0, line = 0; begin < len; line++) {
        const char *feed = memchr(text + begin, '\n', len - begin);
        size_t end = feed ? (size_t)(feed - text) : len;
        json_t *value = NULL;
        bool blank = is_blank(text + begin, end - begin);
        if (!blank)
            value = parse_part(text + begin, end - begin, line, flags, name, err);
        if (!blank && (!value || json_array_append_new(array, value) != 0)) {
            json_decref(array);
            return NULL;
        }
        begin = end + 1;
    }
    return array;
}

json_t *json_parse_lines(const char *text, size_t len, const char *name, struct err *err)
{
    return parse_lines(text, len, 0, name, err);
}

static bool names_lines(const char *path)
{
    static const char ending[] = ".jsonl";
    size_t len = strlen(path), ending_len = sizeof ending - 1;
    return len > ending_len && strcmp(path + len - ending_len, ending) == 0;
}

static json_t *read_file(const char *path, size_t flags, struct err *err)
{
    struct buf text = {0};
    json_t *value = NULL;
    if (file_read(path, file_bytes_max, &text, err))
        value = names_lines(path) ? parse_lines(text.data, text.len, flags, path, err)
                                  : parse_part(text.data, text.len, 0, flags, path, err);
    buf_free(&text);
    return value;
}

json_t *json_read(const char *path, struct err *err)
{
    return read_file(path, 0, err);
}

json_t *json_read_said(const char *path, struct err *err)
{
    return read_file(path, JSON_ALLOW_NUL, err);
}

void json_print(struct buf *out, const json_t *value, bool indented)
{
    size_t flags = JSON_ENCODE_ANY | (indented ? JSON_INDENT(2) : 0);
    char *text = json_dumps(value, flags);
    BUG_ON(!text);
    buf_add_text(out, text);
    free(text);
}

json_t *json_text(const char *text, size_t len)
{
    struct buf valid = {0};
    text_valid(&valid, text, len);
    json_t *value = json_stringn(valid.data ? valid.data : "", valid.len);
    buf_free(&valid);
    return value;
}

const char *json_kind(const json_t *value)
{
    if (!value)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a fraction";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    case JSON_NULL: return "null";
    }
    return "nothing";
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/cli/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/document.h"
#include "tests/t.h"

json_t *look(const json_t *object, const char *key, json_type type)
{
    json_t *value = json_object_get(object, key);
    bool any_boolean = type == JSON_TRUE && json_is_false(value);
    if (!value || (json_typeof(value) != type && !any_boolean)) {
        char *text = json_dumps(object, JSON_ENCODE_ANY);
        print_error("\"%s\" is %s in %s\n", key, value ? "of another type" : "missing", text);
        free(text);
        fail();
    }
    return value;
}

int64_t look_int(const json_t *object, const char *key)
{
    return json_integer_value(look(object, key, JSON_INTEGER));
}

double look_real(const json_t *object, const char *key)
{
    return json_real_value(look(object, key, JSON_REAL));
}

const char *look_text(const json_t *object, const char *key)
{
    return json_string_value(look(object, key, JSON_STRING));
}

bool look_bool(const json_t *object, const char *key)
{
    return json_is_true(look(object, key, JSON_TRUE));
}

json_t *look_any(const struct run *run)
{
    json_t *value = json_loadb(run->out.data, run->out.len, JSON_ALLOW_NUL, NULL);
    assert_non_null(value);
    return value;
}

json_t *look_last(const json_t *array)
{
    assert_true(json_array_size(array) > 0);
    return json_array_get(array, json_array_size(array) - 1);
}

json_t *look_end(struct run *run)
{
    json_t *lines = run_json_lines(run);
    json_t *end = json_incref(look_last(lines));
    json_decref(lines);
    run_free(run);
    return end;
}

const char *look_targets(const char *name, unsigned first, unsigned last)
{
    struct buf text = {0};
    for (unsigned a = first; a <= last; a++)
        for (unsigned n = 3; n < 9; n++)
            buf_add_format(&text,
                           "{\"prompt\": \"The second derivative of %ux^%u is\", \"correct\": "
                           "\" %ux^%u\", \"category\": \"power\"}\n",
                           a, n, a * n * (n - 1), n - 2);
    const char *path = run_write(name, text.data, text.len);
    buf_free(&text);
    return path;
}

const char *look_sha256(const char *path)
{
    static char hex[65];
    struct buf command = {0};
    buf_add_format(&command, "sha256sum '%s'", path);
    FILE *pipe = popen(command.data, "r");
    assert_non_null(pipe);
    assert_int_equal(fread(hex, 1, 64, pipe), 64);
    assert_int_equal(pclose(pipe), 0);
    buf_free(&command);
    return hex;
}

uint64_t look_file_bytes(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (uint64_t)status.st_size;
}

bool look_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

const char *look_tiny_model(const char *name, const struct tiny *tiny)
{
    struct buf file = {0};
    tiny_write(tiny, &file);
    const char *path = run_write(name, file.data, file.len);
    buf_free(&file);
    return path;
}

void look_same_files(const char *a, const char *b)
{
    struct buf left = document_read(a), right = document_read(b);
    assert_int_equal(left.len, right.len);
    assert_memory_equal(left.data, right.data, left.len);
    buf_free(&left);
    buf_free(&right);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/json_field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/num.h"
#include "src/base/text.h"

enum { SHOWN_SIZE = 48, EXPECTED_SIZE = 96 };

/* "a string ("12")"; arrays and objects by their kind alone. */
static void describe(const json_t *value, char *out, size_t out_size)
{
    bool plain = json_is_string(value) || json_is_number(value);
    if (!plain) {
        (void)snprintf(out, out_size, "%s", json_kind(value));
        return;
    }
    struct buf text = {0};
    char shown[SHOWN_SIZE];
    json_print(&text, value, false);
    text_visible_into(shown, sizeof shown, text.data, text.len);
    const char *rest = text.len >= sizeof shown ? "..." : "";
    (void)snprintf(out, out_size, "%s (%s%s)", json_kind(value), shown, rest);
    buf_free(&text);
}

bool json_refuse(const json_t *value, const char *path, const char *key, const char *expected,
                 struct err *err)
{
    char found[2 * SHOWN_SIZE] = "missing";
    if (value)
        describe(value, found, sizeof found);
    (void)err_set(err, ERR_FORMAT, "is %s, expected %s", found, expected);
    return err_where(err, "%s%s%s", path, *path && key ? "." : "", key ? key : "");
}

bool json_field_text(const json_t *object, const char *path, const char *key, bool required,
                     const char **out, struct err *err)
{
    const json_t *value = json_object_get(object, key);
    *out = NULL;
    if (!value && !required)
        return true;
    if (!json_is_string(value))
        return json_refuse(value, path, key, "a string", err);
    if (strlen(json_string_value(value)) != json_string_length(value))
        return json_refuse(value, path, key, "text without U+0000", err);
    *out = json_string_value(value);
    return true;
}

bool json_field_said(const json_t *object, const char *path, const char *key, const char **out,
                     size_t *len, struct err *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return json_refuse(value, path, key, "a string", err);
    *out = json_string_value(value);
    *len = json_string_length(value);
    return true;
}

bool json_field_int(const json_t *object, const char *path, const char *key, int64_t min,
                    int64_t max, int64_t *out, struct err *err)
{
    const json_t *value = json_object_get(object, key);
    char expected[EXPECTED_SIZE];
    (void)snprintf(expected, sizeof expected, "an integer from %" PRId64 " to %" PRId64, min, max);
    if (!json_is_integer(value))
        return json_refuse(value, path, key, expected, err);
    int64_t found = json_integer_value(value);
    if (found < min || found > max) {
        (void)err_set(err, ERR_RANGE, "is %" PRId64 ", expected %s", found, expected);
        return err_where(err, "%s%s%s", path, *path ? "." : "", key);
    }
    *out = found;
    return true;
}

bool json_field_array(const json_t *object, const char *path, const char *key, bool required,
                      json_t **out, struct err *err)
{
    json_t *value = json_object_get(object, key);
    *out = NULL;
    if (!value && !required)
        return true;
    if (!json_is_array(value))
        return json_refuse(value, path, key, "an array", err);
    *out = value;
    return true;
}

/* One step down; borrowed. */
static json_t *member(const json_t *value, const char *key, size_t len)
{
    if (json_is_object(value))
        return json_object_getn(value, key, len);
    int64_t index = 0;
    char text[24];
    if (!json_is_array(value) || len == 0 || len >= sizeof text)
        return NULL;
    (void)snprintf(text, sizeof text, "%.*s", (int)len, key);
    return num_parse_int(text, &index) && index >= 0 ? json_array_get(value, (size_t)index) : NULL;
}

json_t *json_field_at(json_t *value, const char *path)
{
    for (const char *at = path; value && at;) {
        size_t len = strcspn(at, ".");
        value = member(value, at, len);
        at = at[len] ? at + len + 1 : NULL;
    }
    return value;
}

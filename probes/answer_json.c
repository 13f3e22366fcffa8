/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A field of the first JSON object of a text.
 */
#include "probes/answer_int.h"

#include <string.h>

#include "src/base/json_field.h"
#include "src/base/num.h"

/* A text of braces would be read again from each of them. */
enum { OBJECTS_TRIED_MAX = 64 };

/* The first brace from which on there is an object; NULL if none.  New reference. */
static json_t *first_object(const char *text, size_t len)
{
    size_t at = 0;
    for (int tried = 0; tried < OBJECTS_TRIED_MAX; tried++) {
        const char *brace = len > at ? memchr(text + at, '{', len - at) : NULL;
        if (!brace)
            return NULL;
        at = (size_t)(brace - text);
        json_error_t problem;
        json_t *object = json_loadb(text + at, len - at,
                                    JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &problem);
        if (object)
            return object;
        at++;
    }
    return NULL;
}

/* Text as it is, else what JSON writes for it; arrays and objects are no answer. */
static bool value_text(const json_t *value, struct buf *out)
{
    if (!value || json_is_array(value) || json_is_object(value))
        return false;
    if (json_is_string(value))
        buf_add(out, json_string_value(value), json_string_length(value));
    else
        json_print(out, value, false);
    return true;
}

static bool number_is(const json_t *value, struct slice wanted)
{
    struct buf text = {0};
    double number = 0;
    buf_add(&text, wanted.data, wanted.len);
    bool equal = text.len > 0 && num_parse_double(text.data, &number);
    if (equal && json_is_real(value))
        equal = !(json_real_value(value) < number || json_real_value(value) > number);
    else if (equal) {
        struct buf whole = {0};
        json_print(&whole, value, false);
        equal = answer_number(text.data, text.len, whole.data);
        buf_free(&whole);
    }
    buf_free(&text);
    return equal;
}

static bool is_answer(const json_t *value, const char *accepted)
{
    struct slice wanted = answer_trim(accepted, strlen(accepted));
    if (json_is_number(value))
        return number_is(value, wanted);
    struct buf text = {0};
    bool found = value_text(value, &text);
    struct slice said = answer_trim(text.data, text.len);
    bool same = found && wanted.len > 0 && said.len == wanted.len &&
                memcmp(said.data, wanted.data, said.len) == 0;
    buf_free(&text);
    return same;
}

bool answer_json_field(const char *generated, size_t len, const char *field, const char *accepted)
{
    json_t *root = first_object(generated, len);
    bool right = is_answer(json_field_at(root, field), accepted);
    json_decref(root);
    return right;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The rules by name, and the modes that compare plain text.
 */
#include "probes/answer_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/pattern.h"
#include "src/base/num.h"
#include "src/base/text.h"

/* ---- rules ---------------------------------------------------------------- */

static const char *const mode_names[ANSWER_MODE_COUNT] = {
    [ANSWER_MATH] = "math",     [ANSWER_EXACT] = "exact", [ANSWER_CONTAINS] = "contains",
    [ANSWER_NUMBER] = "number", [ANSWER_REGEX] = "regex", [ANSWER_JSON_FIELD] = "json_field",
};

const char *answer_mode_name(enum answer_mode mode)
{
    return mode_names[mode];
}

static bool find_mode(const char *name, size_t len, enum answer_mode *mode)
{
    for (size_t i = 0; i < countof(mode_names); i++)
        if (strlen(mode_names[i]) == len && memcmp(mode_names[i], name, len) == 0) {
            *mode = (enum answer_mode)i;
            return true;
        }
    return false;
}

bool answer_rule_parse(const char *text, struct answer_rule *rule, struct err *err)
{
    size_t len = strcspn(text, ":");
    const char *field = text[len] ? text + len + 1 : "";
    *rule = (struct answer_rule){0};
    if (!find_mode(text, len, &rule->mode))
        return err_set(err, ERR_USAGE, "is '%.60s', expected math, exact, contains, number, regex "
                       "or json_field:FIELD", text);
    bool wants_field = rule->mode == ANSWER_JSON_FIELD;
    if (!wants_field && text[len])
        return err_set(err, ERR_USAGE, "is '%.60s', but %s has no field", text,
                       mode_names[rule->mode]);
    if (wants_field && *field == '\0')
        return err_set(err, ERR_USAGE, "is '%.60s', expected json_field:FIELD", text);
    if (strlen(field) >= sizeof rule->field)
        return err_set(err, ERR_USAGE, "has a field of %zu bytes, expected at most %zu",
                       strlen(field), sizeof rule->field - 1);
    (void)snprintf(rule->field, sizeof rule->field, "%s", field);
    return true;
}

void answer_rule_name(const struct answer_rule *rule, struct buf *out)
{
    buf_add_text(out, mode_names[rule->mode]);
    if (rule->mode == ANSWER_JSON_FIELD)
        buf_add_format(out, ":%s", rule->field);
}

/* ---- plain texts ------------------------------------------------------------ */

/* Bytes of the white space character at the start of text, or 0. */
static size_t space_size(const char *text, size_t len)
{
    uint32_t point = 0;
    size_t size = text_decode(text, len, &point);
    return size > 0 && answer_is_space(point) ? size : 0;
}

struct slice answer_trim(const char *text, size_t len)
{
    size_t start = 0, end = len;
    for (size_t size = 0; start < len && (size = space_size(text + start, len - start)) > 0;)
        start += size;
    while (end > start) {
        size_t last = end - 1; /* of the character that ends here */
        while (last > start && ((unsigned char)text[last] & 0xC0) == 0x80)
            last--;
        if (space_size(text + last, end - last) != end - last)
            break;
        end = last;
    }
    return (struct slice){len > 0 ? text + start : "", end - start};
}

static bool is_same(struct slice text, struct slice answer)
{
    return answer.len > 0 && text.len == answer.len &&
           memcmp(text.data, answer.data, answer.len) == 0;
}

static bool is_inside(struct slice text, struct slice answer)
{
    return answer.len > 0 && memmem(text.data, text.len, answer.data, answer.len) != NULL;
}

/* ---- patterns ---------------------------------------------------------------- */

static bool check_pattern(const char *answer, struct err *err)
{
    struct pattern *pattern = pattern_new(answer, err);
    pattern_free(pattern);
    return pattern != NULL;
}

static bool judge_pattern(const char *generated, size_t len, const char *answer, bool *right,
                          struct err *err)
{
    struct pattern_match match = {0};
    struct pattern *pattern = pattern_new(answer, err);
    bool ok = pattern && pattern_find(pattern, generated, len, &match, err);
    pattern_free(pattern);
    *right = match.found;
    return ok;
}

/* ---- what was answered --------------------------------------------------------- */

size_t answer_said(const struct answer_rule *rule, const char *text, size_t len, size_t *start)
{
    *start = 0;
    if (rule->mode == ANSWER_NUMBER) {
        struct number number;
        size_t found = number_last(text, len, &number);
        buf_free(&number.digits);
        *start = number.start;
        return found > 0 ? number.len : 0;
    }
    struct slice rest = answer_trim(text, len);
    const char *end = rest.len > 0 ? memchr(rest.data, '\n', rest.len) : NULL;
    struct slice line = answer_trim(rest.data, end ? (size_t)(end - rest.data) : rest.len);
    if (line.len > 0)
        *start = (size_t)(line.data - text);
    return line.len;
}

/* ---- all modes ------------------------------------------------------------------ */

bool answer_check(const struct answer_rule *rule, const char *const *accepted, size_t count,
                  struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (rule->mode == ANSWER_REGEX && !check_pattern(accepted[i], err))
            return false;
        if (rule->mode == ANSWER_NUMBER && !answer_number_check(accepted[i], err))
            return false;
    }
    return true;
}

static bool judge_one(const struct answer_rule *rule, const char *generated, size_t len,
                      const char *answer, bool *right, struct err *err)
{
    struct slice said = answer_trim(generated, len), wanted = answer_trim(answer, strlen(answer));
    switch (rule->mode) {
    case ANSWER_EXACT: *right = is_same(said, wanted); return true;
    case ANSWER_CONTAINS: *right = is_inside(said, wanted); return true;
    case ANSWER_NUMBER: *right = answer_number(generated, len, answer); return true;
    case ANSWER_REGEX: return judge_pattern(generated, len, answer, right, err);
    case ANSWER_JSON_FIELD:
        *right = answer_json_field(generated, len, rule->field, answer);
        return true;
    case ANSWER_MATH:
    case ANSWER_MODE_COUNT: break;
    }
    *right = answer_math(generated, len, &answer, 1);
    return true;
}

bool answer_judge(const struct answer_rule *rule, const char *generated, size_t generated_len,
                  const char *const *accepted, size_t count, bool *right, struct err *err)
{
    *right = false;
    if (!answer_check(rule, accepted, count, err))
        return false;
    for (size_t i = 0; i < count && !*right; i++)
        if (!judge_one(rule, generated, generated_len, accepted[i], right, err))
            return false;
    return true;
}

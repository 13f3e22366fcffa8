/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PCRE2 without its just-in-time compiler, whose limits are of another kind: here
 * they are counted the same on every machine.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "probes/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"

struct pattern {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
};

static bool refuse(struct err *err, const char *text, int problem, size_t offset)
{
    PCRE2_UCHAR why[128] = {0};
    (void)pcre2_get_error_message(problem, why, sizeof why);
    return err_set(err, ERR_FORMAT, "pattern '%.80s': %s (at byte %zu)", text, (const char *)why,
                   offset);
}

static bool compile(struct pattern *pattern, const char *text, struct err *err)
{
    int problem = 0;
    PCRE2_SIZE offset = 0;
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    if (strlen(text) > PATTERN_BYTES_MAX)
        return err_set(err, ERR_RANGE, "a pattern of %zu bytes, expected at most %d", strlen(text),
                       PATTERN_BYTES_MAX);
    pattern->code = pcre2_compile((PCRE2_SPTR)text, strlen(text), options, &problem, &offset, NULL);
    if (pattern->code)
        return true;
    return refuse(err, text, problem, (size_t)offset);
}

static bool prepare(struct pattern *pattern, struct err *err)
{
    pattern->match = pcre2_match_data_create_from_pattern(pattern->code, NULL);
    pattern->context = pcre2_match_context_create(NULL);
    if (!pattern->match || !pattern->context)
        return err_set(err, ERR_MEMORY, "no memory for a pattern");
    (void)pcre2_set_match_limit(pattern->context, PATTERN_MATCH_LIMIT);
    (void)pcre2_set_depth_limit(pattern->context, PATTERN_DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(pattern->context, PATTERN_HEAP_KIB);
    return true;
}

struct pattern *pattern_new(const char *text, struct err *err)
{
    struct pattern *pattern = x_new(1, sizeof *pattern);
    if (compile(pattern, text, err) && prepare(pattern, err))
        return pattern;
    pattern_free(pattern);
    return NULL;
}

static bool refuse_match(int problem, struct err *err)
{
    PCRE2_UCHAR why[128] = {0};
    switch (problem) {
    case PCRE2_ERROR_MATCHLIMIT:
        return err_set(err, ERR_RANGE, "the pattern needs more than %d steps for a text of the "
                       "model, expected a simpler one", PATTERN_MATCH_LIMIT);
    case PCRE2_ERROR_DEPTHLIMIT:
        return err_set(err, ERR_RANGE, "the pattern goes back more than %d levels for a text of "
                       "the model, expected a simpler one", PATTERN_DEPTH_LIMIT);
    case PCRE2_ERROR_HEAPLIMIT:
        return err_set(err, ERR_RANGE, "the pattern needs more than %d KiB for a text of the "
                       "model, expected a simpler one", PATTERN_HEAP_KIB);
    default:
        (void)pcre2_get_error_message(problem, why, sizeof why);
        return err_set(err, ERR_FORMAT, "the pattern cannot be tried on a text of the model: %s",
                       (const char *)why);
    }
}

bool pattern_find(const struct pattern *pattern, const char *text, size_t len,
                  struct pattern_match *match, struct err *err)
{
    *match = (struct pattern_match){0};
    int found = pcre2_match(pattern->code, (PCRE2_SPTR)(text ? text : ""), len, 0, 0,
                            pattern->match, pattern->context);
    if (found == PCRE2_ERROR_NOMATCH)
        return true;
    if (found < 0)
        return refuse_match(found, err);
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(pattern->match);
    size_t group = pcre2_get_ovector_count(pattern->match) > 1 ? 1 : 0;
    PCRE2_SIZE start = ends[2 * group], end = ends[2 * group + 1];
    match->found = true;
    if (start != PCRE2_UNSET && end > start) { /* \K in a look-ahead may put the end first */
        match->start = start;
        match->len = end - start;
    }
    return true;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_match_context_free(pattern->context);
    pcre2_match_data_free(pattern->match);
    pcre2_code_free(pattern->code);
    free(pattern);
}

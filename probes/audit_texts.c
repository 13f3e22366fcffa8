/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What probes have in common: the same question, nearly the same question, the same
 * pair of tokens.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/audit_int.h"
#include "src/base/num.h"

enum {
    NEAR_PART = 10,    /* one edit for so many characters */
    CONTRAST_LEAST = 3,
    CONTRAST_PART = 3, /* one third of a category */
};

/* ---- normal forms -------------------------------------------------------------- */

/* Without white space, brackets and `*`, letters small, and of a question without the
 * marks at its end; the text as it is if nothing is left. */
static char *normal_form(const char *text, bool question)
{
    struct buf out = {0};
    for (const char *c = text; *c; c++) {
        bool capital = *c >= 'A' && *c <= 'Z';
        char small = (char)(capital ? *c - 'A' + 'a' : *c);
        if (!strchr(" \t\r\n()[]{}*", *c))
            buf_add(&out, &small, 1);
    }
    while (question && out.len > 0 && strchr(":=?.", out.data[out.len - 1]))
        out.data[--out.len] = '\0';
    if (out.len == 0) {
        buf_clear(&out);
        buf_add_text(&out, text);
    }
    return out.data;
}

struct normal {
    size_t probe;
    char *prompt;
    char *answer;
    size_t len; /* of prompt */
};

static int compare_prompts(const void *a, const void *b)
{
    const struct normal *left = a, *right = b;
    int order = strcmp(left->prompt, right->prompt);
    return order ? order : (left->probe > right->probe) - (left->probe < right->probe);
}

static int compare_answers(const void *a, const void *b)
{
    const struct normal *left = a, *right = b;
    int order = strcmp(left->answer, right->answer);
    return order ? order : (left->probe > right->probe) - (left->probe < right->probe);
}

/* ---- edit distance --------------------------------------------------------------- */

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Insertions, deletions and replacements that turn one text into the other; more than
 * limit is limit + 1.  rows: room for 2 * (b's length + 1). */
static size_t edit_distance(const struct normal *a, const struct normal *b, size_t limit,
                            size_t *rows)
{
    size_t longer = a->len > b->len ? a->len : b->len;
    if (longer - (a->len < b->len ? a->len : b->len) > limit)
        return limit + 1;
    size_t *before = rows, *now = rows + b->len + 1;
    for (size_t j = 0; j <= b->len; j++)
        before[j] = j;
    for (size_t i = 1; i <= a->len; i++) {
        size_t least = now[0] = i;
        for (size_t j = 1; j <= b->len; j++) {
            size_t replaced = before[j - 1] + (a->prompt[i - 1] != b->prompt[j - 1]);
            now[j] = least_of(before[j] + 1, now[j - 1] + 1, replaced);
            least = now[j] < least ? now[j] : least;
        }
        if (least > limit)
            return limit + 1;
        size_t *swap = before;
        before = now;
        now = swap;
    }
    return before[b->len] < limit ? before[b->len] : before[b->len] > limit ? limit + 1 : limit;
}

/* Other numbers make another question, however near the texts are. */
static bool same_digits(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a && (*a < '0' || *a > '9'))
            a++;
        while (*b && (*b < '0' || *b > '9'))
            b++;
        if (*a != *b)
            return false;
        if (!*a)
            return true;
    }
}

/* ---- duplicates ------------------------------------------------------------------- */

static const char *role_of(const struct auditor *auditor, size_t probe)
{
    size_t targets = auditor->options.target_count;
    if (probe < targets)
        return "target";
    return probe < targets + auditor->options.control_count ? "control" : "held-out";
}

static void say_like(struct auditor *auditor, const struct normal *first,
                     const struct normal *second, enum audit_code code, const char *verb)
{
    const char *role = role_of(auditor, first->probe);
    bool leak = strcmp(role, role_of(auditor, second->probe)) != 0;
    bool other = strcmp(first->answer, second->answer) != 0;
    const struct probe *probe = &auditor->set->probes[first->probe];
    audit_say(auditor, second->probe, code,
              leak || code == AUDIT_DUPLICATE ? AUDIT_WARNING : AUDIT_NOTE,
              "it %s what the %s probe '%.60s' of %.60s asks%s%s", verb, role, probe->name,
              probe->set, other ? ", with another right answer" : "",
              leak ? ": the same thing on both sides" : "");
}

/* list is sorted by prompts.  same: [probes] those that were told. */
static void find_same(struct auditor *auditor, const struct normal *list, size_t count,
                      bool *same)
{
    size_t first = 0;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(list[i].prompt, list[first].prompt) != 0) {
            first = i;
            continue;
        }
        say_like(auditor, &list[first], &list[i], AUDIT_DUPLICATE, "asks");
        same[list[i].probe] = true;
    }
}

/* list[i] beside those before it that have the same answer. */
static void find_near_one(struct auditor *auditor, const struct normal *list, size_t start,
                          size_t i, size_t *rows)
{
    for (size_t j = start; j < i; j++) {
        size_t longer = list[i].len > list[j].len ? list[i].len : list[j].len;
        size_t limit = longer / NEAR_PART;
        if (limit == 0 || strcmp(list[i].prompt, list[j].prompt) == 0 ||
            !same_digits(list[i].prompt, list[j].prompt) ||
            edit_distance(&list[i], &list[j], limit, rows) > limit)
            continue;
        say_like(auditor, &list[j], &list[i], AUDIT_NEAR_DUPLICATE, "asks nearly");
        return;
    }
}

/* list is sorted by answers. */
static bool find_near(struct auditor *auditor, const struct normal *list, size_t count,
                      const bool *same, struct err *err)
{
    size_t longest = 0, start = 0;
    for (size_t i = 0; i < count; i++)
        longest = list[i].len > longest ? list[i].len : longest;
    size_t *rows = x_new(longest + 1, 2 * sizeof *rows);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        if (strcmp(list[i].answer, list[start].answer) != 0)
            start = i;
        if (!same[list[i].probe])
            find_near_one(auditor, list, start, i, rows);
        ok = audit_step(auditor, 1, err);
    }
    free(rows);
    return ok;
}

bool audit_duplicates(struct auditor *auditor, struct err *err)
{
    size_t count = auditor->set->count;
    struct normal *list = x_new(count, sizeof *list);
    bool *same = x_new(count, sizeof *same);
    for (size_t i = 0; i < count; i++) {
        const struct probe *probe = &auditor->set->probes[i];
        char *prompt = normal_form(probe->prompt, true);
        list[i] = (struct normal){i, prompt, normal_form(probe->correct, false), strlen(prompt)};
    }
    qsort(list, count, sizeof *list, compare_prompts);
    find_same(auditor, list, count, same);
    qsort(list, count, sizeof *list, compare_answers);
    bool ok = find_near(auditor, list, count, same, err);
    for (size_t i = 0; i < count; i++) {
        free(list[i].prompt);
        free(list[i].answer);
    }
    free(list);
    free(same);
    return ok;
}

/* ---- contrasts --------------------------------------------------------------------- */

struct contrast {
    size_t probe;
    const char *set, *category;
    int32_t token[2];
    bool has;
};

static int compare_categories(const struct contrast *a, const struct contrast *b)
{
    int order = strcmp(a->set, b->set);
    return order ? order : strcmp(a->category, b->category);
}

static int compare_contrasts(const void *a, const void *b)
{
    const struct contrast *left = a, *right = b;
    int order = compare_categories(left, right);
    if (order == 0)
        order = (int)right->has - (int)left->has; /* those that have one first */
    for (int side = 0; side < 2 && order == 0; side++)
        order = (left->token[side] > right->token[side]) -
                (left->token[side] < right->token[side]);
    return order ? order : (left->probe > right->probe) - (left->probe < right->probe);
}

static bool same_tokens(const struct contrast *a, const struct contrast *b)
{
    return a->has && b->has && a->token[0] == b->token[0] && a->token[1] == b->token[1];
}

static void say_contrast(struct auditor *auditor, const struct contrast *one, size_t n,
                         size_t size)
{
    struct buf why = {0};
    buf_add_text(&why, "it comes down to ");
    audit_add_token(auditor, one->token[0], &why);
    buf_add_text(&why, " against ");
    audit_add_token(auditor, one->token[1], &why);
    buf_add_format(&why, ", as do %zu of the %zu probes of its category: a constant preference "
                         "wins them all", n, size);
    audit_find(auditor, one->probe, AUDIT_SAME_CONTRAST, AUDIT_WARNING, &why);
}

/* list[0..size) is one category, sorted. */
static void look_at_category(struct auditor *auditor, const struct contrast *list, size_t size)
{
    for (size_t first = 0, n = 0; first < size; first += n) {
        n = 1;
        while (first + n < size && same_tokens(&list[first], &list[first + n]))
            n++;
        bool often = n >= CONTRAST_LEAST && n * CONTRAST_PART >= size;
        for (size_t i = first; often && i < first + n; i++)
            say_contrast(auditor, &list[i], n, size);
    }
}

void audit_contrasts(struct auditor *auditor)
{
    size_t count = auditor->set->count;
    struct contrast *list = x_new(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        const struct audited *probe = &auditor->probes[i];
        const struct probe *text = &auditor->set->probes[i];
        list[i] = (struct contrast){i, text->set, text->category,
                                    {probe->contrast[0], probe->contrast[1]},
                                    probe->has_contrast};
    }
    qsort(list, count, sizeof *list, compare_contrasts);
    for (size_t first = 0, n = 0; first < count; first += n) {
        n = 1;
        while (first + n < count && compare_categories(&list[first], &list[first + n]) == 0)
            n++;
        look_at_category(auditor, list + first, n);
    }
    free(list);
}

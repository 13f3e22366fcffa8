/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Prompts for controls, without answers.
 */
#include "engine/search/labels.h"

#include <stdlib.h>
#include <string.h>

#include "probes/maker/maker.h"
#include "src/base/file.h"
#include "src/base/num.h"
#include "src/base/text.h"

enum { LINES_MAX = MAKER_COUNT_MAX, FILE_MAX = 1 << 30 };

static const char prefix[] = "self:";

static char *copy_text(const char *text)
{
    return x_copy(text, strlen(text));
}

static void replace(char **text, const char *by)
{
    free(*text);
    *text = copy_text(by);
}

/* Nothing but the prompt is asked of these. */
static void make_pending(struct probe *probe, const char *set)
{
    replace(&probe->set, set);
    replace(&probe->correct, "");
    replace(&probe->wrong, "");
    while (probe->alternate_count > 0)
        free(probe->alternates[--probe->alternate_count]);
    probe->rule = (struct answer_rule){0};
}

static bool is_number(const char *text)
{
    text += *text == '-';
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool number_fits(const char *text, struct err *err)
{
    int64_t count = 0;
    return (num_parse_int(text, &count) && count >= 1 && count <= LINES_MAX) ||
           err_set(err, ERR_USAGE, "self:%.40s: expected 1 to %d prompts, a set or a file", text,
                   LINES_MAX);
}

static bool ends_with(const char *text, const char *ending)
{
    size_t len = strlen(text), ending_len = strlen(ending);
    return len >= ending_len && strcmp(text + len - ending_len, ending) == 0;
}

static bool is_text_file(const char *name)
{
    return !maker_is_spec(name) && strpbrk(name, "/.") && !ends_with(name, ".json") &&
           !ends_with(name, ".jsonl");
}

static bool line_fits(const char *line, size_t len, size_t number, struct err *err)
{
    uint32_t point = 0;
    for (size_t i = 0, size = 0; i < len; i += size) {
        size = text_decode(line + i, len - i, &point);
        if (size > 0 && point != 0)
            continue;
        (void)err_set(err, ERR_FORMAT, "is not text (UTF-8), expected a prompt a line");
        return err_where(err, "line %zu", number);
    }
    return true;
}

static void add_prompt(struct probe_set *set, const char *line, size_t len)
{
    struct buf name = {0};
    buf_add_format(&name, "%s-%zu", set->name, set->count);
    set->probes = x_grow(set->probes, set->count + 1, sizeof *set->probes);
    set->probes[set->count++] = (struct probe){
        .name = name.data,
        .set = copy_text(set->name),
        .category = copy_text(""),
        .prompt = x_copy(line, len),
        .correct = copy_text(""),
        .wrong = copy_text(""),
        .alternates = x_new(0, sizeof(char *)),
    };
}

/* A prompt a line; empty lines count for nothing. */
static bool read_lines(struct probe_set *set, const char *text, size_t len, struct err *err)
{
    for (size_t at = 0, number = 1; at < len; number++) {
        const char *line = text + at, *end = memchr(line, '\n', len - at);
        size_t size = end ? (size_t)(end - line) : len - at;
        at += size + 1;
        size -= size > 0 && line[size - 1] == '\r';
        if (!line_fits(line, size, number, err))
            return false;
        if (size > 0)
            add_prompt(set, line, size);
        if (set->count > LINES_MAX)
            return err_set(err, ERR_RANGE, "has more than %d prompts", LINES_MAX);
    }
    return set->count > 0 || err_set(err, ERR_FORMAT, "has no prompt, expected one a line");
}

static struct probe_set *load_lines(const char *path, const char *name, struct err *err)
{
    struct buf text = {0};
    struct probe_set *set = x_new(1, sizeof *set);
    set->name = copy_text(name);
    bool ok = file_read(path, FILE_MAX, &text, err) && read_lines(set, text.data, text.len, err);
    buf_free(&text);
    if (ok)
        return set;
    probe_set_free(set);
    (void)err_file(err, path);
    return NULL;
}

/* item: with its "self:" */
static struct probe_set *load_own(const char *item, struct err *err)
{
    const char *name = item + strlen(prefix);
    struct buf mixed = {0};
    if (*name == '\0') {
        (void)err_set(err, ERR_USAGE,
                      "self: names no prompts, expected such as self:300, a set or a file");
        return NULL;
    }
    if (is_text_file(name))
        return load_lines(name, item, err);
    if (is_number(name) && !number_fits(name, err))
        return NULL;
    buf_add_format(&mixed, "%s%s", is_number(name) ? "gen:mixed:" : "", name);
    struct probe_set *set = probe_set_load(mixed.data, err);
    buf_free(&mixed);
    if (!set)
        return NULL;
    replace(&set->name, item);
    for (size_t i = 0; i < set->count; i++)
        make_pending(&set->probes[i], item);
    return set;
}

static bool load_item(struct probe_set *set, const char *item, struct err *err)
{
    bool own = strncmp(item, prefix, strlen(prefix)) == 0;
    struct probe_set *more = own ? load_own(item, err) : probe_set_load(item, err);
    return more && probe_set_join(set, more, err);
}

struct probe_set *labels_load(const char *spec, struct err *err)
{
    struct probe_set *set = x_new(1, sizeof *set);
    set->name = copy_text("");
    bool ok = true;
    for (const char *start = spec; ok && start;) {
        size_t len = strcspn(start, ",");
        char *item = x_copy(start, len);
        ok = load_item(set, item, err);
        free(item);
        start = start[len] ? start + len + 1 : NULL;
    }
    if (ok)
        return set;
    probe_set_free(set);
    return NULL;
}

bool label_is_pending(const struct probe *probe)
{
    return probe->correct[0] == '\0';
}

static const struct probe *first_pending(const struct probe_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (label_is_pending(&set->probes[i]))
            return &set->probes[i];
    return NULL;
}

bool labels_refuse(const struct probe_set *set, const char *what, struct err *err)
{
    const struct probe *probe = first_pending(set);
    return !probe || err_set(err, ERR_USAGE, "'%.100s': only controls of searches and maps can be "
                                             "labelled by the model itself, not %s", probe->set,
                             what);
}

bool labels_fit(const struct probe_set *set, const struct goal *goal, struct err *err)
{
    const struct probe *probe = goal_needs_wrong(goal, true) ? first_pending(set) : NULL;
    return !probe || err_set(err, ERR_MISMATCH, "'%.100s': what the model itself says has no wrong "
                                                "answer beside it, which a %s gap needs; expected "
                                                "--control-metric kl, margin, soft_margin or "
                                                "logprob", probe->set, goal_measured(goal, true));
}

static int compare_texts(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

size_t labels_leave_out(struct probe_set *set, const struct probe_set *prompts)
{
    const char **sorted = x_new(prompts->count, sizeof *sorted);
    bool *left_out = x_new(set->count, sizeof *left_out);
    size_t before = set->count;
    for (size_t i = 0; i < prompts->count; i++)
        sorted[i] = prompts->probes[i].prompt;
    qsort(sorted, prompts->count, sizeof *sorted, compare_texts);
    for (size_t i = 0; i < set->count; i++) {
        const char *prompt = set->probes[i].prompt;
        left_out[i] = label_is_pending(&set->probes[i]) &&
                      bsearch(&prompt, sorted, prompts->count, sizeof *sorted, compare_texts);
    }
    probe_set_leave_out(set, left_out);
    free(sorted);
    free(left_out);
    return before - set->count;
}

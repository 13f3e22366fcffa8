/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probes/task.h"

#include <stdlib.h>
#include <string.h>

#include "probes/answer_int.h"
#include "src/base/file.h"
#include "src/base/json_field.h"

enum { ITEMS_MAX = 1000000 };

static const size_t file_bytes_max = (size_t)256 << 20;

struct reader {
    struct task *task;
    const struct task_options *options;
    const char *template;
    struct pattern *answer_extract; /* or NULL */
    bool spaced;                    /* the template ends in white space */
};

static char *copy_text(const char *text)
{
    return x_copy(text, strlen(text));
}

/* ---- values of an item --------------------------------------------------------- */

/* A text or a number as text. */
static bool add_value(const json_t *value, const char *field, const char *expected,
                      struct buf *out, struct err *err)
{
    if (json_is_string(value))
        buf_add(out, json_string_value(value), json_string_length(value));
    else if (json_is_number(value))
        json_print(out, value, false);
    else
        return json_refuse(value, "", field, expected, err);
    return true;
}

/* What {NAME} of the template stands for. */
static bool add_field(const struct reader *reader, json_t *item, const char *name, size_t len,
                      struct buf *out, struct err *err)
{
    char *field = x_copy(name, len);
    const char *path = field;
    if (strcmp(field, "question") == 0 && reader->options->question)
        path = reader->options->question;
    bool ok = add_value(json_field_at(item, path), path,
                        "text or a number, as the template names it", out, err);
    free(field);
    return ok;
}

/* {{ and }} are braces. */
static bool fill_template(const struct reader *reader, json_t *item, struct buf *out,
                          struct err *err)
{
    for (const char *at = reader->template; *at;) {
        size_t plain = strcspn(at, "{}");
        buf_add(out, at, plain);
        at += plain;
        if (*at == '\0')
            break;
        if (at[1] == at[0]) {
            buf_add(out, at, 1);
            at += 2;
            continue;
        }
        size_t len = strcspn(at, "}");
        if (*at == '}' || at[len] == '\0')
            return err_set(err, ERR_USAGE, "the template has a lone '%c', expected {FIELD}, {{ or "
                           "}}", *at);
        if (!add_field(reader, item, at + 1, len - 1, out, err))
            return false;
        at += len + 1;
    }
    return true;
}

/* ---- the right answer ------------------------------------------------------------ */

static struct slice after_marks(const char *text, size_t len)
{
    static const char marks[] = "####";
    size_t start = 0;
    for (const char *at = text; (at = strstr(at, marks)) != NULL; at += strlen(marks))
        start = (size_t)(at - text) + strlen(marks);
    return answer_trim(text + start, len - start);
}

static bool extract_answer(const struct reader *reader, const struct buf *text, struct slice *out,
                           struct err *err)
{
    const char *data = text->data ? text->data : "";
    *out = after_marks(data, text->len);
    if (reader->answer_extract) {
        struct pattern_match match;
        if (!pattern_find(reader->answer_extract, data, text->len, &match, err))
            return false;
        *out = answer_trim(data + match.start, match.found ? match.len : 0);
    }
    if (out->len > 0)
        return true;
    return err_set(err, ERR_FORMAT, "there is no answer in '%.60s', expected some text%s", data,
                   reader->answer_extract ? " that the pattern finds" : "");
}

/* One accepted answer; the caller frees it. */
static char *read_answer(const struct reader *reader, const json_t *value, const char *field,
                         struct err *err)
{
    struct buf text = {0}, answer = {0};
    struct slice part = {0};
    if (add_value(value, field, "text, a number or an array of these", &text, err) &&
        extract_answer(reader, &text, &part, err)) {
        buf_add(&answer, " ", reader->spaced ? 0 : 1);
        buf_add(&answer, part.data, part.len);
    }
    buf_free(&text);
    return answer.data;
}

static bool read_answers(const struct reader *reader, json_t *item, struct probe *probe,
                         struct err *err)
{
    const char *field = reader->options->answer ? reader->options->answer : "answer";
    json_t *value = json_field_at(item, field);
    bool many = json_is_array(value) && json_array_size(value) > 0;
    size_t count = many ? json_array_size(value) : 1;
    probe->alternates = x_new(count, sizeof *probe->alternates);
    for (size_t i = 0; i < count; i++) {
        char *answer = read_answer(reader, many ? json_array_get(value, i) : value, field, err);
        if (!answer)
            return false;
        if (i == 0)
            probe->correct = answer;
        else
            probe->alternates[probe->alternate_count++] = answer;
    }
    return true;
}

/* ---- items -------------------------------------------------------------------------- */

static bool read_item(const struct reader *reader, json_t *item, struct probe *probe,
                      struct err *err)
{
    struct buf prompt = {0};
    const json_t *category = json_object_get(item, "category");
    if (!json_is_object(item))
        return json_refuse(item, "", NULL, "an object with question and answer", err);
    bool ok = fill_template(reader, item, &prompt, err);
    if (ok && prompt.len == 0)
        ok = err_set(err, ERR_FORMAT, "the question is empty, expected text");
    probe->prompt = prompt.data;
    probe->category = copy_text(json_is_string(category) ? json_string_value(category) : "");
    return ok && read_answers(reader, item, probe, err);
}

/* Everything a probe set owns is there, whatever comes out. */
static bool add_item(const struct reader *reader, json_t *item, struct err *err)
{
    struct probe_set *set = reader->task->set;
    struct buf name = {0};
    buf_add_format(&name, "%s-%zu", set->name, set->count);
    struct probe *probe = &set->probes[set->count++];
    *probe = (struct probe){
        .name = name.data,
        .set = copy_text(set->name),
        .wrong = copy_text(""),
        .rule = reader->options->rule,
    };
    if (!read_item(reader, item, probe, err))
        return false;
    const char *accepted[] = {probe->correct};
    bool ok = answer_check(&probe->rule, accepted, 1, err);
    return ok && answer_check(&probe->rule, (const char *const *)probe->alternates,
                              probe->alternate_count, err);
}

static bool read_line(const struct reader *reader, const char *line, size_t len, size_t number,
                      struct err *err)
{
    struct slice text = answer_trim(line, len);
    struct probe_set *set = reader->task->set;
    if (text.len == 0)
        return true;
    if (set->count == ITEMS_MAX)
        return err_set(err, ERR_RANGE, "has more than %d items", ITEMS_MAX);
    if ((set->count & (set->count - 1)) == 0) /* doubled at every power of two */
        set->probes = x_grow(set->probes, set->count ? 2 * set->count : 1, sizeof *set->probes);
    json_t *item = json_parse(text.data, text.len, "", err);
    bool ok = item && add_item(reader, item, err);
    json_decref(item);
    if (ok)
        return true;
    char place[sizeof err->where];
    memcpy(place, err->where, sizeof place);
    const char *within = item && *place ? place : ""; /* jansson's line 1 says nothing */
    return err_where(err, "line %zu%s%.90s", number, *within ? ", " : "", within);
}

static bool read_lines(const struct reader *reader, const char *text, size_t len, struct err *err)
{
    size_t number = 1, limit = reader->options->limit;
    for (size_t at = 0; at < len; number++) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line = end ? (size_t)(end - text) - at : len - at;
        if (limit > 0 && reader->task->set->count == limit)
            return true;
        if (!read_line(reader, text + at, line, number, err))
            return false;
        at += line + 1;
    }
    return reader->task->set->count > 0 ||
           err_set(err, ERR_FORMAT, "has no items, expected one JSON object a line");
}

/* ---- the whole ------------------------------------------------------------------------ */

/* "dir/gsm8k.jsonl" is the task "gsm8k". */
static char *task_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *point = strrchr(base, '.');
    if (strcmp(path, "-") == 0)
        return copy_text("task");
    return x_copy(base, point && point > base ? (size_t)(point - base) : strlen(base));
}

static bool prepare(struct reader *reader, struct err *err)
{
    const struct task_options *options = reader->options;
    size_t len = strlen(reader->template);
    reader->spaced = len > 0 && strchr(" \t\n", reader->template[len - 1]) != NULL;
    if (options->stop)
        reader->task->stop = copy_text(options->stop);
    if (options->extract)
        reader->task->extract = pattern_new(options->extract, err);
    if (options->answer_extract)
        reader->answer_extract = pattern_new(options->answer_extract, err);
    return (!options->extract || reader->task->extract) &&
           (!options->answer_extract || reader->answer_extract);
}

struct task *task_parse(const char *text, size_t len, const char *name,
                        const struct task_options *options, struct err *err)
{
    struct task *task = x_new(1, sizeof *task);
    struct reader reader = {
        .task = task,
        .options = options,
        .template = options->template ? options->template : "{question}",
    };
    task->set = x_new(1, sizeof *task->set);
    task->set->name = task_name(name);
    if (!text)
        text = ""; /* an empty file is no bytes at no place */
    bool ok = prepare(&reader, err) && sha256_text(text, len, task->sha256, err) &&
              (read_lines(&reader, text, len, err) || err_file(err, name));
    pattern_free(reader.answer_extract);
    if (ok)
        return task;
    task_free(task);
    return NULL;
}

struct task *task_read(const char *path, const struct task_options *options, struct err *err)
{
    struct buf text = {0};
    struct task *task = NULL;
    if (file_read(path, file_bytes_max, &text, err))
        task = task_parse(text.data, text.len, path, options, err);
    buf_free(&text);
    return task;
}

void task_free(struct task *task)
{
    if (!task)
        return;
    probe_set_free(task->set);
    pattern_free(task->extract);
    free(task->stop);
    free(task);
}

/* ---- judging ----------------------------------------------------------------------------- */

bool task_judge(const struct task *task, size_t item, const char *text, size_t len,
                struct task_said *out, struct err *err)
{
    const char *stop = task->stop && *task->stop && len > 0
                           ? memmem(text, len, task->stop, strlen(task->stop))
                           : NULL;
    const struct probe *probe = &task->set->probes[item];
    *out = (struct task_said){.len = stop ? (size_t)(stop - text) : len, .found = true};
    if (task->extract) {
        struct pattern_match match;
        if (!pattern_find(task->extract, text, out->len, &match, err))
            return err_where(err, "item %s", probe->name);
        *out = (struct task_said){match.start, match.len, match.found, false};
    }
    return !out->found ||
           probe_judge(probe, text ? text + out->start : "", out->len, &out->right, err);
}

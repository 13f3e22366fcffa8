/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/answer.h"
#include "src/base/json_field.h"
#include "src/base/text.h"
#include "src/cli.h"

extern const struct command command_score;

enum { PATH_SIZE = 64 };

/* A stored generation; texts are borrowed from the document. */
struct item {
    const char *name;
    const char *generated;
    const char **accepted; /* owned */
    size_t accepted_count;
    bool correct;
};

/* ---- reading -------------------------------------------------------------- */

static bool read_accepted(const json_t *value, const char *path, struct item *item,
                          struct err *err)
{
    json_t *texts = NULL;
    if (!json_field_array(value, path, "accepted", true, &texts, err))
        return false;
    size_t count = json_array_size(texts);
    if (count == 0) {
        (void)err_set(err, ERR_FORMAT, "is empty, expected at least one answer");
        return err_where(err, "%s.accepted", path);
    }
    item->accepted = x_new(count, sizeof *item->accepted);
    for (size_t i = 0; i < count; i++) {
        const json_t *text = json_array_get(texts, i);
        char key[PATH_SIZE];
        (void)snprintf(key, sizeof key, "accepted[%zu]", i);
        if (!json_is_string(text))
            return json_refuse(text, path, key, "a string", err);
        if (json_string_length(text) == 0) {
            (void)err_set(err, ERR_FORMAT, "is empty, expected text");
            return err_where(err, "%s.%s", path, key);
        }
        item->accepted[item->accepted_count++] = json_string_value(text);
    }
    return true;
}

static bool read_item(const json_t *value, size_t index, struct item *item, struct err *err)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "[%zu]", index);
    if (!json_is_object(value))
        return json_refuse(value, path, NULL, "an object with name, generated and accepted", err);
    return json_field_text(value, path, "name", true, &item->name, err) &&
           json_field_text(value, path, "generated", true, &item->generated, err) &&
           read_accepted(value, path, item, err);
}

static bool read_items(const json_t *root, struct item *items, struct err *err)
{
    for (size_t i = 0; i < json_array_size(root); i++)
        if (!read_item(json_array_get(root, i), i, &items[i], err))
            return false;
    return true;
}

/* ---- scoring and printing ------------------------------------------------- */

static void score(struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        items[i].correct = answer_math(items[i].generated, strlen(items[i].generated),
                                       items[i].accepted, items[i].accepted_count);
}

static void print_json(const struct item *items, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_pack("{s:s, s:b}", "name", items[i].name,
                                                     "correct", items[i].correct));
    cli_print_json(array, true);
}

static void add_quoted(struct buf *out, const char *text)
{
    buf_add_text(out, "\"");
    text_visible(out, text, strlen(text));
    buf_add_text(out, "\"");
}

/* What was said, and for a wrong one what should have been. */
static void add_item(struct buf *out, const struct item *item)
{
    buf_add_text(out, item->correct ? "right  " : "wrong  ");
    text_visible(out, item->name, strlen(item->name));
    buf_add_text(out, "  ");
    add_quoted(out, item->generated);
    for (size_t i = 0; i < item->accepted_count && !item->correct; i++) {
        buf_add_text(out, i == 0 ? ", expected " : " or ");
        add_quoted(out, item->accepted[i]);
    }
    buf_add_text(out, "\n");
}

static void print_lines(const struct item *items, size_t count)
{
    struct buf out = {0};
    size_t right = 0;
    for (size_t i = 0; i < count; i++) {
        add_item(&out, &items[i]);
        right += items[i].correct;
    }
    buf_add_format(&out, "%zu of %zu right\n", right, count);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

/* ---- the command ---------------------------------------------------------- */

static bool score_document(const struct arguments *arguments, const json_t *root, struct err *err)
{
    if (!json_is_array(root))
        return json_refuse(root, "", NULL, "an array of stored generations", err);
    size_t count = json_array_size(root);
    struct item *items = x_new(count, sizeof *items);
    bool ok = read_items(root, items, err);
    if (ok) {
        score(items, count);
        if (arguments_json(arguments))
            print_json(items, count);
        else
            print_lines(items, count);
    }
    for (size_t i = 0; i < count; i++)
        free(items[i].accepted);
    free(items);
    return ok;
}

static int run(struct arguments *arguments, struct err *err)
{
    const char *mode = arguments_text(arguments, "mode", "math");
    if (strcmp(mode, "math") != 0) {
        (void)err_set(err, ERR_USAGE, "--mode is '%s', expected math", mode);
        return cli_fail(err);
    }
    const char *path = arguments_positional(arguments, 0);
    json_t *root = json_read(path, err);
    bool ok = root && (score_document(arguments, root, err) || err_file(err, path));
    json_decref(root);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    {"mode", 0, "MODE", "how answers are compared: math (the default)"},
    {NULL, 0, NULL, NULL},
};

const struct command command_score = {
    .name = "score",
    .synopsis = "FILE [--mode math]",
    .summary = "Judge stored generations again",
    .details = "FILE is a JSON array of {\"name\": ..., \"generated\": ..., \"accepted\": [...]}.\n"
               "Prints a verdict for each and the total; with --json an array of\n"
               "{\"name\": ..., \"correct\": true|false} in the same order.  The rule is\n"
               "described in probes/FORMAT.md.",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = false,
    .run = run,
};

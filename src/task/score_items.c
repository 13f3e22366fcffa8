/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/task/score_items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json_field.h"
#include "src/session/session.h"

enum { PATH_SIZE = 64 };

static char *copy_text(const char *text)
{
    return x_copy(text, strlen(text));
}

/* Zeroed, with the name and the text. */
static struct score_item *add_item(struct score_items *items, const char *name,
                                   const char *generated, size_t len)
{
    items->list = x_grow(items->list, items->count + 1, sizeof *items->list);
    struct score_item *item = &items->list[items->count++];
    *item = (struct score_item){.name = copy_text(name)};
    buf_add(&item->generated, generated, len);
    return item;
}

static void add_accepted(struct score_item *item, const char *text)
{
    item->accepted = x_grow(item->accepted, item->accepted_count + 1, sizeof(char *));
    item->accepted[item->accepted_count++] = copy_text(text);
}

/* ---- JSON ------------------------------------------------------------------- */

static bool read_accepted(const json_t *value, const char *path, struct score_item *item,
                          struct err *err)
{
    json_t *texts = NULL;
    if (!json_field_array(value, path, "accepted", true, &texts, err))
        return false;
    if (json_array_size(texts) == 0) {
        (void)err_set(err, ERR_FORMAT, "is empty, expected at least one answer");
        return err_where(err, "%s.accepted", path);
    }
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *text = json_array_get(texts, i);
        char key[PATH_SIZE];
        (void)snprintf(key, sizeof key, "accepted[%zu]", i);
        if (!json_is_string(text))
            return json_refuse(text, path, key, "a string", err);
        if (json_string_length(text) == 0) {
            (void)err_set(err, ERR_FORMAT, "is empty, expected text");
            return err_where(err, "%s.%s", path, key);
        }
        if (strlen(json_string_value(text)) != json_string_length(text))
            return json_refuse(text, path, key, "text without U+0000", err);
        add_accepted(item, json_string_value(text));
    }
    return true;
}

static bool read_mode(const json_t *value, const char *path, struct score_item *item,
                      struct err *err)
{
    const char *mode = NULL;
    if (!json_field_text(value, path, "mode", false, &mode, err))
        return false;
    if (!mode || answer_rule_parse(mode, &item->rule, err))
        return true;
    err->code = ERR_FORMAT; /* of the file, not of the command line */
    return err_where(err, "%s.mode", path);
}

static bool add_json_item(struct score_items *items, const json_t *value, const char *path,
                          const char *generated, size_t len, struct err *err)
{
    const char *name = NULL;
    if (!json_field_text(value, path, "name", true, &name, err))
        return false;
    struct score_item *item = add_item(items, name, generated, len);
    return read_accepted(value, path, item, err) && read_mode(value, path, item, err);
}

static bool read_stored(struct score_items *items, const json_t *value, const char *path,
                        struct err *err)
{
    const char *name = NULL, *generated = NULL;
    size_t len = 0;
    if (!json_is_object(value))
        return json_refuse(value, path, NULL, "an object with name, generated and accepted", err);
    return json_field_text(value, path, "name", true, &name, err) &&
           json_field_said(value, path, "generated", &generated, &len, err) &&
           add_json_item(items, value, path, generated, len, err);
}

static bool read_evaluated(struct score_items *items, const json_t *value, const char *path,
                           bool before, struct err *err)
{
    const char *generated = NULL;
    size_t len = 0;
    const json_t *text = json_object_get(value, "text");
    char place[PATH_SIZE];
    (void)snprintf(place, sizeof place, "%.40s.text", path);
    if (!json_is_object(value))
        return json_refuse(value, path, NULL, "an object as eval prints it", err);
    if (!json_is_object(text))
        return json_refuse(text, path, "text", "an object with base and now", err);
    return json_field_said(text, place, before ? "base" : "now", &generated, &len, err) &&
           add_json_item(items, value, path, generated, len, err);
}

static bool read_array(struct score_items *items, const json_t *array, const char *prefix,
                       bool before, struct err *err)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *value = json_array_get(array, i);
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "%s[%zu]", prefix, i);
        bool ok = *prefix ? read_evaluated(items, value, path, before, err)
                          : read_stored(items, value, path, err);
        if (!ok)
            return false;
    }
    return true;
}

static bool read_root(struct score_items *items, const json_t *root, bool before, struct err *err)
{
    if (json_is_array(root))
        return read_array(items, root, "", before, err);
    json_t *probes = NULL;
    if (!json_is_object(root))
        return json_refuse(root, "", NULL, "an array of stored generations", err);
    return json_field_array(root, "", "probes", true, &probes, err) &&
           read_array(items, probes, "probes", before, err);
}

static bool read_json(struct score_items *items, const char *path, bool before, struct err *err)
{
    json_t *root = json_read_said(path, err);
    bool ok = root && (read_root(items, root, before, err) || err_file(err, path));
    json_decref(root);
    return ok;
}

/* ---- sessions ------------------------------------------------------------------ */

static bool is_session(const char *path)
{
    static const char magic[] = "SQLite format 3"; /* and a zero byte */
    char head[sizeof magic] = {0};
    FILE *file = strcmp(path, "-") != 0 ? fopen(path, "rbe") : NULL;
    bool is = file && fread(head, 1, sizeof head, file) == sizeof head &&
              memcmp(head, magic, sizeof magic) == 0;
    if (file)
        (void)fclose(file);
    return is;
}

struct taking {
    struct score_items *items;
    const struct probe_set *probes;
};

static bool take_answer(void *user, const struct session_answer *answer)
{
    const struct taking *taking = user;
    const struct probe *probe = &taking->probes->probes[answer->probe];
    struct score_item *item = add_item(taking->items, probe->name, answer->text, answer->text_len);
    item->rule = probe->rule;
    add_accepted(item, probe->correct);
    for (size_t i = 0; i < probe->alternate_count; i++)
        add_accepted(item, probe->alternates[i]);
    return true;
}

static bool read_session(struct score_items *items, const char *path, bool before,
                         struct err *err)
{
    struct session *session = session_open(path, SESSION_READ, err);
    const struct session_origin *origin = session ? session_origin(session, err) : NULL;
    struct taking taking = {items, origin ? origin->probes : NULL};
    int64_t step = session && !before ? session_head(session) : SESSION_ROOT;
    bool ok = origin && session_each_answer(session, step, take_answer, &taking, err);
    session_close(session);
    if (!ok || items->count > 0)
        return ok;
    (void)err_set(err, ERR_USAGE, "has no answers of step %lld, expected a state that was asked",
                  (long long)step);
    return err_file(err, path);
}

/* ---- all ------------------------------------------------------------------------- */

bool score_items_read(struct score_items *items, const char *path, bool before,
                      const struct answer_rule *rule, struct err *err)
{
    *items = (struct score_items){0};
    bool ok = is_session(path) ? read_session(items, path, before, err)
                               : read_json(items, path, before, err);
    for (size_t i = 0; rule && i < items->count; i++)
        items->list[i].rule = *rule;
    return ok;
}

bool score_items_judge(struct score_items *items, struct err *err)
{
    for (size_t i = 0; i < items->count; i++) {
        struct score_item *item = &items->list[i];
        const char *const *accepted = (const char *const *)item->accepted;
        const char *text = item->generated.data ? item->generated.data : "";
        if (!answer_judge(&item->rule, text, item->generated.len, accepted, item->accepted_count,
                          &item->correct, err))
            return err_where(err, "[%zu] %s", i, item->name);
    }
    return true;
}

void score_items_free(struct score_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        struct score_item *item = &items->list[i];
        for (size_t j = 0; j < item->accepted_count; j++)
            free(item->accepted[j]);
        free(item->accepted);
        free(item->name);
        buf_free(&item->generated);
    }
    free(items->list);
    *items = (struct score_items){0};
}

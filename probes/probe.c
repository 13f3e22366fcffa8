/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading probe sets (FORMAT.md) and joining them.
 */
#include "probes/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/maker/maker.h"
#include "probes/probe_int.h"
#include "src/base/buf.h"
#include "src/base/json_field.h"
#include "src/base/num.h"

enum {
    PROBES_MAX = 1000000,
    PATH_SIZE = 48,
};

static char *copy_text(const char *text)
{
    return x_copy(text, strlen(text));
}

/* ---- one probe ------------------------------------------------------------ */

/* A text that must say something; fallback NULL: it must be there. */
static bool read_text(const json_t *value, const char *path, const char *key,
                      const char *fallback, char **field, struct err *err)
{
    const char *text = NULL;
    if (!json_field_text(value, path, key, !fallback, &text, err))
        return false;
    if (!text)
        text = fallback;
    BUG_ON(!text); /* without a fallback it was required */
    if (*text == '\0') {
        (void)err_set(err, ERR_FORMAT, "is empty, expected text");
        return err_where(err, "%s.%s", path, key);
    }
    *field = copy_text(text);
    return true;
}

/* A text that may be absent or empty. */
static bool read_optional(const json_t *value, const char *path, const char *key, char **field,
                          struct err *err)
{
    const char *text = NULL;
    if (!json_field_text(value, path, key, false, &text, err))
        return false;
    *field = copy_text(text ? text : "");
    return true;
}

static bool read_alternates(const json_t *value, const char *path, struct probe *probe,
                            struct err *err)
{
    json_t *texts = NULL;
    if (!json_field_array(value, path, "alternates", false, &texts, err))
        return false;
    size_t count = json_array_size(texts);
    probe->alternates = x_new(count, sizeof *probe->alternates);
    for (size_t i = 0; i < count; i++) {
        const json_t *text = json_array_get(texts, i);
        char key[PATH_SIZE];
        (void)snprintf(key, sizeof key, "alternates[%zu]", i);
        if (!json_is_string(text))
            return json_refuse(text, path, key, "a string", err);
        if (json_string_length(text) == 0) {
            (void)err_set(err, ERR_FORMAT, "is empty, expected text");
            return err_where(err, "%s.%s", path, key);
        }
        probe->alternates[probe->alternate_count++] = copy_text(json_string_value(text));
    }
    return true;
}

/* ---- right answers -------------------------------------------------------- */

/* All accepted answers; the caller frees the array. */
static const char **accepted_of(const struct probe *probe)
{
    const char **accepted = x_new(probe->alternate_count + 1, sizeof *accepted);
    accepted[0] = probe->correct;
    for (size_t i = 0; i < probe->alternate_count; i++)
        accepted[i + 1] = probe->alternates[i];
    return accepted;
}

static bool check_answers(const struct probe *probe, struct err *err)
{
    const char **accepted = accepted_of(probe);
    bool ok = answer_check(&probe->rule, accepted, probe->alternate_count + 1, err);
    free(accepted);
    return ok;
}

bool probe_judge(const struct probe *probe, const char *text, size_t len, bool *right,
                 struct err *err)
{
    const char **accepted = accepted_of(probe);
    bool ok = answer_judge(&probe->rule, text ? text : "", len, accepted,
                           probe->alternate_count + 1, right, err);
    free(accepted);
    return ok || err_where(err, "probe %s", probe->name);
}

bool probe_set_use_rule(struct probe_set *set, const struct answer_rule *rule, struct err *err)
{
    for (size_t i = 0; i < set->count; i++) {
        set->probes[i].rule = *rule;
        if (!check_answers(&set->probes[i], err))
            return err_where(err, "probe %s", set->probes[i].name);
    }
    return true;
}

/* "mode" of a probe or of a set; *rule stays where there is none. */
static bool read_mode(const json_t *value, const char *path, struct answer_rule *rule,
                      struct err *err)
{
    const char *text = NULL;
    if (!json_field_text(value, path, "mode", false, &text, err))
        return false;
    if (!text || answer_rule_parse(text, rule, err))
        return true;
    err->code = ERR_FORMAT; /* of the file, not of the command line */
    return err_where(err, "%s%smode", path, *path ? "." : "");
}

static bool read_probe(const json_t *value, const char *path, const char *default_name,
                       struct probe *probe, struct err *err)
{
    if (!json_is_object(value))
        return json_refuse(value, path, NULL, "an object with prompt and correct", err);
    return read_text(value, path, "prompt", NULL, &probe->prompt, err) &&
           read_text(value, path, "correct", NULL, &probe->correct, err) &&
           read_optional(value, path, "wrong", &probe->wrong, err) &&
           read_text(value, path, "name", default_name, &probe->name, err) &&
           read_optional(value, path, "category", &probe->category, err) &&
           read_alternates(value, path, probe, err) &&
           read_mode(value, path, &probe->rule, err) &&
           (check_answers(probe, err) || err_where(err, "%s", path));
}

static void free_probe(struct probe *probe)
{
    for (size_t i = 0; i < probe->alternate_count; i++)
        free(probe->alternates[i]);
    free(probe->alternates);
    free(probe->name);
    free(probe->set);
    free(probe->category);
    free(probe->prompt);
    free(probe->correct);
    free(probe->wrong);
}

/* ---- one set -------------------------------------------------------------- */

/* "dir/easy.json" and "dir/easy.jsonl" are the set "easy". */
static char *set_name(const char *name)
{
    static const char *const endings[] = {".json", ".jsonl"};
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    size_t len = strlen(base);
    for (size_t i = 0; i < countof(endings); i++) {
        size_t ending_len = strlen(endings[i]);
        if (len > ending_len && strcmp(base + len - ending_len, endings[i]) == 0)
            return x_copy(base, len - ending_len);
    }
    return x_copy(base, len);
}

static int compare_names(const void *left, const void *right)
{
    const struct probe *const *a = left, *const *b = right;
    int order = strcmp((*a)->name, (*b)->name);
    return order ? order : (*a > *b) - (*a < *b); /* one array: the order of the file */
}

/* prefix is the JSON path of the array. */
static bool refuse_same_names(const struct probe_set *set, const char *prefix, struct err *err)
{
    const struct probe **sorted = x_new(set->count, sizeof(struct probe *));
    for (size_t i = 0; i < set->count; i++)
        sorted[i] = &set->probes[i];
    qsort(sorted, set->count, sizeof(struct probe *), compare_names);
    const struct probe *first = NULL, *second = NULL;
    for (size_t i = 1; i < set->count; i++) {
        bool same = strcmp(sorted[i - 1]->name, sorted[i]->name) == 0;
        if (same && (!second || sorted[i] < second)) {
            first = sorted[i - 1];
            second = sorted[i];
        }
    }
    free(sorted);
    if (!second)
        return true;
    (void)err_set(err, ERR_FORMAT, "is \"%.100s\", which is the name of %s[%td] already",
                  second->name, prefix, first - set->probes);
    return err_where(err, "%s[%td].name", prefix, second - set->probes);
}

static bool read_probes(struct probe_set *set, const json_t *array, const char *prefix,
                        const struct answer_rule *rule, struct err *err)
{
    size_t count = json_array_size(array);
    if (count == 0 || count > PROBES_MAX) {
        (void)err_set(err, ERR_RANGE, "has %zu probes, expected 1 to %d", count, PROBES_MAX);
        return err_where(err, "%s", prefix);
    }
    set->probes = x_new(count, sizeof *set->probes);
    for (size_t i = 0; i < count; i++) {
        struct buf name = {0};
        buf_add_format(&name, "%s-%zu", set->name, i);
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "%s[%zu]", prefix, i);
        struct probe *probe = &set->probes[set->count++]; /* freed with the set */
        probe->set = copy_text(set->name);
        probe->rule = *rule;
        bool ok = read_probe(json_array_get(array, i), path, name.data, probe, err);
        buf_free(&name);
        if (!ok)
            return false;
    }
    return refuse_same_names(set, prefix, err);
}

static bool read_root(struct probe_set *set, const json_t *root, struct err *err)
{
    struct answer_rule rule = {0};
    if (json_is_array(root))
        return read_probes(set, root, "", &rule, err);
    if (!json_is_object(root))
        return json_refuse(root, "", NULL, "an array of probes or an object with probes", err);
    json_t *array = NULL;
    return json_field_array(root, "", "probes", true, &array, err) &&
           read_mode(root, "", &rule, err) && read_probes(set, array, "probes", &rule, err);
}

/* Takes over root. */
static struct probe_set *set_of_root(json_t *root, const char *name, struct err *err)
{
    if (!root)
        return NULL;
    struct probe_set *set = x_new(1, sizeof *set);
    set->name = set_name(name);
    bool ok = read_root(set, root, err);
    json_decref(root);
    if (ok)
        return set;
    probe_set_free(set);
    (void)err_file(err, name);
    return NULL;
}

struct probe_set *probe_set_parse(const char *text, size_t len, const char *name, struct err *err)
{
    return set_of_root(json_parse(text, len, name, err), name, err);
}

void probe_set_free(struct probe_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++)
        free_probe(&set->probes[i]);
    free(set->probes);
    free(set->name);
    free(set);
}

/* ---- several sets --------------------------------------------------------- */

static bool refuse_unknown(const char *name, struct err *err)
{
    struct buf known = {0};
    for (const char *const *builtin = probe_set_builtin_names(); *builtin; builtin++)
        buf_add_format(&known, "%s%s", known.len ? ", " : "", *builtin);
    (void)err_set(err, ERR_USAGE, "there is no built-in probe set '%.60s', expected one of %s, "
                  "gen:FAMILY, or a path with / or .", name, known.data);
    buf_free(&known);
    return false;
}

static struct probe_set *load_one(const char *name, struct err *err)
{
    const char *text = NULL;
    size_t len = 0;
    if (maker_is_spec(name))
        return maker_load(name, err);
    if (strpbrk(name, "/."))
        return set_of_root(json_read(name, err), name, err);
    if (probe_builtin_text(name, &text, &len))
        return probe_set_parse(text, len, name, err);
    (void)refuse_unknown(name, err);
    return NULL;
}

static void join(struct probe_set *set, struct probe_set *more)
{
    struct buf name = {0};
    buf_add_format(&name, "%s%s%s", set->name, set->count ? "," : "", more->name);
    free(set->name);
    set->name = copy_text(name.data);
    buf_free(&name);
    set->probes = x_grow(set->probes, set->count + more->count, sizeof *set->probes);
    memcpy(&set->probes[set->count], more->probes, more->count * sizeof *set->probes);
    set->count += more->count;
    more->count = 0;
}

static bool has_set(const struct probe_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->probes[i].set, name) == 0)
            return true;
    return false;
}

bool probe_set_join(struct probe_set *set, struct probe_set *more, struct err *err)
{
    bool twice = has_set(set, more->name);
    if (twice)
        (void)err_set(err, ERR_USAGE, "there are two probe sets named '%.100s', expected one",
                      more->name);
    else
        join(set, more);
    probe_set_free(more);
    return !twice;
}

static bool load_and_join(struct probe_set *set, const char *name, struct err *err)
{
    if (*name == '\0')
        return err_set(err, ERR_USAGE, "the list of probe sets has an empty name");
    struct probe_set *more = load_one(name, err);
    return more && probe_set_join(set, more, err);
}

void probe_set_leave_out(struct probe_set *set, const bool *left_out)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++)
        if (left_out[i])
            free_probe(&set->probes[i]);
        else
            set->probes[kept++] = set->probes[i];
    set->count = kept;
}

struct probe_set *probe_set_load(const char *spec, struct err *err)
{
    struct probe_set *set = x_new(1, sizeof *set);
    set->name = copy_text("");
    bool ok = true;
    for (const char *start = spec; ok && start;) {
        size_t len = strcspn(start, ",");
        char *name = x_copy(start, len);
        ok = load_and_join(set, name, err);
        free(name);
        start = start[len] ? start + len + 1 : NULL;
    }
    if (ok)
        return set;
    probe_set_free(set);
    return NULL;
}

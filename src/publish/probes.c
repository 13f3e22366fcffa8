/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The probe sets as they were, one file each, under names that no set can use to leave
 * the folder: a set that is called as its file reads as the same set again.
 */
#include <string.h>

#include "src/base/json.h"
#include "src/publish/publish_int.h"

enum { NAME_BYTES_MAX = 80 };

/* Another set than the probe before it, or another part. */
static bool begins_set(const struct story *story, size_t probe)
{
    const struct probe *probes = story->origin->probes->probes;
    return probe == 0 || strcmp(probes[probe - 1].set, probes[probe].set) != 0 ||
           story_part(story, probe - 1) != story_part(story, probe);
}

/* Letters, digits, -, _ and points that do not begin the name. */
static void add_safe(struct buf *out, const char *name)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t len = strlen(name) < NAME_BYTES_MAX ? strlen(name) : NAME_BYTES_MAX;
    for (size_t i = 0; i < len; i++) {
        bool is_safe = strchr(safe, name[i]) && !(i == 0 && name[i] == '.');
        buf_add(out, is_safe ? &name[i] : "_", 1);
    }
    if (len == 0)
        buf_add_text(out, "_");
}

/* Is there one before it with the same safe name? */
static bool is_taken(const struct story *story, size_t probe, const char *name)
{
    bool taken = false;
    for (size_t i = 0; i < probe && !taken; i++) {
        struct buf other = {0};
        if (begins_set(story, i)) {
            add_safe(&other, story->origin->probes->probes[i].set);
            taken = strcmp(other.data, name) == 0;
        }
        buf_free(&other);
    }
    return taken;
}

bool probes_file(const struct story *story, size_t probe, struct buf *out, size_t *count)
{
    struct buf name = {0};
    if (!begins_set(story, probe))
        return false;
    add_safe(&name, story->origin->probes->probes[probe].set);
    buf_add_format(out, "probes/%s", name.data);
    if (is_taken(story, probe, name.data))
        buf_add_format(out, "-%zu", probe);
    buf_add_text(out, ".json");
    buf_free(&name);
    for (*count = 1; probe + *count < story->probes && !begins_set(story, probe + *count);)
        ++*count;
    return true;
}

static void set_text(json_t *object, const char *key, const char *text)
{
    (void)json_object_set_new(object, key, json_text(text, strlen(text)));
}

static bool write_set(const struct story *story, const char *folder, size_t first, size_t count,
                      const char *name, struct err *err)
{
    json_t *object = json_object(), *probes = json_array();
    const struct probe *all = story->origin->probes->probes;
    struct buf text = {0};
    set_text(object, "set", all[first].set);
    set_text(object, "part", part_word(story_part(story, first)));
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(probes, probe_print_json(&all[first + i]));
    (void)json_object_set_new(object, "probes", probes);
    json_print(&text, object, true);
    buf_add_text(&text, "\n");
    json_decref(object);
    bool ok = write_text(folder, name, &text, err);
    buf_free(&text);
    return ok;
}

bool write_probes(const struct story *story, const char *folder, struct err *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < story->probes; i++) {
        struct buf name = {0};
        size_t count = 0;
        if (probes_file(story, i, &name, &count))
            ok = write_set(story, folder, i, count, name.data, err);
        buf_free(&name);
    }
    return ok;
}

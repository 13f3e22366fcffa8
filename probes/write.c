/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Writing probe sets (FORMAT.md); what is absent or the default is left out.
 */
#include <string.h>

#include "probes/probe.h"
#include "src/base/json.h"

static void set_text(json_t *object, const char *key, const char *text)
{
    (void)json_object_set_new(object, key, json_text(text, strlen(text)));
}

json_t *probe_print_json(const struct probe *probe)
{
    json_t *object = json_object(), *alternates = json_array();
    set_text(object, "prompt", probe->prompt);
    set_text(object, "correct", probe->correct);
    if (*probe->wrong)
        set_text(object, "wrong", probe->wrong);
    set_text(object, "name", probe->name);
    if (*probe->category)
        set_text(object, "category", probe->category);
    for (size_t i = 0; i < probe->alternate_count; i++)
        (void)json_array_append_new(alternates, json_text(probe->alternates[i],
                                                          strlen(probe->alternates[i])));
    if (probe->alternate_count > 0)
        (void)json_object_set(object, "alternates", alternates);
    json_decref(alternates);
    if (probe->rule.mode != ANSWER_MATH) {
        struct buf mode = {0};
        answer_rule_name(&probe->rule, &mode);
        set_text(object, "mode", mode.data);
        buf_free(&mode);
    }
    return object;
}

void probe_set_print(const struct probe_set *set, struct buf *out)
{
    buf_add_text(out, "[\n");
    for (size_t i = 0; i < set->count; i++) {
        json_t *object = probe_print_json(&set->probes[i]);
        buf_add_text(out, " ");
        json_print(out, object, false);
        buf_add_text(out, i + 1 < set->count ? ",\n" : "\n");
        json_decref(object);
    }
    buf_add_text(out, "]\n");
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How the probes' answers are judged, kept in the origin's settings: "answer_modes",
 * one for each probe, only where some probe is not judged by the math rule.
 */
#include "src/base/json.h"
#include "src/session/session_int.h"

static const char key[] = "answer_modes";

json_t *modes_add(const json_t *settings, const struct probe_set *set)
{
    json_t *copy = json_deep_copy(settings), *modes = json_array();
    bool plain = true;
    for (size_t i = 0; set && i < set->count; i++) {
        struct buf name = {0};
        answer_rule_name(&set->probes[i].rule, &name);
        (void)json_array_append_new(modes, json_text(name.data, name.len));
        plain = plain && set->probes[i].rule.mode == ANSWER_MATH;
        buf_free(&name);
    }
    if (!plain)
        (void)json_object_set(copy, key, modes);
    json_decref(modes);
    return copy;
}

bool modes_take(const json_t *settings, struct probe_set *set, struct err *err)
{
    const json_t *modes = json_object_get(settings, key), *mode;
    size_t i;
    if (!modes)
        return true;
    bool ok = json_is_array(modes) && json_array_size(modes) == set->count;
    struct err ignored;
    json_array_foreach(modes, i, mode)
        ok = ok && json_is_string(mode) &&
             answer_rule_parse(json_string_value(mode), &set->probes[i].rule, &ignored);
    if (ok)
        return true;
    (void)err_set(err, ERR_FORMAT, "is not a list of %zu answer modes, expected one for each probe",
                  set->count);
    return err_where(err, "origin, settings.%s", key);
}

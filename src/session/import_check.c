/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a line must say at its place, beyond the kinds of its values: order, numbers
 * without holes, heads and parents, lengths of lists.  session_verify looks at the whole
 * once more; this finds the line.
 */
#include <inttypes.h>
#include <string.h>

#include "src/base/json_field.h"
#include "src/base/num.h"
#include "src/base/sha256.h"
#include "src/session/import_int.h"

/* ---- small questions -------------------------------------------------------- */

static int64_t int_of(const json_t *line, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(line, key));
}

/* "" for bytes that are no text. */
static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text ? text : "";
}

/* The key's integer is this one. */
static bool is_int(const struct import *import, const json_t *line, const char *key,
                   int64_t expected)
{
    int64_t found = int_of(line, key);
    if (found == expected)
        return true;
    (void)err_set(import->err, ERR_FORMAT, "is %" PRId64 ", expected %" PRId64, found, expected);
    return err_where(import->err, "%s", key);
}

static bool at_most(const struct import *import, const json_t *line, const char *key,
                    int64_t newest, const char *what)
{
    int64_t found = int_of(line, key);
    if (found <= newest)
        return true;
    (void)err_set(import->err, ERR_FORMAT, "is %" PRId64 ", expected %s that came before", found,
                  what);
    return err_where(import->err, "%s", key);
}

static bool refuse(const struct import *import, const char *key, const char *expected)
{
    (void)err_set(import->err, ERR_FORMAT, "does not fit, expected %s", expected);
    return err_where(import->err, "%s", key);
}

static bool is_gap_list(const struct import *import, const json_t *line)
{
    const json_t *gaps = json_object_get(line, "gaps");
    size_t expected = import->parts[0] + import->parts[1];
    if (!gaps || json_array_size(gaps) == expected)
        return true;
    (void)err_set(import->err, ERR_FORMAT, "has %zu numbers, expected %zu: one for each target "
                  "and control", json_array_size(gaps), expected);
    return err_where(import->err, "gaps");
}

/* ---- flips ------------------------------------------------------------------ */

static bool is_mask(const char *text)
{
    return strlen(text) == MASK_TEXT_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == MASK_TEXT_SIZE - 1;
}

static bool check_flip(const struct import *import, const json_t *line)
{
    const char *name = text_of(line, "proj");
    enum proj proj = PROJ_Q;
    if (!proj_parse(name, &proj) || strcmp(name, proj_name(proj)) != 0)
        return json_refuse(json_object_get(line, "proj"), "", "proj", "the name of a projection",
                           import->err);
    bool in_layer = proj < PROJ_LAYER_COUNT, whole = !json_object_get(line, "grp");
    if (in_layer != (json_object_get(line, "layer") != NULL))
        return refuse(import, "layer", in_layer ? "a layer" : "none for embed and head");
    if (!json_object_get(line, "row"))
        return refuse(import, "row", "a row");
    if (whole != !json_object_get(line, "mask"))
        return refuse(import, "mask", "a mask for a group, none for a row");
    return whole || is_mask(text_of(line, "mask")) ||
           refuse(import, "mask", "32 hex digits in lower case");
}

static bool has_flip(const json_t *line)
{
    static const char *const keys[] = {"layer", "proj", "row", "grp", "mask"};
    for (size_t i = 0; i < countof(keys); i++)
        if (json_object_get(line, keys[i]))
            return true;
    return false;
}

/* ---- lines ------------------------------------------------------------------ */

static bool check_session(struct import *import, const json_t *line)
{
    import->head_told = json_object_get(line, "head") ? int_of(line, "head") : -1;
    return true;
}

static bool check_origin(struct import *import, const json_t *line)
{
    const json_t *gaps = json_object_get(line, "gaps_before");
    if (import->has_origin)
        return err_set(import->err, ERR_FORMAT, "is a second origin, expected one");
    import->has_origin = true;
    import->gaps_before = gaps ? json_array_size(gaps) : SIZE_MAX;
    return sha256_is_text(text_of(line, "model_sha256")) ||
           refuse(import, "model_sha256", "64 hex digits");
}

static bool check_part(struct import *import, const json_t *line)
{
    static const char *const names[] = {"target", "control", "heldout"};
    for (size_t part = 0; part < countof(names); part++) {
        bool in_order = (part > 0 || !import->parts[1]) && (part > 1 || !import->parts[2]);
        if (in_order && strcmp(text_of(line, "part"), names[part]) == 0) {
            import->parts[part]++;
            return true;
        }
    }
    return refuse(import, "part", "target, then control, then heldout");
}

static bool check_probe(struct import *import, const json_t *line)
{
    size_t count = import->parts[0] + import->parts[1] + import->parts[2];
    if (!is_int(import, line, "idx", (int64_t)count) || !check_part(import, line))
        return false;
    for (int i = 0; i < 2; i++) {
        const char *key = i ? "correct" : "prompt";
        const json_t *text = json_object_get(line, key);
        if (json_is_string(text) && json_string_length(text) == 0)
            return refuse(import, key, "text");
    }
    return true;
}

static bool check_root(struct import *import, const json_t *line)
{
    size_t expected = import->parts[0] + import->parts[1];
    size_t found = import->gaps_before == SIZE_MAX ? 0 : import->gaps_before;
    if (found != expected)
        return err_set(import->err, ERR_FORMAT, "the origin has %zu gaps_before, expected %zu: one "
                       "for each target and control", found, expected);
    return !json_object_get(line, "parent") || refuse(import, "parent", "none for step 0");
}

static bool check_step(struct import *import, const json_t *line)
{
    if (import->steps != import->steps_told)
        return err_set(import->err, ERR_FORMAT, "is a step, expected the event that adds the one "
                       "before");
    if (!is_int(import, line, "id", import->steps + 1))
        return false;
    import->steps++;
    import->flips = 0;
    if (import->steps == SESSION_ROOT) {
        import->steps_told = SESSION_ROOT; /* no event says so */
        return check_root(import, line) && is_gap_list(import, line);
    }
    if (!json_object_get(line, "parent"))
        return refuse(import, "parent", "an older step");
    return at_most(import, line, "parent", import->steps - 1, "a step") &&
           is_gap_list(import, line);
}

static bool check_step_flip(struct import *import, const json_t *line)
{
    return is_int(import, line, "step", import->steps) &&
           is_int(import, line, "n", import->flips++) && check_flip(import, line);
}

/* What the event does to the head. */
static bool move_head(struct import *import, const json_t *line)
{
    const char *kind = text_of(line, "kind");
    if (strcmp(kind, session_kind_name(EVENT_KIND_STEP)) == 0) {
        import->head = ++import->steps_told;
        if (import->steps_told > import->steps)
            return err_set(import->err, ERR_FORMAT, "adds step %" PRId64 ", expected the step in "
                           "the line before", import->steps_told);
    } else if (strcmp(kind, session_kind_name(EVENT_KIND_HEAD)) == 0) {
        import->head = int_of(line, "step");
        return at_most(import, line, "step", import->steps_told, "a step");
    }
    return true;
}

static bool check_naming(struct import *import, const json_t *line)
{
    const json_t *step = json_object_get(json_object_get(line, "data"), "step");
    if (strcmp(text_of(line, "kind"), session_kind_name(EVENT_KIND_NAME)) != 0)
        return true;
    if (!json_object_get(line, "text"))
        return refuse(import, "text", "the name of a state");
    return (json_is_integer(step) && json_integer_value(step) >= 0 &&
            json_integer_value(step) <= import->steps_told) ||
           refuse(import, "data", "a step that came before");
}

static bool is_kind(const char *name)
{
    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++)
        if (strcmp(name, session_kind_name((enum session_kind)kind)) == 0)
            return true;
    return false;
}

static bool check_event(struct import *import, const json_t *line)
{
    if (!is_int(import, line, "seq", import->events + 1))
        return false;
    import->events++;
    if (!is_kind(text_of(line, "kind")))
        return json_refuse(json_object_get(line, "kind"), "", "kind", "the kind of an event",
                           import->err);
    return move_head(import, line) && is_int(import, line, "step", import->head) &&
           is_gap_list(import, line) && (!has_flip(line) || check_flip(import, line)) &&
           check_naming(import, line);
}

static bool check_answer(struct import *import, const json_t *line)
{
    size_t probes = import->parts[0] + import->parts[1] + import->parts[2];
    return at_most(import, line, "step", import->steps_told, "a step") &&
           at_most(import, line, "probe", (int64_t)probes - 1, "a probe");
}

static bool check_name(struct import *import, const json_t *line)
{
    return at_most(import, line, "step", import->steps_told, "a step");
}

static bool check_kept(struct import *import, const json_t *line)
{
    (void)import;
    (void)line;
    return true;
}

/* ---- order ------------------------------------------------------------------ */

static enum line_record rank(enum line_record record)
{
    return record == LINE_STEP_FLIP || record == LINE_EVENT ? LINE_STEP : record;
}

static bool in_order(struct import *import, enum line_record record)
{
    bool second = record == LINE_SESSION && import->has_header;
    if (second || rank(record) < import->newest)
        return err_set(import->err, ERR_FORMAT, "is a line of %s, expected none behind one of %s",
                       line_tables[record].name, line_tables[import->newest].name);
    import->newest = rank(record);
    if (record > LINE_ORIGIN && record < LINE_KEPT && !import->has_origin)
        return err_set(import->err, ERR_FORMAT, "is a line of %s, expected the origin first",
                       line_tables[record].name);
    if (record > LINE_STEP && record < LINE_KEPT && import->steps < 0)
        return err_set(import->err, ERR_FORMAT, "is a line of %s, expected step 0 first",
                       line_tables[record].name);
    return true;
}

bool import_check(struct import *import, enum line_record record, const json_t *line)
{
    static bool (*const checks[LINE_RECORD_COUNT])(struct import *, const json_t *) = {
        [LINE_SESSION] = check_session, [LINE_ORIGIN] = check_origin,
        [LINE_PROBE] = check_probe,     [LINE_STEP] = check_step,
        [LINE_STEP_FLIP] = check_step_flip, [LINE_EVENT] = check_event,
        [LINE_ANSWER] = check_answer,   [LINE_NAME] = check_name,
        [LINE_KEPT] = check_kept,
    };
    return in_order(import, record) && checks[record](import, line);
}

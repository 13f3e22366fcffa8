/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which columns the tables have, and values that JSON has no word for.
 */
#include "src/session/lines_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/num.h"

/* ---- tables ----------------------------------------------------------------- */

#define ANY_INT LINE_INT, true, INT64_MIN, INT64_MAX
#define COUNT LINE_INT, true, 0, INT64_MAX
#define COUNT_OR_NULL LINE_INT, false, 0, INT64_MAX
#define YES_NO LINE_INT, true, 0, 1
#define TEXT LINE_TEXT, true, 0, 0
#define TEXT_OR_NULL LINE_TEXT, false, 0, 0
#define REAL_OR_NULL LINE_REAL, false, 0, 0
#define NUMBERS_OR_NULL LINE_NUMBERS, false, 0, 0
#define OBJECT LINE_OBJECT, true, 0, 0
#define OBJECT_OR_NULL LINE_OBJECT, false, 0, 0
#define TEXTS LINE_TEXTS, true, 0, 0

#define FLIP_OR_NULL                                                                    \
    {"layer", LINE_INT, false, 0, INT32_MAX}, {"proj", TEXT_OR_NULL},                   \
    {"row", LINE_INT, false, 0, UINT32_MAX}, {"grp", LINE_INT, false, 0, INT32_MAX},    \
    {"mask", TEXT_OR_NULL}

static const struct line_column session_columns[] = {
    {"created_ms", ANY_INT}, {"head", COUNT_OR_NULL},
};
static const struct line_column origin_columns[] = {
    {"program_version", TEXT}, {"model_path", TEXT}, {"model_sha256", TEXT},
    {"model_bytes", COUNT},    {"shape", OBJECT},    {"settings", OBJECT},
    {"probes_name", TEXT},     {"gaps_before", NUMBERS_OR_NULL},
};
static const struct line_column probe_columns[] = {
    {"idx", COUNT},     {"part", TEXT},    {"set_name", TEXT}, {"name", TEXT},  {"category", TEXT},
    {"prompt", TEXT},   {"correct", TEXT}, {"wrong", TEXT},    {"alternates", TEXTS},
};
static const struct line_column step_columns[] = {
    {"id", COUNT},       {"parent", COUNT_OR_NULL}, {"redo", COUNT_OR_NULL},
    {"made_by", TEXT},   {"tried", COUNT},          {"screened", COUNT},
    {"time_ms", ANY_INT}, {"fitness", REAL_OR_NULL}, {"gaps", NUMBERS_OR_NULL},
    {"note", TEXT_OR_NULL},
};
static const struct line_column step_flip_columns[] = {
    {"step", COUNT}, {"n", COUNT}, FLIP_OR_NULL,
};
static const struct line_column event_columns[] = {
    {"seq", COUNT},      {"time_ms", ANY_INT},  {"kind", TEXT},
    {"step", COUNT},     {"number", COUNT},     FLIP_OR_NULL,
    {"accepted", YES_NO}, {"screened", YES_NO}, {"stopped", YES_NO},
    {"fitness", REAL_OR_NULL}, {"gaps", NUMBERS_OR_NULL}, {"text", TEXT_OR_NULL},
    {"data", OBJECT_OR_NULL},
};
static const struct line_column answer_columns[] = {
    {"step", COUNT}, {"probe", COUNT}, {"text", TEXT}, {"is_right", YES_NO},
};
static const struct line_column name_columns[] = {
    {"name", TEXT}, {"step", COUNT},
};
static const struct line_column kept_columns[] = {
    {"key", TEXT}, {"value", TEXT},
};

#define COLUMNS(name) name##_columns, countof(name##_columns)

const struct line_table line_tables[LINE_RECORD_COUNT] = {
    [LINE_SESSION] = {"session", "one", COLUMNS(session)},
    [LINE_ORIGIN] = {"origin", "one", COLUMNS(origin)},
    [LINE_PROBE] = {"probe", "idx", COLUMNS(probe)},
    [LINE_STEP] = {"step", "id", COLUMNS(step)},
    [LINE_STEP_FLIP] = {"step_flip", "step, n", COLUMNS(step_flip)},
    [LINE_EVENT] = {"event", "seq", COLUMNS(event)},
    [LINE_ANSWER] = {"answer", "step, probe", COLUMNS(answer)},
    [LINE_NAME] = {"name", "name", COLUMNS(name)},
    [LINE_KEPT] = {"kept", "key", COLUMNS(kept)},
};

_Static_assert(countof(event_columns) == LINE_COLUMNS_MAX, "the widest table");

/* ---- numbers ---------------------------------------------------------------- */

/* As in the file, but for infinities: many readers refuse 1e999. */
void line_print_number(struct buf *out, double value)
{
    if (isinf(value))
        buf_add_text(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    else
        number_print(out, value);
}

bool line_number(const json_t *value, double *out)
{
    const char *word = json_string_value(value);
    *out = (double)NAN;
    if (json_is_number(value))
        *out = json_number_value(value);
    else if (word && strcmp(word, "Infinity") == 0)
        *out = (double)INFINITY;
    else if (word && strcmp(word, "-Infinity") == 0)
        *out = -(double)INFINITY;
    else
        return json_is_null(value);
    return true;
}

/* ---- bytes ------------------------------------------------------------------ */

void line_print_hex(struct buf *out, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf_add_format(out, "%02x", (unsigned)(unsigned char)bytes[i]);
}

static int hex_digit(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit ? strchr(digits, digit) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool line_parse_hex(const char *text, struct buf *out)
{
    for (; *text; text += 2) {
        int high = hex_digit(text[0]), low = hex_digit(text[1]);
        if (high < 0 || low < 0)
            return false;
        char byte = (char)(high << 4 | low);
        buf_add(out, &byte, 1);
    }
    return true;
}

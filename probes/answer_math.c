/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The `math` rule, as probes/FORMAT.md numbers its steps.
 *
 * Both texts are turned into a row of characters that count, each with two
 * marks of what was left out before it; then comparing is plain.
 */
#include "probes/answer_int.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"
#include "src/base/num.h"
#include "src/base/text.h"

struct mark {
    uint32_t point;
    bool after_space; /* white space stands between this and the one before */
    bool after_any;   /* anything does: a word does not go on across it */
};

struct line {
    struct mark *marks;
    size_t count;
};

struct range {
    uint32_t first;
    uint32_t last;
};

static bool is_in(uint32_t point, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    return false;
}

/* ---- kinds of characters -------------------------------------------------- */

bool answer_is_space(uint32_t point)
{
    static const struct range spaces[] = {
        {0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},     {0x1680, 0x1680},
        {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
    };
    return is_in(point, spaces, countof(spaces));
}

bool answer_is_letter(uint32_t point)
{
    static const struct range letters[] = {
        {'A', 'Z'},       {'a', 'z'},       {0xAA, 0xAA},     {0xB5, 0xB5},     {0xBA, 0xBA},
        {0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x2AF},    {0x386, 0x386},   {0x388, 0x3FF},
        {0x400, 0x481},   {0x48A, 0x52F},   {0x531, 0x556},   {0x561, 0x587},   {0x5D0, 0x5EA},
        {0x620, 0x64A},   {0x904, 0x939},   {0x1E00, 0x1FFC}, {0x3041, 0x3096}, {0x30A1, 0x30FA},
        {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xAC00, 0xD7A3},
    };
    return is_in(point, letters, countof(letters));
}

static bool is_digit(uint32_t point)
{
    return point >= '0' && point <= '9';
}

static bool is_left_out(uint32_t point)
{
    return point != 0 && point < 0x80 && strchr("()[]{}*", (int)point) != NULL;
}

/* Does a pair of Latin letters (upper, lower) begin at an even or odd point? */
static bool is_upper_of_pair(uint32_t point)
{
    static const struct range even[] = {{0x100, 0x137}, {0x14A, 0x177}, {0x1E00, 0x1E95}};
    static const struct range odd[] = {{0x139, 0x148}, {0x179, 0x17E}};
    if (point == 0x130 || point == 0x131) /* dotted I, dotless i: no pair */
        return false;
    bool is_even = point % 2 == 0;
    return is_in(point, is_even ? even : odd, is_even ? countof(even) : countof(odd));
}

static uint32_t lower(uint32_t point)
{
    static const struct {
        struct range upper;
        uint32_t distance;
    } alphabets[] = {
        {{'A', 'Z'}, 32},     {{0xC0, 0xD6}, 32},    {{0xD8, 0xDE}, 32},    {{0x391, 0x3A1}, 32},
        {{0x3A3, 0x3A9}, 32}, {{0x400, 0x40F}, 80}, {{0x410, 0x42F}, 32},
    };
    for (size_t i = 0; i < countof(alphabets); i++)
        if (is_in(point, &alphabets[i].upper, 1))
            return point + alphabets[i].distance;
    return is_upper_of_pair(point) ? point + 1 : point;
}

/* ---- steps 1 and 2: from text to what counts ------------------------------ */

/* One character; a byte that is not UTF-8 stands for itself, outside Unicode. */
static size_t take_point(const char *text, size_t len, uint32_t *point)
{
    size_t size = text_decode(text, len, point);
    if (size > 0)
        return size;
    *point = 0x110000u + (unsigned char)text[0];
    return 1;
}

/* The first line with a character that is no white space; false if none. */
static bool find_line(const char *text, size_t len, size_t *start, size_t *end)
{
    bool seen = false;
    *start = 0;
    for (size_t i = 0; i < len;) {
        uint32_t point = 0;
        size_t size = take_point(text + i, len - i, &point);
        bool ends = point == '\n' || point == '\r';
        if (ends && seen) {
            *end = i;
            return true;
        }
        i += size;
        if (ends)
            *start = i;
        seen = seen || !answer_is_space(point);
    }
    *end = len;
    return seen;
}

static const uint32_t root_sign = 0x221A;

/* room is for 4 marks per character: the root sign becomes four letters, which
 * are no part of a word before or behind them. */
static void add_marks(struct line *line, struct mark mark)
{
    static const char root[] = "sqrt";
    if (mark.point != root_sign) {
        mark.point = lower(mark.point);
        line->marks[line->count++] = mark;
        return;
    }
    mark.after_any = true;
    for (size_t i = 0; i < strlen(root); i++) {
        mark.point = (unsigned char)root[i];
        line->marks[line->count++] = mark;
        mark.after_space = mark.after_any = false;
    }
}

static struct line line_of(const char *text, size_t len)
{
    struct line line = {.marks = x_new(len, 4 * sizeof *line.marks)};
    bool after_space = false, after_any = false;
    for (size_t i = 0; i < len;) {
        uint32_t point = 0;
        i += take_point(text + i, len - i, &point);
        bool space = answer_is_space(point);
        if (space || is_left_out(point)) {
            after_space = after_space || space;
            after_any = true;
            continue;
        }
        add_marks(&line, (struct mark){point, after_space, after_any});
        after_space = false;
        after_any = point == root_sign;
    }
    return line;
}

/* ---- steps 3 to 5 --------------------------------------------------------- */

static bool is_function_name(const char *word)
{
    static const char *const names[] = {
        "sin",    "cos",    "tan",    "cot",    "sec",    "csc",    "sinh",  "cosh",  "tanh",
        "coth",   "sech",   "csch",   "asin",   "acos",   "atan",   "acot",  "asec",  "acsc",
        "arcsin", "arccos", "arctan", "arccot", "arcsec", "arccsc", "asinh", "acosh", "atanh",
        "acoth",  "asech",  "acsch",  "arcsinh", "arccosh", "arctanh", "arccoth", "arcsech",
        "arccsch", "arsinh", "arcosh", "artanh", "exp",   "ln",     "lg",    "log",   "sqrt",
        "cbrt",   "abs",    "sgn",    "floor",  "ceil",   "min",    "max",   "mod",   "gcd",
        "lcm",    "det",    "lim",    "erf",
    };
    for (size_t i = 0; i < countof(names); i++)
        if (strcmp(word, names[i]) == 0)
            return true;
    return false;
}

/* A word of two or more letters, no function name, begins at line[at]. */
static bool is_word(const struct line *line, size_t at)
{
    enum { WORD_MAX = 8 }; /* longer than every function name */
    char ascii[WORD_MAX] = {0};
    size_t len = 0;
    for (size_t i = at; i < line->count && answer_is_letter(line->marks[i].point); i++, len++) {
        uint32_t point = line->marks[i].point;
        if (i > at && line->marks[i].after_any)
            break;
        if (len < WORD_MAX - 1)
            ascii[len] = point < 0x80 ? (char)point : '?';
    }
    return len >= 2 && (len >= WORD_MAX || !is_function_name(ascii));
}

/* Step 5: may an answer end before line[at]? */
static bool is_end(const struct line *line, size_t at)
{
    if (at == line->count)
        return true;
    const struct mark *mark = &line->marks[at];
    if (mark->point == 0x2248 || (mark->point < 0x80 && mark->point != 0 &&
                                  strchr("=$,;:!?", (int)mark->point)))
        return true;
    if (mark->point == '.') {
        const struct mark *next = mark + 1;
        return at + 1 == line->count || !is_digit(next->point) || next->after_space;
    }
    return mark->after_space && is_word(line, at);
}

static bool begins_with(const struct line *line, const struct line *answer)
{
    if (answer->count == 0 || answer->count > line->count)
        return false;
    for (size_t i = 0; i < answer->count; i++)
        if (line->marks[i].point != answer->marks[i].point)
            return false;
    return true;
}

static bool is_right(const struct line *line, const struct line *answer)
{
    if (!begins_with(line, answer))
        return false; /* step 3 */
    size_t at = answer->count;
    if (is_end(line, at))
        return true;
    bool constant = line->count - at >= 2 && line->marks[at].point == '+' &&
                    line->marks[at + 1].point == 'c';
    return constant && is_end(line, at + 2); /* step 4 */
}

bool answer_math(const char *generated, size_t generated_len, const char *const *accepted,
                 size_t accepted_count)
{
    size_t start = 0, end = 0;
    if (!find_line(generated, generated_len, &start, &end))
        return false;
    struct line line = line_of(generated + start, end - start);
    bool right = false;
    for (size_t i = 0; i < accepted_count && !right; i++) {
        struct line answer = line_of(accepted[i], strlen(accepted[i]));
        right = is_right(&line, &answer);
        free(answer.marks);
    }
    free(line.marks);
    return right;
}

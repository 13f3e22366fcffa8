/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A theme is resolved when it is read: every style in every mode, so that asking
 * for a look is one array access.
 */
#include "ui/theme.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/buf.h"
#include "src/base/file.h"
#include "src/base/num.h"
#include "ui/theme_int.h"

enum { MODES = COLOUR_256 + 1, THEME_BYTES_MAX = 1 << 16 };

/* Ladders, counted behind the styles. */
enum { LADDER_HEAT, LADDER_DIVERGE, LADDER_COUNT };

struct ladder {
    int colours[HEAT_COLOURS_MAX];
    int count;
};

struct theme {
    char *name;
    unsigned number;
    struct look looks[MODES][STYLE_COUNT];
    struct ladder ladders[MODES][LADDER_COUNT];
};

static const char *const ladder_names[LADDER_COUNT] = {"heat", "diverge"};
static const char heat_glyphs[] = " .:-=+*#%@";
/* Bars below for a loss, what reaches up for a gain. */
static const char diverge_glyphs[] = "=-,.'+#";
enum { HEAT_GLYPHS = sizeof heat_glyphs - 1, DIVERGE_GLYPHS = sizeof diverge_glyphs - 1 };

/* Of themes that have none. */
static const struct ladder usual_diverge = {
    {214, 208, 172, 166, 130, 94, 52, 234, 18, 20, 25, 32, 33, 75, 117}, 15};

/* ---- words ------------------------------------------------------------------------ */

struct word {
    const char *text;
    size_t len;
};

static bool word_is(struct word word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.text, text, word.len) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct word trimmed(struct word word)
{
    while (word.len > 0 && is_blank(word.text[0])) {
        word.text++;
        word.len--;
    }
    while (word.len > 0 && is_blank(word.text[word.len - 1]))
        word.len--;
    return word;
}

/* Splits off what is before the first separator; the rest may be empty. */
static struct word cut(struct word *rest, char separator)
{
    const char *found = rest->len ? memchr(rest->text, separator, rest->len) : NULL;
    struct word first = {rest->text, found ? (size_t)(found - rest->text) : rest->len};
    size_t used = found ? first.len + 1 : first.len;
    *rest = (struct word){rest->text + used, rest->len - used};
    return first;
}

/* The next word between blanks; its len is 0 at the end. */
static struct word next_word(struct word *rest)
{
    *rest = trimmed(*rest);
    struct word word = {rest->text, 0};
    while (word.len < rest->len && !is_blank(rest->text[word.len]))
        word.len++;
    *rest = (struct word){rest->text + word.len, rest->len - word.len};
    return word;
}

/* ---- colours and attributes --------------------------------------------------------- */

static bool parse_number(struct word word, int *number)
{
    *number = 0;
    for (size_t i = 0; i < word.len; i++) {
        if (word.text[i] < '0' || word.text[i] > '9' || *number > 255)
            return false;
        *number = *number * 10 + (word.text[i] - '0');
    }
    return word.len > 0 && *number <= 255;
}

static bool parse_colour(struct word word, int *colour)
{
    static const char *const names[8] = {"black", "red",     "green", "yellow",
                                         "blue",  "magenta", "cyan",  "white"};
    *colour = COLOUR_DEFAULT;
    if (word_is(word, "default"))
        return true;
    int bright = word.len > 7 && memcmp(word.text, "bright-", 7) == 0 ? 8 : 0;
    struct word plain = bright ? (struct word){word.text + 7, word.len - 7} : word;
    for (int i = 0; i < 8; i++)
        if (word_is(plain, names[i])) {
            *colour = i + bright;
            return true;
        }
    return parse_number(word, colour);
}

static bool parse_attribute(struct word word, unsigned *attributes)
{
    static const struct {
        const char *name;
        unsigned bit;
    } all[] = {{"bold", ATTR_BOLD}, {"reverse", ATTR_REVERSE}, {"underline", ATTR_UNDERLINE},
               {"dim", ATTR_DIM}};
    for (size_t i = 0; i < countof(all); i++)
        if (word_is(word, all[i].name)) {
            *attributes |= all[i].bit;
            return true;
        }
    return false;
}

static bool check_colour(struct word word, enum colour_mode mode, int *colour, struct err *err)
{
    int len = word.len < 40 ? (int)word.len : 40;
    if (len == 0)
        return err_set(err, ERR_FORMAT, "a colour is missing, expected such as 75 or bright-blue");
    if (!parse_colour(word, colour))
        return err_set(err, ERR_FORMAT,
                       "'%.*s' is no colour, expected default, 0 to 255, or such as bright-blue",
                       len, word.text);
    if (mode == COLOUR_MONO && *colour != COLOUR_DEFAULT)
        return err_set(err, ERR_FORMAT, "'%.*s': mono has no colours, expected attributes", len,
                       word.text);
    if (mode == COLOUR_16 && *colour > 15)
        return err_set(err, ERR_FORMAT, "colour %d is not one of 16, expected at most 15",
                       *colour);
    return true;
}

/* FOREGROUND [on BACKGROUND] ATTRIBUTE...; mono needs no foreground */
static bool parse_look(struct word text, enum colour_mode mode, struct look *look,
                       struct err *err)
{
    *look = (struct look){COLOUR_DEFAULT, COLOUR_DEFAULT, 0};
    struct word word = next_word(&text);
    unsigned ignored = 0;
    if (mode != COLOUR_MONO || !parse_attribute(word, &ignored)) {
        if (!check_colour(word, mode, &look->foreground, err))
            return false;
        word = next_word(&text);
    }
    if (word_is(word, "on")) {
        word = next_word(&text);
        if (!check_colour(word, mode, &look->background, err))
            return false;
        word = next_word(&text);
    }
    for (; word.len > 0; word = next_word(&text))
        if (!parse_attribute(word, &look->attributes))
            return err_set(err, ERR_FORMAT,
                           "'%.*s' is unknown, expected bold, reverse, underline or dim",
                           word.len < 40 ? (int)word.len : 40, word.text);
    return true;
}

static bool parse_ladder(struct word text, enum colour_mode mode, int which,
                         struct ladder *ladder, struct err *err)
{
    const char *name = ladder_names[which];
    if (mode == COLOUR_MONO)
        return err_set(err, ERR_FORMAT, "mono has no %s, expected %s or 16:%s", name, name, name);
    ladder->count = 0;
    for (struct word word = next_word(&text); word.len > 0; word = next_word(&text)) {
        int colour = 0;
        if (!check_colour(word, mode, &colour, err))
            return false;
        if (colour == COLOUR_DEFAULT)
            return err_set(err, ERR_FORMAT, "default is no colour of %s, expected 0 to 255",
                           name);
        if (ladder->count == HEAT_COLOURS_MAX)
            return err_set(err, ERR_FORMAT, "%s has more than %d colours", name,
                           HEAT_COLOURS_MAX);
        ladder->colours[ladder->count++] = colour;
    }
    if (ladder->count < 2)
        return err_set(err, ERR_FORMAT, "%s has %d colours, expected at least 2", name,
                       ladder->count);
    if (which == LADDER_DIVERGE && ladder->count % 2 == 0)
        return err_set(err, ERR_FORMAT, "diverge has %d colours, expected an odd number",
                       ladder->count);
    return true;
}

/* ---- entries ---------------------------------------------------------------------------- */

struct reader {
    struct theme *theme;
    bool given[MODES][STYLE_COUNT + LADDER_COUNT]; /* ladders at the end */
};

static enum colour_mode cut_mode(struct word *name)
{
    if (name->len > 3 && memcmp(name->text, "16:", 3) == 0) {
        *name = (struct word){name->text + 3, name->len - 3};
        return COLOUR_16;
    }
    if (name->len > 5 && memcmp(name->text, "mono:", 5) == 0) {
        *name = (struct word){name->text + 5, name->len - 5};
        return COLOUR_MONO;
    }
    return COLOUR_256;
}

/* From STYLE_COUNT on a ladder, -1 for a name that is none. */
static int style_of(struct word name)
{
    for (int i = 0; i < STYLE_COUNT; i++)
        if (word_is(name, style_name((enum style)i)))
            return i;
    for (int i = 0; i < LADDER_COUNT; i++)
        if (word_is(name, ladder_names[i]))
            return STYLE_COUNT + i;
    return -1;
}

static bool parse_line(struct reader *reader, struct word line, struct err *err)
{
    line = trimmed(cut(&line, '#'));
    if (line.len == 0)
        return true;
    bool has_sign = memchr(line.text, '=', line.len) != NULL;
    struct word name = trimmed(cut(&line, '='));
    enum colour_mode mode = cut_mode(&name);
    int style = style_of(name), len = name.len < 40 ? (int)name.len : 40;
    if (!has_sign)
        return err_set(err, ERR_FORMAT, "no '=' found, expected STYLE = COLOUR");
    if (style < 0)
        return err_set(err, ERR_FORMAT, "'%.*s' is no style, expected such as text or heat", len,
                       name.text);
    if (reader->given[mode][style])
        return err_set(err, ERR_FORMAT, "'%.*s' was given before", len, name.text);
    reader->given[mode][style] = true;
    int ladder = style - STYLE_COUNT;
    if (ladder >= 0)
        return parse_ladder(line, mode, ladder, &reader->theme->ladders[mode][ladder], err);
    return parse_look(line, mode, &reader->theme->looks[mode][style], err);
}

static int as_16(int colour)
{
    return colour == COLOUR_DEFAULT ? colour : palette_nearest_16(colour);
}

/* Neighbours that look the same with 16 colours are one step. */
static struct ladder ladder_as_16(const struct ladder *from)
{
    struct ladder to = {.count = 0};
    for (int i = 0; i < from->count; i++) {
        int colour = as_16(from->colours[i]);
        if (to.count == 0 || to.colours[to.count - 1] != colour)
            to.colours[to.count++] = colour;
    }
    return to;
}

/* Its middle must stay in the middle: colour by colour. */
static struct ladder diverge_as_16(const struct ladder *from)
{
    struct ladder to = {.count = from->count};
    for (int i = 0; i < from->count; i++)
        to.colours[i] = as_16(from->colours[i]);
    return to;
}

/* Entries left out; [T1] for those that may not be. */
static bool complete(struct reader *reader, struct err *err)
{
    struct theme *theme = reader->theme;
    for (int i = 0; i < STYLE_COUNT; i++) {
        struct look look = theme->looks[COLOUR_256][i];
        if (!reader->given[COLOUR_256][i])
            return err_set(err, ERR_FORMAT, "style '%s' is missing", style_name((enum style)i));
        if (!reader->given[COLOUR_16][i])
            theme->looks[COLOUR_16][i] = (struct look){as_16(look.foreground),
                                                       as_16(look.background), look.attributes};
        if (!reader->given[COLOUR_MONO][i])
            theme->looks[COLOUR_MONO][i] =
                (struct look){COLOUR_DEFAULT, COLOUR_DEFAULT, look.attributes};
    }
    if (!reader->given[COLOUR_256][STYLE_COUNT + LADDER_HEAT])
        return err_set(err, ERR_FORMAT, "heat is missing");
    if (!reader->given[COLOUR_16][STYLE_COUNT + LADDER_HEAT])
        theme->ladders[COLOUR_16][LADDER_HEAT] =
            ladder_as_16(&theme->ladders[COLOUR_256][LADDER_HEAT]);
    if (!reader->given[COLOUR_256][STYLE_COUNT + LADDER_DIVERGE])
        theme->ladders[COLOUR_256][LADDER_DIVERGE] = usual_diverge;
    if (!reader->given[COLOUR_16][STYLE_COUNT + LADDER_DIVERGE])
        theme->ladders[COLOUR_16][LADDER_DIVERGE] =
            diverge_as_16(&theme->ladders[COLOUR_256][LADDER_DIVERGE]);
    return true;
}

struct theme *theme_parse(const char *text, size_t len, const char *name, struct err *err)
{
    static unsigned numbers;
    struct reader reader = {.theme = x_new(1, sizeof(struct theme))};
    struct word rest = {text, len};
    reader.theme->name = x_copy(name, strlen(name));
    reader.theme->number = ++numbers;
    bool ok = true;
    for (int line = 1; ok && rest.len > 0; line++) {
        ok = parse_line(&reader, cut(&rest, '\n'), err);
        if (!ok)
            (void)err_where(err, "line %d", line);
    }
    if (ok && complete(&reader, err))
        return reader.theme;
    (void)err_file(err, name);
    theme_free(reader.theme);
    return NULL;
}

/* ---- finding ------------------------------------------------------------------------- */

static void user_path(const char *name, struct buf *out)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (config && config[0] == '/')
        buf_add_format(out, "%s/bankai/themes/%s.theme", config, name);
    else
        buf_add_format(out, "%s/.config/bankai/themes/%s.theme", home ? home : "", name);
}

struct theme *theme_load(const char *name, struct err *err)
{
    size_t len = 0;
    const char *builtin = theme_builtin_text(name, &len);
    if (builtin)
        return theme_parse(builtin, len, name, err);
    struct buf path = {0}, text = {0};
    if (strchr(name, '/'))
        buf_add_text(&path, name);
    else
        user_path(name, &path);
    struct theme *theme = NULL;
    if (file_read(path.data, THEME_BYTES_MAX, &text, err))
        theme = theme_parse(text.data ? text.data : "", text.len, path.data, err);
    else if (access(path.data, F_OK) != 0) {
        (void)err_set(err, ERR_USAGE, "there is no theme '%s', expected dark, light or a file",
                      name);
        (void)err_file(err, path.data);
    }
    buf_free(&path);
    buf_free(&text);
    return theme;
}

void theme_free(struct theme *theme)
{
    if (!theme)
        return;
    free(theme->name);
    free(theme);
}

/* ---- looking -------------------------------------------------------------------------- */

const char *theme_name(const struct theme *theme)
{
    return theme->name;
}

unsigned theme_number(const struct theme *theme)
{
    return theme->number;
}

static int heat_colour(const struct theme *theme, enum colour_mode mode, int level)
{
    bool diverges = level >= DIVERGE_FIRST;
    const struct ladder *ladder = &theme->ladders[mode][diverges ? LADDER_DIVERGE : LADDER_HEAT];
    int top = diverges ? DIVERGE_LEVELS - 1 : HEAT_LEVELS - 1;
    if (level >= HEAT_NONE)
        return COLOUR_DEFAULT;
    level -= diverges ? DIVERGE_FIRST : 0;
    return ladder->colours[(level * (ladder->count - 1) + top / 2) / top];
}

struct look theme_look(const struct theme *theme, style_id style, enum colour_mode mode)
{
    if (!style_is_heat(style)) {
        BUG_ON(style >= STYLE_COUNT);
        return theme->looks[mode][style];
    }
    if (mode == COLOUR_MONO)
        return (struct look){COLOUR_DEFAULT, COLOUR_DEFAULT, 0};
    return (struct look){heat_colour(theme, mode, style_heat_top(style)),
                         heat_colour(theme, mode, style_heat_bottom(style)), 0};
}

uint32_t theme_heat_glyph(int level)
{
    BUG_ON(level < 0 || level >= HEAT_ALL);
    if (level == HEAT_NONE)
        return ' ';
    if (level >= DIVERGE_FIRST)
        return (unsigned char)diverge_glyphs[((level - DIVERGE_FIRST) * (DIVERGE_GLYPHS - 1) +
                                              DIVERGE_LEVELS / 2) / (DIVERGE_LEVELS - 1)];
    return (unsigned char)heat_glyphs[level * HEAT_GLYPHS / HEAT_LEVELS];
}

int theme_heat_steps(const struct theme *theme, enum colour_mode mode)
{
    if (mode == COLOUR_MONO)
        return HEAT_GLYPHS;
    int count = theme->ladders[mode][LADDER_HEAT].count;
    return count < HEAT_LEVELS ? count : HEAT_LEVELS;
}

int theme_diverge_steps(const struct theme *theme, enum colour_mode mode)
{
    if (mode == COLOUR_MONO)
        return DIVERGE_GLYPHS;
    int count = theme->ladders[mode][LADDER_DIVERGE].count;
    return count < DIVERGE_LEVELS ? count : DIVERGE_LEVELS;
}

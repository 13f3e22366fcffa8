/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Themes: the built-in ones are complete in every mode [T1], tell what differs in
 * meaning apart [T2], and have a heat that only gets lighter; files that are no
 * themes are refused with their place.
 */
#include "tests/t.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "ui/theme.h"
#include "ui/theme_int.h"

static const char *const builtins[] = {"dark", "light"};

static struct theme *load(const char *name)
{
    struct err err = {0};
    struct theme *theme = theme_load(name, &err);
    t_ok(theme != NULL, &err);
    return theme;
}

static void builtin__every_style_and_mode__has_a_look(void **state)
{
    (void)state;
    static const int limits[] = {[COLOUR_MONO] = 0, [COLOUR_16] = 16, [COLOUR_256] = 256};
    for (size_t i = 0; i < countof(builtins); i++) {
        struct theme *theme = load(builtins[i]);
        assert_string_equal(theme_name(theme), builtins[i]);
        for (int mode = COLOUR_MONO; mode <= COLOUR_256; mode++)
            for (int style = 0; style < STYLE_COUNT; style++) {
                struct look look = theme_look(theme, (style_id)style, (enum colour_mode)mode);
                assert_in_range(look.foreground + 1, 0, limits[mode]);
                assert_in_range(look.background + 1, 0, limits[mode]);
            }
        theme_free(theme);
    }
}

static bool same(struct look a, struct look b)
{
    return a.foreground == b.foreground && a.background == b.background &&
           a.attributes == b.attributes;
}

/* Pairs that stand side by side and are not told apart by words or signs. */
static void builtin__styles_side_by_side__differ_in_every_mode(void **state)
{
    (void)state;
    static const style_id pairs[][2] = {
        {STYLE_GOOD, STYLE_BAD},         {STYLE_GOOD, STYLE_TEXT},
        {STYLE_BAD, STYLE_TEXT},         {STYLE_PENDING, STYLE_TEXT},
        {STYLE_TAB, STYLE_TAB_ACTIVE},   {STYLE_BORDER, STYLE_BORDER_FOCUS},
        {STYLE_MESSAGE, STYLE_ERROR},    {STYLE_SELECTED, STYLE_TEXT},
        {STYLE_HINT, STYLE_HINT_KEY},    {STYLE_DIFF, STYLE_TEXT},
        {STYLE_CURSOR, STYLE_TEXT},      {STYLE_CURSOR, STYLE_SELECTED},
        {STYLE_STALE, STYLE_TEXT},       {STYLE_MARK_ACCEPTED, STYLE_MARK_TRIED},
        {STYLE_STATUS, STYLE_ERROR},
    };
    for (size_t i = 0; i < countof(builtins); i++) {
        struct theme *theme = load(builtins[i]);
        for (int mode = COLOUR_MONO; mode <= COLOUR_256; mode++)
            for (size_t k = 0; k < countof(pairs); k++)
                if (same(theme_look(theme, pairs[k][0], (enum colour_mode)mode),
                         theme_look(theme, pairs[k][1], (enum colour_mode)mode)))
                    fail_msg("%s: %s and %s look the same in mode %d", builtins[i],
                             style_name((enum style)pairs[k][0]),
                             style_name((enum style)pairs[k][1]), mode);
        theme_free(theme);
    }
}

/* A step that gets darker would draw an edge that is not in the numbers. */
static void heat__every_step__is_lighter(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(builtins); i++) {
        struct theme *theme = load(builtins[i]);
        for (int mode = COLOUR_16; mode <= COLOUR_256; mode++) {
            int steps = 1, before = theme_look(theme, style_heat(0, 0), (enum colour_mode)mode)
                                        .background;
            for (int level = 1; level < HEAT_LEVELS; level++) {
                struct look look = theme_look(theme, style_heat(level, level),
                                              (enum colour_mode)mode);
                assert_int_equal(look.foreground, look.background);
                if (look.background == before)
                    continue;
                assert_true(palette_lightness(look.background) > palette_lightness(before) + 2);
                before = look.background;
                steps++;
            }
            assert_int_equal(steps, theme_heat_steps(theme, (enum colour_mode)mode));
            assert_true(mode == COLOUR_16 || steps == HEAT_LEVELS);
        }
        theme_free(theme);
    }
}

static void heat__mono__glyphs_get_denser(void **state)
{
    (void)state;
    static const char ramp[] = " .:-=+*#%@";
    struct theme *theme = load("dark");
    const char *before = ramp;
    for (int level = 0; level < HEAT_LEVELS; level++) {
        const char *glyph = strchr(ramp, (int)theme_heat_glyph(level));
        assert_non_null(glyph);
        assert_true(glyph >= before && glyph <= before + 1);
        before = glyph;
    }
    assert_int_equal(*before, '@');
    assert_int_equal(theme_heat_steps(theme, COLOUR_MONO), 10);
    theme_free(theme);
}

/* Away from the middle each step is further from it in lightness, and loss is red where gain
 * is blue: what every common kind of colour blindness tells apart. */
static void diverge__both_sides__lead_away_from_the_middle(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(builtins); i++) {
        struct theme *theme = load(builtins[i]);
        for (int mode = COLOUR_16; mode <= COLOUR_256; mode++) {
            int colours[DIVERGE_LEVELS], middle = DIVERGE_LEVELS / 2;
            for (int level = 0; level < DIVERGE_LEVELS; level++) {
                int id = DIVERGE_FIRST + level;
                colours[level] = theme_look(theme, style_heat(id, id),
                                            (enum colour_mode)mode).background;
            }
            double none = palette_lightness(colours[middle]), before = 0;
            for (int off = 1; off <= middle; off++) {
                int loss = colours[middle - off], gain = colours[middle + off];
                if (loss == colours[middle - off + 1] && gain == colours[middle + off - 1])
                    continue; /* fewer colours than levels */
                double away = fmin(fabs(palette_lightness(loss) - none),
                                   fabs(palette_lightness(gain) - none));
                assert_true(away > before + 2);
                assert_true(palette_rgb(loss).red > palette_rgb(loss).blue);
                assert_true(palette_rgb(gain).blue > palette_rgb(gain).red);
                before = away;
            }
            assert_int_equal(theme_diverge_steps(theme, (enum colour_mode)mode),
                             mode == COLOUR_16 ? 5 : DIVERGE_LEVELS);
        }
        theme_free(theme);
    }
}

static void diverge__mono_and_none__are_told_by_glyphs(void **state)
{
    (void)state;
    static const char expected[] = "==--,,...''++##";
    struct theme *theme = load("dark");
    for (int level = 0; level < DIVERGE_LEVELS; level++)
        assert_int_equal(theme_heat_glyph(DIVERGE_FIRST + level), expected[level]);
    assert_int_equal(theme_heat_glyph(HEAT_NONE), ' ');
    struct look none = theme_look(theme, style_heat(HEAT_NONE, HEAT_NONE), COLOUR_256);
    assert_int_equal(none.background, COLOUR_DEFAULT);
    theme_free(theme);
}

static void palette__known_colours__have_known_lightness(void **state)
{
    (void)state;
    /* L* of sRGB black, white, and 50 % grey (#808080) as published: 0, 100, 53.59. */
    assert_true(fabs(palette_lightness(16)) < 0.01);
    assert_true(fabs(palette_lightness(231) - 100) < 0.01);
    assert_true(fabs(palette_lightness(244) - 53.59) < 0.01);
    assert_int_equal(palette_nearest_16(196), 9);
    assert_int_equal(palette_nearest_16(231), 15);
    assert_int_equal(palette_nearest_16(16), 0);
    assert_int_equal(palette_nearest_16(7), 7);
}

/* A complete theme with `line` before its first line; err tells what is wrong. */
static struct theme *parse_with(const char *line, const char *left_out, struct err *err)
{
    struct buf text = {0};
    buf_add_format(&text, "%s\n", line);
    for (int i = 0; i < STYLE_COUNT; i++)
        if (!left_out || strcmp(style_name((enum style)i), left_out) != 0)
            buf_add_format(&text, "%s = %d\n", style_name((enum style)i), i);
    if (!left_out || strcmp(left_out, "heat") != 0)
        buf_add_text(&text, "heat = 17 18 227 # comment\n");
    struct theme *theme = theme_parse(text.data, text.len, "mine.theme", err);
    buf_free(&text);
    return theme;
}

static void parse__errors__say_line_and_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } all[] = {
        {"text", "no '=' found, expected STYLE = COLOUR"},
        {"colour = 3", "'colour' is no style, expected such as text or heat"},
        {"8:text = 3", "'8:text' is no style, expected such as text or heat"},
        {"text =", "a colour is missing, expected such as 75 or bright-blue"},
        {"text = 3 on", "a colour is missing, expected such as 75 or bright-blue"},
        {"text = pink",
         "'pink' is no colour, expected default, 0 to 255, or such as bright-blue"},
        {"text = 256", "'256' is no colour, expected default, 0 to 255, or such as bright-blue"},
        {"text = bright-", "'bright-' is no colour, expected default, 0 to 255, or such as "
                           "bright-blue"},
        {"text = 3 blink", "'blink' is unknown, expected bold, reverse, underline or dim"},
        {"16:text = 16", "colour 16 is not one of 16, expected at most 15"},
        {"mono:text = 3", "'3': mono has no colours, expected attributes"},
        {"mono:heat = 1 2", "mono has no heat, expected heat or 16:heat"},
        {"heat = default 3", "default is no colour of heat, expected 0 to 255"},
        {"heat = 3", "heat has 1 colours, expected at least 2"},
        {"mono:diverge = 1 2", "mono has no diverge, expected diverge or 16:diverge"},
        {"diverge = 3 4", "diverge has 2 colours, expected an odd number"},
        {"diverge = 3 default 4", "default is no colour of diverge, expected 0 to 255"},
        {"heat = 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6",
         "heat has more than 32 colours"},
    };
    for (size_t i = 0; i < countof(all); i++) {
        struct err err = {0};
        assert_null(parse_with(all[i].line, NULL, &err));
        t_err_is(&err, ERR_FORMAT, "line 1", all[i].message);
        assert_string_equal(err.file, "mine.theme");
    }
}

static void parse__incomplete_or_twice__is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    assert_null(parse_with("", "cursor", &err));
    t_err_is(&err, ERR_FORMAT, "", "style 'cursor' is missing");
    assert_null(parse_with("", "heat", &err));
    t_err_is(&err, ERR_FORMAT, "", "heat is missing");
    assert_null(parse_with("dim = 3", NULL, &err));
    t_err_is(&err, ERR_FORMAT, "line 3", "'dim' was given before");
    assert_null(theme_parse("", 0, "empty", &err));
    t_err_is(&err, ERR_FORMAT, "", "style 'text' is missing");
}

static void parse__entries_left_out__fall_back(void **state)
{
    (void)state;
    struct err err = {0};
    struct theme *theme = parse_with("text = 231 on 196 bold\n16:dim=red\nmono:bad=reverse",
                                     "text", &err);
    t_ok(theme != NULL, &err);
    struct look look = theme_look(theme, STYLE_TEXT, COLOUR_16);
    assert_int_equal(look.foreground, 15);
    assert_int_equal(look.background, 9);
    assert_int_equal(look.attributes, ATTR_BOLD);
    look = theme_look(theme, STYLE_TEXT, COLOUR_MONO);
    assert_int_equal(look.foreground, COLOUR_DEFAULT);
    assert_int_equal(look.attributes, ATTR_BOLD);
    assert_int_equal(theme_look(theme, STYLE_DIM, COLOUR_16).foreground, 1);
    assert_int_equal(theme_look(theme, STYLE_BAD, COLOUR_MONO).attributes, ATTR_REVERSE);
    assert_int_equal(theme_heat_steps(theme, COLOUR_256), 3);
    assert_int_equal(theme_diverge_steps(theme, COLOUR_256), 15);
    look = theme_look(theme, style_heat(DIVERGE_FIRST + 7, DIVERGE_FIRST + 7), COLOUR_16);
    assert_int_equal(look.background, 0); /* nothing is black */
    theme_free(theme);
}

static void load__files__by_path_and_by_name(void **state)
{
    (void)state;
    char folder[] = "/tmp/theme_XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct err err = {0};
    assert_int_equal(setenv("XDG_CONFIG_HOME", folder, 1), 0);
    assert_null(theme_load("mine", &err));
    assert_non_null(strstr(err.message, "no theme"));
    struct buf path = {0};
    buf_add_format(&path, "%s/broken.theme", folder);
    FILE *file = fopen(path.data, "w");
    assert_non_null(file);
    assert_true(fputs("text = 1\nnothing\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_null(theme_load(path.data, &err));
    assert_string_equal(err.file, path.data);
    assert_string_equal(err.where, "line 2");
    assert_int_equal(unlink(path.data), 0);
    assert_int_equal(rmdir(folder), 0);
    buf_free(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtin__every_style_and_mode__has_a_look),
        cmocka_unit_test(builtin__styles_side_by_side__differ_in_every_mode),
        cmocka_unit_test(heat__every_step__is_lighter),
        cmocka_unit_test(heat__mono__glyphs_get_denser),
        cmocka_unit_test(diverge__both_sides__lead_away_from_the_middle),
        cmocka_unit_test(diverge__mono_and_none__are_told_by_glyphs),
        cmocka_unit_test(palette__known_colours__have_known_lightness),
        cmocka_unit_test(parse__errors__say_line_and_what_was_expected),
        cmocka_unit_test(parse__incomplete_or_twice__is_refused),
        cmocka_unit_test(parse__entries_left_out__fall_back),
        cmocka_unit_test(load__files__by_path_and_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

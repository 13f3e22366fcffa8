/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The cell grid: clipping [D1], wide characters [D2], visible control characters,
 * and its form as text.  Names of keys.
 */
#include "tests/t.h"

#include <stdlib.h>

#include "ui/glyph.h"
#include "ui/grid.h"
#include "ui/key.h"

static const struct rect whole_row = {0, 0, 1, 10};

/* The first line of the grid's text. */
static void first_line_is(const struct grid *grid, const char *expected)
{
    struct buf text = {0};
    grid_dump(grid, &text);
    *strchr(text.data, '\n') = '\0';
    assert_string_equal(text.data, expected);
    buf_free(&text);
}

static int draw(struct grid *grid, struct rect clip, int column, const char *text)
{
    return grid_text(grid, clip, 0, column, text, strlen(text), STYLE_TEXT);
}

static void text__fits__returns_the_column_behind_it(void **state)
{
    (void)state;
    struct grid grid = {0};
    grid_resize(&grid, 1, 10);
    assert_int_equal(draw(&grid, whole_row, 2, "abc"), 5);
    assert_int_equal(draw(&grid, whole_row, 5, "fghij"), 10);
    first_line_is(&grid, "  abcfghij");
    grid_free(&grid);
}

static void text__too_long__ends_in_a_sign(void **state)
{
    (void)state;
    struct grid grid = {0};
    grid_resize(&grid, 1, 10);
    assert_int_equal(draw(&grid, whole_row, 0, "abcdefghijk"), 10);
    first_line_is(&grid, "abcdefghi>");
    assert_int_equal(draw(&grid, (struct rect){0, 2, 1, 3}, 0, "xyzw"), 3);
    first_line_is(&grid, "abxy>fghi>");
    assert_int_equal(draw(&grid, whole_row, 10, "q"), 10);
    grid_free(&grid);
}

static void text__wide__takes_two_cells(void **state)
{
    (void)state;
    struct grid grid = {0};
    grid_resize(&grid, 1, 10);
    assert_int_equal(draw(&grid, whole_row, 0, "日本x"), 5);
    first_line_is(&grid, "日本x");
    assert_int_equal(grid.cells[0].point, 0x65E5);
    assert_int_equal(grid.cells[1].point, 0);
    assert_int_equal(grid_text_columns("日本x", strlen("日本x")), 5);
    grid_put(&grid, whole_row, 0, 1, 'y', STYLE_TEXT); /* its second half goes */
    first_line_is(&grid, "?y本x");
    grid_put(&grid, whole_row, 0, 2, 'z', STYLE_TEXT); /* its first half goes */
    first_line_is(&grid, "?yz?x");
    grid_free(&grid);
}

static void text__wide_at_the_edge__is_cut_as_a_whole(void **state)
{
    (void)state;
    struct grid grid = {0};
    grid_resize(&grid, 1, 5);
    struct rect clip = {0, 0, 1, 5};
    assert_int_equal(draw(&grid, clip, 0, "日本語"), 5);
    first_line_is(&grid, "日本>");
    grid_clear(&grid);
    grid_put(&grid, clip, 0, 4, 0x65E5, STYLE_TEXT);
    first_line_is(&grid, "    ?");
    grid_put(&grid, clip, 0, -1, 0x65E5, STYLE_TEXT);
    first_line_is(&grid, "?   ?");
    grid_free(&grid);
}

static void text__control_characters__are_visible(void **state)
{
    (void)state;
    struct grid grid = {0};
    grid_resize(&grid, 1, 40);
    struct rect clip = {0, 0, 1, 40};
    const char text[] = "a\033[2J\n\x01\x80\xE2\x80\xAE!e\xCC\x81";
    int end = grid_text(&grid, clip, 0, 0, text, sizeof text - 1, STYLE_TEXT);
    first_line_is(&grid, "a\\x1B[2J\\n\\x01\xEF\xBF\xBD\\u{202E}!e");
    assert_int_equal(end, grid_text_columns(text, sizeof text - 1));
    grid_put(&grid, clip, 0, 0, 27, STYLE_TEXT);
    grid_put(&grid, clip, 0, 1, 0x9B, STYLE_TEXT);
    assert_int_equal(grid.cells[0].point, 0xFFFD);
    assert_int_equal(grid.cells[1].point, 0xFFFD);
    grid_free(&grid);
}

/* Everything at once, from far outside. */
static void draw_all(struct grid *grid, struct rect clip, int row, int column)
{
    grid_put(grid, clip, row, column, 0x65E5, STYLE_BAD);
    (void)grid_text(grid, clip, row, column, "long 日本 text", 16, STYLE_BAD);
    grid_fill(grid, clip, (struct rect){row, column, 3, 4}, '#', STYLE_BAD);
    (void)grid_format(grid, clip, row, column, STYLE_BAD, "%d 日", 12345);
    grid_cursor(grid, clip, row, column);
}

static bool inside(struct rect rect, int row, int column)
{
    return row >= rect.row && row < rect.row + rect.rows && column >= rect.column &&
           column < rect.column + rect.columns;
}

static void drawing__outside_of_clip_or_grid__changes_nothing(void **state)
{
    (void)state;
    static const struct rect clips[] = {
        {1, 2, 2, 3}, {-2, -2, 3, 4}, {3, 6, 9, 9}, {0, 0, 0, 0}, {9, 9, 2, 2}, {2, 2, 1, 1},
    };
    struct grid grid = {0};
    for (size_t i = 0; i < countof(clips); i++)
        for (int row = -4; row < 8; row++)
            for (int column = -4; column < 12; column++) {
                grid_resize(&grid, 4, 8);
                draw_all(&grid, clips[i], row, column);
                for (int cell = 0; cell < 32; cell++)
                    if (!inside(clips[i], cell / 8, cell % 8)) {
                        assert_int_equal(grid.cells[cell].point, ' ');
                        assert_int_equal(grid.cells[cell].style, STYLE_TEXT);
                    }
            }
    grid_free(&grid);
}

static void grid__1x1__draws_what_fits(void **state)
{
    (void)state;
    struct grid grid = {0};
    grid_resize(&grid, 1, 1);
    struct rect one = {0, 0, 1, 1};
    assert_int_equal(draw(&grid, one, 0, "ab"), 1);
    first_line_is(&grid, ">");
    assert_int_equal(draw(&grid, one, 0, "日"), 1);
    first_line_is(&grid, ">");
    grid_put(&grid, one, 0, 0, 0x65E5, STYLE_TEXT);
    first_line_is(&grid, "?");
    struct rect room = grid_frame(&grid, one, "title", true);
    assert_int_equal(room.rows, 1);
    grid_cursor(&grid, one, 0, 0);
    assert_true(grid.cursor_shown);
    grid_free(&grid);
}

static void dump__all_planes__exact(void **state)
{
    (void)state;
    struct grid grid = {0};
    struct buf text = {0};
    grid_resize(&grid, 4, 12);
    struct rect all = {0, 0, 4, 12};
    struct rect room = grid_frame(&grid, (struct rect){0, 0, 3, 11}, "Map", true);
    grid_put(&grid, room, 0, 0, 0x2580, style_heat(12, 3));
    (void)grid_format(&grid, room, 0, 2, STYLE_GOOD, "+%.1f", 0.5);
    (void)grid_text(&grid, all, 3, 0, "日 ", 4, STYLE_DIM);
    grid_cursor(&grid, room, 0, 5);
    grid_dump(&grid, &text);
    t_buf_is(&text, "┌ Map ────┐\n"
                    "│▀ +0.5   │\n"
                    "└─────────┘\n"
                    "日\n"
                    "--- styles\n"
                    "BBTTTBBBBBB.\n"
                    "BC.++++...B.\n"
                    "BBBBBBBBBBB.\n"
                    ",,,.........\n"
                    "--- cursor 1 6\n");
    buf_clear(&text);
    grid_clear(&grid);
    grid_dump(&grid, &text);
    assert_non_null(strstr(text.data, "--- cursor hidden\n"));
    buf_free(&text);
    grid_free(&grid);
}

static void frame__title__is_cut_inside_the_border(void **state)
{
    (void)state;
    struct grid grid = {0};
    grid_resize(&grid, 3, 10);
    struct rect room = grid_frame(&grid, (struct rect){0, 0, 3, 10}, "a long title", false);
    first_line_is(&grid, "┌ a lon> ┐");
    assert_int_equal(room.columns, 8);
    room = grid_frame(&grid, (struct rect){0, 0, 3, 7}, "x", false);
    assert_int_equal(room.columns, 7);
    grid_free(&grid);
}

static void styles__letters_and_names__are_all_different(void **state)
{
    (void)state;
    bool seen[256] = {false};
    for (int i = 0; i < STYLE_COUNT; i++) {
        unsigned char letter = (unsigned char)style_letter((style_id)i);
        assert_false(seen[letter]);
        seen[letter] = true;
        for (int k = 0; k < i; k++)
            assert_string_not_equal(style_name((enum style)i), style_name((enum style)k));
    }
    assert_int_equal(style_letter(style_heat(15, 0)), 'F');
}

/* ---- keys -------------------------------------------------------------------------- */

static void key__every_name__parses_back(void **state)
{
    (void)state;
    for (key_code key = 1; key <= KEY_CODE_RESIZE; key++) {
        if (key == 0xD800)
            key = 0xE000; /* surrogates are no characters */
        if ((key > 26 && key < ' ' && key != KEY_CODE_ESC) || (key > 0x400 && key < 0xE000) ||
            (key > 0xE000 && key < 0x10FFFF) || (key > 0x10FFFF && key < KEY_CODE_BASE))
            continue;
        struct buf name = {0};
        key_code parsed = KEY_CODE_NONE;
        key_add_name(key, &name);
        assert_int_equal(key_parse(name.data, &parsed), name.len);
        assert_int_equal(parsed, key);
        buf_free(&name);
    }
}

static void key__texts__parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        key_code key;
    } all[] = {
        {"j", 1, 'j'},         {"<Enter>x", 7, 13},   {"<C-c>", 5, 3},      {"<C-i>", 5, 9},
        {"<", 1, '<'},         {"<C-1>", 1, '<'},     {"<Nope>", 1, '<'},   {"é", 2, 0xE9},
        {"<S-Tab>", 7, KEY_CODE_SHIFT_TAB},           {"<Space>", 7, ' '},  {"", 0, 0},
        {"\xFF", 0, 0},
    };
    for (size_t i = 0; i < countof(all); i++) {
        key_code key = KEY_CODE_NONE;
        assert_int_equal(key_parse(all[i].text, &key), all[i].len);
        assert_int_equal(key, all[i].key);
    }
}

static void key__bytes__are_what_terminals_send(void **state)
{
    (void)state;
    struct buf bytes = {0};
    key_bytes(KEY_CODE_UP, &bytes);
    key_bytes(KEY_CODE_END, &bytes);
    key_bytes(0xE9, &bytes);
    key_bytes(KEY_CODE_ENTER, &bytes);
    key_bytes(KEY_CODE_RESIZE, &bytes);
    t_buf_is(&bytes, "\033[A\033[F\xC3\xA9\r");
    buf_free(&bytes);
}

/* ---- terminals that can less ------------------------------------------------------- */

static void glyph__less_than_utf8_or_colours__stands_in(void **state)
{
    (void)state;
    struct err err = {0};
    struct theme *theme = theme_load("dark", &err);
    t_ok(theme != NULL, &err);
    struct look look = {0};
    struct cell half = {0x2580, style_heat(15, 0)}, line = {0x2500, STYLE_BORDER};
    assert_int_equal(glyph_of(half, theme, COLOUR_256, true, &look), 0x2580);
    assert_int_not_equal(look.foreground, look.background);
    assert_int_equal(glyph_of(half, theme, COLOUR_256, false, &look), ' ');
    struct look mean = theme_look(theme, style_heat(8, 8), COLOUR_256);
    assert_int_equal(look.background, mean.background);
    assert_int_equal(glyph_of(half, theme, COLOUR_MONO, true, &look), theme_heat_glyph(8));
    assert_int_equal(glyph_of(line, theme, COLOUR_256, false, &look), '-');
    assert_int_equal(glyph_of((struct cell){0x65E5, STYLE_TEXT}, theme, COLOUR_256, false, &look),
                     '?');
    (void)glyph_of((struct cell){'x', style_heat(0, 15)}, theme, COLOUR_256, true, &look);
    assert_int_equal(look.foreground, 16); /* black on the lightest */
    (void)glyph_of((struct cell){'x', style_heat(15, 0)}, theme, COLOUR_256, true, &look);
    assert_int_equal(look.foreground, 231);
    theme_free(theme);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text__fits__returns_the_column_behind_it),
        cmocka_unit_test(text__too_long__ends_in_a_sign),
        cmocka_unit_test(text__wide__takes_two_cells),
        cmocka_unit_test(text__wide_at_the_edge__is_cut_as_a_whole),
        cmocka_unit_test(text__control_characters__are_visible),
        cmocka_unit_test(drawing__outside_of_clip_or_grid__changes_nothing),
        cmocka_unit_test(grid__1x1__draws_what_fits),
        cmocka_unit_test(dump__all_planes__exact),
        cmocka_unit_test(frame__title__is_cut_inside_the_border),
        cmocka_unit_test(styles__letters_and_names__are_all_different),
        cmocka_unit_test(key__every_name__parses_back),
        cmocka_unit_test(key__texts__parse),
        cmocka_unit_test(key__bytes__are_what_terminals_send),
        cmocka_unit_test(glyph__less_than_utf8_or_colours__stands_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

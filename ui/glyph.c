/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/glyph.h"

#include <stddef.h>

#include "src/base/num.h"
#include "ui/theme_int.h"

enum { BLOCKS_FIRST = 0x2580, BLOCKS_LAST = 0x259F };
enum { BLACK_256 = 16, WHITE_256 = 231, BLACK_16 = 0, WHITE_16 = 15 };

struct stand_in {
    uint32_t first, last;
    char ascii;
};

/* In order. */
static const struct stand_in stand_ins[] = {
    {0x00A0, 0x00A0, ' '}, {0x00B1, 0x00B1, '~'}, {0x00B7, 0x00B7, '.'}, {0x00D7, 0x00D7, 'x'},
    {0x0394, 0x0394, 'd'}, {0x03BB, 0x03BB, 'l'}, {0x2010, 0x2015, '-'}, {0x2018, 0x2019, '\''},
    {0x201C, 0x201D, '"'}, {0x2022, 0x2022, '*'}, {0x2026, 0x2026, '.'}, {0x2190, 0x2190, '<'},
    {0x2191, 0x2191, '^'}, {0x2192, 0x2192, '>'}, {0x2193, 0x2193, 'v'}, {0x2212, 0x2212, '-'},
    {0x2500, 0x2501, '-'}, {0x2502, 0x2503, '|'}, {0x2504, 0x257F, '+'}, {0x2580, 0x2580, '"'},
    {0x2581, 0x2583, '_'}, {0x2584, 0x2586, '='}, {0x2587, 0x2593, '#'}, {0x2594, 0x259F, '#'},
    {0x25A0, 0x25A0, '#'}, {0x25A1, 0x25A1, 'o'}, {0x25B2, 0x25B3, '^'}, {0x25B4, 0x25B5, '^'},
    {0x25B6, 0x25BB, '>'}, {0x25BC, 0x25BF, 'v'}, {0x25C0, 0x25C5, '<'}, {0x25C6, 0x25CF, '*'},
    {0x2605, 0x2606, '*'}, {0x2713, 0x2714, '+'}, {0x2715, 0x2718, 'x'}, {0x2800, 0x28FF, ':'},
};

static uint32_t as_ascii(uint32_t point)
{
    if (point < 0x80)
        return point;
    for (size_t i = 0; i < countof(stand_ins); i++)
        if (point >= stand_ins[i].first && point <= stand_ins[i].last)
            return (unsigned char)stand_ins[i].ascii;
    return '?';
}

/* Something on heat: black or white, whatever can be read there. */
static struct look look_on(struct look heat, enum colour_mode mode)
{
    if (mode == COLOUR_MONO || heat.background == COLOUR_DEFAULT)
        return (struct look){COLOUR_DEFAULT, COLOUR_DEFAULT, 0};
    bool light = palette_lightness(heat.background) > 50;
    int black = mode == COLOUR_256 ? BLACK_256 : BLACK_16;
    int white = mode == COLOUR_256 ? WHITE_256 : WHITE_16;
    heat.foreground = light ? black : white;
    return heat;
}

/* One level for two: that of the one that is known, or between them. */
static int both(int top, int bottom)
{
    if (top == HEAT_NONE || bottom == HEAT_NONE)
        return top == HEAT_NONE ? bottom : top;
    return (top + bottom + 1) / 2;
}

static uint32_t heat_of(struct cell cell, const struct theme *theme, enum colour_mode mode,
                        bool utf8, struct look *look)
{
    int top = style_heat_top(cell.style), bottom = style_heat_bottom(cell.style);
    bool block = cell.point >= BLOCKS_FIRST && cell.point <= BLOCKS_LAST;
    if (!block && cell.point != ' ') {
        *look = look_on(*look, mode);
        return utf8 ? cell.point : as_ascii(cell.point);
    }
    int level = cell.point == ' ' ? bottom : both(top, bottom);
    if (mode == COLOUR_MONO)
        return theme_heat_glyph(level);
    if (utf8)
        return cell.point;
    *look = theme_look(theme, style_heat(level, level), mode);
    return ' ';
}

uint32_t glyph_of(struct cell cell, const struct theme *theme, enum colour_mode mode, bool utf8,
                  struct look *look)
{
    *look = theme_look(theme, cell.style, mode);
    if (style_is_heat(cell.style))
        return heat_of(cell, theme, mode, utf8, look);
    return utf8 ? cell.point : as_ascii(cell.point);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/theme.h - colours of styles, from small text files (folder themes/).
 *
 * One entry a line, `#` begins a comment:
 *
 *     style = FOREGROUND [on BACKGROUND] [bold|reverse|underline|dim]...
 *     heat = COLOUR COLOUR ...            the ladder, darkest to brightest
 *     diverge = COLOUR COLOUR ...         the one for signs: an odd number, from loss over
 *                                         nothing in the middle to gain
 *
 * A colour is `default`, 0 to 255, or one of the 16 names black red green
 * yellow blue magenta cyan white and bright-*.  Each entry may be given a second
 * time with `16:` or `mono:` before the style's name for terminals with 16
 * colours or none; entries left out fall back (16 to the nearest of the 256
 * colours, mono to attributes alone, diverge to orange over black to blue).
 *
 * [T1] a theme names every style of style.h; a file that does not, or that has
 *      an unknown name or colour, is refused with file, line and what was expected.
 * [T2] mono themes tell every two styles that differ in meaning apart by
 *      attribute, sign or word.
 */
#ifndef UI_THEME_H
#define UI_THEME_H

#include <stddef.h>

#include "src/base/err.h"
#include "ui/style.h"

enum colour_mode { COLOUR_MONO, COLOUR_16, COLOUR_256 };
enum { COLOUR_DEFAULT = -1, HEAT_COLOURS_MAX = 32 };
enum { ATTR_BOLD = 1, ATTR_REVERSE = 2, ATTR_UNDERLINE = 4, ATTR_DIM = 8 };

struct look {
    int foreground, background; /* palette index or COLOUR_DEFAULT */
    unsigned attributes;        /* ATTR_* */
};

struct theme;

/* "dark", "light" (built in), or a path, or a name in
 * $XDG_CONFIG_HOME/bankai/themes/NAME.theme. */
struct theme *theme_load(const char *name, struct err *err);
struct theme *theme_parse(const char *text, size_t len, const char *name, struct err *err);
const char *theme_name(const struct theme *theme);
/* No two themes of a run have the same. */
unsigned theme_number(const struct theme *theme);

/* How a style looks in a mode.  For heat styles: foreground is the upper half's
 * colour, background the lower half's; in COLOUR_MONO both are default and
 * theme_heat_glyph tells the level instead.  HEAT_NONE is the default colour. */
struct look theme_look(const struct theme *theme, style_id style, enum colour_mode mode);

/* Glyph ramp for terminals without colours, one per level. */
uint32_t theme_heat_glyph(int level);
/* Steps of the ladder that can be told apart in this mode: for the legend. */
int theme_heat_steps(const struct theme *theme, enum colour_mode mode);
int theme_diverge_steps(const struct theme *theme, enum colour_mode mode);

void theme_free(struct theme *theme);

#endif

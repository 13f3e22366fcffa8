/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/glyph.h - what a cell becomes on a terminal that cannot show everything.
 */
#ifndef UI_GLYPH_H
#define UI_GLYPH_H

#include <stdbool.h>

#include "ui/grid.h"
#include "ui/theme.h"

/* The character to show and how it looks.  Without UTF-8 signs become ASCII, and
 * a half block a blank on the mean of its two levels; without colours heat becomes
 * a character of the ramp. */
uint32_t glyph_of(struct cell cell, const struct theme *theme, enum colour_mode mode, bool utf8,
                  struct look *look);

#endif

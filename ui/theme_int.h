/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/theme_int.h - colours of the xterm palette.
 */
#ifndef UI_THEME_INT_H
#define UI_THEME_INT_H

#include <stddef.h>

struct rgb {
    int red, green, blue; /* 0 to 255 */
};

/* The colour that xterm shows for a palette index 0 to 255 by default. */
struct rgb palette_rgb(int index);

/* CIE lightness, 0 to 100. */
double palette_lightness(int index);

/* The index below 16 that looks most like this one. */
int palette_nearest_16(int index);

/* The text of a built-in theme; NULL for names that are none. */
const char *theme_builtin_text(const char *name, size_t *len);

#endif

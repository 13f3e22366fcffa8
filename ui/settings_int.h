/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/settings_int.h - settings of every search: their values as words (settings_values.c) for
 * what is done with all of them (settings.c).
 */
#ifndef UI_SETTINGS_INT_H
#define UI_SETTINGS_INT_H

#include "ui/settings.h"

struct ui_setting {
    const char *name, *help;
    void (*get)(const struct search_options *options, struct buf *out);
    bool (*put)(struct settings *settings, const char *text, struct err *err);
    const char *(*choice)(int i);
    bool is_free;
};

extern const struct ui_setting settings_usual[]; /* ended by a NULL name; the first: method */

/* "cannot be 'TEXT': expected ..."; returns false. */
bool settings_unknown(const char *text, const char *expected, struct err *err);
void settings_get_objective(const struct search_options *options, struct buf *out);

#endif

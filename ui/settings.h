/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/settings.h - what decides how a search goes, as words that a person types: for `:set`,
 * its completion, and the list of settings.
 */
#ifndef UI_SETTINGS_H
#define UI_SETTINGS_H

#include "engine/search/setting.h"
#include "src/base/buf.h"

enum { SETTINGS_LAYERS_MAX = 1024, SETTINGS_MAX = 64 };

/* Options of a search with layers of their own: copied by settings_copy alone. */
struct settings {
    struct search_options options; /* its layers point into the next, or are NULL */
    int32_t layers[SETTINGS_LAYERS_MAX];
};

void settings_take(struct settings *to, const struct search_options *options);
void settings_copy(struct settings *to, const struct settings *from);

/* One of them: of every search, or of some methods alone. */
struct settings_item {
    const struct ui_setting *usual;
    const struct setting *special; /* engine/search/setting.h; one of the two is NULL */
};

/* Those that the method of the options knows, in their order; at most SETTINGS_MAX. */
size_t settings_list(const struct search_options *options,
                     struct settings_item out[SETTINGS_MAX]);
/* By its name, whichever method knows it. */
bool settings_find(const char *name, struct settings_item *out);

const char *settings_name(const struct settings_item *item);
const char *settings_help(const struct settings_item *item); /* one line; "" if there is none */
/* Append the value. */
void settings_get(const struct settings_item *item, const struct search_options *options,
                  struct buf *out);
/* false: what is wrong with the text is in err; nothing has changed. */
bool settings_put(const struct settings_item *item, struct settings *settings, const char *text,
                  struct err *err);
/* The choice number i, NULL behind the last. */
const char *settings_choice(const struct settings_item *item, int i);
/* May more be typed than the choices? */
bool settings_is_free(const struct settings_item *item);
/* What is said of the value, which is one of the choices: of methods what they do. */
const char *settings_value_help(const struct settings_item *item,
                                const struct search_options *options);

/* "guided groups, margin" */
void settings_title(const struct search_options *options, struct buf *out);

/* Is the value the same in both? */
bool settings_same(const struct settings_item *item, const struct search_options *a,
                   const struct search_options *b);
/* Put the choice `by` places behind the value's, around the end; those that do not go with
 * the other settings are passed over. */
bool settings_turn(const struct settings_item *item, struct settings *settings, int by,
                   struct err *err);

/* Could a search be made of them, for a model with so many layers?  missing_wrong: some
 * target, some control has no wrong answer. */
bool settings_fit(const struct settings *settings, uint32_t layers, const bool missing_wrong[2],
                  struct err *err);

#endif

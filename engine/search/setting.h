/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/setting.h - numbers and words that only some methods know: one table from
 * which the command line reads them and sessions write them down.
 *
 * A new one is a field of struct search_options, its default in search_default_options, a
 * line in the table (setting.c) and one in SEARCH_OPTIONS (src/search/search_options.h).
 */
#ifndef ENGINE_SEARCH_SETTING_H
#define ENGINE_SEARCH_SETTING_H

#include "engine/search/search.h"

enum setting_kind {
    SETTING_COUNT,  /* a uint64_t from min to max */
    SETTING_NUMBER, /* a double from min to max */
    SETTING_WORD,   /* an int, index in words */
};

struct setting {
    const char *name;  /* in the settings of a session; "--name" */
    enum setting_kind kind;
    size_t offset;     /* in struct search_options */
    uint32_t methods;  /* bit 1 << enum search_method */
    double min, max;
    const char *const *words; /* ended by NULL */
    double absent;     /* its value in sessions that do not name it */
};

extern const struct setting search_settings[];
extern const size_t search_setting_count;

/* Does the method of the options know it? */
bool setting_applies(const struct setting *setting, const struct search_options *options);

/* Its value, and another; of words the index.  Counts and indexes are exact below 2^53, and
 * max is below that. */
double setting_get(const struct setting *setting, const struct search_options *options);
void setting_set(const struct setting *setting, struct search_options *options, double value);

/* The index of a word; -1: there is none such. */
int setting_word(const struct setting *setting, const char *word);

/* What may be given, for messages: "1 to 512", "scale or attribution". */
void setting_choices(const struct setting *setting, struct buf *out);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/maker/text_set.h - a set of texts that only grows.
 */
#ifndef PROBES_MAKER_TEXT_SET_H
#define PROBES_MAKER_TEXT_SET_H

#include <stdbool.h>
#include <stddef.h>

/* {0} is an empty one. */
struct text_set {
    char **slots; /* open addressing; owned texts, NULL is free */
    size_t slot_count; /* 0 or a power of two, never full */
    size_t count;
};

bool text_set_has(const struct text_set *set, const char *text);
/* False: it was there already. */
bool text_set_add(struct text_set *set, const char *text);
void text_set_free(struct text_set *set);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/starts.h - patches that a search begins with, as text: so they are kept with
 * its settings, and it can go on without the files.
 *
 * A patch is a word: the binary form of its flips (patches/FORMAT.md) as hex digits; words
 * are separated by spaces.
 */
#ifndef ENGINE_SEARCH_STARTS_H
#define ENGINE_SEARCH_STARTS_H

#include "engine/search/flip_bag.h"
#include "src/base/buf.h"
#include "src/base/err.h"

/* Append a patch's flips. */
bool starts_add(struct buf *starts, const struct flip *flips, size_t count, struct err *err);
/* starts may be NULL: there are none. */
size_t starts_count(const char *starts);
/* The index-th, index < starts_count: *out is replaced.  Texts may come from a file. */
bool starts_read(const char *starts, size_t index, const struct model *model,
                 struct flip_bag *out, struct err *err);

#endif

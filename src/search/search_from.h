/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/search_from.h - the patches that a search begins with (--from).
 */
#ifndef SRC_SEARCH_SEARCH_FROM_H
#define SRC_SEARCH_SEARCH_FROM_H

#include "engine/search/search.h"
#include "src/base/buf.h"
#include "src/base/err.h"

/* Does the method get what it needs of the list of files (or NULL)? */
bool search_from_check(enum search_method method, const char *paths, struct err *err);

/* Read them, for the model, into the text that search_options.starts wants.  paths may be
 * NULL: nothing is appended. */
bool search_from_read(const char *paths, struct model *model, struct buf *starts,
                      struct err *err);

#endif

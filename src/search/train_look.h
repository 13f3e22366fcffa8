/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/search/train_look.h - what the session of a training holds, without going on with it
 * and without its model.
 */
#ifndef SRC_SEARCH_TRAIN_LOOK_H
#define SRC_SEARCH_TRAIN_LOOK_H

#include "src/base/err.h"

/* Each returns an exit status; a failure fills err and goes through cli_fail. */

/* Where it came from, its options, and what its steps came to. */
int train_look_show(const char *path, bool json, struct err *err);
/* Its steps, as they were printed when they were done. */
int train_look_log(const char *path, bool json, struct err *err);
/* Is it whole? */
int train_look_check(const char *path, bool json, struct err *err);

#endif

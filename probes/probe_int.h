/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/probe_int.h - what the files of this folder share.
 */
#ifndef PROBES_PROBE_INT_H
#define PROBES_PROBE_INT_H

#include <stdbool.h>
#include <stddef.h>

/* The JSON text of a built-in set (not terminated); false if there is none of
 * that name. */
bool probe_builtin_text(const char *name, const char **text, size_t *len);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/file.h - files read whole and written atomically, and where the
 * program keeps its own.
 *
 * [F1] a write is a temporary file beside the target, fsync, rename, fsync of
 *      the folder: at every moment the target is the old or the new file, whole.
 */
#ifndef SRC_BASE_FILE_H
#define SRC_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/buf.h"
#include "src/base/err.h"

/* Append the file's bytes to out; "-" is standard input.  More than max_bytes
 * is refused. */
bool file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err);

/* [F1]  An old file's mode is kept.  What a symbolic link leads to is replaced,
 * not the link; a device or pipe is written to as it is. */
bool file_write(const char *path, const void *bytes, size_t len, struct err *err);

/* Path of a file of ours under $XDG_STATE_HOME/bankai or $XDG_CACHE_HOME/bankai
 * (or ~/.local/state/bankai, ~/.cache/bankai); the folder is made if missing.
 * Appends the path to out. */
bool file_state_path(const char *name, struct buf *out, struct err *err);
bool file_cache_path(const char *name, struct buf *out, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/file_writer.h - a file that is written piece by piece, as atomically
 * as file_write does it.
 *
 * Pieces go to a temporary file beside the target; only the commit makes it the
 * target [F1] (src/base/file.h).  A writer that is abandoned leaves nothing.  What a
 * symbolic link leads to is replaced, not the link; a device or pipe is
 * written to as it is.
 */
#ifndef SRC_BASE_FILE_WRITER_H
#define SRC_BASE_FILE_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

struct file_writer;

/* NULL and err, which names the path, where that cannot be written. */
struct file_writer *file_writer_open(const char *path, struct err *err);

/* Append bytes.  After a failure the writer is to be abandoned. */
bool file_writer_put(struct file_writer *writer, const void *bytes, size_t len, struct err *err);

/* Sync, rename, sync the folder; frees the writer whatever comes out. */
bool file_writer_commit(struct file_writer *writer, struct err *err);

/* Take away what was written so far; NULL is fine. */
void file_writer_abandon(struct file_writer *writer);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/document.h - the examples of a Markdown document, and published files.
 */
#ifndef TESTS_DOCUMENT_H
#define TESTS_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/buf.h"

/* A fenced code block; the texts point into the document. */
struct document_block {
    const char *info; /* what stands behind the opening fence: "json written" */
    size_t info_len;
    const char *text; /* the lines between the fences, with their line feeds */
    size_t len;
};

/* The file, read whole; the test ends if it cannot be. */
struct buf document_read(const char *path);

/* The next block at or behind *at; moves *at behind it.  False at the end. */
bool document_block(const struct buf *document, size_t *at, struct document_block *block);
bool document_block_is(const struct document_block *block, const char *info);

/* The path of a published file below $BANKAI_PUBLISHED; false, with a line on
 * standard error, where it is missing. */
bool document_published(const char *name, struct buf *path);

#endif

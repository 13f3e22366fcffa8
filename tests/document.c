/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"

static const char fence[] = "```";

struct buf document_read(const char *path)
{
    struct buf text = {0};
    struct err err = {0};
    if (!file_read(path, (size_t)1 << 24, &text, &err)) {
        fprintf(stderr, "%s: %s (tests run in the root of the project)\n", path, err.message);
        abort();
    }
    return text;
}

/* The line at *at without its line feed; moves *at behind it. */
static bool next_line(const struct buf *document, size_t *at, const char **line, size_t *len)
{
    if (*at >= document->len)
        return false;
    *line = document->data + *at;
    const char *end = memchr(*line, '\n', document->len - *at);
    *len = end ? (size_t)(end - *line) : document->len - *at;
    *at += *len + 1;
    return true;
}

static bool is_fence(const char *line, size_t len)
{
    return len >= strlen(fence) && strncmp(line, fence, strlen(fence)) == 0;
}

bool document_block(const struct buf *document, size_t *at, struct document_block *block)
{
    const char *line = NULL;
    size_t len = 0;
    do {
        if (!next_line(document, at, &line, &len))
            return false;
    } while (!is_fence(line, len));
    block->info = line + strlen(fence);
    block->info_len = len - strlen(fence);
    block->text = line + len + 1;
    do {
        if (!next_line(document, at, &line, &len))
            return false;
    } while (!is_fence(line, len));
    block->len = (size_t)(line - block->text);
    return true;
}

bool document_block_is(const struct document_block *block, const char *info)
{
    return block->info_len == strlen(info) && strncmp(block->info, info, block->info_len) == 0;
}

bool document_published(const char *name, struct buf *path)
{
    const char *folder = getenv("BANKAI_PUBLISHED");
    buf_clear(path);
    buf_add_format(path, "%s/%s", folder && *folder ? folder : "../shared/data", name);
    if (access(path->data, R_OK) == 0)
        return true;
    fprintf(stderr, "skipped: no published file %s\n", path->data);
    return false;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One history per kind of prompt, oldest line first, a file each in the state
 * folder.  Saving reads the file again and adds the lines of this run, so that
 * two workbenches at a time lose none of each other's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/history.h>

#include "src/base/file.h"
#include "ui/prompt_int.h"

enum { HISTORY_BYTES_MAX = 1 << 20 };

struct lines {
    char **line;
    size_t count;
};

static struct lines all[PROMPT_KIND_COUNT];   /* loaded and added */
static struct lines added[PROMPT_KIND_COUNT]; /* in this run */

static void drop(struct lines *lines, size_t index)
{
    free(lines->line[index]);
    lines->count--;
    memmove(&lines->line[index], &lines->line[index + 1],
            (lines->count - index) * sizeof *lines->line);
}

static void add(struct lines *lines, const char *line, size_t len)
{
    for (size_t i = lines->count; i-- > 0;)
        if (strlen(lines->line[i]) == len && memcmp(lines->line[i], line, len) == 0)
            drop(lines, i);
    if (lines->count == HISTORY_LINES_MAX)
        drop(lines, 0);
    lines->line = x_grow(lines->line, lines->count + 1, sizeof *lines->line);
    lines->line[lines->count++] = x_copy(line, len);
}

static void clear(struct lines *lines)
{
    while (lines->count > 0)
        drop(lines, lines->count - 1);
    free(lines->line);
    lines->line = NULL;
}

void prompt_history_use(enum prompt_kind kind)
{
    clear_history();
    for (size_t i = 0; i < all[kind].count; i++)
        add_history(all[kind].line[i]);
    using_history();
}

void prompt_history_add(enum prompt_kind kind, const char *line)
{
    size_t len = strlen(line);
    if (len == strspn(line, " "))
        return;
    add(&all[kind], line, len);
    add(&added[kind], line, len);
}

static bool path_of(int kind, struct buf *path)
{
    static const char *const names[PROMPT_KIND_COUNT] = {"history.command", "history.text",
                                                         "history.number"};
    return file_state_path(names[kind], path, NULL);
}

static void load(const char *path, struct lines *lines)
{
    struct buf text = {0};
    if (file_read(path, HISTORY_BYTES_MAX, &text, NULL))
        for (char *line = text.data; line && *line;) {
            size_t len = strcspn(line, "\n");
            if (len > 0)
                add(lines, line, len);
            line += len + (line[len] == '\n');
        }
    buf_free(&text);
}

void prompt_history_load(void)
{
    for (int kind = 0; kind < PROMPT_KIND_COUNT; kind++) {
        struct buf path = {0};
        clear(&all[kind]);
        clear(&added[kind]);
        if (path_of(kind, &path))
            load(path.data, &all[kind]);
        buf_free(&path);
    }
}

static void save(const char *path, struct lines *new_lines)
{
    struct lines lines = {0};
    struct buf text = {0};
    load(path, &lines);
    for (size_t i = 0; i < new_lines->count; i++)
        add(&lines, new_lines->line[i], strlen(new_lines->line[i]));
    for (size_t i = 0; i < lines.count; i++)
        buf_add_format(&text, "%s\n", lines.line[i]);
    (void)file_write(path, text.data, text.len, NULL);
    clear(&lines);
    buf_free(&text);
}

void prompt_history_save(void)
{
    for (int kind = 0; kind < PROMPT_KIND_COUNT; kind++) {
        struct buf path = {0};
        if (added[kind].count > 0 && path_of(kind, &path))
            save(path.data, &added[kind]);
        clear(&added[kind]);
        buf_free(&path);
    }
}

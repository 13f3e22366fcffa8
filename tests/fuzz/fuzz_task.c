/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as a task: the first line is the template, the second a pattern for
 * answers, the third one for what is said, the rest items.  Refused with an error, or
 * probes that keep what probes/task.h promises, and come back as a probe set.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/chat.h"
#include "probes/task.h"
#include "src/base/buf.h"
#include "tests/fuzz/fuzz.h"

/* The text up to the next line end, without zero bytes; *at moves behind it. */
static char *take_line(const char *text, size_t len, size_t *at)
{
    const char *end = *at < len ? memchr(text + *at, '\n', len - *at) : NULL;
    size_t size = end ? (size_t)(end - text) - *at : len - *at;
    char *line = x_copy(text + *at, size);
    *at += size + (end != NULL);
    return line;
}

/* Only one text in a thousand is ChatML, so its marks are put in half of the time. */
static void check_chat(const char *text, size_t len)
{
    struct chat chat = chat_recognise(text, len);
    BUG_ON((chat.kind == CHAT_NONE) != (len == 0));
    BUG_ON(chat.thinks && chat.kind != CHAT_CHATML);
    struct buf marked = {0};
    buf_add_text(&marked, "<|im_start|>");
    buf_add(&marked, text, len);
    buf_add_text(&marked, "<|im_end|>");
    BUG_ON(chat_recognise(marked.data, marked.len).kind != CHAT_CHATML);
    buf_free(&marked);
}

static void check_item(const struct task *task, size_t i, const char *text, size_t len)
{
    const struct probe *probe = &task->set->probes[i];
    struct err err = {0};
    struct task_said said;
    BUG_ON(!probe->name || !probe->set || !probe->category || !probe->prompt || !probe->wrong);
    BUG_ON(!probe->correct || !*probe->correct || !*probe->prompt);
    if (!task_judge(task, i, text, len, &said, &err)) {
        BUG_ON(err.code == ERR_NONE);
        return;
    }
    BUG_ON(said.start > len || said.len > len - said.start);
    BUG_ON(said.right && !said.found);
}

/* What is printed is read again. */
static void check_print(const struct probe_set *set)
{
    struct buf text = {0};
    struct err err = {0};
    probe_set_print(set, &text);
    struct probe_set *again = probe_set_parse(text.data, text.len, "again", &err);
    BUG_ON(!again || again->count != set->count);
    for (size_t i = 0; i < set->count; i++)
        BUG_ON(strcmp(again->probes[i].correct, set->probes[i].correct) != 0);
    probe_set_free(again);
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t at = 0;
    char *lines[3];
    for (size_t i = 0; i < 3; i++)
        lines[i] = take_line(text, size, &at);
    struct task_options options = {
        .template = *lines[0] ? lines[0] : NULL,
        .answer_extract = *lines[1] ? lines[1] : NULL,
        .extract = *lines[2] ? lines[2] : NULL,
        .stop = "\n\n",
        .rule = {.mode = (enum answer_mode)(size % ANSWER_REGEX)},
    };
    struct err err = {0};
    struct task *task = task_parse(text + at, size - at, "fuzz", &options, &err);
    BUG_ON(!task != (err.code != ERR_NONE));
    check_chat(text, size);
    for (size_t i = 0; task && i < task->set->count && i < 20; i++)
        check_item(task, i, text, size < 2000 ? size : 2000);
    if (task)
        check_print(task->set);
    task_free(task);
    for (size_t i = 0; i < 3; i++)
        free(lines[i]);
    return 0;
}

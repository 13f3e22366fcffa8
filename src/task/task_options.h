/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/task/task_options.h - the options of every command that puts a task's questions.
 */
#ifndef SRC_TASK_TASK_OPTIONS_H
#define SRC_TASK_TASK_OPTIONS_H

#include "probes/task.h"
#include "src/cli/cli.h"

/* For a command's table of options. */
#define TASK_OPTIONS                                                                          \
    {"template", 0, "T",                                                                      \
     "prompt, {FIELD} being a field of the item and \\n a line feed (without a chat template " \
     "'Question: {question}\\nAnswer:', with one '{question}')"},                             \
    {"question", 0, "FIELD", "what {question} stands for (question)"},                        \
    {"answer", 0, "FIELD", "the right answer, or an array of them (answer)"},                 \
    {"answer-extract", 0, "REGEX",                                                            \
     "part of that field that is the answer (what follows the last ####, or all of it)"},     \
    {"extract", 0, "REGEX", "part of what the model says that is judged (all of it)"},        \
    {"mode", 0, "M",                                                                          \
     "number (default), math, exact, contains, regex or json_field:FIELD"},                   \
    {"tokens", 'n', "N", "generate at most N tokens (400)"},                                  \
    {"stop", 0, "TEXT", "what the model says ends before this ('\\nQuestion:' with the usual " \
                        "template, else nothing)"},                                           \
    {"limit", 0, "N", "the first N items (all)"}

struct task_request {
    struct task_options task;
    const char *path;
    size_t tokens_max;
    int threads;
    char *texts[2]; /* owned: template and stop, their escapes read */
};

/* chat: is the question put by a chat template?  task_request_free is due in any case. */
bool task_request_read(const struct arguments *arguments, const char *path, bool chat,
                       struct task_request *request, struct err *err);
void task_request_free(struct task_request *request);

#endif

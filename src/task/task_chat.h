/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/task/task_chat.h - is a task put by the model's chat template?  The choice and how it
 * is told.
 */
#ifndef SRC_TASK_TASK_CHAT_H
#define SRC_TASK_TASK_CHAT_H

#include "src/task/task_run.h"

#define TASK_CHAT_OPTIONS                                                                     \
    {"chat", 0, "C",                                                                          \
     "put questions by the model's chat template: auto (default: where it is understood), on " \
     "or off"},                                                                               \
    {"system", 0, "TEXT", "system message of the chat (none)"},                               \
    {"think", 0, NULL, "leave the model's thinking on where its template has a switch"}

/* Fills in run->chat (CHAT_CHATML or CHAT_NONE), system and think.  `on` is refused where
 * the template is not understood; `auto` then warns and goes on without. */
bool task_chat_choose(const struct arguments *arguments, const struct model *model,
                      struct task_run *run, struct err *err);

/* {"template": what the model has, "used": bool, "thinking": "on", "off" or "none"} */
json_t *task_chat_json(const struct task_run *run, const struct model *model);
void task_chat_text(const struct task_run *run, const struct model *model, struct buf *out);

#endif

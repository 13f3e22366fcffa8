/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/task/task_chat.h"

#include <string.h>

static bool refuse(enum chat_kind kind, struct err *err)
{
    if (kind == CHAT_NONE)
        return err_set(err, ERR_UNSUPPORTED, "--chat on: the model has no chat template");
    return err_set(err, ERR_UNSUPPORTED, "--chat on: the model's chat template is not understood, "
                   "expected one with <|im_start|> and <|im_end|>");
}

bool task_chat_choose(const struct arguments *arguments, const struct model *model,
                      struct task_run *run, struct err *err)
{
    const char *asked = arguments_text(arguments, "chat", "auto");
    bool on = strcmp(asked, "on") == 0, off = strcmp(asked, "off") == 0;
    if (!on && !off && strcmp(asked, "auto") != 0)
        return err_set(err, ERR_USAGE, "--chat: '%s' is unknown, expected auto, on or off", asked);
    struct chat chat = chat_of_model(model);
    if (on && chat.kind != CHAT_CHATML)
        return refuse(chat.kind, err);
    if (!off && chat.kind == CHAT_FOREIGN)
        cli_warn("the model's chat template is not understood: questions are put without it");
    run->chat = off || chat.kind != CHAT_CHATML ? (struct chat){0} : chat;
    run->system = arguments_text(arguments, "system", NULL);
    run->think = arguments_has(arguments, "think");
    if (run->chat.kind == CHAT_CHATML || (!run->system && !run->think))
        return true;
    return err_set(err, ERR_USAGE, "--%s needs a chat, but questions are put without a template",
                   run->system ? "system" : "think");
}

static const char *thinking(const struct task_run *run)
{
    if (!run->chat.thinks)
        return "none";
    return run->think ? "on" : "off";
}

json_t *task_chat_json(const struct task_run *run, const struct model *model)
{
    return json_pack("{s:s, s:b, s:s}", "template", chat_name(chat_of_model(model).kind), "used",
                     run->chat.kind == CHAT_CHATML, "thinking", thinking(run));
}

void task_chat_text(const struct task_run *run, const struct model *model, struct buf *out)
{
    if (run->chat.kind == CHAT_CHATML) {
        buf_add_format(out, "chat: by the model's template (ChatML), thinking %s\n",
                       run->chat.thinks ? thinking(run) : "not switched");
        return;
    }
    static const char *const why[] = {"the model has no template", "switched off",
                                      "the model's template is not understood"};
    buf_add_format(out, "chat: off, %s\n", why[chat_of_model(model).kind]);
}

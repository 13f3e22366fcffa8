/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/chat.h - questions put as a model's chat template has them.
 *
 * A GGUF file carries its template as a program in Jinja (key tokenizer.chat_template).
 * That is not run: templates of one family, ChatML, are recognised and written by
 * ourselves; of another the model is told to be without.
 *
 *     <|im_start|>system LF SYSTEM<|im_end|> LF        (only where there is one)
 *     <|im_start|>user LF USER<|im_end|> LF
 *     <|im_start|>assistant LF
 *     <think> LF LF </think> LF LF                      (thinking switched off)
 *
 * [T1] the marks are control tokens; what a person wrote is always plain text, even if
 *      it spells such a mark.
 */
#ifndef PROBES_CHAT_H
#define PROBES_CHAT_H

#include "engine/engine.h"

enum chat_kind {
    CHAT_NONE,    /* the model has no template */
    CHAT_CHATML,
    CHAT_FOREIGN, /* it has one that is not understood */
};

struct chat {
    enum chat_kind kind;
    bool thinks; /* ChatML with a switch for thinking, which is off unless asked for */
};

/* "none", "chatml", "foreign" */
const char *chat_name(enum chat_kind kind);

/* From the template's text: ChatML is what has both marks. */
struct chat chat_recognise(const char *text, size_t len);

/* From the model: ChatML only if its tokenizer knows both marks. */
struct chat chat_of_model(const struct model *model);

struct chat_question {
    const char *system; /* or NULL */
    const char *user;
    bool think; /* leave the thinking on */
};

/* Append the ids of the question up to where the answer begins; the model's chat must
 * be CHAT_CHATML. */
bool chat_encode(const struct model *model, const struct chat *chat,
                 const struct chat_question *question, struct ids *out, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probes/chat.h"

#include <string.h>

static const char start_mark[] = "<|im_start|>", end_mark[] = "<|im_end|>";

const char *chat_name(enum chat_kind kind)
{
    switch (kind) {
    case CHAT_NONE: return "none";
    case CHAT_CHATML: return "chatml";
    case CHAT_FOREIGN: return "foreign";
    }
    return "foreign";
}

static bool has(const char *text, size_t len, const char *word)
{
    return len > 0 && memmem(text, len, word, strlen(word)) != NULL;
}

struct chat chat_recognise(const char *text, size_t len)
{
    struct chat chat = {0};
    if (len == 0)
        return chat;
    bool marked = has(text, len, start_mark) && has(text, len, end_mark);
    chat.kind = marked ? CHAT_CHATML : CHAT_FOREIGN;
    chat.thinks = marked && has(text, len, "enable_thinking") && has(text, len, "</think>");
    return chat;
}

/* Is the mark one token? */
static bool knows(const struct tokenizer *tokenizer, const char *mark)
{
    const struct encode_options options = {.special = true, .no_bos = true};
    struct ids ids = {0};
    struct err ignored;
    bool known = token_encode(tokenizer, mark, strlen(mark), &options, &ids, &ignored) &&
                 ids.count == 1;
    ids_free(&ids);
    return known;
}

struct chat chat_of_model(const struct model *model)
{
    size_t len = 0;
    const char *text = model_key_text(model, "tokenizer.chat_template", &len);
    struct chat chat = chat_recognise(text, len);
    const struct tokenizer *tokenizer = model_tokenizer(model);
    if (chat.kind == CHAT_CHATML && !(knows(tokenizer, start_mark) && knows(tokenizer, end_mark)))
        chat = (struct chat){.kind = CHAT_FOREIGN};
    return chat;
}

/* ---- encoding ---------------------------------------------------------------- */

struct writer {
    const struct tokenizer *tokenizer;
    struct ids *out;
    struct err *err;
    bool begun; /* a start token, where the model asks for one, stands first only */
    bool ok;
};

static void put(struct writer *writer, const char *text, size_t len, bool special)
{
    const struct encode_options options = {.special = special, .no_bos = writer->begun};
    if (writer->ok && len > 0)
        writer->ok = token_encode(writer->tokenizer, text, len, &options, writer->out,
                                  writer->err);
    writer->begun = true;
}

/* Role and text are one stretch of plain text between two marks: they are cut into
 * pieces together, as in a whole text that is tokenized. */
static void put_message(struct writer *writer, const char *role, const char *text)
{
    struct buf plain = {0};
    buf_add_format(&plain, "%s\n", role);
    buf_add_text(&plain, text);
    put(writer, start_mark, strlen(start_mark), true);
    put(writer, plain.data, plain.len, false);
    put(writer, end_mark, strlen(end_mark), true);
    put(writer, "\n", 1, false);
    buf_free(&plain);
}

bool chat_encode(const struct model *model, const struct chat *chat,
                 const struct chat_question *question, struct ids *out, struct err *err)
{
    static const char answer[] = "assistant\n";
    static const char unthinking[] = "<think>\n\n</think>\n\n";
    BUG_ON(chat->kind != CHAT_CHATML);
    struct writer writer = {model_tokenizer(model), out, err, false, true};
    if (question->system)
        put_message(&writer, "system", question->system);
    put_message(&writer, "user", question->user);
    put(&writer, start_mark, strlen(start_mark), true);
    put(&writer, answer, strlen(answer), false);
    if (chat->thinks && !question->think)
        put(&writer, unthinking, strlen(unthinking), true);
    return writer.ok;
}

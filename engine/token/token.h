/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/token/token.h - make a tokenizer from what a GGUF file says.
 *
 * Byte-level BPE with the `qwen2` pre-tokenizer, as llama.cpp does it (no
 * Unicode normalization).  Bytes that are not valid UTF-8 are kept: each run of
 * them is a piece of its own.  Using a tokenizer: engine/engine.h.
 */
#ifndef ENGINE_TOKEN_TOKEN_H
#define ENGINE_TOKEN_TOKEN_H

#include "engine/engine.h"

/* A text inside the (mapped) file; not terminated. */
struct text_span {
    const char *data;
    size_t len;
};

enum token_type { /* tokenizer.ggml.token_type */
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,      /* as TOKEN_CONTROL */
    TOKEN_CONTROL = 3,      /* found in text only with encode_options.special */
    TOKEN_USER_DEFINED = 4, /* always found in text */
    TOKEN_UNUSED = 5,
    TOKEN_BYTE = 6,
};

struct token_source {
    struct text_span model;         /* tokenizer.ggml.model, must be "gpt2" */
    struct text_span pre;           /* tokenizer.ggml.pre, must be "qwen2" */
    /* [token_count] in the GPT-2 byte spelling; control, unknown and user-defined
     * tokens as plain text */
    const struct text_span *tokens;
    const int32_t *types;           /* [token_count], or NULL: all TOKEN_NORMAL */
    size_t token_count;
    const struct text_span *merges; /* [merge_count] "left right", best first */
    size_t merge_count;
    int64_t bos;                    /* -1: none */
    int64_t eos;                    /* -1: none */
    int64_t eot;                    /* end of turn, -1: none */
    bool add_bos;
};

/* The source and all it points to are borrowed for the call only.  Refused:
 * another model or pre-tokenizer, a byte without a token, a merge whose parts
 * or result are no tokens or do not decode alike, duplicate tokens, types that
 * are not in enum token_type, ids outside the vocabulary, add_bos without bos. */
struct tokenizer *tokenizer_new(const struct token_source *source, struct err *err);

void tokenizer_free(struct tokenizer *tokenizer);

#endif

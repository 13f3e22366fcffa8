/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/token/tokenizer_int.h - the tokenizer itself, for load.c and token.c.
 */
#ifndef ENGINE_TOKEN_TOKENIZER_INT_H
#define ENGINE_TOKEN_TOKENIZER_INT_H

#include "engine/token/token_int.h"

enum { END_TOKENS = 4 };

struct tokenizer {
    size_t token_count;
    struct buf bytes;              /* what all tokens decode to, one after another */
    size_t *starts;                /* [token_count + 1] in bytes */
    int32_t byte_ids[BYTE_VALUES]; /* the token of every single byte */
    struct merges merges;
    struct specials specials; /* their texts lie in bytes */
    struct splitter *splitter;
    int32_t bos, eos;
    int32_t ends[END_TOKENS]; /* eos, eot, <|im_end|>, <|endoftext|>, or NO_TOKEN */
    bool add_bos;
};

#endif

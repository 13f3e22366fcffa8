/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/token/token_int.h - the parts of a tokenizer, for this folder, its tests
 * and src/synth/synth_vocab.c, which makes vocabularies.
 *
 * A text becomes ids in four steps, each in its own file:
 *   special.c  cuts out special tokens that are spelled in the text
 *   split.c    cuts the rest into pieces (words, numbers, white space)
 *   merge.c    turns the bytes of one piece into ids, merging pairs by rank
 *   token.c    puts the steps together, and decodes
 * alphabet.c and vocabulary.c serve loading.
 *
 * [T1] decode(encode(x)) == x for every byte string x.
 * [T2] a tokenizer is not changed after tokenizer_new: any number of threads
 *      may use it at the same time.
 */
#ifndef ENGINE_TOKEN_TOKEN_INT_H
#define ENGINE_TOKEN_TOKEN_INT_H

#include "engine/token/token.h"

enum {
    BYTE_VALUES = 256,
    NO_TOKEN = -1,
};

/* ---- alphabet: the GPT-2 spelling of bytes -------------------------------- */

/* The code point that stands for a byte: itself where it is printable Latin-1,
 * else 256, 257, ... in the order of the bytes. */
uint32_t alphabet_point(unsigned char byte);

/* UTF-8 of that code point; returns its length, 1 or 2. */
size_t alphabet_spell(unsigned char byte, char out[2]);

/* Append the bytes that a spelling stands for.  Characters outside the alphabet
 * and bytes that are not UTF-8 stand for themselves. */
void alphabet_read(const char *spelling, size_t len, struct buf *out);

/* ---- vocabulary: from spelling to id, while loading ------------------------ */

/* Open addressing; a slot is id + 1, 0 when empty.  tokens is borrowed. */
struct vocabulary {
    const struct text_span *tokens;
    uint32_t *slots;
    size_t slot_mask;
};

/* Refuses a spelling that comes twice. */
bool vocabulary_build(struct vocabulary *vocabulary, const struct text_span *tokens, size_t count,
                      struct err *err);
/* Id of the token with this spelling, or NO_TOKEN. */
int32_t vocabulary_find(const struct vocabulary *vocabulary, const char *spelling, size_t len);
void vocabulary_free(struct vocabulary *vocabulary);

/* ---- pieces: the qwen2 pattern --------------------------------------------- */

struct splitter; /* the compiled pattern */
struct cutter;   /* what one thread needs to use it */

struct splitter *splitter_new(struct err *err);
void splitter_free(struct splitter *splitter);

struct cutter *cutter_new(const struct splitter *splitter, struct err *err);
/* Length of the piece that starts at text[start]; text must be valid UTF-8 and
 * start < len.  Pieces depend on what follows, so text goes on to its end. */
bool cutter_next(struct cutter *cutter, const char *text, size_t len, size_t start, size_t *piece,
                 struct err *err);
void cutter_free(struct cutter *cutter);

/* ---- merges ---------------------------------------------------------------- */

struct merge {
    int32_t left, right, result;
};

/* All merges by rank, and a hash table from (left, right) to rank + 1. */
struct merges {
    struct merge *list; /* [count] */
    size_t count;
    uint32_t *slots;
    size_t slot_mask;
};

bool merges_reserve(struct merges *merges, size_t count, struct err *err);
/* Add the next rank; a pair that is known already keeps its better rank. */
void merges_add(struct merges *merges, struct merge merge);
void merges_free(struct merges *merges);

/* A stretch of bytes that is one id by now; linked in the order of the text. */
struct symbol {
    int32_t id; /* NO_TOKEN: swallowed by its left neighbour */
    uint32_t previous, next;
};

/* Room for the merging of one piece, used again for the next.  A candidate is
 * rank << 32 | left symbol: the smallest is the best pair, leftmost of equals. */
struct merge_room {
    struct symbol *symbols;
    uint64_t *candidates; /* binary heap, smallest first */
    size_t candidate_count;
    size_t capacity; /* symbols; candidates have room for twice as many */
};

/* Append the ids of piece[0..len) to out; bytes: [256] id of every byte. */
bool merge_piece(const struct merges *merges, const int32_t *bytes, const char *piece, size_t len,
                 struct merge_room *room, struct ids *out, struct err *err);
void merge_room_free(struct merge_room *room);

/* ---- special tokens ---------------------------------------------------------- */

struct special {
    struct text_span text;
    int32_t id;
    bool always; /* found in every text, not only with encode_options.special */
};

/* Sorted by text, so that those that share a prefix lie side by side. */
struct specials {
    struct special *list; /* [count] */
    size_t count;
    bool starts[BYTE_VALUES]; /* does one begin with this byte? */
};

/* Takes over list (from x_new or x_grow) and sorts it; no text is empty. */
void specials_build(struct specials *specials, struct special *list, size_t count);
/* The longest special token that text starts with, or NULL. */
const struct special *specials_match(const struct specials *specials, const char *text, size_t len,
                                     bool with_control);
void specials_free(struct specials *specials);

#endif

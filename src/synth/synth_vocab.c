/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A byte-level vocabulary of any size that nobody wrote:
 *
 *   ids 0 .. 255       single bytes, those that are printable first (as in GPT-2)
 *   then               one token for each merge
 *   the last 26        special tokens; at the size of the published files
 *                      <|endoftext|> is 151643, <|im_end|> 151645, </think> 151668
 *
 * Merges are learned as byte pair encoding learns them, but from a stream of
 * made-up words: each word is encoded with the merges so far, and a pair of
 * neighbours in what comes out becomes the next token.  Common pairs come up
 * early, so they get the good ranks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/token/token_int.h"
#include "src/base/num.h"
#include "src/synth/synth.h"
#include "src/synth/synth_word.h"

/* Whatever the seed of the weights: vocabularies of one size are the same [Y2]. */
static const uint64_t vocab_seed = 1;

/* Places among the specials; the others are named after their number. */
enum { ENDOFTEXT = 0, IM_START = 1, IM_END = 2, THINK = 24, END_THINK = 25 };

struct vocab {
    uint32_t normal;     /* byte tokens and merges */
    uint32_t count;      /* tokens made so far */
    struct buf spelling; /* of all tokens, one after another, in the byte alphabet */
    size_t *starts;      /* [all + 1] in spelling */
    struct buf joins;    /* "left right" of all merges, one after another */
    size_t *join_starts; /* [merges + 1] */
    int32_t bytes[BYTE_VALUES];
    struct merges merges;
    uint64_t *known; /* hashes of spellings, open addressing; 0: free */
    size_t known_mask;
};

static struct text_span spelling_of(const struct vocab *vocab, int32_t id)
{
    size_t start = vocab->starts[id];
    return (struct text_span){vocab->spelling.data + start, vocab->starts[id + 1] - start};
}

/* ---- bytes ------------------------------------------------------------------------ */

static void add_byte(struct vocab *vocab, unsigned byte)
{
    char spelling[2];
    size_t len = alphabet_spell((unsigned char)byte, spelling);
    buf_add(&vocab->spelling, spelling, len);
    vocab->bytes[byte] = (int32_t)vocab->count++;
    vocab->starts[vocab->count] = vocab->spelling.len;
}

static void add_bytes(struct vocab *vocab)
{
    for (unsigned byte = 0; byte < BYTE_VALUES; byte++)
        if (alphabet_point((unsigned char)byte) == byte)
            add_byte(vocab, byte);
    for (unsigned byte = 0; byte < BYTE_VALUES; byte++)
        if (alphabet_point((unsigned char)byte) != byte)
            add_byte(vocab, byte);
}

/* ---- merges ------------------------------------------------------------------------ */

/* Remember a spelling; false if it was known.  Two spellings may share a hash:
 * then one of them is no token, which does no harm. */
static bool learn(struct vocab *vocab, const char *spelling, size_t len)
{
    uint64_t hash = rng_mix(len);
    for (size_t i = 0; i < len; i++)
        hash = rng_mix(hash ^ (unsigned char)spelling[i]);
    hash |= 1; /* 0 is a free slot */
    size_t slot = (size_t)(hash >> 1) & vocab->known_mask;
    for (; vocab->known[slot] != 0; slot = (slot + 1) & vocab->known_mask)
        if (vocab->known[slot] == hash)
            return false;
    vocab->known[slot] = hash;
    return true;
}

/* The next token, of two others, unless it is one already. */
static void join(struct vocab *vocab, int32_t left_id, int32_t right_id)
{
    struct text_span left = spelling_of(vocab, left_id), right = spelling_of(vocab, right_id);
    size_t start = vocab->spelling.len, len = left.len + right.len;
    char spelling[256];
    if (len > sizeof spelling)
        return; /* no word is that long */
    memcpy(spelling, left.data, left.len);
    memcpy(spelling + left.len, right.data, right.len);
    if (!learn(vocab, spelling, len))
        return;
    buf_add_format(&vocab->joins, "%.*s %.*s", (int)left.len, left.data, (int)right.len,
                   right.data);
    buf_add(&vocab->spelling, spelling, len);
    merges_add(&vocab->merges, (struct merge){left_id, right_id, (int32_t)vocab->count});
    vocab->join_starts[vocab->merges.count] = vocab->joins.len;
    vocab->count++;
    vocab->starts[vocab->count] = start + len;
}

static bool add_merges(struct vocab *vocab, struct err *err)
{
    struct merge_room room = {0};
    struct buf word = {0};
    struct ids ids = {0};
    struct rng rng;
    bool ok = merges_reserve(&vocab->merges, vocab->normal - BYTE_VALUES, err);
    rng_seed(&rng, vocab_seed);
    while (ok && vocab->count < vocab->normal) {
        synth_word(&rng, &word);
        ids.count = 0;
        ok = merge_piece(&vocab->merges, vocab->bytes, word.data, word.len, &room, &ids, err);
        if (ids.count < 2)
            continue;
        size_t place = (size_t)rng_below(&rng, ids.count - 1);
        join(vocab, ids.data[place], ids.data[place + 1]);
    }
    merge_room_free(&room);
    buf_free(&word);
    ids_free(&ids);
    return ok;
}

/* ---- special tokens ------------------------------------------------------------------ */

static void add_specials(struct vocab *vocab)
{
    static const char *const names[SYNTH_SPECIALS] = {
        [ENDOFTEXT] = "<|endoftext|>", [IM_START] = "<|im_start|>", [IM_END] = "<|im_end|>",
        [THINK] = "<think>",           [END_THINK] = "</think>",
    };
    for (unsigned i = 0; i < SYNTH_SPECIALS; i++) {
        if (names[i])
            buf_add_text(&vocab->spelling, names[i]);
        else
            buf_add_format(&vocab->spelling, "<|special_%u|>", i);
        vocab->count++;
        vocab->starts[vocab->count] = vocab->spelling.len;
    }
}

/* ---- keys ------------------------------------------------------------------------------ */

static void token_keys(struct gguf_head *head, const struct vocab *vocab)
{
    struct text_span *texts = x_new(vocab->count, sizeof *texts);
    int32_t *types = x_new(vocab->count, sizeof *types);
    for (uint32_t id = 0; id < vocab->count; id++) {
        bool thinking = id >= vocab->normal + THINK;
        texts[id] = spelling_of(vocab, (int32_t)id);
        types[id] = id < vocab->normal ? TOKEN_NORMAL
                    : thinking         ? TOKEN_USER_DEFINED
                                       : TOKEN_CONTROL;
    }
    gguf_head_texts(head, "tokenizer.ggml.tokens", texts, vocab->count);
    gguf_head_ints(head, "tokenizer.ggml.token_type", types, vocab->count);
    free(texts);
    free(types);
}

static void merge_keys(struct gguf_head *head, const struct vocab *vocab)
{
    size_t count = vocab->merges.count;
    struct text_span *texts = x_new(count, sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = (struct text_span){vocab->joins.data + vocab->join_starts[i],
                                      vocab->join_starts[i + 1] - vocab->join_starts[i]};
    gguf_head_texts(head, "tokenizer.ggml.merges", texts, count);
    free(texts);
}

static struct vocab vocab_new(uint32_t count)
{
    struct vocab vocab = {.normal = count - SYNTH_SPECIALS};
    size_t slots = 1024;
    while (slots < 2 * (size_t)count)
        slots *= 2;
    vocab.known = x_new(slots, sizeof vocab.known[0]);
    vocab.known_mask = slots - 1;
    vocab.starts = x_new((size_t)count + 1, sizeof vocab.starts[0]);
    vocab.join_starts = x_new((size_t)count + 1, sizeof vocab.join_starts[0]);
    return vocab;
}

static void vocab_free(struct vocab *vocab)
{
    buf_free(&vocab->spelling);
    buf_free(&vocab->joins);
    free(vocab->starts);
    free(vocab->join_starts);
    free(vocab->known);
    merges_free(&vocab->merges);
}

bool synth_vocab_keys(struct gguf_head *head, uint32_t count, struct err *err)
{
    BUG_ON(count < SYNTH_VOCAB_MIN || count > SYNTH_VOCAB_MAX);
    struct vocab vocab = vocab_new(count);
    add_bytes(&vocab);
    bool ok = add_merges(&vocab, err);
    add_specials(&vocab);
    gguf_head_text(head, "tokenizer.ggml.model", "gpt2");
    gguf_head_text(head, "tokenizer.ggml.pre", "qwen2");
    token_keys(head, &vocab);
    merge_keys(head, &vocab);
    gguf_head_uint(head, "tokenizer.ggml.eos_token_id", vocab.normal + IM_END);
    gguf_head_uint(head, "tokenizer.ggml.padding_token_id", vocab.normal + ENDOFTEXT);
    gguf_head_bool(head, "tokenizer.ggml.add_bos_token", false);
    vocab_free(&vocab);
    return ok;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Encoding and decoding; what a file says becomes a tokenizer in load.c.
 */
#include <stdlib.h>

#include "engine/token/tokenizer_int.h"
#include "src/base/text.h"

static const size_t text_bytes_max = (size_t)1 << 30;

/* ---- ids ----------------------------------------------------------------------- */

void ids_add(struct ids *ids, int32_t id)
{
    if (ids->count == ids->capacity) {
        ids->capacity = ids->capacity ? 2 * ids->capacity : 64;
        ids->data = x_grow(ids->data, ids->capacity, sizeof ids->data[0]);
    }
    ids->data[ids->count++] = id;
}

void ids_free(struct ids *ids)
{
    free(ids->data);
    *ids = (struct ids){0};
}

/* ---- encode -------------------------------------------------------------------- */

/* One call of token_encode: nothing of it is shared with other threads [T2]. */
struct encoding {
    const struct tokenizer *tokenizer;
    struct cutter *cutter;
    struct merge_room room;
    struct ids *out;
};

static bool add_piece(struct encoding *encoding, const char *piece, size_t len, struct err *err)
{
    const struct tokenizer *tokenizer = encoding->tokenizer;
    return merge_piece(&tokenizer->merges, tokenizer->byte_ids, piece, len, &encoding->room,
                       encoding->out, err);
}

/* A stretch of valid UTF-8. */
static bool add_words(struct encoding *encoding, const char *text, size_t len, struct err *err)
{
    for (size_t at = 0; at < len;) {
        size_t piece = 0;
        if (!cutter_next(encoding->cutter, text, len, at, &piece, err) ||
            !add_piece(encoding, text + at, piece, err))
            return false;
        at += piece;
    }
    return true;
}

/* Bytes at the start of text that all are, or all are not, parts of UTF-8. */
static size_t stretch_length(const char *text, size_t len, bool *valid)
{
    uint32_t point = 0;
    size_t at = 0;
    *valid = text_decode(text, len, &point) > 0;
    while (at < len) {
        size_t size = text_decode(text + at, len - at, &point);
        if ((size > 0) != *valid)
            break;
        at += size > 0 ? size : 1;
    }
    return at;
}

/* A stretch without special tokens. */
static bool add_plain(struct encoding *encoding, const char *text, size_t len, struct err *err)
{
    for (size_t at = 0; at < len;) {
        bool valid = false;
        size_t stretch = stretch_length(text + at, len - at, &valid);
        bool ok = valid ? add_words(encoding, text + at, stretch, err)
                        : add_piece(encoding, text + at, stretch, err);
        if (!ok)
            return false;
        at += stretch;
    }
    return true;
}

static bool add_text(struct encoding *encoding, const char *text, size_t len, bool with_control,
                     struct err *err)
{
    const struct specials *specials = &encoding->tokenizer->specials;
    size_t plain = 0; /* where the plain text before `at` starts */
    for (size_t at = 0; at < len;) {
        const struct special *special = specials_match(specials, text + at, len - at, with_control);
        if (!special) {
            at++;
            continue;
        }
        if (!add_plain(encoding, text + plain, at - plain, err))
            return false;
        ids_add(encoding->out, special->id);
        at += special->text.len;
        plain = at;
    }
    return add_plain(encoding, text + plain, len - plain, err);
}

bool token_encode(const struct tokenizer *tokenizer, const char *text, size_t len,
                  const struct encode_options *options, struct ids *out, struct err *err)
{
    static const struct encode_options plain = {0};
    if (!options)
        options = &plain;
    if (len > text_bytes_max)
        return err_set(err, ERR_RANGE, "a text of %zu bytes, expected at most %zu", len,
                       text_bytes_max);
    if (len == 0)
        text = ""; /* may be NULL, and an offset to that is undefined */
    struct encoding encoding = {.tokenizer = tokenizer, .out = out};
    encoding.cutter = cutter_new(tokenizer->splitter, err);
    if (!encoding.cutter)
        return false;
    size_t before = out->count;
    if (tokenizer->add_bos && !options->no_bos)
        ids_add(out, tokenizer->bos);
    bool ok = add_text(&encoding, text, len, options->special, err);
    if (!ok)
        out->count = before;
    merge_room_free(&encoding.room);
    cutter_free(encoding.cutter);
    return ok;
}

/* ---- decode -------------------------------------------------------------------- */

void token_decode(const struct tokenizer *tokenizer, int32_t id, struct buf *out)
{
    if (id < 0 || (size_t)id >= tokenizer->token_count)
        return;
    size_t start = tokenizer->starts[id];
    buf_add(out, tokenizer->bytes.data + start, tokenizer->starts[id + 1] - start);
}

void token_decode_all(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                      struct buf *out)
{
    for (size_t i = 0; i < count; i++)
        token_decode(tokenizer, ids[i], out);
}

/* ---- questions ----------------------------------------------------------------- */

size_t token_count(const struct tokenizer *tokenizer)
{
    return tokenizer->token_count;
}

bool token_is_end(const struct tokenizer *tokenizer, int32_t id)
{
    for (size_t i = 0; i < END_TOKENS; i++)
        if (id >= 0 && tokenizer->ends[i] == id)
            return true;
    return false;
}

int32_t token_end(const struct tokenizer *tokenizer)
{
    return tokenizer->eos;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From what a file says to a tokenizer.  Everything that encoding relies on is
 * proven here, so that encoding can only fail for want of memory:
 *
 *   - every byte has a token that decodes to that byte;
 *   - a merge's result decodes to its left part followed by its right part.
 *
 * Both together make [T1] true, whatever the merges are.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/token/tokenizer_int.h"
#include "src/base/num.h"

/* How much of a text a message quotes. */
static int shown(struct text_span text)
{
    return text.len < 60 ? (int)text.len : 60;
}

static const char *type_name(int32_t type)
{
    static const char *const names[] = {"undefined",    "normal", "unknown", "control",
                                        "user-defined", "unused", "byte"};
    return type >= 0 && type < (int32_t)countof(names) ? names[type] : "undefined";
}

static int32_t type_of(const struct token_source *source, size_t id)
{
    return source->types ? source->types[id] : TOKEN_NORMAL;
}

/* Is the token spelled as plain text, not in the byte alphabet? */
static bool is_plain(int32_t type)
{
    return type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED || type == TOKEN_UNKNOWN;
}

/* ---- what is supported --------------------------------------------------------- */

static bool check_word(struct text_span found, const char *expected, const char *key,
                       struct err *err)
{
    if (found.len == strlen(expected) && memcmp(found.data, expected, found.len) == 0)
        return true;
    (void)err_set(err, ERR_UNSUPPORTED, "is \"%.*s\", expected \"%s\"", shown(found),
                  found.len > 0 ? found.data : "", expected);
    return err_where(err, "tokenizer.ggml.%s", key);
}

static bool check_id(int64_t id, const char *key, size_t token_count, struct err *err)
{
    if (id == -1 || (id >= 0 && (uint64_t)id < token_count))
        return true;
    (void)err_set(err, ERR_FORMAT, "is %" PRId64 ", expected 0 to %zu", id, token_count - 1);
    return err_where(err, "tokenizer.ggml.%s", key);
}

static bool check_count(size_t count, const char *key, size_t count_min, struct err *err)
{
    if (count >= count_min && count < INT32_MAX)
        return true;
    (void)err_set(err, ERR_FORMAT, "has %zu entries, expected %zu to %d", count, count_min,
                  INT32_MAX - 1);
    return err_where(err, "tokenizer.ggml.%s", key);
}

static bool check_types(const struct token_source *source, struct err *err)
{
    for (size_t id = 0; id < source->token_count; id++) {
        int32_t type = type_of(source, id);
        if (type >= TOKEN_NORMAL && type <= TOKEN_BYTE)
            continue;
        (void)err_set(err, ERR_FORMAT, "is %" PRId32 ", expected %d to %d", type, TOKEN_NORMAL,
                      TOKEN_BYTE);
        return err_where(err, "tokenizer.ggml.token_type[%zu]", id);
    }
    return true;
}

static bool check_source(const struct token_source *source, struct err *err)
{
    size_t count = source->token_count;
    if (!check_word(source->model, "gpt2", "model", err) ||
        !check_word(source->pre, "qwen2", "pre", err) ||
        !check_count(count, "tokens", BYTE_VALUES, err) ||
        !check_count(source->merge_count, "merges", 0, err) || !check_types(source, err) ||
        !check_id(source->bos, "bos_token_id", count, err) ||
        !check_id(source->eos, "eos_token_id", count, err) ||
        !check_id(source->eot, "eot_token_id", count, err))
        return false;
    if (!source->add_bos || source->bos >= 0)
        return true;
    (void)err_set(err, ERR_FORMAT, "is true, but tokenizer.ggml.bos_token_id names no token");
    return err_where(err, "tokenizer.ggml.add_bos_token");
}

/* ---- tokens -------------------------------------------------------------------- */

static void load_bytes(struct tokenizer *tokenizer, const struct token_source *source)
{
    tokenizer->token_count = source->token_count;
    tokenizer->starts = x_new(source->token_count + 1, sizeof tokenizer->starts[0]);
    for (size_t id = 0; id < source->token_count; id++) {
        const struct text_span *token = &source->tokens[id];
        if (is_plain(type_of(source, id)))
            buf_add(&tokenizer->bytes, token->data, token->len);
        else
            alphabet_read(token->data, token->len, &tokenizer->bytes);
        tokenizer->starts[id + 1] = tokenizer->bytes.len;
    }
}

static struct text_span bytes_of(const struct tokenizer *tokenizer, int32_t id)
{
    size_t start = tokenizer->starts[id];
    return (struct text_span){tokenizer->bytes.data + start, tokenizer->starts[id + 1] - start};
}

static bool load_byte_ids(struct tokenizer *tokenizer, const struct token_source *source,
                          const struct vocabulary *vocabulary, struct err *err)
{
    for (unsigned byte = 0; byte < BYTE_VALUES; byte++) {
        char spelling[2];
        size_t len = alphabet_spell((unsigned char)byte, spelling);
        int32_t id = vocabulary_find(vocabulary, spelling, len);
        if (id == NO_TOKEN) {
            (void)err_set(err, ERR_FORMAT, "has no token \"%.*s\" for the byte 0x%02X, expected one"
                          " for every byte", (int)len, spelling, byte);
            return err_where(err, "tokenizer.ggml.tokens");
        }
        struct text_span bytes = bytes_of(tokenizer, id);
        if (bytes.len != 1 || (unsigned char)bytes.data[0] != byte) {
            (void)err_set(err, ERR_FORMAT, "is of type %s, expected normal: \"%.*s\" spells the"
                          " byte 0x%02X", type_name(type_of(source, (size_t)id)), (int)len,
                          spelling, byte);
            return err_where(err, "tokenizer.ggml.token_type[%" PRId32 "]", id);
        }
        tokenizer->byte_ids[byte] = id;
    }
    return true;
}

static void load_specials(struct tokenizer *tokenizer, const struct token_source *source)
{
    struct special *list = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (size_t id = 0; id < source->token_count; id++) {
        if (!is_plain(type_of(source, id)) || source->tokens[id].len == 0)
            continue;
        if (count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            list = x_grow(list, capacity, sizeof list[0]);
        }
        list[count++] = (struct special){
            .text = bytes_of(tokenizer, (int32_t)id),
            .id = (int32_t)id,
            .always = type_of(source, id) == TOKEN_USER_DEFINED,
        };
    }
    specials_build(&tokenizer->specials, list, count);
}

static int32_t control_token(const struct token_source *source,
                             const struct vocabulary *vocabulary, const char *spelling)
{
    int32_t id = vocabulary_find(vocabulary, spelling, strlen(spelling));
    return id != NO_TOKEN && type_of(source, (size_t)id) == TOKEN_CONTROL ? id : NO_TOKEN;
}

static void load_ends(struct tokenizer *tokenizer, const struct token_source *source,
                      const struct vocabulary *vocabulary)
{
    tokenizer->add_bos = source->add_bos;
    tokenizer->bos = (int32_t)source->bos;
    tokenizer->eos = (int32_t)source->eos;
    tokenizer->ends[0] = (int32_t)source->eos;
    tokenizer->ends[1] = (int32_t)source->eot;
    tokenizer->ends[2] = control_token(source, vocabulary, "<|im_end|>");
    tokenizer->ends[3] = control_token(source, vocabulary, "<|endoftext|>");
}

/* ---- merges -------------------------------------------------------------------- */

/* "left right": parts are not empty; a space cannot be in the byte alphabet. */
static bool cut_merge(struct text_span text, struct text_span *left, struct text_span *right)
{
    const char *space = text.len > 2 ? memchr(text.data + 1, ' ', text.len - 2) : NULL;
    if (!space)
        return false;
    *left = (struct text_span){text.data, (size_t)(space - text.data)};
    *right = (struct text_span){space + 1, text.len - left->len - 1};
    return true;
}

static bool is_concatenation(const struct tokenizer *tokenizer, const struct merge *merge)
{
    struct text_span left = bytes_of(tokenizer, merge->left);
    struct text_span right = bytes_of(tokenizer, merge->right);
    struct text_span result = bytes_of(tokenizer, merge->result);
    return result.len == left.len + right.len && memcmp(result.data, left.data, left.len) == 0 &&
           memcmp(result.data + left.len, right.data, right.len) == 0;
}

static bool merge_err(struct err *err, struct text_span text, struct text_span part,
                      const char *problem)
{
    return err_set(err, ERR_FORMAT, "is \"%.*s\": \"%.*s\" %s", shown(text), text.data, shown(part),
                   part.data, problem);
}

/* joined: room for the result's spelling. */
static bool load_merge(struct tokenizer *tokenizer, const struct vocabulary *vocabulary,
                       struct text_span text, struct buf *joined, struct err *err)
{
    struct text_span left, right;
    if (!cut_merge(text, &left, &right))
        return err_set(err, ERR_FORMAT, "is \"%.*s\", expected two tokens with a space between",
                       shown(text), text.len > 0 ? text.data : "");
    buf_clear(joined);
    buf_add(joined, left.data, left.len);
    buf_add(joined, right.data, right.len);
    struct text_span result = {joined->data, joined->len};
    struct merge merge = {
        .left = vocabulary_find(vocabulary, left.data, left.len),
        .right = vocabulary_find(vocabulary, right.data, right.len),
        .result = vocabulary_find(vocabulary, result.data, result.len),
    };
    if (merge.left == NO_TOKEN)
        return merge_err(err, text, left, "is not a token");
    if (merge.right == NO_TOKEN)
        return merge_err(err, text, right, "is not a token");
    if (merge.result == NO_TOKEN)
        return merge_err(err, text, result, "is not a token");
    if (!is_concatenation(tokenizer, &merge))
        return merge_err(err, text, result, "does not decode to what its two parts decode to");
    merges_add(&tokenizer->merges, merge);
    return true;
}

static bool load_merges(struct tokenizer *tokenizer, const struct token_source *source,
                        const struct vocabulary *vocabulary, struct err *err)
{
    if (!merges_reserve(&tokenizer->merges, source->merge_count, err))
        return false;
    struct buf joined = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < source->merge_count; i++) {
        ok = load_merge(tokenizer, vocabulary, source->merges[i], &joined, err);
        if (!ok)
            (void)err_where(err, "tokenizer.ggml.merges[%zu]", i);
    }
    buf_free(&joined);
    return ok;
}

/* ---- all together -------------------------------------------------------------- */

static bool load(struct tokenizer *tokenizer, const struct token_source *source,
                 struct vocabulary *vocabulary, struct err *err)
{
    if (!check_source(source, err) ||
        !vocabulary_build(vocabulary, source->tokens, source->token_count, err))
        return false;
    load_bytes(tokenizer, source);
    if (!load_byte_ids(tokenizer, source, vocabulary, err) ||
        !load_merges(tokenizer, source, vocabulary, err))
        return false;
    load_specials(tokenizer, source);
    load_ends(tokenizer, source, vocabulary);
    tokenizer->splitter = splitter_new(err);
    return tokenizer->splitter != NULL;
}

struct tokenizer *tokenizer_new(const struct token_source *source, struct err *err)
{
    struct tokenizer *tokenizer = x_new(1, sizeof *tokenizer);
    struct vocabulary vocabulary = {0};
    bool ok = load(tokenizer, source, &vocabulary, err);
    vocabulary_free(&vocabulary);
    if (ok)
        return tokenizer;
    tokenizer_free(tokenizer);
    return NULL;
}

void tokenizer_free(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    splitter_free(tokenizer->splitter);
    specials_free(&tokenizer->specials);
    merges_free(&tokenizer->merges);
    free(tokenizer->starts);
    buf_free(&tokenizer->bytes);
    free(tokenizer);
}

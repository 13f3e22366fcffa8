/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/cli/cli.h"

extern const struct command command_tokenize;

static const size_t text_bytes_max = (size_t)1 << 30;

/* ---- text to ids ------------------------------------------------------------ */

/* One token in a line: its id, and its text between quotation marks. */
static void print_tokens(const struct tokenizer *tokenizer, const struct ids *ids)
{
    struct buf lines = {0};
    struct buf piece = {0};
    for (size_t i = 0; i < ids->count; i++) {
        buf_clear(&piece);
        token_decode(tokenizer, ids->data[i], &piece);
        buf_add_format(&lines, "%7" PRId32 "  \"", ids->data[i]);
        text_visible(&lines, piece.data, piece.len);
        buf_add_text(&lines, "\"\n");
    }
    if (lines.len > 0)
        cli_print_text(lines.data, lines.len);
    buf_free(&piece);
    buf_free(&lines);
}

static json_t *ids_json(const struct ids *ids)
{
    json_t *array = json_array();
    for (size_t i = 0; i < ids->count; i++)
        (void)json_array_append_new(array, json_integer(ids->data[i]));
    return array;
}

static json_t *pieces_json(const struct tokenizer *tokenizer, const struct ids *ids)
{
    json_t *array = json_array();
    struct buf piece = {0};
    for (size_t i = 0; i < ids->count; i++) {
        buf_clear(&piece);
        token_decode(tokenizer, ids->data[i], &piece);
        (void)json_array_append_new(array, json_text(piece.data, piece.len));
    }
    buf_free(&piece);
    return array;
}

static void print_tokens_json(const struct tokenizer *tokenizer, const struct ids *ids)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "ids", ids_json(ids));
    (void)json_object_set_new(object, "pieces", pieces_json(tokenizer, ids));
    cli_print_json(object, false);
}

static bool read_text(const struct arguments *arguments, struct buf *text, struct err *err)
{
    const char *given = arguments_positional(arguments, 1);
    const char *path = arguments_text(arguments, "file", NULL);
    if (given && path)
        return err_set(err, ERR_USAGE, "both TEXT and --file are given, expected one of them");
    if (!given && !path)
        return err_set(err, ERR_USAGE, "no text given, expected TEXT, --file F or --decode IDS");
    if (path)
        return file_read(path, text_bytes_max, text, err);
    buf_add_text(text, given);
    return true;
}

static bool encode(const struct arguments *arguments, const struct tokenizer *tokenizer,
                   struct err *err)
{
    const struct encode_options options = {.special = arguments_has(arguments, "special")};
    struct buf text = {0};
    struct ids ids = {0};
    bool ok = read_text(arguments, &text, err) &&
              token_encode(tokenizer, text.data, text.len, &options, &ids, err);
    if (ok && arguments_json(arguments))
        print_tokens_json(tokenizer, &ids);
    else if (ok)
        print_tokens(tokenizer, &ids);
    ids_free(&ids);
    buf_free(&text);
    return ok;
}

/* ---- ids to text ------------------------------------------------------------ */

/* One id at *text, which is moved behind it; count is the vocabulary. */
static bool parse_id(const char **text, size_t count, int32_t *id, struct err *err)
{
    char *end = NULL;
    errno = 0;
    intmax_t value = strtoimax(*text, &end, 10);
    if (end == *text || (*end != ',' && *end != '\0'))
        return err_set(err, ERR_USAGE, "--decode: \"%s\" does not start with a token id, expected"
                       " ids with commas between", *text);
    if (errno != 0 || value < 0 || (uintmax_t)value >= count)
        return err_set(err, ERR_RANGE, "--decode: id %.*s, expected 0 to %zu", (int)(end - *text),
                       *text, count - 1);
    *id = (int32_t)value;
    *text = end;
    return true;
}

/* "1,2,3" */
static bool parse_ids(const char *text, size_t count, struct ids *ids, struct err *err)
{
    for (;;) {
        int32_t id = 0;
        if (!parse_id(&text, count, &id, err))
            return false;
        ids_add(ids, id);
        if (*text == '\0')
            return true;
        text++; /* the comma */
    }
}

static void print_decoded(const struct arguments *arguments, const struct tokenizer *tokenizer,
                          const struct ids *ids)
{
    struct buf text = {0};
    token_decode_all(tokenizer, ids->data, ids->count, &text);
    if (arguments_json(arguments)) {
        json_t *object = json_object();
        (void)json_object_set_new(object, "ids", ids_json(ids));
        (void)json_object_set_new(object, "text", json_text(text.data, text.len));
        cli_print_json(object, false);
    } else if (text.len > 0) {
        cli_print_text(text.data, text.len);
    }
    buf_free(&text);
}

static bool decode(const struct arguments *arguments, const struct tokenizer *tokenizer,
                   struct err *err)
{
    if (arguments_positional(arguments, 1) || arguments_has(arguments, "file"))
        return err_set(err, ERR_USAGE, "a text and --decode are given, expected one of them");
    struct ids ids = {0};
    bool ok = parse_ids(arguments_text(arguments, "decode", ""), token_count(tokenizer), &ids, err);
    if (ok)
        print_decoded(arguments, tokenizer, &ids);
    ids_free(&ids);
    return ok;
}

/* ---- the command ------------------------------------------------------------ */

static int run(struct arguments *arguments, struct err *err)
{
    struct model *model = model_open(arguments_positional(arguments, 0), err);
    if (!model)
        return cli_fail(err);
    const struct tokenizer *tokenizer = model_tokenizer(model);
    bool ok = arguments_has(arguments, "decode") ? decode(arguments, tokenizer, err)
                                                 : encode(arguments, tokenizer, err);
    model_free(model);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    {"file", 0, "F", "read the text from the file F (- is standard input)"},
    {"special", 0, NULL, "control tokens spelled in the text are tokens, not plain text"},
    {"decode", 0, "IDS", "the other way: print the text of IDS, as in 1,2,3"},
    {NULL, 0, NULL, NULL},
};

const struct command command_tokenize = {
    .name = "tokenize",
    .synopsis = "MODEL TEXT|--file F|--decode IDS",
    .summary = "Show the tokens of a text",
    .details = "Prints each token's id and its text, control characters made visible; with\n"
               "--json {\"ids\": [...], \"pieces\": [...]}.  A character may be cut by tokens:\n"
               "its parts are shown as U+FFFD.  --decode prints the bytes of the tokens and\n"
               "nothing else; with --json {\"ids\": [...], \"text\": \"...\"}.",
    .options = options,
    .positional_min = 1,
    .positional_max = 2,
    .takes_model = true,
    .run = run,
};

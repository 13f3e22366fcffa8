/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The tokenizer on a vocabulary made by hand: the 256 bytes (their ids are their
 * values), the results of the merges below in order, then special tokens.
 */
#include "tests/t.h"

#include <stdlib.h>

#include "engine/token/token_int.h"

enum {
    TOKENS_MAX = 512,
    MERGES_MAX = 200,
    FIRST_RESULT = BYTE_VALUES,
};

/* In the byte alphabet a space is spelled Ġ, a newline Ċ, é is Ã©. */
static const char *const hand_merges[] = {
    "Ġ t", "h e", "Ġt he", "i n", "Ġ Ġ", "ĠĠ ĠĠ", "Ċ Ċ", "a a", "aa aa", "1 2", "Ã ©", "l l",
    "' ll", "Ī Ī",
};

struct fixture {
    struct text_span tokens[TOKENS_MAX];
    struct text_span merges[MERGES_MAX];
    int32_t types[TOKENS_MAX];
    char *texts[TOKENS_MAX + MERGES_MAX]; /* what the spans point to */
    size_t text_count;
    struct token_source source;
};

static struct text_span keep(struct fixture *fixture, const char *text, size_t len)
{
    char *copy = x_copy(text, len);
    fixture->texts[fixture->text_count++] = copy;
    return (struct text_span){copy, len};
}

static int32_t add_token(struct fixture *fixture, const char *text, size_t len,
                         enum token_type type)
{
    size_t id = fixture->source.token_count++;
    assert_true(id < TOKENS_MAX);
    fixture->tokens[id] = keep(fixture, text, len);
    fixture->types[id] = (int32_t)type;
    return (int32_t)id;
}

static void add_merge(struct fixture *fixture, const char *text)
{
    assert_true(fixture->source.merge_count < MERGES_MAX);
    fixture->merges[fixture->source.merge_count++] = keep(fixture, text, strlen(text));
}

/* A merge and the token it makes. */
static int32_t add_merge_and_token(struct fixture *fixture, const char *text)
{
    const char *space = strchr(text, ' ');
    struct buf joined = {0};
    buf_add(&joined, text, (size_t)(space - text));
    buf_add_text(&joined, space + 1);
    add_merge(fixture, text);
    int32_t id = add_token(fixture, joined.data, joined.len, TOKEN_NORMAL);
    buf_free(&joined);
    return id;
}

static struct fixture *fixture_bytes_only(void)
{
    struct fixture *fixture = x_new(1, sizeof *fixture);
    fixture->source = (struct token_source){
        .model = {"gpt2", 4},
        .pre = {"qwen2", 5},
        .tokens = fixture->tokens,
        .types = fixture->types,
        .merges = fixture->merges,
        .bos = -1,
        .eos = -1,
        .eot = -1,
    };
    for (unsigned byte = 0; byte < BYTE_VALUES; byte++) {
        char spelling[2];
        size_t len = alphabet_spell((unsigned char)byte, spelling);
        (void)add_token(fixture, spelling, len, TOKEN_NORMAL);
    }
    return fixture;
}

/* Ids of the special tokens of fixture_new. */
struct special_ids {
    int32_t end_of_text, start, end, tool, tool_call, accent, unknown, foreign, unused;
};

static struct fixture *fixture_new(struct special_ids *ids)
{
    struct fixture *fixture = fixture_bytes_only();
    for (size_t i = 0; i < countof(hand_merges); i++)
        (void)add_merge_and_token(fixture, hand_merges[i]);
    *ids = (struct special_ids){
        .end_of_text = add_token(fixture, "<|endoftext|>", 13, TOKEN_CONTROL),
        .start = add_token(fixture, "<|im_start|>", 12, TOKEN_CONTROL),
        .end = add_token(fixture, "<|im_end|>", 10, TOKEN_CONTROL),
        .tool = add_token(fixture, "<tool", 5, TOKEN_USER_DEFINED),
        .tool_call = add_token(fixture, "<tool_call>", 11, TOKEN_USER_DEFINED),
        .accent = add_token(fixture, "«é Ġ»", strlen("«é Ġ»"), TOKEN_USER_DEFINED),
        .unknown = add_token(fixture, "<unk>", 5, TOKEN_UNKNOWN),
        .foreign = add_token(fixture, "日Ġb", strlen("日Ġb"), TOKEN_NORMAL),
        .unused = add_token(fixture, "[PAD1]", 6, TOKEN_UNUSED),
    };
    fixture->source.eos = ids->end;
    return fixture;
}

static void fixture_free(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->text_count; i++)
        free(fixture->texts[i]);
    free(fixture);
}

static struct tokenizer *tokenizer_of(const struct fixture *fixture)
{
    struct err err = {0};
    struct tokenizer *tokenizer = tokenizer_new(&fixture->source, &err);
    t_ok(tokenizer != NULL, &err);
    return tokenizer;
}

/* "104 101 265": the ids of a text. */
static void expect_ids(const struct tokenizer *tokenizer, const char *text, size_t len,
                       const struct encode_options *options, const char *expected)
{
    struct ids ids = {0};
    struct err err = {0};
    t_ok(token_encode(tokenizer, text, len, options, &ids, &err), &err);
    struct buf found = {0};
    for (size_t i = 0; i < ids.count; i++)
        buf_add_format(&found, i > 0 ? " %d" : "%d", (int)ids.data[i]);
    t_buf_is(&found, expected);
    buf_free(&found);
    ids_free(&ids);
}

/* ---- alphabet -------------------------------------------------------------- */

static void alphabet_point__known_bytes__are_the_published_ones(void **state)
{
    (void)state;
    assert_int_equal(alphabet_point('!'), '!');
    assert_int_equal(alphabet_point('~'), '~');
    assert_int_equal(alphabet_point(0x00), 0x100);
    assert_int_equal(alphabet_point('\n'), 0x10A);
    assert_int_equal(alphabet_point(' '), 0x120);
    assert_int_equal(alphabet_point(0x7F), 0x121);
    assert_int_equal(alphabet_point(0x80), 0x122);
    assert_int_equal(alphabet_point(0xA0), 0x142);
    assert_int_equal(alphabet_point(0xA1), 0xA1);
    assert_int_equal(alphabet_point(0xAD), 0x143);
    assert_int_equal(alphabet_point(0xAE), 0xAE);
    assert_int_equal(alphabet_point(0xFF), 0xFF);
}

static void alphabet_read__every_byte_spelled__gives_it_back(void **state)
{
    (void)state;
    bool seen[0x144] = {false};
    for (unsigned byte = 0; byte < BYTE_VALUES; byte++) {
        uint32_t point = alphabet_point((unsigned char)byte);
        assert_in_range(point, '!', 0x143);
        assert_false(seen[point]);
        seen[point] = true;
        char spelling[2];
        struct buf out = {0};
        alphabet_read(spelling, alphabet_spell((unsigned char)byte, spelling), &out);
        assert_int_equal(out.len, 1);
        assert_int_equal((unsigned char)out.data[0], byte);
        buf_free(&out);
    }
}

static void alphabet_read__outside_the_alphabet__stands_for_itself(void **state)
{
    (void)state;
    static const char text[] = "日 \xFF\xC3ń"; /* U+0144 is the first after the alphabet */
    struct buf out = {0};
    alphabet_read(text, sizeof text - 1, &out);
    t_buf_is(&out, text);
    buf_free(&out);
}

/* ---- split ------------------------------------------------------------------- */

static void expect_split(const char *text, const char *expected)
{
    struct err err = {0};
    struct splitter *splitter = splitter_new(&err);
    t_ok(splitter != NULL, &err);
    struct cutter *cutter = cutter_new(splitter, &err);
    t_ok(cutter != NULL, &err);
    struct buf found = {0};
    size_t len = strlen(text);
    for (size_t at = 0; at < len;) {
        size_t piece = 0;
        t_ok(cutter_next(cutter, text, len, at, &piece, &err), &err);
        assert_in_range(piece, 1, len - at);
        buf_add(&found, "[", 1);
        buf_add(&found, text + at, piece);
        buf_add(&found, "]", 1);
        at += piece;
    }
    t_buf_is(&found, expected);
    buf_free(&found);
    cutter_free(cutter);
    splitter_free(splitter);
}

static void split__contractions__in_both_cases(void **state)
{
    (void)state;
    expect_split("I'm", "[I]['m]");
    expect_split("it'S we'RE I'Ve", "[it]['S][ we]['RE][ I]['Ve]");
    expect_split("they'll he'd don't", "[they]['ll][ he]['d][ don]['t]");
    expect_split("o'clock", "[o]['clock]");
    expect_split("'tis", "['t][is]");
    expect_split("'lx", "['lx]");
}

static void split__letters__take_one_character_before(void **state)
{
    (void)state;
    expect_split("Hello world", "[Hello][ world]");
    expect_split("a  b", "[a][ ][ b]");
    expect_split("(x)", "[(x][)]");
    expect_split("((x", "[((][x]");
    expect_split("\tx", "[\tx]");
    expect_split("\nx", "[\n][x]");
    expect_split("x_y", "[x][_y]");
}

static void split__digits__one_by_one(void **state)
{
    (void)state;
    expect_split("2024", "[2][0][2][4]");
    expect_split(" 20", "[ ][2][0]");
    expect_split("x2y", "[x][2][y]");
    expect_split("3.14", "[3][.][1][4]");
    expect_split("x²½Ⅷ٣", "[x][²][½][Ⅷ][٣]");
}

static void split__punctuation__takes_a_space_before_and_line_ends_after(void **state)
{
    (void)state;
    expect_split("a = b;\n\nc", "[a][ =][ b][;\n\n][c]");
    expect_split("x +=  1", "[x][ +=][ ][ ][1]");
    expect_split("!!\r\n x", "[!!\r\n][ x]");
    expect_split("a\t!", "[a][\t][!]");
    expect_split("🚀🚀 ok", "[🚀🚀][ ok]");
}

static void split__white_space__leaves_one_to_the_word(void **state)
{
    (void)state;
    expect_split("a   b", "[a][  ][ b]");
    expect_split("a  \n  b", "[a][  \n][ ][ b]");
    expect_split("a \n\n \n b", "[a][ \n\n \n][ b]");
    expect_split("a  ", "[a][  ]");
    expect_split(" ", "[ ]");
    expect_split("\n", "[\n]");
    expect_split("a\n ", "[a][\n][ ]");
    expect_split("   7", "[  ][ ][7]");
    expect_split("\t\tx", "[\t][\tx]");
}

static void split__unicode__by_its_categories(void **state)
{
    (void)state;
    expect_split("Größe café", "[Größe][ café]");
    expect_split("日本語 text", "[日本語][ text]");
    /* A combining mark (U+0301) is no letter: it begins a piece of its own, or
     * leads the letters after it. */
    expect_split("cafe\xCC\x81", "[cafe][\xCC\x81]");
    expect_split("e\xCC\x81t", "[e][\xCC\x81t]");
    /* U+00A0 and U+3000 are white space, U+180E and U+200B are not. */
    expect_split("a\xC2\xA0\xC2\xA0" "b", "[a][\xC2\xA0][\xC2\xA0" "b]");
    expect_split("a\xE3\x80\x80\xE3\x80\x80!", "[a][\xE3\x80\x80][\xE3\x80\x80][!]");
    expect_split("! \xE1\xA0\x8E!", "[!][ \xE1\xA0\x8E!]");
    expect_split("! \xE2\x80\x8B!", "[!][ \xE2\x80\x8B!]");
}

static void split__white_space_property__every_one(void **state)
{
    (void)state;
    static const uint32_t points[] = {
        0x09,   0x0B,   0x0C,   0x20,   0x85,   0xA0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003,
        0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
        0x3000,
    };
    for (size_t i = 0; i < countof(points); i++) {
        struct buf point = {0}, text = {0}, expected = {0};
        prop_add_utf8(&point, points[i]);
        buf_add_format(&text, "x%s%sy7", point.data, point.data);
        buf_add_format(&expected, "[x][%s][%sy][7]", point.data, point.data);
        expect_split(text.data, expected.data);
        buf_free(&point);
        buf_free(&text);
        buf_free(&expected);
    }
}

/* ---- merge --------------------------------------------------------------------- */

static void expect_word(const char *const *merges, size_t count, const char *word,
                        const char *expected)
{
    struct fixture *fixture = fixture_bytes_only();
    for (size_t i = 0; i < count; i++)
        (void)add_merge_and_token(fixture, merges[i]);
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    expect_ids(tokenizer, word, strlen(word), NULL, expected);
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

static void merge__equal_ranks__leftmost_first(void **state)
{
    (void)state;
    static const char *const merges[] = {"a a"};
    expect_word(merges, 1, "aaa", "256 97");
    expect_word(merges, 1, "aaaaa", "256 256 97");
}

static void merge__better_rank__before_place(void **state)
{
    (void)state;
    static const char *const merges[] = {"b c", "a b"};
    expect_word(merges, 2, "abc", "97 256");
    expect_word(merges, 2, "abb", "257 98");
}

static void merge__results__merge_further(void **state)
{
    (void)state;
    static const char *const merges[] = {"a b", "ab ab", "abab c", "b c"};
    expect_word(merges, 4, "ababc", "258");
    expect_word(merges, 4, "abc", "256 99");
    expect_word(merges, 4, "bcab", "259 256");
}

static void merges_add__pair_given_twice__keeps_the_better_rank(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_bytes_only();
    (void)add_merge_and_token(fixture, "a b"); /* rank 0 */
    (void)add_merge_and_token(fixture, "b c"); /* rank 1 */
    add_merge(fixture, "a b");                 /* rank 2, of no effect */
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    expect_ids(tokenizer, "abc", 3, NULL, "256 99");
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

/* Byte pair encoding as its definition says, in O(n^2): the truth for merge.c. */
static void merge_naively(const struct merges *merges, struct ids *ids)
{
    for (;;) {
        size_t best = merges->count;
        size_t place = 0;
        for (size_t i = 0; i + 1 < ids->count; i++)
            for (size_t rank = 0; rank < best; rank++)
                if (merges->list[rank].left == ids->data[i] &&
                    merges->list[rank].right == ids->data[i + 1]) {
                    best = rank;
                    place = i;
                }
        if (best == merges->count)
            return;
        ids->data[place] = merges->list[best].result;
        ids->count--;
        memmove(ids->data + place + 1, ids->data + place + 2,
                (ids->count - place - 1) * sizeof ids->data[0]);
    }
}

enum { RANDOM_MERGES = 60 };

/* Merges of any two ids that are there by then; the results are new ids. */
static void add_random_merges(struct rng *rng, struct merges *merges)
{
    static const char letters[] = "abc";
    int32_t ids[3 + RANDOM_MERGES];
    for (size_t i = 0; i < 3; i++)
        ids[i] = letters[i];
    for (size_t i = 0; i < RANDOM_MERGES; i++) {
        ids[3 + i] = FIRST_RESULT + (int32_t)i;
        /* earlier ids are likelier, so that merges build on each other */
        size_t left = (size_t)rng_below(rng, 1 + rng_below(rng, 3 + i));
        size_t right = (size_t)rng_below(rng, 1 + rng_below(rng, 3 + i));
        merges_add(merges, (struct merge){ids[left], ids[right], ids[3 + i]});
    }
}

/* The first eight bytes of a case seed the merges, the rest spell the piece. */
static void generate_piece(struct rng *rng, void *user, struct buf *out)
{
    (void)user;
    uint64_t seed = rng_next(rng);
    buf_add(out, &seed, sizeof seed);
    size_t len = 1 + (size_t)rng_below(rng, 40);
    for (size_t i = 0; i < len; i++)
        buf_add(out, &"abc"[rng_below(rng, 3)], 1);
}

static bool piece_merges_as_defined(void *user, const char *bytes, size_t len, struct buf *why)
{
    (void)user;
    uint64_t seed = 0;
    if (len <= sizeof seed)
        return true;
    memcpy(&seed, bytes, sizeof seed);
    const char *piece = bytes + sizeof seed;
    len -= sizeof seed;
    struct rng rng;
    rng_seed(&rng, seed);
    struct merges merges = {0};
    struct err err = {0};
    int32_t byte_ids[BYTE_VALUES];
    struct ids expected = {0};
    struct ids found = {0};
    struct merge_room room = {0};
    for (int32_t i = 0; i < BYTE_VALUES; i++)
        byte_ids[i] = i;
    bool ok = merges_reserve(&merges, RANDOM_MERGES, &err);
    add_random_merges(&rng, &merges);
    for (size_t i = 0; i < len; i++)
        ids_add(&expected, (unsigned char)piece[i]);
    merge_naively(&merges, &expected);
    ok = ok && merge_piece(&merges, byte_ids, piece, len, &room, &found, &err) &&
         found.count == expected.count &&
         memcmp(found.data, expected.data, found.count * sizeof found.data[0]) == 0;
    buf_add_format(why, "%zu ids found, %zu expected", found.count, expected.count);
    merge_room_free(&room);
    merges_free(&merges);
    ids_free(&expected);
    ids_free(&found);
    return ok;
}

static void merge_piece__random_merges__as_the_definition_says(void **state)
{
    (void)state;
    const struct prop prop = {
        .name = "merge_piece equals the definition",
        .seed = 20240607,
        .cases = 20000,
        .generate = generate_piece,
        .holds = piece_merges_as_defined,
    };
    t_prop(&prop);
}

/* ---- encode -------------------------------------------------------------------- */

static void token_encode__plain_text__merges_within_pieces(void **state)
{
    (void)state;
    struct special_ids special;
    struct fixture *fixture = fixture_new(&special);
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    expect_ids(tokenizer, "", 0, NULL, "");
    expect_ids(tokenizer, NULL, 0, NULL, "");
    expect_ids(tokenizer, "the the", 7, NULL, "116 257 258");
    expect_ids(tokenizer, "12", 2, NULL, "49 50");       /* "1 2" cannot merge */
    expect_ids(tokenizer, "he'll", 5, NULL, "257 268");
    expect_ids(tokenizer, "a    b", 6, NULL, "97 260 32 32 98");
    expect_ids(tokenizer, "a     b", 7, NULL, "97 261 32 98");
    expect_ids(tokenizer, "\n\n\n", 3, NULL, "262 10");
    expect_ids(tokenizer, "\xC3\xA9", 2, NULL, "266");
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

static void token_encode__invalid_bytes__are_a_piece_of_their_own(void **state)
{
    (void)state;
    struct special_ids special;
    struct fixture *fixture = fixture_new(&special);
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    /* Ī is byte 0x88: two of them merge in a run of invalid bytes, not across
     * the end of a valid character that ends with it (ň is C5 88). */
    expect_ids(tokenizer, "\x88\x88\x88", 3, NULL, "269 136");
    expect_ids(tokenizer, "\xC5\x88\x88", 3, NULL, "197 136 136");
    expect_ids(tokenizer, "he\xFFhe", 5, NULL, "257 255 257");
    expect_ids(tokenizer, "a\0a", 3, NULL, "97 0 97");
    expect_ids(tokenizer, "\xED\xA0\x80", 3, NULL, "237 160 128");
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

static void token_encode__control_spelled_in_text__only_when_asked(void **state)
{
    (void)state;
    struct special_ids special;
    struct fixture *fixture = fixture_new(&special);
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    const struct encode_options with_special = {.special = true};
    expect_ids(tokenizer, "he<|im_end|>he", 14, &with_special, "257 272 257");
    expect_ids(tokenizer, "<|im_end|", 9, &with_special, "60 124 105 109 95 101 110 100 124");
    expect_ids(tokenizer, "<|im_end|>", 10, NULL, "60 124 105 109 95 101 110 100 124 62");
    expect_ids(tokenizer, "<unk>", 5, NULL, "60 117 110 107 62");
    expect_ids(tokenizer, "<unk><unk>", 10, &with_special, "276 276");
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

static void token_encode__user_defined_in_text__always_and_longest_first(void **state)
{
    (void)state;
    struct special_ids special;
    struct fixture *fixture = fixture_new(&special);
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    assert_int_equal(special.tool, 273);
    expect_ids(tokenizer, "<tool_call>", 11, NULL, "274");
    expect_ids(tokenizer, "<tool_call", 10, NULL, "273 95 99 97 267");
    expect_ids(tokenizer, "<<tool<tool", 11, NULL, "60 273 273");
    expect_ids(tokenizer, "«é Ġ»", strlen("«é Ġ»"), NULL, "275");
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

static void token_encode__add_bos__first_unless_no_bos(void **state)
{
    (void)state;
    struct special_ids special;
    struct fixture *fixture = fixture_new(&special);
    fixture->source.bos = special.start;
    fixture->source.add_bos = true;
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    expect_ids(tokenizer, "he", 2, NULL, "271 257");
    expect_ids(tokenizer, "", 0, NULL, "271");
    expect_ids(tokenizer, "he", 2, &(struct encode_options){.no_bos = true}, "257");
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

static void token_encode__text_too_long__is_refused_and_adds_nothing(void **state)
{
    (void)state;
    struct special_ids special;
    struct fixture *fixture = fixture_new(&special);
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    struct ids ids = {0};
    struct err err = {0};
    assert_false(token_encode(tokenizer, "", ((size_t)1 << 30) + 1, NULL, &ids, &err));
    t_err_is(&err, ERR_RANGE, "", "a text of 1073741825 bytes, expected at most 1073741824");
    assert_int_equal(ids.count, 0);
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

static void expect_long_run(const struct tokenizer *tokenizer, char letter, size_t ids_expected)
{
    size_t len = (size_t)1 << 20;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, letter, len);
    struct ids ids = {0};
    struct err err = {0};
    t_ok(token_encode(tokenizer, text, len, NULL, &ids, &err), &err);
    assert_int_equal(ids.count, ids_expected);
    struct buf back = {0};
    token_decode_all(tokenizer, ids.data, ids.count, &back);
    assert_int_equal(back.len, len);
    assert_memory_equal(back.data, text, len);
    buf_free(&back);
    ids_free(&ids);
    free(text);
}

static void token_encode__a_mebibyte_of_one_letter__works(void **state)
{
    (void)state;
    struct special_ids special;
    struct fixture *fixture = fixture_new(&special);
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    expect_long_run(tokenizer, 'a', 1 << 18);
    expect_long_run(tokenizer, 'b', 1 << 20);
    expect_long_run(tokenizer, ' ', 1 << 18);
    expect_long_run(tokenizer, '\n', 1 << 19);
    expect_long_run(tokenizer, '\x88', 1 << 19);
    expect_long_run(tokenizer, '7', 1 << 20);
    expect_long_run(tokenizer, '<', 1 << 20);
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

static void token_encode__many_threads__give_the_same_ids(void **state)
{
    (void)state;
    struct special_ids special;
    struct fixture *fixture = fixture_new(&special);
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    static const char text[] = "the tool <tool_call> he'll 12   \xFF\n\nin aaaa";
    struct ids expected = {0};
    struct err err = {0};
    t_ok(token_encode(tokenizer, text, sizeof text, NULL, &expected, &err), &err);
    int different = 0;
#pragma omp parallel for num_threads(4) reduction(+ : different)
    for (int i = 0; i < 2000; i++) {
        struct ids ids = {0};
        bool same = token_encode(tokenizer, text, sizeof text, NULL, &ids, NULL) &&
                    ids.count == expected.count &&
                    memcmp(ids.data, expected.data, ids.count * sizeof ids.data[0]) == 0;
        different += !same;
        ids_free(&ids);
    }
    assert_int_equal(different, 0);
    ids_free(&expected);
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

/* ---- decode(encode(x)) == x ------------------------------------------------------ */

static const char *const property_words[] = {
    "<|endoftext|>", "<|im_end|>", "<|im_start|>", "<tool", "<tool_call>", "<tool_call",
    "«é Ġ»",         "<unk>",      "the the",      "日Ġb",  "[PAD1]",      "                ",
};

static void generate_text(struct rng *rng, void *user, struct buf *out)
{
    (void)user;
    const struct prop_text shape = {
        .parts_max = 12,
        .run_max = 60,
        .words = property_words,
        .word_count = countof(property_words),
    };
    prop_add_text(rng, &shape, out);
}

static bool ids_in_range(const struct tokenizer *tokenizer, const struct ids *ids,
                         struct buf *why)
{
    for (size_t i = 0; i < ids->count; i++)
        if (ids->data[i] < 0 || (size_t)ids->data[i] >= token_count(tokenizer)) {
            buf_add_format(why, "id %d at %zu is out of range", (int)ids->data[i], i);
            return false;
        }
    return true;
}

static bool comes_back(const struct tokenizer *tokenizer, const char *bytes, size_t len,
                       bool special, struct buf *why)
{
    const struct encode_options options = {.special = special};
    struct ids ids = {0};
    struct err err = {0};
    struct buf back = {0};
    bool ok = token_encode(tokenizer, bytes, len, &options, &ids, &err);
    if (!ok)
        buf_add_text(why, err.message);
    ok = ok && ids_in_range(tokenizer, &ids, why);
    token_decode_all(tokenizer, ids.data, ids.count, &back);
    if (ok && (back.len != len || (len > 0 && memcmp(back.data, bytes, len) != 0))) {
        buf_add_format(why, "special %d: came back as %zu bytes: ", special, back.len);
        buf_add(why, back.data, back.len);
        ok = false;
    }
    buf_free(&back);
    ids_free(&ids);
    return ok;
}

static bool text_comes_back(void *user, const char *bytes, size_t len, struct buf *why)
{
    return comes_back(user, bytes, len, false, why) && comes_back(user, bytes, len, true, why);
}

static void token_decode__encoded__gives_every_byte_string_back(void **state)
{
    (void)state;
    struct special_ids special;
    struct fixture *fixture = fixture_new(&special);
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    const struct prop prop = {
        .name = "decode(encode(x)) == x",
        .seed = 1729,
        .cases = 20000,
        .generate = generate_text,
        .holds = text_comes_back,
        .user = tokenizer,
    };
    t_prop(&prop);
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

/* ---- decode and questions ---------------------------------------------------------- */

static void expect_decoded(const struct tokenizer *tokenizer, int32_t id, const char *expected)
{
    struct buf out = {0};
    token_decode(tokenizer, id, &out);
    t_buf_is(&out, expected);
    buf_free(&out);
}

static void token_decode__every_kind__gives_its_text(void **state)
{
    (void)state;
    struct special_ids special;
    struct fixture *fixture = fixture_new(&special);
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    expect_decoded(tokenizer, 258, " the");
    expect_decoded(tokenizer, 262, "\n\n");
    expect_decoded(tokenizer, 266, "é");
    expect_decoded(tokenizer, special.end, "<|im_end|>");
    expect_decoded(tokenizer, special.accent, "«é Ġ»");
    expect_decoded(tokenizer, special.unknown, "<unk>");
    expect_decoded(tokenizer, special.foreign, "日 b");
    expect_decoded(tokenizer, special.unused, "[PAD1]");
    expect_decoded(tokenizer, -1, "");
    expect_decoded(tokenizer, (int32_t)token_count(tokenizer), "");
    expect_decoded(tokenizer, INT32_MIN, "");
    expect_decoded(tokenizer, INT32_MAX, "");
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

static void token_is_end__eos_eot_and_named_controls__and_no_others(void **state)
{
    (void)state;
    struct special_ids special;
    struct fixture *fixture = fixture_new(&special);
    fixture->source.eos = 'e';
    fixture->source.eot = 't';
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    assert_int_equal(token_count(tokenizer), fixture->source.token_count);
    assert_int_equal(token_end(tokenizer), 'e');
    size_t ends = 0;
    for (int32_t id = -2; id < (int32_t)token_count(tokenizer) + 2; id++)
        ends += token_is_end(tokenizer, id);
    assert_int_equal(ends, 4);
    assert_true(token_is_end(tokenizer, 'e'));
    assert_true(token_is_end(tokenizer, 't'));
    assert_true(token_is_end(tokenizer, special.end));
    assert_true(token_is_end(tokenizer, special.end_of_text));
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

static void token_is_end__none_named__none(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_bytes_only();
    fixture->source.types = NULL;
    /* spelled like one, but a normal token */
    (void)add_token(fixture, "<|im_end|>", 10, TOKEN_NORMAL);
    struct tokenizer *tokenizer = tokenizer_of(fixture);
    assert_int_equal(token_end(tokenizer), -1);
    for (int32_t id = -1; id <= (int32_t)token_count(tokenizer); id++)
        assert_false(token_is_end(tokenizer, id));
    tokenizer_free(tokenizer);
    fixture_free(fixture);
}

/* ---- what is refused ------------------------------------------------------------------ */

static void spoil_model(struct fixture *fixture)
{
    fixture->source.model = (struct text_span){"llama", 5};
}

static void spoil_model_missing(struct fixture *fixture)
{
    fixture->source.model = (struct text_span){NULL, 0};
}

static void spoil_pre(struct fixture *fixture)
{
    fixture->source.pre = (struct text_span){"qwen35\033[2J", 10};
}

static void spoil_token_count(struct fixture *fixture)
{
    fixture->source.token_count = 255;
}

static void spoil_merge_count(struct fixture *fixture)
{
    fixture->source.merge_count = INT32_MAX;
}

static void spoil_type(struct fixture *fixture)
{
    fixture->types[3] = 7;
}

static void spoil_type_zero(struct fixture *fixture)
{
    fixture->types[4] = 0;
}

static void spoil_eos(struct fixture *fixture)
{
    fixture->source.eos = 279;
}

static void spoil_bos(struct fixture *fixture)
{
    fixture->source.bos = -2;
}

static void spoil_eot(struct fixture *fixture)
{
    fixture->source.eot = INT64_MAX;
}

static void spoil_add_bos(struct fixture *fixture)
{
    fixture->source.add_bos = true;
}

static void spoil_duplicate(struct fixture *fixture)
{
    fixture->tokens[270] = fixture->tokens['a'];
}

static void spoil_byte(struct fixture *fixture)
{
    fixture->tokens[0x88] = keep(fixture, "other", 5);
}

static void spoil_byte_type(struct fixture *fixture)
{
    fixture->types[0x88] = TOKEN_CONTROL;
}

static void spoil_merge_space(struct fixture *fixture)
{
    fixture->merges[2] = keep(fixture, "Ġthe", strlen("Ġthe"));
}

static void spoil_merge_empty(struct fixture *fixture)
{
    fixture->merges[2] = (struct text_span){NULL, 0};
}

static void spoil_merge_no_right(struct fixture *fixture)
{
    fixture->merges[2] = keep(fixture, "a ", 2);
}

static void spoil_merge_left(struct fixture *fixture)
{
    fixture->merges[2] = keep(fixture, "xyz he", 6);
}

static void spoil_merge_right(struct fixture *fixture)
{
    fixture->merges[2] = keep(fixture, "he xyz", 6);
}

static void spoil_merge_result(struct fixture *fixture)
{
    fixture->merges[2] = keep(fixture, "he he", 5);
}

static void spoil_merge_bytes(struct fixture *fixture)
{
    fixture->types[256] = TOKEN_USER_DEFINED; /* "Ġt" is then U+0120 and t */
}

static const struct bad_source {
    void (*spoil)(struct fixture *fixture);
    enum err_code code;
    const char *where;
    const char *message;
} bad_sources[] = {
    {spoil_model, ERR_UNSUPPORTED, "tokenizer.ggml.model", "is \"llama\", expected \"gpt2\""},
    {spoil_model_missing, ERR_UNSUPPORTED, "tokenizer.ggml.model", "is \"\", expected \"gpt2\""},
    {spoil_pre, ERR_UNSUPPORTED, "tokenizer.ggml.pre",
     "is \"qwen35\\x1B[2J\", expected \"qwen2\""},
    {spoil_token_count, ERR_FORMAT, "tokenizer.ggml.tokens",
     "has 255 entries, expected 256 to 2147483646"},
    {spoil_merge_count, ERR_FORMAT, "tokenizer.ggml.merges",
     "has 2147483647 entries, expected 0 to 2147483646"},
    {spoil_type, ERR_FORMAT, "tokenizer.ggml.token_type[3]", "is 7, expected 1 to 6"},
    {spoil_type_zero, ERR_FORMAT, "tokenizer.ggml.token_type[4]", "is 0, expected 1 to 6"},
    {spoil_eos, ERR_FORMAT, "tokenizer.ggml.eos_token_id", "is 279, expected 0 to 278"},
    {spoil_bos, ERR_FORMAT, "tokenizer.ggml.bos_token_id", "is -2, expected 0 to 278"},
    {spoil_eot, ERR_FORMAT, "tokenizer.ggml.eot_token_id",
     "is 9223372036854775807, expected 0 to 278"},
    {spoil_add_bos, ERR_FORMAT, "tokenizer.ggml.add_bos_token",
     "is true, but tokenizer.ggml.bos_token_id names no token"},
    {spoil_duplicate, ERR_FORMAT, "tokenizer.ggml.tokens[270]",
     "is \"a\", which tokens[97] is already"},
    {spoil_byte, ERR_FORMAT, "tokenizer.ggml.tokens",
     "has no token \"Ī\" for the byte 0x88, expected one for every byte"},
    {spoil_byte_type, ERR_FORMAT, "tokenizer.ggml.token_type[136]",
     "is of type control, expected normal: \"Ī\" spells the byte 0x88"},
    {spoil_merge_space, ERR_FORMAT, "tokenizer.ggml.merges[2]",
     "is \"Ġthe\", expected two tokens with a space between"},
    {spoil_merge_empty, ERR_FORMAT, "tokenizer.ggml.merges[2]",
     "is \"\", expected two tokens with a space between"},
    {spoil_merge_no_right, ERR_FORMAT, "tokenizer.ggml.merges[2]",
     "is \"a \", expected two tokens with a space between"},
    {spoil_merge_left, ERR_FORMAT, "tokenizer.ggml.merges[2]",
     "is \"xyz he\": \"xyz\" is not a token"},
    {spoil_merge_right, ERR_FORMAT, "tokenizer.ggml.merges[2]",
     "is \"he xyz\": \"xyz\" is not a token"},
    {spoil_merge_result, ERR_FORMAT, "tokenizer.ggml.merges[2]",
     "is \"he he\": \"hehe\" is not a token"},
    {spoil_merge_bytes, ERR_FORMAT, "tokenizer.ggml.merges[0]",
     "is \"Ġ t\": \"Ġt\" does not decode to what its two parts decode to"},
};

static void tokenizer_new__bad_source__is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(bad_sources); i++) {
        struct special_ids special;
        struct fixture *fixture = fixture_new(&special);
        assert_int_equal(fixture->source.token_count, 279);
        bad_sources[i].spoil(fixture);
        struct err err = {0};
        assert_null(tokenizer_new(&fixture->source, &err));
        t_err_is(&err, bad_sources[i].code, bad_sources[i].where, bad_sources[i].message);
        fixture_free(fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alphabet_point__known_bytes__are_the_published_ones),
        cmocka_unit_test(alphabet_read__every_byte_spelled__gives_it_back),
        cmocka_unit_test(alphabet_read__outside_the_alphabet__stands_for_itself),
        cmocka_unit_test(split__contractions__in_both_cases),
        cmocka_unit_test(split__letters__take_one_character_before),
        cmocka_unit_test(split__digits__one_by_one),
        cmocka_unit_test(split__punctuation__takes_a_space_before_and_line_ends_after),
        cmocka_unit_test(split__white_space__leaves_one_to_the_word),
        cmocka_unit_test(split__unicode__by_its_categories),
        cmocka_unit_test(split__white_space_property__every_one),
        cmocka_unit_test(merge__equal_ranks__leftmost_first),
        cmocka_unit_test(merge__better_rank__before_place),
        cmocka_unit_test(merge__results__merge_further),
        cmocka_unit_test(merges_add__pair_given_twice__keeps_the_better_rank),
        cmocka_unit_test(merge_piece__random_merges__as_the_definition_says),
        cmocka_unit_test(token_encode__plain_text__merges_within_pieces),
        cmocka_unit_test(token_encode__invalid_bytes__are_a_piece_of_their_own),
        cmocka_unit_test(token_encode__control_spelled_in_text__only_when_asked),
        cmocka_unit_test(token_encode__user_defined_in_text__always_and_longest_first),
        cmocka_unit_test(token_encode__add_bos__first_unless_no_bos),
        cmocka_unit_test(token_encode__text_too_long__is_refused_and_adds_nothing),
        cmocka_unit_test(token_encode__a_mebibyte_of_one_letter__works),
        cmocka_unit_test(token_encode__many_threads__give_the_same_ids),
        cmocka_unit_test(token_decode__encoded__gives_every_byte_string_back),
        cmocka_unit_test(token_decode__every_kind__gives_its_text),
        cmocka_unit_test(token_is_end__eos_eot_and_named_controls__and_no_others),
        cmocka_unit_test(token_is_end__none_named__none),
        cmocka_unit_test(tokenizer_new__bad_source__is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

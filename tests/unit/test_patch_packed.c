/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The binary form of patches, against bytes made by hand, against a Python program of its
 * own (tests/ref/xor_patch.txt), and against what it must always hold.
 */
#include "tests/t.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>
#include <unistd.h>

#include "patches/packed_int.h"
#include "src/base/json.h"
#include "src/base/sha256.h"
#include "src/base/text.h"
#include "tests/document.h"

static struct buf packed(const struct patch *patch)
{
    struct buf out = {0};
    struct err err = {0};
    t_ok(patch_pack(patch, &out, &err), &err);
    return out;
}

static struct buf bytes_of_hex(const char *hex, size_t digits)
{
    struct buf out = {0};
    unsigned char byte;
    for (size_t i = 0; i + 1 < digits; i += 2) {
        packed_from_hex(hex + i, &byte, 1);
        buf_add(&out, &byte, 1);
    }
    return out;
}

static void expect_bytes(const struct buf *found, const void *expected, size_t len)
{
    assert_int_equal(found->len, len);
    assert_memory_equal(found->data, expected, len);
}

static struct patch *parse(const struct buf *bytes)
{
    struct err err = {0};
    struct patch *patch = patch_parse(bytes->data, bytes->len, "p.xor", &err);
    t_ok(patch != NULL, &err);
    return patch;
}

/* ---- by hand --------------------------------------------------------------------- */

/* Rows 9 and 4 of gate_proj in layer 1.  A layer is 10 rows high (no other matrix), so the
 * numbers are 14 and 19, the gaps 14 and 4.  With 3 low bits: 14 = 1 * 8 + 6 is 10 011,
 * 4 = 0 * 8 + 4 is 0 001, low bits from the lowest; 2 low bits take 10 bits, 4 take 10. */
static const unsigned char two_rows[] = {
    0xF1, 'x', 'o', 'r', 1,
    3, 't', 'w', 'o', 0, 0, /* name, description, base model */
    0, 0, 0, 0,             /* hashes, metadata, number of bits */
    1,                      /* one section */
    0,                      /* of rows */
    2, 0x10, 10,            /* layers, gate_proj, rows of it */
    2, 3,                   /* units, low bits */
    0x19, 0x01,             /* 1001 1000 1, from the lowest */
};

/* The checksum is taken from libcrypto by another way than the program's. */
static void add_check(struct buf *bytes)
{
    char hex[SHA256_TEXT_SIZE];
    struct err err = {0};
    struct sha256 *hash = sha256_new(&err);
    t_ok(hash && sha256_add(hash, bytes->data, bytes->len, &err) && sha256_end(hash, hex, &err),
         &err);
    sha256_free(hash);
    struct buf check = bytes_of_hex(hex, 16);
    buf_add(bytes, check.data, check.len);
    buf_free(&check);
}

static void patch_pack__two_rows__bytes_by_hand(void **state)
{
    (void)state;
    struct patch *patch = patch_new();
    patch_set_text(&patch->name, "two");
    patch_add(patch, (struct flip){1, PROJ_GATE, 9, FLIP_WHOLE_ROW, {0, 0}});
    patch_add(patch, (struct flip){1, PROJ_GATE, 4, FLIP_WHOLE_ROW, {0, 0}});
    struct buf found = packed(patch), expected = {0};
    buf_add(&expected, two_rows, sizeof two_rows);
    add_check(&expected);
    expect_bytes(&found, expected.data, expected.len);

    struct patch_bytes bytes = patch_packed_bytes(patch);
    assert_int_equal(bytes.file, expected.len);
    assert_int_equal(bytes.flips, expected.len - 3); /* without "two" */
    assert_true(fabs(bytes.least - log2(190) / 8) < 0.01); /* 20 choose 2 */

    struct patch *again = parse(&found);
    assert_int_equal(again->flip_count, 2);
    assert_int_equal(again->flips[0].row, 4); /* sorted */
    assert_int_equal(again->flips[1].row, 9);
    assert_string_equal(again->name, "two");
    assert_string_equal(again->format, "bankai_xor_packed_v1");
    buf_free(&found);
    buf_free(&expected);
    patch_free(patch);
    patch_free(again);
}

/* ---- against Python -------------------------------------------------------------- */

static int compare_flips(const void *left, const void *right)
{
    const struct flip *a = left, *b = right;
    const int64_t keys[][2] = {{a->layer, b->layer}, {a->proj, b->proj}, {a->row, b->row},
                               {a->group, b->group}};
    for (size_t i = 0; i < countof(keys); i++)
        if (keys[i][0] != keys[i][1])
            return keys[i][0] < keys[i][1] ? -1 : 1;
    return 0;
}

/* Sorted, flips of one group joined: what the binary form keeps. */
static void arrange(struct patch *patch)
{
    size_t count = 0;
    if (patch->flip_count > 0)
        qsort(patch->flips, patch->flip_count, sizeof *patch->flips, compare_flips);
    for (size_t i = 0; i < patch->flip_count; i++) {
        struct flip *last = count ? &patch->flips[count - 1] : NULL;
        if (last && compare_flips(last, &patch->flips[i]) == 0) {
            last->mask[0] |= patch->flips[i].mask[0];
            last->mask[1] |= patch->flips[i].mask[1];
        } else {
            patch->flips[count++] = patch->flips[i];
        }
    }
    patch->flip_count = count;
}

/* Packing and unpacking keeps it all: the JSON of both is the same, and so are the bytes. */
static bool survives(struct patch *patch, struct buf *why)
{
    struct buf bytes = packed(patch), again = {0}, text = {0}, text_again = {0};
    struct err err = {0};
    struct patch *unpacked = patch_parse(bytes.data, bytes.len, "packed", &err);
    bool ok = unpacked != NULL;
    if (!ok)
        buf_add_format(why, "%s: %s", err.where, err.message);
    arrange(patch);
    patch_print(patch, &text);
    if (ok) {
        patch_print(unpacked, &text_again);
        again = packed(unpacked);
        ok = strcmp(text.data, text_again.data) == 0 && bytes.len == again.len &&
             memcmp(bytes.data, again.data, again.len) == 0 &&
             patch_packed_bytes(patch).file == bytes.len;
        if (!ok)
            buf_add_format(why, "%s\nthen\n%s", text.data, text_again.data);
    }
    buf_free(&bytes);
    buf_free(&again);
    buf_free(&text);
    buf_free(&text_again);
    patch_free(unpacked);
    return ok;
}

static void patch_pack__table__as_python_packs(void **state)
{
    (void)state;
    struct buf table = document_read("tests/ref/xor_patch.txt"), why = {0};
    size_t count = 0;
    char *rest = NULL;
    for (char *json = strtok_r(table.data, "\n", &rest); json; json = strtok_r(NULL, "\n", &rest)) {
        const char *hex = strtok_r(NULL, "\n", &rest);
        assert_non_null(hex);
        struct err err = {0};
        struct patch *patch = patch_parse(json, strlen(json), "json", &err);
        t_ok(patch != NULL, &err);
        struct buf found = packed(patch), expected = bytes_of_hex(hex, strlen(hex));
        expect_bytes(&found, expected.data, expected.len);
        if (!survives(patch, &why))
            fail_msg("%s: %s", json, why.data);
        buf_free(&found);
        buf_free(&expected);
        patch_free(patch);
        count++;
    }
    assert_true(count >= 25);
    buf_free(&table);
}

/* ---- any patch ------------------------------------------------------------------- */

enum { FLIP_BYTES = 8 };

/* The group's part of this kind: all of it, or chunks of 1 << kind weights. */
static void set_mask(struct flip *flip, const unsigned char *b)
{
    unsigned kind = b[4] % 8, weights = 1U << kind;
    memcpy(flip->mask, flip_mask_all, sizeof flip->mask);
    if (kind == 7)
        return;
    uint64_t ones = weights == 64 ? UINT64_MAX : (UINT64_C(1) << weights) - 1;
    flip->mask[0] = flip->mask[1] = 0;
    for (size_t i = 5; i < 8; i++) {
        unsigned bit = b[i] % 128 / weights * weights;
        flip->mask[bit / 64] |= ones << bit % 64;
    }
}

static void add_flips(struct patch *patch, const unsigned char *bytes, size_t count)
{
    for (const unsigned char *b = bytes; b < bytes + count * FLIP_BYTES; b += FLIP_BYTES) {
        enum proj proj = (enum proj)(b[0] % PROJ_COUNT);
        struct flip flip = {.layer = proj < PROJ_LAYER_COUNT ? b[0] / 64 : NO_LAYER, .proj = proj,
                            .row = b[1] % 16, .group = b[2] % 4 ? b[3] % 6 : FLIP_WHOLE_ROW};
        if (b[2] > 250) /* somewhere far off */
            flip.row = INT32_MAX - flip.row;
        if (flip.group != FLIP_WHOLE_ROW)
            set_mask(&flip, b);
        patch_add(patch, flip);
        if (!patch_refuse_repeats(patch, false, NULL))
            patch->flip_count--;
    }
}

static bool holds_round_trip(void *user, const char *bytes, size_t len, struct buf *why)
{
    (void)user;
    struct patch *patch = patch_new();
    size_t flips = len / 10;
    add_flips(patch, (const unsigned char *)bytes, flips);
    struct buf text = {0};
    text_valid(&text, bytes + flips * FLIP_BYTES, len - flips * FLIP_BYTES);
    for (size_t i = 0; i < text.len; i++) /* no form has U+0000 */
        text.data[i] = text.data[i] ? text.data[i] : ' ';
    const char *words = text.data ? text.data : "";
    patch_set_text(&patch->name, words);
    patch_set_text(&patch->description, words + strlen(words) / 2);
    patch_set_text(len % 3 ? &patch->base_sha256 : &patch->rows_sha256,
                   "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c");
    patch->bits_flipped = len % 5;
    if (len % 2) {
        (void)json_object_set_new(patch->metadata, "z", json_text(words, strlen(words)));
        (void)json_object_set_new(patch->metadata, "a", json_real((double)len / 7));
    }
    patch_set_text(&patch->description, ""); /* half a character is no text */
    bool ok = survives(patch, why);
    buf_free(&text);
    patch_free(patch);
    return ok;
}

static void generate(struct rng *rng, void *user, struct buf *out)
{
    (void)user;
    for (size_t i = 0, len = rng_below(rng, 600); i < len; i++)
        buf_add(out, &(char){(char)rng_below(rng, 256)}, 1);
}

static void patch_pack__any_patch__both_ways_the_same(void **state)
{
    (void)state;
    const struct prop prop = {.name = "unpack(pack(patch)) = patch", .seed = 17, .cases = 1000,
                              .generate = generate, .holds = holds_round_trip};
    t_prop(&prop);
}

/* ---- how many bytes -------------------------------------------------------------- */

/* A model of seven matrices of this size in each layer. */
struct shape {
    uint64_t layers, rows, groups; /* groups 0: whole rows are the units */
    unsigned chunk;
};

static uint64_t units_per_row(const struct shape *shape)
{
    return shape->groups ? shape->groups * 128 / shape->chunk : 1;
}

static uint64_t all_units(const struct shape *shape)
{
    return shape->layers * PROJ_LAYER_COUNT * shape->rows * units_per_row(shape);
}

static struct flip unit_flip(const struct shape *shape, uint64_t unit)
{
    uint64_t weight = unit % units_per_row(shape) * shape->chunk;
    uint64_t row = unit / units_per_row(shape), matrix = row / shape->rows;
    struct flip flip = {(int32_t)(matrix / PROJ_LAYER_COUNT),
                        (enum proj)(matrix % PROJ_LAYER_COUNT), (uint32_t)(row % shape->rows),
                        FLIP_WHOLE_ROW, {0, 0}};
    if (shape->groups == 0)
        return flip;
    flip.group = (int32_t)(weight / 128);
    for (unsigned i = 0; i < shape->chunk; i++)
        flip.mask[(weight % 128 + i) / 64] |= UINT64_C(1) << (weight + i) % 64;
    return flip;
}

/* count different units in ascending order: each of those left is taken with the chance
 * that makes all sets equally likely (selection sampling). */
static struct patch *random_units(const struct shape *shape, uint64_t count, struct rng *rng)
{
    struct patch *patch = patch_new();
    uint64_t units = all_units(shape);
    for (uint64_t i = 0; count > 0; i++) {
        if (rng_below(rng, units - i) >= count)
            continue;
        patch_add(patch, unit_flip(shape, i));
        count--;
    }
    return patch;
}

/* log2 of n choose k, from the definition. */
static double set_bits(uint64_t n, uint64_t k)
{
    double bits = 0;
    for (uint64_t i = 0; i < k; i++)
        bits += log2((double)(n - i)) - log2((double)(i + 1));
    return bits;
}

static void patch_pack__random_units__close_to_the_entropy(void **state)
{
    (void)state;
    static const struct {
        struct shape shape;
        uint64_t count;
    } rows[] = {
        {{6, 256, 0, 0}, 93},        {{36, 4096, 0, 0}, 93},     {{36, 4096, 0, 0}, 2000},
        {{6, 256, 0, 0}, 4000},      {{6, 256, 0, 0}, 5300},     {{6, 256, 3, 128}, 300},
        {{6, 256, 3, 128}, 16000},   {{6, 256, 3, 64}, 31000},   {{6, 256, 3, 64}, 2500},
        {{6, 64, 3, 32}, 16000},     {{6, 64, 3, 32}, 300},      {{6, 64, 3, 16}, 29000},
        {{6, 256, 3, 8}, 1000},      {{6, 256, 3, 8}, 10000},    {{6, 256, 3, 8}, 100000},
        {{6, 256, 3, 4}, 20000},     {{6, 256, 3, 2}, 30000},    {{6, 256, 3, 1}, 30},
        {{6, 256, 3, 1}, 1000},      {{6, 256, 3, 1}, 30000},    {{6, 256, 3, 1}, 100000},
        {{12, 512, 8, 1}, 100000},
    };
    struct rng rng;
    rng_seed(&rng, 5);
    for (size_t i = 0; i < countof(rows); i++) {
        struct patch *patch = random_units(&rows[i].shape, rows[i].count, &rng);
        struct patch_bytes bytes = patch_packed_bytes(patch);
        double least = set_bits(all_units(&rows[i].shape), rows[i].count) / 8;
        if ((double)bytes.flips > 1.06 * least + 64)
            fail_msg("row %zu: %zu bytes, expected at most 6 %% + 64 above %.1f", i, bytes.flips,
                     least);
        /* The program's own bound is of the matrices as large as the flips need. */
        assert_true(bytes.least < 1.001 * least + 1 && bytes.least > 0.9 * least - 10);
        patch_free(patch);
    }
}

static void patch_pack__100000_single_bits__survive(void **state)
{
    (void)state;
    const struct shape shape = {6, 256, 3, 1};
    struct rng rng;
    struct buf why = {0};
    rng_seed(&rng, 6);
    struct patch *patch = random_units(&shape, 100000, &rng);
    if (!survives(patch, &why))
        fail_msg("%.300s", why.data);
    patch_free(patch);
}

/* ---- what is refused ------------------------------------------------------------- */

/* Bytes after the version, up to the checksum. */
static struct buf file_of(const char *hex)
{
    static const unsigned char head[] = {0xF1, 'x', 'o', 'r', 1};
    struct buf bytes = {0}, body = bytes_of_hex(hex, strlen(hex));
    buf_add(&bytes, head, sizeof head);
    buf_add(&bytes, body.data ? body.data : "", body.len);
    add_check(&bytes);
    buf_free(&body);
    return bytes;
}

static void refused(const struct buf *bytes, enum err_code code, const char *where,
                    const char *message)
{
    struct err err = {0};
    assert_null(patch_parse(bytes->data, bytes->len, "dir/p.xor", &err));
    t_err_is(&err, code, where, message);
    assert_string_equal(err.file, "dir/p.xor");
}

#define OTHERWISE "is written otherwise than this patch is"
#define EMPTY "00000000000000" /* texts, hashes, metadata, bits: bytes 5 to 11 */

static void patch_parse__bad_packed_files__refused(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum err_code code;
        const char *where;
        const char *message;
    } rows[] = {
        {"", ERR_FORMAT, "byte 5", "ends in the name"},
        {"03747765", ERR_FORMAT, "byte 9", "ends in the description"},
        {"0374", ERR_FORMAT, "byte 7", "ends in the name"},
        {"ffffffffffffffffff7f", ERR_FORMAT, "byte 5",
         "the name is longer than a number needs to be"},
        {"8000", ERR_FORMAT, "byte 5", "the name is longer than a number needs to be"},
        {"ffffffffffffffffff01", ERR_FORMAT, "byte 15", "ends in the name"},
        {"0261ff", ERR_FORMAT, "byte 7", "the name is not UTF-8, or has a zero byte"},
        {"00026100", ERR_FORMAT, "byte 8", "the description is not UTF-8, or has a zero byte"},
        {"0000000161", ERR_RANGE, "byte 8",
         "the hash of the base model has 1 bytes, expected 0 or 32"},
        {"0000000000016100", ERR_FORMAT, "byte 11", "is not valid JSON: invalid token near 'a'"},
        {"0000000000025b5d", ERR_FORMAT, "byte 11",
         "metadata is no object, or has one of the hashes that stand before it"},
        {"000000000000ffffffffffffffffff01", ERR_RANGE, "byte 11",
         "the number of bits is 18446744073709551615, expected 0 to 9223372036854775807"},
        {EMPTY "0a", ERR_RANGE, "byte 12", "the number of sections is 10, expected 0 to 9"},
        {EMPTY "0109", ERR_RANGE, "byte 13", "the size of units is 9, expected 0 to 8"},
        {EMPTY "0100" "8180808008", ERR_RANGE, "byte 14",
         "the number of layers is 2147483649, expected 0 to 2147483648"},
        {EMPTY "0100" "0100", ERR_RANGE, "byte 15",
         "the set of projections is 0, expected 1 to 511"},
        {EMPTY "0100" "010100", ERR_RANGE, "byte 16",
         "the number of rows is 0, expected 1 to 2147483648"},
        {EMPTY "0101" "01010100", ERR_RANGE, "byte 17",
         "the number of groups is 0, expected 1 to 2147483648"},
        {EMPTY "0100" "0101ff01" "00", ERR_RANGE, "byte 18",
         "the number of units is 0, expected 1 to 152"},
        {EMPTY "0100" "0101ff01" "ff7f" "00", ERR_RANGE, "byte 18",
         "the number of units is 16383, expected 1 to 168"},
        {EMPTY "0100" "0101ff01" "0169", ERR_RANGE, "byte 19",
         "the parameter is 105, expected 0 to 104"},
        {EMPTY "0100" "0101ff01" "0100", ERR_FORMAT, "byte 20",
         "ends in the flips of a section"},
        {EMPTY "0100" "010105" "01031101", ERR_RANGE, "byte 19",
         "flip 0 of a section is outside its matrices"},
        {EMPTY "0100" "000105" "010000", ERR_RANGE, "byte 19",
         "flip 0 of a section is outside its matrices"}, /* gates without a layer */
        {EMPTY "0100" "010105" "01010600", ERR_FORMAT, "byte 20", "has 1 bytes too many"},
        {EMPTY "02" "00010105010007" "00010105010007", ERR_RANGE, "byte 20",
         "the size of units is 0, expected 1 to 8"},
        {EMPTY "02" "0001010501000f" "010101050101000f", ERR_FORMAT, "byte 20",
         "flips the same weights as flips[0]: layer 0 q_proj row 4"},
        /* Row 4 (01 00 01 01 05 01 01 03) with too many rows, too many layers, more and fewer
         * low bits, bits at the end; a number of bits where there are none; empty metadata. */
        {EMPTY "01" "0001010601000f", ERR_FORMAT, "byte 16", OTHERWISE},
        {EMPTY "01" "0002010501000f", ERR_FORMAT, "byte 14", OTHERWISE},
        {EMPTY "01" "00010105010201", ERR_FORMAT, "byte 18", OTHERWISE},
        {EMPTY "01" "0001010501000f", ERR_FORMAT, "byte 18", OTHERWISE},
        {EMPTY "01" "00010105010143", ERR_FORMAT, "byte 19", OTHERWISE},
        {"000000000000" "05" "01" "010101010101" "0000", ERR_FORMAT, "byte 11", OTHERWISE},
        {"0000000000027b7d" "00" "00", ERR_FORMAT, "byte 10", OTHERWISE},
        {"0000000000177b22626173655f736861323536223a226162636465227d" "00" "00", ERR_FORMAT,
         "byte 11", "metadata is no object, or has one of the hashes that stand before it"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct buf bytes = file_of(rows[i].hex);
        refused(&bytes, rows[i].code, rows[i].where, rows[i].message);
        buf_free(&bytes);
    }
}

static void patch_parse__damaged_packed_file__refused(void **state)
{
    (void)state;
    struct buf bytes = {0};
    buf_add(&bytes, two_rows, sizeof two_rows);
    add_check(&bytes);
    for (size_t i = 5; i < bytes.len; i++) { /* any byte behind the version */
        bytes.data[i] ^= 0x20;
        refused(&bytes, ERR_FORMAT, "byte 24",
                "the checksum is another one: the file is damaged or not whole");
        bytes.data[i] ^= 0x20;
    }
    bytes.data[4] = 2;
    refused(&bytes, ERR_UNSUPPORTED, "byte 4", "version is 2, supported is 1");
    bytes.data[4] = 1;
    size_t whole = bytes.len;
    for (bytes.len = 4; bytes.len < 13; bytes.len++) {
        char where[16];
        (void)snprintf(where, sizeof where, "byte %zu", bytes.len);
        refused(&bytes, ERR_FORMAT, where, "ends in its header");
    }
    for (; bytes.len < whole; bytes.len++) {
        struct err err = {0};
        assert_null(patch_parse(bytes.data, bytes.len, "p", &err));
        assert_int_equal(err.code, ERR_FORMAT);
    }
    buf_free(&bytes);
}

/* 1,000,001 groups, one bit each: a small file must not become a large patch. */
static void patch_parse__too_many_packed_flips__refused(void **state)
{
    (void)state;
    static const unsigned char head[] = {0xF1, 'x', 'o', 'r', 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1,
                                         0xC1, 0x84, 0x3D, 1, 0xC1, 0x84, 0x3D, 0};
    struct buf bytes = {0};
    buf_add(&bytes, head, sizeof head);
    for (size_t i = 0; i < 125001; i++)
        buf_add(&bytes, "", 1);
    add_check(&bytes);
    refused(&bytes, ERR_RANGE, "byte 125025", "has more than the 1000000 flips expected at most");
    buf_free(&bytes);
}

/* ---- files and documents --------------------------------------------------------- */

static void patch_write__name_ends_in_xor__packed(void **state)
{
    (void)state;
    char path[] = "/tmp/test_patch_XXXXXX.xor";
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    (void)close(fd);
    struct err err = {0};
    struct patch *patch = patch_new();
    patch_add(patch, (struct flip){0, PROJ_UP, 3, 1, {6, 0}});
    t_ok(patch_write(patch, path, &err), &err);
    struct buf expected = packed(patch), found = document_read(path);
    expect_bytes(&found, expected.data, expected.len);
    struct patch *again = patch_read(path, &err);
    t_ok(again != NULL, &err);
    assert_true(flip_equal(&again->flips[0], &patch->flips[0]));
    (void)unlink(path);
    buf_free(&expected);
    buf_free(&found);
    patch_free(patch);
    patch_free(again);
}

/* Hex digits, the rest of a line from # on being a comment. */
static struct buf bytes_of_block(const struct document_block *block)
{
    struct buf hex = {0};
    bool comment = false;
    for (size_t i = 0; i < block->len; i++) {
        char c = block->text[i];
        comment = c != '\n' && (comment || c == '#');
        if (!comment && c != ' ' && c != '\n')
            buf_add(&hex, &c, 1);
    }
    struct buf bytes = bytes_of_hex(hex.data, hex.len);
    buf_free(&hex);
    return bytes;
}

/* A block marked `xor` is the binary form of the JSON block before it. */
static void patch_pack__example_of_format_md__holds(void **state)
{
    (void)state;
    struct buf document = document_read("patches/FORMAT.md");
    struct document_block block, before = {0};
    size_t at = 0, count = 0;
    for (; document_block(&document, &at, &block); before = block) {
        if (!document_block_is(&block, "xor"))
            continue;
        struct err err = {0};
        struct patch *patch = patch_parse(before.text, before.len, "example", &err);
        t_ok(patch != NULL, &err);
        struct buf found = packed(patch), expected = bytes_of_block(&block);
        expect_bytes(&found, expected.data, expected.len);
        buf_free(&found);
        buf_free(&expected);
        patch_free(patch);
        count++;
    }
    assert_int_equal(count, 1);
    buf_free(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patch_pack__two_rows__bytes_by_hand),
        cmocka_unit_test(patch_pack__table__as_python_packs),
        cmocka_unit_test(patch_pack__any_patch__both_ways_the_same),
        cmocka_unit_test(patch_pack__random_units__close_to_the_entropy),
        cmocka_unit_test(patch_pack__100000_single_bits__survive),
        cmocka_unit_test(patch_parse__bad_packed_files__refused),
        cmocka_unit_test(patch_parse__damaged_packed_file__refused),
        cmocka_unit_test(patch_parse__too_many_packed_flips__refused),
        cmocka_unit_test(patch_write__name_ends_in_xor__packed),
        cmocka_unit_test(patch_pack__example_of_format_md__holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
